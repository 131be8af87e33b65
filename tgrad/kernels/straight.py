"""The shortest way to a compiled formula: one or two row-major arrays of one dtype and shape, or an array and a number.

Large tensors take it in the door's fast paths (fast.py) once the formula's kernel is there; what it costs then, beyond the kernel, is
the result's memory and a call. Everything else, the first call too, goes the general way (formulas.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..pool import POOL
from .crew import CREW, portion
from .native import READY, Jit, Kernel

ndarray = np.ndarray
Straight = Callable[..., "ndarray | None"]


def unary(fn: Callable[..., Any]) -> Straight:
    """`fn(a)` for a large array; None where that is not for this way."""
    known: dict[Any, tuple[Kernel, np.dtype] | None] = {}

    def run(a: ndarray) -> ndarray | None:
        dt = a.dtype
        found = known.get(dt) or _look(known, dt, fn, (a,))
        if found is None or not a.flags.carray:
            return None
        kernel, out_dt = found
        if kernel.state != READY or Jit.mode == "off":
            return None
        return _filled(kernel, a, out_dt, (a.__array_interface__["data"][0],))

    return run


def binary(fn: Callable[..., Any]) -> Straight:
    """`fn(a, b)` for a large array and another one of its dtype, or a Python number; None where that is not for this way."""
    known: dict[Any, tuple[Kernel, np.dtype] | None] = {}

    def run(a: ndarray, b: Any) -> ndarray | None:
        dt = a.dtype
        array = type(b) is ndarray
        key = (dt, "same" if a is b else array)
        found = known.get(key) or _look(known, key, fn, (a, b))
        if found is None or not a.flags.carray:
            return None
        kernel, out_dt = found
        if kernel.state != READY or Jit.mode == "off":
            return None
        at = a.__array_interface__["data"][0]
        if array:
            if b.shape != a.shape or not b.flags.carray:
                return None
            given = (at,) if a is b else (at, b.__array_interface__["data"][0])
        elif type(b) is float or abs(b) < 2**53:
            given = (at, float(b))
        else:
            return None
        return _filled(kernel, a, out_dt, given)

    return run


def _filled(kernel: Kernel, like: ndarray, dtype: np.dtype, given: tuple[Any, ...]) -> ndarray:
    out, n = POOL.empty(like.shape, dtype), like.size
    CREW.over(kernel.fn, n, portion(n), (*given, out.__array_interface__["data"][0]))
    return out


def _look(known: dict[Any, Any], key: Any, fn: Callable[..., Any], operands: tuple[Any, ...]) -> Any:
    """The kernel that the general way has made for a formula, once it has, and the dtype of its result."""
    if key in known or not all(x.ndim for x in operands if type(x) is ndarray):
        return None
    from . import formulas

    try:
        all_ = formulas._Operands(operands)
        traced = formulas._traced([fn], [formulas._Given(range(len(operands)), {})], all_, operands[0].dtype)
    except (formulas.Opaque, TypeError):
        traced = None
    if traced is None or not traced.uses_numbers or len(traced.outs) != 1 or len(traced.expressions) != 1:
        known[key] = None
        return None
    x = traced.expressions[0]
    kernel = traced.kernels.get(((x.dtype.char,), "flat"))
    if kernel is not None:
        known[key] = kernel, x.dtype
    return known.get(key)
