"""Choosing between values and asking about them: where, limits, masks, comparisons, logic."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import finfo, from_np
from .spec import BOOL, fitting, lacking, nothing, pointwise, underivable

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
    quick=getattr(np.where, "_implementation", np.where),  # without numpy's question whether an operand overrides it
)  # fmt: skip

# ---- comparison

eq = pointwise("eq", np.equal, kind=BOOL, numbers="other", overloads=True)
ne = pointwise("ne", np.not_equal, kind=BOOL, aliases="not_equal", numbers="other", overloads=True)
lt = pointwise("lt", np.less, kind=BOOL, aliases="less", numbers="other", overloads=True, lacks=lacking("c", "lt_cpu"))
le = pointwise(
    "le", np.less_equal, kind=BOOL, aliases="less_equal", numbers="other", overloads=True, lacks=lacking("c", "le_cpu")
)
gt = pointwise(
    "gt", np.greater, kind=BOOL, aliases="greater", numbers="other", overloads=True, lacks=lacking("c", "gt_cpu")
)
ge = pointwise(
    "ge",
    np.greater_equal,
    kind=BOOL,
    aliases="greater_equal",
    numbers="other",
    overloads=True,
    lacks=lacking("c", "ge_cpu"),
)
isnan = pointwise("isnan", lambda self: np.not_equal(self, self), kind=BOOL, inplace=False)
isinf = pointwise("isinf", lambda self: np.isinf(self), kind=BOOL, inplace=False)
isfinite = pointwise("isfinite", lambda self: np.isfinite(self), kind=BOOL, inplace=False)
isposinf = pointwise(
    "isposinf",
    lambda self: self == np.inf if self.dtype.kind == "f" else np.zeros_like(self, np.bool_),
    kind=BOOL,
    inplace=False,
    lacks=lacking("c", "isposinf does not support complex inputs.", RuntimeError),
)
isneginf = pointwise(
    "isneginf",
    lambda self: self == -np.inf if self.dtype.kind == "f" else np.zeros_like(self, np.bool_),
    kind=BOOL,
    inplace=False,
    lacks=lacking("c", "isneginf does not support complex inputs.", RuntimeError),
)
signbit = pointwise(
    "signbit",
    lambda self: np.signbit(self) if self.dtype.kind == "f" else self < 0,
    kind=BOOL,
    inplace=False,
    lacks=lacking("c", "signbit is not implemented for complex tensors."),
)

# ---- logic

logical_not = pointwise("logical_not", np.logical_not, kind=BOOL)
logical_and = pointwise("logical_and", np.logical_and, kind=BOOL)
logical_or = pointwise("logical_or", np.logical_or, kind=BOOL)
logical_xor = pointwise("logical_xor", np.logical_xor, kind=BOOL)

# ---- the larger and the smaller. Ties share the gradient; a nan lets it pass to both, since nothing beats it.

maximum = pointwise(
    "maximum",
    np.maximum,
    grad=dict(
        self=lambda grad, self, other: where(self == other, grad / 2, where(self < other, 0, grad)),
        other=lambda grad, self, other: where(self == other, grad / 2, where(self > other, 0, grad)),
    ),
    inplace=False,
    lacks=lacking("c", "maximum not implemented for complex tensors.", RuntimeError),
)
minimum = pointwise(
    "minimum",
    np.minimum,
    grad=dict(
        self=lambda grad, self, other: where(self == other, grad / 2, where(self > other, 0, grad)),
        other=lambda grad, self, other: where(self == other, grad / 2, where(self < other, 0, grad)),
    ),
    inplace=False,
    lacks=lacking("c", "minimum not implemented for complex tensors.", RuntimeError),
)
fmax = pointwise(
    "fmax",
    np.fmax,
    grad=dict(
        self=lambda grad, self, other: where((self >= other) | (other != other), grad, 0),
        other=lambda grad, self, other: where((self >= other) | (other != other), 0, grad),
    ),
    inplace=False,
    lacks=lacking("c", "fmax not implemented for complex tensors.", RuntimeError),
)
fmin = pointwise(
    "fmin",
    np.fmin,
    grad=dict(
        self=lambda grad, self, other: where((self <= other) | (other != other), grad, 0),
        other=lambda grad, self, other: where((self <= other) | (other != other), 0, grad),
    ),
    inplace=False,
    lacks=lacking("c", "fmin not implemented for complex tensors.", RuntimeError),
)

# ---- limits

NO_COMPLEX_CLAMP = lacking("c", "clamp is not supported for complex types")
CLAMP_LACKS = {**NO_COMPLEX_CLAMP, **lacking("b", "clamp_cpu")}


def _clamp(self: Any, min: Any, max: Any) -> Any:
    out = self if min is None else np.maximum(self, fitting(min, self.dtype))
    return np.asarray(out if max is None else np.minimum(out, fitting(max, self.dtype)))


def _inside(self: Any, min: Any, max: Any) -> Any:
    if min is None:
        return self <= max
    if max is None:
        return self >= min
    return (self >= min) & (self <= max)


clamp_scalar = pointwise(
    "clamp.scalar",
    lambda self, min=None, max=None: _clamp(self, min, max),
    tensors="self",
    node="ClampBackward1",
    grad=dict(self=lambda grad, self, min, max: where(_inside(self, min, max), grad, 0)),
    function=False,
    method=False,
    lacks=CLAMP_LACKS,
)
clamp_min = pointwise(
    "clamp_min.scalar",
    lambda self, min: _clamp(self, min, None),
    tensors="self",
    node="ClampMinBackward0",
    grad=dict(self=lambda grad, self, min: where(self >= min, grad, 0)),
    function=False,
    method=False,
    lacks=CLAMP_LACKS,
)
clamp_max = pointwise(
    "clamp_max.scalar",
    lambda self, max: _clamp(self, None, max),
    tensors="self",
    node="ClampMaxBackward0",
    grad=dict(self=lambda grad, self, max: where(self <= max, grad, 0)),
    function=False,
    method=False,
    lacks=CLAMP_LACKS,
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
    lacks=lacking("bc", "clamp_cpu"),
)
_AT_LEAST: dict[str, Any] = dict(
    self=lambda grad, self, min: where(self >= min, grad, 0), min=lambda grad, self, min: where(self < min, grad, 0)
)
_AT_MOST: dict[str, Any] = dict(
    self=lambda grad, self, max: where(self <= max, grad, 0), max=lambda grad, self, max: where(self > max, grad, 0)
)
_HIDDEN: dict[str, Any] = dict(function=False, method=False)
_NO_MAXIMUM, _NO_MINIMUM = lacking("c", "maximum_cpu"), lacking("c", "minimum_cpu")
# One limit given to `clamp` is recorded as clamp, given to `clamp_min` as clamp_min.
clamp_tensor_min = pointwise(
    "clamp.tensor_min",
    lambda self, min: np.maximum(self, min),
    node="ClampBackward0",
    grad=_AT_LEAST,
    lacks=_NO_MAXIMUM,
    **_HIDDEN,
)
clamp_tensor_max = pointwise(
    "clamp.tensor_max",
    lambda self, max: np.minimum(self, max),
    node="ClampBackward0",
    grad=_AT_MOST,
    lacks=_NO_MINIMUM,
    **_HIDDEN,
)
clamp_min_tensor = pointwise(
    "clamp_min.tensor",
    lambda self, min: np.maximum(self, min),
    node="ClampMinBackward1",
    grad=_AT_LEAST,
    lacks=_NO_MAXIMUM,
    **_HIDDEN,
)
clamp_max_tensor = pointwise(
    "clamp_max.tensor",
    lambda self, max: np.minimum(self, max),
    node="ClampMaxBackward1",
    grad=_AT_MOST,
    lacks=_NO_MINIMUM,
    **_HIDDEN,
)

# ---- masks

masked_fill = pointwise(
    "masked_fill.scalar",
    lambda self, mask, value: np.where(mask, fitting(value, self.dtype), self),
    tensors="self mask",
    promoted="self",
    node="MaskedFillBackward0",
    contiguous=True,
    grad=dict(self=lambda grad, mask: where(mask, 0, grad)),
    function=False,
    method=False,
)
masked_fill_tensor = pointwise(
    "masked_fill.tensor",
    lambda self, mask, value: np.where(mask, value, self),
    promoted="self value",
    node="MaskedFillBackward1",
    contiguous=True,
    grad=dict(self=lambda grad, mask: where(mask, 0, grad), value=lambda grad, mask: where(mask, grad, 0)),
    function=False,
    method=False,
)


def _nan_to_num(self: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    if self.dtype.kind in "biu":
        return self.copy(order="K")
    if self.dtype.kind == "c":
        out = np.empty_like(self)
        out.real = _nan_to_num(self.real, nan, posinf, neginf)
        out.imag = _nan_to_num(self.imag, nan, posinf, neginf)
        return out
    info = finfo(from_np(self.dtype))
    high = info.max if posinf is None else posinf
    low = info.min if neginf is None else neginf
    out = np.where(self == np.inf, self.dtype.type(high), self)
    out = np.where(self == -np.inf, self.dtype.type(low), out)
    return np.where(self != self, self.dtype.type(0.0 if nan is None else nan), out)


nan_to_num = pointwise(
    "nan_to_num",
    _nan_to_num,
    signature=lambda self, nan=None, posinf=None, neginf=None: None,
    tensors="self",
    grad=dict(self=lambda grad, self: grad * isfinite(self)),
    narrow=True,
)


# ---- no derivative, but recorded


def signs(self: Any) -> Any:
    """-1, 0 or 1; a nan counts as 0, which numpy sees otherwise."""
    if self.dtype.kind == "b":
        return self.copy(order="K")
    out = np.asarray(np.sign(self))
    if self.dtype.kind == "f":
        np.copyto(out, 0, where=self != self)
    return out


heaviside = pointwise(
    "heaviside",
    lambda self, values: np.where(self == 0, values, (self > 0).astype(self.dtype)),
    node="torch::autograd::NotImplemented",
    grad=dict(self=underivable("heaviside"), values=underivable("heaviside")),
    lacks=lacking("c", "heaviside is not yet implemented for complex tensors.", RuntimeError),
)
sign = pointwise(
    "sign",
    lambda self: signs(self),
    grad=dict(self=lambda grad: nothing(grad)),
    lacks=lacking(
        "c", "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
    ),
)
