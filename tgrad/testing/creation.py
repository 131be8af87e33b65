"""Random tensors for tests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from .. import functions as fn
from ..dtype import bool_, dtype, finfo, iinfo, int64
from ..tensor import Tensor


def make_tensor(
    *shape: Any,
    dtype: dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of numbers drawn uniformly from [low, high): by default from -9 to 9, for integers included, 0 and 1 for bool.

    Limits outside what the dtype can hold are moved inside. With `exclude_zero`, a zero becomes the dtype's smallest normal number
    (one, for integers); with `noncontiguous`, every second element of a larger tensor is shown. The numbers are PyTorch's for the seed.

    ValueError for `low` not below `high`, NaN, limits outside the dtype, `requires_grad` of integers, `noncontiguous` with a memory format.

    >>> torch.manual_seed(0) and torch.testing.make_tensor(2, dtype=torch.int64, device="cpu")
    tensor([-6,  4])
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    if noncontiguous and memory_format is not None:
        raise ValueError(
            f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got {noncontiguous=} and {memory_format=}"
        )
    whole = not (dtype.is_floating_point or dtype.is_complex)
    if requires_grad and whole:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    gaps = noncontiguous and math.prod(sizes) > 1
    if gaps:
        sizes = (*sizes[:-1], 2 * sizes[-1])
    if whole:
        if dtype is bool_:
            limits = _limits(dtype, low, high, 0, 2, 0, 2)
        else:
            info = iinfo(dtype)
            limits = _limits(dtype, low, high, info.min, info.max + (dtype is not int64), -9, 10)
        # The last whole number below `high` is drawn, and none below `low`.
        out = fn.randint(math.ceil(limits[0]), math.ceil(limits[1]), sizes, device=device, dtype=dtype)  # type: ignore[attr-defined]
    else:
        least, most = _limits(dtype, low, high, finfo(dtype).min, finfo(dtype).max, -9, 9)
        out = fn.empty(sizes, device=device, dtype=dtype)  # type: ignore[attr-defined]
        _uniform(fn.view_as_real(out) if dtype.is_complex else out, least, most)  # type: ignore[attr-defined]
    if gaps:
        out = out[..., 1::2]
    elif memory_format is not None:
        out = out.clone(memory_format=memory_format)
    if exclude_zero:
        out[out == 0] = 1 if whole else finfo(dtype).tiny
    if requires_grad:
        out.requires_grad = True
    return out


def _uniform(t: Tensor, low: float, high: float) -> None:
    """Fills with numbers from an interval that may be wider than the largest number."""
    if high - low >= finfo(t.dtype).max:
        t.uniform_(low / 2, high / 2).mul_(2)
    else:
        t.uniform_(low, high)


def _limits(
    d: dtype, low: Any, high: Any, least: float, most: float, default_low: float, default_high: float
) -> tuple[float, float]:
    low = default_low if low is None else low
    high = default_high if high is None else high
    if any(isinstance(v, float) and math.isnan(v) for v in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and (d.is_floating_point or d.is_complex):
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated since 2.1 and will be "
            "removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
            stacklevel=4,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < least or low >= most:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {d} only supports [{least}, {most})"
        )
    return min(max(low, least), most), min(max(high, least), most)
