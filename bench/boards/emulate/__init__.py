"""A Raspberry Pi that is not there: aarch64 code under QEMU's user mode, its answers and its instructions.

Nothing here is timed: how long an emulator takes says nothing about the processor it stands for.
"""
