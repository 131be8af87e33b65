"""Writing into tensors: copy_, fill_, zero_, and changing a tensor's memory or geometry in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import as_number, check_writable, commit, inplace, inplace_node, needs_grad
from ..graph.modes import state
from ..methods import attach, composite, publish
from ..ops import view as views
from ..ops.spec import op
from ..shape import broadcast_shapes, contiguous_strides
from ..storage import UntypedStorage, memory, strided
from ..tensor import Tensor


@composite(function=False, method=True)
def copy_(self, src, non_blocking=False):
    """Copies the elements of `src`, broadcast and converted, into this tensor. Recorded as CopyBackwards."""
    if not isinstance(src, Tensor):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    shape = broadcast_shapes(self._a.shape, src._a.shape)
    if shape != self._a.shape:
        raise RuntimeError(
            f"The size of tensor a ({self._a.shape[-1] if self._a.ndim else 1}) must match the size of tensor b "
            f"({src._a.shape[-1] if src._a.ndim else 1}) at non-singleton dimension {max(self._a.ndim, src._a.ndim) - 1}"
        )
    recording = state.grad and needs_grad((self, src))
    check_writable(self, recording or (state.grad and self._rg))
    node = inplace_node(copy_row, (self, src), {}) if recording else None
    a = src._a
    if a.dtype != self._a.dtype:
        a = views.to_copy.array(a, self.dtype)
    self._a[...] = a
    commit(self, node, copy_row)
    return self


def _drop(grad: Any) -> Any:
    return grad * 0 if isinstance(grad, Tensor) else np.zeros_like(grad)


@op("copy", grad=dict(self=lambda grad: _drop(grad), src=lambda grad, src_sizes: views.sum_to(grad, src_sizes)), node="CopyBackwards",
    function=False, method=False)  # fmt: skip
def copy_row(self, src):
    return np.broadcast_to(src, self.shape).astype(self.dtype)


@composite(method=True)
def fill_(input, value):
    """Sets every element to `value` (a number or 0-d tensor)."""
    if isinstance(value, Tensor):
        if value._a.ndim:
            raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value._a.ndim} dimensions.")
        if value.requires_grad and state.grad:
            return input.copy_(value.expand(input.shape))
        value = value.item()
    if not isinstance(value, (bool, int, float, complex, np.generic)):
        raise TypeError(f"fill_(): argument 'value' (position 1) must be Number, not {type(value).__name__}")
    if isinstance(value, complex) and not input.is_complex():
        raise RuntimeError("value cannot be converted to type " + input.dtype.name + " without overflow")
    return inplace(fill_row, (input,), {"value": as_number(value, input.dtype)})


@op("fill.scalar", grad=dict(self=lambda grad: _drop(grad)), tensors="self", node="FillBackward0", function=False, method=False)
def fill_row(self, value):
    return value


@composite()
def fill(input, value):
    """A tensor like `input` with every element set to `value`."""
    return input.clone().fill_(value)


@op("zero", grad=dict(self=lambda grad: _drop(grad)), tensors="self", node="ZeroBackward0", function=False, method=False)
def zero_row(self):
    return 0


@composite(method=True)
def zero_(input):
    """Sets every element to zero."""
    return inplace(zero_row, (input,), {})


@composite(function=False, method=True)
def fill_diagonal_(self, fill_value, wrap=False):
    """Writes a number along the main diagonal of a matrix (or of a tensor whose dimensions are all equal)."""
    if self.dim() < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.dim() > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    if self.dim() == 2 and not wrap:
        self.diagonal().fill_(fill_value)
    elif self.dim() == 2:
        n, m = self.shape
        flat = self.view(-1) if self.is_contiguous() else None
        if flat is None:
            np.fill_diagonal(self._a, fill_value, wrap=True)
            self._bump()
        else:
            flat[:: m + 1].fill_(fill_value)
    else:
        step = sum(self.stride())
        self.as_strided((self.shape[0],), (step,), self.storage_offset()).fill_(fill_value)
    return self


# ---- geometry in place: the tensor object becomes a view of what it was


def _regeometry(name: str, make: Any) -> None:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if state.grad and self._rg and self._node is None:
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        out = make(self._alias(self._node), *args, **kwargs)
        self._a = out._a
        self._bump()
        if self._rg and state.grad:
            self._node = out._node
        return self

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In-place form of `{name[:-1]}`: only the tensor's sizes and strides change."
    attach(name, method)


for _name in ("transpose_", "t_", "squeeze_", "unsqueeze_", "as_strided_", "swapaxes_", "swapdims_"):
    _regeometry(_name, lambda x, *a, _n=_name[:-1], **k: getattr(x, _n)(*a, **k))
publish("as_strided_", lambda input, *a, **k: input.as_strided_(*a, **k))


@composite(function=False, method=True)
def resize_(self, *size, memory_format=None):
    """Changes the sizes in place, keeping the leading elements of the memory; it grows as needed (new elements: anything)."""
    shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    n = int(np.prod(shape, dtype=np.int64))
    a = self._a
    block = memory(a)
    first = self.storage_offset()
    if first + n > block.size:
        grown = np.zeros(first + n, a.dtype)
        grown[: block.size] = block
        self._a = grown[first : first + n].reshape(shape)
    else:
        self._a = strided(a, shape, contiguous_strides(shape), first)
    return self


@composite(function=False, method=True)
def resize_as_(self, the_template, memory_format=None):
    """`resize_` to the sizes of another tensor."""
    return self.resize_(the_template.shape)


publish("resize_as_", resize_as_)


@composite(function=False, method=True)
def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Makes this tensor show other memory: a tensor's, or a storage's with sizes and strides."""
    if source is None:
        self._a = np.empty(0, self._a.dtype)
        return self
    if isinstance(source, UntypedStorage):
        block = source._block[: source.nbytes() // self._a.itemsize * self._a.itemsize].view(self._a.dtype)
        shape = tuple(size) if size is not None else (block.size,)
        steps = tuple(stride) if stride is not None else contiguous_strides(shape)
        self._a = strided(block, shape, steps, storage_offset)
    elif size is not None:
        self._a = strided(source._a, tuple(size), tuple(stride or contiguous_strides(size)), storage_offset)
    else:
        self._a = source._a
    return self


@composite(function=False, method=True)
def apply_(self, callable):
    """Replaces each element by `callable(element)`, in Python; slow."""
    if self.requires_grad:
        raise TypeError("Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead.")
    it = np.nditer(self._a, flags=["multi_index", "zerosize_ok"], op_flags=[["readwrite"]])
    for x in it:
        x[...] = callable(x.item())
    self._bump()
    return self


@composite(function=False, method=True)
def map_(self, tensor, callable):
    """Replaces each element by `callable(element, other)`, in Python; slow."""
    other = np.broadcast_to(tensor._a, self._a.shape)
    for i in np.ndindex(self._a.shape):
        self._a[i] = callable(self._a[i].item(), other[i].item())
    self._bump()
    return self


