"""What runs on a target, emulated or real, and the form in which every target's result is kept."""
