"""Compiled attention: see compiled/attend.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..pool import POOL
from .convolve import _registers
from .crew import CREW
from .native import kernel
from .operands import address

ndarray = np.ndarray
SOME, VECTORS = 32, 2  # as in compiled/attend.py and compiled/vector.py


def _fits(query: ndarray, key: ndarray, value: ndarray, mask: Any) -> bool:
    one = query.dtype is key.dtype is value.dtype and query.dtype.char in "fd"
    alike = query.ndim == key.ndim == value.ndim == 4 and query.shape[:2] == key.shape[:2] == value.shape[:2]
    same = alike and query.shape[-1] == key.shape[-1] == value.shape[-1] and key.shape[2] == value.shape[2]
    masked = mask is None or (mask.dtype is query.dtype and mask.ndim in (2, 4))
    return one and same and masked and bool(query.size and key.size)


def _laid(a: ndarray, wide: int) -> ndarray:
    """The array, or a copy, with neighbouring numbers along the last dimension, which is a multiple of wide (zeros are added)."""
    width = a.shape[-1]
    if width % wide:
        padded = np.zeros((*a.shape[:-1], -(-width // wide) * wide), a.dtype)
        padded[..., :width] = a
        return padded
    steps_fit = a.strides[-1] == a.itemsize and not any(s % a.itemsize for s in a.strides)
    return a if steps_fit and a.flags.aligned else np.ascontiguousarray(a)


class _Call:
    """The operands as kernels take them."""

    def __init__(self, query: ndarray, key: ndarray, value: ndarray, mask: Any, causal: bool, grad: Any = None) -> None:
        size = query.itemsize
        self.wide = wide = VECTORS * _registers()[1] // size
        self.width = query.shape[-1]
        self.arrays = [_laid(a, wide) for a in (query, key, value, query if grad is None else grad)]
        q, k = self.arrays[:2]
        (self.N, self.H, self.T, self.W), self.S = q.shape, k.shape[2]
        self.length = -(-self.S // wide) * wide
        self.code = query.dtype.str[1:] + "* "
        if mask is not None:
            mask = np.broadcast_to(mask, (self.N, self.H, self.T, self.S))
        self.mask = q if mask is None else mask
        steps = [s // size for a in self.arrays for s in a.strides[:3]]
        of_mask = [0] * 4 if mask is None else [s // size for s in mask.strides]
        kind = 2 if causal else 0 if mask is None else 1
        # Heads are shared out; where there are few, parts of their rows, though each part lays the keys out anew
        self.parts = max(1, min(-(-4 * CREW.size // (self.N * self.H)), -(-self.T // (4 * SOME))))
        sizes = [self.H, self.T, self.S, self.W, self.length, wide]
        self.geometry = np.array([*sizes, *steps, *of_mask, kind, self.parts], np.int64)

    def room(self, threads: int, rows: int) -> tuple[ndarray, list[int]]:
        each = rows * self.length + 64
        room = POOL.empty((threads * each,), self.arrays[0].dtype)
        return room, [address(room) + i * each * room.itemsize for i in range(threads)]

    def cut(self, a: ndarray) -> ndarray:
        return a if self.width == self.W else np.ascontiguousarray(a[..., : self.width])


def _shares(jobs: int, cost: int) -> list[tuple[int, int]]:
    """Ranges of jobs, of `cost` multiplications each: a few per thread, and none so long that Ctrl-C would have to wait."""
    few = min(4 * CREW.size, max(1, jobs * cost >> 18))
    unit = max(1, min(-(-jobs // few), (1 << 28) // max(1, cost)))
    return [(i, min(jobs, i + unit)) for i in range(0, jobs, unit)]


def attention(query, key, value, attn_mask=None, scale=1.0, is_causal=False):
    if not _fits(query, key, value, attn_mask):
        return None
    c = _Call(query, key, value, attn_mask, is_causal)
    run = kernel("attend.attended", c.code * 6 + "i8* i8 i8 f8").get()
    if run is None:
        return None
    out = POOL.empty((c.N, c.H, c.T, c.W), query.dtype)
    shares = _shares(c.N * c.H * c.parts, 2 * (c.T // c.parts + 1) * c.S * c.W)
    _room, rooms = c.room(len(shares), c.W + SOME)
    at = (*map(address, (*c.arrays[:3], c.mask, out)),)
    CREW.each(run, [(*at, room, address(c.geometry), *s, scale) for room, s in zip(rooms, shares, strict=True)])
    return c.cut(out)


def attention_grad(grad, query, key, value, attn_mask, scale, is_causal):
    if not _fits(query, key, value, attn_mask) or grad.dtype is not query.dtype:
        return None
    c = _Call(query, key, value, attn_mask, is_causal, grad)
    run = kernel("attend.attended_back", c.code * 9 + "i8* i8 i8 f8").get()
    if run is None:
        return None
    gq = POOL.empty((c.N, c.H, c.T, c.W), query.dtype)
    gk, gv = (POOL.empty((c.N, c.H, c.S, c.W), query.dtype) for _ in range(2))
    shares = _shares(c.N * c.H, 5 * c.T * c.S * c.W)
    _room, rooms = c.room(len(shares), 2 * c.W + 2 * SOME)
    at = (*map(address, (*c.arrays[:3], c.mask, c.arrays[3], gq, gk, gv)),)
    CREW.each(run, [(*at, room, address(c.geometry), *s, scale) for room, s in zip(rooms, shares, strict=True)])
    return c.cut(gq), c.cut(gk), c.cut(gv)
