"""Ranges of activations from what was seen of them, one way a file: all of it, or what loses least if clipped."""
