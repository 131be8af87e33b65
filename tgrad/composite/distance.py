"""Distances between all rows of matrices."""

from __future__ import annotations

import math

from ..methods import composite
from ..ops import distance as rows
from ..ops.spec import REQUIRED
from ..shape import broadcast_shapes
from .arguments import need_tensors

_MODES = {"use_mm_for_euclid_dist_if_necessary": 0, "use_mm_for_euclid_dist": 1, "donot_use_mm_for_euclid_dist": 2}
_MANY = 25  # from more rows than this on, Euclidean distances come from a matrix product, if not forbidden


@composite()
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norms of the differences of all rows of x1 [..., P, M] and x2 [..., R, M]: [..., P, R].

    `p` may be 0 (how many elements differ) to infinity. `compute_mode` says whether Euclidean distances are made of a matrix
    product, which is faster and less exact: with more than 25 rows, always or never. float32 and float64; RuntimeError for
    other shapes, ValueError for another mode.

    >>> import tgrad as torch
    >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    need_tensors("cdist", x1=x1, x2=x2)
    for word, t in (("X1", x1), ("X2", x2)):
        if t.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {word} got: {t.dim()}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    for word, t in (("X1", x1), ("X2", x2)):
        if not t.is_floating_point():
            raise RuntimeError(f"cdist only supports floating-point dtypes, {word} got: {t.dtype.legacy}")
    if not p >= 0:
        raise RuntimeError("cdist only supports non-negative p values")
    mode, p = _MODES[compute_mode], float(p)
    batch = broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    count, others = x1.shape[-2], x2.shape[-2]
    if (
        p != 2
        or mode == 2
        or (mode == 0 and count <= _MANY and others <= _MANY)
        or 0 in (count, others, x1.shape[-1], *batch)
    ):
        return rows.cdist.record(x1, x2, p, mode)
    flat = []
    for t in (x1, x2):
        t = t if t.shape[:-2] == batch else t.expand(*batch, *t.shape[-2:])
        flat.append(t if t.dim() == 2 else t.reshape(math.prod(batch), *t.shape[-2:]))
    return rows.euclidean_dist.record(*flat).view(*batch, count, others)


@composite()
def pdist(input=REQUIRED, p=2.0):
    """The p-norms of the differences of all rows i < j of [N, M]: [N (N - 1) / 2]. float32 and float64.

    >>> import tgrad as torch
    >>> torch.pdist(torch.tensor([[0.0], [1.0], [3.0]]))
    tensor([1., 3., 2.])
    """
    need_tensors("pdist", input=input)
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.is_floating_point():
        raise RuntimeError("pdist only supports floating-point dtypes")
    if not p >= 0:
        raise RuntimeError("pdist only supports non-negative p values")
    return rows.pdist.record(input.contiguous(), float(p))
