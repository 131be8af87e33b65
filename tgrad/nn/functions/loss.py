"""Losses as functions. `reduction`: 'none', 'mean' or 'sum'."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import functions as fn
from ...dispatch import bad_argument
from ...graph.modes import no_grad
from ...ops import loss as rows
from ...ops.scalar import div_number, mul_number
from ...tensor import Tensor
from .activation import logsigmoid
from .distance import pairwise_distance, plus

CODES = {"none": 0, "mean": 1, "elementwise_mean": 1, "sum": 2}


def code(reduction: str) -> int:
    """PyTorch's number for a reduction; ValueError for an unknown one."""
    if reduction == "elementwise_mean":
        warnings.warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=3)
    found = CODES.get(reduction)
    if found is None:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return found


def legacy(size_average: Any, reduce: Any, warn: bool = True) -> str:
    """The reduction that the flags of the time before 0.4.1 mean."""
    average = True if size_average is None else size_average
    reduction = "none" if reduce is False else "mean" if average else "sum"
    if warn:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
            stacklevel=3,
        )
    return reduction


def chosen(reduction: str, size_average: Any, reduce: Any) -> str:
    return reduction if size_average is None and reduce is None else legacy(size_average, reduce)


def reduced(x: Tensor, reduction: str) -> Tensor:
    how = code(reduction)
    return x if how == 0 else x.mean() if how == 1 else x.sum()  # type: ignore[attr-defined]


def _warn_sizes(input: Tensor, target: Tensor) -> None:
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This will likely "
            "lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


def _weighted(losses: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """Losses with a weight each; 'mean' divides by the sum of the weights."""
    losses = losses * weight  # type: ignore[operator]
    how = code(reduction)
    if how == 0:
        return losses
    return losses.sum() if how == 2 else losses.sum() / weight.sum()  # type: ignore[attr-defined]


def _pair(row: Any, input: Tensor, target: Tensor, weight: Any, reduction: str, **params: Any) -> Tensor:
    a, b = fn.broadcast_tensors(input, target)
    if weight is None:
        return row.record(a, b, code(reduction), **params)
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    return _weighted(row.record(a, b, 0, **params), weight, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Tensor:
    """(input - target) ** 2, averaged over all elements by default.

    `reduction`: 'mean', 'sum', or 'none' for one number for each element.

    >>> F.mse_loss(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]))
    tensor(2.)
    >>> F.mse_loss(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]), reduction="none")
    tensor([0., 4.])
    """
    _warn_sizes(input, target)
    return _pair(rows.mse_loss, input, target, weight, chosen(reduction, size_average, reduce))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Tensor:
    """|input - target|.

    Averaged over all elements by default; `reduction` may also be 'sum' or 'none'.

    >>> F.l1_loss(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0]))
    tensor(1.5000)
    """
    _warn_sizes(input, target)
    reduction = chosen(reduction, size_average, reduce)
    a, b = fn.broadcast_tensors(input, target)
    losses = (a - b).abs()
    if weight is None:
        return reduced(losses, reduction)
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    return _weighted(losses, weight, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d**2 / (2 beta) where d = |input - target| < beta, else d - beta / 2.

    >>> F.smooth_l1_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    _warn_sizes(input, target)
    reduction = chosen(reduction, size_average, reduce)
    a, b = fn.broadcast_tensors(input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return reduced((a - b).abs(), reduction)
    return rows.smooth_l1_loss.record(a, b, code(reduction), beta)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Tensor:
    """d**2 / 2 where d = |input - target| <= delta, else delta * (d - delta / 2).

    >>> F.huber_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), reduction="none", delta=2.0)
    tensor([0.1250, 4.0000])
    """
    _warn_sizes(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    return _pair(rows.huber_loss, input, target, weight, reduction, delta=delta)


def soft_margin_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Tensor:
    """log(1 + exp(-target * input)).

    >>> F.soft_margin_loss(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    a, b = fn.broadcast_tensors(input, target)
    return rows.soft_margin_loss.record(a, b, code(chosen(reduction, size_average, reduce)))  # type: ignore[misc]


# ---- classification


def nll_loss(
    input: Tensor, target: Tensor, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """-input[target], for log-probabilities [C], [N, C] or [N, C, ...] and classes [], [N] or [N, ...].

    `weight` [C] weighs the classes, 'mean' divides by the weights used; targets equal to `ignore_index` do not count.

    >>> F.nll_loss(torch.tensor([[-1.0, -2.0], [-3.0, -4.0]]), torch.tensor([0, 1]))
    tensor(2.5000)
    """
    for word, i, t in (("input", 1, input), ("target", 2, target)):
        if not isinstance(t, Tensor):
            raise bad_argument("nll_loss_nd", i, word if word != "input" else "self", t)
    return _nll(input, target, weight, code(chosen(reduction, size_average, reduce)), ignore_index)


def _nll(input: Tensor, target: Tensor, weight: Any, how: int, ignore_index: int) -> Tensor:
    n = input.dim()
    if n == 0:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if n == 1 and target.dim() == 1 and target.shape[0] != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {target.shape[0]}")
    if n != 1 and target.dim() and input.shape[0] != target.shape[0]:
        raise ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]})."
        )
    if isinstance(weight, Tensor) and weight.dtype is not input.dtype:
        raise RuntimeError(f"expected scalar type {input.dtype.legacy} but found {weight.dtype.legacy}")
    if n <= 2:
        return rows.nll_loss.record(input, target, weight, how, ignore_index)[0]  # type: ignore[misc]
    if n == 4:
        return rows.nll_loss2d.record(input, target, weight, how, ignore_index)[0]  # type: ignore[misc]
    out_size = (input.shape[0], *input.shape[2:])
    if tuple(target.shape) != out_size:
        raise RuntimeError(f"Expected target size {list(out_size)}, got {list(target.shape)}")
    # The classes of all places of one sample, as a plane of height 1.
    tall = (input.shape[0], input.shape[1], 1, -1 if input.numel() else 0)
    flat = (input.shape[0], 1, -1 if target.numel() else 0)
    x = input.contiguous().view(tall)  # type: ignore[attr-defined]
    t = target.view(flat) if target.is_contiguous() else target.reshape(flat)  # type: ignore[attr-defined]
    out = rows.nll_loss2d.record(x, t, weight, how, ignore_index)[0]  # type: ignore[misc]
    return out.view(out_size) if how == 0 else out


def cross_entropy(
    input: Tensor, target: Tensor, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """nll_loss of log_softmax(input) over the classes, for classes or class probabilities as target.

    [N, C] and [N] (or [N, C, ...] and [N, ...]) give a number, or one for each target with reduction='none'. The loss of a row is
    -log(exp(x_target) / sum_j exp(x_j)). `weight` and `ignore_index` are those of `nll_loss`; `label_smoothing` mixes
    the target with all classes.

    >>> F.cross_entropy(torch.zeros(2, 4), torch.tensor([0, 3]))
    tensor(1.3863)
    >>> F.cross_entropy(torch.tensor([[2.0, 0.0]]), torch.tensor([1]), reduction="none")
    tensor([2.1269])
    """
    how = code(chosen(reduction, size_average, reduce))
    for word, i, t in (("self", 1, input), ("target", 2, target)):
        if not isinstance(t, Tensor):
            raise bad_argument("cross_entropy_loss", i, word, t)
    dim = 0 if input.dim() == 1 else 1
    if tuple(input.shape) == tuple(target.shape):
        if not target.is_floating_point():
            raise RuntimeError(
                f"Expected floating point type for target with class probabilities, got {target.dtype.legacy}"
            )
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _soft_targets(input, target, weight, how, label_smoothing, dim)
    if label_smoothing > 0.0:
        if label_smoothing > 1.0:
            raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
        return _smoothed(input, target, weight, how, ignore_index, label_smoothing, dim)
    return _nll(fn.log_softmax(input, dim), target, weight, how, ignore_index)


def _times(x: Tensor, number: Any) -> Tensor:
    return mul_number.record(x, number)  # type: ignore[misc]


def _class_weight(weight: Tensor, ndim: int, dim: int) -> Tensor:
    shape = [1] * ndim
    shape[dim] = weight.numel()
    return weight.view(shape)  # type: ignore[attr-defined]


def _soft_targets(input: Tensor, target: Tensor, weight: Any, how: int, smoothing: float, dim: int) -> Tensor:
    classes = input.shape[dim]
    if weight is not None and (weight.dim() != 1 or weight.numel() != classes):
        raise RuntimeError(
            "cross_entropy: weight tensor should be defined either for all "
            f"{classes} classes or no classes but got weight tensor of shape: {list(weight.shape)}"
        )
    logs = fn.log_softmax(input, dim)
    if smoothing > 0:
        if smoothing > 1.0:
            raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {smoothing:g}")
        target = plus(_times(target, 1 - smoothing), smoothing / classes)  # type: ignore[misc]
    losses = logs * target
    if weight is not None:
        losses = losses * _class_weight(weight, input.dim(), dim)
    if how == 0:
        return -losses.sum(dim)
    total = -losses.sum()
    count = input.numel() // classes if classes else 0
    return total if how == 2 else div_number.record(total, count if count else math.nan)  # type: ignore[misc]


def _smoothed(
    input: Tensor, target: Tensor, weight: Any, how: int, ignore_index: int, smoothing: float, dim: int
) -> Tensor:
    logs = fn.log_softmax(input, dim)
    hard = _nll(logs, target, weight, how, ignore_index)
    classes = input.shape[dim]
    soft = -(logs if weight is None else logs * _class_weight(weight, input.dim(), dim)).sum(dim)
    ignored: Any = target == ignore_index
    soft = soft.masked_fill(ignored, 0)
    if how == 1:
        if weight is not None:
            kept = target.masked_fill(ignored, 0).flatten()  # type: ignore[attr-defined]
            soft = soft.sum() / weight.gather(0, kept).masked_fill(ignored.flatten(), 0).sum()
        elif bool(ignored.any()):
            soft = soft.sum() / (~ignored).sum()
        else:
            soft = soft.mean()
    elif how == 2:
        soft = soft.sum()
    return _times(hard, 1 - smoothing) + _times(soft, smoothing / classes)  # type: ignore[operator]


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """-(target log input + (1 - target) log(1 - input)), for probabilities. ValueError for different sizes.

    >>> F.binary_cross_entropy(torch.tensor([0.5, 0.9]), torch.tensor([1.0, 1.0]))
    tensor(0.3993)
    """
    how = code(chosen(reduction, size_average, reduce))
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is deprecated. "
            "Please ensure they have the same size."
        )
    if weight is not None:
        weight = weight.expand(_broadcast(target, weight))
    for t in (target, weight):
        if t is not None and t.dtype is not input.dtype:
            raise RuntimeError(f"Found dtype {t.dtype.legacy} but expected {input.dtype.legacy}")
    return rows.binary_cross_entropy.record(input, target, weight, how)  # type: ignore[misc]


def _broadcast(*tensors: Tensor) -> Any:
    return fn.broadcast_shapes(*[t.shape for t in tensors])


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    pos_weight: Any = None,
) -> Tensor:  # fmt: skip
    """binary_cross_entropy of sigmoid(input), computed without overflow; `pos_weight` weighs the positive class.

    >>> F.binary_cross_entropy_with_logits(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 1.0]))
    tensor(0.4100)
    """
    how = code(chosen(reduction, size_average, reduce))
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    return rows.binary_cross_entropy_with_logits.record(input, target, weight, pos_weight, how)  # type: ignore[misc]


def kl_div(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:  # fmt: skip
    """target * (log target - input), for log-probabilities as input; 'batchmean' divides the sum by the batch.

    >>> F.kl_div(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]), reduction="batchmean")
    tensor(0.1308)
    """
    if size_average is not None or reduce is not None:
        reduction = legacy(size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    for word, lacks in (("Complex", input.is_complex()), ("Integral", input.dtype.category < 2)):
        if lacks:
            raise RuntimeError(f"kl_div: {word} inputs not supported.")
    how = "sum" if reduction == "batchmean" else reduction
    if log_target:
        losses = target.exp() * (target - input)  # type: ignore[operator, attr-defined]
    else:
        product = target * input  # first, as in PyTorch: gradients are added up in the opposite order
        losses = fn.xlogy(target, target) - product  # type: ignore[operator]
    out = reduced(losses, how)
    return out / input.size()[0] if reduction == "batchmean" and input.dim() else out  # type: ignore[operator]


def poisson_nll_loss(
    input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: Any = None, eps: float = 1e-8,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """exp(input) - target * input (log_input) or input - target * log(input + eps); full=True adds Stirling's term.

    >>> F.poisson_nll_loss(torch.tensor([0.0]), torch.tensor([2.0]))
    tensor(1.)
    """
    reduction = chosen(reduction, size_average, reduce)
    code(reduction)
    if log_input:
        losses = input.exp() - target * input  # type: ignore[operator, attr-defined]
    else:
        losses = input - target * plus(input, eps).log()  # type: ignore[operator, attr-defined]
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()  # type: ignore[operator, attr-defined]
        losses = losses + stirling.masked_fill(target <= 1, 0)  # type: ignore[operator]
    return reduced(losses, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """(log var + (input - target)**2 / var) / 2 with var clamped at eps; full=True adds log(2 pi) / 2.

    >>> F.gaussian_nll_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([1.0]))
    tensor(2.)
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * fn.ones_like(input)
    elif bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = fn.unsqueeze(var, -1)
        elif not (input.ndim == var.ndim and _one_off(input, var)):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    var = var.clone()
    with no_grad():
        var.clamp_(min=eps)
    losses = 0.5 * (var.log() + (input - target) ** 2 / var)  # type: ignore[operator]
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction)


def _one_off(input: Tensor, var: Tensor) -> bool:
    """Whether var differs from input in one dimension, where it has size 1."""
    return sum(y for y in [a != b for a, b in zip(input.size(), var.size())]) == 1 and 1 in var.size()


# ---- margins


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1.

    >>> F.hinge_embedding_loss(torch.tensor([0.5, 0.25]), torch.tensor([1.0, -1.0]))
    tensor(0.6250)
    """
    reduction = chosen(reduction, size_average, reduce)
    code(reduction)
    zero = fn.zeros_like(input)
    apart = fn.where(target != 1, (margin - input).clamp_min(0), zero)  # type: ignore[operator]
    near = fn.where(target != -1, input, zero)
    return reduced(apart + near, reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, -target * (input1 - input2) + margin).

    >>> F.margin_ranking_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([1.0]))
    tensor(2.)
    """
    reduction = chosen(reduction, size_average, reduce)
    code(reduction)
    if input1.dim() != input2.dim() or input1.dim() != target.dim():
        raise RuntimeError(
            f"margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: {input1.size()}, "
            f"input2: {input2.size()}, target: {target.size()} "
        )
    losses = plus(-target * (input1 - input2), margin)  # type: ignore[operator]
    return reduced(losses.clamp_min(0), reduction)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1.

    >>> F.cosine_embedding_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([1.0]))
    tensor(1.)
    """
    reduction = chosen(reduction, size_average, reduce)
    code(reduction)
    if not (target.dim() in (0, 1) and input1.dim() == input2.dim() and input1.dim() in (1, 2)) or (
        target.dim() != input1.dim() - 1
    ):
        if target.dim() not in (0, 1):
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        want = (
            "1D target tensor expects 2D input tensors"
            if target.dim() == 1
            else "0D target tensor expects 1D input tensors"
        )
        raise RuntimeError(f"{want}, but found inputs with sizes {list(input1.shape)} and {list(input2.shape)}.")
    eps = 1e-12
    dim = target.dim()
    product = (input1 * input2).sum(dim)  # type: ignore[operator]
    size1 = plus((input1 * input1).sum(dim), eps)  # type: ignore[operator]
    size2 = plus((input2 * input2).sum(dim), eps)  # type: ignore[operator]
    cos = product / (size1 * size2).sqrt()
    zero = fn.zeros_like(cos)
    near = fn.where(target == 1, 1 - cos, zero)
    apart = fn.where(target == -1, (cos - margin).clamp_min(0), zero)
    return reduced(near + apart, reduction)


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, eps: float = 1e-6,
    swap: bool = False, size_average: Any = None, reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """max(0, d(anchor, positive) - d(anchor, negative) + margin).

    >>> F.triplet_margin_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 1.0]]))
    tensor(5.0000)
    """
    reduction = chosen(reduction, size_average, reduce)
    code(reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = fn.minimum(far, pairwise_distance(positive, negative, p, eps))
    losses = plus(near, margin) - far  # type: ignore[operator]
    return reduced(losses.clamp_min(0), reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, *, distance_function: Any = None, margin: float = 1.0,
    swap: bool = False, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """triplet_margin_loss with a distance of one's own."""
    distance = pairwise_distance if distance_function is None else distance_function
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = fn.minimum(far, distance(positive, negative))
    return reduced(fn.clamp_min(margin + near - far, 0), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of binary cross entropy with logits.

    >>> F.multilabel_soft_margin_loss(torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 1.0]]))
    tensor(0.6931)
    """
    reduction = chosen(reduction, size_average, reduce)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))  # type: ignore[operator]
    if weight is not None:
        losses = losses * weight
    dim = input.dim() - 1
    return reduced(losses.sum(dim) / input.size(dim), reduction)
