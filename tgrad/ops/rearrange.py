"""Copies of a tensor's elements in another order or place: repeating, turning, triangles, and writing a part of a copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..shape import infer_size, wrap_dim
from ..storage import memory, offset, same_strides
from . import view as views
from .restride import as_strided
from .spec import ROWS, Row, camel, in_rows, op, sizes
from .view import as_ints, diagonal, flip, reshape, select, slice_


@op("repeat", grad=dict(self=lambda grad, repeats, self_sizes: _unrepeat(grad, repeats, self_sizes)), variadic="repeats",
    tensors="self", function=False)  # fmt: skip
def repeat(self, repeats):
    repeats = as_ints(repeats)
    if len(repeats) < self.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if any(r < 0 for r in repeats):
        full = (1,) * (len(repeats) - self.ndim) + self.shape
        shape = [r * n for r, n in zip(repeats, full, strict=True)]
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {sizes(shape)}")
    return np.tile(self, repeats)


def _unrepeat(grad: Any, repeats: Sequence[int], shape: Sequence[int]) -> Any:
    full = (1,) * (len(repeats) - len(shape)) + tuple(shape)
    split = [k for r, n in zip(repeats, full, strict=True) for k in (r, n)]
    dims = tuple(range(0, 2 * len(full), 2))
    if not dims:
        return grad
    out = reshape(grad, split)
    out = views.total(out, dims) if isinstance(out, np.ndarray) else out.sum(dims)
    return reshape(out, shape)


@op("roll", grad=dict(self=lambda grad, shifts, dims: roll(grad, _negated(shifts), dims)), tensors="self")
def roll(self, shifts, dims=()):
    shifts = as_ints(shifts) if isinstance(shifts, (tuple, list)) else (int(shifts),)
    dims = as_ints(dims) if isinstance(dims, (tuple, list)) else (int(dims),)
    if not shifts:
        raise RuntimeError("`shifts` required")
    if not dims and len(shifts) == 1:
        return in_rows(np.roll(self, shifts[0]))
    if len(shifts) != len(dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    if self.ndim == 0:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    return in_rows(np.roll(self, shifts, tuple(wrap_dim(d, self.ndim) for d in dims)))


def _negated(shifts: Any) -> Any:
    return tuple(-s for s in shifts) if isinstance(shifts, (tuple, list)) else -shifts


@op("rot90", grad=dict(self=lambda grad, k, dims: rot90(grad, -k, dims)), tensors="self")
def rot90(self, k=1, dims=(0, 1)):
    dims = as_ints(dims)
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if self.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {self.ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == self.ndim:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    a, b = wrap_dim(dims[0], self.ndim), wrap_dim(dims[1], self.ndim)
    k %= 4
    if k == 1:
        return flip.array(self, (b,)).swapaxes(a, b)
    if k == 2:
        return flip.array(self, (a, b))
    if k == 3:
        return flip.array(self, (a,)).swapaxes(a, b)
    return self.copy()


@op("tril", grad=dict(self=lambda grad, diagonal: tril(grad, diagonal)), tensors="self", inplace=True)
def tril(self, diagonal=0):
    if self.ndim < 2:
        raise RuntimeError("tril: input tensor must have at least 2 dimensions")
    return _triangle(self, np.tri(*self.shape[-2:], k=_clipped(self, diagonal), dtype=bool))


@op("triu", grad=dict(self=lambda grad, diagonal: triu(grad, diagonal)), tensors="self", inplace=True)
def triu(self, diagonal=0):
    if self.ndim < 2:
        raise RuntimeError("triu: input tensor must have at least 2 dimensions")
    return _triangle(self, ~np.tri(*self.shape[-2:], k=_clipped(self, diagonal) - 1, dtype=bool))


def _clipped(a: np.ndarray, k: int) -> int:
    """A diagonal number beyond the matrix means its edge; numpy's would overflow."""
    return max(-a.shape[-2] - 1, min(k, a.shape[-1] + 1))


def _triangle(a: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return in_rows(np.where(kept, a, np.zeros((), a.dtype)))


@op("diag_embed", grad=dict(self=lambda grad, offset, dim1, dim2: diagonal(grad, offset, dim1, dim2)), tensors="self")
def diag_embed(self, offset=0, dim1=-2, dim2=-1):
    n = self.ndim + 1
    d1, d2 = wrap_dim(dim1, n), wrap_dim(dim2, n)
    if d1 == d2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = self.shape[-1] + abs(offset)
    shape = list(self.shape[:-1])
    for d in sorted((d1, d2)):
        shape.insert(d, side)
    out = np.zeros(shape, self.dtype)
    diagonal.array(out, offset, d1, d2)[...] = self
    return out


@op("block_diag", grad=dict(tensors=lambda grad, tensors_sizes: _unblock(grad, tensors_sizes)), tensors="tensors*", function=False,
    method=False)  # fmt: skip
def block_diag(tensors):
    blocks = []
    for i, a in enumerate(tensors):
        if a.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {a.ndim} dimensions"
            )
        blocks.append(a if a.ndim == 2 else a.reshape((1, -1)))
    rows, cols = sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks)
    out = np.zeros((rows, cols), views.common_dtype(tensors))
    r = c = 0
    for b in blocks:
        out[r : r + b.shape[0], c : c + b.shape[1]] = b
        r, c = r + b.shape[0], c + b.shape[1]
    return out


def _unblock(grad: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    out, r, c = [], 0, 0
    for shape in shapes:
        h, w = shape if len(shape) == 2 else (1, shape[0] if shape else 1)
        out.append(reshape(slice_(slice_(grad, 0, r, r + h, 1), 1, c, c + w, 1), shape))
        r, c = r + h, c + w
    return out


# ---- copies with a part replaced: the view of the part, written in a copy


def _scattered(out: np.ndarray, part: np.ndarray, src: np.ndarray, name: str) -> np.ndarray:
    if part.shape != src.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the {name} of self. src size = {sizes(src.shape)}, {name} size = {sizes(part.shape)}"
        )
    part[...] = src
    return out


def _blank(grad: Any, shape: Any) -> Any:
    return np.zeros(shape, grad.dtype) if isinstance(grad, np.ndarray) else grad.new_zeros(shape)


@op("select_scatter", grad=dict(
        self=lambda grad, src_sizes, dim, index: select_scatter(grad, _blank(grad, src_sizes), dim, index),
        src=lambda grad, dim, index: select(grad, dim, index)), tensors="self src", real_grad=True)  # fmt: skip
def select_scatter(self, src, dim, index):
    out = same_strides(self)
    return _scattered(out, select.array(out, dim, index), src, "slice")


@op("slice_scatter", grad=dict(
        self=lambda grad, src_sizes, dim, start, end, step: slice_scatter(grad, _blank(grad, src_sizes), dim, start, end, step),
        src=lambda grad, dim, start, end, step: slice_(grad, dim, start, end, step)), tensors="self src", real_grad=True)  # fmt: skip
def slice_scatter(self, src, dim=0, start=None, end=None, step=1):
    out = same_strides(self)
    return _scattered(out, slice_.array(out, dim, start, end, step), src, "slice")


@op("diagonal_scatter", grad=dict(
        self=lambda grad, src_sizes, offset, dim1, dim2: diagonal_scatter(grad, _blank(grad, src_sizes), offset, dim1, dim2),
        src=lambda grad, offset, dim1, dim2: diagonal(grad, offset, dim1, dim2)), tensors="self src")  # fmt: skip
def diagonal_scatter(self, src, offset=0, dim1=0, dim2=1):
    out = same_strides(self)
    return _scattered(out, diagonal.array(out, offset, dim1, dim2), src, "slice")


@op("as_strided_scatter", grad=dict(
        self=lambda grad, self_geometry, size, stride, storage_offset: _strided_part(
            grad, self_geometry, size, stride, storage_offset),
        src=lambda grad, size, stride, storage_offset: as_strided(_in_order(grad), size, stride, storage_offset)),
    tensors="self src")  # fmt: skip
def as_strided_scatter(self, src, size, stride, storage_offset=None):
    block = memory(self).copy()
    out = np.ndarray(self.shape, self.dtype, block, offset(self) * self.dtype.itemsize, self.strides)
    return _scattered(out, as_strided.array(out, size, stride, storage_offset), src, "slice")


def _in_order(grad: Any) -> Any:
    return np.ascontiguousarray(grad) if isinstance(grad, np.ndarray) else grad.contiguous()


def _strided_part(grad: Any, geometry: Any, size: Any, stride: Any, storage_offset: Any) -> Any:
    """What PyTorch hands to the input: the gradient of the replaced part, zeros elsewhere."""
    in_size, in_stride, in_offset = geometry
    last = sum((n - 1) * s for n, s in zip(in_size, in_stride, strict=True))
    full = in_offset + 1 + last if 0 not in in_size else in_offset
    part = as_strided(_in_order(grad), size, stride, storage_offset)
    if isinstance(grad, np.ndarray):
        whole = as_strided.array(np.zeros(full, grad.dtype), in_size, in_stride, in_offset)
        as_strided.array(whole, size, stride, storage_offset)[...] = part
        return whole
    whole = as_strided(_blank(grad, (full,)), in_size, in_stride, in_offset)
    return as_strided_scatter(whole, part, size, stride, storage_offset)


@op("narrow_copy", grad=dict(self=lambda grad, self_sizes, dim, start, length: views.slice_backward(
    grad, self_sizes, dim, start, start + length, 1)), tensors="self", function=False, method=False)  # fmt: skip
def narrow_copy(self, dim, start, length):
    return slice_.array(self, dim, start, start + length, 1).copy()


# ---- every view has a copying twin, recorded under the view's own node name with "_copy" added


class Copied:
    """The array function of a view, its result copied. An object, so that its arguments are those of the view's row."""

    __slots__ = ("array",)

    def __init__(self, array: Callable[..., Any]) -> None:
        self.array = array

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        r = self.array(*args, **kwargs)
        return [part.copy() for part in r] if isinstance(r, list) else r.copy()


class Taken(Copied):
    """The array function of a view as it is: its results share memory, but do not count as views of the input."""

    __slots__ = ()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.array(*args, **kwargs)


def _reshaped(self: Any, size: Any) -> Any:
    return reshape(self, infer_size(as_ints(size), self.size))


SEVERAL = ("unbind.int", "split.size", "split_with_sizes")
TWINS = (
    "alias", "as_strided", "diagonal", "expand", "permute", "select.int", "slice", "squeeze.all", "squeeze.dim", "squeeze.dims",
    "t", "transpose.int", "unfold", "unsqueeze", "view", "view_as_real", "view_as_complex", *SEVERAL,
)  # fmt: skip


def copy_name(name: str) -> str:
    """`squeeze.dim` -> `squeeze_copy.dim`."""
    base, _, overload = name.partition(".")
    return base + "_copy" + (f".{overload}" if overload else "")


for _name in TWINS:
    _row = ROWS[_name]
    Row(
        copy_name(_name), Copied(_reshaped if _name == "view" else _row.array), family="pieces" if _name in SEVERAL else "op", tensors="self", function=False,
        grad={key: f.fn for key, f in _row.grad.items()}, node=_row.node + "_copy", method=False, signature=_row.array,
        real_grad=_name in ("select.int", "slice", "view_as_complex"),
    )  # fmt: skip

for _name in ("split.size", "split_with_sizes"):
    _row = ROWS[_name]
    Row(
        "unsafe_" + _name, Taken(_row.array), family="pieces", tensors="self", function=False, method=False, signature=_row.array,
        grad={key: f.fn for key, f in _row.grad.items()}, node=camel("unsafe_" + _name.partition(".")[0]) + "Backward0",
    )  # fmt: skip


# ---- in-place forms of views: the same formulas under the numbers that PyTorch gives their nodes

for _name, _node in {
    "squeeze.all": "SqueezeBackward3", "squeeze.dim": "SqueezeBackward4", "squeeze.dims": "SqueezeBackward5", "t": "TBackward1",
    "transpose.int": "TransposeBackward1", "unsqueeze": "UnsqueezeBackward1", "as_strided": "AsStridedBackward1",
}.items():  # fmt: skip
    _row = ROWS[_name]
    Row(
        "_.".join(_name.split(".")) if "." in _name else _name + "_", _row.array, family="view", tensors="self",
        grad={key: f.fn for key, f in _row.grad.items()}, node=_node, function=False, method=False,
    )  # fmt: skip
