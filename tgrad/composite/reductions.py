"""Reductions whose row depends on the arguments: over everything, or over dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtype as dtypes
from ..dispatch import bad_argument, into, no_overload
from ..methods import composite, missing
from ..ops import choice, reduce, variance
from ..ops.spec import REQUIRED, Row
from ..tensor import Tensor, wrap

# Public names below hide Python's sum, all and any from here on.
_every = all


def check_input(name: str, input: Any) -> None:
    """TypeError unless the first argument is there and is a tensor."""
    if input is REQUIRED:
        raise no_overload(name)
    if not isinstance(input, Tensor):
        raise bad_argument(name, 1, "input", input)


def is_dims(dim: Any) -> bool:
    """Whether an argument can name dimensions: None, an int, or a sequence of ints."""
    if isinstance(dim, (tuple, list)):
        return _every(hasattr(d, "__index__") and not isinstance(d, bool) for d in dim)
    return dim is None or (hasattr(dim, "__index__") and not isinstance(dim, bool))


def check_dims(name: str, input: Any, dim: Any, *rest: Any) -> None:
    """TypeError for a `dim` that names no dimensions."""
    if not is_dims(dim):
        raise no_overload(name, input, dim, *rest)


def check_dtype(name: str, dtype: Any, position: str = "") -> None:
    if dtype is not None and not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"{name}(): argument 'dtype'{position} must be torch.dtype, not {type(dtype).__name__}")


@composite(method=True)
def sum(input=REQUIRED, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum over dim (an int or several; all of them by default). Integers add up in int64.

    With `keepdim` the dimensions stay, with size 1.

    >>> torch.sum(torch.ones(2, 3), 0)
    tensor([2., 2., 2.])
    >>> torch.sum(torch.tensor([True, True, False]))
    tensor(2)
    """
    if dim is None and not keepdim and dtype is None and out is None and isinstance(input, Tensor):
        return reduce.sum_all.record(input)
    check_input("sum", input)
    check_dims("sum", input, dim)
    check_dtype("sum", dtype)
    if out is not None and dtype is None and out.dtype is not input.dtype:
        dtype = out.dtype
    if dim is None and not keepdim:
        r = reduce.sum_all.record(input, dtype=dtype)
    else:
        r = reduce.sum_dim.record(input, dim, keepdim, dtype=dtype)
    return r if out is None else into(out, r, "sum")


@composite(method=True)
def mean(input=REQUIRED, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean over dim (all by default), of floating or complex tensors.

    With `keepdim` the dimensions stay, with size 1. RuntimeError for integers, unless `dtype` is floating.

    >>> torch.mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor(2.5000)
    >>> torch.mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1, keepdim=True)
    tensor([[1.5000],
            [3.5000]])
    """
    if dim is None and not keepdim and dtype is None and out is None and isinstance(input, Tensor):
        return reduce.mean_all.record(input)
    check_input("mean", input)
    check_dims("mean", input, dim)
    check_dtype("mean", dtype)
    if dtype is None and out is not None and out.dtype is not input.dtype:
        dtype = out.dtype
    if dtype is not None:
        reduce.need_float("mean", input._a, dtype)
    if dim is None and not keepdim:
        r = reduce.mean_all.record(input, dtype=dtype)
    else:
        r = reduce.mean_dim.record(input, dim, keepdim, dtype=dtype)
    return r if out is None else into(out, r, "mean")


@composite(method=True)
def nansum(input=REQUIRED, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum with nan counted as zero.

    >>> torch.nansum(torch.tensor([1.0, torch.nan, 2.0]))
    tensor(3.)
    """
    check_input("nansum", input)
    check_dims("nansum", input, dim)
    if input.dtype.category < 2:
        r = sum(input, dim, keepdim, dtype=dtype)
    else:
        r = reduce.nansum.record(input, dim, keepdim, dtype=dtype)
    return r if out is None else into(out, r, "nansum")


@composite(method=True)
def nanmean(input=REQUIRED, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean of what is not nan.

    >>> torch.nanmean(torch.tensor([1.0, torch.nan, 2.0]))
    tensor(1.5000)
    """
    check_input("nanmean", input)
    if input.dtype.category < 2:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype.legacy}"
        )
    factor = choice.logical_not.record(choice.isnan.record(input)).sum(dim, keepdim)
    r = nansum(input, dim, keepdim, dtype=dtype) / factor
    return r if out is None else into(out, r, "nanmean")


@composite(method=True)
def prod(input=REQUIRED, dim=None, keepdim=False, *, dtype=None, out=None):
    """The product over dim (all by default).

    Integers are multiplied in int64.

    >>> torch.prod(torch.tensor([[1, 2], [3, 4]]))
    tensor(24)
    >>> torch.prod(torch.tensor([[1, 2], [3, 4]]), 0)
    tensor([3, 8])
    """
    check_input("prod", input)
    if not is_dims(dim) or isinstance(dim, (tuple, list)):
        raise no_overload("prod", input, dim)
    if dim is None:
        r = reduce.prod_all.record(input, dtype=dtype)
    else:
        r = reduce.prod_int.record(input, dim, keepdim, dtype=dtype)
    return r if out is None else into(out, r, "prod")


def _truth(name: str, row: Row) -> Any:
    @composite(name=name, method=True)
    def test(input: Any = REQUIRED, dim: Any = None, keepdim: Any = False, *, out: Any = None) -> Any:
        if not isinstance(input, Tensor) or not is_dims(dim):
            raise no_overload(name, input, *([] if dim is None else [dim]))
        if isinstance(dim, (tuple, list)) and not len(dim):
            r = wrap(row.array(np.expand_dims(input._a, -1), -1, False))
        else:
            r = row.record(input, dim, keepdim)
        return r if out is None else into(out, r, name)

    test.__doc__ = (
        f"Whether {name} of the elements are true (not zero), over `dim`: one dimension, several, or all by default. The result\n"
        f"is a bool tensor (uint8 for uint8); of no elements it is {name == 'all'}.\n\n"
        f">>> torch.{name}(torch.tensor([[True, False], [True, True]]))\ntensor({name == 'any'})\n"
        f">>> torch.{name}(torch.tensor([[0, 0], [0, 1]]), dim=1)\n"
        f"tensor([False, {'False' if name == 'all' else ' True'}])\n"
    )
    return test


all = _truth("all", reduce.all_)
any = _truth("any", reduce.any_)

_MISSING = object()


def _spread(name: str, row: Row) -> Any:
    @composite(name=name, method=not row.outputs)
    def spread(
        input: Any = REQUIRED,
        dim: Any = None,
        unbiased: Any = _MISSING,
        keepdim: Any = False,
        *,
        correction: Any = None,
        out: Any = None,
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if not isinstance(input, Tensor) or not is_dims(dim):
            raise no_overload(name, input, *([] if dim is None else [dim]))
        if correction is None:
            correction = 1 if unbiased is _MISSING or unbiased is None else int(unbiased)
        r = row.record(input, dim, correction=correction, keepdim=keepdim)
        if row.outputs:
            r = tuple(r)
        return r if out is None else into(out, r, name)

    what = {"var": "variance", "std": "standard deviation"}[name[:3]]
    inner = "sum((x - mean)**2) / max(0, n - correction)"
    spread.__doc__ = (
        f"The {what}{' and the mean' if row.outputs else ''}, over `dim`: one dimension, several, or all by default.\n\n"
        f"That is {inner if name[:3] == 'var' else f'sqrt({inner})'} of n elements, where `correction` is 1, or with unbiased=False 0.\n"
        f"With `keepdim` the dimensions stay, with size 1. RuntimeError for integers.\n\n{_SHOWN[name]}"
    )
    return spread


_SHOWN = {
    "var": """\
>>> torch.var(torch.tensor([1.0, 2.0, 3.0, 4.0]))
tensor(1.6667)
>>> torch.var(torch.tensor([[1.0, 3.0], [2.0, 2.0]]), dim=1, correction=0)
tensor([1., 0.])
""",
    "std": """\
>>> torch.std(torch.tensor([1.0, 2.0, 3.0, 4.0]))
tensor(1.2910)
>>> torch.std(torch.tensor([[1.0, 3.0], [2.0, 2.0]]), dim=1, correction=0)
tensor([1., 0.])
""",
    "var_mean": """\
>>> torch.var_mean(torch.tensor([1.0, 2.0, 3.0, 4.0]))
(tensor(1.6667), tensor(2.5000))
""",
    "std_mean": """\
>>> torch.std_mean(torch.tensor([1.0, 2.0, 3.0, 4.0]))
(tensor(1.2910), tensor(2.5000))
""",
}
var, std = _spread("var", variance.var), _spread("std", variance.std)
var_mean, std_mean = _spread("var_mean", variance.var_mean), _spread("std_mean", variance.std_mean)


def need(name: str, **given: Any) -> None:
    """TypeError that names the required arguments which are absent."""
    absent = [w for w, v in given.items() if v is REQUIRED]
    if absent:
        raise missing(name, absent)
