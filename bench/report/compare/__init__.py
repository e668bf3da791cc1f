"""Two reports side by side: what became worse, and by more than chance or noise explains."""
