"""Tiny acoustic scene classification: the foundation every stage stands on. Loads numpy at most."""

import os
import tempfile

# Read when matplotlib is imported: it would keep its cache of fonts in the home folder, where nothing is left behind.
_USER = os.getuid() if hasattr(os, "getuid") else "cache"
os.environ.setdefault("MPLCONFIGDIR", os.path.join(tempfile.gettempdir(), f"tinyasc-matplotlib-{_USER}"))
