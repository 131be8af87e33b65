"""How images lie in memory: row by row, or with their channels innermost (PyTorch's channels_last)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..storage import strided, strides
from .spec import in_rows

# The order of dimensions in memory, slowest first.
FORMATS = {"channels_last": (0, 2, 3, 1), "channels_last_3d": (0, 2, 3, 4, 1)}


def formatted(a: np.ndarray, memory_format: str) -> np.ndarray:
    """The array, or a copy of it, with its memory in the order that a format asks for; the strides of dimensions of size 1 tell it, too."""
    order = FORMATS.get(memory_format, tuple(range(a.ndim)))
    if a.ndim != len(order):
        raise RuntimeError(f"required rank {len(order)} tensor to use {memory_format} format")
    return in_rows(a.transpose(order)).transpose(np.argsort(order))


def is_channels_last(a: Any) -> bool:
    """Whether PyTorch takes an array of four or five dimensions to have its channels innermost in memory."""
    if a.ndim not in (4, 5) or a.strides[1] == 0:
        return False
    least = 0
    for d in (1, *range(a.ndim - 1, 1, -1), 0):
        if a.shape[d] == 0 or a.strides[d] < least or (d == 0 and least == a.strides[1]):
            return False
        least = a.strides[d] * max(a.shape[d], 1)
    return True


def laid_like(out: np.ndarray, *models: Any) -> np.ndarray:
    """The result in row-major order, or with its channels innermost if all models have them so."""
    if out.ndim not in (4, 5) or not all([is_channels_last(m) for m in models]):
        return in_rows(out)
    return channels_innermost(out)


def channels_innermost(a: np.ndarray) -> np.ndarray:
    """The array, or a copy of it, with its channels innermost in memory."""
    return np.moveaxis(in_rows(np.moveaxis(a, 1, -1)), -1, 1)


def restrided(out: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A fresh array in the same order of memory as another, with its strides along dimensions of size 1, too: numpy has its own for those,
    and PyTorch tells by them whether an image with one channel has its channels innermost."""
    if out.ndim < 4 or 1 not in out.shape or not out.flags.c_contiguous or not is_channels_last(like):
        return out
    return strided(out, out.shape, strides(like)) if like.flags.c_contiguous else out
