"""Whole-tensor comparisons and questions about dtypes."""

from __future__ import annotations

import numpy as np

from .. import dtype as dtypes
from ..dispatch import result_type as common_type
from ..methods import composite, publish
from ..ops.view import sum_to
from ..shape import Size
from ..shape import broadcast_shapes as common_shape
from ..tensor import Tensor, wrap

for _f in (
    dtypes.promote_types,
    dtypes.can_cast,
    dtypes.finfo,
    dtypes.iinfo,
    dtypes.get_default_dtype,
    dtypes.set_default_dtype,
):
    publish(_f.__name__, _f)


@composite()
def result_type(tensor1, tensor2):
    """The dtype that an operation on the two (tensors or numbers) gives."""
    return common_type((tensor1, tensor2))


@composite()
def broadcast_shapes(*shapes):
    """The shape that tensors of the given shapes broadcast to.

    >>> broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    full = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    size: list[int] = []
    for i, shape in enumerate(full):
        size = [1] * (len(shape) - len(size)) + size
        for k in range(1, len(shape) + 1):
            n = shape[-k]
            if n < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({n}): ({n})")
            if size[-k] not in (1, n) and n != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {n} at -{k}! Mismatching argument at index {i} had {shape}; but "
                    f"expected shape should be broadcastable to {size}"
                )
            size[-k] = n if size[-k] == 1 else size[-k]
    return Size(size)


@composite(method=True)
def equal(input, other):
    """Whether two tensors have the same sizes and elements."""
    if not isinstance(other, Tensor):
        raise TypeError(f"equal(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
    if input._a.shape != other._a.shape:
        return False
    if input._a.dtype != other._a.dtype:
        raise RuntimeError(
            f"Expected object of data type {input.dtype} but got data type {other.dtype} for argument 'other' in call to equal"
        )
    return bool((input._a == other._a).all())


@composite(method=True)
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Elementwise |input - other| <= atol + rtol * |other|."""
    if input._a.dtype != other._a.dtype:
        raise RuntimeError(f"{input.dtype.legacy} did not match {other.dtype.legacy}")
    if rtol < 0:
        raise RuntimeError(f"rtol must be greater than or equal to zero, but got {rtol:g}")
    if atol < 0:
        raise RuntimeError(f"atol must be greater than or equal to zero, but got {atol:g}")
    a, b = input._a, other._a
    if a.dtype.kind in "biu" and not (rtol or atol):
        return wrap(np.equal(a, b))
    with np.errstate(all="ignore"):
        close = np.equal(a, b)
        if equal_nan and a.dtype.kind in "fc":
            close = close | ((a != a) & (b != b))
        wide = a.dtype if a.dtype.kind in "fc" else np.dtype(np.float64)
        x, y = a.astype(wide, copy=False), b.astype(wide, copy=False)
        room = atol + np.abs(rtol * y)
        gap = np.abs(x - y)
        close = close | (np.isfinite(gap) & (gap <= room))
    return wrap(np.asarray(close))


@composite(method=True)
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close in the sense of `isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan)._a.all())


@composite(method=True)
def is_same_size(input, other):
    """Whether the sizes are the same."""
    return input._a.shape == other._a.shape


@composite()
def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """For each element whether it occurs among `test_elements`."""
    a = elements._a if isinstance(elements, Tensor) else np.asarray(elements)
    b = test_elements._a if isinstance(test_elements, Tensor) else np.asarray(test_elements)
    return wrap(np.asarray(np.isin(a, b, assume_unique=assume_unique, invert=invert)))


@composite(method=True)
def isreal(input):
    """Whether each element has no imaginary part."""
    return wrap(np.asarray(input._a.imag == 0) if input.is_complex() else np.ones(input._a.shape, np.bool_))


@composite(function=False, method=True)
def sum_to_size(self, *size):
    """Sums over the dimensions along which `size` would be broadcast to this tensor's sizes."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    if common_shape(self._a.shape, shape) != self._a.shape:
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(self._a.shape)}}}.")
    return sum_to(self, shape)
