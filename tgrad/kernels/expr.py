"""Formulas as expression trees: what numpy code over `Symbol`s leaves behind.

Note [Tracing]
A row's formula is a function of arrays. Called with symbols in their place, numpy's ufuncs and Python's operators build a tree
(both ask the operand first: `__array_ufunc__`, `__array_function__`), with the dtype that numpy would have given at each step.
What cannot be an elementwise expression of known words (a shape, a branch on a value, a function that is not in `WORDS`)
raises `Opaque`, and such a formula stays with numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

BOOL, F32, F64 = np.dtype(np.bool_), np.dtype(np.float32), np.dtype(np.float64)

# ufunc -> word. The words are functions and operators of kernels/compiled; see render.py.
ARITHMETIC = {
    np.add: "add", np.subtract: "sub", np.multiply: "mul", np.true_divide: "div", np.maximum: "maximum", np.minimum: "minimum",
    np.fmax: "fmax", np.fmin: "fmin", np.copysign: "copysign",
}  # fmt: skip
UNARY = {
    np.negative: "neg", np.positive: "same", np.absolute: "absolute", np.fabs: "absolute", np.sqrt: "sqrt", np.square: "square",
    np.reciprocal: "reciprocal", np.floor: "floor", np.ceil: "ceil", np.trunc: "trunc", np.rint: "rint", np.exp: "exp",
    np.expm1: "expm1", np.log: "log", np.log1p: "log1p", np.tanh: "tanh", np.sin: "sin", np.cos: "cos", np.conjugate: "same",
    np.exp2: "exp2", np.log2: "log2", np.log10: "log10", np.sign: "sign",
}  # fmt: skip
SCIPY = {"erf": "erf", "erfc": "erfc"}  # by name, since scipy may not be imported yet
SINGLE = {"exp2", "log2", "log10"}  # words for float32 only
COMPARISONS = {
    np.equal: "eq", np.not_equal: "ne", np.less: "lt", np.less_equal: "le", np.greater: "gt", np.greater_equal: "ge",
}  # fmt: skip
TESTS = {np.isnan: "isnan", np.isfinite: "isfinite", np.isinf: "isinf", np.signbit: "signbit"}
LOGIC = {
    np.logical_and: "both", np.logical_or: "either", np.logical_xor: "differs", np.bitwise_and: "both", np.bitwise_or: "either",
    np.bitwise_xor: "differs",
}  # fmt: skip


class Opaque(Exception):
    """The formula cannot be written as an expression."""


class Symbol:
    """A node of the tree: a word, its operands, and its dtype. Leaves: ("in", number) and ("const", value)."""

    __slots__ = ("args", "dtype", "word")
    __array_priority__ = 1000

    def __init__(self, word: str, args: tuple[Any, ...], dtype: np.dtype) -> None:
        self.word, self.args, self.dtype = word, args, dtype

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Symbol:
        if method != "__call__" or any(v is not None for v in kwargs.values()):
            raise Opaque(f"{ufunc.__name__}.{method}")
        return apply(ufunc, inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Symbol:
        if func is np.where and len(args) == 3 and not kwargs:
            return where(*args)
        if func in (np.zeros_like, np.ones_like) and not kwargs:
            return constant(0.0 if func is np.zeros_like else 1.0, args[0].dtype)
        raise Opaque(func.__name__)

    def __bool__(self) -> bool:
        raise Opaque("a branch on a value")

    def __iter__(self) -> Any:
        raise Opaque("iteration")

    def astype(self, dtype: Any, copy: bool = True) -> Symbol:
        return cast(self, np.dtype(dtype))

    def conjugate(self) -> Symbol:
        return self

    @property
    def real(self) -> Symbol:
        return self

    def __add__(self, other: Any) -> Symbol:
        return apply(np.add, (self, other))

    def __radd__(self, other: Any) -> Symbol:
        return apply(np.add, (other, self))

    def __sub__(self, other: Any) -> Symbol:
        return apply(np.subtract, (self, other))

    def __rsub__(self, other: Any) -> Symbol:
        return apply(np.subtract, (other, self))

    def __mul__(self, other: Any) -> Symbol:
        return apply(np.multiply, (self, other))

    def __rmul__(self, other: Any) -> Symbol:
        return apply(np.multiply, (other, self))

    def __truediv__(self, other: Any) -> Symbol:
        return apply(np.true_divide, (self, other))

    def __rtruediv__(self, other: Any) -> Symbol:
        return apply(np.true_divide, (other, self))

    def __neg__(self) -> Symbol:
        return apply(np.negative, (self,))

    def __abs__(self) -> Symbol:
        return apply(np.absolute, (self,))

    def __pow__(self, other: Any) -> Symbol:
        return apply(np.power, (self, other))

    def __rpow__(self, other: Any) -> Symbol:
        return apply(np.power, (other, self))

    def __eq__(self, other: Any) -> Any:
        return apply(np.equal, (self, other))

    def __ne__(self, other: Any) -> Any:
        return apply(np.not_equal, (self, other))

    def __lt__(self, other: Any) -> Any:
        return apply(np.less, (self, other))

    def __le__(self, other: Any) -> Any:
        return apply(np.less_equal, (self, other))

    def __gt__(self, other: Any) -> Any:
        return apply(np.greater, (self, other))

    def __ge__(self, other: Any) -> Any:
        return apply(np.greater_equal, (self, other))

    def __and__(self, other: Any) -> Symbol:
        return apply(np.bitwise_and, (self, other))

    def __or__(self, other: Any) -> Symbol:
        return apply(np.bitwise_or, (self, other))

    def __xor__(self, other: Any) -> Symbol:
        return apply(np.bitwise_xor, (self, other))

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __invert__(self) -> Symbol:
        return apply(np.logical_not, (self,))

    __hash__ = object.__hash__


class Number(Symbol):
    """A number that comes as an argument: its value is not known when the formula is traced."""

    __slots__ = ()


def constant(value: Any, dtype: np.dtype) -> Symbol:
    return Symbol("const", (float(value) if dtype.kind == "f" else bool(value),), dtype)


def cast(x: Symbol, dtype: np.dtype) -> Symbol:
    if x.dtype == dtype:
        return x
    if dtype not in (F32, F64):
        raise Opaque(f"cast to {dtype}")
    if x.word == "const":
        return constant(x.args[0], dtype)
    return Symbol("cast", (x,), dtype)


def _pair(a: Any, b: Any) -> tuple[Symbol, Symbol]:
    """Two operands in their common dtype, as numpy finds it: a Python number takes the other's."""
    strong = [x.dtype for x in (a, b) if isinstance(x, (Symbol, np.generic))]
    dtype = np.result_type(*strong)
    if dtype not in (F32, F64, BOOL):
        raise Opaque(f"operands of {dtype}")
    return _as(a, dtype), _as(b, dtype)


def _as(x: Any, dtype: np.dtype) -> Symbol:
    if isinstance(x, Symbol):
        return cast(x, dtype)
    if isinstance(x, (np.generic, bool)) or (dtype.kind == "f" and isinstance(x, (int, float))):
        if isinstance(x, int) and abs(x) > 2**53:
            raise Opaque("a large integer")
        return constant(x, dtype)
    raise Opaque(f"an operand of type {type(x).__name__}")


def apply(ufunc: Any, inputs: Sequence[Any]) -> Symbol:
    """What a ufunc makes of symbols and numbers."""
    if ufunc is np.power:
        return _power(*inputs)
    if ufunc in ARITHMETIC or ufunc in COMPARISONS:
        a, b = _pair(*inputs)
        if ufunc in COMPARISONS:
            if a.dtype == BOOL:
                raise Opaque("comparison of truth values")
            return Symbol(COMPARISONS[ufunc], (a, b), BOOL)
        if a.dtype == BOOL:
            if ufunc is np.multiply:
                return Symbol("both", (a, b), BOOL)
            raise Opaque("arithmetic of truth values")
        return Symbol(ARITHMETIC[ufunc], (a, b), a.dtype)
    if ufunc in LOGIC:
        a, b = _pair(*inputs)
        if a.dtype != BOOL:
            raise Opaque("logic on numbers")
        return Symbol(LOGIC[ufunc], (a, b), BOOL)
    (x,) = inputs
    word = UNARY.get(ufunc) or SCIPY.get(ufunc.__name__)
    if word is not None and x.dtype != BOOL:
        if word in SINGLE and x.dtype != F32:
            raise Opaque(word)
        return x if word == "same" else Symbol(word, (x,), x.dtype)
    if ufunc in TESTS and x.dtype != BOOL:
        return Symbol(TESTS[ufunc], (x,), BOOL)
    if ufunc in (np.logical_not, np.invert) and x.dtype == BOOL:
        return Symbol("no", (x,), BOOL)
    raise Opaque(ufunc.__name__)


def _power(base: Any, exponent: Any) -> Symbol:
    """Small whole exponents are products, as PyTorch has them; others have a word for float32 only. So an exponent must be known."""
    if isinstance(exponent, Number):
        raise Opaque("an unknown exponent")
    if isinstance(exponent, (int, float)) and not isinstance(exponent, bool):
        if exponent in (1, 2, 3):
            return base if exponent == 1 else base * base if exponent == 2 else base * base * base
        if exponent in (0.5, -1):
            return apply(np.sqrt if exponent == 0.5 else np.reciprocal, (base,))
    a, b = _pair(base, exponent)
    if a.dtype != F32:
        raise Opaque("power")
    return Symbol("power", (a, b), F32)


def where(condition: Any, a: Any, b: Any) -> Symbol:
    if not isinstance(condition, Symbol) or condition.dtype != BOOL:
        raise Opaque("a condition that is not a truth value")
    if not isinstance(a, (Symbol, np.generic)) and not isinstance(b, (Symbol, np.generic)):
        raise Opaque("a choice between numbers")
    a, b = _pair(a, b)
    return Symbol("select", (condition, a, b), a.dtype)


def trace(formula: Callable[..., Any], operands: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    """The results of `formula(*operands, **params)` as symbols, None, or operands; raises Opaque where there is none."""
    try:
        r = formula(*operands, **params)
    except Opaque:
        raise
    except Exception as error:  # a formula that asks a symbol for what only an array has
        raise Opaque(f"{type(error).__name__}: {error}") from error
    return list(r) if isinstance(r, tuple) else [r]
