"""Methods of Tensor that PyTorch keeps for old programs, and one that numpy has no numbers for."""

from __future__ import annotations

import math
import warnings

from ..graph.function import Function
from ..methods import composite
from ..storage import memory
from ..tensor import Tensor


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


class TypedStorage:
    """The memory block behind a tensor, as elements of its dtype."""

    __module__ = "torch.storage"
    __slots__ = ("_elements", "device", "dtype")

    def __init__(self, tensor: Tensor) -> None:
        self._elements = memory(tensor._a).reshape(-1).view(tensor._a.dtype)
        self.device, self.dtype = tensor.device, tensor.dtype

    def data_ptr(self):
        """Address of the first element."""
        return self._elements.__array_interface__["data"][0]

    def size(self):
        """Number of elements."""
        return len(self._elements)

    __len__ = size

    def nbytes(self):
        return self._elements.nbytes

    def element_size(self):
        return self._elements.itemsize

    def tolist(self):
        return self._elements.tolist()

    def __iter__(self):
        return iter(self.tolist())

    def __getitem__(self, i):
        return self._elements[i].item()

    def __setitem__(self, i, value):
        self._elements[i] = value

    def __eq__(self, other):
        return isinstance(other, TypedStorage) and (other.data_ptr(), len(other)) == (self.data_ptr(), len(self))

    def __hash__(self):
        return hash(self.data_ptr())

    def __repr__(self):
        body = "\n".join(f" {e}" for e in self.tolist())
        return f"{body}\n[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"


@composite(method=True, function=False)
def storage(self):
    """The memory block behind the tensor, as elements of its dtype. Deprecated: `untyped_storage`."""
    warnings.warn(
        "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. This "
        "should only matter to you if you are using storages directly.  To access UntypedStorage directly, use "
        "tensor.untyped_storage() instead of tensor.storage()",
        stacklevel=3,
    )
    return TypedStorage(self)


@composite(method=True, function=False)
def chalf(self, memory_format=None):
    """NotImplementedError: numpy has no complex numbers with halves as parts."""
    raise NotImplementedError("complex32 is not available: numpy has no complex type of 16-bit parts; use complex64")
