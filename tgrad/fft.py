"""Discrete Fourier transforms: PyTorch's `torch.fft`, over scipy.fft.

Integers and bools are transformed in the default dtype; float16 and bfloat16 are refused, as by PyTorch on the CPU. A batch
without elements gives an empty result (PyTorch built with MKL raises there).

`norm` says where the factor 1/n goes: "backward" (the default) into the inverse transforms, "forward" into the others,
"ortho" as its root into both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import functions as _F
from .composite.signature import signature as _signature
from .dispatch import exact_into as _exact_into
from .dispatch import into as _into
from .dtype import float32 as _float32
from .dtype import float64 as _float64
from .dtype import get_default_dtype as _default
from .kernels.crew import get_num_threads as _get_num_threads
from .ops import fft as _rows
from .tensor import Tensor

__all__ = [
    "Tensor",
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]  # fmt: skip

_rows.threads = _get_num_threads

_ONE = dict(input="Tensor", n="int?", dim="int", norm="str?", out="Tensor?")
_TWO = dict(input="Tensor", s="ints?", dim="ints", norm="str?", out="Tensor?")
_MANY = dict(input="Tensor", s="ints?", dim="ints?", norm="str?", out="Tensor?")
_NUMBERS = dict(
    n="int",
    d="float",
    out="Tensor?",
    dtype="dtype?",
    layout="any",
    device="any",
    requires_grad="bool",
    pin_memory="any",
)


# ---- what the transforms have in common


def _normalization(norm: str | None, forward: bool) -> int:
    """0, 1 or 2: see Note [Transforms]."""
    if norm is None or norm == "backward":
        return 0 if forward else 2
    if norm == "forward":
        return 2 if forward else 0
    if norm == "ortho":
        return 1
    raise RuntimeError(f'Invalid normalization mode: "{norm}"')


def _floating(input: Any, to_complex: bool = False) -> Any:
    """Numbers that can be transformed: float32 or float64, or complex ones."""
    d = input.dtype
    if d.is_complex:
        return input
    if d.category < 2:
        d = _default()
    if d not in (_float32, _float64):
        raise RuntimeError(f"Unsupported dtype {d.legacy}")
    if to_complex:
        d = d.to_complex()
    return input if d is input.dtype else input.to(d)


def _wrap(dim: int, ndim: int) -> int:
    """As `shape.wrap_dim`, but a 0-d tensor has no dimension to transform."""
    if not ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if not -ndim <= dim < ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    return dim % ndim


def _sized(x: Any, dims: Sequence[int], sizes: Sequence[int]) -> Any:
    """Cut or filled with zeros at the end of dims, to be of these sizes."""
    pad = [0] * (2 * x.ndim)
    for d, n in zip(dims, sizes, strict=True):
        if x.shape[d] > n:
            x = x.narrow(d, 0, n)
        elif x.shape[d] < n:
            pad[2 * (x.ndim - 1 - d) + 1] = n - x.shape[d]
    return _F.constant_pad_nd(x, pad) if any(pad) else x


def _points(n: int) -> None:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")


def _out_is(name: str, out: Any, to_complex: bool) -> None:
    if out is not None and not (out.dtype.is_complex if to_complex else out.dtype.is_floating_point):
        want = "complex" if to_complex else "floating point"
        raise RuntimeError(f"{name} expects a {want} output tensor, but got {out.dtype.legacy}")


def _given(r: Tensor, out: Any, name: str) -> Tensor:
    return r if out is None else _into(out, r, name)


def _shape_and_dims(input: Any, s: Any, dim: Any) -> tuple[list[int], list[int]]:
    """Sizes and dims of a transform over several dimensions: all, the last len(s), or those given."""
    ndim = input.ndim
    dims = None if dim is None else [_wrap(d, ndim) for d in dim]
    if dims is not None and len(set(dims)) < len(dims):
        raise RuntimeError("FFT dims must be unique")
    if s is None:
        dims = list(range(ndim)) if dims is None else dims
        shape = [input.shape[d] for d in dims]
    else:
        if dims is not None and len(dims) != len(s):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
        if len(s) > ndim:
            raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {ndim} dimensions.")
        dims = list(range(ndim - len(s), ndim)) if dims is None else dims
        shape = [input.shape[d] if n == -1 else n for d, n in zip(dims, s, strict=True)]
    for n in shape:
        _points(n)
    return shape, dims


def _half_shape_and_dims(name: str, input: Any, s: Any, dim: Any) -> tuple[list[int], list[int], int]:
    """The same for half a spectrum, and the length of what it is the spectrum of, in the last dim."""
    shape, dims = _shape_and_dims(input, s, dim)
    if not shape:
        raise RuntimeError(f"{name} must transform at least one axis")
    last = 2 * (input.shape[dims[-1]] - 1) if s is None or s[-1] == -1 else shape[-1]
    _points(last)
    shape[-1] = last // 2 + 1
    return shape, dims, last


# ---- along one dimension


def _c2c(name: str, input: Any, n: Any, dim: int, norm: Any, out: Any, forward: bool) -> Tensor:
    _out_is(name, out, True)
    d = _wrap(dim, input.ndim)
    _points(input.shape[d] if n is None else n)
    x = input if n is None else _sized(input, [d], [n])
    return _given(_rows.fft_c2c.record(x, (d,), _normalization(norm, forward), forward), out, "_fft_c2c")


def _r2c(name: str, input: Any, n: Any, dim: int, norm: Any, out: Any, forward: bool, onesided: bool) -> Tensor:
    if input.is_complex():
        raise RuntimeError(f"{name} expects a real input tensor, but got {input.dtype.legacy}")
    _out_is(name, out, True)
    x = _floating(input)
    d = _wrap(dim, x.ndim)
    _points(x.shape[d] if n is None else n)
    if n is not None:
        x = _sized(x, [d], [n])
    r: Any = _rows.fft_r2c.record(x, (d,), _normalization(norm, forward), onesided)
    if forward:
        return _given(r, out, "_fft_r2c")
    return r.conj() if out is None else _exact_into(out, r.conj(), "conj_physical")


def _c2r(name: str, input: Any, n: Any, dim: int, norm: Any, out: Any, forward: bool) -> Tensor:
    _out_is(name, out, False)
    x = _floating(input, True)
    d = _wrap(dim, x.ndim)
    size = 2 * (x.shape[d] - 1) if n is None else n
    _points(size)
    if n is not None:
        x = _sized(x, [d], [n // 2 + 1])
    mode = _normalization(norm, forward)
    return _given(_rows.fft_c2r.record(x.conj() if forward else x, (d,), mode, size), out, "_fft_c2r")


@_signature("fft_fft", **_ONE)
def fft(input, n=None, dim=-1, norm=None, *, out=None):
    """The discrete Fourier transform along `dim`, complex; the signal is cut or padded with zeros to `n` points.

    >>> import tgrad as torch
    >>> torch.fft.fft(torch.arange(4.0))
    tensor([ 6.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    if input.is_complex():
        return _c2c("fft", input, n, dim, norm, out, True)
    return _r2c("fft", input, n, dim, norm, out, True, False)


@_signature("fft_ifft", **_ONE)
def ifft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `fft`."""
    if input.is_complex():
        return _c2c("ifft", input, n, dim, norm, out, False)
    return _r2c("ifft", input, n, dim, norm, out, False, False)


@_signature("fft_rfft", **_ONE)
def rfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The first n // 2 + 1 coefficients of the transform of a real signal; the others are their mirror image."""
    return _r2c("rfft", input, n, dim, norm, out, True, True)


@_signature("fft_irfft", **_ONE)
def irfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `rfft`: a real signal of `n` points, 2 * (size - 1) unless given.

    >>> import tgrad as torch
    >>> torch.fft.irfft(torch.fft.rfft(torch.arange(5.0)), n=5).round()
    tensor([0., 1., 2., 3., 4.])
    """
    return _c2r("irfft", input, n, dim, norm, out, False)


@_signature("fft_hfft", **_ONE)
def hfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The transform, real, of a signal that is the mirror image of its own conjugate, of which `input` is the first half."""
    return _c2r("hfft", input, n, dim, norm, out, True)


@_signature("fft_ihfft", **_ONE)
def ihfft(input, n=None, dim=-1, norm=None, *, out=None):
    """The inverse of `hfft`: the first n // 2 + 1 points of the inverse transform of a real signal."""
    return _r2c("ihfft", input, n, dim, norm, out, False, True)


# ---- along several


def _fftn(input: Any, s: Any, dim: Any, norm: Any, out: Any, forward: bool) -> Tensor:
    shape, dims = _shape_and_dims(input, s, dim)
    x = _floating(input, True)
    _out_is("fftn", out, True)
    x = _sized(x, dims, shape)
    return _given(_rows.fft_c2c.record(x, tuple(dims), _normalization(norm, forward), forward), out, "_fft_c2c")


@_signature("fft_fftn", **_MANY)
def fftn(input, s=None, dim=None, norm=None, *, out=None):
    """The transform over `dim` (all dimensions, or the last len(s)), each cut or padded to its size in `s`; -1 leaves it."""
    return _fftn(input, s, dim, norm, out, True)


@_signature("fft_ifftn", **_MANY)
def ifftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `fftn`."""
    return _fftn(input, s, dim, norm, out, False)


def _rfftn(input: Any, s: Any, dim: Any, norm: Any, out: Any) -> Tensor:
    if input.is_complex():
        raise RuntimeError(f"rfftn expects a real-valued input tensor, but got {input.dtype.legacy}")
    _out_is("rfftn", out, True)
    shape, dims = _shape_and_dims(input, s, dim)
    if not shape:
        raise RuntimeError("rfftn must transform at least one axis")
    x = _sized(_floating(input), dims, shape)
    return _given(_rows.fft_r2c.record(x, tuple(dims), _normalization(norm, True), True), out, "_fft_r2c")


@_signature("fft_rfftn", **_MANY)
def rfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The transform of a real signal over several dimensions, of the last of which half the coefficients are given."""
    return _rfftn(input, s, dim, norm, out)


def _irfftn(input: Any, s: Any, dim: Any, norm: Any, out: Any) -> Tensor:
    shape, dims, last = _half_shape_and_dims("irfftn", input, s, dim)
    _out_is("irfftn", out, False)
    x = _sized(_floating(input, True), dims, shape)
    return _given(_rows.fft_c2r.record(x, tuple(dims), _normalization(norm, False), last), out, "_fft_c2r")


@_signature("fft_irfftn", **_MANY)
def irfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `rfftn`."""
    return _irfftn(input, s, dim, norm, out)


def _hfftn(input: Any, s: Any, dim: Any, norm: Any, out: Any) -> Tensor:
    shape, dims, last = _half_shape_and_dims("hfftn", input, s, dim)
    _out_is("hfftn", out, False)
    x = _sized(_floating(input, True), dims, shape)
    mode = _normalization(norm, True)
    if len(dims) > 1:
        x = _rows.fft_c2c.record(x, tuple(dims[:-1]), mode, True)
    return _given(_rows.fft_c2r.record(x.conj(), tuple(dims[-1:]), mode, last), out, "_fft_c2r")


@_signature("fft_hfftn", **_MANY)
def hfftn(input, s=None, dim=None, norm=None, *, out=None):
    """`hfft` over several dimensions: `fftn` over all but the last, `hfft` along that."""
    return _hfftn(input, s, dim, norm, out)


def _ihfftn(input: Any, s: Any, dim: Any, norm: Any, out: Any) -> Tensor:
    shape, dims = _shape_and_dims(input, s, dim)
    if not shape:
        raise RuntimeError("ihfftn must transform at least one axis")
    if input.is_complex():
        raise RuntimeError(f"Only supports floating-point dtypes, but found: {input.dtype.legacy}")
    _out_is("ihfftn", out, True)
    x = _sized(_floating(input), dims, shape)
    mode = _normalization(norm, False)
    r: Any = _rows.fft_r2c.record(x, tuple(dims[-1:]), mode, True)
    if len(dims) == 1:
        return _given(r.conj(), out, "conj_physical")
    return _given(_rows.fft_c2c.record(_F.conj_physical(r), tuple(dims[:-1]), mode, False), out, "_fft_c2c")


@_signature("fft_ihfftn", **_MANY)
def ihfftn(input, s=None, dim=None, norm=None, *, out=None):
    """The inverse of `hfftn`."""
    return _ihfftn(input, s, dim, norm, out)


@_signature("fft_fft2", **_TWO)
def fft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`fftn` over two dimensions."""
    return _fftn(input, s, dim, norm, out, True)


@_signature("fft_ifft2", **_TWO)
def ifft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`ifftn` over two dimensions."""
    return _fftn(input, s, dim, norm, out, False)


@_signature("fft_rfft2", **_TWO)
def rfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`rfftn` over two dimensions."""
    return _rfftn(input, s, dim, norm, out)


@_signature("fft_irfft2", **_TWO)
def irfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`irfftn` over two dimensions."""
    return _irfftn(input, s, dim, norm, out)


@_signature("fft_hfft2", **_TWO)
def hfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`hfftn` over two dimensions."""
    return _hfftn(input, s, dim, norm, out)


@_signature("fft_ihfft2", **_TWO)
def ihfft2(input, s=None, dim=(-2, -1), norm=None, *, out=None):
    """`ihfftn` over two dimensions."""
    return _ihfftn(input, s, dim, norm, out)


# ---- frequencies, and the zero frequency in the middle


def _frequency_dtype(name: str, dtype: Any, out: Any) -> Any:
    if out is not None and dtype is not None and out.dtype is not dtype:
        raise RuntimeError(f"dtype {dtype.legacy} does not match dtype of out parameter ({out.dtype.legacy})")
    d = dtype or (out.dtype if out is not None else _default())
    if d.category < 2:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    return d


def _counted(n: int, kind: Any, device: Any) -> Any:
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    return _F.arange(n, dtype=kind, device=device)


def _spaced(steps: Any, n: int, d: float, out: Any, requires_grad: bool, name: str) -> Any:
    """Whole numbers as frequencies: divided by the time that n samples at a distance of d take."""
    span = n * d
    steps.mul_(1 / span if span else float("inf"))
    made = steps if out is None else _into(out, steps, name)
    made.requires_grad = requires_grad
    return made


@_signature("fft_fftfreq", **_NUMBERS)
def fftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """The frequencies of the n coefficients of `fft`, for samples at a distance of d: 0, 1, ..., -2, -1, over n * d.

    >>> import tgrad as torch
    >>> torch.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    kind = _frequency_dtype("fftfreq", dtype, out)
    steps = _counted(n, kind, device)
    if n > 1:
        steps[(n + 1) // 2 :] = _F.arange(-(n // 2), 0, dtype=kind)
    return _spaced(steps, n, d, out, requires_grad, "fft_fftfreq")


@_signature("fft_rfftfreq", **_NUMBERS)
def rfftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """The frequencies of the n // 2 + 1 coefficients of `rfft`, for samples at a distance of d."""
    kind = _frequency_dtype("rfftfreq", dtype, out)
    return _spaced(_counted(int(n / 2) + 1, kind, device), n, d, out, requires_grad, "fft_rfftfreq")


def _shifted(input: Any, dim: Any, more: int) -> Any:
    dims = tuple(range(input.ndim)) if dim is None else tuple(_wrap(d, input.ndim) for d in dim)
    return _F.roll(input, tuple((input.shape[d] + more) // 2 for d in dims), dims)


@_signature("fft_fftshift", input="Tensor", dim="ints?")
def fftshift(input, dim=None):
    """Rolled along dim (all dimensions), so that the zero frequency, first as it comes from `fftn`, is in the middle."""
    return _shifted(input, dim, 0)


@_signature("fft_ifftshift", input="Tensor", dim="ints?")
def ifftshift(input, dim=None):
    """The inverse of `fftshift`."""
    return _shifted(input, dim, 1)
