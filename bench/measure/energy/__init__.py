"""What energy an inference takes, of this machine as codecarbon has it, or of a device as the user's meter has it.

per_inference   joules from powers under load and at rest, with an interval from the spread of blocks
host            this machine, when asked for: codecarbon, which measures where the processor counts its energy and
                estimates elsewhere
reading         a power meter's CSV file
meter           the inferences that a reading covers, by flags, by a column of marks, or by what a target wrote
findings        both, as the report holds them

    python -m bench.energy --meter FILE.csv --target RESULT.json          # the phases of a target's result
    python -m bench.energy --meter FILE.csv --inferences N --load_from T --load_to T [--idle_from T --idle_to T]
    python -m bench.energy --meter FILE.csv --inferences N                # a column of marks says when
"""
