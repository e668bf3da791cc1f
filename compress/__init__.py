"""A float student to one quantized program."""
