"""The words that updates of parameters are written in.

Note [One update for arrays and Tensors]
An optimizer writes its update once, in the words below. On the usual path it runs over the parameters' numpy arrays, which costs a
fraction of the same on tensors; version counters are moved on afterwards. Over Tensors it runs where it is recorded
(`differentiable=True`), and for halves, whose roundings are those of PyTorch's operations and not of numpy's. Complex parameters are
taken as real ones of twice the size. The order of operations within each word is that of PyTorch's kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import functions as fn
from ..dtype import bfloat16, float16
from ..kernels.blocks import in_place
from ..kernels.optimizing import Prepared, step_many
from ..tensor import Tensor

ndarray = np.ndarray
_HALVES = (float16, bfloat16)


def number(x: Any) -> Any:
    """A one-element tensor, or a number of numpy's, as the Python number in it; anything else as it is."""
    return x.item() if isinstance(x, (Tensor, np.generic)) else x  # type: ignore[attr-defined]


def scalar(x: Any) -> Any:
    """A one-element tensor as one without dimensions; anything else as it is."""
    return x.squeeze() if isinstance(x, Tensor) and x.dim() != 0 else x  # type: ignore[attr-defined]


def as_real(a: ndarray) -> ndarray:
    """A complex array as a real one with a last dimension of 2, over the same memory."""
    return a[..., None].view(a.real.dtype)


# ---- words; those with an underscore change their first operand


def mul_(x: Any, by: Any) -> None:
    if isinstance(x, Tensor):
        x.mul_(by)  # type: ignore[attr-defined]
    else:
        x *= number(by)


def add(x: Any, y: Any, alpha: Any = 1) -> Any:
    return x.add(y, alpha=alpha) if isinstance(x, Tensor) else x + y * number(alpha)  # type: ignore[attr-defined]


def add_(x: Any, y: Any, alpha: Any = 1) -> None:
    if isinstance(x, Tensor):
        x.add_(y, alpha=alpha)  # type: ignore[attr-defined]
    else:
        x += y * number(alpha)


def addcmul_(x: Any, a: Any, b: Any, value: Any = 1) -> None:
    if isinstance(x, Tensor):
        x.addcmul_(a, b, value=value)  # type: ignore[attr-defined]
    else:
        value = number(value)
        x += a * b if value == 1 else a * value * b


def addcdiv_(x: Any, a: Any, b: Any, value: Any = 1) -> None:
    if isinstance(x, Tensor):
        x.addcdiv_(a, b, value=value)  # type: ignore[attr-defined]
    else:
        value = number(value)
        x += a / b if value == 1 else a * value / b


def lerp_(x: Any, end: Any, weight: Any) -> None:
    if isinstance(x, Tensor):
        x.lerp_(end, weight)  # type: ignore[attr-defined]
        return
    weight = number(weight)
    step = end - x
    if abs(weight) < 0.5:
        x += step * weight
    else:
        x[...] = end - step * (1 - weight)


def root(x: Any) -> Any:
    return x.sqrt() if isinstance(x, Tensor) else np.sqrt(x)  # type: ignore[attr-defined]


def size(x: Any) -> Any:
    return x.abs() if isinstance(x, Tensor) else np.abs(x)  # type: ignore[attr-defined]


def maximum_(x: Any, y: Any) -> None:
    if isinstance(x, Tensor):
        x.copy_(fn.maximum(x, y))  # type: ignore[attr-defined]
    else:
        np.maximum(x, y, out=x)


def copy_(x: Any, y: Any) -> None:
    if isinstance(x, Tensor):
        x.copy_(y)  # type: ignore[attr-defined]
    else:
        x[...] = y


def fresh(x: Any, recorded: bool) -> Any:
    """A copy where `x` is about to be changed and its value is still needed for derivatives."""
    return x.clone() if recorded else x


# ---- the way of an update to a parameter


def apply(
    recorded: bool, update: Callable[..., None], p: Any, *others: Any, wide: Any = False, whole: bool = False
) -> None:
    """`update(p, *others)` over what it runs over best; `others`: the gradient and tensors of the state, or None.

    `wide`: halves are computed in float32 and rounded once, as fused steps do. `whole`: never block by block."""
    a = p._a
    if wide and p.dtype in _HALVES and type(a) is ndarray:
        arrays = [None if x is None else x._a.astype(np.float32) for x in (p, *others)]
        update(*arrays)
        for x, b in zip((p, *others), arrays):
            if x is not None and x is not others[0]:
                x._a[...] = b
    elif recorded or p.dtype in _HALVES or type(a) is not ndarray:
        operands = [p, *others]
        if p.is_complex():
            operands = [None if x is None else fn.view_as_real(x) for x in operands]
        update(*operands)
        return
    else:
        arrays = [a, *[None if x is None else x._a for x in others]]
        if a.dtype.kind == "c":
            arrays = [None if x is None else as_real(x) for x in arrays]
        if whole:
            update(*arrays)
        else:
            in_place(update, *arrays)
    for x in (p, *others[1:]):
        if x is not None:
            x._bump()


def advance(step: Any) -> float:
    """Counts a step and returns its number."""
    a = step._a
    a += 1
    step._bump()
    return float(a)


def together(
    name: str, prepared: Prepared | None, params: Sequence[Any], grads: Sequence[Any], states: Sequence[Sequence[Any]], keys: list[Any],
    numbers: Callable[[Any], tuple[float, ...]], flags: tuple[int, ...] = (), steps: Sequence[Any] | None = None,
) -> Sequence[int]:  # fmt: skip
    """Does the steps that the compiled kernel `name` can do, all in one call; gives the numbers of the parameters that are left.

    `states`: for each word of the state, the tensors of all parameters (or None). `keys`: for each parameter what its numbers depend on,
    mostly the count of its steps (empty: on nothing); `numbers(key)` gives them. `steps`: counters that are moved on where the step is done.
    """
    everything = range(len(params))
    if prepared is None or not params:
        return everything
    for p in params:
        if p._a.dtype.char not in "fd":  # one glance before all the work for nothing
            return everything
    if len(set(map(id, params))) != len(params):  # given twice, stepped twice: one after the other
        return everything
    first = keys[0] if keys else None
    if keys.count(first) == len(keys):  # nearly always all parameters are at the same step
        left: Sequence[int] = _run(name, prepared, params, grads, states, numbers(first), flags)
    else:
        apart: dict[Any, list[int]] = {}
        for i in everything:
            apart.setdefault(keys[i], []).append(i)
        rest: list[int] = []
        for key, which in apart.items():
            some = [[column[i] for i in which] for column in (params, grads, *states)]
            rest += [which[k] for k in _run(name, prepared, some[0], some[1], some[2:], numbers(key), flags)]
        left = rest
    waiting = set(left)
    for column in (params, *states):
        for i, x in enumerate(column):
            if x is not None and i not in waiting:
                x._bump()
    if steps is not None:
        for i, x in enumerate(steps):
            if i not in waiting:
                advance(x)
    return left


def _run(
    name: str, prepared: Prepared, params: Sequence[Any], grads: Sequence[Any], states: Sequence[Sequence[Any]], numbers: tuple[float, ...],
    flags: tuple[int, ...],
) -> list[int]:  # fmt: skip
    arrays = zip(
        [p._a for p in params],
        [g._a for g in grads],
        *[[None if x is None else x._a for x in column] for column in states],
        strict=True,
    )
    return step_many(name, prepared, list(arrays), (*map(float, numbers), *flags), len(flags))
