"""vmap's tensors: one that stands for a batch, and the rules by which rows run over whole batches.

Note [Batching rules]
Inside, the batch is the first dimension. Most rows need no rule of their own, since what they do to the dimensions follows from the names
of their arguments: a dimension moves up by one, sizes get the batch in front. `rules.py` holds the rows for which that is not the
whole truth. A row that has no batched form at all runs once per sample, with PyTorch's warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .. import functions as F
from ..ops.spec import Row
from ..promotion import result_type
from ..shape import wrap_dim
from ..tensor import Tensor
from .wrapped import Level, Wrapped, call, found


class Sample:
    """What a batched tensor shows as its array: the geometry of one value. The values themselves are not to be had, since there is one
    per sample."""

    __slots__ = ("dtype", "flags", "ndim", "shape", "size", "strides")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, shape: tuple[int, ...], steps: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.strides, self.dtype, self.ndim = shape, steps, dtype, len(shape)
        size = 1
        for n in self.shape:
            size *= n
        self.size = size
        self.flags = _Flags(self.shape, self.strides, self.dtype.itemsize)

    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.size * self.dtype.itemsize)

    def swapaxes(self, i: int, j: int) -> Sample:
        order = list(range(self.ndim))
        order[i], order[j] = order[j], order[i]
        return Sample(tuple(self.shape[d] for d in order), tuple(self.strides[d] for d in order), self.dtype)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(NO_VALUES)

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(NO_VALUES)

    def __eq__(self, other: Any) -> Any:
        raise RuntimeError(NO_VALUES)

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RuntimeError(NO_VALUES)

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError(NO_VALUES)


class _Flags:
    """Whether the elements of one value lie in the order of rows, or of columns."""

    writeable = True

    def __init__(self, shape: tuple[int, ...], steps: tuple[int, ...], itemsize: int) -> None:
        self.c_contiguous = self._ordered(shape[::-1], steps[::-1], itemsize)
        self.f_contiguous = self._ordered(shape, steps, itemsize)

    @staticmethod
    def _ordered(shape: tuple[int, ...], steps: tuple[int, ...], step: int) -> bool:
        for n, s in zip(shape, steps, strict=True):
            if n != 1 and s != step:
                return 0 in shape
            step *= n
        return True


NO_VALUES = (
    "vmap: this operation looks at the values of a tensor, which differ from sample to sample, and has no batching rule. We don't support "
    "that yet; please try to rewrite what you're doing with other operations."
)
NO_ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, please try to rewrite "
    "what you're doing with other operations. If error is occurring somewhere inside PyTorch internals, please file a bug report."
)
NO_BRANCH = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that yet, please file "
    "an issue at https://github.com/pytorch/pytorch/issues ."
)


class Batched(Wrapped):
    """`value` holds one value per sample of the level's batch, along its first dimension."""

    value: Tensor

    def __new__(cls, value: Tensor, level: Level) -> Any:
        self: Any = object.__new__(level.kind or cls)
        self._level = level
        self.fill(value)
        return self

    def fill(self, value: Tensor) -> None:
        a = value._a
        self._a: Any = Sample(a.shape[1:], a.strides[1:], a.dtype)
        self._vc = self._x = self._grad = self._node = None
        self._rg = value.requires_grad
        self.value = value

    def become(self, other: Any) -> None:
        self.fill(other.value)

    def __init__(self, *args: Any) -> None:
        pass

    def parts(self) -> tuple[Any, ...]:
        return (self.value,)

    def again(self, *parts: Any) -> Any:
        return Batched(parts[0], self._level)

    def item(self) -> Any:
        raise RuntimeError(NO_ITEM)

    def __bool__(self) -> bool:
        raise RuntimeError(NO_BRANCH)

    __int__ = __float__ = __index__ = __complex__ = lambda self: self.item()
    tolist = item

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    def data_ptr(self) -> int:
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    def __repr__(self, **kwargs: Any) -> str:
        inner = repr(self.value).replace("\n", "\n    ")
        return f"BatchedTensor(lvl={self._level.number}, bdim=0, value=\n    {inner}\n)"

    # -- factories "like" a batched tensor are batched too: what they make is often written into

    def _like(self, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return Batched(make(self.value, *args, **kwargs), self._level)

    def new_zeros(self, *size: Any, **kw: Any) -> Any:
        return self._like(lambda v: v.new_zeros(self._sizes(size), **kw))

    def new_ones(self, *size: Any, **kw: Any) -> Any:
        return self._like(lambda v: v.new_ones(self._sizes(size), **kw))

    def new_empty(self, *size: Any, **kw: Any) -> Any:
        return self._like(lambda v: v.new_empty(self._sizes(size), **kw))

    def new_full(self, size: Any, fill_value: Any, **kw: Any) -> Any:
        return self._like(lambda v: v.new_full(self._sizes((size,)), fill_value, **kw))

    def _sizes(self, size: tuple[Any, ...]) -> tuple[int, ...]:
        if len(size) == 1 and isinstance(size[0], (tuple, list)):
            size = tuple(size[0])
        return (self._level.size, *size)

    def map(self, fn: Any, free: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        lvl = self._level
        places = [k for k, x in (*enumerate(args), *kwargs.items()) if of(x, lvl)]
        if free is not None and not free.issuperset(places):
            if fn.whole is not None:
                named = {k: full(x, lvl) for k, x in kwargs.items()}
                return _wrapped(fn.whole(lvl.size, tuple([full(x, lvl) for x in args]), named), lvl)
            outs = [
                fn(*[_at(x, lvl, i) for x in args], **{k: _at(x, lvl, i) for k, x in kwargs.items()})
                for i in range(lvl.size)
            ]
            return Batched(F.stack(outs), lvl)  # type: ignore[attr-defined]
        given = [x for x in (*args, *kwargs.values()) if of(x, lvl)]
        n = max(x._a.ndim for x in given)

        def deep(x: Any) -> Any:
            v = inside(x, lvl)
            return v.reshape(v.shape[:1] + (1,) * (n - x._a.ndim) + v.shape[1:]) if of(x, lvl) and x._a.ndim < n else v

        return _wrapped(fn(*[deep(x) for x in args], **{k: deep(x) for k, x in kwargs.items()}), lvl)

    def transform(self, how: str, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        from . import neural, places, recurrence, resampling, stacks  # noqa: F401 - their rules
        from .rules import RULES

        lvl = self._level
        if how == "inplace":
            return _inplace(lvl, row, inputs, params)
        if row.family == "pointwise":
            return _wrapped(call("pointwise", row, aligned(lvl, row, inputs), params), lvl)
        rule = RULES.get(row.name)
        if rule is None and row.name.startswith(("linalg_", "_linalg")) and not any(p.name in DIMS for p in row.params):
            rule = RULES["leading"]
        if rule is None:
            rule = by_names if can_go_by_names(row) else one_by_one
        return _wrapped(rule(lvl, row, inputs, params), lvl)

    def differentiate(
        self, outs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor | None], create: bool
    ) -> list[Tensor | None]:
        from .wrapped import differentiate

        lvl = self._level
        got = differentiate([full(o, lvl) for o in outs], [inside(x, lvl) for x in inputs],
                            [None if c is None else _under(c, lvl) for c in cotangents], create)  # fmt: skip
        return [g if g is None or not of(x, lvl) else _over(g, lvl) for g, x in zip(got, inputs, strict=True)]


def _under(x: Tensor, lvl: Level) -> Tensor:
    """`full` of a tensor that may be wrapped by higher levels, which stay outside."""
    if not isinstance(x, Wrapped) or x._level.number <= lvl.number:
        return full(x, lvl)
    parts = [None if p is None else _under(p, lvl) for p in x.parts()]
    if isinstance(x, Batched):  # its own batch is the second dimension now
        parts = [parts[0].transpose(0, 1)]  # type: ignore[union-attr]
    return x.again(*parts)


def _over(x: Tensor, lvl: Level) -> Tensor:
    """The way back."""
    if not isinstance(x, Wrapped) or x._level.number <= lvl.number:
        return Batched(x, lvl)
    if isinstance(x, Batched):
        return x.again(_over(x.value.transpose(0, 1), lvl))
    return x.again(*[None if p is None else _over(p, lvl) for p in x.parts()])


def of(x: Any, lvl: Level) -> bool:
    return isinstance(x, Batched) and x._level is lvl


def inside(x: Any, lvl: Level) -> Any:
    """The batch within, of one that is batched at this level; anything else as it is."""
    if isinstance(x, (list, tuple)):
        return [inside(t, lvl) for t in x]
    return x.value if of(x, lvl) else x


def full(x: Any, lvl: Level) -> Any:
    """The batch within, or the same value repeated for all samples."""
    if isinstance(x, (list, tuple)):
        return [full(t, lvl) for t in x]
    if not isinstance(x, Tensor) or of(x, lvl):
        return inside(x, lvl)
    return x.expand(lvl.size, *x.shape)


def _wrapped(out: Any, lvl: Level) -> Any:
    if isinstance(out, (list, tuple)):
        return [_wrapped(t, lvl) for t in out]
    return Batched(out, lvl) if isinstance(out, Tensor) else out


def aligned(lvl: Level, row: Row, inputs: Sequence[Any]) -> list[Any]:
    """Operands of an elementwise row over the batch: the batch in front, then as many dimensions as the largest operand has, in the
    common dtype of the single values (in which a 0-dim one counts for less)."""
    tensors = [x for x in inputs if isinstance(x, Tensor)]
    n = max(x._a.ndim for x in tensors)
    common = None
    promoted = [x for w, x in zip(row.tensors, inputs, strict=False) if w in row.promoted]
    if len({x._a.dtype for x in promoted if isinstance(x, Tensor)}) > 1:
        common = result_type(promoted)
    out: list[Any] = []
    for w, x in zip(row.tensors, inputs, strict=False):
        if not isinstance(x, Tensor):
            out.append(x)
            continue
        v = inside(x, lvl)
        if of(x, lvl) and x._a.ndim < n:
            v = v.reshape(v.shape[:1] + (1,) * (n - x._a.ndim) + v.shape[1:])
        if common is not None and w in row.promoted:
            v = v.to(common)
        out.append(v)
    return out


DIMS = frozenset("dim dim0 dim1 dim2 dims dimension".split())
SIZES = frozenset("size input_sizes weight_sizes repeats output_size".split())
_OTHER = frozenset(
    """ord keepdim dtype index start end step offset descending stable k largest sorted value memory_format correction sparse_grad reduce
    include_self alpha split_size split_sizes implicit shifts diagonal ord p name result eps length start n norm""".split()
)


def can_go_by_names(row: Row) -> bool:
    """Whether the names of a row's arguments say what it does to dimensions."""
    own = [p.name for p in row.params if p.name not in {t.rstrip("*") for t in row.tensors}]
    return bool(DIMS.intersection(own) or SIZES.intersection(own) or row.name in PLAIN) and all(
        n in DIMS or n in SIZES or n in _OTHER for n in own
    )


PLAIN = frozenset(
    "clone contiguous.copy _to_copy alias alias_copy view_as_real view_as_complex view_as_real_copy view_as_complex_copy copy "
    "fill.Scalar fill_.Scalar zero undifferentiated".split()
)


def by_names(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """See Note [Batching rules]."""
    first = next(x for x in _each(inputs))
    n = first._a.ndim
    values = [full(x, lvl) for x in inputs]
    given = dict(params)
    dims = [p for p in given if p in DIMS]
    if row.name.startswith("transpose") and n == 0:
        return values[0].view(values[0].shape)
    flat = n == 0 and bool(dims) and row.name not in GROWS and row.family != "view" and "_copy" not in row.name
    if flat:  # a 0-dim value counts as one with a single dimension here
        values = [v.unsqueeze(1) if isinstance(v, Tensor) and v._a.ndim == 1 else v for v in values]
    room = n + GROWS.get(row.name, 0)
    for p in dims:
        given[p] = _moved(given[p], room, row)
    for p in SIZES.intersection(given):
        given[p] = (lvl.size, *_tuple(given[p]))
    if row.name == "expand" or row.name == "expand_copy":
        extra = len(given["size"]) - 1 - n
        if extra > 0:
            values[0] = values[0].reshape(values[0].shape[:1] + (1,) * extra + values[0].shape[1:])
        given["size"] = (lvl.size, *[-1 if s == -1 else s for s in given["size"][1:]])
    out = call("run", row, values, given)
    return _squeezed(out) if flat else out


GROWS = {
    "unsqueeze": 1,
    "unsqueeze_copy": 1,
    "unsqueeze_": 1,
    "stack": 1,
    "diag_embed": 1,
}  # results have more dimensions, by which dims count


def _each(inputs: Sequence[Any]) -> Any:
    for x in inputs:
        if isinstance(x, (list, tuple)):
            yield from _each(x)
        elif isinstance(x, Tensor):
            yield x


def _tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _moved(dim: Any, n: int, row: Row) -> Any:
    if dim is None or (
        isinstance(dim, (tuple, list)) and not dim and row.name not in ("permute", "permute_copy", "roll", "flip")
    ):
        return tuple(range(1, n + 1)) if n else (1,)
    if isinstance(dim, (tuple, list)):
        moved = [wrap_dim(d, n) + 1 for d in dim]
        return [0, *moved] if row.name in ("permute", "permute_copy") else type(dim)(moved)
    return wrap_dim(dim, n) + 1


def _squeezed(out: Any) -> Any:
    if isinstance(out, (list, tuple)):
        return [_squeezed(t) for t in out]
    return out.squeeze(1) if out._a.ndim > 1 else out


def one_by_one(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """A run per sample."""
    name = row.name.partition(".")[0]
    warnings.warn(
        f"There is a performance drop because we have not yet implemented the batching rule for aten::{name}. Please file us an issue on "
        "GitHub so that we can prioritize its implementation.",
        UserWarning,
        stacklevel=6,
    )
    outs = []
    for i in range(lvl.size):
        outs.append(call("run", row, [_at(x, lvl, i) for x in inputs], params))
    if not outs:
        raise RuntimeError("vmap: cannot run an operation without a batching rule over a batch of no samples")
    if isinstance(outs[0], (list, tuple)):
        return [F.stack(list(column)) for column in zip(*outs, strict=True)]  # type: ignore[attr-defined]
    return F.stack(outs)  # type: ignore[attr-defined]


def _at(x: Any, lvl: Level, i: int) -> Any:
    if isinstance(x, (list, tuple)):
        return [_at(t, lvl, i) for t in x]
    return x.value[i] if of(x, lvl) else x


def _inplace(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    target = inputs[0]
    if not of(target, lvl):
        other = next(w for w, x in zip(row.tensors, inputs, strict=False) if found([x]) is not None)
        raise RuntimeError(
            f"vmap: aten::{row.name.partition('.')[0]}_(self, *extra_args) is not possible because there exists a Tensor `{other}` in "
            "extra_args that has more elements than `self`. This happened due to `"
            + other
            + "` being vmapped over but `self` not being "
            "vmapped over in a vmap. Please try to use out-of-place operators instead of "
            f"{row.name.partition('.')[0]}_. If said operator is being called inside the PyTorch framework, please file a bug report instead."
        )
    if row.family == "pointwise":
        call("inplace", row, aligned(lvl, row, inputs), params)
    elif row.name in PLAIN or row.name.endswith("_.inplace") or row.name == "fill.Tensor":
        values = [inside(x, lvl) for x in inputs]
        if row.name == "copy" and isinstance(inputs[1], Tensor):
            src, n = inputs[1], target._a.ndim
            if of(src, lvl) and src._a.ndim < n:
                values[1] = src.value.reshape((lvl.size, *(1,) * (n - src._a.ndim), *src._a.shape))
        call("inplace", row, values, params)
    else:
        out = target.transform("run", row, inputs, params)
        target.value.copy_(inside(out, lvl))
    return target


__all__ = ["Batched", "by_names", "full", "inside", "of", "one_by_one"]
