"""Functions with a backward pass of their own that modules use."""

from __future__ import annotations

from typing import Any

from ... import functions as fn
from ...graph.function import Function
from ...tensor import Tensor
from .hooks import BackwardHookFunction


def _band(channels: int, like: Tensor, low: Any, high: Any) -> Tensor:
    """[channels, channels]: 1 where the column lies in low(row) .. high(row), else 0."""
    rows = [[float(low(c) <= j <= high(c)) for j in range(channels)] for c in range(channels)]
    return fn.tensor(rows, dtype=like.dtype)


class CrossMapLRN2d(Function):
    """input / (k + alpha / size * sums of squares of neighbouring channels) ** beta; the derivative has none of its own."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> Tensor:
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        ctx.size, ctx.alpha, ctx.beta, ctx.k = size, alpha, beta, k
        half = int((size - 1) / 2 + 1)
        sums = _band(input.size(1), input, lambda c: c - half + 1, lambda c: c + half - 1)
        if half < input.size(1):
            sums[half:, 0] = 1.0  # the running sum never drops the first channel
        ctx.scale = fn.einsum("cd,ndhw->nchw", sums, input * input) * (alpha / size) + k
        output = input * ctx.scale**-beta
        ctx.save_for_backward(input, output)
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> Any:
        input, output = ctx.saved_tensors
        before = int(ctx.size - (ctx.size - 1) / 2)
        sums = _band(input.size(1), input, lambda c: c - before, lambda c: c - before + ctx.size - 1)
        ratios = fn.einsum("cd,ndhw->nchw", sums, grad_output * output / ctx.scale)
        factor = 2 * ctx.alpha * ctx.beta / ctx.size
        return grad_output * ctx.scale**-ctx.beta - factor * input * ratios, None, None, None, None


__all__ = ["BackwardHookFunction", "CrossMapLRN2d"]
