"""Structured pruning: which channels belong together, which matter least, and how many can stay within a target."""
