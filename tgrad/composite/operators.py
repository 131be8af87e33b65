"""Python's operators on tensors, and the functions whose rows depend on the operands' kinds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtype as dtypes
from .. import functions as F
from ..dispatch import as_number, bad_argument, inplace, into, pointwise, result_type
from ..fast import fast_binary, fast_unary
from ..methods import attach, composite, publish
from ..ops import pointwise as rows
from ..tensor import Tensor, wrap

NUMBERS = (bool, int, float, complex)


def _operand(x: Any) -> bool:
    return isinstance(x, (Tensor, bool, int, float, complex, np.generic)) or (isinstance(x, np.ndarray))


def _take(x: Any) -> Any:
    return F.from_numpy(x) if isinstance(x, np.ndarray) else x


def operator(row: Any, params: dict[str, Any] | None = None) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The dunder method of a binary row and its reflected form; other operand types get Python's own TypeError."""
    fixed = params or {}

    def general(self: Any, other: Any) -> Any:
        if not _operand(other):
            return NotImplemented
        return pointwise(row, (self, _take(other)), dict(fixed))

    def reflected(self: Any, other: Any) -> Any:
        if not _operand(other):
            return NotImplemented
        return pointwise(row, (_take(other), self), dict(fixed))

    return fast_binary(row, general), reflected


def _commutes(row: Any, params: dict[str, Any] | None = None) -> Callable[..., Any]:
    return operator(row, params)[0]


_add = _commutes(rows.add, {"alpha": 1})
_mul = _commutes(rows.mul)
_sub, _ = operator(rows.sub, {"alpha": 1})
_div, _ = operator(rows.div)


def _rsub(self: Tensor, other: Any) -> Any:
    if not _operand(other):
        return NotImplemented
    return pointwise(rows.rsub, (self, _take(other)), {"alpha": 1})


def _rdiv(self: Tensor, other: Any) -> Any:
    if not _operand(other):
        return NotImplemented
    if isinstance(other, (Tensor, np.ndarray)):
        return pointwise(rows.div, (_take(other), self), {})
    return self.reciprocal() * other  # type: ignore[attr-defined]


attach("__add__", _add)
attach("__radd__", _add)
attach("__mul__", _mul)
attach("__rmul__", _mul)
attach("__sub__", _sub)
attach("__rsub__", _rsub)
attach("__truediv__", _div)
attach("__rtruediv__", _rdiv)
attach("__neg__", fast_unary(rows.neg, lambda self: _neg(self)))
attach("__pos__", lambda self: self.positive())
attach("__abs__", lambda self: F.abs(self))


def _neg(self: Tensor) -> Tensor:
    if self._a.dtype == np.bool_:
        raise RuntimeError("Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
                           "the `~` or `logical_not()` operator instead.")  # fmt: skip
    return pointwise(rows.neg, (self,), {})


def _checked_sub(fn: Callable[..., Any]) -> Callable[..., Any]:
    def call(input: Any, other: Any, *args: Any, **kwargs: Any) -> Any:
        for x in (input, other):
            if (isinstance(x, Tensor) and x._a.dtype == np.bool_) or isinstance(x, bool):
                _refuse_bool_sub(input, other)
        return fn(input, other, *args, **kwargs)

    call.__name__, call.__doc__ = fn.__name__, fn.__doc__
    return call


def _refuse_bool_sub(a: Any, b: Any) -> None:
    if all((isinstance(x, Tensor) and x._a.dtype == np.bool_) for x in (a, b)):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
            "instead."
        )
    raise RuntimeError(
        "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
        "`logical_not()` operator instead."
    )


# ---- division


@composite(method=True, aliases="divide")
def div(input, other, *, rounding_mode=None, out=None):
    """input / other; with `rounding_mode` 'trunc' or 'floor', rounded that way (integers stay integers)."""
    if rounding_mode is None:
        r = _div(input, other) if isinstance(input, Tensor) else pointwise(rows.div, (input, other), {})
        if r is NotImplemented:
            raise bad_argument("div", 2, "other", other)
    elif rounding_mode in ("trunc", "floor"):
        r = pointwise(rows.div_mode, (input, other), {"rounding_mode": rounding_mode})
    else:
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")
    return r if out is None else into(out, r, "div")


@composite(method=True)
def true_divide(input, other, *, out=None):
    """input / other, always in floating point."""
    return div(input, other, out=out)


@composite(function=False, method=True, aliases="divide_")
def div_(self, other, *, rounding_mode=None):
    """In-place `div`."""
    if rounding_mode is None:
        return inplace(rows.div, (self, other), {})
    return inplace(rows.div_mode, (self, other), {"rounding_mode": rounding_mode})


attach("true_divide_", div_)


@composite(method=True)
def floor_divide(input, other, *, out=None):
    """The quotient rounded down."""
    r = pointwise(rows.div_mode, (input, other), {"rounding_mode": "floor"})
    return r if out is None else into(out, r, "floor_divide")


@composite(function=False, method=True)
def floor_divide_(self, other):
    """In-place `floor_divide`."""
    return inplace(rows.div_mode, (self, other), {"rounding_mode": "floor"})


def _guard(fn: Callable[..., Any]) -> Callable[..., Any]:
    """An operator method from a function: foreign operands give NotImplemented."""

    def method(self: Tensor, other: Any) -> Any:
        return fn(self, _take(other)) if _operand(other) else NotImplemented

    return method


def _guard_reflected(fn: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tensor, other: Any) -> Any:
        return fn(_take(other), self) if _operand(other) else NotImplemented

    return method


attach("__floordiv__", _guard(floor_divide))
attach("__rfloordiv__", _guard_reflected(floor_divide))
attach("__mod__", _guard(lambda a, b: F.remainder(a, b)))
attach("__rmod__", _guard_reflected(lambda a, b: F.remainder(a, b)))


# ---- powers


@composite(method=True)
def pow(input, exponent, *, out=None):
    """input to the power of exponent; either may be a number.

    >>> pow(functions.tensor([1.0, 2.0]), 2)
    tensor([1., 4.])
    """
    r = power(input, exponent)
    return r if out is None else into(out, r, "pow")


def power(input: Any, exponent: Any) -> Any:
    if isinstance(exponent, Tensor):
        if isinstance(input, Tensor):
            return pointwise(rows.pow_tensor, (input, exponent), {})
        return _base_power(input, exponent)
    if not isinstance(input, Tensor):
        raise bad_argument("pow", 1, "input", input)
    if not isinstance(exponent, (bool, int, float, complex, np.generic)):
        raise bad_argument("pow", 2, "exponent", exponent)
    exponent = exponent.item() if isinstance(exponent, np.generic) else exponent
    common = result_type((input, exponent))
    if common is not input.dtype and not (common.is_complex and input.is_floating_point()):
        if input.dtype.category < common.category:
            return _pow_scalar(input.to(common), exponent) if input.dtype.category < 2 else _pow_scalar(input, exponent)  # type: ignore[attr-defined]
    return _pow_scalar(input, exponent)


def _pow_scalar(input: Tensor, exponent: Any) -> Tensor:
    if input._a.dtype.kind in "biu" and isinstance(exponent, int) and not isinstance(exponent, bool):
        exponent_array = as_number(exponent, input.dtype)
        if exponent < 0 and input.dtype.is_signed:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if input._a.dtype == np.bool_:
            input = input.to(dtypes.int64)  # type: ignore[attr-defined]
            exponent_array = exponent
        return wrap(np.power(input._a, exponent_array))
    if isinstance(exponent, complex) and not input.is_complex():
        input = input.to(result_type((input, exponent)))  # type: ignore[attr-defined]
    return pointwise(rows.pow_scalar, (input,), {"exponent": exponent})


def _base_power(base: Any, exponent: Tensor) -> Tensor:
    if not isinstance(base, NUMBERS):
        raise bad_argument("pow", 1, "self", base, "Number")
    if base == 1:
        return F.full_like(exponent, 1, dtype=result_type((base, exponent)))
    return pointwise(rows.pow_base, (base, exponent), {})


def _pow_method(self: Tensor, exponent: Any) -> Any:
    return power(self, _take(exponent)) if _operand(exponent) else NotImplemented


def _rpow(self: Tensor, base: Any) -> Any:
    return power(_take(base), self) if _operand(base) else NotImplemented


attach("__pow__", _pow_method)
attach("__rpow__", _rpow)


@composite(function=False, method=True)
def pow_(self, exponent):
    """In-place `pow`."""
    if isinstance(exponent, Tensor):
        return inplace(rows.pow_tensor, (self, exponent), {})
    return inplace(rows.pow_scalar, (self,), {"exponent": exponent})


@composite(method=True)
def float_power(input, exponent, *, out=None):
    """`pow` in double precision (complex128 for complex operands)."""
    wide = dtypes.complex128 if any(
        isinstance(x, complex) or (isinstance(x, Tensor) and x.is_complex()) for x in (input, exponent)
    ) else dtypes.float64  # fmt: skip
    args = [x.to(wide) if isinstance(x, Tensor) else (complex if wide.is_complex else float)(x) for x in (input, exponent)]  # type: ignore[attr-defined]
    r = power(*args)
    return r if out is None else into(out, r, "float_power")


@composite(method=True)
def square(input):
    """Each element times itself."""
    return power(input, 2)


@composite(function=False, method=True)
def square_(self):
    """In-place `square`."""
    return pow_(self, 2)


publish("square_", square_)

# ---- comparison and logic


def _compare(name: str) -> None:
    row = getattr(rows, name)

    def method(self: Tensor, other: Any) -> Any:
        if not _operand(other):
            return NotImplemented
        return pointwise(row, (self, _take(other)), {})

    attach(f"__{name}__", method)


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _compare(_name)


def _logic(symbol: str, name: str) -> None:
    row = getattr(rows, name)

    def check(a: Any) -> None:
        if (isinstance(a, Tensor) and a._a.dtype.kind not in "biu") or isinstance(a, float):
            d = a.dtype.legacy if isinstance(a, Tensor) else "Double"
            raise RuntimeError(f"\"{name}_cpu\" not implemented for '{d}'")

    def function(input: Any, other: Any, *, out: Any = None) -> Any:
        check(input)
        check(other)
        if not isinstance(input, Tensor) and not isinstance(other, Tensor):
            raise bad_argument(name, 1, "input", input)
        r = pointwise(row, (input, other), {})
        return r if out is None else into(out, r, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Bit by bit {name.partition('_')[2]} of integers or bools."
    publish(name, function)
    attach(name, function)
    attach(f"__{symbol}__", _guard(function))
    attach(f"__r{symbol}__", _guard(lambda a, b: function(b, a)))
    attach(f"__i{symbol}__", lambda self, other: inplace(row, (self, other), {}))


for _symbol, _name in (("and", "bitwise_and"), ("or", "bitwise_or"), ("xor", "bitwise_xor")):
    _logic(_symbol, _name)


def _invert(self: Tensor) -> Tensor:
    if self._a.dtype.kind not in "biu":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return pointwise(rows.bitwise_not, (self,), {})


attach("__invert__", _invert)


# ---- in-place operators


def _augmented(name: str) -> Callable[..., Any]:
    def method(self: Tensor, other: Any) -> Any:
        if not _operand(other):
            return NotImplemented
        return getattr(self, name)(_take(other))

    return method


for _symbol, _name in {
    "add": "add_", "sub": "sub_", "mul": "mul_", "truediv": "div_", "floordiv": "floor_divide_", "mod": "remainder_",
    "pow": "pow_",
}.items():  # fmt: skip
    attach(f"__i{_symbol}__", _augmented(_name))


# ---- selection


@composite()
def where(condition, input=None, other=None, *, out=None):
    """`input` where the condition holds, else `other`; with the condition alone, the indices where it holds."""
    if input is None and other is None:
        return F.nonzero(condition, as_tuple=True)
    if not isinstance(condition, Tensor):
        raise bad_argument("where", 1, "condition", condition)
    if condition._a.dtype not in (np.bool_, np.uint8):
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype.legacy}")
    if condition._a.dtype == np.uint8:
        condition = condition.bool()  # type: ignore[attr-defined]
    r = rows.where.record(condition, input, other)
    return r if out is None else into(out, r, "where")


attach("where", lambda self, condition, other: where(condition, self, other))


@composite(method=True, aliases="clip")
def clamp(input, min=None, max=None, *, out=None):
    """Values limited to [min, max]; either limit may be a number, a tensor or absent.

    >>> clamp(functions.tensor([-1.0, 0.5, 2.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    r = _clamped(input, min, max)
    return r if out is None else into(out, r, "clamp")


def _clamped(input: Tensor, min: Any, max: Any) -> Tensor:
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        if max is None:
            return pointwise(rows.clamp_min_tensor, (input, min), {})
        if min is None:
            return pointwise(rows.clamp_max_tensor, (input, max), {})
        return pointwise(rows.clamp_tensor, (input, min, max), {})
    common = result_type([x for x in (input, min, max) if x is not None])
    if common is not input.dtype:
        input = input.to(common)  # type: ignore[attr-defined]
    return pointwise(rows.clamp_scalar, (input,), {"min": min, "max": max})


def _clamp_into(self: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """In-place `clamp`."""
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        if max is None:
            return inplace(rows.clamp_min_tensor, (self, min), {})
        if min is None:
            return inplace(rows.clamp_max_tensor, (self, max), {})
        return inplace(rows.clamp_tensor, (self, min, max), {})
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    return inplace(rows.clamp_scalar, (self,), {"min": min, "max": max})


for _name in ("clamp_", "clip_"):
    attach(_name, _clamp_into)
    publish(_name, _clamp_into)


@composite(method=True)
def clamp_min(input, min, *, out=None):
    """Values raised to at least `min`."""
    r = pointwise(rows.clamp_min_tensor, (input, min), {}) if isinstance(min, Tensor) else pointwise(rows.clamp_min, (input,), {"min": min})
    return r if out is None else into(out, r, "clamp_min")


@composite(method=True)
def clamp_max(input, max, *, out=None):
    """Values lowered to at most `max`."""
    r = pointwise(rows.clamp_max_tensor, (input, max), {}) if isinstance(max, Tensor) else pointwise(rows.clamp_max, (input,), {"max": max})
    return r if out is None else into(out, r, "clamp_max")


for _n, _r, _rt, _w in (("clamp_min_", rows.clamp_min, rows.clamp_min_tensor, "min"), ("clamp_max_", rows.clamp_max, rows.clamp_max_tensor, "max")):
    def _limit(self: Tensor, limit: Any, _r: Any = _r, _rt: Any = _rt, _w: str = _w) -> Tensor:
        """In-place form."""
        return inplace(_rt, (self, limit), {}) if isinstance(limit, Tensor) else inplace(_r, (self,), {_w: limit})

    attach(_n, _limit)
    publish(_n, _limit)


@composite(method=True)
def lerp(input, end, weight, *, out=None):
    """Linear interpolation: input + weight * (end - input)."""
    if isinstance(weight, Tensor):
        r = pointwise(rows.lerp_tensor, (input, end, weight), {})
    else:
        r = pointwise(rows.lerp_scalar, (input, end), {"weight": weight})
    return r if out is None else into(out, r, "lerp")


@composite(function=False, method=True)
def lerp_(self, end, weight):
    """In-place `lerp`."""
    if isinstance(weight, Tensor):
        return inplace(rows.lerp_tensor, (self, end, weight), {})
    return inplace(rows.lerp_scalar, (self, end), {"weight": weight})


@composite(method=True)
def masked_fill(input, mask, value):
    """`input` with `value` (a number or 0-d tensor) where the mask is True."""
    return _masked(pointwise, input, mask, value)


@composite(function=False, method=True)
def masked_fill_(self, mask, value):
    """In-place `masked_fill`."""
    return _masked(inplace, self, mask, value)


def _masked(run: Any, input: Tensor, mask: Tensor, value: Any) -> Tensor:
    if not isinstance(mask, Tensor) or mask._a.dtype != np.bool_:
        raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype "
                           f"{mask.dtype if isinstance(mask, Tensor) else type(mask).__name__}")  # fmt: skip
    if isinstance(value, Tensor):
        if value._a.ndim:
            raise RuntimeError(f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._a.ndim} dimension(s).")
        return run(rows.masked_fill_tensor, (input, mask, value.to(input.dtype)), {})  # type: ignore[attr-defined]
    if isinstance(value, complex) and not input.is_complex():
        raise RuntimeError("value cannot be converted to type " + input.dtype.name + " without overflow")
    return run(rows.masked_fill, (input, mask), {"value": value})


@composite(method=True)
def positive(input):
    """The tensor itself; RuntimeError for bool."""
    if input._a.dtype == np.bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input

