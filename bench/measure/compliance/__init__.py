"""Whether a model fits the limits of DCASE Task 1, what is over, by how much, and what costs most."""
