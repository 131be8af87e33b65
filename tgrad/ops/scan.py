"""Running sums and products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..shape import wrap_dim
from .reduce import accumulator_dtype, wide
from .spec import CASTS, conj, in_rows, op


def _scan(ufunc: Any, self: np.ndarray, dim: int, dtype: Any) -> np.ndarray:
    a, out = accumulator_dtype(self, dtype)
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0:
        return a.astype(out)
    return in_rows(ufunc.accumulate(a, axis=d, dtype=wide(out))).astype(out, copy=False)


def _reversed_cumsum(x: Any, dim: int) -> Any:
    from .view import flip

    if x.ndim == 0:
        return x
    return flip(cumsum(flip(x, (dim,)), dim), (dim,))


@op("cumsum", out=CASTS, grad=dict(self=lambda grad, dim: _reversed_cumsum(grad, dim)), tensors="self", inplace=True)
def cumsum(self, dim, *, dtype=None):
    return _scan(np.add, self, dim, dtype)


@op("cumprod", out=CASTS, grad=dict(self=lambda grad, self, result, dim: _cumprod_grad(grad, self, result, dim)), tensors="self",
    inplace=True)  # fmt: skip
def cumprod(self, dim, *, dtype=None):
    return _scan(np.multiply, self, dim, dtype)


def _cumprod_grad(grad: Any, self: Any, result: Any, dim: int) -> Any:
    """sum over j >= i of grad_j * result_j / self_i; by explicit products where an element is zero."""
    if self.ndim == 0:
        return grad
    if 0 in tuple(self.shape):
        return grad
    if not bool((self == 0).any()):
        return _reversed_cumsum(grad * conj(result), dim) / conj(self)
    d = wrap_dim(dim, self.ndim)
    n = self.shape[d]
    rows = [self.swapaxes(0, d)[i] for i in range(n)]
    grads = [grad.swapaxes(0, d)[i] for i in range(n)]
    out = []
    for i in range(n):
        before = rows[0] * 0 + 1
        for k in rows[:i]:
            before = before * k
        total = grads[i] * conj(before)
        for j in range(i + 1, n):
            before = before * rows[j]
            total = total + grads[j] * conj(before)
        out.append(total)
    from .view import stack

    return stack(out, d)
