"""Compiled steps of optimizers: see compiled/steps.py. All parameters of a group go through one call of the crew."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .blocks import Sizes
from .crew import CREW, portion
from .native import READY, Jit, Kernel, kernel
from .operands import address, suits

ndarray = np.ndarray
HOT = 200  # steps over small arrays before it is worth a compiler's time


def _kernel(name: str, first: ndarray, arrays: int, rest: str) -> Kernel:
    return kernel("steps." + name, (first.dtype.str[1:] + "* ") * arrays + rest)


_STEPS: dict[str, int] = {}


def _ready(k: Kernel, size: int) -> Any:
    """The kernel, if it is there; small arrays ask for it only after many steps."""
    if k.state == READY:
        return k.fn if Jit.mode != "off" else None
    if size <= Sizes.large:
        count = _STEPS[k.name] = _STEPS.get(k.name, 0) + 1
        if count < HOT:
            return None
    return k.get()


Arrays = tuple[
    Any, ...
]  # a parameter, its gradient, its state: arrays of one shape; None for a state that there is not


def _suits(p: ndarray, state: Arrays) -> bool:
    """Whether a kernel may write to these: a state that was loaded can be of any shape, and of memory that must not change."""
    return suits(p, *state) and all(a is None or (a.shape == p.shape and a.flags.writeable) for a in (p, *state))


class Prepared:
    """What is known of parameters and their states from one step to the next: addresses, kernels."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Arrays, tuple[int, ...], Kernel]] = {}
        self._apart: bool | None = (
            True  # whether no two of the arrays that are written to share memory; None: not known
        )

    def keep(self, most: int) -> None:
        """Forgets everything where much more is known than there are parameters: their memory has been replaced again and again."""
        if len(self._known) > 2 * most + 16:
            self._known.clear()

    def look(self, name: str, rest: str, p: Any, state: Arrays) -> tuple[Arrays, tuple[int, ...], Kernel] | None:
        """(arrays, addresses, kernel) for a parameter and its state, whose addresses are the parameter's where there is no such state;
        None if a kernel may not go there."""
        if type(p) is not ndarray or not _suits(p, state):
            return None
        at = tuple([address(p if a is None else a) for a in (p, *state)])
        found = self._known[id(p)] = (p, *state), at, _kernel(name, p, 2 + len(state), rest)
        self._apart = None
        return found

    def are_apart(self) -> bool:
        if self._apart is None:
            spans = sorted(
                [(address(a), a.nbytes) for held, _, _ in self._known.values() for a in held if a is not None]
            )
            self._apart = all(low + size <= after for (low, size), (after, _) in itertools.pairwise(spans))
        return self._apart


def step_many(
    name: str, prepared: Prepared, params: Sequence[Arrays], numbers: tuple[Any, ...], flags: int = 0
) -> list[int]:
    """Runs the kernel `name` over all of `params` that it suits; gives the numbers of those that are left.

    `params`: (parameter, gradient, arrays of the state, None for one that there is not). `numbers`: what the kernel takes after the
    borders, floats and then so many `flags`.
    """
    if Jit.mode == "off":
        return list(range(len(params)))
    rest = "i8 i8" + " f8" * (len(numbers) - flags) + " i8" * flags
    left: list[int] = []
    runs: dict[Any, list[tuple[Any, ...]]] = {}
    known, large = prepared._known, Sizes.large
    for i, (p, g, *state) in enumerate(params):
        found = known.get(id(p))
        if found is None or found[0][0] is not p or any([x is not y for x, y in zip(found[0][1:], state, strict=True)]):
            found = prepared.look(name, rest, p, tuple(state))
        run, flag = None, p.flags
        if found is not None and flag.writeable and type(g) is ndarray and g.dtype is p.dtype and g.shape == p.shape:
            run = _ready(found[2], p.size) if g.flags.carray else None
        if run is None:
            left.append(i)
            continue
        assert found is not None
        at, n = found[1], p.size
        at = (at[0], address(g), *at[1:])
        calls = runs.get(run)
        if calls is None:
            calls = runs[run] = []
        if n <= large:
            calls.append((*at, 0, n, *numbers))
        else:
            unit = portion(n)
            calls += [(*at, low, min(n, low + unit), *numbers) for low in range(0, n, unit)]
    prepared.keep(len(params))
    for run, calls in runs.items():
        if not prepared.are_apart():  # one after the other, as if each were the only one
            for call in calls:
                run(*call)
        else:
            CREW.each(run, calls)
    return left
