"""The front ends of others that the tests compare with: torchaudio, and hear21passt's on top of it.

torchaudio 2.11 loads a compiled extension that is linked against CUDA, which fails beside a CPU build of torch. Only
its pure-Python parts are used here (mel banks, masks), so where it cannot be loaded a stand-in takes its place.
"""

import importlib
import importlib.util
import sys
from types import ModuleType


def torchaudio() -> ModuleType:
    """The torchaudio module, with its compiled extension when that loads and without it when not."""
    try:
        return importlib.import_module("torchaudio")
    except (OSError, ImportError):
        if importlib.util.find_spec("torchaudio") is None:
            raise
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        del sys.modules[name]
    extension = ModuleType("torchaudio._extension")
    vars(extension).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        _IS_RIR_AVAILABLE=False,
        fail_if_no_align=lambda function: function,
        lazy_import_sox_ext=lambda: None,
    )
    sys.modules["torchaudio._extension"] = extension
    return importlib.import_module("torchaudio")


def passt_mel() -> ModuleType:
    """hear21passt's front-end module (`AugmentMelSTFT`)."""
    torchaudio()
    return importlib.import_module("hear21passt.models.preprocess")
