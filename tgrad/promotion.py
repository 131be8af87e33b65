"""Which dtype an operation computes in and gives: PyTorch's rules for tensors, 0-d tensors and Python numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtype as dtypes
from .dtype import dtype
from .kernels.quiet import quiet
from .ops.halves import HALVES, WHOLE, Halves
from .ops.spec import BOOL, COMPLEX, FLOAT, NUMERIC, REAL, REAL_FLOAT, Row
from .storage import copied, memory_order
from .tensor import Tensor

_FLOAT32 = np.dtype(np.float32)
_HALVES = (dtypes.float16, dtypes.bfloat16)


def result_type(inputs: Sequence[Any]) -> dtype:
    """The common dtype of tensors and Python numbers: tensors with dimensions weigh more than 0-d tensors, those more
    than numbers; a lower kind only decides when it is of a higher category (bool < int < float < complex)."""
    dim: dtype | None = None
    zero: dtype | None = None
    number: dtype | None = None
    for x in inputs:
        if isinstance(x, Tensor):
            d = dtypes.from_np(x._a.dtype)
            if x._a.ndim:
                dim = d if dim is None or dim is d else dtypes.promote_types(dim, d)
            else:
                zero = d if zero is None or zero is d else dtypes.promote_types(zero, d)
        else:
            d = dtypes.of_scalar(x)
            number = d if number is None or number is d else dtypes.promote_types(number, d)
    low = _combine(zero, number)
    out = _combine(dim, low)
    assert out is not None
    return out


def _combine(high: dtype | None, low: dtype | None) -> dtype | None:
    if high is None or low is None:
        return high if low is None else low
    if low.category > high.category:
        if low.is_complex and high.is_floating_point:
            return high.to_complex()
        return low
    return high


def compute_and_result(row: Row, common: dtype) -> tuple[dtype, dtype]:
    kind = row.kind
    if kind in (FLOAT, REAL_FLOAT) and common.category < 2:
        common = dtypes.get_default_dtype()
    elif kind == NUMERIC and common is dtypes.bool_:
        common = dtypes.int64
    if kind == BOOL:
        return common, dtypes.bool_
    if kind in (REAL, REAL_FLOAT) and common.is_complex:
        return common, common.to_real()
    if kind == COMPLEX:
        return common, common.to_complex()
    return common, common


def refuse(row: Row, d: dtype) -> None:
    """Raises what the row says about dtypes of this kind, if it says anything."""
    found = row.lacks.get("h") if d is dtypes.float16 or d is dtypes.bfloat16 else None
    found = found or row.lacks.get("bifc"[d.category])
    if found is not None:
        error, text = found
        raise error(text.format(dtype=d.legacy))


def as_number(value: Any, d: dtype) -> Any:
    """A Python number as a numpy scalar of a dtype, wrapping round as a cast in C does."""
    t = d.np.type
    if d.category < 2 and not isinstance(value, complex):
        if d is dtypes.bool_:
            return np.bool_(bool(value))
        if isinstance(value, float):
            return np.asarray(value).astype(d.np)[()]
        info = dtypes.iinfo(d)
        if not info.min <= value <= info.max:
            if not -(2**63) <= value < 2**64:
                raise OverflowError("int too big to convert")
            span = 1 << info.bits
            value = (value - info.min) % span + info.min
        return t(value)
    return t(value)


def widened(row: Row, inputs: Sequence[Any], compute: dtype) -> list[Any]:
    """Operands of a row on halves as float32: what has another dtype, and numbers, are rounded to the half first. See Note [Halves]."""
    half, whole = compute.np, row.name in WHOLE
    arrays: list[Any] = []
    with quiet:
        for i, (w, x) in enumerate(zip(row.tensors, inputs, strict=False)):
            a = x._a if isinstance(x, Tensor) else np.asarray(x, np.float32)
            if w in row.promoted or not isinstance(x, Tensor):
                if a.dtype is not half and not (whole and i == 1 and a.size == 1):
                    a = converted(a, half)
                a = converted(a, _FLOAT32)
            arrays.append(a if isinstance(x, Tensor) else a[()])
    return arrays


def forward(row: Row, inputs: Sequence[Any], result: dtype) -> Callable[..., Any]:
    """What computes a row: on halves a form of its own, if it has one."""
    if result in _HALVES and row.name in HALVES and not row.narrow:
        operands = [x._a if isinstance(x, Tensor) else x for x in inputs]
        return functools.partial(HALVES[row.name], Halves(result.np, operands))
    return row.array


def converted(a: np.ndarray, dt: np.dtype) -> np.ndarray:
    """Where elements repeat along a dimension, numpy's copy has that one innermost; PyTorch's results leave it in its place."""
    if a.ndim > 1 and 0 in a.strides and not a.flags.c_contiguous:
        with quiet:
            return copied(a, dt, memory_order([a], a.shape))
    return a.astype(dt)
