"""Recordings to a float student: teacher, logits, student."""

import os

# Threads that wait must sleep: OpenMP's spinning ones make training ten times slower where other programs share the
# cores. Read when torch is first imported, so it stands here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
