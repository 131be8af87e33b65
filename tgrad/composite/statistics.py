"""Counts, differences and sums of neighbours, correlations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtype as dtypes
from .. import functions as F
from ..dispatch import bad_argument, into
from ..methods import composite
from ..ops import scalar
from ..ops.spec import Row, lacking, op, refuse
from ..ops.view import undifferentiated
from ..tensor import Tensor, wrap


@composite(method=True)
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements (or slices along dim) in order; on request where each went and how often it occurs.

    >>> torch.unique(torch.tensor([3, 1, 3, 2]))
    tensor([1, 2, 3])
    >>> torch.unique(torch.tensor([3, 1, 3]), return_inverse=True, return_counts=True)
    (tensor([1, 3]), tensor([1, 0, 1]), tensor([1, 2]))
    """
    if not isinstance(input, Tensor):
        raise bad_argument("_unique2", 1, "input", input)
    refuse(input._a, lacking("c", "unique" if dim is None else "unique_dim"))
    u, inverse, counts = np.unique(input._a, return_inverse=True, return_counts=True, axis=dim)
    if dim is None:
        inverse = inverse.reshape(input._a.shape)
    out = [(_unique2 if dim is None else _unique_dim).record(input, u)]
    if return_inverse:
        out.append(wrap(inverse.astype(np.int64).reshape(input._a.shape if dim is None else -1)))
    if return_counts:
        out.append(wrap(counts.astype(np.int64)))
    return out[0] if len(out) == 1 else tuple(out)


def _distinct(name: str, node: str) -> Row:
    """The row of an operator whose derivative PyTorch declares to be missing."""

    def refuse_grad(grad: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return op(name + ".found", grad=dict(self=refuse_grad), tensors="self", node=node, function=False, method=False)(
        lambda self, found: found
    )


_unique2 = _distinct("_unique2", "Unique2Backward0")
_unique_dim = _distinct("unique_dim", "UniqueDimBackward0")
_unique_consecutive = _distinct("unique_consecutive", "UniqueConsecutiveBackward0")


@composite(method=True)
def bincount(input, weights=None, minlength=0):
    """How often each value of a 1-d tensor of non-negative integers occurs.

    With `weights`, the sum of the weights for each value. RuntimeError for other tensors.

    >>> torch.bincount(torch.tensor([0, 2, 2, 3]))
    tensor([1, 0, 2, 1])
    >>> torch.bincount(torch.tensor([0, 1, 1]), weights=torch.tensor([0.5, 1.0, 2.0]))
    tensor([0.5000, 3.0000])
    """
    if input.dtype.category != 1:
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{input.dtype.legacy}'")
    if weights is not None and weights._a.shape != input._a.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    if input._a.ndim != 1 or input._a.dtype.kind not in "iu" or (input._a.size and input._a.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    w = None if weights is None else weights._a.astype(np.float64)
    r = np.bincount(input._a, w, minlength)
    if w is None:
        return wrap(r)
    kept = weights.dtype if weights.dtype in (dtypes.float32, dtypes.float64) else dtypes.float64
    return undifferentiated.record(weights, r.astype(kept.np, copy=False), "bincount")


@composite(method=True)
def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """The n-th differences of neighbours along dim.

    >>> torch.diff(torch.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    r = _differences(input, n, dim, prepend, append)
    return r if out is None else into(out, r, "diff")


def _differences(input: Tensor, n: int, dim: int, prepend: Any, append: Any) -> Tensor:
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    for extra in (prepend, append):
        if extra is not None and extra.ndim != input.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    parts = [p for p in (prepend, input, append) if p is not None]
    x = F.cat(parts, dim) if len(parts) > 1 else input
    if x.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n == 0:  # PyTorch copies the input here and leaves what was to be put before and after it
        return F.zeros_like(input).copy_(input)
    for _ in range(n):
        size = x.shape[dim]
        if size == 0:
            return x
        low, high = x.narrow(dim, 0, size - 1), x.narrow(dim, 1, size - 1)
        x = high.logical_xor(low) if x._a.dtype == np.bool_ else high - low
    return x


@composite(method=True)
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """As `unique` for neighbours only: runs of equal elements (or slices along dim) count as one.

    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    refuse(input._a, lacking("c", "unique" if dim is None else "unique_dim"))
    a = input._a.reshape(-1) if dim is None else np.moveaxis(input._a, dim, 0)
    new = np.ones(len(a), np.bool_)
    if len(a) > 1:
        differs = a[1:] != a[:-1]
        new[1:] = differs.reshape(len(a) - 1, -1).any(axis=1)
    kept = a[new]
    inverse = np.cumsum(new) - 1
    counts = np.diff(np.append(np.flatnonzero(new), len(a)))
    # The dimension is worked on as the first one, in memory too
    runs = kept if dim is None else np.moveaxis(np.ascontiguousarray(kept), 0, dim)
    out = [_unique_consecutive.record(input, runs)]
    if return_inverse:
        out.append(wrap(inverse.astype(np.int64).reshape(input._a.shape if dim is None else -1)))
    if return_counts:
        out.append(wrap(counts.astype(np.int64)))
    return out[0] if len(out) == 1 else tuple(out)


@composite(method=True)
def histc(input, bins=100, min=0, max=0, *, out=None):
    """How many elements fall into each of `bins` equal intervals from min to max (by default those of the data).

    >>> torch.histc(torch.tensor([1.0, 2.0, 2.5, 4.0]), bins=3, min=1, max=4)
    tensor([1., 2., 1.])
    """
    a = input._a
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if input.dtype.category != 2:
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{input.dtype.legacy}'")
    low, high = float(min), float(max)
    if low == high and a.size:
        low, high = float(a.min()), float(a.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError("max must be larger than min")
    inside = a[(a >= low) & (a <= high)]
    dt = inside.dtype.type  # each step rounds to the data's own precision, which decides at the edges
    at = np.minimum(((inside - dt(low)) * dt(bins) / (dt(high) - dt(low))).astype(np.int64), bins - 1)
    r = wrap(np.bincount(at, minlength=bins).astype(input.dtype.np))
    return r if out is None else into(out, r, "histc")


# ---- the trapezoid rule


def _halves(name: str, y: Tensor, x: Any, dim: int) -> tuple[Tensor, Tensor, Any]:
    """Right and left ends of all intervals, and the intervals' widths from `x`."""
    n = y.shape[dim]
    left, right = y.narrow(dim, 0, max_(n - 1)), y.narrow(dim, min_(n), max_(n - 1))  # type: ignore[attr-defined]
    if x is None:
        return left, right, None
    if x.ndim == 1:
        if x.shape[0] != n:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        shape = [1] * y.ndim
        shape[dim] = n
        x = x.reshape(shape)
    elif x.ndim < y.ndim:
        x = x.reshape([1] * (y.ndim - x.ndim) + list(x.shape))
    m = x.shape[dim]
    return left, right, x.narrow(dim, min_(m), max_(m - 1)) - x.narrow(dim, 0, max_(m - 1))


def max_(n: int) -> int:
    return n if n > 0 else 0


def min_(n: int) -> int:
    return 1 if n > 0 else 0


def _trapezoid(name: str, y: Tensor, x: Any, dx: Any, dim: int) -> Tensor:
    if x is not None and dx is not None:
        raise TypeError(f"{name}() received an invalid combination of arguments - got (Tensor, Tensor, dx=float)")
    dim = dim % max_(y.ndim) if y.ndim else 0
    if y.dtype.category < 2 and x is None:
        y = y.to(dtypes.get_default_dtype())  # type: ignore[attr-defined]
    if y.shape[dim] == 0:
        return F.zeros([s for i, s in enumerate(y.shape) if i != dim], dtype=y.dtype)
    left, right, widths = _halves(name, y, x, dim)
    if widths is not None:
        return scalar.div_number.record(((left + right) * widths).sum(dim), 2.0)
    ends = scalar.mul_number.record(y.select(dim, 0) + y.select(dim, -1), 0.5)  # type: ignore[attr-defined]
    return scalar.mul_number.record(y.sum(dim) - ends, 1.0 if dx is None else dx)  # type: ignore[attr-defined]


@composite(aliases="trapz")
def trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral along dim by the trapezoid rule, over sample points `x` or evenly spaced ones.

    >>> torch.trapezoid(torch.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    return _trapezoid("trapezoid", y, x, dx, dim)


@composite()
def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """The running integral along dim by the trapezoid rule."""
    dim = dim % max_(y.ndim)
    if y.dtype.category < 2 and x is None:
        y = y.to(dtypes.get_default_dtype())  # type: ignore[attr-defined]
    left, right, widths = _halves("cumulative_trapezoid", y, x, dim)
    if widths is not None:
        return scalar.div_number.record((widths * (left + right)).cumsum(dim), 2.0)
    return scalar.mul_number.record(left + right, (1.0 if dx is None else dx) / 2).cumsum(dim)


# ---- covariance


@composite(method=True)
def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance matrix of variables in rows, optionally with frequencies and weights of the observations.

    >>> torch.cov(torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    if input._a.dtype == np.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input.view(1, -1) if input.ndim < 2 else input
    n = x.shape[1]
    weights = _weights(n, fweights, aweights)
    if weights is not None:
        total = weights.sum()
        if bool(total == 0):
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
        mean = (x * weights).sum(1) / total
    else:
        total = n
        mean = x.sum(1) / n
    if correction == 0:
        factor: Any = total
    elif aweights is not None:
        factor = total - correction * (weights * aweights).sum() / total
    else:
        factor = total - correction
    if (factor <= 0) if not isinstance(factor, Tensor) else bool(factor <= 0):
        import warnings

        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.",
            UserWarning,
            stacklevel=3,
        )
        factor = 0
    x = x - mean.unsqueeze(1)
    product = F.mm(x, (x if weights is None else x * weights).t().conj())
    return F.true_divide(product, factor).squeeze()


def _weights(n: int, fweights: Any, aweights: Any) -> Any:
    for word, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        if w.ndim > 1:
            raise RuntimeError(
                f"cov(): expected {word} to have one or fewer dimensions but got {word} with {w.ndim} dimensions"
            )
        if word == "fweights" and w.dtype.category != 1:
            raise RuntimeError(
                f"cov(): expected fweights to have integral dtype but got fweights with {w.dtype.legacy} dtype"
            )
        if word == "aweights" and w.dtype.category != 2:
            raise RuntimeError(
                f"cov(): expected aweights to have floating point dtype but got aweights with {w.dtype.legacy} dtype"
            )
        if w.numel() != n:
            raise RuntimeError(
                f"cov(): expected {word} to have the same numel as there are observations in the input but got {w.numel()} != {n}"
            )
        if bool((w < 0).any()):
            raise RuntimeError(f"cov(): {word} cannot be negative")
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return fweights * aweights


@composite(method=True)
def corrcoef(input):
    """The correlation coefficients of variables in rows.

    >>> torch.corrcoef(torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    c = cov(input)
    if c.ndim == 0:
        return c / c
    d = c.diag()
    deviation = (d.real if d.is_complex() else d).sqrt()
    c = c / deviation.view(-1, 1) / deviation.view(1, -1)
    return F.complex(c.real.clip(-1, 1), c.imag.clip(-1, 1)) if c.is_complex() else c.clip(-1, 1)


# ---- slopes of sampled functions


@composite()
def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """The slope along each dimension (or those in dim) by central differences, one-sided at the edges.

    >>> torch.gradient(torch.tensor([1.0, 4.0, 9.0]))
    (tensor([3., 4., 5.]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = list(range(input.ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    if spacing is None:
        spacing = 1
    steps = [spacing] * len(dims) if isinstance(spacing, (int, float, complex, Tensor)) else list(spacing)
    if len(steps) != len(dims):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same "
            f"length, but got a spacing argument of length {len(steps)} and a dim argument of length {len(dims)}."
        )
    wrapped = [d % input.ndim if -input.ndim <= d < input.ndim else d for d in dims]
    for d, w in zip(dims, wrapped, strict=True):
        if not 0 <= w < input.ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-input.ndim}, {input.ndim - 1}], but got {d})"
            )
        if wrapped.count(w) > 1:
            raise RuntimeError(f"dim {w} appears multiple times in the list of dims")
        if input.shape[w] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    slope: list[Any] = [_slope_at if isinstance(h, Tensor) else _slope for h in steps]
    return tuple(f(input, d, h, edge_order) for f, d, h in zip(slope, wrapped, steps, strict=True))


def _part(x: Tensor, d: int, start: int, stop: int) -> Tensor:
    return x.narrow(d, start, stop - start)  # type: ignore[attr-defined]


def _slope(x: Tensor, d: int, h: Any, order: int) -> Tensor:
    n, by = x.shape[d], scalar.div_number.record
    if order == 1:
        low = by(_part(x, d, 1, 2) - _part(x, d, 0, 1), h)
        high = by(_part(x, d, n - 1, n) - _part(x, d, n - 2, n - 1), h)
    else:
        low = by(_part(x, d, 0, 1) * -1.5 + _part(x, d, 1, 2) * 2 - _part(x, d, 2, 3) * 0.5, h)
        high = by(_part(x, d, n - 1, n) * 1.5 - _part(x, d, n - 2, n - 1) * 2 + _part(x, d, n - 3, n - 2) * 0.5, h)
    middle = by(by(_part(x, d, 2, n) - _part(x, d, 0, n - 2), h), 2)
    return F.cat((low, middle, high), d)


def _slope_at(x: Tensor, d: int, at: Tensor, order: int) -> Tensor:
    """With the sample points' coordinates: the parabola through three neighbours."""
    n = x.shape[d]
    shape = [1] * x.ndim
    shape[d] = -1
    gaps = at.diff()  # type: ignore[attr-defined]
    g, h = gaps[:-1], gaps[1:]
    a, b, c = (t.reshape(shape) for t in (-h / (g * (g + h)), (h - g) / (g * h), g / (h * (g + h))))
    middle = a * _part(x, d, 0, n - 2) + b * _part(x, d, 1, n - 1) + c * _part(x, d, 2, n)
    if order == 1:
        low = (_part(x, d, 1, 2) - _part(x, d, 0, 1)) / gaps[0]
        high = (_part(x, d, n - 1, n) - _part(x, d, n - 2, n - 1)) / gaps[-1]
    else:
        g, h = gaps[0], gaps[1]
        low = (
            -(2.0 * g + h) / (g * (g + h)) * _part(x, d, 0, 1)
            + (g + h) / (g * h) * _part(x, d, 1, 2)
            - g / (h * (g + h)) * _part(x, d, 2, 3)
        )
        g, h = gaps[-2], gaps[-1]
        high = (
            h / (g * (g + h)) * _part(x, d, n - 3, n - 2)
            - (h + g) / (g * h) * _part(x, d, n - 2, n - 1)
            + (2.0 * h + g) / (h * (g + h)) * _part(x, d, n - 1, n)
        )
    return F.cat((low, middle, high), d)
