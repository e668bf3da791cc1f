"""What every layer loses in INT8: measured, as a table, as a picture."""
