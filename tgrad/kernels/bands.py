"""Operations on rows (softmax, sums along the last dimension, ...) over large arrays: some rows at a time, on all cores.

Where the first dimension is not among those that an operation works along, its result for some of the rows is some of the
rows of its result. So it can be computed band by band, with all intermediate results of a band in the cache; see
Note [Blocks]. The same holds for its derivative.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops.spec import Row, signature_of
from ..pool import POOL
from . import blas, convolve  # noqa: F401  (products and derivatives of convolutions come there)
from .blocks import Sizes, lined_up
from .crew import CREW
from .table import DERIVATIVES, EAGER, FORMS, MIDDLE, find

ndarray = np.ndarray


def large(row: Row, *args: Any, **kwargs: Any) -> Any:
    """A row over a large array: compiled where there is such a form, else in bands or in parts where its declaration allows
    it and the arguments do, else as it is."""
    form = find(FORMS, row.name)
    small = row.name not in EAGER and type(args[0]) is ndarray and args[0].size <= Sizes.large
    if form is not None and not (small and _rare(row.name)):
        r = form(*args, **kwargs)
        if r is not None:
            return r
    if small:
        return row.array(*args, **kwargs)
    words = {p.name: p.default for p in signature_of(row.array)}
    words |= dict(zip(words, args, strict=False)) | kwargs
    dims = words.get(row.bands or "")
    if row.bands == "normalized_shape":
        dims = range(-len(tuple(words["normalized_shape"])), 0)
    if dims is not None:
        return banded(row.array, dims, *args, **kwargs)
    if row.parts is not None and not words.get("keepdim") and (row.parts != "norm" or words["ord"] != 0):
        return in_parts(row.array, row.parts, *args, **kwargs)
    return row.array(*args, **kwargs)


def compiled(row: Row, words: dict[str, Any]) -> Any:
    """What a row's compiled form makes of these arguments; None where there is none, or where it does not apply."""
    form, first = find(FORMS, row.name), words[row.tensors[0]]
    small = row.name not in EAGER and type(first) is ndarray and first.size <= Sizes.large
    return None if form is None or (small and _rare(row.name)) else form(**words)


_CALLS: dict[str, int] = {}
OFTEN = 32


def _rare(name: str) -> bool:
    """Whether an operation has been called so seldom on arrays of middle size that it shall not ask for a compiler yet."""
    count = _CALLS[name] = _CALLS.get(name, 0) + 1
    return count < OFTEN


def _elsewhere(row: Row, args: Any) -> Callable[..., Any] | None:
    """For rows that are called in derivatives: the way over large arrays, if they are large and there is one."""
    if row.name in FORMS and args and type(args[0]) is ndarray:
        enough = -1 if row.name in EAGER else Sizes.middle if row.name in MIDDLE else Sizes.large
        if args[0].size > enough:
            return functools.partial(large, row)
    return None


Row.elsewhere = staticmethod(_elsewhere)


def derivative(name: str, formula: Callable[..., Any], place: int | None) -> Callable[..., Any]:
    """The formula over large arrays: compiled where there is such a form, else in bands along what is not in the dimensions at
    `place` among its arguments, else as it is."""

    def run(*args: Any) -> Any:
        form = find(DERIVATIVES, name)
        first = args[0][0] if type(args[0]) in (list, tuple) else args[0]
        small = type(first) is ndarray and first.size <= Sizes.large
        if form is not None and not (small and _rare(name)):
            r = form(*args)
            if r is not None:
                return r
        return formula(*args) if place is None or small else banded(formula, args[place], *args)

    return run


def in_parts(fn: Callable[..., Any], how: str, whole: ndarray, *args: Any, **kwargs: Any) -> Any:
    """`fn(whole, ...)`, a reduction to one number, from its results over parts. See Row.parts."""
    found = lined_up([whole])
    n, unit = whole.size, Sizes.stripe
    if found is None or n < 2 * unit:
        return fn(whole, *args, **kwargs)
    flat = found[1][0]
    head = fn(flat[:unit], *args, **kwargs)
    if head.dtype.itemsize == 2 and head.dtype.kind not in "iu":  # halves add up in float32, from first to last
        return fn(whole, *args, **kwargs)
    results = np.empty(-(-n // unit), head.dtype)
    results[0] = head

    def work(k: int) -> None:
        results[k + 1] = fn(flat[(k + 1) * unit : (k + 2) * unit], *args, **kwargs)

    CREW.run(work, len(results) - 1)
    if how == "mean":
        shares = np.full(len(results), unit / n)
        shares[-1] = (n - (len(results) - 1) * unit) / n
        return np.asarray(np.add.reduce(results * shares)).astype(head.dtype)
    return fn(results, *args, **kwargs)


def banded(fn: Callable[..., Any], dims: Any, *args: Any, **kwargs: Any) -> Any:
    """`fn(*args, **kwargs)`, band by band if `dims` leave the first dimension alone. The arrays among `args` must all have
    that dimension, but for optional ones that belong to a single row (a weight), which come after the first."""
    first = args[0]
    size = 2 * Sizes.block // max(1, first.size // max(1, first.shape[0])) if first.ndim else 0
    if not _free(dims, first) or first.shape[0] < 2 * max(1, size):
        return fn(*args, **kwargs)
    n, unit = first.shape[0], max(1, size)

    def cut(i: int, j: int) -> list[Any]:
        return [a[i:j] if type(a) is ndarray and a.ndim == first.ndim else a for a in args]

    head = fn(*cut(0, unit), **kwargs)
    several = isinstance(head, tuple)
    parts = head if several else (head,)
    if any(type(p) is not ndarray or not p.ndim or p.shape[0] != unit for p in parts):
        return fn(*args, **kwargs)
    outs = [POOL.empty((n, *p.shape[1:]), p.dtype) for p in parts]
    for out, p in zip(outs, parts, strict=True):
        out[:unit] = p

    def work(k: int) -> None:
        i = (k + 1) * unit
        got = fn(*cut(i, i + unit), **kwargs)
        for out, p in zip(outs, got if several else (got,), strict=True):
            out[i : i + unit] = p

    CREW.run(work, -(-n // unit) - 1)
    return tuple(outs) if several else outs[0]


def _free(dims: Any, first: ndarray) -> bool:
    """Whether these dimensions, valid ones, leave out the first of an array in row-major order."""
    if dims is None or first.ndim < 2 or not first.flags.c_contiguous:
        return False
    along = list(dims) if isinstance(dims, (tuple, list, range)) else [dims]
    return bool(along) and all(type(d) is int and (0 < d < first.ndim or -first.ndim < d < 0) for d in along)
