"""A float student to one quantized program."""

import tinyasc as tinyasc  # before matplotlib: it says where that keeps its cache
