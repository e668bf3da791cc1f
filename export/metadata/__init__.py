"""What a file says about itself: labels, front-end, origin, author and licence, in the words of both formats.

facts             what there is to say; as ONNX metadata_props
tflite_metadata   the same as TFLite Model Metadata, and the files appended to a .tflite
"""
