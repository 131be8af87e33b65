"""Compiled forms of softmax and the normalisations: see compiled/rows.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..pool import POOL
from ..shape import reduced_shape, wrap_dim, wrap_dims
from .crew import CREW, portion
from .expr import F32, F64
from .movement import row_major
from .native import kernel
from .operands import address, suits

ndarray = np.ndarray


def shared(run: Any, rows: int, n: int, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
    """Runs a kernel with its range between two groups of arguments, on all rows, each of n elements."""
    unit = portion(rows, n)
    CREW.over(run, rows, unit, before, after)


def _by_row(name: str, dim: Any, *arrays: ndarray) -> ndarray | None:
    """A kernel of arrays of one shape along a dimension; copies in which that is the last serve for others."""
    first = arrays[0]
    if not first.ndim or (first.dtype is not F32 and first.dtype is not F64) or any(0 in a.strides for a in arrays):
        return None
    d = wrap_dim(dim, first.ndim)
    if d != first.ndim - 1:
        moved = _by_row(name, -1, *[row_major(a.swapaxes(d, -1)) for a in arrays])
        return None if moved is None else row_major(moved.swapaxes(d, -1))
    arrays = tuple(map(row_major, arrays))
    first = arrays[0]
    if not suits(*arrays):
        return None
    code, n = first.dtype.str[1:] + "* ", first.shape[-1]
    run = kernel("rows." + name, code * (len(arrays) + 1) + "i8 i8 i8").get()
    if run is None:
        return None
    out = POOL.empty(first.shape, first.dtype)
    shared(run, first.size // n, n, (*map(address, arrays), address(out)), (n,))
    return out


def softmax(self, dim):
    return _by_row("softmax", dim, self)


def softmax_grad(grad, result, dim):
    return _by_row("softmax_back", dim, grad, result)


def log_softmax(self, dim):
    return _by_row("log_softmax", dim, self)


def log_softmax_grad(grad, result, dim):
    return _by_row("log_softmax_back", dim, grad, result)


def logsumexp(self, dim, keepdim=False):
    dims = wrap_dims(dim, self.ndim)
    if not self.ndim or not suits(self) or sorted(dims) != list(range(self.ndim - len(dims), self.ndim)):
        return None
    code, n = self.dtype.str[1:] + "* ", math.prod(self.shape[d] for d in dims)
    run = kernel("rows.logsumexp", code * 2 + "i8 i8 i8").get()
    if run is None:
        return None
    out = np.empty(self.size // n, self.dtype)
    shared(run, out.size, n, (address(self), address(out)), (n,))
    return out.reshape(reduced_shape(self.shape, dims, keepdim))


# ---- over the last dimensions


def _or(a: Any, n: int, dtype: np.dtype, value: float) -> ndarray:
    return np.full(n, value, dtype) if a is None else a


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    shape = tuple(normalized_shape)
    first = input.ndim - len(shape)
    fits = shape and first >= 0 and input.shape[first:] == shape
    if not fits or any(t is not None and t.shape != shape for t in (weight, bias)) or not suits(input, weight, bias):
        return None
    code, n, lead = input.dtype.str[1:] + "* ", math.prod(shape), input.shape[:first] + (1,) * len(shape)
    run = kernel("rows.layer_norm", code * 6 + "i8 i8 i8 f8").get()
    if run is None:
        return None
    weight, bias = _or(weight, n, input.dtype, 1), _or(bias, n, input.dtype, 0)
    out, mean, rstd = POOL.empty(input.shape, input.dtype), np.empty(lead, input.dtype), np.empty(lead, input.dtype)
    shared(run, input.size // n, n, tuple(map(address, (input, weight, bias, out, mean, rstd))), (n, eps))
    return out, mean, rstd


def layer_norm_grad(grads, input, weight, normalized_shape, eps, mean, rstd, needs):
    grad = grads[0] if isinstance(grads, (list, tuple)) else grads
    if grad is None or grad.shape != input.shape or not suits(input, grad, weight, mean, rstd):
        return None
    shape = tuple(normalized_shape)
    code, n = input.dtype.str[1:] + "* ", math.prod(shape)
    run = kernel("rows.layer_norm_back", code * 6 + "f8* f8* i8 i8 i8").get()
    if run is None:
        return None
    w, gx = _or(weight, n, input.dtype, 1), POOL.empty(input.shape, input.dtype)
    rows = input.size // n
    unit = max(portion(rows, n), -(-rows // (4 * CREW.size)))  # each block of rows adds up for itself
    parts = -(-rows // unit)
    gw, gb = np.zeros((parts, n)), np.zeros((parts, n))
    arrays = tuple(map(address, (grad, input, w, mean, rstd, gx)))
    at_w, at_b = address(gw), address(gb)

    CREW.each(
        run,
        [(*arrays, at_w + k * n * 8, at_b + k * n * 8, k * unit, min(rows, (k + 1) * unit), n) for k in range(parts)],
    )

    def total(x: ndarray, need: bool) -> Any:
        return np.add.reduce(x, axis=0).astype(input.dtype).reshape(shape) if need else None

    return gx if needs[0] else None, total(gw, needs[1]), total(gb, needs[2])


# ---- over a batch


def _channels(input: ndarray) -> tuple[int, int, int]:
    return input.shape[0], input.shape[1], math.prod(input.shape[2:])


def batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps):
    if input.ndim < 3 or not suits(input, weight, bias, running_mean, running_var):
        return None
    N, C, K = _channels(input)
    given = (weight, bias, running_mean, running_var)
    if K < 8 or any(t is not None and t.shape != (C,) for t in given) or (training and N * K < 2):
        return None
    if not training and (running_mean is None or running_var is None):
        return None
    dt, code = input.dtype, input.dtype.str[1:] + "* "
    scale = kernel("rows.channel_scale", code * 5 + "i8 i8 i8 i8").get()
    moments = kernel("rows.channel_moments", code + "f8* f8* i8 i8 i8 i8 i8").get()
    if scale is None or moments is None:
        return None
    if training:
        mean, squares = np.empty(C), np.empty(C)
        shared(moments, C, N * K, tuple(map(address, (input, mean, squares))), (N, C, K))
        rstd = (1 / np.sqrt(squares / (N * K) + eps)).astype(dt)
        if running_mean is not None:
            running_mean += (momentum * (mean - running_mean)).astype(dt)
        if running_var is not None:
            running_var += (momentum * (squares / (N * K - 1) - running_var)).astype(dt)
        mean = mean.astype(dt)
        saved = mean, rstd
    else:
        mean, rstd = running_mean, (1 / np.sqrt(running_var + eps)).astype(dt)
        saved = np.empty(0, dt), np.empty(0, dt)
    scales, out = rstd if weight is None else rstd * weight, POOL.empty(input.shape, dt)
    arrays = (input, mean, scales, _or(bias, C, dt, 0), out)
    shared(scale, N * C, K, tuple(map(address, arrays)), (C, K))
    return out, *saved


def batch_norm_grad(grads, input, weight, running_mean, running_var, training, eps, mean, rstd, needs):
    grad = grads[0] if isinstance(grads, (list, tuple)) else grads
    if grad is None or input.ndim < 3 or grad.shape != input.shape or not suits(input, grad, weight):
        return None
    N, C, K = _channels(input)
    dt, code = input.dtype, input.dtype.str[1:] + "* "
    if not training:
        mean, rstd = running_mean, (1 / np.sqrt(running_var + eps)).astype(dt)
    if K < 8 or not suits(input, mean, rstd) or mean.shape != (C,):
        return None
    run = kernel("rows.channel_back", code * 8 + "i8 i8 i8 i8 i8 i8").get()
    if run is None:
        return None
    gx, gw, gb = POOL.empty(input.shape, dt), np.empty(C, dt), np.empty(C, dt)
    arrays = (grad, input, mean, rstd, _or(weight, C, dt, 1), gx, gw, gb)
    shared(run, C, N * K, tuple(map(address, arrays)), (N, C, K, int(training)))
    return gx if needs[0] else None, gw if needs[1] else None, gb if needs[2] else None


# ---- over groups of channels


def group_norm(input, weight, bias, N, C, HxW, group, eps):
    if not suits(input, weight, bias) or C % group or input.size != N * C * HxW:
        return None
    if any(t is not None and t.shape != (C,) for t in (weight, bias)):
        return None
    dt, code = input.dtype, input.dtype.str[1:] + "* "
    run = kernel("rows.group_norm", code * 6 + "i8 i8 i8 i8 i8 f8").get()
    if run is None:
        return None
    out, mean, rstd = POOL.empty(input.shape, dt), np.empty((N, group), dt), np.empty((N, group), dt)
    arrays = (input, _or(weight, C, dt, 1), _or(bias, C, dt, 0), out, mean, rstd)
    shared(run, N * group, C // group * HxW, tuple(map(address, arrays)), (group, C // group, HxW, eps))
    return out, mean, rstd


def group_norm_grad(grads, input, weight, group, eps, mean, rstd, needs):
    grad = grads[0] if isinstance(grads, (list, tuple)) else grads
    if grad is None or grad.shape != input.shape or not suits(input, grad, weight, mean, rstd):
        return None
    N, C, K = _channels(input)
    dt, code = input.dtype, input.dtype.str[1:] + "* "
    run = kernel("rows.group_norm_back", code * 6 + "f8* f8* i8 i8 i8 i8 i8").get()
    if run is None:
        return None
    gx, gw, gb = POOL.empty(input.shape, dt), np.empty((N, C)), np.empty((N, C))
    arrays = (grad, input, _or(weight, C, dt, 1), mean, rstd, gx, gw, gb)
    shared(run, N * group, C // group * K, tuple(map(address, arrays)), (group, C // group, K))
    return (
        gx if needs[0] else None,
        gw.sum(0).astype(dt) if needs[1] else None,
        gb.sum(0).astype(dt) if needs[2] else None,
    )
