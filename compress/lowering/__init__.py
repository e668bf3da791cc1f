"""Rules from ATen operations to those of a program, by what they become."""
