"""Losses with class labels as targets: margins, and sequences of labels."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import functions as fn
from ...ops import margin as rows
from ...tensor import Tensor
from .chunked import chunked
from .loss import chosen, code, cross_entropy
from .options import chunk_size
from .sparse import linear


def multi_margin_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Any = None, size_average: Any = None,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Per sample the sum over the other classes of max(0, margin - x[target] + x) ** p, divided by the number of classes: for
    scores [N, C] and classes int64 [N], or [C] and []. `weight` [C] weighs the targets' classes; p is 1 or 2.

    >>> import tgrad as torch
    >>> torch.nn.functional.multi_margin_loss(torch.tensor([[0.0, 2.0]]), torch.tensor([0]))
    tensor(1.5000)
    """
    how = code(chosen(reduction, size_average, reduce))
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    return rows.multi_margin_loss.record(input, target, p, margin, weight, how)


def multilabel_margin_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Tensor:
    """Per sample the sum over its target classes and over all others of max(0, 1 - x[target] + x), divided by the number of
    classes: for scores [N, C] or [C] and targets of the same shape, int64, of which those before the first -1 count.

    >>> import tgrad as torch
    >>> torch.nn.functional.multilabel_margin_loss(torch.tensor([0.0, 2.0]), torch.tensor([0, -1]))
    tensor(1.5000)
    """
    return rows.multilabel_margin_loss.record(input, target, code(chosen(reduction, size_average, reduce)))[0]


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """-log of the probability that a sequence reads as its target once repeats and blanks are struck out (Graves et al. 2006).

    `log_probs` [T, N, C] (or [T, C]): log-probabilities of the classes at each time; `targets` [N, S], or all in one row, without
    blanks; the lengths: a tensor or a tuple of N integers each. 'mean' divides each loss by its target's length, then averages.
    `zero_infinity` takes impossible targets for losses of 0. RuntimeError for lengths or shapes that do not fit.

    >>> import tgrad as torch
    >>> torch.nn.functional.ctc_loss(torch.zeros(2, 1, 2).log_softmax(2), torch.tensor([[1]]), (2,), (1,))
    tensor(0.2877)
    """
    return fn.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, code(reduction), zero_infinity)


def linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Any = None, weight: Any = None, reduction: str = "mean",
    ignore_index: int | None = None, label_smoothing: float = 0.0, options: Any = None,
) -> Tensor:  # fmt: skip
    """`cross_entropy` of `linear(input, linear_weight, linear_bias)`: input [N, d] or [d], weight [C, d] or [C, *rest, d].

    With `rest` the logits are [N, C, *rest], and targets [N, *rest]. With `options` (nn.LinearCrossEntropyOptions) a few samples
    are looked at together, for classes as targets and without `rest` and smoothing: not more than their logits is in memory.
    Such a loss is differentiated once. RuntimeError for shapes that do not fit together.
    """
    if not 1 <= input.dim() <= 2:
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if linear_weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}")
    batch, features = input.shape[:-1], input.shape[-1]
    if features != linear_weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), "
            f"got {features} and {linear_weight.shape[-1]}, respectively"
        )
    outputs = tuple(linear_weight.shape[:-1])
    if linear_bias is not None and tuple(linear_bias.shape) != outputs:
        raise RuntimeError(f"expected linear_bias shape {outputs}, got {tuple(linear_bias.shape)}")
    if len(outputs) > 1 and not batch:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {features}), got unbatched input with shape {tuple(input.shape)}"
        )
    shape = (*batch, *outputs)
    if tuple(target.shape) == shape and ignore_index is not None:
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    ignored = -100 if ignore_index is None else ignore_index
    if options is not None:
        plain = reduction in ("mean", "sum", "none") and label_smoothing == 0 and target.dtype.name == "int64"
        if plain and len(outputs) == 1:
            return _in_chunks(input, linear_weight, target, linear_bias, weight, reduction, ignored, options)
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean','sum','none'}, label_smoothing == 0, "
            f"target.dtype == int64, out_features == (). Got reduction={reduction!r}, label_smoothing={label_smoothing}, "
            f"target.dtype={target.dtype}, out_features={outputs[1:]}, tracing=False, "
            f"linear_bias.shape={None if linear_bias is None else tuple(linear_bias.shape)}.",
            stacklevel=2,
        )
    if len(outputs) > 1:
        linear_weight = linear_weight.reshape((math.prod(outputs), features))  # type: ignore[attr-defined]
        linear_bias = linear_bias if linear_bias is None else linear_bias.reshape(math.prod(outputs))
    logits = linear(input, linear_weight, linear_bias).reshape(shape)
    return cross_entropy(
        logits, target, weight=weight, reduction=reduction, ignore_index=ignored, label_smoothing=label_smoothing,
    )  # fmt: skip


def _in_chunks(
    input: Tensor, linear_weight: Tensor, target: Tensor, linear_bias: Any, weight: Any, reduction: str, ignore_index: int,
    options: Any,
) -> Tensor:  # fmt: skip
    single = input.dim() == 1
    if single:
        input, target = fn.unsqueeze(input, 0), fn.unsqueeze(target, 0)
    (samples, features), classes = input.shape, linear_weight.shape[0]
    step = chunk_size(options, samples, features, classes, input.itemsize == 2)
    retain = options.allow_retain_graph
    out = chunked(input, linear_weight, target, linear_bias, weight, reduction, ignore_index, step, retain)
    return fn.squeeze(out, 0) if single else out
