"""How good the shipped files are, on their own bytes, through `deploy.runtime`."""
