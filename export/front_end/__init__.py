"""The front-end inside the model: `tinyasc.mel` as operators of .tflite and .onnx.

fourier             the Fourier transform as two small matrix products
bands               the mel bank in narrow slices
log_mel             the whole of it
"""
