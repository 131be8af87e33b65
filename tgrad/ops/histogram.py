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


def _count(points: np.ndarray, all_edges: list[np.ndarray], weight: Any, density: bool) -> np.ndarray:
    """Points [n, dims] with weights [n], over edges per dimension."""
    shape = tuple(len(e) - 1 for e in all_edges)
    cell, inside = np.zeros(len(points), np.int64), np.ones(len(points), bool)
    for d, own in enumerate(all_edges):
        at, within = _bin(points[:, d], own)
        cell, inside = cell * shape[d] + at, inside & within
    if not all_edges:
        inside[:] = False
    size = int(np.prod(shape, dtype=np.int64))
    weights = None if weight is None else weight.reshape(-1)[inside]
    hist = np.bincount(cell[inside], weights, minlength=size).astype(points.dtype).reshape(shape)
    if density:
        hist = hist / hist.sum()
        for d, own in enumerate(all_edges):
            hist = hist / np.diff(own).reshape(tuple(-1 if i == d else 1 for i in range(len(shape))))
    return hist


@op("histogram.edges", grad={"self edges weight": underivable("histogram")}, tensors="self edges weight", outputs="hist bin_edges",
    node="torch::autograd::NotImplemented", function=False, method=False)  # fmt: skip
def histogram(self, edges, weight=None, density=False):
    """All elements, over the edges of one dimension: (counts, edges)."""
    return _count(self.reshape(-1, 1), [edges], weight, density), edges.copy()


def _refuse(grad: Any, name: str) -> Any:
    raise RuntimeError(f"derivative for aten::{name} is not implemented")


@op("histogramdd.edges", grad={"self weight": _refuse}, tensors="self weight", node="torch::autograd::NotImplemented", function=False,
    method=False)  # fmt: skip
def histogramdd(self, edges, weight=None, density=False, name=""):
    """Points [..., dims], over the edges (arrays) of each dimension: counts."""
    return _count(self.reshape(int(np.prod(self.shape[:-1])), self.shape[-1]), edges, weight, density)
