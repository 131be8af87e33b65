"""Views: other shapes and strides over the same memory, and the copies that undo them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtype import from_np
from ..shape import expand_strides, infer_size, view_strides, wrap_dim, wrap_dims
from ..storage import blank, dense, memory, offset, strided, strides
from .layout import formatted, laid_like, restrided
from .spec import CASTS, TensorBase, in_rows, op, sizes, view


def as_ints(values: Any) -> tuple[int, ...]:
    return tuple([v if type(v) is int else int(v) for v in values])


def total(a: np.ndarray, dims: Any = None, keepdims: bool = False) -> np.ndarray:
    """The sum over some dimensions (all, for None) in a's own dtype; halves are added up in float32."""
    if a.dtype.itemsize == 2 and a.dtype.kind not in "iu":
        return np.asarray(np.add.reduce(a, axis=dims, keepdims=keepdims, dtype=np.float32)).astype(a.dtype)
    return np.asarray(np.add.reduce(a, axis=dims, keepdims=keepdims, dtype=a.dtype))


def sum_to(grad: Any, shape: Sequence[int]) -> Any:
    """Undoes broadcasting: sums `grad` (array or Tensor) over the dimensions along which `shape` was repeated."""
    if tuple(grad.shape) == tuple(shape):
        return grad
    if type(grad) is np.ndarray and grad.ndim == 2 and grad.shape[1:] == shape and grad.dtype.char in "fd":  # a bias
        return np.add.reduce(grad, axis=0)
    lead = grad.ndim - len(shape)
    dims = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and grad.shape[i + lead] != 1)
    if isinstance(grad, np.ndarray):
        out = total(grad, dims, True) if dims else grad
        return out.reshape(shape)
    return grad.sum(dims, keepdim=True).reshape(shape) if dims else grad.reshape(shape)


def _covers(size: Any, count: int) -> bool:
    """Whether sizes are plain numbers, without -1, for so many elements."""
    known = 1
    for n in size:
        if type(n) is not int or n < 0:
            return False
        known *= n
    return known == count


@view("view", grad=dict(self=lambda grad, self_sizes: reshape(grad, self_sizes)), variadic="size", function=False)
def view_(self, size):
    if self.flags.c_contiguous and _covers(size, self.size):
        return self.reshape(size)
    size = infer_size(as_ints(size), self.size)
    steps = view_strides(self.shape, strides(self), size)
    if steps is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return self.reshape(size) if self.flags.c_contiguous else strided(self, size, steps)


def reshape(x: Any, size: Sequence[int]) -> Any:
    """`x.reshape(size)` for arrays and Tensors alike."""
    return x.reshape(size)


@view("_reshape_alias", grad=dict(self=lambda grad, self_sizes: reshape(grad, self_sizes)), node="ReshapeAliasBackward0",
      function=False, method=False)  # fmt: skip
def reshape_alias(self, size):
    steps = view_strides(self.shape, strides(self), size)
    assert steps is not None
    return strided(self, size, steps)


@view("expand", grad=dict(self=lambda grad, self_sizes: sum_to(grad, self_sizes)), variadic="size", function=False)
def expand(self, size, *, implicit=False):
    size = as_ints(size)
    if len(size) < self.ndim:
        raise RuntimeError(
            f"expand(torch.{from_np(self.dtype).legacy}Tensor{{{sizes(self.shape)}}}, size={sizes(size)}): the number of sizes provided "
            f"({len(size)}) must be greater or equal to the number of dimensions in the tensor ({self.ndim})"
        )
    shape, steps = expand_strides(self.shape, strides(self), size)
    return strided(self, shape, steps)


def spread(x: Any, size: tuple[int, ...]) -> Any:
    """`expand` as derivatives of full reductions need it: one number repeated, for an array without the general checks."""
    if isinstance(x, TensorBase):
        return x.expand(size)  # type: ignore[attr-defined]
    if type(x) is not np.ndarray:
        x = np.asarray(x)
    return np.ndarray(size, x.dtype, x, 0, (0,) * len(size)) if not x.ndim else expand.array(x, size)


@view("transpose.int", grad=dict(self=lambda grad, dim0, dim1: transpose(grad, dim0, dim1)), node="TransposeBackward0",
      function=False, method=False)  # fmt: skip
def transpose(self, dim0, dim1):
    d0, d1 = wrap_dim(dim0, self.ndim), wrap_dim(dim1, self.ndim)
    return self.swapaxes(d0, d1) if self.ndim else self[...]


@view("t", grad=dict(self=lambda grad: t(grad)), node="TBackward0")
def t(self):
    if self.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {self.ndim}D")
    return self.T


@view("permute", grad=dict(self=lambda grad, dims: permute(grad, _inverse(dims))), variadic="dims")
def permute(self, dims):
    dims = as_ints(dims)
    if len(dims) != self.ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering "
            f"of dimensions i.e. input.dim() = {self.ndim} is not equal to len(dims) = {len(dims)}"
        )
    order = [wrap_dim(d, self.ndim) for d in dims]
    if len(set(order)) != len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return self.transpose(order)


def _inverse(dims: Sequence[int]) -> list[int]:
    out = [0] * len(dims)
    for i, d in enumerate(dims):
        out[d if d >= 0 else d + len(dims)] = i
    return out


@view("squeeze.all", grad=dict(self=lambda grad, self_sizes: unsqueezed(grad, self_sizes)), node="SqueezeBackward0",
      function=False, method=False)  # fmt: skip
def squeeze(self):
    return self[tuple([0 if n == 1 else slice(None) for n in self.shape]) + (Ellipsis,)]


@view("squeeze.dim", grad=dict(self=lambda grad, self_sizes, dim: unsqueezed(grad, self_sizes, dim)), node="SqueezeBackward1",
      function=False, method=False)  # fmt: skip
def squeeze_dim(self, dim):
    d = wrap_dim(dim, self.ndim)
    if self.ndim and self.shape[d] == 1:
        return self[(slice(None),) * d + (0, Ellipsis)]
    return self[...]


@view("squeeze.dims", grad=dict(self=lambda grad, self_sizes, dim: unsqueezed(grad, self_sizes, dim)), node="SqueezeBackward2",
      function=False, method=False)  # fmt: skip
def squeeze_dims(self, dim):
    dims = wrap_dims(tuple(dim), self.ndim) if tuple(dim) else ()
    return self[tuple([0 if i in dims and n == 1 else slice(None) for i, n in enumerate(self.shape)]) + (Ellipsis,)]


def unsqueezed(x: Any, size: Sequence[int], dim: Any = None) -> Any:
    """Puts back the dimensions of size 1 that `x` has lost of `size`, all or those that `dim` names; recorded one by one, as PyTorch does."""
    if not isinstance(x, TensorBase):
        return x.reshape(size)
    dims = range(len(size)) if dim is None else sorted(wrap_dims(dim, len(size))) if size else ()
    for d in dims:
        if size[d] == 1:
            x = unsqueeze(x, d)
    return x


@view("unsqueeze", grad=dict(self=lambda grad, dim: squeeze_dim(grad, dim)))
def unsqueeze(self, dim):
    d = wrap_dim(dim, self.ndim + 1)
    # numpy gives a new dimension stride 0; PyTorch gives it the stride of a contiguous one
    shape, steps = list(self.shape), list(strides(self))
    step = shape[d] * steps[d] if d < self.ndim else 1
    shape.insert(d, 1)
    steps.insert(d, step)
    return strided(self, shape, steps)


@view("select.int", grad=dict(self=lambda grad, self_sizes, dim, index: select_backward(grad, self_sizes, dim, index)),
      node="SelectBackward0", function=False, method=False)  # fmt: skip
def select(self, dim, index):
    if self.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    if dim == 0 and type(index) is int and -len(self) <= index < len(self):
        return self[index, ...]
    d = wrap_dim(dim, self.ndim)
    n = self.shape[d]
    i = int(index)
    if not -n <= i < n:
        raise IndexError(f"select(): index {i} out of range for tensor of size {sizes(self.shape)} at dimension {d}")
    return self[(slice(None),) * d + (i, Ellipsis)]


@op("select_backward", grad=dict(grad_output=lambda grad, dim, index: select(grad, dim, index)), method=False,
    tensors="grad_output", function=False)  # fmt: skip
def select_backward(grad_output, input_sizes, dim, index):
    out = np.zeros(input_sizes, grad_output.dtype)
    d = wrap_dim(dim, len(input_sizes))
    out[(slice(None),) * d + (int(index),)] = grad_output
    return out


def _clip_slice(n: int, start: Any, end: Any) -> tuple[int, int]:
    lo = 0 if start is None else int(start)
    hi = n if end is None else int(end)
    lo = max(lo + n, 0) if lo < 0 else min(lo, n)
    hi = max(hi + n, 0) if hi < 0 else min(hi, n)
    return lo, max(hi, lo)


@view("slice", grad=dict(self=lambda grad, self_sizes, dim, start, end, step: slice_backward(
    grad, self_sizes, dim, start, end, step)), function=False, method=False)  # fmt: skip
def slice_(self, dim=0, start=None, end=None, step=1):
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    d = wrap_dim(dim, self.ndim)
    lo, hi = _clip_slice(self.shape[d], start, end)
    part = self[(slice(None),) * d + (slice(lo, hi, step),)]
    if part.size:
        return part
    # numpy starts an empty slice anywhere; PyTorch where it would have begun
    steps = list(strides(self))
    first = min(offset(self) + lo * steps[d], memory(self).size)
    steps[d] *= step
    return strided(self, part.shape, steps, first)


@op("slice_backward", grad=dict(grad_output=lambda grad, dim, start, end, step: slice_(grad, dim, start, end, step)),
    tensors="grad_output", function=False, method=False)  # fmt: skip
def slice_backward(grad_output, input_sizes, dim, start, end, step):
    out = np.zeros(input_sizes, grad_output.dtype)
    d = wrap_dim(dim, len(input_sizes))
    lo, hi = _clip_slice(input_sizes[d], start, end)
    out[(slice(None),) * d + (slice(lo, hi, step),)] = grad_output
    return out


@view("diagonal", grad=dict(self=lambda grad, self_sizes, offset, dim1, dim2: diagonal_backward(
    grad, self_sizes, offset, dim1, dim2)))  # fmt: skip
def diagonal(self, offset=0, dim1=0, dim2=1):
    d1, d2 = wrap_dim(dim1, self.ndim), wrap_dim(dim2, self.ndim)
    if d1 == d2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    out = np.diagonal(self, offset, d1, d2)
    steps = strides(out)
    return strided(self, out.shape, steps, None) if out.size == 0 else _writable(self, out)


def _writable(of: np.ndarray, part: np.ndarray) -> np.ndarray:
    """numpy hands out diagonals read-only; ours is a view like any other."""
    block = memory(of)
    at = part.__array_interface__["data"][0] - block.__array_interface__["data"][0]
    return np.ndarray(part.shape, part.dtype, block, at, part.strides)


@op("diagonal_backward", grad=dict(grad_output=lambda grad, offset, dim1, dim2: diagonal(grad, offset, dim1, dim2)),
    tensors="grad_output", function=False, method=False)  # fmt: skip
def diagonal_backward(grad_output, input_sizes, offset, dim1, dim2):
    out = np.zeros(input_sizes, grad_output.dtype)
    diagonal.array(out, offset, dim1, dim2)[...] = grad_output
    return out


@view(
    "unbind.int",
    grad=dict(self=lambda grads, dim: stack(grads, dim)),
    node="UnbindBackward0",
    function=False,
    method=False,
)
def unbind(self, dim=0):
    if self.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    d = wrap_dim(dim, self.ndim)
    lead = (slice(None),) * d
    return [self[(*lead, i, Ellipsis)] for i in range(self.shape[d])]


@view(
    "split.size",
    grad=dict(self=lambda grads, dim: cat(grads, dim)),
    node="SplitBackward0",
    function=False,
    method=False,
)
def split(self, split_size, dim=0):
    if self.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if split_size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={split_size}")
    d = wrap_dim(dim, self.ndim)
    n = self.shape[d]
    if split_size == 0 and n:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
    lead = (slice(None),) * d
    return [self[(*lead, slice(i, i + split_size))] for i in range(0, n, split_size)] if n else [self[...]]


@view("split_with_sizes", grad=dict(self=lambda grads, dim: cat(grads, dim)))
def split_with_sizes(self, split_sizes, dim=0):
    d = wrap_dim(dim, self.ndim)
    split_sizes = as_ints(split_sizes)
    if any(s < 0 for s in split_sizes):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes(split_sizes)}"
        )
    if sum(split_sizes) != self.shape[d]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {self.shape[d]} (input tensor's size at dimension {d}), "
            f"but got split_sizes={sizes(split_sizes)}"
        )
    lead = (slice(None),) * d
    out, at = [], 0
    for s in split_sizes:
        out.append(self[(*lead, slice(at, at + s))])
        at += s
    return out


@view("alias", grad=dict(self=lambda grad: grad), function=False, method=False)
def alias(self):
    return self[...]


@view("view_as_real", grad=dict(self=lambda grad: view_as_complex(_pairs_together(grad))), method=False)
def view_as_real(self):
    if self.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    part = np.dtype(f"f{self.dtype.itemsize // 2}")
    shape, steps = (*self.shape, 2), (*self.strides, part.itemsize)
    block = memory(self).view(part)
    at = self.__array_interface__["data"][0] - block.__array_interface__["data"][0] if self.size else 0
    return np.ndarray(shape, part, block, at, steps)


def _pairs_together(x: Any) -> Any:
    """Real and imaginary parts side by side in memory, as a complex view needs them."""
    return x.contiguous() if isinstance(x, TensorBase) else np.asarray(x).copy(order="C")  # type: ignore[attr-defined]


@view("view_as_complex", grad=dict(self=lambda grad: view_as_real(grad)), method=False)
def view_as_complex(self):
    if self.dtype.kind != "f":
        raise RuntimeError(
            "view_as_complex is only supported for floating point tensors, but got a tensor of another type"
        )
    if self.ndim == 0:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if self.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if self.size and strides(self)[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    whole = np.dtype(f"c{self.dtype.itemsize * 2}")
    block = memory(self)
    at = self.__array_interface__["data"][0] - block.__array_interface__["data"][0] if self.size else 0
    return np.ndarray(self.shape[:-1], whole, block, at, self.strides[:-1])


# ---- joining: what undoes splitting


_concatenate = getattr(
    np.concatenate, "_implementation", np.concatenate
)  # without asking whether an operand overrides it


@op("cat", apart=True, out=CASTS, grad=dict(tensors=lambda grad, tensors_sizes, dim: _uncat(grad, tensors_sizes, dim)), tensors="tensors*",
    method=False, aliases="concat concatenate")  # fmt: skip
def cat(tensors, dim=0):
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    try:
        r = _concatenate(tensors, axis=dim)
        if r.dtype is tensors[0].dtype:  # no type that numpy promotes otherwise
            return r if r.flags.c_contiguous else laid_like(r, *tensors)
    except (ValueError, TypeError):
        pass  # what follows says what is wrong
    full = [a for a in tensors if a.shape != (0,)]  # PyTorch lets empty 1-d tensors take part anywhere
    if not full:
        return np.concatenate(tensors)
    d = wrap_dim(dim, full[0].ndim)
    for i, a in enumerate(tensors):
        if a.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
        if a.shape == (0,):
            continue
        if a.ndim != full[0].ndim:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {full[0].ndim} and {a.ndim}")
        for k, (m, n) in enumerate(zip(full[0].shape, a.shape, strict=True)):
            if k != d and m != n:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {d}. Expected size {m} but got size {n} for tensor "
                    f"number {i} in the list."
                )
    return laid_like(np.concatenate(full, axis=d, dtype=common_dtype(tensors)), *full)


def common_dtype(arrays: Sequence[np.ndarray]) -> np.dtype:
    from ..dtype import from_np, promote_types

    d = from_np(arrays[0].dtype)
    for a in arrays[1:]:
        d = promote_types(d, from_np(a.dtype))
    return d.np


def _uncat(grad: Any, shapes: Sequence[tuple[int, ...]], dim: int) -> list[Any]:
    out, at = [], 0
    for shape in shapes:
        if tuple(shape) == (0,):
            out.append(slice_(grad.reshape(-1), 0, 0, 0, 1))
            continue
        n = shape[wrap_dim(dim, len(shape))]
        out.append(slice_(grad, dim, at, at + n, 1))
        at += n
    return out


@op(
    "stack",
    apart=True,
    out=CASTS,
    grad=dict(tensors=lambda grad, dim: unbind(grad, dim)),
    tensors="tensors*",
    method=False,
)
def stack(tensors, dim=0):
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = tensors[0]
    d = wrap_dim(dim, first.ndim + 1)
    if d == 0 and all([a.shape == first.shape and a.dtype is first.dtype for a in tensors]):
        return in_rows(_concatenate([a[None] for a in tensors]))
    for i, a in enumerate(tensors):
        if a.shape != tensors[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {sizes(tensors[0].shape)} at entry 0 and "
                f"{sizes(a.shape)} at entry {i}"
            )
    return in_rows(np.stack(tensors, axis=d, dtype=common_dtype(tensors)))


# ---- copies


@op("clone", grad=dict(self=lambda grad: grad), function=False, method=False)
def clone(self, memory_format=None):
    if memory_format is not None:
        out = formatted(self, memory_format)
        return formatted(self.copy(order="K"), memory_format) if np.may_share_memory(out, self) else out
    return restrided(self.copy(order="K") if self.flags.forc else _dense_copy(self), self)


def _dense_copy(self: np.ndarray) -> np.ndarray:
    """Keeps the order of dimensions of a dense tensor, else row-major, as PyTorch's preserve_format."""
    from ..storage import dense

    return self.copy(order="K") if dense(self) else self.copy(order="C")


@op("contiguous.copy", grad=dict(self=lambda grad: grad), node="CloneBackward0", function=False, method=False)
def contiguous(self):
    return self.copy(order="C")


@op("_to_copy", grad=dict(self=lambda grad: grad), tensors="self", node="ToCopyBackward0", function=False, method=False)
def to_copy(self, dtype, memory_format=None):
    order: Any = "K" if dense(self) else "C"
    if self.dtype.kind == "c" and dtype.np.kind != "c":
        out = np.empty_like(self, dtype.np, order=order)
        real = self.real
        out[...] = (
            _float_to_int(real, dtype.np) if dtype.np.kind in "iu" else self != 0 if dtype.np.kind == "b" else real
        )
    elif dtype.np.kind in "iu" and self.dtype.kind not in "biu":
        out = np.empty_like(self, dtype.np, order=order)
        out[...] = _float_to_int(self, dtype.np)
    else:
        out = self.astype(dtype.np, order=order)
    return restrided(out, self) if memory_format is None else formatted(out, memory_format)


def _float_to_int(a: np.ndarray, dt: np.dtype) -> np.ndarray:
    """Through int64, as C++ on x86 does: values outside a narrow type wrap round instead of saturating."""
    return a.astype(np.int64).astype(dt) if dt.itemsize < 8 else a.astype(dt)


@op("_unsafe_view", grad=dict(self=lambda grad, self_sizes: reshape(grad, self_sizes)), node="UnsafeViewBackward0",
    tensors="self", function=False, method=False)  # fmt: skip
def unsafe_view(self, size):
    return self.reshape(infer_size(as_ints(size), self.size))


@op("flip", grad=dict(self=lambda grad, dims: flip(grad, dims)), tensors="self", variadic="dims")
def flip(self, dims):
    out = blank(self)
    out[...] = np.flip(self, wrap_dims(as_ints(dims), self.ndim) if as_ints(dims) else ())
    return out


@op("undifferentiated", grad=dict(self=lambda grad, name: no_derivative_of(name)), tensors="self",
    node="torch::autograd::NotImplemented", function=False, method=False)  # fmt: skip
def undifferentiated(self, result, name):
    """A result computed from `self` by an operator that has no derivative: PyTorch records it, and backward refuses."""
    return result


def no_derivative_of(name: str) -> Any:
    raise RuntimeError(f"derivative for aten::{name} is not implemented")
