"""Views that show elements more than once: `unfold`'s windows, and any sizes and strides (`as_strided`).

Their derivatives add up what arrives for an element from all the places where it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..shape import wrap_dim
from ..storage import memory, offset, strided, strides
from .spec import op, sizes, view
from .view import as_ints


@view("unfold", grad=dict(self=lambda grad, self_sizes, dimension, size, step: unfold_backward(
    grad, self_sizes, dimension, size, step)), function=False)  # fmt: skip
def unfold(self, dimension, size, step):
    d = wrap_dim(dimension, self.ndim)
    n = self.shape[d] if self.ndim else 1
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    shape, steps = list(self.shape), list(strides(self))
    inner = steps[d] if self.ndim else 1
    if self.ndim:
        shape[d], steps[d] = (n - size) // step + 1, inner * step
    return strided(self, [*shape, size], [*steps, inner])


@op("unfold_backward", grad=dict(grad_in=lambda grad, dim, size, step: unfold(grad, dim, size, step)), tensors="grad_in",
    function=False, method=False)  # fmt: skip
def unfold_backward(grad_in, input_sizes, dim, size, step):
    out = np.zeros(input_sizes, grad_in.dtype)
    if step >= size:  # windows apart from each other: each element is written once
        unfold.array(out, dim, size, step)[...] = grad_in
    else:
        _add_windows(out, grad_in, wrap_dim(dim, len(input_sizes)), size, step)
    return out


def _add_windows(out: np.ndarray, windows: np.ndarray, d: int, size: int, step: int) -> None:
    """Overlapping windows are added back one offset at a time: each offset hits different elements."""
    if out.ndim == 0:
        out[...] = windows[..., 0]
        return
    count = windows.shape[d]
    for k in range(size):
        at = (slice(None),) * d + (slice(k, k + (count - 1) * step + 1, step),)
        out[at] += windows[..., k]


@view("as_strided", grad=dict(self=lambda grad, self_geometry, size, stride, storage_offset: as_strided_backward(
    grad, self_geometry, size, stride, storage_offset)))  # fmt: skip
def as_strided(self, size, stride, storage_offset=None):
    size, stride = as_ints(size), as_ints(stride)
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {sizes(stride)}"
        )
    first = offset(self) if storage_offset is None else storage_offset
    block = memory(self)
    if first < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {first}")
    extent = 0 if 0 in size else 1 + first + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if extent > block.size:
        item = self.dtype.itemsize
        raise RuntimeError(
            f"setStorage: sizes {sizes(size)}, strides {sizes(stride)}, storage offset {first}, and itemsize {item} "
            f"requiring a storage size of {extent * item} are out of bounds for storage of size {block.nbytes}"
        )
    return strided(self, size, stride, first)


@op("as_strided_backward", grad=dict(grad_output=lambda grad, input_geometry, size, stride, storage_offset: restride(
    grad, input_geometry, size, stride, storage_offset)), tensors="grad_output", function=False, method=False)  # fmt: skip
def as_strided_backward(grad_output, input_geometry, size, stride, storage_offset):
    span, to, back, counts = _both_ways(input_geometry, size, stride, storage_offset)
    if back is None:
        return np.zeros(input_geometry[0], grad_output.dtype)
    block = np.zeros(span, grad_output.dtype)
    np.add.at(block, to.reshape(-1), grad_output.reshape(-1))
    return (block if counts is None else block / counts.astype(block.dtype))[back]


@op("as_strided_forward", grad=dict(grad_input=lambda grad, input_geometry, size, stride, storage_offset: as_strided_backward(
    grad, input_geometry, size, stride, storage_offset)), tensors="grad_input", function=False, method=False)  # fmt: skip
def restride(grad_input, input_geometry, size, stride, storage_offset):
    """The transpose of `as_strided_backward`: what the strided view shows of elements laid out as the input is."""
    span, to, back, counts = _both_ways(input_geometry, size, stride, storage_offset)
    block = np.zeros(span, grad_input.dtype)
    if back is not None:
        np.add.at(block, back.reshape(-1), grad_input.reshape(-1))
    return (block if counts is None else block / counts.astype(block.dtype))[to]


def _both_ways(geometry: Any, size: Any, stride: Any, storage_offset: Any) -> tuple[int, Any, Any, Any]:
    """Where the elements of the view and of its input lie in a block that holds both; and, for an input that shows memory
    several times, how often (each element of memory counts once among its copies)."""
    in_size, in_stride, in_offset = geometry
    first = in_offset if storage_offset is None else storage_offset
    low = min(first, in_offset)
    span = max(_last(size, stride, first), _last(in_size, in_stride, in_offset)) - low + 1
    to = _positions(size, stride, first - low)
    if 0 in in_size:
        return max(span, 0), to, None, None
    back = _positions(in_size, in_stride, in_offset - low)
    repeated = (
        any(s == 0 and n > 1 for n, s in zip(in_size, in_stride, strict=True)) or np.unique(back).size != back.size
    )
    counts = np.maximum(np.bincount(back.reshape(-1), minlength=span), 1) if repeated else None
    return span, to, back, counts


def _last(size: Sequence[int], stride: Sequence[int], first: int) -> int:
    return first - 1 if 0 in size else first + sum((n - 1) * s for n, s in zip(size, stride, strict=True))


def _positions(size: Sequence[int], stride: Sequence[int], first: int) -> np.ndarray:
    at = np.full(tuple(size), first, np.int64)
    for d, (n, s) in enumerate(zip(size, stride, strict=True)):
        at += (np.arange(n) * s).reshape((-1,) + (1,) * (len(size) - d - 1))
    return at
