"""Programs as .tflite: the flatbuffer, and how each kind of operation is said in builtin operators, one a file."""
