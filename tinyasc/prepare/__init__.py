"""Command: a folder of sound files in TAU's layout -> one .h5 of equal clips, the file that every stage reads.

    python -m tinyasc.prepare --root DIR --out FILE.h5
    python -m tinyasc.prepare --download DIR --out FILE.h5

Its rooms:

    folder     what the tables of a folder say
    convert    the files of one recording -> int16 pieces; of all, in order, by many processes
    partial    FILE.h5.partial: finished pieces on disk, and what is needed to go on after a kill
    layout     the HDF5 around the pieces; `tinyasc.clips` reads it
    problems   what is wrong with files, and the one table that says so
    estimate   what it will take, from a few recordings
    download   TAU from Zenodo, by `tinyasc.fetch`
    command    all of it, in order
"""

from tinyasc.prepare.command import prepare

__all__ = ["prepare"]
