"""Writing into tensors: copy_, fill_, zero_, and changing a tensor's memory or geometry in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import levels
from ..dispatch import as_number, bad_argument, check_writable, commit, inplace, inplace_node, needs_grad
from ..dtype import from_np
from ..graph.history import check_inplace
from ..graph.modes import state
from ..methods import composite, missing, publish
from ..ops import view as views
from ..ops.linalg import cpp_name
from ..ops.spec import REQUIRED, ROWS, Row, op
from ..shape import broadcast_shapes, contiguous_strides
from ..storage import UntypedStorage, blank, memory, strided
from ..tensor import Tensor
from .arguments import is_number


@composite(function=False, method=True)
def copy_(self, src, non_blocking=False):
    """Copies the elements of `src`, broadcast and converted, into this tensor. Recorded as CopyBackwards.

    >>> torch.zeros(2).copy_(torch.tensor([1, 2]))
    tensor([1., 2.])
    """
    if not isinstance(src, Tensor):
        raise TypeError(f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}")
    recording = state.grad and needs_grad((self, src))
    check_writable(self, recording or (state.grad and self._rg))
    shape = broadcast_shapes(self._a.shape, src._a.shape)
    if shape != self._a.shape:
        raise RuntimeError(f"output with shape {list(self._a.shape)} doesn't match the broadcast shape {list(shape)}")
    if state.levels and (got := levels.transformed("inplace", copy_row, (self, src), {})) is not NotImplemented:
        return got
    node = inplace_node(copy_row, (self, src), {}) if recording else None
    a = src._a
    if a.dtype != self._a.dtype:
        a = views.to_copy.array(a, self.dtype)
    self._a[...] = a
    commit(self, node, copy_row)
    return self


def _drop(grad: Any) -> Any:
    return grad.new_zeros(grad.shape) if isinstance(grad, Tensor) else np.zeros_like(grad)


@op("copy", grad=dict(self=lambda grad: _drop(grad), src=lambda grad, src_sizes: views.sum_to(grad, src_sizes)), node="CopyBackwards",
    function=False, method=False)  # fmt: skip
def copy_row(self, src):
    return np.broadcast_to(src, self.shape).astype(self.dtype)


@composite(method=True)
def fill_(input, value):
    """Sets every element to `value` (a number or 0-d tensor).

    >>> torch.zeros(2).fill_(3)
    tensor([3., 3.])
    """
    if isinstance(value, Tensor):
        _one_value(value, "fill_")
        return inplace(fill_tensor_inplace, (input, value), {})
    return inplace(fill_inplace, (input,), {"value": _number(input, value, "fill_")})


def _one_value(value: Tensor, name: str) -> None:
    if value._a.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value._a.ndim} dimensions."
        )


def _number(input: Tensor, value: Any, name: str) -> Any:
    """A Python number in the dtype of `input`; RuntimeError if it does not fit."""
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (bool, int, float, complex)):
        raise TypeError(f"{name}(): argument 'value' (position 1) must be Number, not {type(value).__name__}")
    if isinstance(value, complex) and not input.is_complex():
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {cpp_name(input._a)} without overflow")
        value = value.real
    return as_number(value, input.dtype)


def _filled(self: Any, value: Any) -> Any:
    out = blank(self)
    out[...] = value
    return out


@op(
    "fill.Scalar",
    grad=dict(self=lambda grad: _drop(grad)),
    tensors="self",
    node="FillBackward0",
    function=False,
    method=False,
)
def fill_row(self, value):
    return _filled(self, value)


def _value_grad(grad: Any) -> Any:
    return views.total(grad) if isinstance(grad, np.ndarray) else grad.sum()


@op("fill.Tensor", grad=dict(self=lambda grad: _drop(grad), value=lambda grad: _value_grad(grad)), node="FillBackward1",
    function=False, method=False)  # fmt: skip
def fill_tensor(self, value):
    return _filled(self, views.to_copy.array(value, from_np(self.dtype)) if value.dtype != self.dtype else value)


fill_inplace = Row(
    "fill_.Scalar", fill_row.array, family="op", grad=dict(self=lambda grad: _drop(grad)), tensors="self", node="FillBackward2",
    function=False, method=False,
)  # fmt: skip
fill_tensor_inplace = Row(
    "fill_.Tensor", fill_tensor.array, family="op", grad=dict(self=lambda grad: _drop(grad), value=lambda grad: _value_grad(grad)),
    node="FillBackward3", function=False, method=False,
)  # fmt: skip


@composite()
def fill(input, value):
    """A tensor like `input` with every element set to `value` (a number or 0-d tensor)."""
    if isinstance(value, Tensor):
        _one_value(value, "fill")
        return fill_tensor.record(input, value)
    return fill_row.record(input, _number(input, value, "fill"))


@op(
    "zero", grad=dict(self=lambda grad: _drop(grad)), tensors="self", node="ZeroBackward0", function=False, method=False
)
def zero_row(self):
    return 0


@composite(method=True)
def zero_(input):
    """Sets every element to zero.

    >>> torch.ones(2).zero_()
    tensor([0., 0.])
    """
    return inplace(zero_row, (input,), {})


@composite(function=False, method=True)
def fill_diagonal_(self, fill_value=REQUIRED, wrap=False):
    """Writes a number along the main diagonal of a matrix (or of a tensor whose dimensions are all equal)."""
    if fill_value is REQUIRED:
        raise missing("fill_diagonal_", ["fill_value"])
    if not is_number(fill_value) and not (isinstance(fill_value, Tensor) and fill_value.dim() == 0):
        raise bad_argument("fill_diagonal_", 1, "fill_value", fill_value, "Number")
    if self.dim() < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.dim() > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    if self.dim() == 2 and not wrap:
        self.diagonal().fill_(fill_value)
    elif self.dim() == 2:
        n, m = self.shape
        for start in range(0, n, m + 1):  # below each full block of a tall matrix the diagonal begins anew
            self[start : start + m].diagonal().fill_(fill_value)
    else:
        step = sum(self.stride())
        self.as_strided((self.shape[0],), (step,), self.storage_offset()).fill_(fill_value)
    return self


# ---- geometry in place: the tensor object becomes a view of what it was


def _squeezed(self: Tensor, dim: Any = None) -> tuple[str, tuple[Any, ...]]:
    if dim is None:
        return "squeeze_.all", ()
    return ("squeeze_.dims" if isinstance(dim, (tuple, list)) else "squeeze_.dim"), (dim,)


def _swapped(self: Tensor, dim0: int, dim1: int) -> tuple[str, tuple[Any, ...]]:
    return "transpose_.int", (dim0, dim1)


def _restrided(self: Tensor, size: Any, stride: Any, storage_offset: Any = None) -> tuple[str, tuple[Any, ...]]:
    return "as_strided_", (size, stride, storage_offset)


def _regeometry(name: str, choose: Any) -> None:
    """An in-place view: the tensor object shows its memory with other sizes and strides from now on."""

    @composite(name=name, method=True, function=name == "as_strided_")
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        recording = state.grad and needs_grad((self,))
        if recording:
            check_inplace(self, True)
        row, params = choose(self, *args, **kwargs)
        before = self._alias(self._node)
        before._rg = self._rg
        out = ROWS[row].record(before, *params)
        self._a = out._a
        self._bump()
        if self._x is not None and self._vc is not None:
            self._x.version = self._vc.n
        if recording:
            self._node = out._node
        return self

    method.__doc__ = f"In-place form of `{name[:-1]}`: only the tensor's sizes and strides change."


for _name, _choose in {
    "transpose_": _swapped, "swapaxes_": _swapped, "swapdims_": _swapped, "t_": lambda self: ("t_", ()), "squeeze_": _squeezed,
    "unsqueeze_": lambda self, dim: ("unsqueeze_", (dim,)), "as_strided_": _restrided,
}.items():  # fmt: skip
    _regeometry(_name, _choose)


@composite(function=False, method=True)
def resize_(self, *size, memory_format=None):
    """Changes the sizes in place, keeping the leading elements of the memory; it grows as needed (new elements: anything). With the sizes
    that the tensor has it keeps its strides, unless a memory format says how it shall lie."""
    shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    steps = _steps(shape, getattr(memory_format, "name", "contiguous_format"))
    n = int(np.prod(shape, dtype=np.int64))
    a = self._a
    block = memory(a)
    first = self.storage_offset()
    if first + n > block.size:
        grown = np.zeros(first + n, a.dtype)
        grown[: block.size] = block
        self._a = strided(grown, shape, steps, first)
    elif shape != a.shape or memory_format is not None:
        self._a = strided(a, shape, steps, first)
    return self


def _steps(shape: tuple[int, ...], fmt: str) -> tuple[int, ...]:
    """The strides of a dense tensor in a memory format."""
    if fmt == "contiguous_format":
        return contiguous_strides(shape)
    if fmt == "preserve_format":
        raise RuntimeError("Unsupported memory formatPreserve")
    rank = 4 if fmt == "channels_last" else 5
    if len(shape) != rank:
        raise RuntimeError(f"required rank {rank} tensor to use {fmt} format")
    moved = contiguous_strides((shape[0], *shape[2:], shape[1]))
    return (moved[0], moved[-1], *moved[1:-1])


@composite(function=False, method=True)
def module_load(self, other, assign=False):
    """What a module puts in the place of this tensor when it loads `other`: `other` itself with `assign`, else this one with its values."""
    return other.detach() if assign else self.copy_(other).detach()


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
def is_set_to(self, tensor):
    """Whether both show the same memory with the same sizes and strides."""
    a, b = self._a, tensor._a
    same = (
        a.shape == b.shape and a.strides == b.strides and a.__array_interface__["data"] == b.__array_interface__["data"]
    )
    return same and a.dtype == b.dtype


@composite(function=False, method=True)
def apply_(self, callable):
    """Replaces each element by `callable(element)`, in Python; slow."""
    if self.requires_grad:
        raise RuntimeError("Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead.")
    it = np.nditer(self._a, flags=["multi_index", "zerosize_ok"], op_flags=[["readwrite"]])
    for x in it:
        x[...] = callable(x.item())  # type: ignore[index,attr-defined]
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
