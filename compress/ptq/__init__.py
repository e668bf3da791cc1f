"""Post-training quantization: methods that need some clips and no training, one a file, and their command."""
