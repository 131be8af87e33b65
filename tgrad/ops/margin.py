"""Losses that want the right classes ahead of the others by a margin. `reduction` is its enum: 0 none, 1 mean, 2 sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import from_np
from .loss import MEAN, NONE
from .spec import op, sizes, underivable

HIDDEN: dict[str, Any] = dict(function=False, method=False)


def _rows(self: np.ndarray) -> np.ndarray:
    """The input as [N, C]."""
    if self.ndim > 2 or (self.size == 0 and not (self.ndim == 2 and self.shape[1])):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {sizes(self.shape)}"
        )
    return self.reshape(-1, self.shape[-1] if self.ndim else 1)


def _check_types(self: np.ndarray, target: np.ndarray, kernel: str) -> None:
    if self.dtype not in (np.float32, np.float64):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{from_np(self.dtype).legacy}'")
    if target.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {from_np(target.dtype).legacy}")


def _total(losses: np.ndarray, shape: tuple[int, ...], reduction: int) -> np.ndarray:
    if reduction == NONE:
        return losses.reshape(shape)
    total = np.add.reduce(losses)
    return np.asarray(total / max(len(losses), 1) if reduction == MEAN else total, losses.dtype)


def _arriving(grad: np.ndarray, count: int, reduction: int) -> np.ndarray:
    """The gradient at each sample, as a column."""
    each = grad.reshape(-1, 1) if reduction == NONE else np.full((count, 1), grad)
    return each / count if reduction == MEAN and count else each


def _one_class(x: np.ndarray, target: np.ndarray, margin: float, weight: Any) -> tuple[np.ndarray, np.ndarray]:
    """(how far each class falls short, or 0; what each counts)."""
    own = target.reshape(-1, 1)
    short = np.maximum(x.dtype.type(margin) - np.take_along_axis(x, own, 1) + x, 0)
    np.put_along_axis(short, own, 0, 1)
    scale = 1 / x.dtype.type(x.shape[1])
    return short, np.full(own.shape, scale) if weight is None else weight[own] * scale


@op("multi_margin_loss",
    grad=dict(self=lambda grad, self, target, p, margin, weight, reduction: multi_margin_loss_backward(
        grad, self, target, weight, p, margin, reduction)),
    tensors="self target weight", **HIDDEN)  # fmt: skip
def multi_margin_loss(self, target, p=1, margin=1.0, weight=None, reduction=MEAN):
    """Per sample the mean over classes of max(0, margin - x[target] + x) ** p, the target's own left out."""
    x = _rows(self)
    if target.ndim > 1 or target.size != len(x):
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected "
            f"target size [{len(x)}], but got {sizes(target.shape)}. Input has shape {sizes(self.shape)}."
        )
    if weight is not None and (weight.ndim > 1 or weight.size != x.shape[1]):
        raise RuntimeError(f"inconsistent weight size, expected {x.shape[1]} but got {sizes(weight.shape)}")
    _check_types(self, target, "multi_margin_loss_cpu_kernel")
    if target.size and (target.min() < 0 or target.max() >= x.shape[1]):
        raise RuntimeError("target out of range")
    short, count = _one_class(x, target, margin, weight)
    return _total((short**p * count).sum(1), target.shape, reduction)


@op("multi_margin_loss_backward", grad={"grad_output self": underivable("multi_margin_loss_backward")},
    tensors="grad_output self target weight", node="torch::autograd::NotImplemented", **HIDDEN)  # fmt: skip
def multi_margin_loss_backward(grad_output, self, target, weight=None, p=1, margin=1.0, reduction=MEAN):
    x = _rows(self)
    short, count = _one_class(x, target, margin, weight)
    slope = (short > 0).astype(x.dtype) if p == 1 else 2 * short
    slope *= count * _arriving(grad_output, len(x), reduction)
    np.put_along_axis(slope, target.reshape(-1, 1), -slope.sum(1, keepdims=True), 1)
    return slope.reshape(self.shape)


def _many(x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(targets, which of them count: those before the first -1, whether each class is one of them)."""
    target = target.reshape(x.shape)
    counts = np.logical_and.accumulate(target >= 0, axis=1)
    chosen = np.zeros(x.shape, bool)
    np.logical_or.at(chosen, (np.nonzero(counts)[0], target[counts]), True)
    return np.where(counts, target, 0), counts, chosen


def _short(x: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[N, targets, C]: how far each other class falls short of being 1 behind each target, or 0."""
    target, counts, chosen = _many(x, target)
    ahead = np.take_along_axis(x, target, 1)
    short = np.maximum(1 - ahead[:, :, None] + x[:, None, :], 0)
    return short * (counts[:, :, None] & ~chosen[:, None, :]), target, chosen


@op("multilabel_margin_loss_forward",
    grad=dict(self=lambda grads, self, target, reduction, result1: multilabel_margin_loss_backward(
        grads[0] if isinstance(grads, (list, tuple)) else grads, self, target, result1, reduction)),
    tensors="self target", outputs="output is_target", undiff="is_target", node="MultilabelMarginLossBackward0", **HIDDEN)  # fmt: skip
def multilabel_margin_loss(self, target, reduction=MEAN):
    """Per sample the sum over its targets and over all other classes of max(0, 1 - x[target] + x), divided by C; and which
    classes are targets."""
    x = _rows(self)
    if target.shape != self.shape and not (self.ndim < 2 and target.ndim < 2 and target.size == self.size):
        raise RuntimeError(f"inconsistent target size: {sizes(target.shape)} for input of size: {sizes(self.shape)}")
    _check_types(self, target, "multilabel_margin_loss_forward_out_frame")
    if target.size and (target.min() < -1 or target.max() >= x.shape[1]):
        raise RuntimeError("argument #2 'target' is out of range")
    short, _, chosen = _short(x, target)
    losses = short.sum((1, 2)) / x.dtype.type(x.shape[1])
    shape = self.shape[:1] if self.ndim == 2 else ()
    return _total(losses, shape, reduction), chosen.reshape(target.shape).astype(x.dtype)


@op("multilabel_margin_loss_backward", grad={"grad_output self": underivable("multilabel_margin_loss_backward")},
    tensors="grad_output self target is_target", node="torch::autograd::NotImplemented", **HIDDEN)  # fmt: skip
def multilabel_margin_loss_backward(grad_output, self, target, is_target, reduction=MEAN):
    x = _rows(self)
    short, where, _ = _short(x, target)
    hits = (short > 0).astype(x.dtype)
    grad = hits.sum(1)
    spots = np.arange(len(x))[:, None] * x.shape[1] + where
    np.subtract.at(grad.reshape(-1), spots.reshape(-1), hits.sum(2).reshape(-1))
    grad *= _arriving(grad_output, len(x), reduction) / x.dtype.type(x.shape[1])
    return grad.reshape(self.shape)
