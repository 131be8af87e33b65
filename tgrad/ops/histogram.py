"""How many points lie in each cell between edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from .spec import op, underivable


def _bin(x: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the bin of each element, whether it is in one). The last bin includes its right end."""
    inside = (x >= edges[0]) & (x <= edges[-1])
    at = np.minimum(np.searchsorted(edges, x, "right"), len(edges) - 1) - 1
    return np.where(inside, at, 0), inside


@op("histogram.edges", grad={"self edges weight": underivable("histogram")}, tensors="self edges weight", outputs="hist bin_edges",
    node="torch::autograd::NotImplemented", function=False, method=False)  # fmt: skip
def histogram(self, edges, weight=None, density=False):
    """Points [n, dims] with weights [n], over edges per dimension (an array: one dimension): (counts, edges)."""
    several = isinstance(edges, list)
    all_edges: list[Any] = edges if several else [edges]
    shape = tuple(len(e) - 1 for e in all_edges)
    cell, inside = np.zeros(len(self), np.int64), np.ones(len(self), bool)
    for d, own in enumerate(all_edges):
        at, within = _bin(self[:, d], own)
        cell, inside = cell * shape[d] + at, inside & within
    if not all_edges:
        inside[:] = False
    size = int(np.prod(shape, dtype=np.int64))
    counted = np.bincount(cell[inside], None if weight is None else weight[inside], minlength=size)
    hist = counted.astype(self.dtype).reshape(shape)
    if density:
        hist = hist / hist.sum()
        for d, own in enumerate(all_edges):
            hist = hist / np.diff(own).reshape(tuple(-1 if i == d else 1 for i in range(len(shape))))
    return hist, edges if several else edges.copy()
