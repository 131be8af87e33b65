"""Compiled steps of optimizers: see compiled/steps.py. Each says whether it did the work."""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Sizes
from .crew import CREW, portion
from .native import READY, Jit, Kernel, kernel
from .rowwise import address, suits

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


def _over(run: Any, n: int, before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
    if n <= Sizes.large:
        run(*before, 0, n, *after)
        return
    unit = portion(n)
    CREW.run(lambda k: run(*before, k * unit, min(n, (k + 1) * unit), *after), -(-n // unit))


def _fits(p: Any, *others: ndarray | None) -> bool:
    """Whether a kernel may go over these arrays: a state that was loaded can be of any shape, and of memory that must not change."""
    if Jit.mode == "off" or type(p) is not ndarray or not suits(p, *others) or not p.flags.writeable:
        return False
    return all(a is None or a.shape == p.shape for a in others) and all(
        a is None or a.flags.writeable for a in others[1:]
    )


def adam(
    p: ndarray, g: ndarray, mean: ndarray, square: ndarray, most: ndarray | None, *, shrink: float, decay: float, beta1: float,
    beta2: float, root2: float, eps: float, step: float,
) -> bool:  # fmt: skip
    if not _fits(p, g, mean, square, most):
        return False
    run = _ready(_kernel("adam", p, 5, "i8 i8 f8 f8 f8 f8 f8 f8 f8 f8 f8 i8"), p.size)
    if run is None:
        return False
    arrays = tuple(map(address, (p, g, mean, square, p if most is None else most)))
    numbers = (1.0, shrink, decay, 1 - beta1, beta2, 1 - beta2, root2, eps, step)
    _over(run, p.size, arrays, (*map(float, numbers), int(most is not None)))
    return True


def sgd(
    p: ndarray,
    g: ndarray,
    buffer: ndarray | None,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    decay: float,
    nesterov: bool,
) -> bool:
    if not _fits(p, g, buffer):
        return False
    run = _ready(_kernel("sgd", p, 3, "i8 i8 f8 f8 f8 f8 f8 i8 i8"), p.size)
    if run is None:
        return False
    arrays = tuple(map(address, (p, g, p if buffer is None else buffer)))
    numbers = (1.0, lr, momentum, 1 - dampening, decay)
    _over(run, p.size, arrays, (*map(float, numbers), int(bool(nesterov)), int(buffer is not None)))
    return True
