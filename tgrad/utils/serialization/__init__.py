"""PyTorch's `torch.utils.serialization`: what `torch.save` and `torch.load` do when they are not told."""

from __future__ import annotations

from . import config

__all__ = ["config"]
