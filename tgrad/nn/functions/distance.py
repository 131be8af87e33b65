"""Distances and directions."""

from __future__ import annotations

from typing import Any

from ... import functions as fn
from ...dispatch import into
from ...graph.modes import no_grad
from ...ops import distance as rows
from ...ops.scalar import add_number
from ...tensor import Tensor


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / max(|x1| |x2|, eps) along dim, broadcasting both.

    >>> F.cosine_similarity(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    if not x1.is_floating_point() and not x2.is_floating_point():
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {fn.result_type(x1, x2).legacy}"
        )
    a, b = fn.broadcast_tensors(x1, x2)
    common = fn.result_type(x1, x2)
    a, b = a.to(common), b.to(common)
    return (_unit(a, dim, eps) * _unit(b, dim, eps)).sum(dim)


def _unit(x: Tensor, dim: int, eps: float) -> Tensor:
    size = fn.norm(x, 2, dim, keepdim=True)
    return x / _floored(size, eps)  # type: ignore[operator]


def _floored(size: Tensor, eps: float) -> Tensor:
    """At least eps, in place of the value only: the gradient passes as if nothing had been clamped."""
    out = size.clone()  # type: ignore[attr-defined]
    with no_grad():
        out.data.clamp_min_(eps)
    return out


def plus(x: Tensor, number: float) -> Tensor:
    """x + number, recorded as PyTorch's C++ records it; integers become floats."""
    return add_number.record(x, number) if x.dtype.category >= 2 else fn.add(x, float(number))  # type: ignore[misc]


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension.

    >>> F.pairwise_distance(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    d = plus(x1 - x2, eps)  # type: ignore[operator]
    return rows.norm_dim.record(d, p, d.dim() - 1, keepdim)  # type: ignore[misc]


def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None) -> Tensor:
    """input / max(its p-norm along dim, eps).

    >>> F.normalize(torch.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    size = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)  # type: ignore[attr-defined]
    r = input / size  # type: ignore[operator]
    return r if out is None else into(out, r, "div")
