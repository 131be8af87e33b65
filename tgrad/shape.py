"""Pure functions on shapes and strides: broadcasting, views, coalescing. Nothing here touches memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod


class Size(tuple):
    """A tensor's shape: a tuple of ints that prints as PyTorch's does.

    >>> torch.Size((2, 3))
    torch.Size([2, 3])
    >>> torch.Size((2, 3)).numel()
    6
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[int] = ()) -> Size:
        self = super().__new__(cls, sizes)
        for i, n in enumerate(self):
            if not isinstance(n, int):
                if hasattr(n, "__index__"):
                    return super().__new__(cls, [int(k) for k in self])
                raise TypeError(f"torch.Size() takes an iterable of 'int' (item {i} is '{type(n).__name__}')")
        return self

    def numel(self) -> int:
        """Number of elements of a tensor of this shape (1 for a 0-d shape)."""
        return prod(self)

    def __repr__(self) -> str:
        return "torch.Size([" + ", ".join(map(str, self)) + "])"

    __str__ = __repr__

    def __getitem__(self, key):  # type: ignore[override]
        out = tuple.__getitem__(self, key)
        return Size(out) if isinstance(key, slice) else out

    def __add__(self, other):  # type: ignore[override]
        if not isinstance(other, tuple):
            raise TypeError(f"can only concatenate tuple (not {type(other).__name__}) to torch.Size")
        return Size(tuple.__add__(self, other))

    def __radd__(self, other):
        if not isinstance(other, tuple):
            return NotImplemented
        return Size(tuple.__add__(other, self))

    def __mul__(self, n):  # type: ignore[override]
        return Size(tuple.__mul__(self, n))

    __rmul__ = __mul__  # type: ignore[assignment]

    def __reduce__(self):
        return Size, (tuple(self),)


def numel(shape: Sequence[int]) -> int:
    return prod(shape)


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Row-major strides in elements; PyTorch counts an empty dimension as one here.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    out, step = [], 1
    for n in reversed(shape):
        out.append(step)
        step *= max(n, 1)
    return tuple(reversed(out))


def is_contiguous(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """True if the elements lie in row-major order without gaps (strides of size-1 dimensions do not count)."""
    step = 1
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n == 0:
            return True
        if n != 1:
            if s != step:
                return False
            step *= n
    return True


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The common shape under the broadcasting rules; RuntimeError in PyTorch's words when there is none.

    >>> broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    out: list[int] = []
    for shape in shapes:
        if len(shape) > len(out):
            out = [1] * (len(shape) - len(out)) + out
        off = len(out) - len(shape)
        for i in range(len(shape) - 1, -1, -1):  # from the last dimension, which the message names first
            m, n = out[off + i], shape[i]
            if m == n or n == 1:
                continue
            if m == 1:
                out[off + i] = n
            else:
                raise RuntimeError(
                    f"The size of tensor a ({m}) must match the size of tensor b ({n}) "
                    f"at non-singleton dimension {off + i}"
                )
    return tuple(out)


def wrap_dim(dim: int, ndim: int, name: str = "dim") -> int:
    """A dimension counted from the end made positive; IndexError in PyTorch's words when out of range.

    A 0-d tensor accepts the dimensions -1 and 0, as in PyTorch.
    """
    if type(dim) is not int:
        if isinstance(dim, bool) or not hasattr(dim, "__index__"):
            raise TypeError(f"{name} must be int, not {type(dim).__name__}")
        dim = dim.__index__()
    n = ndim if ndim > 0 else 1
    if dim < -n or dim >= n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim + n if dim < 0 else dim


def wrap_dims(dims: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Reduction dimensions as a sorted tuple; None and () mean all of them."""
    if dims is None:
        return tuple(range(ndim))
    if isinstance(dims, int) or not isinstance(dims, (tuple, list)):
        d = wrap_dim(dims, ndim)  # type: ignore[arg-type]  # whatever has __index__
        return (d,) if ndim else ()
    if not dims:
        return tuple(range(ndim))
    seen: set[int] = set()
    for d in dims:
        w = wrap_dim(d, ndim)
        if w in seen:
            raise RuntimeError(f"dim {w} appears multiple times in the list of dims")
        seen.add(w)
    return tuple(sorted(seen)) if ndim else ()


def reduced_shape(shape: Sequence[int], dims: Sequence[int], keepdim: bool) -> tuple[int, ...]:
    if keepdim:
        return tuple(1 if i in dims else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in dims)


def infer_size(sizes: Sequence[int], count: int) -> tuple[int, ...]:
    """The sizes of a view of `count` elements with at most one -1 filled in; RuntimeError in PyTorch's words.

    >>> infer_size((2, -1), 6)
    (2, 3)
    """
    known, hole = 1, None
    for i, n in enumerate(sizes):
        if n == -1:
            if hole is not None:
                raise RuntimeError("only one dimension can be inferred")
            hole = i
        elif n < 0:
            raise RuntimeError(f"invalid shape dimension {n} at index {i} of shape {list(sizes)}")
        else:
            known *= n
    if hole is None and known == count:
        return tuple(sizes)
    shown = "[" + ", ".join(map(str, sizes)) + "]"
    if hole is None:
        raise RuntimeError(f"shape '{shown}' is invalid for input of size {count}")
    if known == 0:
        if count == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {shown} because the unspecified dimension size -1 "
                "can be any value and is ambiguous"
            )
        raise RuntimeError(f"shape '{shown}' is invalid for input of size {count}")
    if count % known:
        raise RuntimeError(f"shape '{shown}' is invalid for input of size {count}")
    return tuple(count // known if i == hole else n for i, n in enumerate(sizes))


def view_strides(shape: Sequence[int], strides: Sequence[int], new: Sequence[int]) -> tuple[int, ...] | None:
    """Strides of the view of shape `new` over the same memory, or None when a copy is needed.

    The old dimensions fall into runs that are contiguous among themselves; each run must be covered by
    whole new dimensions.
    """
    count = prod(shape)
    if count == 0:
        return tuple(strides) if tuple(shape) == tuple(new) else contiguous_strides(new)
    if not shape:
        return (1,) * len(new)
    out = [0] * len(new)
    j = len(new) - 1
    step, old_run, new_run = strides[-1], 1, 1
    for i in range(len(shape) - 1, -1, -1):
        old_run *= shape[i]
        if i == 0 or (shape[i - 1] != 1 and strides[i - 1] != old_run * step):
            while j >= 0 and (new_run < old_run or new[j] == 1):
                out[j] = new_run * step
                new_run *= new[j]
                j -= 1
            if new_run != old_run:
                return None
            if i > 0:
                step, old_run, new_run = strides[i - 1], 1, 1
    return tuple(out) if j == -1 else None


def expand_strides(
    shape: Sequence[int], strides: Sequence[int], new: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Sizes and strides of `expand(new)`: -1 keeps a size, size-1 dimensions repeat with stride 0."""
    shown = "[" + ", ".join(map(str, new)) + "]"
    if len(new) < len(shape):
        raise RuntimeError(
            f"expand: the number of sizes provided ({len(new)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({len(shape)})"
        )
    pad = len(new) - len(shape)
    sizes, steps = [0] * len(new), [0] * len(new)
    for i in range(len(new) - 1, -1, -1):
        n, k = new[i], i - pad
        if k < 0:
            if n < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
                )
            sizes[i] = n
            after = sizes[i + 1] * steps[i + 1] if i + 1 < len(new) else 1
            steps[i] = after if n == 1 else 0
            continue
        m = shape[k]
        if n == -1:
            n = m
        if n != m:
            if m != 1:
                raise RuntimeError(
                    f"The expanded size of the tensor ({n}) must match the existing size ({m}) at non-singleton dimension "
                    f"{i}.  Target sizes: {shown}.  Tensor sizes: [{', '.join(map(str, shape))}]"
                )
            steps[i] = 0
        else:
            steps[i] = strides[k]
        sizes[i] = n
    return tuple(sizes), tuple(steps)
