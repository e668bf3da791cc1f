"""Recordings to a float student: teacher, logits, student."""
