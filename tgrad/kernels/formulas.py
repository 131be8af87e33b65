"""Elementwise formulas over large arrays, compiled: one pass over memory, whatever the number of steps.

`compiled` is tried before the blocks of Note [Blocks], and gives None where there is no kernel (yet), where the formula is not an
expression (Note [Tracing]), or where operands are of dtypes that kernels do not speak.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..pool import POOL
from ..storage import memory_order
from . import render
from .blocks import lined_up
from .crew import CREW, portion
from .expr import BOOL, F32, F64, Number, Opaque, Symbol, cast, trace
from .native import Jit, Kernel, rendered

ndarray = np.ndarray
Plan = Any
_PLANS: dict[Any, Plan] = {}
_BAKED: dict[Any, int] = {}
_MOST_BAKED = 16  # kernels of one formula that differ only in a number that is part of the source


class _Operands:
    """What is known of the operands: distinct arrays, numbers, and which of them stands where."""

    __slots__ = ("arrays", "kinds", "numbers", "places", "work")

    def __init__(self, operands: Sequence[Any]) -> None:
        self.arrays: list[ndarray] = []
        self.numbers: list[float] = []
        self.places: list[Any] = []  # per operand: ("array", k), ("number", k), or ("as it is", value)
        self.work: np.dtype | None = None
        known: dict[int, int] = {}
        kinds: list[Any] = []
        for x in operands:
            t = type(x)
            if t is ndarray and x.ndim:
                if x.dtype is not F32 and x.dtype is not F64 and x.dtype is not BOOL:
                    raise Opaque("dtype")
                k = known.get(id(x))
                if k is None:
                    k = known[id(x)] = len(self.arrays)
                    self.arrays.append(x)
                    if x.dtype is not BOOL:
                        self.work = self.work or x.dtype
                        if x.dtype is not self.work:
                            raise Opaque("mixed dtypes")
                self.places.append(("array", k))
                kinds.append((k, x.dtype.char))
            elif (
                t is float
                or (t is int and abs(x) < 2**53)
                or ((t is ndarray or isinstance(x, np.generic)) and x.dtype in (F32, F64))
            ):
                strong = t is not float and t is not int
                self.places.append(("number", len(self.numbers), x.dtype if strong else None))
                self.numbers.append(float(x))
                kinds.append(x.dtype.char if strong else "n")
            else:
                self.places.append(("as it is", x))
                kinds.append(x)
        if self.work is None:
            raise Opaque("no float operand")
        self.kinds = tuple(kinds)

    def symbols(self, baked: bool) -> list[Any]:
        assert self.work is not None
        out: list[Any] = []
        for place in self.places:
            if place[0] == "array":
                out.append(Symbol("in", (place[1],), self.arrays[place[1]].dtype))
            elif place[0] == "number":
                if place[2] is not None and place[2] != self.work:
                    raise Opaque("a number of another dtype")
                out.append(self.numbers[place[1]] if baked else Number("in", (len(self.arrays) + place[1],), self.work))
            else:
                out.append(place[1])
        return out


class _Traced:
    """The results of formulas over certain kinds of operands: expressions, or which operand, or nothing."""

    __slots__ = ("expressions", "kernels", "outs", "uses_numbers")

    def __init__(self, outs: list[Any], uses_numbers: bool) -> None:
        self.outs, self.uses_numbers = outs, uses_numbers
        self.expressions = [x for x in outs if isinstance(x, Symbol) and x.word != "in"]
        self.kernels: dict[Any, Kernel] = {}


def _traced(
    formulas: Sequence[Callable[..., Any]], given: Sequence[_Given], all_: _Operands, dtype: np.dtype | None = None
) -> _Traced | None:
    """The formulas as expressions, cast to `dtype` if that is given; None where they are none."""
    values = tuple([float.hex(v) for v in all_.numbers])  # as texts, since 0.0 == -0.0
    for baked in (False, True):
        key = (*formulas, all_.kinds, tuple(g.key for g in given), dtype, values if baked else None)
        if key in _PLANS:
            found = _PLANS[key]
        else:
            which = (*formulas,)
            if baked and _BAKED.get(which, 0) >= _MOST_BAKED:
                return None
            found = _PLANS[key] = _try(formulas, given, all_, dtype, baked)
            if baked and found is not None:
                _BAKED[which] = _BAKED.get(which, 0) + 1
        if found is not None:
            return found
    return None


class _Given:
    """The operands of one formula, as places among all operands, and its other arguments."""

    __slots__ = ("key", "many", "params", "places")

    def __init__(self, places: Sequence[int], params: dict[str, Any], many: bool = False) -> None:
        self.places, self.params, self.many = places, params, many
        self.key = (tuple(places), tuple(params.items()), many)


def _try(
    formulas: Sequence[Callable[..., Any]],
    given: Sequence[_Given],
    all_: _Operands,
    dtype: np.dtype | None,
    baked: bool,
) -> _Traced | None:
    try:
        symbols = all_.symbols(baked)
        outs: list[Any] = []
        for formula, g in zip(formulas, given, strict=True):
            outs += trace(formula, [symbols[p] for p in g.places], g.params)
        if dtype is not None:
            outs = [_brought(x, dtype) for x in outs]
    except (Opaque, TypeError):
        return None
    for x in outs:
        if x is not None and not isinstance(x, Symbol):
            return None
        if isinstance(x, Symbol) and ((x.word == "in" and x.args[0] >= len(all_.arrays)) or x.word == "const"):
            return None
    return _Traced(outs, not baked)


def _brought(x: Any, dtype: np.dtype) -> Any:
    if not isinstance(x, Symbol) or x.word == "in" or x.dtype == dtype:
        return x
    if x.dtype == BOOL:
        raise Opaque("truth values as numbers")
    return cast(x, dtype)


def compiled(
    fn: Callable[..., Any], operands: Sequence[Any], params: dict[str, Any], dtype: np.dtype | None
) -> ndarray | None:
    """`fn(*operands, **params)` cast to `dtype`, by a kernel; None where there is none."""
    if Jit.mode == "off":
        return None
    try:
        names = list(params)
        extra = [params[n] for n in names]
        all_ = _Operands([*operands, *extra])
    except Opaque:
        return None

    given = _Given(range(len(operands) + len(extra)), {})
    call = _named(fn, len(operands), tuple(names)) if names else fn
    try:
        found = _traced([call], [given], all_, dtype)
    except TypeError:  # an argument that is no key
        return None
    if found is None or len(found.outs) != 1 or not found.expressions:
        return None
    got = _run(found, all_)
    return None if got is None else got[0]


_NAMED: dict[Any, Callable[..., Any]] = {}


def _named(fn: Callable[..., Any], count: int, names: tuple[str, ...]) -> Callable[..., Any]:
    """`fn` with its last arguments by position."""
    key = (fn, count, names)
    made = _NAMED.get(key)
    if made is None:

        def made(*args: Any) -> Any:
            return fn(*args[:count], **dict(zip(names, args[count:], strict=True)))

        _NAMED[key] = made
    return made


def compiled_together(
    formulas: Sequence[Callable[..., Any]], words: Sequence[Sequence[Any]], several: Sequence[bool]
) -> list[Any] | None:
    """What the formulas give, in one pass over all their operands; as `blocks.together`."""
    if Jit.mode == "off":
        return None
    operands: list[Any] = []
    given: list[_Given] = []
    for args, many in zip(words, several, strict=True):
        given.append(_Given(range(len(operands), len(operands) + len(args)), {}, many))
        operands += args
    try:
        all_ = _Operands(operands)
        found = _traced(formulas, given, all_)
    except (Opaque, TypeError):
        return None
    if found is None or any(x.dtype == BOOL for x in found.expressions):
        return None
    made: Iterator[ndarray] = iter(())
    if found.expressions:
        got = _run(found, all_)
        if got is None:
            return None
        made = iter(got)
    return [None if x is None else all_.arrays[x.args[0]] if x.word == "in" else next(made) for x in found.outs]


# ---- running a kernel over the operands' layouts


def _run(found: _Traced, all_: _Operands) -> list[ndarray] | None:
    arrays, results = all_.arrays, found.expressions
    numbers = all_.numbers if found.uses_numbers else []
    assert all_.work is not None
    if any(not a.flags.aligned for a in arrays):
        return None
    flat = lined_up(arrays)
    if flat is not None and all(v.ndim for v in flat[1]):
        key: Any = (tuple([x.dtype.char for x in results]), "flat")
        kernel = found.kernels.get(key)
        if kernel is None:
            source = render.flat(results, [a.dtype for a in arrays], len(numbers), all_.work)
            kernel = found.kernels[key] = rendered(*source)
        run = kernel.get()
        if run is None:
            return None
        return _flat(run, arrays, flat, numbers, [x.dtype for x in results])
    return _lines(found, arrays, numbers, all_.work)


def _flat(run: Any, arrays: Any, flat: Any, numbers: Any, dtypes: Any) -> list[ndarray]:
    order, views = flat
    like, n = arrays[0], views[0].size
    unit = portion(n)
    outs = [POOL.empty((n,), dt) for dt in dtypes]
    addresses = [v.__array_interface__["data"][0] for v in (*views, *outs)]
    at = len(views)
    args = (*addresses[:at], *numbers, *addresses[at:])
    CREW.over(run, n, unit, args)
    if order is None:
        return [o.reshape(like.shape) for o in outs]
    sizes, back = [like.shape[d] for d in order], np.argsort(order)
    return [o.reshape(sizes).transpose(back) for o in outs]


def _lines(found: _Traced, arrays: Any, numbers: Any, work: np.dtype) -> list[ndarray] | None:
    shape = np.broadcast_shapes(*[a.shape for a in arrays])
    if len(arrays) == 1 and 0 in arrays[0].strides:
        return None
    order = memory_order(arrays, shape)[::-1]  # slowest first
    sizes = [shape[d] for d in order]
    outs = [POOL.empty(sizes, x.dtype) for x in found.expressions]
    views = [np.broadcast_to(a, shape).transpose(order) for a in arrays] + outs
    strides = [[s // v.itemsize for s in v.strides] for v in views]
    if any(s % v.itemsize for v in views for s in v.strides):
        return None
    sizes, strides = merged(sizes, strides)
    inner = sizes[-1]
    steps = tuple([{0: "0", 1: "1"}.get(s[-1], "s") for s in strides])
    key = (tuple([x.dtype.char for x in found.expressions]), steps)
    kernel = found.kernels.get(key)
    if kernel is None:
        source = render.lines(found.expressions, [a.dtype for a in arrays], len(numbers), work, steps)
        kernel = found.kernels[key] = rendered(*source)
    run = kernel.get()
    if run is None:
        return None
    addresses = [v.__array_interface__["data"][0] for v in views]
    at = len(arrays)
    items = [v.itemsize for v in views]
    if len(sizes) == 1:  # one long line, cut
        unit = portion(inner)

        calls, geometries = [], []
        for low in range(0, inner, unit):
            g = np.array([0, min(unit, inner - low), *[s[0] for s in strides]], np.int64)
            geometries.append(g)
            moved = [a + low * s[0] * i for a, s, i in zip(addresses, strides, items, strict=True)]
            calls.append((*moved[:at], *numbers, *moved[at:], g.ctypes.data, 0, 1))
        CREW.each(run, calls)
    else:
        count = math.prod(sizes[:-1])
        unit = portion(count, inner)
        g = np.array([len(sizes) - 1, inner, *sizes[:-1], *[x for s in strides for x in s]], np.int64)
        args = (*addresses[:at], *numbers, *addresses[at:], g.ctypes.data)
        CREW.over(run, count, unit, args)
    back = np.argsort(order)
    return [o.transpose(back) for o in outs]


def merged(sizes: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[list[int], list[list[int]]]:
    """Sizes and strides with neighbouring dimensions taken as one wherever all operands run on from one to the next."""
    kept: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for d, n in enumerate(sizes):
        if n == 1 and len(sizes) > 1 and (kept or d < len(sizes) - 1):
            continue
        if kept and all(s[-1] == own[d] * n for s, own in zip(steps, strides, strict=True)):
            kept[-1] *= n
            for s, own in zip(steps, strides, strict=True):
                s[-1] = own[d]
        else:
            kept.append(n)
            for s, own in zip(steps, strides, strict=True):
                s.append(own[d])
    return kept, steps
