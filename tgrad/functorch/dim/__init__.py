"""First-class dimensions: `functorch.dim`.

A dimension is an object. Indexing a tensor with dimensions takes the places out of it and keeps them by name; operations then match what
has the same dimension, whatever its place, and go over all others as `vmap` does.

>>> import tgrad as torch
>>> from functorch.dim import dims
>>> A, B = torch.ones(2, 3), torch.ones(3, 4)
>>> i, j, k = dims()
>>> (A[i, k] * B[k, j]).sum(k).order(i, j)
tensor([[3., 3., 3., 3.],
        [3., 3., 3., 3.]])

Note [Dimensions are levels]
Each dimension is a level of vmap, one that never ends and lies under all that run: a tensor with dimensions is a batched tensor over a
batched tensor and so on, down to a plain one whose first dimensions they are, in the order in which the dimensions were made. So every
row's batching rule serves here, too. From the first dimension that gets a size, this process's threads look for levels at the door.
"""

from __future__ import annotations

import itertools
import math
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from ... import functions as F
from ...graph.modes import State, state
from ...tensor import Tensor as _PlainTensor
from ...transforms.batched import Batched
from ...transforms.wrapped import Level
from .names import assigned

Plain: Any = _PlainTensor  # its methods are hung on it at run time
_counter = itertools.count(-(10**9))
_lock = threading.Lock()
_watching = False


class DimensionMismatchError(Exception):
    """Dimensions do not fit what they are asked to stand for."""


class DimensionBindError(Exception):
    """A dimension has another size already."""


def _watch() -> None:
    """The door asks for levels from now on; in other threads, too."""
    global _watching
    with _lock:
        if not _watching:
            _watching = True
            for one in (State, state):
                one.levels += 1
                one.hooked += 1


class _Level(Level):
    """The level of a dimension."""

    def __init__(self, number: int, size: int, dim: Dim) -> None:
        super().__init__(number, size, "different")
        self.dim = dim

    @property
    def kind(self) -> type:  # type: ignore[override]
        return Tensor


class _Tensor(Batched):
    """What first-class tensors and dimensions have in common."""

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The dimensions, in the order in which they were made."""
        return _apart(self)[1]

    def order(self, *dims: Any) -> Any:
        """The tensor with these dimensions in front, as places again; several in a tuple become one. Numbers name places."""
        return _ordered(self, dims)

    def index(self, positions: Any, dims: Any) -> Any:
        """The tensor with these places (or dimensions) indexed by others."""
        return index(self, positions, dims)

    def expand(self, *sizes: Any) -> Any:
        """With dimensions: the same value along each of them."""
        if not any(isinstance(s, Dim) for s in sizes):
            return Plain.expand(self, *sizes)
        value, own = _apart(self)
        for d in sizes:
            if not isinstance(d, Dim):
                raise TypeError("expand: all arguments are dimensions, or none is")
            if _has(own, d):
                raise DimensionBindError(f"expanding dimension {d} already exists in tensor with dims")
            value = value.expand(d.size, *value.shape)
            own = (d, *own)
        return _together(value, own)

    def split(self, split_size_or_sections: Any, dim: Any = 0) -> Any:
        """With dimensions for sizes: each part has its own."""
        return split(self, split_size_or_sections, dim)

    def __getitem__(self, key: Any) -> Any:
        return _getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _setitem(self, key, value)

    def __iter__(self) -> Any:
        return iter(self.unbind(0))


class Dim(_Tensor):
    """A dimension. Its size is set by the first tensor that is indexed with it; in arithmetic it is the tensor of its positions."""

    _name: str
    _size: int
    _number: int

    def __new__(cls, name: str, s: int = -1) -> Any:
        self: Any = object.__new__(cls)
        self._name, self._size, self._number = name, -1, next(_counter)
        if s != -1:
            self.size = s
        return self

    def __init__(self, name: str, s: int = -1) -> None:
        pass

    @property
    def size(self) -> Any:  # type: ignore[override]
        if self._size == -1:
            raise ValueError(f"dimension {self._name} is unbound")
        return self._size

    @size.setter
    def size(self, value: int) -> None:
        if self._size == value:
            return
        if self._size != -1:
            raise DimensionBindError(
                f"Dim '{self._name}' previously bound to a dimension of size {self._size} cannot bind to a dimension of size {value}"
            )
        _watch()
        self._size = value
        self._level = _Level(self._number, value, self)
        self.fill(F.arange(value))  # type: ignore[attr-defined]

    @property
    def is_bound(self) -> bool:
        return self._size != -1

    def __getattr__(self, name: str) -> Any:
        if name in ("_a", "_level", "value", "_x", "_rg", "_vc", "_node", "_grad"):
            raise ValueError(f"dimension {self._name} is unbound")
        raise AttributeError(f"'Dim' object has no attribute {name!r}")

    def __repr__(self, **kwargs: Any) -> str:
        return self._name

    __str__ = __repr__
    __format__ = object.__format__
    __hash__ = object.__hash__


class Tensor(_Tensor):
    """A tensor with dimensions; made by indexing a plain one with them."""

    def __repr__(self, **kwargs: Any) -> str:
        value, own = _apart(self)
        shown = (*own, *range(value.ndim - len(own)))
        return f"{value!r}\nwith dims={shown} sizes={tuple(value.shape)}"

    __str__ = __repr__


class DimList:
    """Several dimensions, whose number may be left to the tensor that they index."""

    def __init__(self, len_or_dims: Any = None, name: str | None = None) -> None:
        self._name, self._dims = name, None
        if isinstance(len_or_dims, int):
            self.bind_len(len_or_dims)
        elif len_or_dims is not None:
            self._dims = [
                d if isinstance(d, Dim) else Dim(f"{name or 'dim'}{n}", -1 if d is None else int(d))
                for n, d in enumerate(len_or_dims)
            ]

    _dims: list[Dim] | None

    @property
    def is_bound(self) -> bool:
        return self._dims is not None

    def bind_len(self, size: int) -> None:
        """Sets how many there are."""
        if self._dims is None:
            self._dims = [Dim(f"{self._name or 'dim'}{n}") for n in range(size)]
        elif len(self._dims) != size:
            raise DimensionBindError(f"Dimlist has size {len(self._dims)} but it is being bound to size {size}")

    def bind(self, sizes: Sequence[int]) -> None:
        """Sets the sizes of all."""
        self.bind_len(len(sizes))
        for d, n in zip(self, sizes, strict=True):
            d.size = n

    def size(self) -> int:
        """How many there are; DimensionBindError while that is open."""
        if self._dims is None:
            raise DimensionBindError("DimList not bound")
        return len(self._dims)

    def __len__(self) -> int:
        return self.size()

    def __getitem__(self, key: Any) -> Any:
        if self._dims is None:
            raise DimensionBindError("DimList not bound")
        return tuple(self._dims[key]) if isinstance(key, slice) else self._dims[key]

    def __iter__(self) -> Iterator[Dim]:
        return iter(self[:])

    def __repr__(self) -> str:
        if self._dims is not None:
            return repr(tuple(self._dims)) if len(self._dims) != 1 else f"({self._dims[0]!r},)"
        return f"*{self._name}" if self._name is not None else "<unbound_dimlist>"


def dims(n: int | None = None, sizes: Any = None) -> Any:
    """As many new dimensions as there are variables on the left, or as `n` or `sizes` say; one alone, several as a tuple.

    >>> batch, channel = dims(sizes=[None, 3])
    >>> channel.size
    3
    """
    return _made(Dim, "dims", n, sizes, sys._getframe(1))


def dimlists(n: int | None = None, sizes: Any = None) -> Any:
    """The same for :class:`DimList`."""
    return _made(lambda name, size=None: DimList(size, name), "dimlists", n, sizes, sys._getframe(1))


def _made(kind: Any, who: str, n: int | None, sizes: Any, frame: Any) -> Any:
    names = assigned(frame)
    count = n if n is not None else len(sizes) if sizes is not None else len(names)
    if count == 0 and n is None and sizes is None:
        raise SyntaxError(f"{who}() must be assigned to a sequence of variable names or have argument n specified")
    if sizes is not None and len(sizes) != count:
        raise ValueError(f"expected {count} sizes but found {len(sizes)}")
    if len(names) != count:
        names = [f"d{at}" for at in range(count)]
    made = [
        kind(name) if sizes is None or sizes[at] is None else kind(name, sizes[at]) for at, name in enumerate(names)
    ]
    return made[0] if count == 1 else tuple(made)


# ---- between dimensions and places


def _apart(x: Any) -> tuple[Any, tuple[Dim, ...]]:
    """The plain tensor inside, and the dimensions that stand first in it."""
    own: list[Dim] = []
    while isinstance(x, Batched) and isinstance(x._level, _Level):
        own.insert(0, x._level.dim)
        x = x.value
    return x, tuple(own)


def _has(many: Sequence[Dim], one: Dim) -> bool:
    """`in` would compare them as tensors."""
    return any([d is one for d in many])


def _together(value: Any, own: Sequence[Dim]) -> Any:
    """A tensor with these dimensions, which stand first in `value`."""
    places = sorted(range(len(own)), key=lambda at: own[at]._number)
    if places != list(range(len(own))):
        value = value.permute(*places, *range(len(own), value.ndim))
    for at in places:
        value = Batched(value, own[at]._level)
    return value


def _ordered(x: Any, wanted: Sequence[Any]) -> Any:
    value, own = _apart(x)
    spots = value.ndim - len(own)
    axes: list[int] = []
    groups: list[int] = []
    for entry in wanted:
        pack = tuple(entry) if isinstance(entry, (tuple, list, DimList)) else (entry,)
        for d in pack:
            if isinstance(d, Dim):
                if not _has(own, d):
                    raise _absent(d)
                at = next(n for n, o in enumerate(own) if o is d)
            else:
                at = len(own) + int(d) + (spots if d < 0 else 0)
            if at in axes:
                raise _absent(d)
            axes.append(at)
        groups.append(len(pack))
    left = [at for at in range(len(own)) if at not in axes]
    rest = [at for at in range(len(own), value.ndim) if at not in axes]
    value = value.permute(*left, *axes, *rest)
    if any(g != 1 for g in groups):
        sizes, at = list(value.shape[: len(left)]), len(left)
        for g in groups:
            sizes.append(math.prod(value.shape[at : at + g]))
            at += g
        value = value.reshape(*sizes, *value.shape[at:])
    return _together(value, [own[at] for at in left])


def _absent(d: Any) -> ValueError:
    return ValueError(f"tensor does not contain dim {d!r} or it was specified twice")


# ---- indexing

_plain_getitem, _plain_setitem = Plain.__getitem__, Plain.__setitem__


def _flat(key: Any) -> bool:
    return isinstance(key, (Dim, DimList)) or (
        isinstance(key, (tuple, list)) and len(key) > 0 and all(isinstance(d, (Dim, DimList)) for d in key)
    )


def _has_dims(key: Any) -> bool:
    return any(_flat(k) for k in key) if isinstance(key, tuple) else _flat(key)


def _getitem(x: Any, key: Any) -> Any:
    if not _has_dims(key):
        return _plain_getitem(x, key)
    bound, rest = _bind(x, key)
    return bound if rest is None else _plain_getitem(bound, rest)


def _setitem(x: Any, key: Any, value: Any) -> None:
    if not _has_dims(key):
        _plain_setitem(x, key, value)
        return
    bound, rest = _bind(x, key)
    _plain_setitem(bound, Ellipsis if rest is None else rest, value)


def _bind(x: Any, key: Any) -> tuple[Any, Any]:
    """`x` with the dimensions in `key` bound to its places, and the index that is left for the others (None if it changes nothing)."""
    entries: list[Any] = []
    for k in key if isinstance(key, tuple) else (key,):
        if isinstance(k, DimList) and not k.is_bound:
            entries.append(k)
        else:
            entries += list(k) if isinstance(k, DimList) else [k]
    value, own = _apart(x)
    spots = value.ndim - len(own)
    used = sum([_span(k) for k in entries])
    for at, k in enumerate(entries):
        if isinstance(k, DimList):  # an unbound one takes what is left
            k.bind_len(spots - used)
            entries[at : at + 1] = list(k)
            used = spots
            break
    if used > spots:
        raise ValueError(f"at least {used} indices were supplied but the tensor only has {spots} dimensions")
    if Ellipsis in [k if k is Ellipsis else None for k in entries]:
        at = next(n for n, k in enumerate(entries) if k is Ellipsis)
        entries[at : at + 1] = [slice(None)] * (spots - used)
    entries += [slice(None)] * (spots - sum([_span(k) for k in entries]))
    sizes, found, axes, rest = list(value.shape[: len(own)]), [], [], []
    place = len(own)  # of the dimension of `value` that comes next
    for k in entries:
        span = _span(k)
        pack = (
            tuple(d for p in k for d in (p if isinstance(p, DimList) else (p,)))
            if isinstance(k, (tuple, list)) and _flat(k)
            else None
        )
        if pack is not None:
            shape = _sizes_of(pack, value.shape[place])
            for d, n in zip(pack, shape, strict=True):
                d.size = n
                axes.append(len(sizes))
                found.append(d)
                sizes.append(n)
        elif isinstance(k, Dim) and not _has(own, k) and not _has(found, k):
            k.size = value.shape[place]
            axes.append(len(sizes))
            found.append(k)
            sizes.append(value.shape[place])
        else:
            rest.append(k)
            if span:
                sizes.append(value.shape[place])
        place += span
    if tuple(sizes) != tuple(value.shape):
        value = value.reshape(sizes)
    others = [n for n in range(len(own), len(sizes)) if n not in axes]
    value = value.permute(*range(len(own)), *axes, *others)
    made = _together(value, [*own, *found])
    return made, None if all(isinstance(k, slice) and k == slice(None) for k in rest) else tuple(rest)


def _span(k: Any) -> int:
    """How many places an entry of an index takes up."""
    if k is None or k is Ellipsis or isinstance(k, DimList):
        return 0
    if isinstance(k, Plain) and not isinstance(k, Dim) and k.dtype.name == "bool":
        return k._a.ndim
    return 1


def _sizes_of(pack: Sequence[Dim], whole: int) -> list[int]:
    """The sizes of dimensions that share a place; one of them may be left open."""
    known = math.prod([d.size for d in pack if d.is_bound])
    free = [d for d in pack if not d.is_bound]
    shown = tuple([d.size if d.is_bound else "?" for d in pack])
    if len(free) > 1:
        raise DimensionBindError(f"cannot infer the sizes of two dimensions at once {free[0]!r} and {free[1]!r}")
    if free and (known == 0 or whole % known):
        raise DimensionBindError(f"inferred dimension does not evenly fit into larger dimension: {whole} vs {shown}")
    if not free and known != whole:
        raise DimensionBindError(
            f"Dimension sizes to do not match ({whole} != {known}) when matching dimension pack {pack}"
        )
    return [d.size if d.is_bound else whole // known for d in pack]


def index(self: Any, positions: Any, dims: Any) -> Any:
    """A tensor with the places `positions` (numbers, or dimensions that it has) indexed by `dims` (dimensions, numbers, slices, tensors).

    >>> i, j = dims()
    >>> torch.ones(2, 3).index((0, 1), (i, j)).order(j, i).shape
    torch.Size([3, 2])
    """
    many = isinstance(positions, (tuple, list)) and isinstance(dims, (tuple, list))
    where, what = (list(positions), list(dims)) if many else ([positions], [dims])
    if len(where) != len(what):
        raise TypeError(f"dims ({len(where)}) and indices ({len(what)}) must have the same length")
    front = _ordered(self, where) if isinstance(self, _Tensor) else self.permute(*_front(self, where))
    return _getitem(front, tuple(what))


def _front(x: Any, where: Sequence[int]) -> list[int]:
    for p in where:
        if not -x.ndim <= p < x.ndim:
            raise TypeError(f"dimension {p} not in tensor of {x.ndim} dimensions")
    first = [p % x.ndim for p in where]
    return [*first, *[n for n in range(x.ndim) if n not in first]]


# ---- functions of dimensions


def stack(tensors: Any, new_dim: Dim, dim: int = 0) -> Any:
    """Tensors side by side, along a new dimension."""
    new_dim.size = len(tensors)
    place = dim
    made = F.stack(_alike(tensors), place)  # type: ignore[attr-defined]
    return _getitem(made, (*[slice(None)] * (place % made._a.ndim), new_dim))


def cat(tensors: Any, dim: Any, new_dim: Dim) -> Any:
    """Tensors joined along one of their dimensions (or places), which becomes `new_dim`."""
    parts = [_ordered(t, (dim,)) if isinstance(t, _Tensor) else t.movedim(dim, 0) for t in tensors]
    return _getitem(F.cat(_alike(parts), 0), (new_dim,))  # type: ignore[attr-defined]


def _alike(tensors: Any) -> list[Any]:
    """The tensors with all dimensions that one of them has, so that rows for lists treat them alike."""
    every = list({id(d): d for t in tensors for d in _apart(t)[1]}.values())
    out = []
    for t in tensors:
        value, own = _apart(t)
        for d in [d for d in every if not _has(own, d)]:
            value, own = value.expand(d.size, *value.shape), (d, *own)
        out.append(_together(value, own))
    return out


def split(tensor: Any, split_size_or_sections: Any, dim: Any = 0) -> Any:
    """`Tensor.split`; with dimensions as sizes, of which one may be open, each part has its own in place of `dim`."""
    sections = split_size_or_sections
    if not (isinstance(sections, (tuple, list)) and any(isinstance(s, Dim) for s in sections)):
        front, back = (_ordered(tensor, (dim,)), (dim,)) if isinstance(dim, Dim) else (tensor, None)
        if back is not None:
            raise TypeError("split along a dimension takes dimensions for the sizes of its parts")
        return Plain.split(front, sections, dim)
    front = _ordered(tensor, (dim,)) if isinstance(tensor, _Tensor) else tensor.movedim(dim, 0)
    whole = front.shape[0]
    known = sum([s.size for s in sections if s.is_bound])
    free = [s for s in sections if not s.is_bound]
    if not free and known != whole:
        raise TypeError(f"sum of sizes of target dimensions ({known}) do not match the source dim ({whole})")
    if free and known > whole:
        raise TypeError(f"sizes of target dimensions add up to more ({known}) than source dim ({whole})")
    share = -(-(whole - known) // len(free)) if free else 0
    left = whole - known
    for s in free:
        s.size = min(share, left)
        left -= s.size
    parts = Plain.split(front, [s.size for s in sections], 0)
    return tuple([_getitem(p, (s,)) for p, s in zip(parts, sections, strict=True)])


# ---- methods that take dimensions where others take places


def _over_dims(name: str, *, at: int = 0, single: bool = False, reduce: bool = True) -> Any:
    plain = getattr(Plain, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = kwargs.get("dim", args[at] if len(args) > at else None)
        asked = tuple(given) if isinstance(given, (tuple, list, DimList)) else (given,)
        if not any(isinstance(d, Dim) for d in asked):
            return plain(self, *args, **kwargs)
        front = _ordered(self, asked)
        places: Any = 0 if single or len(asked) == 1 else tuple(range(len(asked)))
        if "dim" in kwargs:
            kwargs = {**kwargs, "dim": places}
        else:
            args = (*args[:at], places, *args[at + 1 :])
        out = getattr(front, name)(*args, **kwargs) if isinstance(front, _Tensor) else plain(front, *args, **kwargs)
        if reduce:
            return out
        again = tuple([d if isinstance(d, Dim) else slice(None) for d in asked])
        if isinstance(out, tuple):
            made = [_getitem(t, again) for t in out]
            return type(out)(made)
        return _getitem(out, again)

    method.__name__ = name
    method.__doc__ = f"`Tensor.{name}`, over dimensions as well as places."
    return method


_SEVERAL = "mean sum all amax amin aminmax any count_nonzero logsumexp nanmean nansum prod std var"
_ONE = "max min argmax argmin kthvalue median nanmedian mode"
_KEPT = "cummax cummin cumprod cumsum logcumsumexp softmax log_softmax sort argsort"
for _name in _SEVERAL.split():
    setattr(_Tensor, _name, _over_dims(_name))
for _name in _ONE.split():
    setattr(_Tensor, _name, _over_dims(_name, single=True, at=1 if _name == "kthvalue" else 0))
for _name in _KEPT.split():
    setattr(_Tensor, _name, _over_dims(_name, single=True, reduce=False))
_Tensor.unbind = _over_dims("unbind", single=True)  # type: ignore[attr-defined]

Plain.__getitem__ = _getitem  # type: ignore[method-assign]
Plain.__setitem__ = _setitem  # type: ignore[method-assign]
Plain.index = index  # type: ignore[attr-defined]

__all__ = [
    "Dim",
    "DimList",
    "DimensionBindError",
    "DimensionMismatchError",
    "Tensor",
    "cat",
    "dimlists",
    "dims",
    "index",
    "split",
    "stack",
]
