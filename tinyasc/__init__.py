"""Tiny acoustic scene classification: the foundation every stage stands on. Loads numpy at most."""
