"""Methods of Tensor that PyTorch keeps for old programs, and one that numpy has no numbers for."""

from __future__ import annotations

import math
import warnings

from ..graph.function import Function
from ..methods import composite


class Resize(Function):
    """A tensor's elements in another shape with as many elements."""

    @staticmethod
    def forward(ctx, tensor, sizes):
        count = math.prod(sizes) if all(hasattr(n, "__index__") for n in sizes) else None
        if count != tensor.numel():
            wanted, own = "x".join(map(str, sizes)), "x".join(map(str, tensor.shape))
            count = sizes[0] if len(sizes) == 1 else count
            raise RuntimeError(
                f"requested resize to {wanted} ({count} elements in total), but the given tensor has a size of {own} "
                f"({tensor.numel()} elements). autograd's resize can only change the shape of a given tensor, while preserving the "
                "number of elements. "
            )
        ctx.own = tuple(tensor.shape)
        return tensor.contiguous().view(*sizes)

    @staticmethod
    def backward(ctx, grad):
        return grad.contiguous().view(ctx.own), None


@composite(method=True, function=False)
def resize(self, *sizes):
    """The elements in another shape with as many elements. Deprecated: `reshape`."""
    warnings.warn("non-inplace resize is deprecated", stacklevel=3)
    return Resize.apply(self, sizes)


@composite(method=True, function=False)
def resize_as(self, tensor):
    """The elements in the shape of another tensor with as many. Deprecated: `reshape`."""
    warnings.warn("non-inplace resize_as is deprecated", stacklevel=3)
    return Resize.apply(self, tuple(tensor.shape))


@composite(method=True, function=False)
def chalf(self, memory_format=None):
    """NotImplementedError: numpy has no complex numbers with halves as parts."""
    raise NotImplementedError("complex32 is not available: numpy has no complex type of 16-bit parts; use complex64")
