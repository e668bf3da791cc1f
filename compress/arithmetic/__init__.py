"""Formulas in float32 operators, written once: the same formula computes in NumPy and in torch and is written to files.

arithmetic            the operators, in the words of no runtime
in_numpy, in_torch    ... computed at once; `export` has two more, which write them to a .tflite or an .onnx graph
geometry              where the axes of a map lie in each of them; stride, padding, dilation and groups of a convolution
"""
