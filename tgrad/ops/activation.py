"""Activations: the rows behind relu, gelu and their kin."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy._core._multiarray_umath import __cpu_features__  # type: ignore[import-not-found]

from ..dtype import finfo, from_np
from ..shape import wrap_dim
from ..storage import dense
from .pointwise import clamp_scalar, erf, exp, log1p, tanh, where
from .spec import BOOL, FLOAT, camel, lacking, nothing, op, pointwise, underivable
from .special import scipy_function
from .view import cat, slice_


def not_implemented(kernel: str, a: np.ndarray) -> NotImplementedError:
    return NotImplementedError(f"\"{kernel}\" not implemented for '{from_np(a.dtype).legacy}'")


def need_float(kernel: str, *arrays: np.ndarray) -> None:
    """PyTorch's error for a kernel that knows real floating types only."""
    for a in arrays:
        if a.dtype.kind in "biuc":
            raise not_implemented(kernel, a)


def activation(name: str, array: Callable[..., Any], **kw: Any) -> Any:
    """A pointwise row with one input whose public names are given by `nn.functional`."""
    kw = {"function": False, "method": False, "inplace": False, "tensors": "self", **kw}
    return pointwise(name, array, **kw)


def _sigmoid(self: Any) -> Any:
    e = np.exp(np.negative(self))
    e += 1
    return np.divide(1, e, out=e if type(e) is np.ndarray else None)


sigmoid = pointwise(
    "sigmoid", _sigmoid, grad=dict(self=lambda grad, result: grad * ((1 - result) * result)), kind=FLOAT
)


def _relu(self: np.ndarray) -> Any:
    if self.dtype.kind in "bc":
        raise _no_relu(self)
    return np.maximum(self, 0)


def _no_relu(self: np.ndarray) -> Exception:
    if self.dtype.kind == "b":
        return RuntimeError("Boolean inputs not supported for relu")
    return NotImplementedError("clamp is not supported for complex types")


# Note [Slopes that are steps]
# The slope of relu and its kin is a step function: the gradient's own gradient with respect to the input is zero, but it is
# not nothing. PyTorch records these backward computations as ops that depend on the input, so that grad of grad gives zeros
# instead of an error; so do the `..._backward` rows.


def step_row(name: str, array: Callable[..., Any], again: Callable[..., Any] | None) -> Any:
    """A backward computation as a row of its own; see Note [Slopes that are steps]. `again`: its derivative by the gradient; None
    where PyTorch has no second derivative."""
    grad: dict[str, Any] = dict(grad_output=again, self=lambda grad: nothing(grad))
    return pointwise(
        name + "_backward",
        array,
        tensors="grad_output self",
        node=camel(name) + "BackwardBackward0",
        grad={"grad_output self": underivable(name + "_backward")} if again is None else grad,
        function=False,
        method=False,
        inplace=False,
    )


# Note [nan and the two loops]
# Some of PyTorch's derivatives answer differently for nan in its vectorised loop, where a comparison with nan is false, and in
# its scalar loop, which asks the opposite question. Which one an element meets follows from the layout: two of the processor's vectors
# at a time are vectorised where the elements lie without gaps; a last incomplete pair, and all of a layout with gaps, are not.
_LANES = 128 if all([__cpu_features__.get("AVX512" + kind) for kind in ("F", "BW", "DQ", "VL")]) else 64


def unless_less(mask: Any, self: np.ndarray) -> Any:
    """`mask`, an array of comparisons of `self`, made true for the nans that the scalar loop meets."""
    mask = np.asarray(mask)
    if not dense(self):
        return mask | (self != self)
    tail = self.size % (_LANES // self.itemsize)
    if tail:
        order = sorted(range(self.ndim), key=lambda d: -self.strides[d])
        last, x = mask.transpose(order).reshape(-1)[-tail:], self.transpose(order).reshape(-1)[-tail:]
        if last.base is not None:
            last |= x != x
    return mask


threshold_backward = step_row(
    "threshold",
    lambda grad_output, self, threshold: np.where(self <= threshold, 0, grad_output),
    lambda grad, self, threshold: threshold_backward(grad, self, threshold),
)
_ZERO32, _ZERO64 = np.zeros((), np.float32), np.zeros((), np.float64)  # numpy takes longer over a Python number
relu = pointwise(
    "relu",
    _relu,
    grad=dict(self=lambda grad, result: threshold_backward(grad, result, 0)),
    quick=lambda self: np.maximum(self, _ZERO32 if self.itemsize == 4 else _ZERO64),
)


# ---- piecewise linear ones


def _leaky_relu(self: np.ndarray, slope: float) -> Any:
    need_float("leaky_relu_cpu", self)
    return np.where(self > 0, self, self * slope)


leaky_relu_backward = step_row(
    "leaky_relu",
    lambda grad_output, self, negative_slope: np.where(self > 0, grad_output, grad_output * negative_slope),
    lambda grad, self, negative_slope: leaky_relu_backward(grad, self, negative_slope),
)
leaky_relu = activation(
    "leaky_relu",
    lambda self, negative_slope=0.01: _leaky_relu(self, negative_slope),
    grad=dict(self=lambda grad, self, negative_slope: leaky_relu_backward(grad, self, negative_slope)),
)
# In place, the sign of the input is read off the result.
leaky_relu_inplace = activation(
    "leaky_relu.inplace",
    lambda self, negative_slope=0.01: _leaky_relu(self, negative_slope),
    node="LeakyReluBackward1",
    grad=dict(self=lambda grad, result, negative_slope: _leaky_relu_result(grad, result, negative_slope)),
)


def _leaky_relu_result(grad: Any, result: Any, slope: float) -> Any:
    if slope < 0:
        raise RuntimeError(
            "In-place leakyReLu backward calculation is triggered with a negative slope which is not supported. This is caused "
            "by calling in-place forward function with a negative slope, please call out-of-place version instead. File an issue "
            "at https://github.com/pytorch/pytorch if you do require supporting in-place leakRelu backward calculation with "
            "negative slope"
        )
    return leaky_relu_backward(grad, result, slope)


def _hardtanh(self: np.ndarray, low: Any, high: Any) -> Any:
    if self.dtype.kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    return np.minimum(np.maximum(self, low), high)


hardtanh_backward = step_row(
    "hardtanh",
    lambda grad_output, self, min_val, max_val: np.where(
        unless_less((self > min_val) & (self < max_val), self), grad_output, 0
    ),
    lambda grad, self, min_val, max_val: hardtanh_backward(grad, self, min_val, max_val),
)
hardtanh = activation(
    "hardtanh",
    lambda self, min_val=-1, max_val=1: _hardtanh(self, min_val, max_val),
    grad=dict(self=lambda grad, self, min_val, max_val: hardtanh_backward(grad, self, min_val, max_val)),
    lacks=lacking("c", "clamp is not supported for complex types"),
)


def _hardsigmoid(self: np.ndarray) -> Any:
    need_float("hardsigmoid_cpu", self)
    return np.minimum(np.maximum(self + 3, 0), 6) / 6


# PyTorch keeps this slope as a float32 number, for doubles too.
_SIXTH = float(np.float32(1 / 6))
hardsigmoid_backward = step_row(
    "hardsigmoid",
    lambda grad_output, self: np.where((self > -3) & (self < 3), grad_output * _SIXTH, 0),
    None,
)
hardsigmoid = activation(
    "hardsigmoid",
    lambda self: _hardsigmoid(self),
    grad=dict(self=lambda grad, self: hardsigmoid_backward(grad, self)),
)


# Whether the upper branch is the one taken, for derivatives that must also work over Tensors.
above = activation("_above", lambda self, bound: unless_less(self > bound, self), kind=BOOL)
at_least = activation("_at_least", lambda self, bound: unless_less(self >= bound, self), kind=BOOL)


def _hardswish(self: np.ndarray) -> Any:
    need_float("hardswish_cpu", self)
    return self * np.minimum(np.maximum(self + 3, 0), 6) / 6


hardswish = activation(
    "hardswish",
    lambda self: _hardswish(self),
    grad=dict(self=lambda grad, self: where(self <= -3, 0, where(at_least(self, 3), grad, grad * (self / 3 + 0.5)))),
)


def _threshold(self: np.ndarray, threshold: Any, value: Any) -> Any:
    if self.dtype.kind in "bc":
        raise not_implemented("threshold_cpu", self)
    return np.where(self <= threshold, np.asarray(value, self.dtype), self)


threshold = activation(
    "threshold",
    lambda self, threshold, value: _threshold(self, threshold, value),
    grad=dict(self=lambda grad, self, threshold: threshold_backward(grad, self, threshold)),
)


def _hardshrink(self: np.ndarray, lambd: float) -> Any:
    need_float("hardshrink_cpu", self)
    return np.where((self >= -lambd) & (self <= lambd), 0, self)


def _outside(grad_output: Any, self: Any, lambd: float) -> Any:
    return np.where(unless_less((self < -lambd) | (self > lambd), self), grad_output, 0)


hardshrink_backward = step_row("hardshrink", _outside, lambda grad, self, lambd: hardshrink_backward(grad, self, lambd))
softshrink_backward = step_row("softshrink", _outside, lambda grad, self, lambd: softshrink_backward(grad, self, lambd))
hardshrink = activation(
    "hardshrink",
    lambda self, lambd=0.5: _hardshrink(self, lambd),
    grad=dict(self=lambda grad, self, lambd: hardshrink_backward(grad, self, lambd)),
    function=True,
    method=True,
)


def _softshrink(self: np.ndarray, lambd: float) -> Any:
    need_float("softshrink_cpu", self)
    if lambd < 0:
        d = from_np(self.dtype)
        raise RuntimeError(
            f"lambda must be in range [0, {finfo(d).max:g}] for input dtype {d.legacy}, but found {lambd:g}"
        )
    return np.where(self > lambd, self - lambd, np.where(self < -lambd, self + lambd, self * 0))


softshrink = activation(
    "softshrink",
    lambda self, lambd=0.5: _softshrink(self, lambd),
    grad=dict(self=lambda grad, self, lambd: softshrink_backward(grad, self, lambd)),
)


def _prelu(self: np.ndarray, weight: np.ndarray) -> Any:
    need_float("prelu_cpu", self)
    return np.where(self > 0, self, weight * self)


prelu_kernel = pointwise(
    "_prelu_kernel",
    lambda self, weight: _prelu(self, weight),
    node="PreluKernelBackward0",
    grad=dict(
        self=lambda grad, self, weight: where(self > 0, grad, weight * grad),
        weight=lambda grad, self: where(self > 0, 0, self * grad),
    ),
    function=False,
    method=False,
    inplace=False,
)

rrelu_with_noise = pointwise(
    "rrelu_with_noise",
    lambda self, noise, lower=1 / 8, upper=1 / 3, training=False: _rrelu(self, noise, lower, upper, training),
    tensors="self noise",
    node="RreluWithNoiseBackward0",
    grad=dict(
        self=lambda grad, self, noise, lower, upper, training: _rrelu_grad(grad, self, noise, lower, upper, training),
    ),
    function=False,
    method=False,
    inplace=False,
)


def _rrelu(self: np.ndarray, noise: np.ndarray, lower: float, upper: float, training: bool) -> Any:
    return np.where(self <= 0, self * noise, self) if training else _leaky_relu(self, (lower + upper) / 2)


def _rrelu_grad(grad: Any, self: Any, noise: Any, lower: float, upper: float, training: bool) -> Any:
    if training and upper - lower > 1e-6:
        return grad * noise
    return where(self > 0, grad, grad * ((lower + upper) / 2))


# ---- exponential ones


def _elu(self: np.ndarray, alpha: float, scale: float, input_scale: float) -> Any:
    need_float("elu_cpu", self)
    return np.where(self <= 0, np.expm1(self * input_scale) * (alpha * scale), self * scale)


def _elu_grad(grad: Any, self: Any, alpha: float, scale: float, input_scale: float) -> Any:
    if type(self) is np.ndarray and self.dtype.itemsize == 2:  # PyTorch's kernel for halves rounds once
        x, g = self.astype(np.float32), grad.astype(np.float32)
        down = g * (np.float32(alpha * scale * input_scale) * np.exp(np.minimum(x, 0) * np.float32(input_scale)))
        return np.where(unless_less(x > 0, self), g * np.float32(scale), down).astype(self.dtype)
    # Clamped before exp: where the other branch is chosen, inf * 0 would be nan in the second derivative.
    negative = clamp_scalar(self, None, 0)
    return where(above(self, 0), grad * scale, grad * ((alpha * scale * input_scale) * exp(negative * input_scale)))


elu = activation(
    "elu",
    lambda self, alpha=1.0, scale=1.0, input_scale=1.0: _elu(self, alpha, scale, input_scale),
    grad=dict(self=lambda grad, self, alpha, scale, input_scale: _elu_grad(grad, self, alpha, scale, input_scale)),
)
elu_inplace = activation(
    "elu.inplace",
    lambda self, alpha=1.0, scale=1.0, input_scale=1.0: _elu(self, alpha, scale, input_scale),
    node="EluBackward1",
    grad=dict(
        self=lambda grad, result, alpha, scale, input_scale: _elu_result(grad, result, alpha, scale, input_scale)
    ),
)


def _elu_result(grad: Any, result: Any, alpha: float, scale: float, input_scale: float) -> Any:
    if alpha < 0:
        raise RuntimeError(
            "In-place elu backward calculation is triggered with a negative slope which is not supported. This is caused by "
            "calling in-place forward function with a negative slope, please call out-of-place version instead."
        )
    return where(above(result, 0), grad * scale, grad * ((result + alpha * scale) * input_scale))


def _inverse(alpha: float) -> float:
    """1 / alpha as PyTorch has it in the backward pass: of alpha in float32."""
    return 1.0 / float(np.float32(alpha))


celu = activation(
    "celu",
    lambda self, alpha=1.0: _elu(self, alpha, 1.0, 1.0 / alpha),
    grad=dict(self=lambda grad, self, alpha: _elu_grad(grad, self, alpha, 1.0, _inverse(alpha))),
)
celu_inplace = activation(
    "celu.inplace",
    lambda self, alpha=1.0: _elu(self, alpha, 1.0, 1.0 / alpha),
    node="CeluBackward1",
    grad=dict(self=lambda grad, result, alpha: _elu_result(grad, result, alpha, 1.0, _inverse(alpha))),
)


def _gelu(self: np.ndarray, approximate: str) -> Any:
    need_float("GeluKernelImpl", self)
    if approximate == "tanh":
        return 0.5 * self * (1 + np.tanh(_gelu_inner(self)))
    return 0.5 * self * (1 + _erf(self * math.sqrt(0.5)))


_erf = scipy_function("erf")


def _gelu_inner(x: Any) -> Any:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))


def _gelu_grad(grad: Any, self: Any, approximate: str) -> Any:
    if approximate == "tanh":
        t = tanh(_gelu_inner(self))
        slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * (self * self))
        return grad * (0.5 * (1 + t) + 0.5 * self * ((1 - t * t) * slope))
    cdf = 0.5 * (1 + erf(self * math.sqrt(0.5)))
    pdf = exp(-0.5 * (self * self)) * (1 / math.sqrt(2 * math.pi))
    return grad * (cdf + self * pdf)


gelu = activation(
    "gelu",
    lambda self, approximate="none": _gelu(self, approximate),
    grad=dict(self=lambda grad, self, approximate: _gelu_grad(grad, self, approximate)),
)


def _silu(self: np.ndarray) -> Any:
    if self.dtype.kind in "biu":
        raise not_implemented("silu_cpu", self)
    return self / (1 + np.exp(-self))


def _silu_grad(grad: Any, self: Any) -> Any:
    s = sigmoid(self)
    return grad * (s * (1 + self * (1 - s)))


silu = activation(
    "silu", lambda self: _silu(self), grad=dict(self=lambda grad, self: _silu_grad(grad, self)), real_grad=True
)


def _mish(self: np.ndarray) -> Any:
    need_float("mish_cpu", self)
    return self * np.tanh(np.logaddexp(self, np.zeros((), self.dtype)))


def _mish_grad(grad: Any, self: Any) -> Any:
    s = sigmoid(self)
    t = tanh(_softplus_of(self))
    return grad * (t + self * s * (1 - t * t))


def _softplus_of(x: Any) -> Any:
    """log(1 + exp(x)) without overflow, over arrays and Tensors."""
    return clamp_scalar(x, 0, None) + log1p(exp(-_size(x)))


def _size(x: Any) -> Any:
    return np.abs(x) if isinstance(x, np.ndarray) else x.abs()


mish = activation("mish", lambda self: _mish(self), grad=dict(self=lambda grad, self: _mish_grad(grad, self)))


def _softplus(self: np.ndarray, beta: float, threshold: float) -> Any:
    need_float("softplus_cpu", self)
    scaled = self * beta
    return np.where(scaled > threshold, self, np.log1p(np.exp(scaled)) / beta)


softplus = activation(
    "softplus",
    lambda self, beta=1, threshold=20: _softplus(self, beta, threshold),
    grad=dict(
        self=lambda grad, self, beta, threshold: where(self * beta > threshold, grad, grad * sigmoid(self * beta))
    ),
)


def _log_sigmoid(self: np.ndarray) -> Any:
    need_float("log_sigmoid_cpu", self)
    return np.minimum(self, 0) - np.log1p(np.exp(-np.abs(self)))


log_sigmoid = activation(
    "log_sigmoid",
    lambda self: _log_sigmoid(self),
    grad=dict(self=lambda grad, self: grad * sigmoid(-self)),
)


# ---- the gate


@op(
    "glu",
    grad=dict(self=lambda grad, self, dim: _glu_grad(grad, self, dim)),
    tensors="self",
    function=False,
    method=False,
)
def glu(self, dim=-1):
    if self.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    d = wrap_dim(dim, self.ndim)
    if self.shape[d] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {d} is size {self.shape[d]}")
    need_float("glu_cpu", self)
    first, second = np.split(self, 2, axis=d)
    if self.dtype.itemsize == 2:
        return (first.astype(np.float32) * _sigmoid(second.astype(np.float32))).astype(self.dtype)
    return first * _sigmoid(second)


def _glu_grad(grad: Any, self: Any, dim: int) -> Any:
    d = wrap_dim(dim, self.ndim)
    half = self.shape[d] // 2
    first, gate = slice_(self, d, 0, half), sigmoid(slice_(self, d, half, 2 * half))
    if isinstance(grad, np.ndarray) and grad.dtype.itemsize == 2:  # the gate is rounded, what follows only at its end
        one, other, factor = grad.astype(np.float32), first.astype(np.float32), gate.astype(np.float32)
        return cat([grad * gate, ((1 - factor) * factor * one * other).astype(grad.dtype)], d)
    return cat([grad * gate, grad * (first * (gate * (1 - gate)))], d)
