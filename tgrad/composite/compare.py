"""Whole-tensor comparisons and questions about dtypes."""

from __future__ import annotations

import numpy as np

from .. import dtype as dtypes
from .. import shape as shapes
from ..dispatch import into, no_overload
from ..dispatch import result_type as common_type
from ..levels import leading
from ..methods import composite, publish
from ..shape import Size
from ..tensor import Tensor, wrap
from .arguments import is_number, need_tensors

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
    """The dtype that an operation on the two (tensors or numbers) gives.

    >>> torch.result_type(torch.tensor([1, 2]), 1.0)
    torch.float32
    """
    for x in (tensor1, tensor2):
        if not isinstance(x, Tensor) and not is_number(x):
            raise no_overload("result_type", tensor1, tensor2)
    return common_type((tensor1, tensor2))


@composite()
def broadcast_shapes(*shapes):
    """The shape that tensors of the given shapes broadcast to.

    RuntimeError where they do not broadcast.

    >>> torch.broadcast_shapes((2, 1), (3,))
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
    """Whether two tensors have the same sizes and elements.

    The result is a Python bool.

    >>> torch.equal(torch.tensor([1, 2]), torch.tensor([1, 2]))
    True
    """
    need_tensors("equal", input=input, other=other)
    if input._a.shape != other._a.shape:
        return False
    return bool((input._a == other._a).all())


@composite(method=True)
@leading
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Elementwise |input - other| <= atol + rtol * |other|.

    With `equal_nan`, nan is close to nan. RuntimeError for two dtypes or negative tolerances.

    >>> torch.isclose(torch.tensor([1.0, 2.0]), torch.tensor([1.0 + 1e-9, 2.1]))
    tensor([ True, False])
    """
    need_tensors("isclose", input=input, other=other)
    if input._a.dtype != other._a.dtype:
        raise RuntimeError(f"{input.dtype.legacy} did not match {other.dtype.legacy}")
    if rtol < 0:
        raise RuntimeError(f"rtol must be greater than or equal to zero, but got {rtol:g}")
    if atol < 0:
        raise RuntimeError(f"atol must be greater than or equal to zero, but got {atol:g}")
    a, b = input._a, other._a
    shapes.broadcast_shapes(a.shape, b.shape)  # where they do not fit, the words are PyTorch's
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
    """Whether all elements are close in the sense of `isclose`.

    The result is a Python bool.

    >>> torch.allclose(torch.tensor([1.0]), torch.tensor([1.0 + 1e-9]))
    True
    """
    need_tensors("allclose", input=input, other=other)
    return bool(isclose(input, other, rtol, atol, equal_nan)._a.all())


@composite(method=True)
def is_same_size(input, other):
    """Whether the sizes are the same."""
    return input._a.shape == other._a.shape


@composite()
@leading
def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """For each element whether it occurs among `test_elements`.

    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 5]))
    tensor([False,  True, False])
    """
    tensors = [isinstance(x, Tensor) for x in (elements, test_elements)]
    if not any(tensors) or not all(t or is_number(x) for t, x in zip(tensors, (elements, test_elements), strict=True)):
        raise no_overload("isin", elements, test_elements)
    for x in (elements, test_elements):
        if isinstance(x, Tensor) and x.dtype.category in (0, 3):
            raise RuntimeError(f"Unsupported input type encountered for isin(): {x.dtype.legacy}")
    a, b = (x._a if isinstance(x, Tensor) else np.asarray(x) for x in (elements, test_elements))
    r = wrap(np.asarray(np.isin(a, b, assume_unique=assume_unique, invert=invert)))
    return r if out is None else into(out, r, "isin")


@composite(method=True)
@leading
def isreal(input):
    """Whether each element has no imaginary part."""
    return wrap(np.asarray(input._a.imag == 0) if input.is_complex() else np.ones(input._a.shape, np.bool_))


@composite(function=False, method=True)
def sum_to_size(self, *size):
    """Sums over the dimensions along which `size` would be broadcast to this tensor's sizes."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    lead = self._a.ndim - len(shape)
    fits = lead >= 0 and all(n in (1, m) for n, m in zip(shape, self._a.shape[lead:], strict=True))
    if not fits:
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(self._a.shape)}}}.")
    dims = [*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 and self._a.shape[lead + i] != 1)]
    if not shape:
        return self.sum()
    if not dims:
        return self
    r = self.sum(dims, keepdim=True)
    return r.view(shape) if lead else r
