"""Reductions whose row depends on the arguments: over everything, or over dimensions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtype as dtypes
from .. import functions as F
from ..dispatch import bad_argument, into, pointwise
from ..methods import composite, return_type
from ..ops import pointwise as elementwise
from ..ops import reduce as rows
from ..ops.scatter import value_selecting
from ..ops.spec import op
from ..shape import wrap_dim
from ..tensor import Tensor, wrap


def _need_tensor(name: str, input: Any) -> None:
    if not isinstance(input, Tensor):
        raise bad_argument(name, 1, "input", input)


@composite(method=True)
def sum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum over dim (an int or several; all of them by default). Integers add up in int64.

    >>> sum(functions.ones(2, 3), 0)
    tensor([2., 2., 2.])
    """
    _need_tensor("sum", input)
    if dim is None and not keepdim:
        r = rows.sum_all.record(input, dtype=dtype)
    else:
        r = rows.sum_dim.record(input, dim, keepdim, dtype=dtype)
    return r if out is None else into(out, r, "sum")


@composite(method=True)
def mean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean over dim (all by default), of floating or complex tensors."""
    _need_tensor("mean", input)
    if dtype is not None and dtype is not input.dtype:
        input = input.to(dtype)
    if dim is None and not keepdim:
        r = rows.mean_all.record(input)
    else:
        r = rows.mean_dim.record(input, dim, keepdim)
    return r if out is None else into(out, r, "mean")


@composite(method=True)
def nansum(input, dim=None, keepdim=False, *, dtype=None):
    """The sum with nan counted as zero."""
    if input.dtype.category < 2:
        return sum(input, dim, keepdim, dtype=dtype)
    return sum(elementwise.where.record(input.isnan(), 0, input), dim, keepdim, dtype=dtype)


@composite(method=True)
def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """The mean of what is not nan."""
    return nansum(input, dim, keepdim, dtype=dtype) / (~input.isnan()).sum(dim, keepdim)


@composite(method=True)
def prod(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The product over dim (all by default)."""
    r = rows.prod_all.record(input, dtype=dtype) if dim is None else rows.prod_int.record(input, dim, keepdim, dtype=dtype)
    return r if out is None else into(out, r, "prod")


def _extreme(name: str, all_row: Any, dim_row: Any, pair_row: Any) -> Any:
    made = return_type(name, ("values", "indices"))

    @composite(name=name, method=True)
    def extreme(input: Any, dim: Any = None, keepdim: Any = False, *, other: Any = None, out: Any = None) -> Any:
        """The extreme value of everything; along dim, values and indices; of two tensors, elementwise."""
        _need_tensor(name, input)
        if isinstance(dim, Tensor):
            dim, other = None, dim
        if other is not None:
            r = pointwise(pair_row, (input, other), {})
            return r if out is None else into(out, r, name)
        if dim is None:
            r = all_row.record(input)
            return r if out is None else into(out, r, name)
        pair = made(dim_row.record(input, dim, keepdim))
        if out is not None:
            return made([into(o, r, name) for o, r in zip(out, pair, strict=True)])
        return pair

    return extreme


max = _extreme("max", rows.max_all, rows.max_dim, elementwise.maximum)
min = _extreme("min", rows.min_all, rows.min_dim, elementwise.minimum)


@composite(method=True)
def aminmax(input, *, dim=None, keepdim=False):
    """The smallest and the largest value."""
    made = return_type("aminmax", ("min", "max"))
    dims = () if dim is None else dim
    return made((F.amin(input, dims, keepdim), F.amax(input, dims, keepdim)))


def _truth(name: str, row: Any) -> Any:
    @composite(name=name, method=True)
    def test(input: Any, dim: Any = None, keepdim: Any = False, *, out: Any = None) -> Any:
        """Whether the elements (along dim) are true: all of them, or any of them."""
        if dim is not None and isinstance(dim, (tuple, list)) and not len(dim):
            r = wrap(row.array(np.expand_dims(input._a, -1), -1, False))
        else:
            r = row.record(input, dim, keepdim)
        return r if out is None else into(out, r, name)

    return test


all = _truth("all", rows.all_)
any = _truth("any", rows.any_)

_MISSING = object()


def _spread(name: str, row: Any) -> Any:
    @composite(name=name, method=True)
    def spread(
        input: Any, dim: Any = None, unbiased: Any = _MISSING, keepdim: Any = False, *, correction: Any = None, out: Any = None
    ) -> Any:
        """Over dim (all by default), with Bessel's correction unless `unbiased` or `correction` says otherwise."""
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if correction is None:
            correction = 1 if unbiased is _MISSING or unbiased is None else int(unbiased)
        r = row.record(input, dim, correction=correction, keepdim=keepdim)
        if row.outputs:
            r = return_type_pair(r)
        return r if out is None else into(out, r, name)

    return spread


def return_type_pair(r: Any) -> tuple[Any, ...]:
    return tuple(r)


var, std = _spread("var", rows.var), _spread("std", rows.std)
var_mean, std_mean = _spread("var_mean", rows.var_mean), _spread("std_mean", rows.std_mean)


@composite(method=True)
def logsumexp(input, dim, keepdim=False, *, out=None):
    """log(sum(exp(input))) over dim, without overflow."""
    if input.dtype.category < 2:
        input = input.to(dtypes.get_default_dtype())
    r = rows.logsumexp.record(input, dim, keepdim)
    return r if out is None else into(out, r, "logsumexp")


@composite(method=True)
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm of all elements or over dim; 'fro' is the 2-norm."""
    if dtype is not None:
        input = input.to(dtype)
    if input.dtype.category < 2:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got " + input.dtype.legacy
        )
    order = 2.0 if p in ("fro", None) else p
    if p == "nuc":
        return F.linalg_nuclear_norm(input, dim, keepdim)
    r = rows.vector_norm.record(input, float(order), dim, keepdim)
    return r if out is None else into(out, r, "norm")


@op("median.all", grad=dict(self=lambda grad, self, result: rows.share(grad, self, result, None, False)), node="MedianBackward0",
    function=False, method=False)  # fmt: skip
def median_all(self):
    if self.size == 0:
        return np.asarray(math.nan, self.dtype) if self.dtype.kind == "f" else np.zeros((), self.dtype)
    flat = np.sort(self.reshape(-1))
    if self.dtype.kind == "f" and np.isnan(flat[-1]):
        return np.asarray(math.nan, self.dtype)
    return np.asarray(flat[(flat.size - 1) // 2])


@op("median.dim", grad=dict(self=lambda grad, self_sizes, dim, keepdim, result1: value_selecting(
    grad, self_sizes, dim, keepdim, result1)), tensors="self", outputs="values indices", undiff="indices", node="MedianBackward1",
    function=False, method=False)  # fmt: skip
def median_dim(self, dim, keepdim=False):
    d = wrap_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    n = self.shape[d]
    if n == 0:
        raise IndexError(f"median(): Expected reduction dim {d} to have non-zero size.")
    order = np.argsort(self, axis=d, kind="stable")
    at = np.take(order, [(n - 1) // 2], axis=d)
    if self.dtype.kind == "f":
        nan = np.isnan(self)
        first = np.expand_dims(np.argmax(nan, axis=d), d)
        at = np.where(nan.any(axis=d, keepdims=True), first, at)
    values = np.take_along_axis(self, at, d)
    return (values, at) if keepdim else (values.squeeze(d), at.squeeze(d))


@composite(method=True)
def median(input, dim=None, keepdim=False):
    """The lower median of everything, or values and indices along dim; nan if there is one."""
    if dim is None:
        return median_all.record(input)
    return return_type("median", ("values", "indices"))(median_dim.record(input, dim, keepdim))


@composite(method=True)
def softmax(input, dim=None, dtype=None, *, out=None):
    """exp(input) normalised to sum 1 along dim."""
    return _soft(rows.softmax, input, dim, dtype, out, "softmax")


@composite(method=True)
def log_softmax(input, dim=None, dtype=None, *, out=None):
    """The logarithm of softmax, computed without overflow."""
    return _soft(rows.log_softmax, input, dim, dtype, out, "log_softmax")


def _soft(row: Any, input: Any, dim: Any, dtype: Any, out: Any, name: str) -> Any:
    if not isinstance(input, Tensor):
        raise bad_argument(name, 1, "input", input)
    if dim is None:
        raise TypeError(f'{name}() missing 1 required positional arguments: "dim"')
    if dtype is not None:
        input = input.to(dtype)
    r = row.record(input, dim)
    return r if out is None else into(out, r, name)


@composite(method=True)
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements (or slices along dim) in order; on request where each went and how often it occurs."""
    u, inverse, counts = np.unique(input._a, return_inverse=True, return_counts=True, axis=dim)
    if dim is None:
        inverse = inverse.reshape(input._a.shape)
    out = [wrap(u)]
    if return_inverse:
        out.append(wrap(inverse.astype(np.int64).reshape(input._a.shape if dim is None else -1)))
    if return_counts:
        out.append(wrap(counts.astype(np.int64)))
    return out[0] if len(out) == 1 else tuple(out)


@composite(method=True)
def bincount(input, weights=None, minlength=0):
    """How often each value of a 1-d tensor of non-negative integers occurs."""
    if input._a.ndim != 1 or input._a.dtype.kind not in "iu" or (input._a.size and input._a.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    w = None if weights is None else weights._a.astype(np.float64)
    r = np.bincount(input._a, w, minlength)
    return wrap(r if w is None or weights.dtype is dtypes.float64 else r.astype(weights._a.dtype if weights._a.dtype.kind == "f" else np.float64))


@composite(method=True)
def diff(input, n=1, dim=-1, prepend=None, append=None):
    """The n-th differences of neighbours along dim."""
    parts = [p for p in (prepend, input, append) if p is not None]
    x = F.cat(parts, dim) if len(parts) > 1 else input
    if x.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    for _ in range(n):
        size = x.shape[dim]
        if size == 0:
            return x
        low, high = x.narrow(dim, 0, size - 1), x.narrow(dim, 1, size - 1)
        x = high.logical_xor(low) if x._a.dtype == np.bool_ else high - low
    return x
