"""neural-compressor's accuracy-aware tuning as a peer: it chooses the ranges and steps, the program is ours.

network  the float program as a torch module that it can trace
search   its `autotune` on that module: which of its configurations loses little enough accuracy
found    the ranges and steps in the graph that it gives back
"""
