"""Evenly spaced numbers and identity matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dispatch import bad_argument, into, no_overload
from ..dtype import dtype
from ..methods import composite
from ..ops.spec import REQUIRED
from ..tensor import Tensor, wrap
from ..tensor import _cpp as cpp_name
from .arguments import is_number
from .creation import at, check_dtype, flagged


def _number(name: str, value: Any, given: tuple[Any, ...]) -> Any:
    """A number out of a Python or numpy one or a 0-d tensor; TypeError for anything else."""
    if isinstance(value, Tensor) and value.numel() == 1:
        return value.item()  # type: ignore[attr-defined]
    if isinstance(value, np.generic):
        return value.item()
    if not is_number(value):
        raise no_overload(name, *given)
    return value


def _placed(name: str, a: np.ndarray, out: Any, requires_grad: bool) -> Tensor:
    return flagged(a, requires_grad) if out is None else into(out, wrap(a), name)


@composite()
def arange(
    start=REQUIRED,
    end=None,
    step=1,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """The numbers from `start` (0 if only one is given) up to but not including `end`, in steps.

    Integers alone give int64, a float among them the default dtype. RuntimeError for a step of 0 or in the wrong direction.

    >>> torch.arange(4)
    tensor([0, 1, 2, 3])
    >>> torch.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    at(device)
    check_dtype("arange", dtype)
    if start is REQUIRED and end is None:
        raise no_overload("arange")
    given = tuple(x for x in (start, end) if x is not REQUIRED and x is not None)
    if start is REQUIRED:
        start = 0
    elif end is None:
        if isinstance(start, str):
            raise bad_argument("arange", 1, "end", start, "Number")
        start, end = 0, start
    floating = [isinstance(v, (float, np.floating)) or (isinstance(v, Tensor) and v.is_floating_point())
                for v in (start, end, step)]  # fmt: skip
    start, end, step = (_number("arange", v, given) for v in (start, end, step))
    for v in (start, end, step):
        if isinstance(v, complex):
            raise RuntimeError("value cannot be converted to type double without overflow")
    d = dtype or (out.dtype if out is not None else dtypes.get_default_dtype() if any(floating) else dtypes.int64)
    return _placed("arange", _arange(start, end, step, d, not any(floating)), out, requires_grad)


def _arange(start: Any, end: Any, step: Any, d: dtype, whole: bool) -> np.ndarray:
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start:g} -> {end:g}")
    if (step > 0 and start > end) or (step < 0 and start < end):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if d.is_complex:
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{d.legacy}'")
    # int64 counts in int64, where fractions are cut off first; everything else in double precision
    if d is dtypes.int64:
        start, end, step = int(start), int(end), int(step)
        if step == 0:
            raise ValueError("step must be nonzero")
    n = -((start - end) // step) if whole or d is dtypes.int64 else math.ceil((end - start) / step)
    if d is dtypes.bool_:
        if n > 2:
            raise NotImplementedError("\"arange_cpu\" not implemented for 'Bool'")
        return (np.arange(n) * step + start).astype(np.bool_)
    if d.category == 1:
        start, step = int(start), int(step)
        return (np.arange(n, dtype=np.int64) * step + start).astype(d.np)
    return (np.arange(n) * np.float64(step) + np.float64(start)).astype(d.np)


@composite(name="range")
def range_(start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """As `arange` with the end included; deprecated in PyTorch in favour of it."""
    import warnings

    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with Python's "
        "range builtin. Instead, use torch.arange, which produces values in [start, end).",
        UserWarning,
        stacklevel=3,
    )
    if end is None:
        start, end = 0, start
    n = math.floor((end - start) / step) + 1
    d = dtype or dtypes.get_default_dtype()
    return _placed("range", (np.arange(n) * step + start).astype(d.np), out, requires_grad)


# ---- both ends included


def _ends(name: str, start: Any, end: Any, steps: Any, out: Any) -> tuple[Any, Any, int]:
    given = tuple(x for x in (start, end, steps) if x is not REQUIRED)
    kinds = all(isinstance(x, Tensor) or is_number(x) for x in given)
    if len(given) < 3 or not kinds or isinstance(steps, (bool, float)) or not hasattr(steps, "__index__"):
        raise no_overload(name, *given, out=out)
    shaped = [isinstance(x, Tensor) and x.ndim > 0 for x in (start, end)]
    if any(shaped):
        got = " and ".join(
            f"{w} with {x.ndim} dimension(s)" for w, x in (("start", start), ("end", end)) if isinstance(x, Tensor)
        )
        raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors, but got {got}.")
    steps = steps.__index__()
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    return _number(name, start, given), _number(name, end, given), steps


def _ends_dtype(name: str, start: Any, end: Any, d: dtype | None, out: Any) -> dtype:
    found = d or (out.dtype if out is not None else None)
    if isinstance(start, complex) or isinstance(end, complex):
        wide = dtypes.default_complex()
        if found is not None and not found.is_complex:
            raise RuntimeError(
                f"torch.{name}(): inferred dtype {cpp_name(wide)} can't be safely cast to passed dtype {found.legacy}"
            )
        return found or wide
    return found or dtypes.get_default_dtype()


@composite()
def linspace(
    start=REQUIRED,
    end=REQUIRED,
    steps=REQUIRED,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """`steps` evenly spaced numbers from `start` to `end`, both included.

    The dtype is the default one unless `dtype` says otherwise. RuntimeError for a negative number of steps.

    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    at(device)
    check_dtype("linspace", dtype)
    low, high, n = _ends("linspace", start, end, steps, out)
    d = _ends_dtype("linspace", low, high, dtype, out)
    if d is dtypes.bool_:
        raise NotImplementedError("\"linspace_cpu\" not implemented for 'Bool'")
    return _placed("linspace", spaced(low, high, n, d), out, requires_grad)


def spaced(start: Any, end: Any, steps: int, d: dtype) -> np.ndarray:
    """From both ends towards the middle, in the working dtype, as PyTorch does: rounding is symmetric."""
    if steps == 1:
        return np.asarray([int(start) if d.category == 1 else start]).astype(d.np)
    at_step = np.arange(steps)
    if d.category == 1:
        start, end = int(start), int(end)
        step: Any = np.float32(end - start) / np.float32(max(steps - 1, 1))
        low = (start + step * at_step.astype(np.float32)).astype(d.np)
        high = (end - step * at_step[::-1].astype(np.float32)).astype(d.np)
    else:
        work = d.np if d.itemsize >= 4 else np.dtype(np.float32)
        t = work.type
        step = t(t(end) - t(start)) / t(max(steps - 1, 1))
        low = (t(start) + step * at_step.astype(work)).astype(d.np)
        high = (t(end) - step * at_step[::-1].astype(work)).astype(d.np)
    return np.where(at_step < steps // 2, low, high)


@composite()
def logspace(
    start=REQUIRED,
    end=REQUIRED,
    steps=REQUIRED,
    base=10.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """`steps` numbers from base**start to base**end, evenly spaced on a logarithmic scale.

    >>> torch.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    at(device)
    check_dtype("logspace", dtype)
    if isinstance(base, bool) or not isinstance(base, (int, float)):
        raise no_overload("logspace", start, end, steps, base=base)
    low, high, n = _ends("logspace", start, end, steps, out)
    d = _ends_dtype("logspace", low, high, dtype, out)
    if d.category == 1:
        step = np.float32(int(high) - int(low)) / np.float32(max(n - 1, 1))
        a = (np.float32(base) ** (int(low) + step * np.arange(n).astype(np.float32))).astype(d.np)
    else:
        work = d if d.itemsize >= 4 else dtypes.float32
        a = np.power(work.np.type(base), spaced(low, high, n, work)).astype(d.np)
    return _placed("logspace", a, out, requires_grad)


# ---- identity


@composite()
def eye(n=REQUIRED, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """The n x m matrix (square by default) with ones on the diagonal.

    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    >>> torch.eye(2, 3, dtype=torch.int64)
    tensor([[1, 0, 0],
            [0, 1, 0]])
    """
    at(device)
    check_dtype("eye", dtype)
    for x in (n, m):
        if x is not None and (isinstance(x, (bool, float)) or not hasattr(x, "__index__")):
            if m is None and n is not REQUIRED:
                raise bad_argument("eye", 1, "n", n, "int")
            raise no_overload("eye", *(v for v in (n, m) if v is not None and v is not REQUIRED))
    if n < 0:
        raise RuntimeError(f"n must be greater or equal to 0, got {n}")
    if m is not None and m < 0:
        raise RuntimeError(f"m must be greater or equal to 0, got {m}")
    d = dtype or (out.dtype if out is not None else dtypes.get_default_dtype())
    return _placed("eye", np.eye(n, m, dtype=d.np), out, requires_grad)
