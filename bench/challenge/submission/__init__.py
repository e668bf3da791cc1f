"""What DCASE Task 1 takes of a system, output.csv and meta.yaml: written, and checked by the organisers' rules."""
