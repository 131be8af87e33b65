"""The largest, the smallest, the middle: of everything, along a dimension, or of two tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dispatch import into, no_overload, pointwise
from ..methods import composite, return_type
from ..ops import choice
from ..ops import extremes as rows
from ..ops.spec import REQUIRED, Row
from ..shape import wrap_dim
from ..tensor import Tensor
from .reductions import check_input, is_dims, need


def _pair(name: str, out: Any, r: Any, fields: tuple[str, str] = ("values", "indices")) -> Any:
    """Two results as a named tuple, written into `out` if there is one."""
    made = return_type(name, fields)
    if out is None:
        return made(r)
    for o, x in zip(out, r, strict=True):
        if o.dtype is not x.dtype:
            from ..tensor import _cpp

            raise RuntimeError(f"Expected out tensor to have dtype {_cpp(x.dtype)}, but got {_cpp(o.dtype)} instead")
    return made([into(o, x, name) for o, x in zip(out, r, strict=True)])


def _extreme(name: str, all_row: Row, dim_row: Row, pair_row: Row, shown: str) -> Any:
    @composite(name=name, method=True)
    def extreme(
        input: Any = REQUIRED, dim: Any = None, keepdim: Any = False, *, other: Any = None, out: Any = None
    ) -> Any:
        if not isinstance(input, Tensor) and (dim is not None or other is not None):
            raise no_overload(name, input, dim if other is None else other)
        check_input(name, input)
        if isinstance(dim, Tensor) and other is None:
            dim, other = None, dim
        if other is not None:
            r = pointwise(pair_row, (input, other), {})
            return r if out is None else into(out, r, name)
        if not is_dims(dim) or isinstance(dim, (tuple, list)):
            raise no_overload(name, input, dim)
        if dim is None:
            r = all_row.record(input)
            return r if out is None else into(out, r, name)
        return _pair(name, out, dim_row.record(input, dim, keepdim))

    extreme.__doc__ = (
        f"The {'largest' if name == 'max' else 'smallest'} element of everything; along `dim`, values and indices (int64); of two\n"
        f"tensors, elementwise as `{name}imum`. nan counts as {'larger' if name == 'max' else 'smaller'} than all, and of equal elements "
        f"the first.\nRuntimeError or IndexError if there are none.\n\n{shown}"
    )
    return extreme


max = _extreme(
    "max",
    rows.max_all,
    rows.max_dim,
    choice.maximum,
    """>>> torch.max(torch.tensor([[1, 5], [3, 2]]))
tensor(5)
>>> torch.max(torch.tensor([[1, 5], [3, 2]]), dim=1)
torch.return_types.max(
values=tensor([5, 3]),
indices=tensor([1, 0]))
""",
)
min = _extreme(
    "min",
    rows.min_all,
    rows.min_dim,
    choice.minimum,
    """>>> torch.min(torch.tensor([[1, 5], [3, 2]]))
tensor(1)
>>> torch.min(torch.tensor([[1, 5], [3, 2]]), dim=1)
torch.return_types.min(
values=tensor([1, 2]),
indices=tensor([0, 1]))
""",
)


@composite(method=True)
def aminmax(input=REQUIRED, *, dim=None, keepdim=False, out=None):
    """The smallest and the largest value.

    Both over `dim` (all by default); the result has the fields min and max.

    >>> torch.aminmax(torch.tensor([[1, 5], [3, 2]]), dim=1)
    torch.return_types.aminmax(
    min=tensor([1, 2]),
    max=tensor([5, 3]))
    """
    need("aminmax", input=input)
    check_input("aminmax", input)
    return _pair("aminmax", out, rows.aminmax.record(input, dim, keepdim), ("min", "max"))


def _medians(name: str, all_row: Row, dim_row: Row) -> Any:
    @composite(name=name, method=True)
    def median(input: Any = REQUIRED, dim: Any = None, keepdim: Any = False, *, out: Any = None) -> Any:
        check_input(name, input)
        if not is_dims(dim) or isinstance(dim, (tuple, list)):
            raise no_overload(name, input, dim)
        if dim is None:
            return all_row.record(input)
        return _pair(name, out, dim_row.record(input, dim, keepdim))

    median.__doc__ = (
        "The value in the middle of everything, or values and indices along `dim`. Of an even number of values that is the smaller\n"
        f"of the two in the middle; nan {'if there is one' if name == 'median' else 'counts as missing'}.\n\n{_MIDDLE[name]}"
    )
    return median


_MIDDLE = {
    "median": """>>> torch.median(torch.tensor([3.0, 1.0, 4.0, 2.0]))
tensor(2.)
>>> torch.median(torch.tensor([[3.0, 1.0, 2.0]]), dim=1)
torch.return_types.median(
values=tensor([2.]),
indices=tensor([2]))
""",
    "nanmedian": """>>> torch.nanmedian(torch.tensor([3.0, torch.nan, 1.0]))
tensor(1.)
""",
}
median = _medians("median", rows.median_all, rows.median_dim)
nanmedian = _medians("nanmedian", rows.nanmedian_all, rows.nanmedian_dim)


@composite(method=True)
def mode(input=REQUIRED, dim=-1, keepdim=False, *, out=None):
    """The most frequent value along dim (the smallest of several), and an index where it stands.

    >>> torch.mode(torch.tensor([2, 1, 2, 3]))
    torch.return_types.mode(
    values=tensor(2),
    indices=tensor(2))
    """
    need("mode", input=input)
    check_input("mode", input)
    return _pair("mode", out, rows.mode_dim.record(input, dim, keepdim))


# ---- quantiles

_MODES = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantiles(name: str, skip_nan: bool) -> Any:
    @composite(name=name, method=True)
    def quantile(
        input: Any = REQUIRED,
        q: Any = REQUIRED,
        dim: Any = None,
        keepdim: Any = False,
        *,
        interpolation: str = "linear",
        out: Any = None,
    ) -> Any:
        """The q-th quantiles (q a number or a 1-d tensor in [0, 1]) of everything or along dim.

        A rank between two elements is settled by `interpolation`: linear, lower, higher, midpoint or nearest.

        >>> torch.quantile(torch.tensor([0.0, 1.0, 2.0, 4.0]), 0.5)
        tensor(1.5000)
        >>> torch.quantile(torch.tensor([0.0, 1.0, 2.0, 4.0]), torch.tensor([0.25, 1.0]), interpolation="nearest")
        tensor([1., 4.])
        """
        check_input(name, input)
        if q is REQUIRED or not isinstance(q, (Tensor, float, int)):
            raise no_overload(name, input, q)
        r = _quantile(name, input, q, dim, keepdim, interpolation, skip_nan)
        return r if out is None else into(out, r, name)

    if skip_nan:
        quantile.__doc__ = (
            "`quantile` of the elements that are not nan.\n\n"
            ">>> torch.nanquantile(torch.tensor([0.0, torch.nan, 4.0]), 0.25)\ntensor(1.)\n"
        )
    return quantile


def _quantile(name: str, input: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str, skip_nan: bool) -> Tensor:
    if isinstance(q, (float, int)):
        if not 0 <= q <= 1:
            raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q:g}")
        q = input.new_tensor(q)  # type: ignore[attr-defined]
    _check_quantile(input, q, interpolation)
    shape = list(input.shape)
    if dim is None:
        ordered = input.flatten().sort()[0]  # type: ignore[attr-defined]
        sizes = [1] * len(shape) if keepdim else []
    else:
        d = wrap_dim(dim, input.ndim)
        if input.ndim == 0:
            ordered = input.unsqueeze(0)  # type: ignore[attr-defined]
        else:
            ordered = input if d == input.ndim - 1 else input.unsqueeze(-1).transpose(d, -1)  # type: ignore[attr-defined]
        ordered = ordered.sort()[0]
        sizes = list(shape)
        if input.ndim:
            sizes[dim] = 1
            if not keepdim:
                del sizes[dim]
    last = ordered.shape[-1] - 1
    ordered = ordered.view([*sizes, last + 1])
    nan = ordered.isnan()
    ranks = q if q.ndim else q.unsqueeze(0)
    if skip_nan:
        ranks = (ranks * (nan.logical_not().sum(-1, keepdim=True) - 1)).clamp(0)
    else:
        ranks = (ranks * last).masked_fill(nan.any(-1, keepdim=True), last)
    if interpolation in ("lower", "higher", "nearest"):
        ranks = {"lower": ranks.floor, "higher": ranks.ceil, "nearest": ranks.round}[interpolation]()
    below = ranks.long()
    values = ordered.gather(-1, below)
    if interpolation in ("linear", "midpoint"):
        weight = ranks - below if interpolation == "linear" else ranks.detach() * 0 + 0.5
        values = values.lerp_(ordered.gather(-1, ranks.ceil().long()), weight)
    if q.ndim == 0:
        return values.squeeze_(-1)
    return values.unsqueeze_(0).transpose_(0, -1).squeeze_(-1)


def _check_quantile(input: Tensor, q: Tensor, interpolation: str) -> None:
    if input.numel() == 0:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if q.ndim > 1:
        raise RuntimeError(f"quantile() q must be a scalar or 1D tensor but got shape {list(q.shape)}")
    if input.dtype.name not in ("float32", "float64"):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if q.dtype is not input.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if interpolation not in _MODES:
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            + interpolation
        )
    if not bool(np.all((q._a >= 0) & (q._a <= 1))):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")


quantile = _quantiles("quantile", False)
nanquantile = _quantiles("nanquantile", True)
