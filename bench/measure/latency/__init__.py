"""How fast the files are on this machine.

`measure` does it all: every file with several kernels and numbers of threads (`variants`), timed in interleaved rounds
until a stated confidence (`rounds`, `order_statistics`), from a fresh process (`start`), from the waveform
(`end_to_end`), and operation by operation (`profile`).
"""
