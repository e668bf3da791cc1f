"""The random changes of training clips, one kind a file; `train.augment` puts together those that a recipe asks for.

All random numbers are drawn on the CPU from torch's global state, so that a seed gives the same change on every device;
all arithmetic happens on the device of the batch.
"""
