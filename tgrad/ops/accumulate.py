"""Adding many slices into few places, where the same place may come up several times."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

FEW = 16  # up to here numpy's unbuffered loop is faster than sorting


def add_rows(out: np.ndarray, at: np.ndarray, values: np.ndarray) -> None:
    """out[at[i]] += values[i] for all i. `out` (n, k), `at` (m,), `values` (m, k).

    numpy's `add.at` is quick for flat arrays only; for rows, equal places are brought together by sorting and summed at once.
    """
    if at.size == 0 or values.size == 0:
        return
    if is_half(out):
        _in_turn(out, at, values)
    elif values.shape[1] == 1:
        np.add.at(out[:, 0], at, values[:, 0])
    elif at.size <= FEW:
        np.add.at(out, at, values)
    else:
        order = np.argsort(at, kind="stable")
        ranked = at[order]
        first = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        out[ranked[first]] += np.add.reduceat(values[order], first, axis=0)


def is_half(a: np.ndarray) -> bool:
    return a.dtype.itemsize == 2 and a.dtype.kind not in "iu"


def _in_turn(out: np.ndarray, at: np.ndarray, values: np.ndarray) -> None:
    """Halves one after the other, each sum rounded, as in PyTorch: all first ones of each place, then all second ones ..."""
    order = np.argsort(at, kind="stable")
    ranked = at[order]
    new = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    place = np.arange(at.size)
    turn = place - np.maximum.accumulate(np.where(new, place, 0))
    by_turn = np.argsort(turn, kind="stable")
    for part in np.split(order[by_turn], np.flatnonzero(np.diff(turn[by_turn])) + 1):
        out[at[part]] += values[part]


def add_along(out: np.ndarray, d: int, index: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`out` with values[..., i, ...] added at index[i] of dimension d, in place."""
    if is_half(out):  # added up in float32
        wide = out.astype(np.float32)
        out[...] = add_along(wide, d, index, values.astype(np.float32))
        return out
    front, moved = np.moveaxis(out, d, 0), np.moveaxis(values, d, 0)
    rows = np.ascontiguousarray(front).reshape(front.shape[0], -1) if out.size else front.reshape(front.shape[0], 0)
    add_rows(rows, index, moved.reshape(index.size, -1) if moved.size else moved.reshape(index.size, 0))
    if not np.shares_memory(rows, out):
        front[...] = rows.reshape(front.shape)
    return out


def added_at(
    shape: Sequence[int], indices: Sequence[Any], values: np.ndarray, base: np.ndarray | None = None
) -> np.ndarray:
    """Zeros of the given shape, or a copy of `base`, with `values` added where advanced indexing with `indices` (None: dimension whole) reads."""
    taken = [i for i, k in enumerate(indices) if k is not None]
    rest = [i for i in range(len(shape)) if i not in taken]
    arrays = np.broadcast_arrays(*[indices[i] for i in taken])
    spread = arrays[0].ndim
    if taken[-1] - taken[0] == len(taken) - 1:  # adjacent: the indexed part stands where the indices were
        values = np.moveaxis(values, range(taken[0], taken[0] + spread), range(spread))
    at = np.zeros(arrays[0].shape, np.int64)
    for i, a in zip(taken, arrays, strict=True):
        at = at * shape[i] + np.where(a < 0, a + shape[i], a)
    inner = prod(shape[i] for i in rest)
    order = taken + rest
    out = np.zeros((prod(shape[i] for i in taken), inner), values.dtype)
    if base is not None:
        out[...] = base.transpose(order).reshape(out.shape)
    add_rows(out, at.reshape(-1), values.reshape(at.size, inner))
    back = [order.index(i) for i in range(len(shape))]
    return out.reshape([shape[i] for i in order]).transpose(back)
