"""What memory a model file takes: in its file, by its graph, in a runtime of a computer, in a microcontroller's arena.

resident        what a process grows by when it loads and runs the file: measured, every time in a new process
arena           the arena of TensorFlow Lite Micro: measured in an environment of its own (`bench.measure.environments`)
findings        both, and live activations by operation (`bench.measure.graph`, an estimate), as the report holds them
resident_child.py and arena_child.py are the scripts that run in those processes; of this project the first imports
`deploy.open_runtime` alone, the second nothing.
"""
