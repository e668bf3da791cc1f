"""Import of hear21passt, whose plain import needs timm, and with it torchvision and another torch.

- hear21passt imports timm for one thing, its download helper. Weights are fetched and checked by `tinyasc.weights`, so
  a stand-in holds that name while it is imported.
- hear21passt prints shapes during its first forward pass, and warns of clips that are shorter than its position
  embeddings, which it cuts: both are turned off.

Everything else of the package is its own code, untouched.
"""

import importlib
import importlib.util
import sys
import warnings
from types import ModuleType

from tinyasc.errors import UserError


def passt() -> ModuleType:
    """hear21passt's network module (`PaSST`, `get_model`), silent."""
    module = _import_without_timm("hear21passt.models.passt")
    vars(module)["first_RUN"] = False
    warnings.filterwarnings("ignore", "Input image size", UserWarning, "hear21passt")
    return module


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
