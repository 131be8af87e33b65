"""Elementwise formulas over large arrays: block by block, on all cores, into memory that was used before.

Note [Blocks]
A formula of several steps, run over whole arrays, writes each intermediate result out to memory and reads it back. Run over
blocks that fit the cache, its intermediate results never leave it. So nothing is compiled, and any formula over numpy
arrays gains: the row's own, and those of its derivatives. A cheap single ufunc (`DIRECT`) has no intermediate results; its
blocks are larger and it writes straight into the result.

The arrays must agree about the order of their elements in memory (`lined_up`), or broadcast along rows.
Otherwise None comes back, and the caller takes the plain way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..pool import POOL
from ..storage import dense
from .crew import CREW

ndarray = np.ndarray


class Sizes:
    """In elements. Tests lower `large`, to send everything this way."""

    large = 1 << 16  # arrays beyond this size come here
    middle = 1 << 12  # from here up compiled forms are worth their call, though perhaps not a compiler's time
    block = (
        1 << 15
    )  # for formulas: a few of these fit a core's cache. A multiple of 64, see Note [nan and the two loops]
    stripe = 1 << 18  # for single ufuncs


# Loops as quick as memory, which write straight into the result. numpy's slower ones (exp, log, sin) were measured to take
# twice as long where the result is not in the cache, so they fill a block in the cache first, like formulas.
DIRECT = frozenset(
    (np.add, np.subtract, np.multiply, np.divide, np.negative, np.abs, np.sqrt, np.maximum, np.minimum, np.equal)
    + (np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal)
)


class _Plan:
    """How operands are cut into blocks: `count` units along the first axis, and what an output looks like."""

    def __init__(self, shape: tuple[int, ...], order: list[int] | None, operands: Sequence[Any], each: int) -> None:
        self.shape, self.order, self.operands, self.count, self.each = shape, order, operands, shape[0], each

    def cut(self, i: int, j: int) -> list[Any]:
        shape, n = self.shape, len(self.shape)
        return [x if type(x) is not ndarray or x.ndim < n or x.shape[0] != shape[0] else x[i:j] for x in self.operands]

    def empty(self, dtype: np.dtype) -> ndarray:
        return POOL.empty(self.shape, dtype)

    def finished(self, out: ndarray, like: ndarray) -> ndarray:
        """An output with the shape and the order of dimensions of the operands."""
        if self.order is None:
            return out if out.shape == like.shape or out.ndim > 1 else out.reshape(like.shape)
        sizes = [like.shape[d] for d in self.order]
        return out.reshape(sizes).transpose(np.argsort(self.order))


def lined_up(arrays: Sequence[ndarray]) -> tuple[list[int] | None, list[ndarray]] | None:
    """The arrays as one-dimensional views in the order of their elements in memory, which must be the same for all."""
    first = next((a for a in arrays if any(a.strides)), None)
    if first is None:
        return None
    order = None
    if not all(a.flags.c_contiguous and a.shape == first.shape for a in arrays):
        if not dense(first):
            return None
        order = sorted(range(first.ndim), key=lambda d: -first.strides[d])
        if order == list(range(first.ndim)):
            order = None
    views = []
    for a in arrays:
        if a.shape != first.shape:
            return None
        if not any(a.strides):  # one number, repeated
            views.append(a[(0,) * a.ndim].reshape(()) if a.ndim else a)
        elif [s // a.itemsize for s in a.strides] != [s // first.itemsize for s in first.strides]:
            return None
        else:
            flat = (a if order is None else a.transpose(order)).reshape(-1)
            if not np.may_share_memory(flat, a):
                return None
            views.append(flat)
    return order, views


def _plan(operands: Sequence[Any]) -> tuple[_Plan, ndarray] | None:
    arrays = [x for x in operands if type(x) is ndarray and x.ndim]
    if not arrays:
        return None
    like = max(arrays, key=lambda a: a.size)
    found = lined_up(arrays) if all(a.shape == like.shape for a in arrays) else None
    if found is not None:
        order, views = found
        flat = iter(views)
        taken = [next(flat) if type(x) is ndarray and x.ndim else x for x in operands]
        return _Plan((like.size,), order, taken, 1), like
    if not all(a.flags.c_contiguous for a in arrays) or like.ndim < 2 or like.shape[0] < 4:
        return None
    # bands of rows: an operand that has no rows of its own is the same for all of them
    if any(a.ndim == like.ndim and a.shape[0] not in (1, like.shape[0]) for a in arrays):
        return None
    if np.broadcast_shapes(*[a.shape for a in arrays]) != like.shape:
        return None
    return _Plan(like.shape, None, operands, like.size // like.shape[0]), like


def pointwise(
    fn: Callable[..., Any], operands: Sequence[Any], params: dict[str, Any], dtype: np.dtype | None
) -> ndarray | None:
    """`fn(*operands, **params)` for arrays of one dtype and numbers, cast to `dtype`; None where the plain way is to be taken."""
    from .formulas import compiled

    done = compiled(fn, operands, params, dtype)
    if done is not None:
        return done
    found = _plan(operands)
    if found is None:
        return None
    plan, like = found
    single = isinstance(fn, np.ufunc) and fn in DIRECT and not params
    unit = max(1, (Sizes.stripe if single else Sizes.block) // plan.each)
    probe = fn(*plan.cut(0, 1), **params)
    if type(probe) is not ndarray or probe.shape != (1, *plan.shape[1:]):
        return None
    out = plan.empty(dtype or probe.dtype)
    direct = single and probe.dtype == out.dtype

    def work(k: int) -> None:
        i = k * unit
        j = min(i + unit, plan.count)
        if direct:
            fn(*plan.cut(i, j), out=out[i:j])
        else:
            out[i:j] = fn(*plan.cut(i, j), **params)

    CREW.run(work, -(-plan.count // unit))
    return plan.finished(out, like)


def in_place(fn: Callable[..., None], *arrays: Any) -> None:
    """`fn(*arrays)`, which writes into some of them, block by block where they are large and lie alike."""
    first = arrays[0]
    alike = [type(a) is ndarray and a.flags.c_contiguous and a.shape == first.shape for a in arrays if a is not None]
    if not all(alike) or first.size <= Sizes.large:
        fn(*arrays)
        return
    flat = [None if a is None else a.reshape(-1) for a in arrays]
    unit = Sizes.block

    def work(k: int) -> None:
        fn(*[None if a is None else a[k * unit : (k + 1) * unit] for a in flat])

    CREW.run(work, -(-first.size // unit))


def together(
    formulas: Sequence[Callable[..., Any]], words: Sequence[Sequence[Any]], several: Sequence[bool]
) -> list[Any] | None:
    """Several formulas over the same arrays, block by block: what each gives, as `formula(*words)` would.

    `several`: whether a formula gives a tuple. A result that is one of the operands stays that operand.
    """
    from .formulas import compiled_together

    done = compiled_together(formulas, words, several)
    if done is not None:
        return done
    unique: dict[int, Any] = {id(x): x for args in words for x in args if type(x) is ndarray and x.ndim}
    found = _plan(list(unique.values()))
    if found is None:
        return None
    plan, like = found
    if len(plan.shape) > 1 or like.dtype.kind != "f":
        return None
    keys = list(unique)
    unit = Sizes.block

    def results(i: int, j: int) -> tuple[list[Any], dict[int, Any]]:
        cut = dict(zip(keys, plan.cut(i, j), strict=True))
        got: list[Any] = []
        for formula, args, many in zip(formulas, words, several, strict=True):
            r = formula(*[cut.get(id(x), x) if type(x) is ndarray else x for x in args])
            got += r if many else (r,)
        return got, cut

    probe, cut = results(0, 1)
    same = {id(v): k for k, v in cut.items()}
    outs: list[Any] = []
    for r in probe:
        if r is None or id(r) in same:
            outs.append(None)
        elif type(r) is not ndarray or r.shape != (1,):
            return None
        else:
            outs.append(plan.empty(r.dtype))

    def work(k: int) -> None:
        i = k * unit
        j = min(i + unit, plan.count)
        for out, r in zip(outs, results(i, j)[0], strict=True):
            if out is not None:
                out[i:j] = r

    if any(out is not None for out in outs):
        CREW.run(work, -(-plan.count // unit))
    return [
        (None if r is None else unique[same[id(r)]]) if out is None else plan.finished(out, like)
        for out, r in zip(outs, probe, strict=True)
    ]
