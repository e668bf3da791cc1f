"""What is minimised, and who says what is right: objectives and teachers."""
