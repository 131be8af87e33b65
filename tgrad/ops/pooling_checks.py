"""What pooling asks of its arguments, and PyTorch's words for those that do not go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtype import from_np
from ..shape import wrap_dim
from .spec import sizes

_COUNT = {1: "one", 2: "two", 3: "three"}
_AXES = {2: "HW", 3: "THW"}


def full(value: Any, dims: int) -> tuple[int, ...]:
    """One number per dimension; an empty list stays one."""
    if not isinstance(value, (tuple, list)):
        return (value,) * dims
    return tuple(value) * dims if len(value) == 1 else tuple(value)


def _no_kernel(kernel: str, a: np.ndarray) -> NotImplementedError:
    return NotImplementedError(f"\"{kernel}\" not implemented for '{from_np(a.dtype).legacy}'")


def _wrong_length(fn: str, word: str, dims: int) -> RuntimeError:
    """Each of PyTorch's four functions puts it a little differently."""
    omitted = "omitted, " if word == "stride" else ""
    either = "either " if fn != "avg_pool3d" else ""
    must = "must be either" if word == "dilation" else f"must {either}be"
    return RuntimeError(f"{fn}: {word} {must} {omitted}a single int, or a tuple of {_COUNT[dims]} ints")


def pooled_size(n: int, k: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows a dimension of n has. RuntimeError for a stride of zero, or padding that windows may lie in."""
    if stride == 0:
        raise RuntimeError("stride should not be zero")
    if padding < 0:
        raise RuntimeError(f"pad must be non-negative, but got pad: {padding}")
    if padding > int(((k - 1) * dilation + 1) / 2):
        raise RuntimeError(
            f"pad should be at most half of effective kernel size, but got pad={padding}, kernel_size={k} and "
            f"dilation={dilation}"
        )
    out = (n + 2 * padding - dilation * (k - 1) - 1 + (stride - 1 if ceil_mode else 0)) // stride + 1
    # The last window must not begin in the padding at the end.
    return out - 1 if ceil_mode and (out - 1) * stride >= n + padding else out


def check_pool(
    kind: str, x: np.ndarray, dims: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool,
    divisor: Any = None,
) -> tuple[Sequence[int], ...]:  # fmt: skip
    """(kernel, stride, padding, dilation, number of windows), per dimension, of max_pool or avg_pool."""
    fn = f"{kind}_pool{dims}d"
    given = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
    whole = {word: full(value, dims) for word, value in given.items()}
    for word, value in whole.items():
        if len(value) != dims and not (word == "stride" and not value):
            raise _wrong_length(fn, word, dims)
    k, p, d = whole["kernel_size"], whole["padding"], whole["dilation"]
    s = whole["stride"] or k
    if fn == "avg_pool2d":
        if divisor == 0:
            raise RuntimeError("divisor must be not zero")
        for axis in (-3, -2, -1):
            wrap_dim(axis, x.ndim) if x.ndim else _no_dimensions(axis)
    elif x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input")
    if divisor == 0:
        raise RuntimeError("divisor must be not zero")
    n = x.shape[x.ndim - dims :]
    out = tuple(pooled_size(*each, ceil_mode) for each in zip(n, k, s, p, d, strict=True))
    _check_numbers(dims, k, s, d)
    _check_shape(fn, x, dims)
    if fn == "avg_pool3d" and any(size < kernel for size, kernel in zip(n, k, strict=True)):
        raise RuntimeError(
            f"input image ({_named('', '', n, dims)}) smaller than kernel size ({_named('k', '', k, dims)})"
        )
    if any(kernel // 2 < pad for kernel, pad in zip(k, p, strict=True)):
        raise RuntimeError(f"pad should be smaller than or equal to half of kernel size, but got {_pads(k, p, dims)}")
    if any(count < 1 for count in out):
        c = x.shape[x.ndim - dims - 1]
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, (c, *n)))}). Calculated output size: "
            f"({'x'.join(map(str, (c, *out)))}). Output size is too small"
        )
    if kind == "max":
        if x.dtype.kind in "bc":
            raise _no_kernel(fn, x)
    elif (x.dtype.kind in "biuc" and x.dtype != np.int64) or (dims == 3 and x.dtype.itemsize == 2):
        raise _no_kernel(fn if dims == 2 else "avg_pool3d_out_frame", x)
    return k, s, p, d, out


def _no_dimensions(axis: int) -> None:
    raise IndexError(f"Dimension specified as {axis} but tensor has no dimensions")


def _named(before: str, after: str, values: Sequence[int], dims: int) -> str:
    return " ".join(f"{before}{axis}{after}: {v}" for axis, v in zip(_AXES[dims], values, strict=True))


def _pads(k: Sequence[int], p: Sequence[int], dims: int) -> str:
    if dims == 2:
        return f"padW = {p[1]}, padH = {p[0]}, kW = {k[1]}, kH = {k[0]}"
    return f"kT: {k[0]} kW: {k[2]} kH: {k[1]} padT: {p[0]} padW: {p[2]} padH: {p[1]}"


def _check_numbers(dims: int, k: Sequence[int], s: Sequence[int], d: Sequence[int]) -> None:
    for what, before, values in (("kernel size", "k", k), ("stride", "d", s), ("dilation", "dilation", d)):
        if any(v <= 0 for v in values):
            raise RuntimeError(f"{what} should be greater than zero, but got {_named(before, '', values, dims)}")


def _check_shape(fn: str, x: np.ndarray, dims: int) -> None:
    inner = x.shape[1:] if x.ndim == dims + 2 else x.shape
    if dims == 2:
        if x.ndim not in (3, 4) or 0 in inner:
            raise RuntimeError(
                f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{sizes(x.shape)}"
            )
    elif 0 in inner:
        where = "avg_pool3d()" if fn == "avg_pool3d" else "max_pool3d_with_indices_out_cpu_template()"
        raise RuntimeError(
            f"{where}: Expected input's non-batch dimensions to have positive length, but input has a shape of "
            f"{sizes(x.shape)} and non-batch dimension 0 has length zero!"
        )


# ---- adaptive pools, and the way back from a maximum


def check_nonempty(fn: str, shape: Sequence[int], first: int) -> None:
    """Dimensions from `first` on must have elements."""
    for d in range(first, len(shape)):
        if shape[d] == 0:
            raise RuntimeError(
                f"{fn}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{sizes(shape)} with dimension {d} being empty"
            )


def check_adaptive_avg(x: np.ndarray, dims: int, output_size: Any) -> tuple[int, ...]:
    fn = f"adaptive_avg_pool{dims}d"
    if dims == 3:
        check_nonempty(fn, x.shape, 1)
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(f"{fn}(): Expected {dims + 1}D or {dims + 2}D tensor, but got {sizes(x.shape)}")
    check_nonempty(fn, x.shape, x.ndim - dims)
    if x.dtype.kind in "biuc":
        raise _no_kernel(fn if dims == 2 else fn + "_cpu", x)
    return full(output_size, dims)


def check_adaptive_max(x: np.ndarray, dims: int, output_size: Any) -> tuple[int, ...]:
    fn = f"adaptive_max_pool{dims}d"
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(f"{fn}(): Expected {dims + 1}D or {dims + 2}D tensor, but got: {sizes(x.shape)}")
    check_nonempty(fn, x.shape, 1)
    out = full(output_size, dims) if isinstance(output_size, int) else tuple(output_size)
    if len(out) != dims:
        raise RuntimeError(f"{fn}(): internal error: output_size.size() must be {dims}")
    if min(out) < 0:
        shape = (*x.shape[: x.ndim - dims], *out)
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {next(n for n in out if n < 0)}: {sizes(shape)}"
        )
    if x.dtype.kind in "biuc":
        raise _no_kernel(fn if dims == 2 else fn + "_cpu", x)
    return out


def check_unpool(
    x: np.ndarray, indices: np.ndarray, dims: int, output_size: Sequence[int], stride: Sequence[int]
) -> None:
    fn = f"max_unpooling{dims}d"
    if indices.dtype != np.int64:
        got = f" but got: {from_np(indices.dtype).legacy}" if dims == 2 else ""
        raise RuntimeError(f"elements in indices should be type int64{got}")
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Input to {fn} should be a {dims + 1}d or {dims + 2}d Tensor, but got a tensor with {x.ndim} dimensions."
        )
    if x.shape != indices.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({sizes(x.shape)}) but got indices tensor "
            f"with shape: {sizes(indices.shape)}"
        )
    if min(stride) <= 0:
        raise RuntimeError(f"strides should be greater than zero, but got stride: {sizes(stride)}")
    for d in range(1, x.ndim):
        if x.shape[d] == 0:
            raise RuntimeError(
                f"{fn}_forward_out_cpu(): Expected input to have non-zero size for non-batch dimensions, but got "
                f"{sizes(x.shape)} with dimension {d} being empty."
            )
    if x.dtype.kind in "biuc":
        raise _no_kernel(f"max_unpool{dims}d", x)
    volume = int(np.prod(output_size))
    wrong = indices[(indices < 0) | (indices >= volume)]
    if wrong.size:
        raise RuntimeError(
            f"Found an invalid max index: {wrong[-1]} (output volumes are of size {'x'.join(map(str, output_size))})"
        )


def check_fractional(
    x: np.ndarray, dims: int, kernel_size: Any, output_size: Any, samples: np.ndarray
) -> tuple[Sequence[int], Sequence[int]]:
    """(kernel, output size), per dimension, of a fractional max pool."""
    fn = f"fractional_max_pool{dims}d"
    whole = {"kernel_size": full(kernel_size, dims), "output_size": tuple(output_size)}
    for word, value in whole.items():
        if len(value) != dims:
            raise RuntimeError(
                f"{fn}: {word} must either be a single Int or tuple of {'' if dims == 2 else 'three '}Ints"
            )
    k, out = whole["kernel_size"], whole["output_size"]
    fn += "()" if dims == 2 else "_out()"
    if x.ndim not in (dims + 1, dims + 2):
        raise RuntimeError(f"{fn}: Expected {dims + 1}D or {dims + 2}D tensor, but got: {sizes(x.shape)}")
    for d in range(1, x.ndim):
        if x.shape[d] == 0:
            raise RuntimeError(
                f"{fn}: Expected input to have non-zero size for non-batch dimensions, but got{sizes(x.shape)} with dimension "
                f"{d} being empty."
            )
    for word, kernel, many, n in zip(("time", "height", "width")[-dims:], k, out, x.shape[-dims:], strict=True):
        if many + kernel - 1 > n - (dims == 3):  # PyTorch leaves one more free in three dimensions
            raise RuntimeError(f"{fn}: pool {word} {kernel} too large relative to input {word} {n}")
    if min(out) < 0:
        shape = (*x.shape[: x.ndim - dims], *out)
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(out)}: {sizes(shape)}")
    _check_samples(x, dims, samples)
    if x.dtype.kind in "biuc":
        raise _no_kernel(f"fractional_max_pool{dims}d_out_frame", x)
    return k, out


def _check_samples(x: np.ndarray, dims: int, samples: np.ndarray) -> None:
    if samples.dtype != x.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    if samples.ndim != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {samples.ndim}")
    batch = x.shape[0] if x.ndim == dims + 2 else 1
    if samples.shape[0] < batch:
        raise RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    if samples.shape[1] != x.shape[x.ndim - dims - 1]:
        raise RuntimeError("Expect _random_samples.size(1) equals to input channel size.")
    if samples.shape[2] != dims:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {dims}; got {samples.shape[2]}.")
