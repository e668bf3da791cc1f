"""One quantized program to .tflite and .onnx, proven equal."""
