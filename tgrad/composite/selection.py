"""Choosing values by condition, limit, mask or weight, with tensors or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtype as dtypes
from .. import functions as F
from ..dispatch import exact_into, inplace, into, no_overload, pointwise
from ..fast import fast_row
from ..methods import attach, composite, publish
from ..ops import pointwise as rows
from ..ops.spec import REQUIRED
from ..promotion import result_type
from ..shape import broadcast_shapes
from ..tensor import Tensor
from ..tensor import _cpp as cpp_name
from .arguments import NUMBERS, is_number, need_tensors, plain


@composite()
def where(condition=REQUIRED, input=REQUIRED, other=REQUIRED, *, out=None):
    """`input` where the condition holds, else `other`; with the condition alone, the indices where it holds.

    All three broadcast against each other, and the result has the common dtype of both.

    >>> torch.where(torch.tensor([True, False]), torch.tensor([1.0, 2.0]), 0)
    tensor([1., 0.])
    >>> torch.where(torch.tensor([0, 5, 7]))
    (tensor([1, 2]),)
    """
    if out is None:
        return _where(condition, input, other)
    return into(out, _where(condition, input, other), "where")


def _where_slowly(condition: Any, input: Any, other: Any) -> Any:
    if input is REQUIRED and other is REQUIRED and isinstance(condition, Tensor):
        return F.nonzero(condition, as_tuple=True)
    values = (input, other)
    if not isinstance(condition, Tensor) or not all(isinstance(x, (Tensor, *NUMBERS)) for x in values):
        raise no_overload("where", condition, input, other)
    if condition._a.dtype == np.uint8:
        condition = condition.bool()  # type: ignore[attr-defined]
    if condition._a.dtype != np.bool_:
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype.legacy}"
        )
    return pointwise(rows.where, (condition, plain(input), plain(other)), {})


def _where(condition: Any, input: Any, other: Any) -> Any:
    """At its first call replaced by what `fast_row` writes."""
    global _where
    _where = fast_row(rows.where, _where_slowly)
    return _where(condition, input, other)


@composite(name="where", function=False, method=True)
def where_method(self, condition, other):
    """This tensor where the condition holds, else `other`.

    >>> torch.tensor([1, 2]).where(torch.tensor([True, False]), 0)
    tensor([1, 0])
    """
    return where(condition, self, other)


# ---- limits


def _limits(name: str, self: Any, min: Any, max: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The row for the limits at hand, its inputs and its other arguments."""
    given = [x for x in (min, max) if x is not None]
    if not isinstance(self, Tensor):
        raise no_overload(name, self, *given)
    tensors = [isinstance(x, Tensor) for x in given]
    if not all(t or is_number(x) for t, x in zip(tensors, given, strict=True)) or (any(tensors) and not all(tensors)):
        if min is None and max is not None:  # which can only have been given by name
            raise no_overload(name, self, max=max)
        raise no_overload(name, self, *given)
    if self.is_complex():
        raise NotImplementedError("clamp is not supported for complex types")
    if not given:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if not tensors[0]:
        _check_number_limits(self, min, max)
        return rows.clamp_scalar, (self,), {"min": plain(min), "max": plain(max)}
    if max is None:
        return rows.clamp_tensor_min, (self, min), {}
    if min is None:
        return rows.clamp_tensor_max, (self, max), {}
    return rows.clamp_tensor, (self, min, max), {}


def _check_number_limits(self: Tensor, min: Any, max: Any) -> None:
    if any(isinstance(x, complex) for x in (min, max)):
        if not self.is_floating_point():
            raise NotImplementedError("clamp is not supported for complex types")
        raise RuntimeError("value cannot be converted to type double without overflow")
    if self._a.dtype == np.bool_ and all(x is None or isinstance(x, bool) for x in (min, max)):
        which = "" if min is not None and max is not None else "min_" if max is None else "max_"
        raise NotImplementedError(f"\"clamp_{which}scalar_cpu\" not implemented for 'Bool'")


def _lifted(input: Tensor, params: dict[str, Any]) -> Tensor:
    """The tensor in the dtype that it has in common with the numbers that limit it."""
    common = result_type([input, *[x for x in params.values() if x is not None]])
    return input if common is input.dtype else input.to(common)  # type: ignore[attr-defined]


def _check_cast(self: Tensor, params: dict[str, Any]) -> None:
    common = result_type([self, *[x for x in params.values() if x is not None]])
    if not dtypes.can_cast(common, self.dtype):
        raise RuntimeError(
            f"result type {common.legacy} can't be cast to the desired output type {cpp_name(self.dtype)}"
        )


@composite(method=True, aliases="clip")
def clamp(input=REQUIRED, min=None, max=None, *, out=None):
    """Values limited to [min, max]; the limits may be numbers or tensors, and one may be absent.

    >>> torch.clamp(torch.tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    >>> torch.clamp(torch.tensor([1, 5]), max=3)
    tensor([1, 3])
    """
    row, inputs, params = _limits("clamp", input, min, max)
    if params:
        inputs = (_lifted(input, params),)
    r = pointwise(row, inputs, params)
    put = exact_into if params else into
    return r if out is None else put(out, r, "clamp")


def _clamp_into(self: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """In-place `clamp`."""
    row, inputs, params = _limits("clamp_", self, min, max)
    _check_cast(self, params)
    return inplace(row, inputs, params)


for _name in ("clamp_", "clip_"):
    attach(_name, _clamp_into)
    publish(_name, _clamp_into)


def _one_limit(name: str, word: str, scalar: Any, tensor: Any) -> None:
    def function(input: Any = REQUIRED, limit: Any = REQUIRED, *, out: Any = None, **named: Any) -> Tensor:
        limit = named.pop(word, limit)
        if named:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(named))}'")
        if not isinstance(input, Tensor) or not isinstance(limit, (Tensor, *NUMBERS)):
            raise no_overload(name, input, limit)
        if isinstance(limit, Tensor):
            r = pointwise(tensor, (input, limit), {})
        else:
            params = {word: plain(limit)}
            r = pointwise(scalar, (_lifted(input, params),), params)
        put = into if isinstance(limit, Tensor) else exact_into
        return r if out is None else put(out, r, name)

    def write(self: Tensor, limit: Any = REQUIRED, **named: Any) -> Tensor:
        limit = named.pop(word, limit)
        if isinstance(limit, Tensor):
            return inplace(tensor, (self, limit), {})
        if not is_number(limit):
            raise no_overload(name + "_", limit)
        params = {word: plain(limit)}
        _check_cast(self, params)
        return inplace(scalar, (self,), params)

    function.__doc__ = (
        f"Values {'raised to at least' if word == 'min' else 'lowered to at most'} `{word}`, a number or a tensor.\n\n"
        f">>> torch.{name}(torch.tensor([1, 5]), 3)\ntensor({'[3, 5]' if word == 'min' else '[1, 3]'})\n"
    )
    write.__doc__ = f"In-place `{name}`."
    for fn, n in ((function, name), (write, name + "_")):
        fn.__name__ = fn.__qualname__ = n
        publish(n, fn)
        attach(n, fn)


_one_limit("clamp_min", "min", rows.clamp_min, rows.clamp_min_tensor)
_one_limit("clamp_max", "max", rows.clamp_max, rows.clamp_max_tensor)


# ---- between two values


def _between(name: str, input: Any, end: Any, weight: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    if not isinstance(input, Tensor) or not isinstance(end, Tensor) or not isinstance(weight, (Tensor, *NUMBERS)):
        raise no_overload(name, input, end, weight)
    if input._a.dtype != end._a.dtype:
        raise RuntimeError(f"expected dtype {cpp_name(input.dtype)} for `end` but got dtype {cpp_name(end.dtype)}")
    if isinstance(weight, Tensor):
        if weight._a.dtype != input._a.dtype and (weight._a.ndim or weight.is_complex() > input.is_complex()):
            raise RuntimeError(
                f"expected dtype {cpp_name(input.dtype)} for `weight` but got dtype {cpp_name(weight.dtype)}"
            )
        return rows.lerp_tensor, (input, end, weight), {}
    return rows.lerp_scalar, (input, end), {"weight": plain(weight)}


@composite(method=True)
def lerp(input=REQUIRED, end=REQUIRED, weight=REQUIRED, *, out=None):
    """Linear interpolation: input + weight * (end - input).

    >>> torch.lerp(torch.tensor([0.0, 10.0]), torch.tensor([1.0, 20.0]), 0.5)
    tensor([ 0.5000, 15.0000])
    """
    r = pointwise(*_between("lerp", input, end, weight))
    put = exact_into if isinstance(weight, Tensor) else into
    return r if out is None else put(out, r, "lerp")


@composite(function=False, method=True)
def lerp_(self, end=REQUIRED, weight=REQUIRED):
    """In-place `lerp`."""
    return inplace(*_between("lerp_", self, end, weight))


# ---- masks


@composite(method=True)
def masked_fill(input=REQUIRED, mask=REQUIRED, value=REQUIRED):
    """`input` with `value` (a number or 0-d tensor) where the mask is True.

    The mask is a bool tensor that broadcasts with the input. RuntimeError for a mask of another dtype.

    >>> torch.masked_fill(torch.tensor([1.0, 2.0]), torch.tensor([True, False]), 0)
    tensor([0., 2.])
    """
    if isinstance(input, Tensor) and isinstance(mask, Tensor) and input._a.shape != mask._a.shape:
        broadcast_shapes(mask._a.shape, input._a.shape)  # PyTorch names the mask first
    return _masked("masked_fill", pointwise, input, mask, value)


@composite(function=False, method=True)
def masked_fill_(self, mask=REQUIRED, value=REQUIRED):
    """In-place `masked_fill`.

    >>> torch.ones(2).masked_fill_(torch.tensor([True, False]), 0)
    tensor([0., 1.])
    """
    return _masked("masked_fill_", inplace, self, mask, value)


def _fixed_name(d: Any) -> str:
    """The C++ type by its width, as this check of PyTorch's prints it."""
    return f"{d.name}_t" if d.name in ("uint8", "int8", "int16", "int64") else cpp_name(d)


def _masked(name: str, run: Any, input: Any, mask: Any, value: Any) -> Tensor:
    if not isinstance(input, Tensor) or not isinstance(mask, Tensor) or not isinstance(value, (Tensor, *NUMBERS)):
        raise no_overload(name, input, mask, value)
    if mask._a.dtype != np.bool_:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {cpp_name(mask.dtype)}")
    if isinstance(value, Tensor):
        if value._a.ndim:
            raise RuntimeError(
                f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._a.ndim} dimension(s)."
            )
        if value.is_complex() and not input.is_complex():
            raise RuntimeError(f"value cannot be converted to type {_fixed_name(input.dtype)} without overflow")
        return run(rows.masked_fill_tensor, (input, mask, value.to(input.dtype)), {})  # type: ignore[attr-defined]
    value = plain(value)
    if isinstance(value, complex) and not input.is_complex():
        raise RuntimeError(f"value cannot be converted to type {_fixed_name(input.dtype)} without overflow")
    return run(rows.masked_fill, (input, mask), {"value": value})


@composite(method=True)
def positive(input=REQUIRED):
    """The tensor itself; RuntimeError for bool."""
    need_tensors("positive", input=input)
    if input._a.dtype == np.bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input
