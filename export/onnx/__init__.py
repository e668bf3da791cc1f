"""Programs as .onnx: the graph, and how each kind of operation is said in nodes, one a file."""
