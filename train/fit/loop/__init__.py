"""The loop that every stage trains with, on Lightning Fabric.

Fabric brings devices, processes and precision to a loop that stays here to be read: one loop that says in plain steps
what is random, what is kept and what a checkpoint holds, which Lightning's Trainer would hide behind callbacks and
hooks. Accelerate brings as much, but starts further processes only through a command of its own; Fabric starts them
from the same command line, on one machine and, under SLURM or torchrun, on several.
"""
