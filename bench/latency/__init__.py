"""How fast the files are on this machine."""
