"""Python's operators on tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functions as F
from ..dispatch import inplace, pointwise
from ..fast import fast_binary, fast_row, fast_unary
from ..methods import LazyMethod, attach
from ..ops import pointwise as rows
from ..tensor import Tensor
from . import arithmetic


def operand(x: Any) -> bool:
    """What an operator computes with. numpy arrays are left to numpy, which hands its result back as a tensor."""
    return isinstance(x, (Tensor, bool, int, float, complex, np.generic))


def operator(row: Any, params: dict[str, Any]) -> Callable[..., Any]:
    """The dunder method of a binary row; other operand types get Python's own TypeError."""

    def general(self: Any, other: Any) -> Any:
        if not operand(other):
            return NotImplemented
        return pointwise(row, (self, other), dict(params))

    return fast_binary(row, general)


_add = operator(rows.add, {"alpha": 1})
_mul = operator(rows.mul, {})
_sub = operator(rows.sub, {"alpha": 1})
_div = operator(rows.div, {})


def _rdiv(self: Tensor, other: Any) -> Any:
    if not operand(other):
        return NotImplemented
    if isinstance(other, Tensor):
        return pointwise(rows.div, (other, self), {})
    return self.reciprocal() * other  # type: ignore[attr-defined]


def of_tensors(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """A reflected operator as PyTorch's is when called by its name: for tensors only."""

    def checked(self: Any, other: Any) -> Any:
        if not isinstance(self, Tensor):
            raise TypeError(
                f"descriptor '{name}' for 'torch._C.TensorBase' objects doesn't apply to a '{type(self).__name__}' object"
            )
        return method(self, other)

    return checked


def guard(fn: Callable[..., Any]) -> Callable[..., Any]:
    """An operator method from a function: foreign operands give NotImplemented."""

    def method(self: Tensor, other: Any) -> Any:
        return fn(self, other) if operand(other) else NotImplemented

    return method


def guard_reflected(fn: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Tensor, other: Any) -> Any:
        return fn(other, self) if operand(other) else NotImplemented

    return method


attach("__add__", _add)
attach("__radd__", of_tensors("__radd__", _add))
attach("__mul__", _mul)
attach("__rmul__", of_tensors("__rmul__", _mul))
attach("__sub__", _sub)
attach("__rsub__", guard(arithmetic.rsub))
attach("__truediv__", _div)
attach("__rtruediv__", _rdiv)
attach("__rdiv__", lambda self, other: self.reciprocal() * other)
attach("__neg__", fast_unary(rows.neg, lambda self: pointwise(rows.neg, (self,), {})))
attach("__pos__", lambda self: self.positive())
attach("__abs__", lambda self: F.abs(self))
attach("__floordiv__", guard(arithmetic.floor_divide))
attach("__rfloordiv__", guard_reflected(arithmetic.floor_divide))
attach("__mod__", guard(arithmetic.remainder))
attach("__rmod__", guard_reflected(arithmetic.remainder))
attach("__pow__", guard(arithmetic.power))
attach("__rpow__", guard_reflected(arithmetic.power))


# ---- comparison and bits


def _compare(name: str) -> None:
    row = getattr(rows, name)

    def method(self: Tensor, other: Any) -> Any:
        if not operand(other):
            if not isinstance(other, np.ndarray) or name not in ("eq", "ne"):
                return NotImplemented
            other = F.from_numpy(other)  # numpy hands == and != back to us
        return pointwise(row, (self, other), {})

    attach(f"__{name}__", LazyMethod(f"__{name}__", functools.partial(fast_row, row, method)))


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _compare(_name)


def _bits(symbol: str, name: str, reflected: bool = True) -> None:
    row = getattr(rows, name)

    def method(self: Tensor, other: Any) -> Any:
        return pointwise(row, (self, other), {}) if operand(other) else NotImplemented

    def back(self: Tensor, other: Any) -> Any:
        return pointwise(row, (other, self), {}) if operand(other) else NotImplemented

    def into_self(self: Tensor, other: Any) -> Any:
        return inplace(row, (self, other), {}) if operand(other) else NotImplemented

    attach(f"__{symbol}__", method)
    attach(f"__r{symbol}__", of_tensors(f"__r{symbol}__", back))
    attach(f"__i{symbol}__", into_self)


for _symbol, _name in {
    "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}.items():  # fmt: skip
    _bits(_symbol, _name)


def _invert(self: Tensor) -> Tensor:
    if self._a.dtype.kind not in "biu":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return pointwise(rows.bitwise_not, (self,), {})


attach("__invert__", _invert)


# ---- in-place operators


def _augmented(name: str) -> Callable[..., Any]:
    def method(self: Tensor, other: Any) -> Any:
        if not operand(other):
            return NotImplemented
        return getattr(self, name)(other)

    return method


for _symbol, _name in {
    "add": "add_", "sub": "sub_", "mul": "mul_", "truediv": "div_", "floordiv": "floor_divide_", "mod": "remainder_",
    "pow": "pow_",
}.items():  # fmt: skip
    attach(f"__i{_symbol}__", _augmented(_name))
