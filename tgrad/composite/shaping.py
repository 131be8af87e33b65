"""Shape functions that choose among view rows, or are made of several."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dispatch import bad_argument
from ..levels import leading
from ..methods import attach, composite, ints
from ..ops import view as rows
from ..shape import infer_size, view_strides, wrap_dim
from ..storage import strides
from ..tensor import Tensor, mark_view, wrap
from .formats import FORMATS


def _view(self: Tensor, *size: Any, dtype: Any = None, **kw: Any) -> Tensor:
    """A view with other sizes (one may be -1) or, given a dtype, of the same bytes as that type.

    RuntimeError where the memory's order does not allow a view. What is written to either shows in both.

    >>> torch.arange(4).view(2, 2)
    tensor([[0, 1],
            [2, 3]])
    >>> torch.tensor([1.0]).view(torch.int32)
    tensor([1065353216], dtype=torch.int32)
    """
    if "size" in kw:
        size = (kw.pop("size"),)
    if kw:
        raise TypeError(f"view() got an unexpected keyword argument '{next(iter(kw))}'")
    if dtype is not None or (len(size) == 1 and isinstance(size[0], dtypes.dtype)):
        return _view_dtype(self, dtype or size[0])
    if not size:
        raise TypeError("view() received an invalid combination of arguments - got (), but expected one of:")
    return rows.view_.record(self, ints(size))


@leading
def _view_dtype(self: Tensor, d: Any) -> Tensor:
    a = self._a
    old, new = a.dtype.itemsize, d.itemsize
    if old == new:
        v = a.view(d.np)
    else:
        if a.ndim == 0:
            raise RuntimeError(
                f"self.dim() cannot be 0 to view {self.dtype.legacy} as {d.legacy} (different element sizes)"
            )
        what = f"to view {self.dtype.legacy} as {d.legacy} (different element sizes), but got"
        if new > old and a.shape[-1] % (new // old):
            raise RuntimeError(f"self.size(-1) must be divisible by {new // old} {what} {a.shape[-1]}")
        if a.size and strides(a)[-1] != 1:
            raise RuntimeError(f"self.stride(-1) must be 1 {what} {strides(a)[-1]}")
        v = a.view(d.np)
    out = wrap(v)
    mark_view(out, self)
    return out


attach("view", _view)


@composite(method=True)
def reshape(input, *shape, **kw):
    """The same elements with other sizes: a view where the memory allows it, else a copy.

    One size may be -1: it follows from the others. RuntimeError if the number of elements would change.

    >>> torch.reshape(torch.arange(4), (2, 2))
    tensor([[0, 1],
            [2, 3]])
    >>> torch.arange(6).reshape(3, -1).shape
    torch.Size([3, 2])
    """
    if "shape" in kw:
        shape = (kw["shape"],)
    if not isinstance(input, Tensor):
        raise bad_argument("reshape", 1, "input", input)
    size = infer_size(rows.as_ints(ints(shape)), input._a.size)
    if input.is_contiguous():
        return rows.view_.record(input, size)
    if view_strides(input._a.shape, strides(input._a), size) is None:
        return rows.unsafe_view.record(rows.contiguous.record(input), size)
    return rows.reshape_alias.record(input, size)


@composite(function=False, method=True)
def reshape_as(self, other):
    """`reshape` to the sizes of another tensor.

    >>> torch.arange(4).reshape_as(torch.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return self.reshape(other.shape)


@composite(function=False, method=True)
def view_as(self, other):
    """`view` with the sizes of another tensor.

    >>> torch.arange(4).view_as(torch.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return self.view(other.shape)


@composite(function=False, method=True)
def expand_as(self, other):
    """`expand` to the sizes of another tensor.

    >>> torch.tensor([1, 2]).expand_as(torch.zeros(2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return self.expand(other.shape)


@composite(method=True)
def broadcast_to(input, *size):
    """A view of `input` repeated to the sizes `size`.

    The same as the method `expand`: no memory is copied.

    >>> torch.broadcast_to(torch.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return rows.expand.record(input, rows.as_ints(ints(size)))


@composite()
def broadcast_tensors(*tensors):
    """All tensors expanded to their common shape.

    >>> a, b = torch.broadcast_tensors(torch.zeros(2, 1), torch.zeros(3))
    >>> a.shape, b.shape
    (torch.Size([2, 3]), torch.Size([2, 3]))
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    from ..shape import broadcast_shapes

    shape = broadcast_shapes(*[t._a.shape for t in tensors])
    return tuple(t if t._a.shape == shape else t.expand(shape) for t in tensors)


@composite(method=True, aliases="swapaxes swapdims")
def transpose(input, dim0, dim1):
    """A view with two dimensions swapped.

    IndexError for a dimension that is not there.

    >>> torch.transpose(torch.tensor([[1, 2, 3], [4, 5, 6]]), 0, 1)
    tensor([[1, 4],
            [2, 5],
            [3, 6]])
    """
    return rows.transpose.record(input, dim0, dim1)


@composite(method=True, aliases="moveaxis")
def movedim(input, source, destination):
    """A view with dimensions moved to other places; the rest keep their order.

    >>> torch.movedim(torch.zeros(2, 3, 4), 0, -1).shape
    torch.Size([3, 4, 2])
    """
    if isinstance(source, int) != isinstance(destination, int):
        shown = ", ".join(type(a).__name__ for a in (input, source, destination))
        raise TypeError(f"movedim() received an invalid combination of arguments - got ({shown}), but expected one of:")
    src = (source,) if isinstance(source, int) else tuple(source)
    dst = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(src) != len(dst):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source ("
            + str(list(src))
            + " dims) should contain the same number of "
            "dims as destination (" + str(list(dst)) + " dims)"
        )
    n = input.ndim
    src, dst = tuple(wrap_dim(d, n) for d in src), tuple(wrap_dim(d, n) for d in dst)
    for which, dims, given in (("source", src, source), ("destination", dst, destination)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{which}` ({list(given)})")
    if not n:
        return rows.alias.record(input)
    order = [-1] * n
    for s, d in zip(src, dst, strict=True):
        order[d] = s
    rest = iter(d for d in range(n) if d not in src)
    return input.permute([next(rest) if d == -1 else d for d in order])


@composite(method=True)
def squeeze(input, dim=None):
    """A view without dimensions of size 1: all of them, or those named.

    A dimension that is named and has another size stays.

    >>> torch.squeeze(torch.zeros(1, 3, 1)).shape
    torch.Size([3])
    >>> torch.squeeze(torch.zeros(1, 3, 1), 0).shape
    torch.Size([3, 1])
    """
    if dim is None:
        return rows.squeeze.record(input)
    if isinstance(dim, (tuple, list)):
        return rows.squeeze_dims.record(input, dim)
    return rows.squeeze_dim.record(input, dim)


@composite(method=True)
def flatten(input, start_dim=0, end_dim=-1):
    """Dimensions from start_dim to end_dim made into one.

    A view where the memory allows it, else a copy.

    >>> torch.flatten(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    >>> torch.flatten(torch.zeros(2, 3, 4), start_dim=1).shape
    torch.Size([2, 12])
    """
    n = input.ndim
    s, e = wrap_dim(start_dim, n), wrap_dim(end_dim, n)
    if s > e:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if n == 0:
        return input.reshape(1)
    if s == e:
        return input
    shape = input._a.shape
    return input.reshape((*shape[:s], int(np.prod(shape[s : e + 1], dtype=np.int64)), *shape[e + 1 :]))


@composite(method=True)
def unflatten(input, dim, sizes):
    """One dimension made into several (one of the sizes may be -1).

    >>> torch.unflatten(torch.arange(6), 0, (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    d = wrap_dim(dim, input.ndim)
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    n = input.shape[d]
    try:
        full = infer_size(sizes, n)
    except RuntimeError as error:
        if "only one" in str(error):
            raise
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {d} ({n}) in the input tensor"
        ) from None
    return input.view((*input.shape[:d], *full, *input.shape[d + 1 :]))


@composite(method=True)
def ravel(input):
    """The elements in one dimension; a view if they lie in order.

    >>> torch.ravel(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return input.contiguous().view(-1)


@composite(method=True)
def narrow(input, dim, start, length):
    """A view of `length` indices of dim from `start` on.

    RuntimeError if it would reach past the end.

    >>> torch.narrow(torch.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    if input.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    d = wrap_dim(dim, input.ndim)
    n = input.shape[d]
    if isinstance(start, Tensor) and (start._a.ndim or start._a.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    start = int(start)
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start += n if start < 0 else 0
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return rows.slice_.record(input, d, start, start + length, 1)


@composite(method=True)
def select(input, dim, index):
    """A view of one index of dim, which disappears.

    IndexError for an index out of range.

    >>> torch.select(torch.tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([3, 4])
    """
    return rows.select.record(input, dim, index)


@composite(method=True)
def unbind(input, dim=0):
    """Views of each index of dim.

    >>> torch.unbind(torch.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    return tuple(rows.unbind.record(input, dim))


@composite(method=True)
def split(input, split_size_or_sections=None, dim=0, *, split_size=None):
    """Views of pieces along dim: of one size (the last may be smaller) or of the given sizes.

    They share the tensor's memory. RuntimeError if the sizes given do not add up to that of the dimension.

    >>> torch.split(torch.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    >>> torch.split(torch.arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    size = split_size if split_size_or_sections is None else split_size_or_sections
    if isinstance(size, (list, tuple)):
        return tuple(rows.split_with_sizes.record(input, size, dim))
    return tuple(rows.split.record(input, int(size), dim))


@composite(method=True)
def chunk(input, chunks, dim=0):
    """At most `chunks` pieces of equal size along dim (the last may be smaller).

    They share the tensor's memory. RuntimeError unless `chunks` is positive.

    >>> torch.chunk(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if input.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input.shape[wrap_dim(dim, input.ndim)]
    size = -(-n // chunks)
    if size == 0:
        return tuple(rows.split_with_sizes.record(input, [0] * chunks, dim))
    return tuple(rows.split.record(input, size, dim))


@composite(method=True)
def tensor_split(input, indices_or_sections, dim=0):
    """Pieces along dim: so many of nearly equal size, or cut at the given indices.

    >>> torch.tensor_split(torch.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    >>> torch.tensor_split(torch.arange(5), (1, 3))
    (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    if input.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = wrap_dim(dim, input.ndim)
    n = input.shape[d]
    if isinstance(indices_or_sections, Tensor):
        t = indices_or_sections
        if t._a.dtype != np.int64:
            raise RuntimeError("tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
                               f"{t.dtype.legacy}")  # fmt: skip
        if t.ndim > 1:
            raise RuntimeError(
                f"tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor with {t.ndim} dims"
            )
        indices_or_sections = t.tolist()
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        if k <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {k}")
        cuts = [i * (n // k) + (i if i < n % k else n % k) for i in range(k + 1)]
    else:
        cuts = [0, *indices_or_sections, n]
    return tuple(rows.slice_.record(input, d, a, b, 1) for a, b in itertools.pairwise(cuts))


def _along(name: str, dim: int, least: int) -> None:
    @composite(name=name, method=True)
    def split_along(input: Any, indices_or_sections: Any) -> Any:
        """`tensor_split` along a fixed dimension."""
        if not isinstance(indices_or_sections, (int, list, tuple)) or any(
            not hasattr(i, "__index__")
            for i in (indices_or_sections if isinstance(indices_or_sections, (list, tuple)) else ())
        ):
            shown = f"Tensor, {type(indices_or_sections).__name__}"
            raise TypeError(
                f"{name}() received an invalid combination of arguments - got ({shown}), but expected one of:"
            )
        if input.ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} dimensions!"
            )
        d = 0 if name == "hsplit" and input.ndim == 1 else dim
        if isinstance(indices_or_sections, int) and (indices_or_sections <= 0 or input.shape[d] % indices_or_sections):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {d}, but the size of the dimension {input.shape[d]} is not "
                f"divisible by the split_size {indices_or_sections}!"
            )
        return tensor_split(input, indices_or_sections, d)


_along("hsplit", 1, 1)
_along("vsplit", 0, 2)
_along("dsplit", 2, 3)


@composite(method=True)
def tile(input, *dims, **kw):
    """The tensor repeated along each dimension; missing dims count as 1.

    >>> torch.tile(torch.tensor([1, 2]), (2, 2))
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    counts = tuple(ints((kw["dims"],) if "dims" in kw else dims))
    counts = (1,) * (input.ndim - len(counts)) + counts
    return input.repeat(counts)


@composite(method=True)
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element (along dim, or of the flat tensor) repeated in place: a count, or one count per element.

    >>> torch.repeat_interleave(torch.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    >>> torch.repeat_interleave(torch.tensor([[1, 2], [3, 4]]), torch.tensor([1, 2]), dim=0)
    tensor([[1, 2],
            [3, 4],
            [3, 4]])
    """
    if repeats is None:
        counts = _counts(input)
        return wrap(np.repeat(np.arange(counts.size), counts))
    if isinstance(repeats, (list, tuple)):
        repeats = wrap(np.asarray(repeats, np.int64))
    x, d = (input.flatten(), 0) if dim is None else (input, wrap_dim(dim, input.ndim))
    n = x.shape[d] if x.ndim else 1
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        wide = (
            x.unsqueeze(d + 1).expand((*x.shape[: d + 1], repeats, *x.shape[d + 1 :])) if x.ndim else x.expand(repeats)
        )
        return wide.clone(memory_format=FORMATS["contiguous_format"]).flatten(d, d + 1) if x.ndim else wide.clone()
    counts = _counts(repeats)
    if counts.size == 1:
        counts = np.full(n, counts.reshape(-1)[0])
    elif counts.ndim != 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    if counts.size != n:
        raise RuntimeError("repeats must have the same size as input along dim, but got repeats.size(0) = "
                           f"{counts.size} and input.size({d}) = {n}")  # fmt: skip
    return x.index_select(d, wrap(np.repeat(np.arange(n), counts)))


def _counts(repeats: Tensor) -> np.ndarray:
    if repeats._a.dtype not in (np.int64, np.int32):
        raise NotImplementedError(f"\"repeat_interleave_cpu\" not implemented for '{repeats.dtype.legacy}'")
    if (repeats._a < 0).any():
        raise RuntimeError("repeats can not be negative")
    return repeats._a


@composite(method=True)
def fliplr(input):
    """Columns in reverse order.

    >>> torch.fliplr(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return input.flip((1,))


@composite(method=True)
def flipud(input):
    """Rows in reverse order.

    >>> torch.flipud(torch.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return input.flip((0,))


def _T(self: Tensor) -> Tensor:
    """The dimensions in reverse order."""
    return self.permute(tuple(range(self._a.ndim))[::-1])  # type: ignore[attr-defined]


def _mT(self: Tensor) -> Tensor:
    """The last two dimensions swapped."""
    if self._a.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {self._a.ndim}-D tensor."
        )
    return self.transpose(-2, -1)  # type: ignore[attr-defined]


def _H(self: Tensor) -> Tensor:
    """The conjugate transpose of a matrix."""
    if self._a.ndim not in (0, 2):
        more = " For batches of matrices, consider using tensor.mH" if self._a.ndim > 2 else ""
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self._a.ndim}-D tensor.{more}")
    return self.transpose(0, 1).conj() if self._a.ndim else self.conj()  # type: ignore[attr-defined]


attach("T", property(_T))
attach("mT", property(_mT))
attach("H", property(_H))
attach("mH", property(lambda self: self.transpose(-2, -1).conj()))


@composite(method=True)
def adjoint(input):
    """The last two dimensions swapped, conjugated.

    >>> torch.adjoint(torch.tensor([[1j, 2 + 0j]]))
    tensor([[0.-1.j],
            [2.-0.j]])
    """
    if input.ndim < 2:
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor."
        )
    return input.transpose(-2, -1).conj()
