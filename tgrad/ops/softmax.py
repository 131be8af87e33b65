"""Exponentials of whole rows: logsumexp, softmax, log-softmax, and the running logsumexp."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtype import finfo, from_np
from ..shape import reduced_shape, wrap_dim, wrap_dims
from .arithmetic import logaddexp
from .choice import where
from .elementary import abs_, exp, is_complex, log
from .halves import UNIT, Halves
from .reduce import restore, wide
from .spec import TensorBase, conj, in_rows, lacking, op, refuse
from .view import flip

# ---- the logarithm of a sum of exponentials


def _lse_grad(grad: Any, self: Any, result: Any, dim: Any, keepdim: bool) -> Any:
    shape = tuple(self.shape)
    return restore(grad, shape, dim, keepdim) * conj(exp(self - restore(result, shape, dim, keepdim)))


@op(
    "logsumexp.dims",
    grad=dict(self=_lse_grad),
    tensors="self",
    node="LogsumexpBackward0",
    function=False,
    method=False,
    bands="dim",
)
def logsumexp(self, dim, keepdim=False):
    dims = wrap_dims(dim, self.ndim)
    x = self.astype(wide(self.dtype), copy=False)
    top = np.maximum.reduce(x.real, axis=dims, keepdims=True) if 0 not in self.shape else np.zeros((), x.real.dtype)
    top = np.where(np.isfinite(top), top, 0)
    if self.dtype.itemsize == 2:  # operation by operation, each of which rounds
        h = Halves(self.dtype, ())
        total = h.round(np.add.reduce(h.round(np.exp(h.round(x - top))), axis=dims, keepdims=True))
        return (
            in_rows(h.round(np.log(total)) + top).reshape(reduced_shape(self.shape, dims, keepdim)).astype(self.dtype)
        )
    total = np.log(np.add.reduce(np.exp(x - top), axis=dims, keepdims=True)) + top
    shape = reduced_shape(self.shape, dims, keepdim)
    return in_rows(total).reshape(shape).astype(self.dtype, copy=False)


def _running(self: np.ndarray, d: int) -> np.ndarray:
    """Running logsumexp along d. The exponentials never overflow, since they are taken relative to the running maximum."""
    if self.dtype.kind != "c":
        return np.logaddexp.accumulate(self, axis=d)
    out = self.copy()
    rows = np.moveaxis(out, d, 0)
    for i in range(1, len(rows)):
        rows[i] = logaddexp.array(rows[i - 1], rows[i])
    return out


def _reversed(x: Any, d: int) -> Any:
    return flip(x, (d,))


def _lcse_grad(grad: Any, self: Any, result: Any, dim: int) -> Any:
    """Sum over j >= i of grad_j * exp(self_i - result_j), with the sum taken in logarithms; signs apart for reals."""
    if self.ndim == 0:
        return grad
    if is_complex(self):
        down = _reversed(logcumsumexp(_reversed(log(grad) - conj(result), dim), dim), dim)
        return exp(down + conj(self))

    # The lowest number stands for log 0: with -inf, the differences in the derivative of this would be nan.
    size, lowest = log(abs_(grad)), finfo(from_np(self.dtype) if isinstance(self, np.ndarray) else self.dtype).min
    if isinstance(self, np.ndarray):
        lowest = self.dtype.type(lowest)  # a number would make halves wider

    def side(mask: Any) -> Any:
        return exp(_reversed(logcumsumexp(_reversed(where(mask, size, lowest) - result, dim), dim), dim) + self)

    return side(grad > 0) - side(grad < 0)


@op("logcumsumexp", out="expected scalar_type {Want} but found {Got}", grad=dict(self=_lcse_grad), tensors="self")
def logcumsumexp(self, dim):
    refuse(self, lacking("bi", "logcumsumexp_out_cpu"))
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.copy()
    return in_rows(_running(self.astype(wide(self.dtype), copy=False), d)).astype(self.dtype, copy=False)


# ---- softmax


def _kernel(name: str, self: np.ndarray, dim: int) -> str:
    """PyTorch has a kernel for the last dimension and one for the others, and says which one lacks a dtype."""
    last = wrap_dim(dim, self.ndim) == max(self.ndim, 1) - 1
    return (
        f"{name}_lastdim_kernel_impl"
        if last
        else f"{name}_kernel_impl"
        if name == "log_softmax"
        else "softmax_kernel_impl"
    )


@op("_softmax", grad=dict(self=lambda grad, result, dim: _softmax_grad(grad, result, dim)), tensors="self",
    node="SoftmaxBackward0", bands="dim", function=False, method=False, real_grad=True)  # fmt: skip
def softmax(self, dim):
    d = wrap_dim(dim, self.ndim)
    if self.size:
        refuse(self, lacking("bic", _kernel("softmax", self, dim)))
    if self.ndim == 0 or self.size == 0:
        return np.ones_like(self)
    x = self.astype(wide(self.dtype), copy=False)
    e = np.exp(x - np.maximum.reduce(x, axis=d, keepdims=True))
    total = np.add.reduce(e, axis=d, keepdims=True)
    if (
        self.dtype.itemsize == 2 and d < self.ndim - 1
    ):  # what is left over by PyTorch's vectors waits as halves for the sum
        inner = math.prod(self.shape[d + 1 :])
        left = (np.arange(inner) >= inner - inner % UNIT).reshape(self.shape[d + 1 :])
        e = np.where(left, e.astype(self.dtype).astype(e.dtype), e)
    e /= total
    return in_rows(e).astype(self.dtype, copy=False)


def _softmax_grad(grad: Any, result: Any, dim: int) -> Any:
    g = grad * result
    return g - result * _row_sum(g, dim)


def _row_sum(x: Any, dim: int) -> Any:
    if isinstance(x, TensorBase):
        return x.sum(dim, keepdim=True)  # type: ignore[attr-defined]
    return np.add.reduce(x, axis=wrap_dims(dim, np.ndim(x)), keepdims=True)


@op("_log_softmax", grad=dict(self=lambda grad, result, dim: grad - exp(result) * _row_sum(grad, dim)), tensors="self",
    node="LogSoftmaxBackward0", bands="dim", function=False, method=False, real_grad=True)  # fmt: skip
def log_softmax(self, dim):
    d = wrap_dim(dim, self.ndim)
    if self.size:
        refuse(self, lacking("bic", _kernel("log_softmax", self, dim)))
    if self.ndim == 0 or self.size == 0:
        return np.zeros_like(self)
    x = self.astype(wide(self.dtype), copy=False)
    x = x - np.maximum.reduce(x, axis=d, keepdims=True)
    logarithm = np.add.reduce(np.exp(x), axis=d, keepdims=True)
    if (
        self.dtype.itemsize == 2 and d == self.ndim - 1
    ):  # PyTorch's kernel for the last dimension keeps sum and logarithm as halves
        logarithm = np.log(logarithm.astype(self.dtype).astype(x.dtype)).astype(self.dtype)
        return in_rows(x - logarithm.astype(x.dtype)).astype(self.dtype)
    x = x - np.log(logarithm)
    return in_rows(x).astype(self.dtype, copy=False)
