"""Imports of torchaudio and hear21passt, whose plain imports fail beside a CPU build of torch.

- torchaudio 2.11 loads a compiled extension that is linked against CUDA. Only pure-Python parts of torchaudio are used
  here (mel banks, masks), so where the extension cannot be loaded a stand-in without it takes its place.
- hear21passt imports timm for one thing, its download helper; timm would bring torchvision and another torch. Weights
  are fetched and checked by `tinyasc.weights`, so a stand-in holds that name while it is imported.
- hear21passt prints shapes during its first forward pass, and warns of clips that are shorter than its position
  embeddings, which it cuts: both are turned off.

Everything else of the two packages is their own code, untouched.
"""

import importlib
import importlib.util
import sys
import warnings
from types import ModuleType

from tinyasc.errors import UserError


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


def passt() -> ModuleType:
    """hear21passt's network module (`PaSST`, `get_model`), silent."""
    module = _import_without_timm("hear21passt.models.passt")
    vars(module)["first_RUN"] = False
    warnings.filterwarnings("ignore", "Input image size", UserWarning, "hear21passt")
    return module


def passt_mel() -> ModuleType:
    """hear21passt's front-end module (`AugmentMelSTFT`)."""
    torchaudio()
    return importlib.import_module("hear21passt.models.preprocess")


def _import_without_timm(name: str) -> ModuleType:
    if name in sys.modules or importlib.util.find_spec("timm") is not None:
        return importlib.import_module(name)
    stand_ins = {part: ModuleType(part) for part in ("timm", "timm.models", "timm.models._hub")}
    vars(stand_ins["timm.models._hub"])["download_cached_file"] = _refuse_download
    sys.modules.update(stand_ins)
    try:
        return importlib.import_module(name)
    finally:  # a fake timm left behind would mislead packages that ask whether timm is there
        for part in stand_ins:
            del sys.modules[part]


def _refuse_download(url: str, *_args: object, **_options: object) -> str:
    raise UserError(f"hear21passt downloads no weights here: give {url} with --weights")
