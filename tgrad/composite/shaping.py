"""Shape functions that choose among view rows, or are made of several."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtype as dtypes
from .. import functions as F
from ..dispatch import bad_argument
from ..methods import attach, composite, ints, publish
from ..ops import view as rows
from ..shape import infer_size, view_strides, wrap_dim
from ..storage import strides
from ..tensor import Tensor, mark_view, wrap


def _view(self: Tensor, *size: Any, dtype: Any = None, **kw: Any) -> Tensor:
    """A view with other sizes (one may be -1) or, given a dtype, of the same bytes as that type.

    RuntimeError where the memory's order does not allow a view.
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


def _view_dtype(self: Tensor, d: Any) -> Tensor:
    a = self._a
    old, new = a.dtype.itemsize, d.itemsize
    if old == new:
        v = a.view(d.np)
    else:
        if a.ndim == 0:
            raise RuntimeError(f"self.dim() cannot be 0 to view {self.dtype.legacy} as {d.legacy} (different element sizes)")
        if strides(a)[-1] != 1:
            raise RuntimeError(f"self.stride(-1) must be 1 to view {self.dtype.legacy} as {d.legacy} (different element sizes), but got {strides(a)[-1]}")
        if new > old and a.shape[-1] % (new // old):
            raise RuntimeError(f"self.size(-1) must be divisible by {new // old} to view {self.dtype.legacy} as {d.legacy} (different element sizes), but got {a.shape[-1]}")
        v = a.view(d.np)
    out = wrap(v)
    mark_view(out, self)
    return out


attach("view", _view)


@composite(method=True)
def reshape(input, *shape, **kw):
    """The same elements with other sizes: a view where the memory allows it, else a copy."""
    if "shape" in kw:
        shape = (kw["shape"],)
    if not isinstance(input, Tensor):
        raise bad_argument("reshape", 1, "input", input)
    size = infer_size(rows.as_ints(ints(shape)), input._a.size)
    if view_strides(input._a.shape, strides(input._a), size) is None:
        return rows.unsafe_view.record(rows.contiguous.record(input), size)
    return rows.view_.record(input, size)


@composite(function=False, method=True)
def reshape_as(self, other):
    """`reshape` to the sizes of another tensor."""
    return self.reshape(other.shape)


@composite(function=False, method=True)
def view_as(self, other):
    """`view` with the sizes of another tensor."""
    return self.view(other.shape)


@composite(function=False, method=True)
def expand_as(self, other):
    """`expand` to the sizes of another tensor."""
    return self.expand(other.shape)


@composite(method=True)
def broadcast_to(input, size):
    """A view of `input` repeated to the sizes `size`."""
    return input.expand(tuple(size))


@composite()
def broadcast_tensors(*tensors):
    """All tensors expanded to their common shape."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    from ..shape import broadcast_shapes

    shape = broadcast_shapes(*[t._a.shape for t in tensors])
    return tuple(t.expand(shape) for t in tensors)


@composite(method=True, aliases="swapaxes swapdims")
def transpose(input, dim0, dim1):
    """A view with two dimensions swapped."""
    return rows.transpose.record(input, dim0, dim1)


@composite(method=True, aliases="moveaxis")
def movedim(input, source, destination):
    """A view with dimensions moved to other places; the rest keep their order."""
    src = (source,) if isinstance(source, int) else tuple(source)
    dst = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(src) != len(dst):
        raise RuntimeError(
            "movedim: Invalid source or destination dims: source (" + str(list(src)) + " dims) should contain the same number of "
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
    """A view without dimensions of size 1: all of them, or those named."""
    if dim is None:
        return rows.squeeze.record(input)
    if isinstance(dim, (tuple, list)):
        return rows.squeeze_dims.record(input, dim)
    return rows.squeeze_dim.record(input, dim)


@composite(method=True)
def flatten(input, start_dim=0, end_dim=-1):
    """Dimensions from start_dim to end_dim made into one."""
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
    """One dimension made into several (one of the sizes may be -1)."""
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
    """The elements in one dimension; a view if they lie in order."""
    return input.reshape(-1)


@composite(method=True)
def narrow(input, dim, start, length):
    """A view of `length` indices of dim from `start` on."""
    if input.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    d = wrap_dim(dim, input.ndim)
    n = input.shape[d]
    start = int(start)
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start += n if start < 0 else 0
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return rows.slice_.record(input, d, start, start + length, 1)


@composite(method=True)
def select(input, dim, index):
    """A view of one index of dim, which disappears."""
    return rows.select.record(input, dim, index)


@composite(method=True)
def unbind(input, dim=0):
    """Views of each index of dim."""
    return tuple(rows.unbind.record(input, dim))


@composite(method=True)
def split(input, split_size_or_sections=None, dim=0, *, split_size=None):
    """Views of pieces along dim: of one size (the last may be smaller) or of the given sizes."""
    size = split_size if split_size_or_sections is None else split_size_or_sections
    if isinstance(size, (list, tuple)):
        return tuple(rows.split_with_sizes.record(input, size, dim))
    return tuple(rows.split.record(input, int(size), dim))


@composite(method=True)
def chunk(input, chunks, dim=0):
    """At most `chunks` pieces of equal size along dim (the last may be smaller)."""
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
    """Pieces along dim: so many of nearly equal size, or cut at the given indices."""
    if input.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = wrap_dim(dim, input.ndim)
    n = input.shape[d]
    if isinstance(indices_or_sections, Tensor):
        t = indices_or_sections
        indices_or_sections = t.tolist()
    if isinstance(indices_or_sections, int):
        k = indices_or_sections
        if k <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {k}")
        cuts = [i * (n // k) + (i if i < n % k else n % k) for i in range(k + 1)]
    else:
        cuts = [0, *indices_or_sections, n]
    return tuple(rows.slice_.record(input, d, a, b, 1) for a, b in zip(cuts, cuts[1:], strict=False))


def _along(name: str, dim: int, least: int) -> None:
    @composite(name=name, method=True)
    def split_along(input: Any, indices_or_sections: Any) -> Any:
        """`tensor_split` along a fixed dimension."""
        if input.ndim < least:
            raise RuntimeError(f"torch.{name} requires a tensor with at least {least} dimension{'s' * (least > 1)}, but got a tensor with {input.ndim} dimensions!")
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


def _atleast(name: str, n: int) -> Any:
    @composite(name=name)
    def atleast(*tensors: Any) -> Any:
        """Tensors with dimensions of size 1 added until they have enough."""
        if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
            return tuple(grow(t) for t in tensors[0])
        return grow(tensors[0]) if len(tensors) == 1 else tuple(grow(t) for t in tensors)

    def grow(t: Tensor) -> Tensor:
        if t.ndim >= n:
            return t
        if n == 1:
            return t.reshape(1)
        if t.ndim == 0:
            return t.reshape((1,) * n)
        if n == 2 or t.ndim == 1:
            t = t.unsqueeze(0)
        return t.unsqueeze(-1) if n == 3 else t

    return atleast


atleast_1d, atleast_2d, atleast_3d = _atleast("atleast_1d", 1), _atleast("atleast_2d", 2), _atleast("atleast_3d", 3)


@composite()
def hstack(tensors, *, out=None):
    """Tensors joined along their second dimension (the first, for 1-d ones)."""
    if not tensors:
        raise RuntimeError("hstack expects a non-empty TensorList")
    parts = atleast_1d(tuple(tensors))
    return F.cat(parts, 0 if parts[0].ndim == 1 else 1)


@composite(aliases="row_stack")
def vstack(tensors, *, out=None):
    """Tensors joined along the first dimension; 1-d ones become rows."""
    if not tensors:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return F.cat(atleast_2d(tuple(tensors)), 0)


@composite()
def dstack(tensors, *, out=None):
    """Tensors joined along the third dimension."""
    if not tensors:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return F.cat(atleast_3d(tuple(tensors)), 2)


@composite()
def column_stack(tensors, *, out=None):
    """Tensors joined along the second dimension; 1-d ones become columns."""
    if not tensors:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    return F.cat([t.reshape(t.numel(), 1) if t.ndim <= 1 else t for t in tensors], 1)


@composite(method=True)
def tile(input, *dims, **kw):
    """The tensor repeated along each dimension; missing dims count as 1."""
    counts = tuple(ints((kw["dims"],) if "dims" in kw else dims))
    counts = (1,) * (input.ndim - len(counts)) + counts
    return input.repeat(counts)


@composite(method=True)
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element (along dim, or of the flat tensor) repeated in place: a count, or one count per element."""
    if repeats is None:
        return wrap(np.repeat(np.arange(input.numel()), input._a))
    x = input
    if dim is None:
        x, dim = input.reshape(-1), 0
    d = wrap_dim(dim, x.ndim)
    n = x.shape[d]
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        counts = np.full(n, repeats)
    else:
        counts = np.asarray(repeats._a if isinstance(repeats, Tensor) else repeats)
        if counts.ndim == 0 or counts.size == 1:
            counts = np.full(n, counts.reshape(-1)[0])
        if counts.size != n:
            raise RuntimeError("repeats must have the same size as input along dim, but got repeats.size(0) = "
                               f"{counts.size} and input.size({dim}) = {n}")  # fmt: skip
    return x.index_select(d, wrap(np.repeat(np.arange(n), counts)))


@composite(method=True)
def fliplr(input):
    """Columns in reverse order."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return input.flip((1,))


@composite(method=True)
def flipud(input):
    """Rows in reverse order."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return input.flip((0,))


@composite(method=True)
def rot90(input, k=1, dims=(0, 1)):
    """Turned by 90 degrees k times in the plane of two dimensions."""
    k %= 4
    a, b = dims
    if k == 1:
        return input.flip((b,)).transpose(a, b)
    if k == 2:
        return input.flip((a, b))
    if k == 3:
        return input.flip((a,)).transpose(a, b)
    return input.clone()


@composite(method=True)
def diag(input, diagonal=0):
    """A vector as the diagonal of a matrix, or the diagonal of a matrix as a vector (a copy)."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return input.diagonal(diagonal).clone() if not input.requires_grad else F.diagonal(input, diagonal)


@composite(method=True)
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Zeros with the last dimension of `input` on a diagonal of two new dimensions."""
    n = input.shape[-1] + abs(offset)
    r = input.ndim + 1
    d1, d2 = wrap_dim(dim1, r), wrap_dim(dim2, r)
    if d1 == d2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    shape = list(input.shape[:-1])
    for d in sorted((d1, d2)):
        shape.insert(d, n)
    out = input.new_zeros(shape)
    out.diagonal(offset, d1, d2).copy_(input)
    return out


@composite(method=True)
def diagflat(input, offset=0):
    """The flat input on the diagonal of a square matrix."""
    return diag_embed(input.reshape(-1), offset)


@composite()
def tril_indices(row, col, offset=0, *, dtype=dtypes.int64, device=None, layout=None):
    """Row and column numbers of the lower triangle of a row x col matrix."""
    return wrap(np.stack(np.tril_indices(row, offset, col)).astype(dtype.np))


@composite()
def triu_indices(row, col, offset=0, *, dtype=dtypes.int64, device=None, layout=None):
    """Row and column numbers of the upper triangle of a row x col matrix."""
    return wrap(np.stack(np.triu_indices(row, offset, col)).astype(dtype.np))


@composite()
def meshgrid(*tensors, indexing=None):
    """Views that spread 1-d coordinates over a grid."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    if indexing is None:
        import warnings

        warnings.warn("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.", UserWarning, stacklevel=3)
    for t in tensors:
        if t.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t!r}")
        if t.dtype is not tensors[0].dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swap = indexing == "xy" and len(tensors) > 1
    ts = [tensors[1], tensors[0], *tensors[2:]] if swap else list(tensors)
    shape = [t.numel() for t in ts]
    grids = [t.reshape([-1 if j == i else 1 for j in range(len(ts))]).expand(shape) for i, t in enumerate(ts)]
    if swap:
        grids = [g.transpose(0, 1) for g in grids]
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def _T(self: Tensor) -> Tensor:
    """The dimensions in reverse order."""
    return self.permute(tuple(range(self._a.ndim))[::-1])  # type: ignore[attr-defined]


def _mT(self: Tensor) -> Tensor:
    """The last two dimensions swapped."""
    if self._a.ndim < 2:
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {self._a.ndim}-D tensor.")
    return self.transpose(-2, -1)  # type: ignore[attr-defined]


def _H(self: Tensor) -> Tensor:
    """The conjugate transpose of a matrix."""
    if self._a.ndim not in (0, 2):
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self._a.ndim}-D tensor.")
    return self.transpose(0, 1).conj() if self._a.ndim else self.conj()  # type: ignore[attr-defined]


attach("T", property(_T))
attach("mT", property(_mT))
attach("H", property(_H))
attach("mH", property(lambda self: self.transpose(-2, -1).conj()))


@composite(method=True)
def adjoint(input):
    """The last two dimensions swapped, conjugated."""
    if input.ndim < 2:
        raise RuntimeError(f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor.")
    return input.transpose(-2, -1).conj()


publish("numel", lambda input: input.numel())
