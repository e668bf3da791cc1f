"""What a file costs, counted from its graph: MACs, parameters, bytes, live activations."""
