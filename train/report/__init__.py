"""What a trained run is worth: scores, comparisons, curves and pictures."""
