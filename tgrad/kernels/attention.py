"""Compiled attention: products by BLAS, and between them one pass for scale, mask and softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.spec import in_rows
from .blas import product
from .native import kernel
from .rowwise import address, shared, suits

ndarray = np.ndarray


def _times(a: ndarray, b: ndarray) -> ndarray:
    r = product(a, b)
    return np.matmul(a, b) if r is None else r


def _fits(query: ndarray, key: ndarray, value: ndarray, mask: Any) -> bool:
    one = query.dtype is key.dtype is value.dtype and query.dtype.char in "fd"
    alike = query.ndim == key.ndim == value.ndim and query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
    masked = mask is None or (mask.dtype is query.dtype and mask.shape[-2:] == (query.shape[-2], key.shape[-2]))
    return one and alike and masked and bool(query.size and key.size)


def _weights(query: ndarray, key: ndarray, mask: Any, scale: float) -> ndarray | None:
    """The softmax of the scores."""
    code = query.dtype.str[1:] + "* "
    run = kernel("rows.masked_softmax", code * 2 + "i8 i8 i8 i8 i8 f8").get()
    if run is None:
        return None
    x = _times(query, key.swapaxes(-1, -2))
    if not suits(x):
        return None
    if mask is not None and (mask.ndim != 2 or not mask.flags.c_contiguous):
        x *= x.dtype.type(scale)
        x += mask
        mask, scale = None, 1.0
    n, T = x.shape[-1], x.shape[-2]
    arrays = (address(x), address(x if mask is None else mask))
    shared(run, x.size // n, n, arrays, (n, T, int(mask is not None), float(scale)))
    return x


def attention(query, key, value, attn_mask=None, scale=1.0):
    if not _fits(query, key, value, attn_mask):
        return None
    p = _weights(query, key, attn_mask, scale)
    return None if p is None else in_rows(_times(p, value))


def attention_grad(grad, query, key, value, attn_mask, scale):
    if not _fits(query, key, value, attn_mask) or grad.dtype is not query.dtype:
        return None
    code = query.dtype.str[1:] + "* "
    run = kernel("rows.softmax_back_scaled", code * 2 + "i8 i8 i8 f8").get()
    p = None if run is None else _weights(query, key, attn_mask, scale)
    if p is None:
        return None
    g = _times(grad, value.swapaxes(-1, -2))
    if not suits(g, p):
        return None
    n = p.shape[-1]
    shared(run, p.size // n, n, (address(g), address(p)), (n, float(scale)))
    return _times(g, key), _times(g.swapaxes(-1, -2), query), _times(p.swapaxes(-1, -2), grad)
