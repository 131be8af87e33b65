"""Compiled attention: see compiled/attend.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.attention import by_length, factor_of, like, widened
from ..pool import POOL
from .crew import CREW
from .native import kernel
from .operands import address, registers

ndarray = np.ndarray
SOME, VECTORS = 32, 2  # as in compiled/attend.py and compiled/vector.py


def _fits(query: ndarray, key: ndarray, value: ndarray, mask: Any) -> bool:
    one = query.dtype is key.dtype is value.dtype and query.dtype.char in "fd"
    alike = query.ndim == key.ndim == value.ndim == 4 and query.shape[0] == key.shape[0]
    same = alike and query.shape[-1] == key.shape[-1] and key.shape == value.shape
    grouped = same and bool(query.size and key.size) and query.shape[1] % key.shape[1] == 0
    return one and grouped and (mask is None or mask.ndim in (2, 4))


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
        self.wide = wide = VECTORS * registers()[1] // size
        self.width = query.shape[-1]
        self.arrays = [_laid(a, wide // VECTORS) for a in (query, key, value, query if grad is None else grad)]
        q, k = self.arrays[:2]
        (self.N, self.H, self.T, self.W), self.S = q.shape, k.shape[2]
        self.several = self.H // k.shape[1]
        self.length = -(-self.S // wide) * wide
        self.code = query.dtype.str[1:] + "* "
        kind, self.mask_code, self.mask = 0, self.code, q
        of_mask = [0] * 4
        if mask is not None:
            kind = 2 if mask.dtype == np.bool_ else 1
            mask = mask.view(np.uint8) if kind == 2 else mask.astype(query.dtype, copy=False)
            if any(s % mask.itemsize for s in mask.strides) or not mask.flags.aligned:
                mask = np.ascontiguousarray(mask)
            self.mask_code = "u1* " if kind == 2 else self.code
            self.mask = np.broadcast_to(mask, (self.N, self.H, self.T, self.S))
            of_mask = [s // mask.itemsize for s in self.mask.strides]
        # Heads are shared out; where there are few, parts of their rows, though each part lays the keys out anew
        self.parts = max(1, min(-(-4 * CREW.size // (self.N * self.H)), -(-self.T // (4 * SOME))))
        sizes = [self.H, self.T, self.S, self.W, self.length, wide]
        steps = [s // size for a in self.arrays for s in a.strides[:3]]
        self.geometry = [*sizes, *steps, *of_mask, kind, self.parts, int(causal), self.several]

    def results(self, *arrays: ndarray) -> ndarray:
        """The geometry, with the steps of one or two arrays that results go to."""
        steps = [s // a.itemsize for a in arrays for s in a.strides[:3]]
        return np.array([*self.geometry, *steps], np.int64)

    def room(self, threads: int, rows: int) -> tuple[ndarray, list[int]]:
        each = rows * self.length + 64
        room = POOL.empty((threads * each,), self.arrays[0].dtype)
        return room, [address(room) + i * each * room.itemsize for i in range(threads)]

    def cut(self, a: ndarray, into: Any) -> ndarray:
        if self.width == self.W:
            return a
        out = into(a)
        out[...] = a[..., : self.width]
        return out


def _shares(jobs: int, cost: int) -> list[tuple[int, int]]:
    """Ranges of jobs, of `cost` multiplications each: a few per thread, and none so long that Ctrl-C would have to wait."""
    few = min(4 * CREW.size, max(1, jobs * cost >> 18))
    unit = max(1, min(-(-jobs // few), (1 << 28) // max(1, cost)))
    return [(i, min(jobs, i + unit)) for i in range(0, jobs, unit)]


def attention(query, key, value, dropout_p=0.0, is_causal=False, attn_mask=None, scale=None):
    if query.dtype.itemsize == 2:  # computed in float32, rounded once
        q, k, v, mask = map(widened, (query, key, value, attn_mask))
        got = attention(q, k, v, dropout_p, is_causal, mask, scale)
        return None if got is None else (got[0].astype(query.dtype), got[1])
    if not _fits(query, key, value, attn_mask):
        return None
    c = _Call(query, key, value, attn_mask, is_causal)
    run = kernel("attend.attended", f"{c.code * 3}{c.mask_code}{c.code * 3}i8* i8 i8 f8").get()
    if run is None:
        return None
    out = like(query, c.W, query.dtype, POOL.empty)
    lse = POOL.empty((c.N, c.H, c.T), query.dtype)
    shares = _shares(c.N * c.H * c.parts, 2 * (c.T // c.parts + 1) * c.S * c.W)
    _room, rooms = c.room(len(shares), c.W + SOME)
    g = c.results(out)
    at = (*map(address, (*c.arrays[:3], c.mask, out, lse)),)
    factor = factor_of(query, scale)
    CREW.each(run, [(*at, room, address(g), *s, factor) for room, s in zip(rooms, shares, strict=True)])
    return c.cut(out, lambda a: like(query, c.width, a.dtype)), lse


def attention_backward(grad_out, query, key, value, out, logsumexp, dropout_p, is_causal, attn_mask=None, scale=None):
    if query.dtype.itemsize == 2:
        g, q, k, v, o, mask = map(widened, (grad_out, query, key, value, out, attn_mask))
        got = attention_backward(g, q, k, v, o, logsumexp, dropout_p, is_causal, mask, scale)
        return None if got is None else tuple(g.astype(query.dtype) for g in got)
    if not _fits(query, key, value, attn_mask) or grad_out.dtype is not query.dtype:
        return None
    c = _Call(query, key, value, attn_mask, is_causal, grad_out)
    run = kernel("attend.attended_back", f"{c.code * 3}{c.mask_code}{c.code * 5}{c.code}i8* i8 i8 f8").get()
    if run is None:
        return None
    grads = [by_length((*a.shape[:-1], c.W), a.dtype, POOL.empty) for a in (query, key, value)]
    lse = np.ascontiguousarray(logsumexp)
    shares = _shares(c.N * c.H // c.several, 5 * c.several * c.T * c.S * c.W)
    _room, rooms = c.room(len(shares), 2 * c.W + 2 * SOME)
    g = c.results(*grads[:2])
    at = (*map(address, (*c.arrays[:3], c.mask, c.arrays[3], lse, *grads)),)
    factor = factor_of(query, scale)
    CREW.each(run, [(*at, room, address(g), *s, factor) for room, s in zip(rooms, shares, strict=True)])
    return tuple(c.cut(a, lambda a: by_length((*a.shape[:-1], c.width), a.dtype, np.empty)) for a in grads)
