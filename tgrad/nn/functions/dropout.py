"""Dropout: elements, or whole channels, zeroed at random in training."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ... import functions as fn
from ...levels import drawing
from ...storage import dense
from ...tensor import Tensor, wrap


def check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


@drawing
def _mask(input: Tensor, alike: int, p: float, whole: bool) -> Tensor:
    """1 / (1 - p) where kept and 0 elsewhere; one number for all of the last `alike` dimensions."""
    shape = (*input.shape[: input.ndim - alike], *(1,) * alike)
    # Numbers are drawn in the order of memory: a permuted input has its mask permuted, unless whole channels are dropped.
    order: Any = range(len(shape))
    if whole and dense(input._a):
        order = sorted(order, key=lambda d: -input._a.strides[d])
    drawn = fn.default_generator.dropout_mask(tuple(shape[d] for d in order), input._a.dtype, p)
    return wrap(drawn.transpose(np.argsort(order)) if len(shape) > 1 else drawn)


def _drop(input: Tensor, alike: int, p: float, training: bool, inplace: bool, whole: bool = False) -> Tensor:
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        zero = fn.zeros((), dtype=input.dtype)
        return input.mul_(zero) if inplace else input * zero  # type: ignore[attr-defined, operator]
    mask = _mask(input, alike, p, whole)
    return input.mul_(mask) if inplace else input * mask  # type: ignore[attr-defined, operator]


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes each element with probability p and scales the rest by 1 / (1 - p). ValueError for p outside [0, 1].

    Without `training` the input comes back as it is.

    >>> F.dropout(torch.ones(3), p=0.5, training=False)
    tensor([1., 1., 1.])
    >>> F.dropout(torch.ones(3), p=1.0)
    tensor([0., 0., 0.])
    """
    check(p)
    return _drop(input, 0, p, training, inplace, True)


def _channels(input: Tensor) -> tuple[int, ...]:
    return (*input.shape[:2], *(1,) * (input.dim() - 2))


def feature_dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes whole channels (dimension 1) with probability p."""
    if training and p and input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return _drop(input, max(0, input.dim() - 2), p, training, inplace)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes whole channels of [N, C, L] or [C, L]."""
    check(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension "
            "(i.e. 2D or 3D inputs)."
        )
    return _batched(input, p, training, inplace, 2)


def _batched(input: Tensor, p: float, training: bool, inplace: bool, single: int) -> Tensor:
    if input.dim() == single + 1:
        return feature_dropout(input, p, training, inplace)
    x = input.unsqueeze_(0) if inplace else input.unsqueeze(0)  # type: ignore[attr-defined]
    r = feature_dropout(x, p, training, inplace)
    return r.squeeze_(0) if inplace else r.squeeze(0)  # type: ignore[attr-defined]


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes whole channels of [N, C, H, W]."""
    check(p)
    if input.dim() not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {input.dim()}-D input to dropout2d, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead. Note that dropout2d "
            "exists to provide channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, and an optional "
            "batch dimension (i.e. 3D or 4D inputs).",
            stacklevel=2,
        )
    if input.dim() == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - input "
            "is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future release to "
            "interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return feature_dropout(input, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes whole channels of [N, C, D, H, W] or [C, D, H, W]."""
    check(p)
    if input.dim() not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {input.dim()}-D input to dropout3d, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead. Note that dropout3d "
            "exists to provide channel-wise dropout on inputs with 3 spatial dimensions, a channel dimension, and an optional "
            "batch dimension (i.e. 4D or 5D inputs).",
            stacklevel=2,
        )
    return _batched(input, p, training, inplace, 4)


# What selu tends to for very negative inputs: the value that dropped elements get.
_SATURATED = 1.7580993408473766


def _alpha(input: Tensor, shape: Any, p: float, training: bool, inplace: bool, whole: bool = False) -> Tensor:
    if not training or p == 0 or input.numel() == 0:
        return input
    if p == 1:
        zero = fn.zeros((), dtype=input.dtype)
        return input.mul_(zero) if inplace else input * zero  # type: ignore[attr-defined, operator]
    kept = (fn.empty_like(input) if whole else fn.empty(shape, dtype=input.dtype)).detach().bernoulli_(1 - p)
    a = 1.0 / math.sqrt((_SATURATED * _SATURATED * p + 1) * (1 - p))
    shift = kept.add(-1).mul_(_SATURATED * a).add_(_SATURATED * a * p)
    kept.mul_(a)
    if inplace:
        return input.mul_(kept).add_(shift)  # type: ignore[attr-defined]
    return input * kept + shift  # type: ignore[operator]


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps the mean and variance of what selu puts out."""
    check(p)
    return _alpha(input, input.shape, p, training, inplace, True)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """alpha_dropout of whole channels."""
    check(p)
    if training and p and input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return _alpha(input, _channels(input), p, training, inplace)
