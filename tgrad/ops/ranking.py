"""Stable orders along a dimension. nan counts as the largest value.

numpy's sort hears no signal before it is done, seconds for tens of millions of elements. Large ones are therefore cut: many
rows in bands, a long row by sample sort (Frazer and McKellar 1970). Splitters drawn from the row part it into ranges
small enough to sort at once; elements equal to a splitter are a range of their own, in order as they stand, so that a row of few
different values is cut as well. In between, Python hears Ctrl-C.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

LONG = 1 << 20  # elements that numpy orders in about a tenth of a second


def argsort_stable(a: np.ndarray, d: int, descending: bool = False) -> np.ndarray:
    """Where the elements of `a` in their order along `d` stand. `descending` keeps the order of equals, too."""
    if a.dtype.itemsize == 2 and a.dtype.kind not in "iu":
        a = a.astype(np.float32)
    if not descending:
        return _along(a, d)
    return a.shape[d] - 1 - np.flip(_along(np.flip(a, d), d), d)


def take_along(a: np.ndarray, at: np.ndarray, d: int) -> np.ndarray:
    """`numpy.take_along_axis`, a bounded number of elements at a time."""
    if at.size <= LONG:
        return np.take_along_axis(a, at, d)
    rows, places = np.moveaxis(a, d, -1), np.moveaxis(at, d, -1)
    out = np.empty(places.shape, a.dtype)
    n = places.shape[-1]
    for k in np.ndindex(places.shape[:-1]) if n > LONG else _bands(places):
        for low in range(0, n, LONG):
            out[k][..., low : low + LONG] = np.take_along_axis(rows[k], places[k][..., low : low + LONG], -1)
    return np.moveaxis(out, -1, d)


def _bands(a: np.ndarray) -> list[slice]:
    """Slices of the first dimension that hold about LONG elements each."""
    step = max(1, LONG * a.shape[0] // max(1, a.size))
    return [slice(i, i + step) for i in range(0, a.shape[0], step)]


def _along(a: np.ndarray, d: int) -> np.ndarray:
    if a.size <= LONG:
        return np.argsort(a, axis=d, kind="stable")
    rows = np.moveaxis(a, d, -1)
    out = np.empty(rows.shape, np.int64)
    if rows.shape[-1] <= LONG:
        flat, ranked = rows.reshape(-1, rows.shape[-1]), out.reshape(-1, rows.shape[-1])
        for band in _bands(flat):
            ranked[band] = np.argsort(flat[band], axis=-1, kind="stable")
    else:
        for k in np.ndindex(rows.shape[:-1]):
            _long(np.ascontiguousarray(rows[k]), out[k])
    return np.moveaxis(out, -1, d)


def _long(row: np.ndarray, out: np.ndarray) -> None:
    """The stable order of one row into `out`."""
    n = row.size
    ranges = min(2 * (n // LONG) + 1, 1 << 14)
    drawn = row[np.linspace(0, n - 1, 64 * ranges).astype(np.int64)]
    splitters = np.unique(np.sort(drawn)[32::64])  # unique takes nans for equal
    ids = np.empty(n, np.uint16)  # 2i: between splitters, 2i + 1: equal to one
    for low in range(0, n, LONG):
        part = row[low : low + LONG]
        ids[low : low + LONG] = np.searchsorted(splitters, part, "left") + np.searchsorted(splitters, part, "right")
    pieces: list[list[np.ndarray]] = [[] for _ in range(2 * splitters.size + 1)]
    for low in range(0, n, LONG):
        part = ids[low : low + LONG]
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(len(pieces) + 1))
        for held, (i, j) in zip(pieces, pairwise(ends.tolist()), strict=True):
            if i < j:
                held.append(order[i:j] + low)
    start = 0
    for k, held in enumerate(pieces):
        if not held:
            continue
        at = np.concatenate(held)
        if not k % 2:
            at = at[_along_range(row[at])]
        out[start : start + at.size] = at
        start += at.size
        held.clear()


def _along_range(a: np.ndarray) -> np.ndarray:
    """The order of one range: a drawing that met the row badly can leave a long one, which is then cut in turn."""
    if a.size <= 4 * LONG:
        return np.argsort(a, kind="stable")
    out = np.empty(a.size, np.int64)
    _long(a, out)
    return out
