"""Functions that copy what the view of the same name would show, and splits whose pieces do not share memory."""

from __future__ import annotations

from typing import Any

from ..dispatch import into
from ..levels import leading
from ..methods import composite, ints
from ..ops.rearrange import copy_name, narrow_copy
from ..ops.spec import ROWS
from ..ops.view import undifferentiated
from ..shape import wrap_dim
from ..tensor import Tensor


def _row(name: str) -> Any:
    return ROWS[copy_name(name)]


def _publish(name: str, call: Any, doc: str) -> None:
    """A function `call(input, ...)` under its public name, with out=."""

    @composite(name=name)
    def copied(input: Any, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        r = call(input, *args, **kwargs)
        if out is None:
            return r
        if isinstance(r, tuple):
            for o, part in zip(out, r, strict=True):
                into(o, part, name)
            return None
        return into(out, r, name)

    copied.__doc__ = doc


def _squeeze(input: Tensor, dim: Any = None) -> Tensor:
    if dim is None:
        return _row("squeeze.all").record(input)
    return _row("squeeze.dims" if isinstance(dim, (tuple, list)) else "squeeze.dim").record(input, dim)


def _view(input: Tensor, *size: Any, dtype: Any = None) -> Tensor:
    if dtype is not None or not isinstance(size[0], (int, tuple, list)):
        return input.view(dtype or size[0]).clone()  # type: ignore[attr-defined]
    return _row("view").record(input, ints(size))


for _name, _call in {
    "alias_copy": lambda x: _row("alias").record(x),
    "detach_copy": leading(lambda x: undifferentiated.record(x, x._a.copy(), "detach_copy")),
    "as_strided_copy": lambda x, size, stride, storage_offset=None: _row("as_strided").record(
        x, size, stride, storage_offset
    ),
    "diagonal_copy": lambda x, offset=0, dim1=0, dim2=1: _row("diagonal").record(x, offset, dim1, dim2),
    "expand_copy": lambda x, *size, implicit=False: _row("expand").record(x, ints(size)),
    "permute_copy": lambda x, *dims: _row("permute").record(x, ints(dims)),
    "select_copy": lambda x, dim, index: _row("select.int").record(x, dim, index),
    "slice_copy": lambda x, dim=0, start=None, end=None, step=1: _row("slice").record(x, dim, start, end, step),
    "squeeze_copy": _squeeze,
    "t_copy": lambda x: _row("t").record(x),
    "transpose_copy": lambda x, dim0, dim1: _row("transpose.int").record(x, dim0, dim1),
    "unfold_copy": lambda x, dimension, size, step: _row("unfold").record(x, dimension, size, step),
    "unsqueeze_copy": lambda x, dim: _row("unsqueeze").record(x, dim),
    "view_copy": _view,
    "view_as_real_copy": lambda x: _row("view_as_real").record(x),
    "view_as_complex_copy": lambda x: _row("view_as_complex").record(x),
    "unbind_copy": lambda x, dim=0: tuple(_row("unbind.int").record(x, dim)),
    "split_copy": lambda x, split_size, dim=0: tuple(_row("split.size").record(x, split_size, dim)),
    "split_with_sizes_copy": lambda x, split_sizes, dim=0: tuple(_row("split_with_sizes").record(x, split_sizes, dim)),
}.items():
    _publish(_name, _call, f"A copy of what `{_name[:-5]}` shows.")


@composite(method=True, name="narrow_copy")
def _narrow_copy(input, dim, start, length, *, out=None):
    """A copy of what `narrow` shows."""
    if input.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if dim >= input.ndim:
        raise RuntimeError("Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could this error message "
                           "be improved?  If so, please report an enhancement request to PyTorch.)")  # fmt: skip
    d = wrap_dim(dim, input.ndim)
    n = input.shape[d]
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start += n if start < 0 else 0
    if start + length > n or length < 0:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    r = narrow_copy.record(input, d, start, length)
    return r if out is None else into(out, r, "narrow_copy")


@composite(method=True)
def unsafe_split(input, split_size, dim=0):
    """`split` into pieces of one size that count as independent, so that each may be written in place."""
    return tuple(ROWS["unsafe_split.size"].record(input, split_size, dim))


@composite(method=True)
def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """`split` into pieces of the given sizes that count as independent, so that each may be written in place."""
    return tuple(ROWS["unsafe_split_with_sizes"].record(input, split_sizes, dim))


@composite(method=True)
def unsafe_chunk(input, chunks, dim=0):
    """`chunk` into pieces that count as independent, so that each may be written in place."""
    if input.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = -(-input.shape[wrap_dim(dim, input.ndim)] // chunks)
    if size == 0:
        return unsafe_split_with_sizes(input, [0] * chunks, dim)
    return unsafe_split(input, size, dim)
