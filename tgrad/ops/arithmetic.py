"""Ops of two and three operands: sums, products, quotients, powers, and mixtures of them."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np

from .choice import where
from .elementary import exp, is_complex, log, squared
from .spec import FLOAT, TensorBase, conj, lacking, nothing, number, pointwise, underivable


def times(x: Any, factor: Any) -> Any:
    """`x * factor`, or x itself where the factor is 1."""
    if isinstance(factor, (int, float)) and factor == 1:
        return x
    if isinstance(x, np.ndarray) and x.dtype.itemsize == 2 and x.dtype.kind not in "iu":
        return (x.astype(np.float32) * np.float32(factor)).astype(x.dtype)
    return x * factor


def _scaled(x: Any, alpha: Any) -> Any:
    return x if alpha == 1 else x * number(alpha, x.dtype)


# ---- sums and products

add = pointwise(
    "add",
    lambda self, other, *, alpha=1: np.add(self, _scaled(other, alpha)),
    grad=dict(self=lambda grad: grad, other=lambda grad, alpha: times(grad, conj(alpha))),
    ufunc=np.add,
    numbers="self other",
)
sub = pointwise(
    "sub",
    lambda self, other, *, alpha=1: np.subtract(self, _scaled(other, alpha)),
    grad=dict(self=lambda grad: grad, other=lambda grad, alpha: times(-grad, conj(alpha))),
    ufunc=np.subtract,
    aliases="subtract",
    numbers="self other",
)
rsub = pointwise(
    "rsub.tensor",
    lambda self, other, *, alpha=1: np.subtract(other, _scaled(self, alpha)),
    grad=dict(self=lambda grad, alpha: times(-grad, conj(alpha)), other=lambda grad: grad),
    node="RsubBackward0",
    inplace=False,
    function=False,
    method=False,
)
rsub_scalar = pointwise(
    "rsub.scalar",
    lambda self, other, *, alpha=1: np.subtract(other, _scaled(self, alpha)),
    grad=dict(self=lambda grad, alpha: times(-grad, conj(alpha))),
    node="RsubBackward1",
    inplace=False,
    function=False,
    method=False,
)
mul = pointwise(
    "mul",
    np.multiply,
    grad=dict(self=lambda grad, other: grad * other, other=lambda grad, self: grad * self),
    aliases="multiply",
    numbers="self other",
)
addcmul = pointwise(
    "addcmul",
    lambda self, tensor1, tensor2, *, value=1: self + _scaled(tensor1 * tensor2, value),
    grad=dict(
        self=lambda grad: grad,
        tensor1=lambda grad, tensor2, value: grad * (tensor2 * value),
        tensor2=lambda grad, tensor1, value: grad * (tensor1 * value),
    ),
    lacks=lacking("b", "addcmul_cpu_out"),
)
addcdiv = pointwise(
    "addcdiv",
    lambda self, tensor1, tensor2, *, value=1: self + _scaled(tensor1 / tensor2, value),
    grad=dict(
        self=lambda grad: grad,
        tensor1=lambda grad, tensor2, value: grad * div(value, tensor2),
        tensor2=lambda grad, tensor1, tensor2, value: -grad * (value * tensor1 / (tensor2 * tensor2)),
    ),
    lacks=lacking(
        "bi",
        "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division "
        "of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / "
        "tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future "
        "addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes.",
        RuntimeError,
    ),
)

# ---- quotients

div = pointwise(
    "div.true",
    np.divide,
    node="DivBackward0",
    grad=dict(self=lambda grad, other: grad / other, other=lambda grad, self, other: -grad * ((self / other) / other)),
    kind=FLOAT,
    function=False,
    method=False,
)


def _no_zero(other: Any) -> None:
    if not np.all(other):
        raise RuntimeError("ZeroDivisionError")


def _divide_down(self: Any, other: Any) -> Any:
    if self.dtype.kind in "iu":
        _no_zero(other)
        return np.floor_divide(self, other)
    # numpy's floor_divide gives nan for x/0; PyTorch the infinity that the division gives
    return np.where(other == 0, self / other, np.floor_divide(self, other))


def _divide(self: Any, other: Any, rounding_mode: str | None) -> Any:
    if rounding_mode == "floor":
        return _divide_down(self, other)
    if self.dtype.kind in "iu":
        _no_zero(other)
        q = np.floor_divide(self, other)
        return np.where((np.remainder(self, other) != 0) & ((self < 0) != (other < 0)), q + q.dtype.type(1), q)
    return np.trunc(self / other)


div_floor = pointwise(
    "div.floor",
    _divide_down,
    node="DivBackward2",
    grad=dict(self=lambda grad: nothing(grad), other=lambda grad: nothing(grad)),
    function=False,
    method=False,
    lacks=lacking("bc", "div_floor_cpu"),
)
div_trunc = pointwise(
    "div.trunc",
    lambda self, other: _divide(self, other, "trunc"),
    node="DivBackward2",
    grad=dict(self=lambda grad: nothing(grad), other=lambda grad: nothing(grad)),
    function=False,
    method=False,
    lacks=lacking("bc", "div_trunc_cpu"),
)


floor_divide = pointwise(
    "floor_divide.row",
    _divide_down,
    node="torch::autograd::NotImplemented",
    grad=dict(self=underivable("floor_divide"), other=underivable("floor_divide")),
    function=False,
    method=False,
    lacks=lacking("bc", "div_floor_cpu"),
)


def _remainder(self: Any, other: Any) -> Any:
    if self.dtype.kind in "iu":
        _no_zero(other)
    return np.remainder(self, other)


def _fmod(self: Any, other: Any) -> Any:
    if self.dtype.kind in "iu":
        _no_zero(other)
    return np.fmod(self, other)


remainder = pointwise(
    "remainder.tensor",
    _remainder,
    node="RemainderBackward1",
    grad=dict(self=lambda grad: grad, other=lambda grad, self, other: -grad * div_floor(self, other)),
    function=False,
    method=False,
    lacks=lacking("bc", "remainder_cpu"),
)
remainder_scalar = pointwise(
    "remainder.scalar",
    _remainder,
    node="RemainderBackward0",
    grad=dict(self=lambda grad: grad),
    function=False,
    method=False,
    lacks=lacking("bc", "remainder_cpu"),
)
remainder_of_scalar = pointwise(
    "remainder.scalar_tensor",
    _remainder,
    node="torch::autograd::NotImplemented",
    grad=dict(other=underivable("remainder")),
    function=False,
    method=False,
    lacks=lacking("bc", "remainder_cpu"),
)
fmod = pointwise(
    "fmod.tensor",
    _fmod,
    node="FmodBackward1",
    grad=dict(self=lambda grad: grad, other=lambda grad, self, other: -grad * div_trunc(self, other)),
    function=False,
    method=False,
    lacks=lacking("bc", "fmod_cpu"),
)
fmod_scalar = pointwise(
    "fmod.scalar",
    _fmod,
    node="FmodBackward0",
    grad=dict(self=lambda grad: grad),
    function=False,
    method=False,
    lacks=lacking("bc", "fmod_cpu"),
)

# ---- powers


def _power(self: Any, exponent: Any) -> Any:
    if self.dtype.kind in "iu" and np.any(np.asarray(exponent) < 0):
        return _integer_power(self, exponent)
    if self.dtype.kind == "c" and type(exponent) in (int, float) and exponent == 2:
        return squared(self)
    return self**exponent


def _integer_power(self: Any, exponent: Any) -> Any:
    """With a negative exponent only 1 and -1 leave something: 1 / x is cut to an integer."""
    down = exponent < 0
    up = np.where(down, self.dtype.type(0), exponent)
    sign = np.where(exponent % 2 == 0, self.dtype.type(1), self)
    return np.where(down, np.where(self * self == 1, sign, self.dtype.type(0)), self**up)


def _pow_grad(grad: Any, self: Any, exponent: Any) -> Any:
    if exponent == 0:
        return nothing(grad)
    return grad * (self * exponent) if exponent == 2 else grad * (exponent * self ** (exponent - 1))


def _nonneg(exponent: Any) -> Any:
    return exponent.real >= 0 if is_complex(exponent) else exponent >= 0


def _pow_base_grad(grad: Any, self: Any, exponent: Any, result: Any) -> Any:
    if self == 0:
        return where(_nonneg(exponent), 0, grad * (result * -math.inf))
    if isinstance(self, complex) or is_complex(result):
        return grad * (result * cmath.log(self))
    return grad * (result * (math.log(self) if self > 0 else math.nan))


def _like(x: Any, result: Any) -> Any:
    """A base without dimensions in the dtype of the power."""
    return x.to(result.dtype) if isinstance(x, TensorBase) and x.dtype is not result.dtype else x  # type: ignore[attr-defined]


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
        self=lambda grad, self, exponent: where(exponent == 0, 0, grad * (exponent * self ** (exponent - 1))),
        exponent=lambda grad, self, exponent, result: (
            grad * where((self == 0) & _nonneg(exponent), 0, result * log(_like(self, result)))
        ),
    ),
    function=False,
    method=False,
    lacks=lacking("b", "pow"),
)
pow_base = pointwise(
    "pow.base",
    lambda self, exponent: _power(self if hasattr(self, "dtype") else np.asarray(self), exponent),
    node="PowBackward2",
    grad=dict(exponent=lambda grad, self, exponent, result: _pow_base_grad(grad, self, exponent, result)),
    function=False,
    method=False,
    lacks=lacking("b", "pow"),
)


def _ldexp(self: Any, other: Any) -> Any:
    return self * np.exp2(other) if self.dtype.kind != "c" else self * np.exp(other * math.log(2))


# ---- between two values


def _lerp(self: Any, end: Any, weight: Any) -> Any:
    """From the nearer end, so that weight 1 gives `end` exactly."""
    near = np.abs(weight) < 0.5
    return np.where(near, self + weight * (end - self), end - (end - self) * (1 - weight))


lerp_tensor = pointwise(
    "lerp.tensor",
    _lerp,
    node="LerpBackward1",
    grad=dict(
        self=lambda grad, weight: grad * (1 - weight),
        end=lambda grad, weight: grad * weight,
        weight=lambda grad, self, end: grad * (end - self),
    ),
    function=False,
    method=False,
    lacks=lacking("bi", "lerp_kernel_tensor"),
)
lerp_scalar = pointwise(
    "lerp.scalar",
    lambda self, end, weight: self + weight * (end - self) if abs(weight) < 0.5 else end - (end - self) * (1 - weight),
    tensors="self end",
    node="LerpBackward0",
    grad=dict(self=lambda grad, weight: grad * (1 - weight), end=lambda grad, weight: grad * weight),
    function=False,
    method=False,
    lacks=lacking("bi", "lerp_kernel_scalar"),
)

# ---- plane geometry and logarithms of sums


def _square_sum(self: Any, other: Any) -> Any:
    """1 / (self² + other²), and 0 at the origin, where atan2 has no slope."""
    total = self * self + other * other
    return where(total == 0, 0, 1 / where(total == 0, 1, total))


atan2 = pointwise(
    "atan2",
    np.arctan2,
    grad=dict(
        self=lambda grad, self, other: grad * other * _square_sum(self, other),
        other=lambda grad, self, other: grad * -self * _square_sum(self, other),
    ),
    kind=FLOAT,
    aliases="arctan2",
    lacks=lacking("c", "atan2_cpu"),
)
hypot = pointwise(
    "hypot",
    np.hypot,
    grad=dict(
        self=lambda grad, self, result: grad * self / result,
        other=lambda grad, other, result: grad * other / result,
    ),
    lacks=lacking("bic", "hypot_cpu"),
)


def _copysign(self: Any, other: Any) -> Any:
    return np.copysign(self, other)


def _same_sign(self: Any, result: Any) -> Any:
    return where(self == 0, 0, result / self)


copysign = pointwise(
    "copysign.tensor",
    np.copysign,
    signature=lambda self, other: None,
    node="CopysignBackward0",
    grad=dict(self=lambda grad, self, result: grad * _same_sign(self, result), other=lambda grad: nothing(grad)),
    kind=FLOAT,
    function=False,
    method=False,
    lacks=lacking("c", "copysign_cpu"),
)
copysign_scalar = pointwise(
    "copysign.scalar",
    _copysign,
    node="CopysignBackward1",
    grad=dict(self=lambda grad, self, result: grad * _same_sign(self, result)),
    kind=FLOAT,
    function=False,
    method=False,
    lacks=lacking("c", "copysign_cpu"),
)


def _logaddexp(self: Any, other: Any) -> Any:
    if self.dtype.kind != "c":
        return np.logaddexp(self, other)
    larger = np.where(self.real >= other.real, self, other)
    smaller = np.where(self.real >= other.real, other, self)
    return larger + np.log1p(np.exp(smaller - larger))


logaddexp = pointwise(
    "logaddexp",
    _logaddexp,
    grad=dict(
        self=lambda grad, self, other: grad / (1 + exp(other - self)),
        other=lambda grad, self, other: grad / (1 + exp(self - other)),
    ),
    inplace=False,
    lacks=lacking("bi", "logaddexp_cpu"),
)
logaddexp2 = pointwise(
    "logaddexp2",
    np.logaddexp2,
    grad=dict(
        self=lambda grad, self, other: grad / (1 + 2 ** (other - self)),
        other=lambda grad, self, other: grad / (1 + 2 ** (self - other)),
    ),
    inplace=False,
    lacks=lacking("bic", "logaddexp2_cpu"),
)
ldexp = pointwise(
    "ldexp.row",
    _ldexp,
    node="LdexpBackward0",
    grad=dict(
        self=lambda grad, other: grad * 2**other,
        other=lambda grad, self, other: grad * (self * 2**other * math.log(2)),
    ),
    kind=FLOAT,
    function=False,
    method=False,
)
nextafter = pointwise(
    "nextafter",
    np.nextafter,
    grad=dict(
        self=lambda grad, self, other: where(self == other, 0, grad),
        other=lambda grad: nothing(grad),
    ),
    lacks=lacking("bic", "nextafter_cpu"),
    narrow=True,
)
