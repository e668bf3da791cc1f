"""The front-end inside the model: `tinyasc.mel` as operators of .tflite and .onnx.

operations          the dozen operators it needs, in the words of no format
tflite_operations   ... written to a .tflite graph, onnx_operations to an .onnx graph
fourier             the Fourier transform as two small matrix products
bands               the mel bank in narrow slices
log_mel             the whole of it
"""
