"""Variance and standard deviation."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..shape import wrap_dims
from .choice import where
from .reduce import count, mean_of, restore, wide
from .spec import in_rows, op


def _var(name: str, self: np.ndarray, dim: Any, correction: float, keepdim: bool, root: bool = False) -> np.ndarray:
    if self.dtype.kind in "biu":
        who = name if name.endswith("mean") else "std and var"
        raise RuntimeError(f"{who} only support floating point and complex dtypes")
    dims = wrap_dims(dim, self.ndim)
    work = wide(self.dtype)
    x = self.astype(work, copy=False)
    n = math.prod(self.shape[d] for d in dims)
    centre = x - (np.add.reduce(x, axis=dims, keepdims=True) / n if n else 0)
    total = np.add.reduce((centre * np.conjugate(centre)).real, axis=dims, keepdims=keepdim)
    free = max(n - correction, 0)
    if n <= correction and total.size:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input numel "
            "divided by output numel).",
            UserWarning,
            stacklevel=4,
        )
    real = np.dtype(f"f{work.itemsize // 2}") if work.kind == "c" else self.dtype
    r = np.divide(total, free)
    return in_rows(np.sqrt(r) if root else r).astype(real, copy=False)


def _running_mean(self: np.ndarray, dims: Any, keepdim: bool) -> np.ndarray:
    """The mean as it comes out of Welford's recurrence, which an infinity turns into nan."""
    mean = np.asarray(mean_of(self, dims, keepdim, None))
    if math.prod(self.shape[d] for d in dims) > 1:
        endless = np.isinf(self).any(axis=dims, keepdims=keepdim)
        mean = np.where(endless, mean.dtype.type(np.nan), mean)
    return mean


def _centred(self: Any, dim: Any) -> Any:
    if isinstance(self, np.ndarray):
        return self - self.mean(axis=wrap_dims(dim, self.ndim), keepdims=True)
    return self - self.mean(wrap_dims(dim, self.ndim) or None, keepdim=True)


def _var_grad(grad: Any, self: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    shape = tuple(self.shape)
    free = max(count(shape, dim) - correction, 0)
    scale = 2 / free if free else math.inf
    return restore(grad * scale, shape, dim, keepdim) * _centred(self, dim)


@op("var.correction", grad=dict(self=lambda grad, self, dim, correction, keepdim: _var_grad(grad, self, dim, correction, keepdim)),
    tensors="self", node="VarBackward0", bands="dim", function=False, method=False)  # fmt: skip
def var(self, dim=None, *, correction=1, keepdim=False):
    return _var("var", self, dim, correction, keepdim)


@op("std.correction", grad=dict(self=lambda grad, self, result, dim, correction, keepdim: _std_grad(
    grad, self, result, dim, correction, keepdim)), tensors="self", node="StdBackward0", bands="dim", function=False, method=False)  # fmt: skip
def std(self, dim=None, *, correction=1, keepdim=False):
    return np.asarray(_var("std", self, dim, correction, keepdim, True))


def _std_grad(grad: Any, self: Any, result: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    half = where(result == 0, 0, grad / (2 * result))
    return _var_grad(half, self, dim, correction, keepdim)


@op("var_mean.correction", grad=dict(self=lambda grads, self, dim, correction, keepdim: _var_grad(
    grads[0], self, dim, correction, keepdim) + restore(grads[1], tuple(self.shape), dim, keepdim)
    / count(tuple(self.shape), dim)), tensors="self", node="VarMeanBackward0", outputs="var mean", function=False,
    method=False)  # fmt: skip
def var_mean(self, dim=None, *, correction=1, keepdim=False):
    dims = wrap_dims(dim, self.ndim)
    return _var("var_mean", self, dim, correction, keepdim), _running_mean(self, dims, keepdim)


@op("std_mean.correction", grad=dict(self=lambda grads, self, result0, dim, correction, keepdim: _std_grad(
    grads[0], self, result0, dim, correction, keepdim) + restore(grads[1], tuple(self.shape), dim, keepdim)
    / count(tuple(self.shape), dim)), tensors="self", node="StdMeanBackward0", outputs="std mean", function=False,
    method=False)  # fmt: skip
def std_mean(self, dim=None, *, correction=1, keepdim=False):
    dims = wrap_dims(dim, self.ndim)
    spread = _var("std_mean", self, dim, correction, keepdim, True)
    return np.asarray(spread), _running_mean(self, dims, keepdim)
