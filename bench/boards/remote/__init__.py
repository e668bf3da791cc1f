"""Measuring on a machine that is not this one: how to reach it, what to put there, how to come back for the result."""
