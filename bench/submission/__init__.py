"""What the organisers of DCASE Task 1 take: output.csv and meta.yaml of a system, written and checked by their rules."""
