"""Losses that PyTorch records as one node. `reduction` is its enum: 0 none, 1 mean, 2 sum."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..dtype import from_np, promote_types
from ..pool import POOL
from .activation import log_sigmoid, need_float, not_implemented, sigmoid
from .index import index_select
from .pointwise import clamp_scalar, exp, log, logit, where
from .reduce import add_up
from .scatter import gather_backward
from .spec import FLOAT, TensorBase, number, op, pointwise, sizes
from .view import expand, reshape, unsqueeze

NONE, MEAN, SUM = 0, 1, 2

xlogy = pointwise(
    "xlogy",
    lambda self, other: np.where(np.isnan(other), other, np.where(self == 0, 0, self * np.log(other))),
    grad=dict(
        self=lambda grad, self, other: where((self == 0) & (other <= 0), 0, grad * log(other)),
        other=lambda grad, self, other: grad * self / other,
    ),
    kind=FLOAT,
)


def reduced(x: np.ndarray, reduction: int) -> np.ndarray:
    if reduction == NONE:
        return x
    if reduction == MEAN and x.dtype.itemsize == 2 and x.size:  # rounded once
        return np.asarray(np.add.reduce(x, axis=None, dtype=np.float32) / x.size).astype(x.dtype)
    total = np.asarray(add_up(x, None, False, None))
    if reduction == SUM:
        return total
    return np.asarray(total / x.size if x.size else total * math.nan).astype(x.dtype, copy=False)


def spread(grad: Any, shape: Any, reduction: int) -> Any:
    """What arrives at each element, of the gradient or of the product with it."""
    if reduction != MEAN:
        return grad
    n = math.prod(shape)
    return grad / n if n else grad * math.nan


def difference(kernel: str, self: np.ndarray, target: np.ndarray) -> np.ndarray:
    """self - target in PyTorch's common dtype (an integer target does not lift float32)."""
    if self.dtype != target.dtype:
        common = promote_types(from_np(self.dtype), from_np(target.dtype)).np
        self, target = self.astype(common), target.astype(common)
    need_float(kernel, self)
    return self - target


def _is_half(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.itemsize == 2


def _norm(d: np.ndarray, reduction: int, factor: float = 1.0) -> Any:
    """What PyTorch's kernels multiply by, as an element of the array's type."""
    return number(factor / d.size if reduction == MEAN and d.size else factor, d.dtype)


def _square_slope(grad: Any, d: Any, reduction: int) -> Any:
    if _is_half(d):
        return _norm(d, reduction, 2.0) * d * grad
    return d * (2 * spread(grad, d.shape, reduction))


@op("mse_loss", grad=dict(self=lambda grad, self, target, reduction: _square_slope(grad, self - target, reduction),
                          target=lambda grad, self, target, reduction: _square_slope(grad, target - self, reduction)),
    tensors="self target", function=False, method=False)  # fmt: skip
def mse_loss(self, target, reduction=MEAN):
    d = difference("mse_cpu", self, target)
    return reduced(d * d, reduction)


def _smooth_slope(grad: Any, d: Any, reduction: int, beta: float) -> Any:
    return clamp_scalar(d / beta, -1, 1) * spread(grad, d.shape, reduction)


@op("smooth_l1_loss",
    grad=dict(self=lambda grad, self, target, reduction, beta: _smooth_slope(grad, self - target, reduction, beta),
              target=lambda grad, self, target, reduction, beta: _smooth_slope(grad, target - self, reduction, beta)),
    tensors="self target", node="SmoothL1LossBackward0", function=False, method=False)  # fmt: skip
def smooth_l1_loss(self, target, reduction=MEAN, beta=1.0):
    if self.dtype == target.dtype and self.dtype.name == "bfloat16":  # PyTorch's vectors of it are float32 throughout
        size = np.abs(self.astype(np.float32) - target.astype(np.float32))
        return reduced(np.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta).astype(self.dtype), reduction)
    size = np.abs(difference("smooth_l1_cpu", self, target))
    return reduced(
        np.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta).astype(size.dtype, copy=False), reduction
    )


def _huber_slope(grad: Any, d: Any, reduction: int, delta: float) -> Any:
    if _is_half(d):
        norm, edge = _norm(d, reduction), number(delta, d.dtype)
        return np.where(abs(d) < edge, norm * d * grad, np.sign(d) * (norm * grad * edge))
    return clamp_scalar(d, -delta, delta) * spread(grad, d.shape, reduction)


@op("huber_loss",
    grad=dict(self=lambda grad, self, target, reduction, delta: _huber_slope(grad, self - target, reduction, delta),
              target=lambda grad, self, target, reduction, delta: _huber_slope(grad, target - self, reduction, delta)),
    tensors="self target", function=False, method=False)  # fmt: skip
def huber_loss(self, target, reduction=MEAN, delta=1.0):
    if self.dtype == target.dtype == np.float16:  # for bfloat16 PyTorch rounds every step, for float16 the last
        size = np.abs(self.astype(np.float32) - target.astype(np.float32))
        return reduced(
            np.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)).astype(np.float16), reduction
        )
    size = np.abs(difference("huber_cpu", self, target))
    if size.dtype.itemsize == 2:
        half, edge = size.dtype.type(0.5), number(delta, size.dtype)
        return reduced(np.where(size <= edge, half * size * size, edge * (size - half * edge)), reduction)
    return reduced(
        np.where(size <= delta, 0.5 * size * size, delta * (size - 0.5 * delta)).astype(size.dtype, copy=False),
        reduction,
    )


def _soft_margin_slope(grad: Any, self: Any, target: Any, reduction: int) -> Any:
    # In PyTorch's order, which decides what overflows: in halves, exp does from 12 on
    z = exp(-target * self)
    scale: Any = -1 / max(1, math.prod(self.shape)) if reduction == MEAN else -1
    if _is_half(z):
        scale, one = number(scale, z.dtype), z.dtype.type(1)
        return target * z * scale / (z + one) * grad
    return target * z * scale / (z + 1) * grad


@op("soft_margin_loss", grad=dict(self=lambda grad, self, target, reduction: _soft_margin_slope(grad, self, target, reduction)),
    tensors="self target", function=False, method=False, real_grad=True)  # fmt: skip
def soft_margin_loss(self, target, reduction=MEAN):
    return reduced(np.log1p(np.exp(-target * self)), reduction)


# ---- binary cross entropy


@op("binary_cross_entropy",
    grad=dict(self=lambda grad, self, target, weight, reduction: _bce_grad(grad, self, target, weight, reduction),
              target=lambda grad, self, weight, reduction: spread(_weighted(-logit(self) * grad, weight), self.shape,
                                                                        reduction)),
    tensors="self target weight", function=False, method=False)  # fmt: skip
def binary_cross_entropy(self, target, weight=None, reduction=MEAN):
    need_float("binary_cross_entropy", self, target)
    if not ((self >= 0) & (self <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1")
    if not ((target >= 0) & (target <= 1)).all():
        raise RuntimeError("all elements of target should be between 0 and 1")
    # The logarithms stop at -100, so that the loss stays finite.
    loss = (target - 1) * np.maximum(np.log1p(-self), -100) - target * np.maximum(np.log(self), -100)
    return reduced(_weighted(loss, weight), reduction)


def _weighted(x: Any, weight: Any) -> Any:
    return x if weight is None else x * weight


def _bce_grad(grad: Any, self: Any, target: Any, weight: Any, reduction: int) -> Any:
    if isinstance(grad, TensorBase):  # in PyTorch's order
        slope = grad * (self - target) / clamp_scalar((1 - self) * self, 1e-12, None)
        return spread(_weighted(slope, weight), self.shape, reduction)
    slope = (self - target) / clamp_scalar((1 - self) * self, 1e-12, None)
    return _weighted(slope, weight) * spread(grad, self.shape, reduction)


@op("binary_cross_entropy_with_logits",
    grad=dict(self=lambda grad, self, target, weight, pos_weight, reduction: _logits_grad(
                  grad, self, target, weight, pos_weight, reduction),
              target=lambda grad, self, weight, pos_weight, reduction: spread(
                  _weighted(_logits_target(self, pos_weight) * grad, weight), self.shape, reduction)),
    tensors="self target weight pos_weight", function=False, method=False)  # fmt: skip
def binary_cross_entropy_with_logits(self, target, weight=None, pos_weight=None, reduction=MEAN):
    if self.dtype.kind == "c":
        raise not_implemented("log_sigmoid_cpu", self)
    if self.dtype.itemsize == 2:
        return _logits_in_steps(self, target, weight, pos_weight, reduction)
    rise = np.log1p(np.exp(-np.abs(self))) + np.maximum(-self, 0)
    if pos_weight is not None:
        rise = ((pos_weight - 1) * target + 1) * rise
    return reduced(_weighted((1 - target) * self + rise, weight), reduction)


def _logits_in_steps(self: Any, target: Any, weight: Any, pos_weight: Any, reduction: int) -> Any:
    """Over halves: operation by operation, each of which rounds."""
    one = self.dtype.type(1)
    rise = -log_sigmoid(self)
    if pos_weight is not None:
        rise = ((pos_weight - one) * target + one) * rise
    return reduced(_weighted((one - target) * self + rise, weight), reduction)


def _logits_grad(grad: Any, self: Any, target: Any, weight: Any, pos_weight: Any, reduction: int) -> Any:
    if pos_weight is None:
        slope = sigmoid(self) - target
    else:
        t = pos_weight * target
        slope = (t + 1 - target) * sigmoid(self) - t
    if isinstance(grad, TensorBase):
        return spread(_weighted(slope * grad, weight), self.shape, reduction)
    return _weighted(slope, weight) * spread(grad, self.shape, reduction)


def _logits_target(self: Any, pos_weight: Any) -> Any:
    return -self if pos_weight is None else log_sigmoid(-self) - pos_weight * log_sigmoid(self)


# ---- negative log likelihood


def _nll(self: np.ndarray, target: np.ndarray, weight: Any, reduction: int, ignore_index: int) -> Any:
    if self.dtype.kind in "biuc":
        raise not_implemented("nll_loss_out_frame", self)
    axis = _class_dim(self.shape)
    classes = self.shape[axis]
    if weight is None and reduction != NONE and target.ndim == 1 and axis and target.size and self.dtype.char in "fd":
        low, high = int(target.min()), int(target.max())
        if low >= 0 and high < classes and not low <= ignore_index <= high:  # nothing to leave out, the usual case
            n = target.size
            out = -add_up(self[_upto(n), target], None, False, None)
            return np.asarray(out / n if reduction == MEAN else out, self.dtype), np.asarray(n, self.dtype)
    kept = target != ignore_index
    wrong = kept & ((target < 0) | (target >= classes))
    if wrong.any():
        raise IndexError(f"Target {target[wrong].flat[0]} is out of bounds.")
    wide = np.dtype(np.float32) if self.dtype.itemsize == 2 else self.dtype
    index = np.where(kept, target, 0)
    if axis == 0:
        chosen = self[index]
    else:
        chosen = np.take_along_axis(self, np.expand_dims(index, 1), 1).squeeze(1)
    chosen = chosen.astype(wide, copy=False)
    factor = kept if weight is None else np.where(kept, weight[index], 0)
    losses = np.where(kept, -chosen if weight is None else -chosen * factor, 0)
    if reduction == NONE:
        return losses.astype(self.dtype, copy=False), np.zeros((), self.dtype)
    total = np.asarray(np.sum(factor, dtype=wide))
    out = np.asarray(add_up(np.ascontiguousarray(losses), None, False, None))
    if reduction == MEAN:
        out = np.asarray(out / total)
    return out.astype(self.dtype, copy=False), total.astype(self.dtype, copy=False)


@functools.lru_cache(maxsize=16)
def _upto(n: int) -> np.ndarray:
    return np.arange(n)


def _class_dim(shape: Any) -> int:
    return 0 if len(shape) == 1 else 1


def _nll_grad(grad: Any, shape: Any, target: Any, weight: Any, reduction: int, ignore_index: int, total: Any) -> Any:
    kept = target != ignore_index
    if type(grad) is np.ndarray and weight is None and target.ndim == 1 and len(shape) == 2:
        out = POOL.empty(shape, grad.dtype)
        out.fill(0)
        own = -(grad / total if reduction == MEAN else grad)
        if kept.all():
            out[_upto(shape[0]), target] = own
        else:
            at = kept.nonzero()[0]
            out[at, target[at]] = own[at] if own.ndim else own
        return out
    index = target * kept
    grad = expand(grad / total if reduction == MEAN else grad, tuple(target.shape))
    if weight is not None:
        grad = grad * reshape(index_select(weight, reshape(index, (-1,)), 0), tuple(target.shape))
    grad = where(kept, -grad, 0)
    axis = _class_dim(shape)
    if axis == 0:
        return gather_backward(reshape(grad, (-1,)), reshape(index, (-1,)), shape, 0)
    return gather_backward(unsqueeze(grad, 1), unsqueeze(index, 1), shape, 1)


_NLL = dict(
    self=lambda grad, self_sizes, target, weight, reduction, ignore_index, result1: _nll_grad(
        grad, self_sizes, target, weight, reduction, ignore_index, result1
    )
)


@op("nll_loss_forward", grad=_NLL, tensors="self target weight", node="NllLossBackward0", outputs="output total_weight",
    undiff="total_weight", function=False, method=False)  # fmt: skip
def nll_loss(self, target, weight=None, reduction=MEAN, ignore_index=-100):
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if self.ndim == 2 and (target.ndim == 0 or self.shape[0] != target.shape[0]):
        raise RuntimeError(f"size mismatch (got input: {sizes(self.shape)}, target: {sizes(target.shape)})")
    _check_classes(self, target, weight)
    return _nll(self, target, weight, reduction, ignore_index)


@op("nll_loss2d_forward", grad=_NLL, tensors="self target weight", node="NllLoss2DBackward0", outputs="output total_weight",
    undiff="total_weight", function=False, method=False)  # fmt: skip
def nll_loss2d(self, target, weight=None, reduction=MEAN, ignore_index=-100):
    if target.ndim != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {target.ndim}"
        )
    if self.shape[0] != target.shape[0] or self.shape[2:] != target.shape[1:]:
        raise RuntimeError(f"size mismatch (got input: {sizes(self.shape)} , target: {sizes(target.shape)}")
    _check_classes(self, target, weight)
    return _nll(self, target, weight, reduction, ignore_index)


def _check_classes(self: np.ndarray, target: np.ndarray, weight: Any) -> None:
    if target.dtype not in (np.int64, np.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {from_np(target.dtype).legacy}")
    classes = self.shape[_class_dim(self.shape)]
    if weight is not None and weight.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: "
            f"{sizes(weight.shape)}"
        )
