"""PyTorch's module of this name, as far as files ask for it."""

from __future__ import annotations

from .composite.pickling import _rebuild_from_type_v2
from .tensor import Tensor

__all__ = ["Tensor", "_rebuild_from_type_v2"]
