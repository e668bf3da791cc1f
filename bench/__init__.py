"""The judge: accuracy, size, cost and latency of the shipped files."""
