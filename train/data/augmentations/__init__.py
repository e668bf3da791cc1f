"""The random changes of training clips, one kind a file; `train.data.augment` puts together those that a recipe asks for.

All random numbers are drawn on the CPU from torch's global state, so that a seed gives the same change on every device
(of noise, which is too much to draw there and to copy, only the seed is); all arithmetic happens on the device of the
batch. What is drawn is sent to it without waiting for the work that is queued there (`non_blocking`): at most 64 KB at
a time, which CUDA takes at once from memory of any kind.
"""
