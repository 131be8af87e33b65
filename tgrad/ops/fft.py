"""Discrete Fourier transforms: complex to complex, real to half a spectrum, half a spectrum to real.

Note [Transforms]
PyTorch has three transforms, and `torch.fft`'s functions come down to them. All are linear, so the derivative of each
is another one: that of c2c goes the other way, that of r2c is the real part of c2c over the padded half, and that of c2r
is r2c with the inner coefficients doubled, since each of those stands for its mirror image, too. `normalization` is
0 for none, 1 for 1/sqrt(n), 2 for 1/n, whatever the direction.

Note [The layout of a spectrum]
As where PyTorch calls MKL: dimensions that are not transformed come first, in the order in which they lie in memory,
transformed ones last, the last of them fastest. A transform along the first dimension of a matrix so gives columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtype import from_np
from .pad import constant_pad_nd
from .spec import op

HIDDEN: dict[str, Any] = dict(tensors="self", function=False, method=False)

# Set by the modules that hold the public functions: how many threads share a transform.
threads: Callable[[], int] = lambda: 1
LARGE = 1 << 16  # elements; below that, waking the others takes longer than the work

FORWARD = ("backward", "ortho", "forward")  # scipy's name for a normalization, by direction
INVERSE = ("forward", "ortho", "backward")


def _transformed(
    self: np.ndarray, dims: Sequence[int], run: Callable[[np.ndarray, tuple[int, ...]], np.ndarray]
) -> np.ndarray:
    """`run(array, axes)` over some dimensions, laid out as in Note [The layout of a spectrum]."""
    strides = self.strides
    batch = sorted((d for d in range(self.ndim) if d not in dims), key=lambda d: -strides[d])
    order = [*batch, *dims]
    turned = self.transpose(order)
    r = np.ascontiguousarray(run(turned, tuple(range(len(batch), self.ndim))))
    return r.transpose([order.index(d) for d in range(self.ndim)])


def _refuse(a: np.ndarray) -> None:
    if a.dtype.itemsize == 2:
        raise RuntimeError(f"MKL FFT doesn't support tensors of type: {from_np(a.dtype).legacy}")


def _by_stride(self: np.ndarray, dims: Sequence[int]) -> list[int]:
    return sorted(dims, key=lambda d: -self.strides[d])


@op("_fft_c2c", node="FftC2CBackward0", grad=dict(self=lambda grad, dim, normalization, forward: fft_c2c(
    grad, dim, normalization, not forward)), **HIDDEN)  # fmt: skip
def fft_c2c(self, dim, normalization, forward):
    """The transform of a complex array over dims (positive, in any order)."""
    if not dim:
        return self.copy(order="K")
    import scipy.fft

    if not self.size:
        return _transformed(self, _by_stride(self, dim), lambda a, axes: a.copy())
    fn, norms = (scipy.fft.fftn, FORWARD) if forward else (scipy.fft.ifftn, INVERSE)
    norm, workers = norms[normalization], _workers(self)
    return _transformed(self, _by_stride(self, dim), lambda a, axes: fn(a, axes=axes, norm=norm, workers=workers))


def _workers(a: np.ndarray) -> int:
    return threads() if a.size > LARGE else 1


def _half(a: np.ndarray, axes: tuple[int, ...], norm: str) -> np.ndarray:
    import scipy.fft

    if not a.size:
        return np.zeros((*a.shape[:-1], a.shape[-1] // 2 + 1), np.result_type(a.dtype, np.complex64))
    return scipy.fft.rfftn(a, axes=axes, norm=norm, workers=_workers(a))


@op("_fft_r2c", node="FftR2CBackward0", grad=dict(self=lambda grad, self, dim, normalization, onesided: r2c_slope(
    grad, tuple(self.shape), dim, normalization, onesided)), **HIDDEN)  # fmt: skip
def fft_r2c(self, dim, normalization, onesided):
    """The transform of a real array: of the last of dims only the n // 2 + 1 first coefficients, if `onesided`."""
    _refuse(self)
    dims = [*_by_stride(self, dim[:-1]), dim[-1]]
    norm = FORWARD[normalization]
    if onesided:
        return _transformed(self, dims, lambda a, axes: _half(a, axes, norm))
    return _transformed(self, dims, lambda a, axes: _whole(_half(a, axes, norm), a.shape[-1], axes))


def _whole(half: np.ndarray, n: int, axes: tuple[int, ...]) -> np.ndarray:
    """Both halves of a spectrum: the other one is the mirror image, conjugated."""
    rest = half[..., (n - 1) // 2 : 0 : -1]
    others = axes[:-1]
    if others:  # mirrored about zero along the other dimensions: 0, n - 1, ..., 1
        rest = np.roll(np.flip(rest, others), 1, others)
    return np.concatenate((half, np.conjugate(rest)), -1)


def r2c_slope(grad: Any, sizes: Sequence[int], dim: Sequence[int], normalization: int, onesided: bool) -> Any:
    last = dim[-1]
    missing = sizes[last] - grad.shape[last]
    if onesided and missing:
        grad = constant_pad_nd(grad, [0, 0] * (len(sizes) - 1 - last) + [0, missing], 0)
    return fft_c2c(grad, dim, normalization, False).real


@op("_fft_c2r", node="FftC2RBackward0", grad=dict(self=lambda grad, dim, normalization: inner_twice(
    fft_r2c(grad, dim, normalization, True), dim[-1], grad.shape[dim[-1]])), **HIDDEN)  # fmt: skip
def fft_c2r(self, dim, normalization, last_dim_size):
    """The inverse transform of half a spectrum, real and `last_dim_size` long in the last of dims."""
    import scipy.fft

    a = fft_c2c.array(self, dim[:-1], normalization, False) if len(dim) > 1 else self

    def run(half: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        if not half.size:
            return np.zeros((*half.shape[:-1], last_dim_size), half.real.dtype)
        return scipy.fft.irfft(half, last_dim_size, norm=INVERSE[normalization], workers=_workers(half))

    return _transformed(a, dim[-1:], run)


@op(
    "_fft_inner_twice",
    grad=dict(self=lambda grad, dim, size: inner_twice(grad, dim, size)),
    node="MulBackward0",
    **HIDDEN,
)
def inner_twice(self, dim, size):
    """Half a spectrum of `size` points with the coefficients doubled that have a mirror image."""
    factor = np.ones(self.shape[dim], self.real.dtype)
    factor[1 : 1 + size - self.shape[dim]] = 2
    return self * factor.reshape([-1 if d == dim else 1 for d in range(self.ndim)])
