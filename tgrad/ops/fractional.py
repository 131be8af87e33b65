"""Fractional max pooling: windows whose distances differ, by a random number for each channel and dimension."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from .pooling import HIDDEN, collect, flat, scatter, widened
from .pooling_checks import check_fractional
from .spec import Row, nothing, op


def _starts(samples: np.ndarray, n: int, out: int, k: int) -> np.ndarray:
    """Where the windows begin, [N, C, out]: at multiples of a step that is no integer, moved by the sample, rounded down.
    The last window ends with the input. Rounded as PyTorch does it, in the dtype of the samples."""
    dt = samples.dtype.type
    starts = np.empty((*samples.shape, out), np.int64)
    if out > 1:
        step = dt(n - k) / dt(out - 1)
        at = np.arange(out).astype(samples.dtype) + samples[..., None]
        starts[...] = (at * step).astype(np.int64) - (samples * step).astype(np.int64)[..., None]
    if out:
        starts[..., -1] = n - k
    return starts


def _largest(
    x: np.ndarray, samples: np.ndarray, kernel: Sequence[int], out: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Values and indices of [N, C, *sizes]. As in any max pool the first of equals counts, and the last nan."""
    dims = len(kernel)
    sizes = x.shape[2:]
    order = (1, 0) if dims == 2 else (0, 1, 2)  # which sample belongs to which dimension
    at = np.zeros((*x.shape[:2], *out), np.int64)
    inner = [math.prod(sizes[d + 1 :]) for d in range(dims)]
    for d in range(dims):
        starts = _starts(samples[: x.shape[0], :, order[d]], sizes[d], out[d], kernel[d]) * inner[d]
        at += starts.reshape(*x.shape[:2], *(out[d] if e == d else 1 for e in range(dims)))
    elements, at = flat(widened(x), dims), flat(at, dims)
    values, places = np.full(at.shape, -math.inf, elements.dtype), at.copy()
    for offsets in itertools.product(*(range(k) for k in kernel)):
        here = at + sum(j * step for j, step in zip(offsets, inner, strict=True))
        found = np.take_along_axis(elements, here, -1)
        better = (found > values) | (found != found)
        np.copyto(values, found, where=better)
        np.copyto(places, here, where=better)
    shape = (*x.shape[:2], *out)
    return values.astype(x.dtype, copy=False).reshape(shape), places.reshape(shape)


def _rows(dims: int) -> Row:
    name = f"fractional_max_pool{dims}d"

    def forward(self, kernel_size, output_size, random_samples):  # type: ignore[no-untyped-def]
        kernel, out = check_fractional(self, dims, kernel_size, output_size, random_samples)
        x = self if self.ndim == dims + 2 else self[None]
        values, places = _largest(x, random_samples, kernel, out)
        return (values, places) if x is self else (values[0], places[0])

    def backward(grad_output, self, kernel_size, output_size, indices):  # type: ignore[no-untyped-def]
        return scatter(grad_output, indices, self.shape, dims, False)

    back = op(
        name + "_backward",
        grad={"grad_output": lambda grad, indices: collect(grad, indices, dims), "self": lambda grad: nothing(grad)},
        tensors="grad_output self indices",
        node=f"FractionalMaxPool{dims}DBackwardBackward0",
        **HIDDEN,
    )(backward)

    def to_self(grad, self, kernel_size, output_size, result1):  # type: ignore[no-untyped-def]
        return back(grad, self, kernel_size, output_size, result1)

    return op(
        name,
        grad={"self": to_self},
        tensors="self random_samples",
        outputs="output indices",
        undiff="indices",
        node=f"FractionalMaxPool{dims}DBackward0",
        **HIDDEN,
    )(forward)


fractional_max_pool = {dims: _rows(dims) for dims in (2, 3)}
