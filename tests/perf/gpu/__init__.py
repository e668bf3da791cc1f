"""What training reaches on a GPU, and what bounds it, on made-up data of TAU's size.

    python -m tests.perf.gpu

Its rooms:

    workloads  what is trained, and in which variants
    worker     the process that a variant is measured in; what fails there ends nothing else
    training   steps of the real loop, timed
    parts      the parts of a step alone, the kernels of a step, the arithmetic of a clip
    peak       how fast the device multiplies and copies at best
    watch      how busy the driver says it is
    report     all of it as one JSON and one table
"""
