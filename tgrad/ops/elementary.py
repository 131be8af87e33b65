"""Elementary functions of one operand: powers, logarithms, circles, rounding, the parts of complex numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .choice import signs, where
from .spec import COMPLEX, FLOAT, REAL, REAL_FLOAT, TensorBase, conj, kind_of, lacking, nothing, op, pointwise


def is_complex(x: Any) -> bool:
    return x.is_complex() if isinstance(x, TensorBase) else x.dtype.kind == "c"  # type: ignore[attr-defined]


# ---- sign and size

neg = pointwise(
    "neg",
    np.negative,
    grad=dict(self=lambda grad: -grad),
    aliases="negative",
    lacks=lacking(
        "b",
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
        "`logical_not()` operator instead.",
        RuntimeError,
    ),
)
abs_ = pointwise(
    "abs",
    np.abs,
    grad=dict(self=lambda grad, self: grad * sgn(self)),
    kind=REAL,
    holomorphic=False,
    aliases="absolute",
    lacks=lacking("b", "abs_cpu"),
)


def _sgn(self: Any) -> Any:
    if self.dtype.kind != "c":
        return signs(self)
    size = np.abs(self)
    return np.where(size == 0, self.dtype.type(0), self / np.where(size == 0, size.dtype.type(1), size))


def _sgn_grad(grad: Any, self: Any) -> Any:
    """What is left of the gradient across the direction of `self`, over its size; nothing at zero and for reals."""
    if not is_complex(self):
        return nothing(grad)
    size = abs_(self)
    unit = sgn(self)
    across = grad - unit * (conj(unit) * grad).real
    return where(size == 0, 0, across / where(size == 0, 1, size))


sgn = pointwise(
    "sgn",
    _sgn,
    signature=lambda self: None,
    grad=dict(self=lambda grad, self: _sgn_grad(grad, self)),
    holomorphic=False,
)

# ---- powers and roots

reciprocal = pointwise(
    "reciprocal", lambda self: 1 / self, grad=dict(self=lambda grad, result: -grad * (result * result)), kind=FLOAT
)
sqrt = pointwise(
    "sqrt", np.sqrt, grad=dict(self=lambda grad, result: grad / (2 * result)), kind=FLOAT, domain=(0, None)
)


def cubed(x: Any) -> Any:
    return x**3 if isinstance(x, TensorBase) else x * x * x  # type: ignore[operator]


rsqrt = pointwise(
    "rsqrt",
    lambda self: 1 / np.sqrt(self),
    grad=dict(self=lambda grad, result: -0.5 * grad * cubed(result)),
    kind=FLOAT,
    domain=(0, None),
)


def squared(x: Any) -> Any:
    """x * x. The parts of a complex result are rounded one by one, so that what overflows twice is nan, as it is in PyTorch's vectors.

    PyTorch takes 16 complex64 at a time so, and what is left of each run that lies side by side one by one, with a fused multiply-add:
    a * a is not rounded there, and may overflow without harm.
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind != "c":
        return x * x
    out = np.empty_like(x)
    a, b = x.real, x.imag
    out.real = a * a - b * b
    out.imag = a * b + a * b
    if x.dtype == np.complex64:
        if x.flags.c_contiguous or x.flags.f_contiguous:
            flat, given = (t.reshape(-1) if t.flags.c_contiguous else t.T.reshape(-1) for t in (out, x))
            tail = slice(x.size - x.size % 16, None)
            flat.real[tail] = _fused(given.real[tail], given.imag[tail])
        else:
            run, k = 1, 0  # how many lie side by side, in the last k dimensions
            while x.strides[-1 - k] == run * x.itemsize:
                run *= x.shape[-1 - k]
                k += 1
            rest = (np.arange(run) >= run - run % 16).reshape(x.shape[x.ndim - k :])
            out.real[..., rest] = _fused(a[..., rest], b[..., rest])
    return out


def _fused(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a * a - b * b of float32, with the first product exact."""
    return (a.astype(np.float64) ** 2 - b * b).astype(np.float32)


square = pointwise(
    "square.row",
    lambda self: squared(self),
    node="PowBackward0",
    tensors="self",
    grad=dict(self=lambda grad, self: grad * (2 * self)),
    function=False,
    method=False,
)

# ---- exponentials and logarithms


def _exp2(self: Any) -> Any:
    return np.exp2(self) if self.dtype.kind != "c" else np.exp(self * math.log(2))


exp = pointwise("exp", np.exp, grad=dict(self=lambda grad, result: grad * result), kind=FLOAT)
exp2 = pointwise(
    "exp2",
    _exp2,
    signature=lambda self: None,
    grad=dict(self=lambda grad, result: grad * result * math.log(2)),
    kind=FLOAT,
)
expm1 = pointwise("expm1", np.expm1, grad=dict(self=lambda grad, result: grad * (result + 1)), kind=FLOAT)
log = pointwise("log", np.log, grad=dict(self=lambda grad, self: grad / self), kind=FLOAT, domain=(0, None))
log2 = pointwise(
    "log2", np.log2, grad=dict(self=lambda grad, self: grad / (self * math.log(2))), kind=FLOAT, domain=(0, None)
)


def _log10(self: Any) -> Any:
    # numpy's of float32 is a bit off even at powers of ten
    if type(self) is np.ndarray and self.dtype == np.float32:
        return np.log10(self, dtype=np.float64).astype(np.float32)
    return np.log10(self)


log10 = pointwise(
    "log10",
    lambda self: _log10(self),
    grad=dict(self=lambda grad, self: grad / (self * math.log(10))),
    kind=FLOAT,
    domain=(0, None),
)
log1p = pointwise(
    "log1p", np.log1p, grad=dict(self=lambda grad, self: grad / (self + 1)), kind=FLOAT, domain=(-1, None)
)

# ---- circular and hyperbolic functions

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


def _asinh_grad(grad: Any, self: Any) -> Any:
    # Conjugated at the end as in PyTorch: on the branch cut, adding 1 loses the sign of a zero that conjugating first would keep
    return grad * (conj(rsqrt(conj(self) * conj(self) + 1)) if is_complex(self) else rsqrt(self * self + 1))


asinh = pointwise(
    "asinh", np.arcsinh, grad=dict(self=lambda grad, self: _asinh_grad(grad, self)), kind=FLOAT, aliases="arcsinh"
)


def _acosh_grad(grad: Any, self: Any) -> Any:
    # sqrt(x) * sqrt(y) is sqrt(x * y) only where neither crosses the branch cut
    return grad * (rsqrt(self + 1) * rsqrt(self - 1) if is_complex(self) else rsqrt(self * self - 1))


acosh = pointwise("acosh", np.arccosh, grad=dict(self=_acosh_grad), kind=FLOAT, domain=(1, None), aliases="arccosh")
atanh = pointwise(
    "atanh", np.arctanh, grad=dict(self=lambda grad, self: grad / (1 - self * self)), kind=FLOAT, domain=(-1, 1),
    aliases="arctanh",
)  # fmt: skip
deg2rad = pointwise(
    "deg2rad",
    lambda self: self * (math.pi / 180),
    grad=dict(self=lambda grad: grad * (math.pi / 180)),
    kind=FLOAT,
    lacks=lacking("c", "deg2rad is not supported for complex tensors.", RuntimeError),
)
rad2deg = pointwise(
    "rad2deg",
    lambda self: self * (180 / math.pi),
    grad=dict(self=lambda grad: grad * (180 / math.pi)),
    kind=FLOAT,
    lacks=lacking("c", "rad2deg is not supported for complex tensors.", RuntimeError),
)

# ---- rounding


def _whole(fn: Any, self: Any) -> Any:
    return self.copy(order="K") if self.dtype.kind in "iu" else fn(self)


def _not_whole(name: str) -> Any:
    return {**lacking("b", f"{name}_vml_cpu"), **lacking("c", f"{name} is not supported for complex inputs")}


floor = pointwise(
    "floor", lambda self: _whole(np.floor, self), grad=dict(self=lambda grad: nothing(grad)), lacks=_not_whole("floor")
)
ceil = pointwise(
    "ceil", lambda self: _whole(np.ceil, self), grad=dict(self=lambda grad: nothing(grad)), lacks=_not_whole("ceil")
)
trunc = pointwise(
    "trunc",
    lambda self: _whole(np.trunc, self),
    grad=dict(self=lambda grad: nothing(grad)),
    aliases="fix",
    lacks=_not_whole("trunc"),
)
round_whole = pointwise(
    "round.whole",
    lambda self: _whole(np.rint, self),
    grad=dict(self=lambda grad: nothing(grad)),
    node="RoundBackward0",
    function=False,
    method=False,
    lacks=lacking("bc", "round_vml_cpu"),
)


def _round(self: Any, decimals: int) -> Any:
    scale = self.dtype.type(10.0 ** abs(decimals))
    return np.rint(self * scale) / scale if decimals > 0 else np.rint(self / scale) * scale


round_decimals = pointwise(
    "round.decimals",
    _round,
    tensors="self",
    node="RoundBackward1",
    grad=dict(self=lambda grad: nothing(grad)),
    function=False,
    method=False,
    lacks=lacking("bic", "round_cpu"),
)
frac = pointwise(
    "frac", lambda self: self - np.trunc(self), grad=dict(self=lambda grad: grad), lacks=lacking("bic", "frac_cpu")
)


# ---- logit


def _logit(self: Any, eps: float | None) -> Any:
    x = self if eps is None else np.clip(self, eps, 1 - eps)
    return np.log(x / (1 - x))


def _logit_grad(grad: Any, self: Any, eps: float | None) -> Any:
    g = grad / (self * (1 - self))
    if eps is None:
        return where((self >= 0) & (self <= 1), g, math.nan)
    return where((self >= eps) & (self <= 1 - eps), g, 0)


logit = pointwise(
    "logit",
    lambda self, eps=None: _logit(self, eps),
    tensors="self",
    grad=dict(self=lambda grad, self, eps: _logit_grad(grad, self, eps)),
    kind=FLOAT,
    domain=(0, 1),
    lacks=lacking("c", "logit_cpu"),
)

# ---- complex numbers

conj_physical = pointwise(
    "conj_physical.row",
    lambda self: np.conjugate(self),
    node="ConjPhysicalBackward0",
    grad=dict(self=lambda grad: conj(grad)),
    holomorphic=False,
    function=False,
    method=False,
)
conj_row = pointwise(
    "conj",
    lambda self: np.conjugate(self),
    grad=dict(self=lambda grad: conj(grad)),
    holomorphic=False,
    function=False,
    method=False,
    inplace=False,
)


def _complex(real: Any, imag: Any) -> Any:
    """By parts: real + imag * 1j would turn an infinite imaginary part into nan."""
    shape = np.broadcast(real, imag)
    out = np.empty(shape.shape, np.dtype(f"c{2 * real.dtype.itemsize}"))
    out.real, out.imag = real, imag
    return out


def _polar(abs: Any, angle: Any) -> Any:
    return _complex(abs * np.cos(angle), abs * np.sin(angle))


def _real(x: Any) -> Any:
    return x.real


complex_parts = pointwise(
    "complex",
    _complex,
    kind=COMPLEX,
    grad=dict(real=lambda grad: grad.real, imag=lambda grad: grad.imag),
    holomorphic=False,
    function=False,
    method=False,
    inplace=False,
)
polar = pointwise(
    "polar.row",
    _polar,
    kind=COMPLEX,
    node="PolarBackward0",
    grad=dict(
        abs=lambda grad, result: _real(conj(grad) * sgn(result)),
        angle=lambda grad, result: _real(conj(grad) * (result * 1j)),
    ),
    holomorphic=False,
    function=False,
    method=False,
    inplace=False,
)


def _angle(self: Any) -> Any:
    if self.dtype.kind == "c":
        return np.arctan2(self.imag, self.real)
    # A nan stays one; a negative zero counts as positive.
    return np.where(self != self, self, np.where(self < 0, self.dtype.type(math.pi), self.dtype.type(0)))


def _angle_grad(grad: Any, self: Any) -> Any:
    if not is_complex(self):
        return nothing(grad)
    squared = self.real * self.real + self.imag * self.imag
    return where(squared == 0, 0 * self, grad * (self * 1j) / where(squared == 0, 1, squared))


angle = pointwise(
    "angle",
    _angle,
    grad=dict(self=lambda grad, self: _angle_grad(grad, self)),
    kind=REAL_FLOAT,
    holomorphic=False,
    inplace=False,
)


def _frexp_grad(grad: Any, result1: Any) -> Any:
    """2 ** -exponent, in the gradient's dtype."""
    power = result1.to(grad.dtype) if isinstance(result1, TensorBase) else np.asarray(result1).astype(grad.dtype)  # type: ignore[attr-defined]
    return grad / exp2(power)


@op("frexp.row", grad=dict(self=_frexp_grad), outputs="mantissa exponent", undiff="exponent", node="FrexpBackward0",
    function=False, method=False)  # fmt: skip
def frexp(self):
    if kind_of(self.dtype) != "f":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    wide = self.astype(np.float32) if self.dtype.itemsize == 2 else self
    mantissa, exponent = np.frexp(wide)
    return np.asarray(mantissa).astype(self.dtype, copy=False), np.asarray(exponent, np.int32)
