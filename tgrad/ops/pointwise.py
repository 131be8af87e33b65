"""Elementwise ops: one row each. The words of a formula are explained in Note [Rows]."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .spec import BOOL, COMPLEX, FLOAT, REAL, conj, pointwise


def _special(name: str) -> Any:
    """A function of scipy.special, imported when first called (scipy takes a while to import)."""
    found: list[Any] = []

    def call(*args: Any) -> Any:
        if not found:
            import scipy.special

            found.append(getattr(scipy.special, name))
        return found[0](*args)

    call.__name__ = name
    return call


# ---- choice and comparison

where = pointwise(
    "where",
    lambda condition, self, other: np.where(condition, self, other),
    grad=dict(
        self=lambda grad, condition: where(condition, grad, 0),
        other=lambda grad, condition: where(condition, 0, grad),
    ),
    promoted="self other",
    function=False,
    method=False,
    inplace=False,
)  # fmt: skip

eq = pointwise("eq", np.equal, kind=BOOL)
ne = pointwise("ne", np.not_equal, kind=BOOL, aliases="not_equal")
lt = pointwise("lt", np.less, kind=BOOL, aliases="less")
le = pointwise("le", np.less_equal, kind=BOOL, aliases="less_equal")
gt = pointwise("gt", np.greater, kind=BOOL, aliases="greater")
ge = pointwise("ge", np.greater_equal, kind=BOOL, aliases="greater_equal")
isnan = pointwise("isnan", lambda self: np.not_equal(self, self), kind=BOOL, inplace=False)
isinf = pointwise("isinf", lambda self: np.isinf(self), kind=BOOL, inplace=False)
isfinite = pointwise("isfinite", lambda self: np.isfinite(self), kind=BOOL, inplace=False)
signbit = pointwise(
    "signbit", lambda self: np.signbit(self) if self.dtype.kind == "f" else self < 0, kind=BOOL, inplace=False
)
logical_not = pointwise("logical_not", np.logical_not, kind=BOOL)
logical_and = pointwise("logical_and", np.logical_and, kind=BOOL)
logical_or = pointwise("logical_or", np.logical_or, kind=BOOL)
logical_xor = pointwise("logical_xor", np.logical_xor, kind=BOOL)
bitwise_not = pointwise("bitwise_not", np.invert)
bitwise_and = pointwise("bitwise_and", np.bitwise_and)
bitwise_or = pointwise("bitwise_or", np.bitwise_or)
bitwise_xor = pointwise("bitwise_xor", np.bitwise_xor)

# ---- arithmetic


def times(x: Any, factor: Any) -> Any:
    """`x * factor`, or x itself where the factor is 1."""
    return x if isinstance(factor, (int, float)) and factor == 1 else x * factor


add = pointwise(
    "add",
    lambda self, other, *, alpha=1: np.add(self, other) if alpha == 1 else self + other * alpha,
    grad=dict(self=lambda grad: grad, other=lambda grad, alpha: times(grad, conj(alpha))),
    ufunc=np.add,
)
sub = pointwise(
    "sub",
    lambda self, other, *, alpha=1: _subtract(self, other, alpha),
    grad=dict(self=lambda grad: grad, other=lambda grad, alpha: times(-grad, conj(alpha))),
    ufunc=np.subtract,
    aliases="subtract",
)
rsub = pointwise(
    "rsub",
    lambda self, other, *, alpha=1: _subtract(other, self, alpha),
    grad=dict(self=lambda grad, alpha: times(-grad, conj(alpha)), other=lambda grad: grad),
    node="RsubBackward1",
    inplace=False,
    method=False,
)
mul = pointwise(
    "mul",
    np.multiply,
    grad=dict(self=lambda grad, other: grad * other, other=lambda grad, self: grad * self),
    aliases="multiply",
)
div = pointwise(
    "div.true",
    np.divide,
    node="DivBackward0",
    grad=dict(self=lambda grad, other: grad / other, other=lambda grad, self, other: -grad * ((self / other) / other)),
    kind=FLOAT,
    function=False,
    method=False,
)
div_mode = pointwise(
    "div.mode",
    lambda self, other, *, rounding_mode=None: _divide(self, other, rounding_mode),
    node="DivBackward1",
    grad=dict(self=lambda grad: grad * 0, other=lambda grad: grad * 0),
    function=False,
    method=False,
)
remainder = pointwise(
    "remainder",
    lambda self, other: _remainder(self, other),
    grad=dict(self=lambda grad: grad, other=lambda grad, self, other: -grad * div_mode(self, other, rounding_mode="floor")),
)
fmod = pointwise(
    "fmod",
    lambda self, other: _fmod(self, other),
    grad=dict(self=lambda grad: grad, other=lambda grad, self, other: -grad * div_mode(self, other, rounding_mode="trunc")),
)
pow_scalar = pointwise(
    "pow.scalar",
    lambda self, exponent: _power(self, exponent),
    tensors="self",
    node="PowBackward0",
    grad=dict(self=lambda grad, self, exponent: _pow_grad(grad, self, exponent)),
    function=False,
    method=False,
)
pow_tensor = pointwise(
    "pow.tensor",
    lambda self, exponent: _power(self, exponent),
    node="PowBackward1",
    grad=dict(
        self=lambda grad, self, exponent: grad * where(exponent == 0, 0, exponent * self ** (exponent - 1)),
        exponent=lambda grad, self, exponent, result: grad * where((self == 0) & _nonneg(exponent), 0, result * log(self)),
    ),
    function=False,
    method=False,
)
pow_base = pointwise(
    "pow.base",
    lambda self, exponent: _power(self, exponent),
    node="PowBackward2",
    grad=dict(exponent=lambda grad, self, exponent, result: _pow_base_grad(grad, self, exponent, result)),
    function=False,
    method=False,
)
maximum = pointwise(
    "maximum",
    np.maximum,
    grad=dict(
        self=lambda grad, self, other: where(self == other, grad / 2, grad * (self > other)),
        other=lambda grad, self, other: where(self == other, grad / 2, grad * (self < other)),
    ),
    inplace=False,
)
minimum = pointwise(
    "minimum",
    np.minimum,
    grad=dict(
        self=lambda grad, self, other: where(self == other, grad / 2, grad * (self < other)),
        other=lambda grad, self, other: where(self == other, grad / 2, grad * (self > other)),
    ),
    inplace=False,
)
atan2 = pointwise(
    "atan2",
    np.arctan2,
    grad=dict(
        self=lambda grad, self, other: grad * (other / (self * self + other * other)),
        other=lambda grad, self, other: grad * (-self / (self * self + other * other)),
    ),
    kind=FLOAT,
    aliases="arctan2",
)
lerp_tensor = pointwise(
    "lerp.tensor",
    lambda self, end, weight: np.where(np.abs(weight) < 0.5, self + weight * (end - self), end - (end - self) * (1 - weight)),
    node="LerpBackward1",
    grad=dict(
        self=lambda grad, weight: grad * (1 - weight),
        end=lambda grad, weight: grad * weight,
        weight=lambda grad, self, end: grad * (end - self),
    ),
    function=False,
    method=False,
)
lerp_scalar = pointwise(
    "lerp.scalar",
    lambda self, end, weight: self + weight * (end - self) if abs(weight) < 0.5 else end - (end - self) * (1 - weight),
    tensors="self end",
    node="LerpBackward0",
    grad=dict(self=lambda grad, weight: grad * (1 - weight), end=lambda grad, weight: grad * weight),
    function=False,
    method=False,
)
addcmul = pointwise(
    "addcmul",
    lambda self, tensor1, tensor2, *, value=1: self + value * (tensor1 * tensor2),
    grad=dict(
        self=lambda grad: grad,
        tensor1=lambda grad, tensor2, value: grad * (tensor2 * value),
        tensor2=lambda grad, tensor1, value: grad * (tensor1 * value),
    ),
)
addcdiv = pointwise(
    "addcdiv",
    lambda self, tensor1, tensor2, *, value=1: self + value * (tensor1 / tensor2),
    grad=dict(
        self=lambda grad: grad,
        tensor1=lambda grad, tensor2, value: grad * (value / tensor2),
        tensor2=lambda grad, tensor1, tensor2, value: -grad * (value * tensor1 / (tensor2 * tensor2)),
    ),
)

# ---- one operand

neg = pointwise("neg", np.negative, grad=dict(self=lambda grad: -grad), aliases="negative")
abs_ = pointwise(
    "abs", np.abs, grad=dict(self=lambda grad, self: grad * sgn(self)), kind=REAL, holomorphic=False, aliases="absolute"
)
sgn = pointwise(
    "sgn",
    lambda self: np.sign(self),
    grad=dict(self=lambda grad, self: _sgn_grad(grad, self)),
    holomorphic=False,
)
sign = pointwise("sign", lambda self: np.sign(self), grad=dict(self=lambda grad: grad * 0))
square = pointwise(
    "square",
    lambda self: self * self,
    node="PowBackward0",
    tensors="self",
    grad=dict(self=lambda grad, self: grad * (2 * self)),
    function=False,
    method=False,
)
reciprocal = pointwise(
    "reciprocal", lambda self: 1 / self, grad=dict(self=lambda grad, result: -grad * (result * result)), kind=FLOAT
)
sqrt = pointwise(
    "sqrt", np.sqrt, grad=dict(self=lambda grad, result: grad / (2 * result)), kind=FLOAT, domain=(0, None)
)
rsqrt = pointwise(
    "rsqrt",
    lambda self: 1 / np.sqrt(self),
    grad=dict(self=lambda grad, result: -0.5 * grad * (result * result * result)),
    kind=FLOAT,
    domain=(0, None),
)
exp = pointwise("exp", np.exp, grad=dict(self=lambda grad, result: grad * result), kind=FLOAT)
exp2 = pointwise("exp2", np.exp2, grad=dict(self=lambda grad, result: grad * result * math.log(2)), kind=FLOAT)
expm1 = pointwise("expm1", np.expm1, grad=dict(self=lambda grad, result: grad * (result + 1)), kind=FLOAT)
log = pointwise("log", np.log, grad=dict(self=lambda grad, self: grad / self), kind=FLOAT, domain=(0, None))
log2 = pointwise(
    "log2", np.log2, grad=dict(self=lambda grad, self: grad / (self * math.log(2))), kind=FLOAT, domain=(0, None)
)
log10 = pointwise(
    "log10", np.log10, grad=dict(self=lambda grad, self: grad / (self * math.log(10))), kind=FLOAT, domain=(0, None)
)
log1p = pointwise("log1p", np.log1p, grad=dict(self=lambda grad, self: grad / (self + 1)), kind=FLOAT, domain=(-1, None))
sin = pointwise("sin", np.sin, grad=dict(self=lambda grad, self: grad * cos(self)), kind=FLOAT)
cos = pointwise("cos", np.cos, grad=dict(self=lambda grad, self: grad * -sin(self)), kind=FLOAT)
tan = pointwise("tan", np.tan, grad=dict(self=lambda grad, result: grad * (1 + result * result)), kind=FLOAT)
asin = pointwise(
    "asin", np.arcsin, grad=dict(self=lambda grad, self: grad * rsqrt(1 - self * self)), kind=FLOAT, domain=(-1, 1),
    aliases="arcsin",
)  # fmt: skip
acos = pointwise(
    "acos", np.arccos, grad=dict(self=lambda grad, self: grad * -rsqrt(1 - self * self)), kind=FLOAT, domain=(-1, 1),
    aliases="arccos",
)  # fmt: skip
atan = pointwise(
    "atan", np.arctan, grad=dict(self=lambda grad, self: grad / (self * self + 1)), kind=FLOAT, aliases="arctan"
)
sinh = pointwise("sinh", np.sinh, grad=dict(self=lambda grad, self: grad * cosh(self)), kind=FLOAT)
cosh = pointwise("cosh", np.cosh, grad=dict(self=lambda grad, self: grad * sinh(self)), kind=FLOAT)
tanh = pointwise("tanh", np.tanh, grad=dict(self=lambda grad, result: grad * (1 - result * result)), kind=FLOAT)
asinh = pointwise(
    "asinh", np.arcsinh, grad=dict(self=lambda grad, self: grad * rsqrt(self * self + 1)), kind=FLOAT, aliases="arcsinh"
)
acosh = pointwise(
    "acosh", np.arccosh, grad=dict(self=lambda grad, self: grad * (rsqrt(self - 1) * rsqrt(self + 1))), kind=FLOAT,
    domain=(1, None), aliases="arccosh",
)  # fmt: skip
atanh = pointwise(
    "atanh", np.arctanh, grad=dict(self=lambda grad, self: grad / (1 - self * self)), kind=FLOAT, domain=(-1, 1),
    aliases="arctanh",
)  # fmt: skip
erf = pointwise(
    "erf",
    _special("erf"),
    signature=lambda self: self,
    grad=dict(self=lambda grad, self: grad * (2 / math.sqrt(math.pi) * exp(-(self * self)))),
    kind=FLOAT,
)
erfc = pointwise(
    "erfc",
    _special("erfc"),
    signature=lambda self: self,
    grad=dict(self=lambda grad, self: grad * (-2 / math.sqrt(math.pi) * exp(-(self * self)))),
    kind=FLOAT,
)
floor = pointwise("floor", lambda self: _whole(np.floor, self), grad=dict(self=lambda grad: grad * 0))
ceil = pointwise("ceil", lambda self: _whole(np.ceil, self), grad=dict(self=lambda grad: grad * 0))
trunc = pointwise("trunc", lambda self: _whole(np.trunc, self), grad=dict(self=lambda grad: grad * 0), aliases="fix")
round_ = pointwise(
    "round",
    lambda self, *, decimals=0: _round(self, decimals),
    tensors="self",
    grad=dict(self=lambda grad: grad * 0),
)
frac = pointwise("frac", lambda self: self - np.trunc(self), grad=dict(self=lambda grad: grad))
logit = pointwise(
    "logit",
    lambda self, eps=None: _logit(self, eps),
    tensors="self",
    grad=dict(self=lambda grad, self, eps: _logit_grad(grad, self, eps)),
    kind=FLOAT,
    domain=(0, 1),
)
nan_to_num = pointwise(
    "nan_to_num",
    lambda self, nan=None, posinf=None, neginf=None: _nan_to_num(self, nan, posinf, neginf),
    tensors="self",
    grad=dict(self=lambda grad, self: grad * isfinite(self)),
)
clamp_scalar = pointwise(
    "clamp.scalar",
    lambda self, min=None, max=None: _clamp(self, min, max),
    tensors="self",
    node="ClampBackward1",
    grad=dict(self=lambda grad, self, min, max: where(_inside(self, min, max), grad, 0)),
    function=False,
    method=False,
)
clamp_min = pointwise(
    "clamp_min.scalar",
    lambda self, min: np.maximum(self, min),
    tensors="self",
    node="ClampMinBackward0",
    grad=dict(self=lambda grad, self, min: where(self >= min, grad, 0)),
    function=False,
    method=False,
)
clamp_max = pointwise(
    "clamp_max.scalar",
    lambda self, max: np.minimum(self, max),
    tensors="self",
    node="ClampMaxBackward0",
    grad=dict(self=lambda grad, self, max: where(self <= max, grad, 0)),
    function=False,
    method=False,
)
clamp_tensor = pointwise(
    "clamp.tensor",
    lambda self, min, max: np.minimum(np.maximum(self, min), max),
    node="ClampBackward0",
    grad=dict(
        self=lambda grad, self, min, max: where((self >= min) & (self <= max), grad, 0),
        min=lambda grad, self, min, max: where((min < max) & (self < min), grad, 0),
        max=lambda grad, self, min, max: where((self > max) | (max < min), grad, 0),
    ),
    function=False,
    method=False,
)
clamp_min_tensor = pointwise(
    "clamp_min.tensor",
    lambda self, min: np.maximum(self, min),
    node="ClampMinBackward1",
    grad=dict(
        self=lambda grad, self, min: where(self >= min, grad, 0), min=lambda grad, self, min: where(self < min, grad, 0)
    ),
    function=False,
    method=False,
)
clamp_max_tensor = pointwise(
    "clamp_max.tensor",
    lambda self, max: np.minimum(self, max),
    node="ClampMaxBackward1",
    grad=dict(
        self=lambda grad, self, max: where(self <= max, grad, 0), max=lambda grad, self, max: where(self > max, grad, 0)
    ),
    function=False,
    method=False,
)
masked_fill = pointwise(
    "masked_fill.scalar",
    lambda self, mask, value: np.where(mask, np.asarray(value, self.dtype), self),
    tensors="self mask",
    promoted="self",
    node="MaskedFillBackward0",
    grad=dict(self=lambda grad, mask: where(mask, 0, grad)),
    function=False,
    method=False,
)
masked_fill_tensor = pointwise(
    "masked_fill.tensor",
    lambda self, mask, value: np.where(mask, value, self),
    promoted="self value",
    node="MaskedFillBackward1",
    grad=dict(self=lambda grad, mask: where(mask, 0, grad), value=lambda grad, mask: where(mask, grad, 0)),
    function=False,
    method=False,
)
conj_physical = pointwise(
    "conj_physical", lambda self: np.conjugate(self) if self.dtype.kind == "c" else self + 0,
    grad=dict(self=lambda grad: conj(grad)), holomorphic=False, node="ConjPhysicalBackward0",
)  # fmt: skip
conj_row = pointwise(
    "conj",
    lambda self: np.conjugate(self),
    grad=dict(self=lambda grad: conj(grad)),
    holomorphic=False,
    function=False,
    method=False,
    inplace=False,
)
complex_parts = pointwise(
    "complex",
    lambda real, imag: real + imag * 1j,
    kind=COMPLEX,
    grad=dict(real=lambda grad: grad.real, imag=lambda grad: grad.imag),
    holomorphic=False,
    function=False,
    method=False,
    inplace=False,
)
angle = pointwise(
    "angle", lambda self: np.angle(self) if self.dtype.kind == "c" else np.where(self < 0, self * 0 + math.pi, self * 0),
    grad=dict(self=lambda grad, self: _angle_grad(grad, self)), kind=REAL, holomorphic=False, inplace=False,
)  # fmt: skip

# ---- what the lambdas above could not say in one line


def _subtract(self: Any, other: Any, alpha: Any) -> Any:
    return self - other if alpha == 1 else self - other * alpha


def _divide(self: Any, other: Any, rounding_mode: str | None) -> Any:
    if rounding_mode == "trunc":
        if self.dtype.kind in "iu":
            _no_zero(other)
            q = np.floor_divide(self, other)
            return np.where((np.remainder(self, other) != 0) & ((self < 0) != (other < 0)), q + 1, q)
        return np.trunc(self / other)
    if self.dtype.kind in "iu":
        _no_zero(other)
        return np.floor_divide(self, other)
    # numpy's floor_divide gives nan for x/0; PyTorch the infinity that the division gives
    return np.where(other == 0, self / other, np.floor_divide(self, other))


def _no_zero(other: Any) -> None:
    if not np.all(other):
        raise RuntimeError("ZeroDivisionError")


def _remainder(self: Any, other: Any) -> Any:
    if self.dtype.kind in "iu":
        _no_zero(other)
    return np.remainder(self, other)


def _fmod(self: Any, other: Any) -> Any:
    if self.dtype.kind in "iu":
        _no_zero(other)
    return np.fmod(self, other)


def _power(self: Any, exponent: Any) -> Any:
    if self.dtype.kind in "iu" and np.any(np.asarray(exponent) < 0):
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return self**exponent


def _pow_grad(grad: Any, self: Any, exponent: Any) -> Any:
    if exponent == 0:
        return grad * 0
    return grad * (self * exponent) if exponent == 2 else grad * (exponent * self ** (exponent - 1))


def _nonneg(exponent: Any) -> Any:
    return exponent.real >= 0 if getattr(exponent, "dtype", None) is not None and _is_complex(exponent) else exponent >= 0


def _is_complex(x: Any) -> bool:
    return x.dtype.kind == "c" if isinstance(x, np.ndarray) else x.is_complex()


def _pow_base_grad(grad: Any, self: Any, exponent: Any, result: Any) -> Any:
    if self == 0:
        return where(_nonneg(exponent), 0 * grad, grad * (result * math.log(abs(self)) if self else float("nan")))
    base = complex(self) if isinstance(self, (complex, np.complexfloating)) or self < 0 else float(self)
    if isinstance(base, complex):
        import cmath

        return grad * (result * (cmath.log(base) if base.imag or base.real > 0 or _is_complex(result) else float("nan")))
    return grad * (result * math.log(base))


def _sgn_grad(grad: Any, self: Any) -> Any:
    if not _is_complex(self):
        return grad * 0
    size = abs_(self)
    unit = sgn(self)
    turned = grad - unit * (conj(unit) * grad).real
    return where(size == 0, 0, turned / where(size == 0, 1, size))


def _angle_grad(grad: Any, self: Any) -> Any:
    if not _is_complex(self):
        return grad * 0
    squared = self.real * self.real + self.imag * self.imag
    return where(squared == 0, 0 * self, grad * (self * 1j) / where(squared == 0, 1, squared))


def _whole(fn: Any, self: Any) -> Any:
    return self.copy() if self.dtype.kind in "iu" else fn(self)


def _round(self: Any, decimals: int) -> Any:
    if decimals == 0:
        return _whole(np.rint, self)
    if self.dtype.kind in "iu":
        raise RuntimeError('"round_decimals" not implemented for integers with decimals != 0')
    scale = 10.0 ** abs(decimals)
    return np.rint(self * scale) / scale if decimals > 0 else np.rint(self / scale) * scale


def _logit(self: Any, eps: float | None) -> Any:
    x = self if eps is None else np.clip(self, eps, 1 - eps)
    return np.log(x / (1 - x))


def _logit_grad(grad: Any, self: Any, eps: float | None) -> Any:
    g = grad / (self * (1 - self))
    if eps is None:
        return where((self >= 0) & (self <= 1), g, math.nan)
    return where((self >= eps) & (self <= 1 - eps), g, 0)


def _nan_to_num(self: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    if self.dtype.kind in "iu" or self.dtype.kind == "b":
        return self.copy()
    return np.nan_to_num(self, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


def _clamp(self: Any, min: Any, max: Any) -> Any:
    out = self if min is None else np.maximum(self, min)
    out = out if max is None else np.minimum(out, max)
    return out


def _inside(self: Any, min: Any, max: Any) -> Any:
    if min is None:
        return self <= max
    if max is None:
        return self >= min
    return (self >= min) & (self <= max)
