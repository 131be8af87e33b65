"""The cross entropy of a linear map over many classes, a few samples at a time: the logits of all are never there at once.

Gradients are computed along with the loss, chunk by chunk, while a chunk's logits are at hand ("none": in the backward pass,
from the inputs again). Halves are computed in float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph.function import Function
from ...ops.pooling import widened
from ...tensor import Tensor, wrap


class Problem:
    """The arrays of one call: x [N, d], weight [C, d], bias [C] or None, classes [N], what each class weighs [C] or None."""

    def __init__(
        self, x: Tensor, weight: Tensor, target: Tensor, bias: Any, weights: Any, ignore_index: int, step: int
    ) -> None:
        self.x, self.weight = widened(x._a), widened(weight._a)
        self.bias = None if bias is None else widened(bias._a)
        self.target, self.step = target._a, step
        self.kept = self.target != ignore_index
        outside = self.target[self.kept & ((self.target < 0) | (self.target >= weight.shape[0]))]
        if len(outside):
            raise IndexError(f"Target {outside[0]} is out of bounds.")
        counts = self.kept.astype(self.x.dtype)
        self.place = np.where(self.kept, self.target, 0)
        self.counts = counts if weights is None else counts * widened(weights._a)[self.place]

    def run(self, arriving: Any = None) -> tuple[np.ndarray, Any, Any, Any]:
        """(losses [N], and with `arriving` [N] the gradients of x, weight and bias)."""
        losses = np.empty(len(self.x), self.x.dtype)
        to_x: Any = None
        to_weight: Any = None
        to_bias: Any = None
        if arriving is not None:
            to_x, to_weight = np.empty_like(self.x), np.zeros_like(self.weight)
            to_bias = None if self.bias is None else np.zeros_like(self.bias)
        for at in range(0, len(self.x), self.step):
            rows = slice(at, at + self.step)
            logits = self.x[rows] @ self.weight.T
            if self.bias is not None:
                logits += self.bias
            logits -= logits.max(1, keepdims=True)
            own = self.place[rows, None]
            ahead = np.take_along_axis(logits, own, 1)[:, 0]
            np.exp(logits, out=logits)
            total = logits.sum(1)
            losses[rows] = (np.log(total) - ahead) * self.counts[rows]
            if arriving is None:
                continue
            logits /= total[:, None]
            np.put_along_axis(logits, own, np.take_along_axis(logits, own, 1) - 1, 1)
            logits *= (self.counts[rows] * arriving[rows])[:, None]
            to_x[rows] = logits @ self.weight
            to_weight += logits.T @ self.x[rows]
            if to_bias is not None:
                to_bias += logits.sum(0)
        return losses, to_x, to_weight, to_bias


def _tensors(grads: Any, models: Any) -> list[Any]:
    return [None if g is None else wrap(g.astype(m._a.dtype, copy=False)) for g, m in zip(grads, models, strict=True)]


# The names are those of PyTorch's nodes.


class GeneratedBackwardFor_torch_nn__linear_cross_entropy_batch_chunked_default(Function):
    """The sum of all losses, or their weighted mean."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, target: Any, bias: Any, weights: Any, mean: bool, ignore_index: int, step: int,
                retain: bool) -> Any:  # fmt: skip
        problem = Problem(x, weight, target, bias, weights, ignore_index, step)
        losses, *grads = problem.run(np.ones(len(target), problem.x.dtype))
        scale = 1 / problem.counts.sum() if mean else problem.x.dtype.type(1)
        ctx.grads = [None if g is None else g * scale for g in grads]
        ctx.models, ctx.retain = (x, weight, bias), retain
        return wrap(np.asarray(losses.sum() * scale).astype(x._a.dtype))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        if ctx.grads is None:
            raise RuntimeError(
                "linear_cross_entropy chunked backward called twice; retain_graph=True / double backward are not supported."
            )
        given = widened(grad._a)
        to_x, to_weight, to_bias = _tensors([None if g is None else g * given for g in ctx.grads], ctx.models)
        if not ctx.retain:
            ctx.grads = None
        return to_x, to_weight, None, to_bias, None, None, None, None, None


class GeneratedBackwardFor_torch_nn__linear_cross_entropy_batch_chunked_no_reduction_default(Function):
    """The losses of all samples."""

    @staticmethod
    def forward(
        ctx: Any, x: Any, weight: Any, target: Any, bias: Any, weights: Any, ignore_index: int, step: int
    ) -> Any:
        ctx.problem, ctx.models = Problem(x, weight, target, bias, weights, ignore_index, step), (x, weight, bias)
        return wrap(ctx.problem.run()[0].astype(x._a.dtype, copy=False))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        _, *grads = ctx.problem.run(widened(grad._a))
        to_x, to_weight, to_bias = _tensors(grads, ctx.models)
        return to_x, to_weight, None, to_bias, None, None, None


def chunked(
    input: Tensor, weight: Tensor, target: Tensor, bias: Any, weights: Any, reduction: str, ignore_index: int, step: int,
    retain: bool,
) -> Tensor:  # fmt: skip
    """The loss of samples [N, d], `step` of them at a time."""
    if reduction == "none":
        row: Any = GeneratedBackwardFor_torch_nn__linear_cross_entropy_batch_chunked_no_reduction_default
        return row.apply(input, weight, target, bias, weights, ignore_index, step)
    both = GeneratedBackwardFor_torch_nn__linear_cross_entropy_batch_chunked_default
    return both.apply(input, weight, target, bias, weights, reduction == "mean", ignore_index, step, retain)
