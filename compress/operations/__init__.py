"""What a program is made of, one kind of operation a file: described, quantized, simulated and trained there."""
