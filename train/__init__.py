"""Recordings to a float student: teacher, logits, student."""

import os

import tinyasc as tinyasc  # before matplotlib: it says where that keeps its cache

# How long OpenMP threads spin before they sleep. The default (300,000) makes training ten times slower where another
# program shares the cores; sleeping at once costs a third of the speed where none does. Read when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")
