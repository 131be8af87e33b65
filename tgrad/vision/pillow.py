"""The one place that imports Pillow."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np


def pillow(name: str = "Image") -> ModuleType:
    """A module of Pillow; ImportError that says what to install."""
    import importlib

    try:
        return importlib.import_module(f"PIL.{name}")
    except ImportError as error:
        raise ImportError("torchvision's images need Pillow: pip install 'tgrad[vision]'") from error


def is_image(value: Any) -> bool:
    """Whether this is a Pillow image; asking does not import Pillow."""
    library = sys.modules.get("PIL.Image")
    return library is not None and isinstance(value, library.Image)


def from_array(array: np.ndarray, mode: str) -> Any:
    """An image whose pixels are these bytes in this mode, whatever mode the array's dtype would suggest."""
    array = np.ascontiguousarray(array)
    height, width = array.shape[:2]
    return pillow().frombuffer(mode, (width, height), array.tobytes(), "raw", mode, 0, 1)
