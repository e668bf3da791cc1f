"""Several systems side by side: the challenge's rank of each year, and which of them no other beats at its cost."""
