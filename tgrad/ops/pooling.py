"""Pooling: the largest element or the mean of each window, over two or three dimensions of [N, C, *sizes] or [C, *sizes].

Note [Pooling by dimensions]
A window is a product of ranges, and both the largest element of it and its sum can be found one dimension after the
other: first along the last one, then among those results. Per dimension there are as many numpy calls as the kernel is
long, none of which looks at a single element.

Of equal elements PyTorch takes the first in row-major order, and of several nans the last. Taking the first (last) along
each dimension in turn comes to the same. `indices` counts the elements of one channel in row-major order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .layout import laid_like
from .pooling_checks import check_adaptive_avg, check_adaptive_max, check_pool, check_unpool, full
from .spec import Row, TensorBase, in_rows, nothing, op

HIDDEN: dict[str, Any] = dict(function=False, method=False)


def widened(a: np.ndarray) -> np.ndarray:
    return a.astype(np.float32) if a.dtype.itemsize == 2 and a.dtype.kind not in "iu" else a


def _lowest(dt: np.dtype) -> Any:
    return -math.inf if dt.kind not in "iu" else np.iinfo(dt).min


def _at(axis: int, where: Any) -> tuple[Any, ...]:
    """The index that is `where` at an axis counted from the end."""
    return (Ellipsis, where, *(slice(None),) * (-axis - 1))


def _column(values: Any, axis: int) -> np.ndarray:
    """A vector along an axis counted from the end."""
    return np.asarray(values).reshape(-1, *(1,) * (-axis - 1))


# ---- windows of one dimension


def _reach(n: int, out: int, offset: int, stride: int) -> tuple[int, int]:
    """Which windows [lo, hi) have their element at `offset` from the window's start inside a dimension of n."""
    lo = max(0, -(offset // stride))
    hi = min(out, (n - 1 - offset) // stride + 1)
    return lo, max(lo, hi)


def _parts(
    n: int, out: int, k: int, stride: int, padding: int, dilation: int, first: int = 0
) -> list[tuple[slice, slice]]:
    """Per element of a window, from the `first` on: which windows have it, and where in the input it stands."""
    found = []
    for j in range(first, k):
        offset = j * dilation - padding
        lo, hi = _reach(n, out, offset, stride)
        if lo < hi:
            at = lo * stride + offset
            found.append((slice(lo, hi), slice(at, at + (hi - lo - 1) * stride + 1, stride)))
    return found


def _bounds(n: int, out: int) -> list[tuple[int, int]]:
    """The windows [start, end) of an adaptive pool: as equal as they can be, and overlapping where they must."""
    return [(i * n // out, -((i + 1) * n // -out)) for i in range(out)]


# ---- largest elements


class _Best:
    """The largest elements found so far along one dimension, and where they stand."""

    def __init__(self, values: np.ndarray, places: np.ndarray, nans: bool) -> None:
        self.values, self.places, self.nans = values, places, nans

    def look(self, at: Any, values: np.ndarray, places: Any) -> None:
        best = self.values[at]
        better = values > best
        if self.nans:
            better |= values != values
        np.copyto(best, values, where=better)
        np.copyto(self.places[at], places, where=better)


def _largest(x: np.ndarray, windows: Sequence[Any], find: Any) -> tuple[np.ndarray, np.ndarray]:
    """Values and indices over the last dimensions; `find` looks through one of them for a _Best."""
    dims = len(windows)
    wide = widened(x)
    nans = wide.dtype.kind not in "iu" and bool(np.isnan(wide.sum()))
    values, places, inner = wide, None, 1
    for axis in range(-1, -dims - 1, -1):
        values, places = find(values, places, axis, windows[axis], inner, nans)
        inner *= x.shape[axis]
    return values.astype(x.dtype, copy=False), places  # type: ignore[return-value]


def _along(x: np.ndarray, places: Any, axis: int, window: Any, inner: int, nans: bool) -> tuple[Any, Any]:
    """One dimension of an ordinary pool; a window is (out, k, stride, padding, dilation)."""
    out, k, stride, padding, dilation = window
    n = x.shape[axis]
    starts = np.arange(out, dtype=np.int64) * stride - padding
    first = np.where(starts < 0, starts + -(starts // dilation) * dilation, starts)  # the first one that is not padding
    inside: Any = np.minimum(first, n - 1) if padding else slice(0, starts[-1] + 1, stride)
    values = x[_at(axis, inside)].copy()
    own = np.broadcast_to(_column(first * inner, axis), values.shape)
    best = _Best(values, own.copy() if places is None else places[_at(axis, inside)] + own, nans)
    if (first >= n).any():  # a window of nothing but padding
        values[_at(axis, first >= n)] = _lowest(x.dtype)
    for windows, elements in _parts(n, out, k, stride, padding, dilation, 1):
        positions = _column(np.arange(elements.start, elements.stop, elements.step, dtype=np.int64) * inner, axis)
        source = _at(axis, elements)
        best.look(_at(axis, windows), x[source], positions if places is None else places[source] + positions)
    return best.values, best.places


def _along_adaptive(x: np.ndarray, places: Any, axis: int, out: int, inner: int, nans: bool) -> tuple[Any, Any]:
    """One dimension of an adaptive pool with `out` windows."""
    bounds = np.asarray(_bounds(x.shape[axis], out), np.int64).reshape(out, 2)
    best = None
    for j in range(int(np.max(bounds[:, 1] - bounds[:, 0], initial=1))):
        inside = np.minimum(bounds[:, 0] + j, bounds[:, 1] - 1)
        values, own = np.take(x, inside, axis=axis), _column(inside * inner, axis)
        at = np.broadcast_to(own, values.shape) if places is None else np.take(places, inside, axis=axis) + own
        if best is None:
            best = _Best(values, np.array(at), nans)
        else:
            best.look(..., values, at)
    assert best is not None
    return best.values, best.places


def flat(a: Any, dims: int) -> Any:
    """The last dimensions as one."""
    return a.reshape(*a.shape[: a.ndim - dims], math.prod(a.shape[a.ndim - dims :]))


def collect(x: Any, indices: Any, dims: int) -> Any:
    """The elements of x at the places where a maximum was found: the derivative of spreading them."""
    if isinstance(x, TensorBase):
        if not indices.numel():  # type: ignore[attr-defined]
            return x.new_zeros(indices.shape)  # type: ignore[attr-defined]
        shape = (*indices.shape[: indices.ndim - dims], -1)  # type: ignore[attr-defined]
        elements = x.contiguous().view(shape)  # type: ignore[attr-defined]
        return elements.gather(-1, indices.contiguous().view(shape)).view(indices.shape)  # type: ignore[attr-defined]
    if not indices.size:
        return np.zeros(indices.shape, x.dtype)
    return np.take_along_axis(flat(x, dims), flat(indices, dims), -1).reshape(indices.shape)


def scatter(grad: np.ndarray, indices: np.ndarray, shape: Any, dims: int, apart: bool) -> np.ndarray:
    """Zeros of a shape to which each element of `grad` is added at its index; `apart`: no index comes twice."""
    values = flat(widened(grad), dims)
    spots = flat(indices, dims)
    size = math.prod(shape[len(shape) - dims :])
    out = np.zeros((*values.shape[:-1], size), values.dtype)
    if apart:
        np.put_along_axis(out, spots, values, -1)
    elif values.size:
        base = np.arange(out.size // size, dtype=np.int64).reshape(*values.shape[:-1], 1) * size
        np.add.at(out.reshape(-1), (spots + base).reshape(-1), values.reshape(-1))
    return out.reshape(shape).astype(grad.dtype, copy=False)


def _max_rows(dims: int) -> Row:
    name = f"max_pool{dims}d_with_indices"

    def forward(self, kernel_size, stride=(), padding=0, dilation=1, ceil_mode=False):  # type: ignore[no-untyped-def]
        k, s, p, d, out = check_pool("max", self, dims, kernel_size, stride, padding, dilation, ceil_mode)
        values, places = _largest(self, list(zip(out, k, s, p, d, strict=True)), _along)
        return laid_like(values, self), laid_like(places, self)

    def backward(grad_output, self, kernel_size, stride, padding, dilation, ceil_mode, indices):  # type: ignore[no-untyped-def]
        k, d = full(kernel_size, dims), full(dilation, dims)
        s = full(stride, dims) or k
        apart = all(step >= (size - 1) * gap + 1 for step, size, gap in zip(s, k, d, strict=True))
        return laid_like(scatter(grad_output, indices, self.shape, dims, apart), self)

    back = op(
        name + "_backward",
        grad={"grad_output": lambda grad, indices: collect(grad, indices, dims), "self": lambda grad: nothing(grad)},
        tensors="grad_output self indices",
        node=f"MaxPool{dims}DWithIndicesBackwardBackward0",
        **HIDDEN,
    )(backward)

    def to_self(grad, self, kernel_size, stride, padding, dilation, ceil_mode, result1):  # type: ignore[no-untyped-def]
        return back(grad, self, kernel_size, stride, padding, dilation, ceil_mode, result1)

    return op(
        name,
        grad={"self": to_self},
        tensors="self",
        outputs="output indices",
        undiff="indices",
        node=f"MaxPool{dims}DWithIndicesBackward0",
        **HIDDEN,
    )(forward)


def _adaptive_max_rows(dims: int) -> Row:
    name = f"adaptive_max_pool{dims}d"

    def forward(self, output_size):  # type: ignore[no-untyped-def]
        out = check_adaptive_max(self, dims, output_size)
        if not math.prod(out) or not self.size:
            shape = (*self.shape[: self.ndim - dims], *out)
            return np.zeros(shape, self.dtype), np.zeros(shape, np.int64)
        values, places = _largest(self, out, _along_adaptive)
        model = self if dims == 2 else values
        return laid_like(values, model), laid_like(places, model)

    def backward(grad_output, self, indices):  # type: ignore[no-untyped-def]
        out = scatter(grad_output, indices, self.shape, dims, False)
        return laid_like(out, self) if dims == 2 else out

    back = op(
        name + "_backward",
        grad={"grad_output": lambda grad, indices: collect(grad, indices, dims), "self": lambda grad: nothing(grad)},
        tensors="grad_output self indices",
        node=f"AdaptiveMaxPool{dims}DBackwardBackward0",
        **HIDDEN,
    )(backward)

    return op(
        name,
        grad={"self": lambda grad, self, result1: back(grad, self, result1)},
        tensors="self",
        outputs="output indices",
        undiff="indices",
        node=f"AdaptiveMaxPool{dims}DBackward0",
        **HIDDEN,
    )(forward)


def _spread(self: np.ndarray, indices: np.ndarray, output_size: Any, dims: int) -> np.ndarray:
    """Zeros but for the elements, each at its index."""
    shape = (*self.shape[: self.ndim - dims], *output_size)
    out = np.zeros((*self.shape[: self.ndim - dims], math.prod(output_size)), self.dtype)
    if self.size:
        np.put_along_axis(out, flat(indices, dims), flat(self, dims), -1)
    return out.reshape(shape)


@op("max_unpool2d", grad={"self": lambda grad, indices: collect(grad, indices, 2)}, tensors="self indices",
    node="MaxUnpool2DBackward0", **HIDDEN)  # fmt: skip
def max_unpool2d(self, indices, output_size):
    check_unpool(self, indices, 2, output_size, (1,) * 2)
    return laid_like(_spread(self, indices, output_size, 2), self)


@op("max_unpool3d", grad={"self": lambda grad, indices: collect(grad, indices, 3)}, tensors="self indices",
    node="MaxUnpool3DBackward0", **HIDDEN)  # fmt: skip
def max_unpool3d(self, indices, output_size, stride, padding):
    check_unpool(self, indices, 3, output_size, stride)
    return _spread(self, indices, output_size, 3)


# ---- means


def _sums(x: np.ndarray, windows: Sequence[Any]) -> np.ndarray:
    """The sum of every window; a window is (out, k, stride, padding)."""
    for axis in range(-1, -len(windows) - 1, -1):
        out, k, stride, padding = windows[axis]
        n = x.shape[axis]
        total = None
        for at, elements in _parts(n, out, k, stride, padding, 1):
            part = x[_at(axis, elements)]
            if total is None:
                total = np.zeros((*x.shape[: x.ndim + axis], out, *x.shape[x.ndim + axis + 1 :]), x.dtype)
            total[_at(axis, at)] += part
        assert total is not None
        x = total
    return x


def _unsums(grad: np.ndarray, sizes: Sequence[int], windows: Sequence[Any]) -> np.ndarray:
    """The derivative of `_sums`: what comes to a window goes to all of its elements."""
    for axis in range(-len(windows), 0):
        out, k, stride, padding = windows[axis]
        total = np.zeros(
            (*grad.shape[: grad.ndim + axis], sizes[axis], *grad.shape[grad.ndim + axis + 1 :]), grad.dtype
        )
        for at, elements in _parts(sizes[axis], out, k, stride, padding, 1):
            total[_at(axis, elements)] += grad[_at(axis, at)]
        grad = total
    return grad


def pool_counts(sizes: Sequence[int], windows: Sequence[Any], with_padding: bool) -> Any:
    """How many elements there are in each window: an array over the windows, or one number where all are alike.

    The padding counts if `with_padding`; what a last window has beyond the padding never does."""
    counts: Any = 1
    for axis, (n, (out, k, stride, padding)) in enumerate(zip(sizes, windows, strict=True), -len(windows)):
        start = np.arange(out) * stride - padding
        end = np.minimum(start + k, n + padding)
        if not with_padding:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        counts = counts * _column(np.maximum(end - start, 1), axis)
    return int(counts.flat[0]) if (counts == counts.flat[0]).all() else counts


def _divided(total: np.ndarray, by: Any) -> np.ndarray:
    if total.dtype.kind == "i":  # as in C, towards zero
        down = np.abs(total) // np.abs(by)
        return np.where((total < 0) != (np.asarray(by) < 0), -down, down)
    return total / np.asarray(by, total.dtype)


def _avg_rows(dims: int) -> Row:
    name = f"avg_pool{dims}d"
    rows: list[Row] = []

    def forward(  # type: ignore[no-untyped-def]
        self, kernel_size, stride=(), padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
    ):
        k, s, p, _, out = check_pool("avg", self, dims, kernel_size, stride, padding, 1, ceil_mode, divisor_override)
        windows = list(zip(out, k, s, p, strict=True))
        by = (
            pool_counts(self.shape[self.ndim - dims :], windows, count_include_pad)
            if divisor_override is None
            else divisor_override
        )
        total = _divided(_sums(widened(self), windows), by).astype(self.dtype, copy=False)
        return laid_like(total, self) if dims == 2 else in_rows(total)

    def backward(grad_output, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):  # type: ignore[no-untyped-def]
        k, s, p = full(kernel_size, dims), full(stride, dims), full(padding, dims)
        shape = grad_output.shape[grad_output.ndim - dims :]
        sizes = self.shape[self.ndim - dims :]
        windows = list(zip(shape, k, s or k, p, strict=True))
        by = pool_counts(sizes, windows, count_include_pad) if divisor_override is None else divisor_override
        grad = _unsums(_divided(widened(grad_output), by), sizes, windows).astype(grad_output.dtype, copy=False)
        return laid_like(grad, self) if dims == 2 else in_rows(grad)

    def again(grad, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):  # type: ignore[no-untyped-def]
        return rows[0](grad, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    back = op(
        name + "_backward",
        grad={"grad_output": again, "self": lambda grad: nothing(grad)},
        tensors="grad_output self",
        node=f"AvgPool{dims}DBackwardBackward0",
        **HIDDEN,
    )(backward)

    def to_self(grad, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):  # type: ignore[no-untyped-def]
        return back(grad, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)

    row = op(name, grad={"self": to_self}, tensors="self", node=f"AvgPool{dims}DBackward0", **HIDDEN)(forward)
    rows.append(row)
    return row


def _adaptive_means(x: np.ndarray, out: Sequence[int]) -> np.ndarray:
    """The mean of every window of an adaptive pool. Sums first, one division at the end: that is exact more often."""
    dims = len(out)
    counts: Any = np.ones((), x.dtype)
    for axis in range(-1, -dims - 1, -1):
        bounds = _bounds(x.shape[axis], out[axis])
        parts = [x[_at(axis, slice(a, b))].sum(axis, keepdims=True) for a, b in bounds]
        counts = counts * _column([b - a for a, b in bounds], axis).astype(x.dtype)
        x = np.concatenate(parts, axis)
    return x / counts


def _unadaptive_means(grad: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    for axis in range(-len(sizes), 0):
        n, out = sizes[axis], grad.shape[axis]
        total = np.zeros((*grad.shape[: grad.ndim + axis], n, *grad.shape[grad.ndim + axis + 1 :]), grad.dtype)
        for i, (a, b) in enumerate(_bounds(n, out)):
            total[_at(axis, slice(a, b))] += grad[_at(axis, slice(i, i + 1))] / grad.dtype.type(b - a)
        grad = total
    return grad


def _adaptive_avg_rows(dims: int) -> Row:
    name = f"_adaptive_avg_pool{dims}d"
    rows: list[Row] = []

    def forward(self, output_size):  # type: ignore[no-untyped-def]
        out = check_adaptive_avg(self, dims, output_size)
        if not math.prod(out) or not self.size:
            return np.zeros((*self.shape[: self.ndim - dims], *out), self.dtype)
        means = _adaptive_means(widened(self), out).astype(self.dtype, copy=False)
        return laid_like(means, self) if dims == 2 else in_rows(means)

    def backward(grad_output, self):  # type: ignore[no-untyped-def]
        grad = _unadaptive_means(widened(grad_output), self.shape[self.ndim - dims :])
        grad = grad.astype(grad_output.dtype, copy=False)
        return laid_like(grad, self) if dims == 2 else in_rows(grad)

    back = op(
        name + "_backward",
        grad={
            "grad_output": lambda grad, grad_output_sizes: rows[0](grad, tuple(grad_output_sizes)[-dims:]),
            "self": lambda grad: nothing(grad),
        },
        tensors="grad_output self",
        node=f"AdaptiveAvgPool{dims}DBackwardBackward0",
        **HIDDEN,
    )(backward)
    row = op(
        name,
        grad={"self": lambda grad, self: back(grad, self)},
        tensors="self",
        node=f"AdaptiveAvgPool{dims}DBackward0",
        **HIDDEN,
    )(forward)
    rows.append(row)
    return row


max_pool = {dims: _max_rows(dims) for dims in (2, 3)}
adaptive_max_pool = {dims: _adaptive_max_rows(dims) for dims in (2, 3)}
avg_pool = {dims: _avg_rows(dims) for dims in (2, 3)}
adaptive_avg_pool = {dims: _adaptive_avg_rows(dims) for dims in (2, 3)}
