"""The neural functions that stand in `torch` itself, where PyTorch gives them other arguments than in `nn.functional`."""

from __future__ import annotations

from typing import Any

from ..dispatch import into
from ..methods import missing
from ..ops import layout, norm, pooling, weightnorm
from ..ops.spec import REQUIRED
from ..tensor import Tensor
from . import functional as F
from .functions import dropout as drops
from .functions.sizes import ints

threshold, threshold_ = F.threshold, F.threshold_
selu, selu_, celu, celu_, rrelu, rrelu_ = F.selu, F.selu_, F.celu, F.celu_, F.rrelu, F.rrelu_
cosine_similarity, pairwise_distance, bilinear = F.cosine_similarity, F.pairwise_distance, F.bilinear
rms_norm = F.rms_norm
feature_dropout = drops.feature_dropout
avg_pool1d, adaptive_avg_pool1d = F.avg_pool1d, F.adaptive_avg_pool1d
max_pool1d_with_indices = F.max_pool1d_with_indices
adaptive_max_pool1d = F.adaptive_max_pool1d_with_indices

_REDUCTIONS = ("none", "mean", "sum")  # the first is the default: PyTorch's signatures say mean, its parser reads 0


def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """`nn.functional.layer_norm`; `cudnn_enable` has no effect."""
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, cudnn_enabled: bool = True
) -> Tensor:
    """`nn.functional.group_norm`; `cudnn_enabled` has no effect."""
    return F.group_norm(input, num_groups, weight, bias, eps)


def batch_norm(
    input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float,
    cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """`nn.functional.batch_norm` with the weights before the statistics."""
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, use_input_stats: bool, momentum: float,
    eps: float, cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """`nn.functional.instance_norm` with the weights before the statistics."""
    return F.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def kl_div(input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: int = 0, *,
           log_target: bool = False) -> Tensor:  # fmt: skip
    """`nn.functional.kl_div`, with the reduction as a number."""
    losses = F.kl_div(input, target, reduction="none", log_target=log_target)
    return losses if reduction == 0 else losses.mean() if reduction == 1 else losses.sum()  # type: ignore[attr-defined]


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Any = None, pos_weight: Any = None, reduction: int = 0
) -> Tensor:
    """`nn.functional.binary_cross_entropy_with_logits`, with the reduction as a number."""
    return F.binary_cross_entropy_with_logits(
        input, target, weight, reduction=_REDUCTIONS[reduction], pos_weight=pos_weight
    )


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """`nn.functional.margin_ranking_loss`, with the reduction as a number."""
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=_REDUCTIONS[reduction])


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """`nn.functional.cosine_embedding_loss`, with the reduction as a number."""
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=_REDUCTIONS[reduction])


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 0) -> Tensor:
    """`nn.functional.hinge_embedding_loss`, with the reduction as a number."""
    return F.hinge_embedding_loss(input, target, margin, reduction=_REDUCTIONS[reduction])


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6,
    swap: bool = False, reduction: int = 0,
) -> Tensor:  # fmt: skip
    """`nn.functional.triplet_margin_loss`, with the reduction as a number."""
    return F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=_REDUCTIONS[reduction])


def poisson_nll_loss(
    input: Any = REQUIRED, target: Any = REQUIRED, log_input: Any = REQUIRED, full: Any = REQUIRED, eps: Any = REQUIRED,
    reduction: Any = REQUIRED,
) -> Tensor:  # fmt: skip
    """`nn.functional.poisson_nll_loss`, with the reduction as a number, and nothing left out."""
    given = dict(input=input, target=target, log_input=log_input, full=full, eps=eps, reduction=reduction)
    absent = [w for w, v in given.items() if v is REQUIRED]
    if absent:
        raise missing("poisson_nll_loss", absent)
    return F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_REDUCTIONS[reduction])


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.alpha_dropout`."""
    return F.alpha_dropout(input, p, train)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.feature_alpha_dropout`."""
    return F.feature_alpha_dropout(input, p, train)


def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.dropout` in place."""
    return drops.dropout(input, p, train, True)


def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`feature_dropout` in place."""
    return drops.feature_dropout(input, p, train, True)


def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.alpha_dropout` in place."""
    return drops.alpha_dropout(input, p, train, True)


def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`nn.functional.feature_alpha_dropout` in place."""
    return drops.feature_alpha_dropout(input, p, train, True)


def _with_stats(input: Tensor, weight: Any, made: Any, name: str = "", given: Any = None) -> tuple[Tensor, ...]:
    """The results of a norm; its statistics, which rows keep in float32 for halves, in the dtype that PyTorch gives them."""
    kept = input.itemsize > 2 or (weight is not None and weight.dtype is not input.dtype)
    out, *stats = made
    parts = out, *(s if kept else s.to(input.dtype) for s in stats)
    return parts if given is None else tuple(into(o, r, name) for o, r in zip(given, parts, strict=True))


def native_layer_norm(
    input: Tensor, normalized_shape: Any, weight: Any, bias: Any, eps: float, *, out: Any = None
) -> tuple[Tensor, ...]:
    """`nn.functional.layer_norm`, with the means and 1 / deviations that it used."""
    shape = ints("native_layer_norm", 2, "normalized_shape", normalized_shape, 1)
    return _with_stats(
        input, weight, norm.native_layer_norm.record(input, shape, weight, bias, eps), "native_layer_norm", out
    )


def native_group_norm(
    input: Tensor, weight: Any, bias: Any, N: int, C: int, HxW: int, group: int, eps: float, *, out: Any = None
) -> tuple[Tensor, ...]:
    """`nn.functional.group_norm` of [N, C, ...] with HxW places each, with the means and 1 / deviations [N, group]."""
    if not (input.is_contiguous() or layout.is_channels_last(input._a)):
        raise RuntimeError(
            "Expected X.is_contiguous(memory_format) to be true, but got false.  (Could this error message be improved?  If so, please "
            "report an enhancement request to PyTorch.)"
        )
    made = norm.group_norm_stats.record(input, weight, bias, N, C, HxW, group, eps)
    return _with_stats(input, weight, made, "native_group_norm", out)


def native_batch_norm(
    input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float, *,
    out: Any = None,
) -> tuple[Tensor, ...]:  # fmt: skip
    """`nn.functional.batch_norm`, with the means and 1 / deviations per channel that training used (else empty)."""
    given = (input, weight, bias, running_mean, running_var, training, momentum, eps)
    return _with_stats(input, weight, norm.native_batch_norm.record(*given), "native_batch_norm", out)


def _native_batch_norm_legit(input: Tensor, weight: Any, bias: Any, *rest: Any, **named: Any) -> tuple[Tensor, ...]:
    """`native_batch_norm`; the running statistics may be left out altogether: (training, momentum, eps)."""
    words = ("running_mean", "running_var", "training", "momentum", "eps")
    out = named.pop("out", None)
    bare = len(rest) + len(named) == 3
    given = dict(zip(words[2:] if bare else words, rest)) | named
    row = norm.batch_norm_legit["legit_no_stats" if bare else "legit"]
    return _with_stats(
        input, weight, row.record(input, weight, bias, *[given.get(w) for w in words]), "native_batch_norm", out
    )


def _native_batch_norm_legit_no_training(
    input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, momentum: float, eps: float
) -> tuple[Tensor, ...]:
    """`native_batch_norm` by the running statistics."""
    row = norm.batch_norm_legit["legit_no_training"]
    return _with_stats(input, weight, row.record(input, weight, bias, running_mean, running_var, False, momentum, eps))


def _without_indices(name: str) -> Any:
    pool = getattr(F, name)

    def max_pool(
        input: Tensor, kernel_size: Any = REQUIRED, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> Tensor:  # fmt: skip
        return pool(input, kernel_size, stride, padding, dilation, ceil_mode)

    max_pool.__name__ = max_pool.__qualname__ = name
    max_pool.__doc__ = f"`nn.functional.{name}`, which gives no indices here."
    return max_pool


max_pool1d, max_pool2d, max_pool3d = (_without_indices(f"max_pool{n}d") for n in (1, 2, 3))


def _adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """`nn.functional.adaptive_avg_pool2d` that never turns to the mean over everything."""
    size = ints("_adaptive_avg_pool2d", 2, "output_size", output_size, 2)
    return pooling.adaptive_avg_pool[2].record(input, size)


def _adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """`nn.functional.adaptive_avg_pool3d` that never turns to the mean over everything."""
    size = ints("_adaptive_avg_pool3d", 2, "output_size", output_size, 3)
    return pooling.adaptive_avg_pool[3].record(input, size)


def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norms of order `pow` over all dimensions but `dim`, which are kept with size 1; over everything for dim=-1.

    >>> torch.norm_except_dim(torch.ones(2, 4))
    tensor([[2.],
            [2.]])
    """
    if type(pow) is not int:
        raise TypeError(f"norm_except_dim(): argument 'pow' (position 2) must be int, not {type(pow).__name__}")
    if dim == -1:
        return v.norm(pow)
    last = v.dim() - 1
    if dim in (0, last):
        kept = v.size(dim)
        flat = v.contiguous().view((kept, -1) if dim == 0 else (-1, kept))
        return flat.norm(pow, 1 if dim == 0 else 0).view([kept if d == dim else 1 for d in range(v.dim())])
    return norm_except_dim(v.transpose(0, dim), pow, 0).transpose(0, dim)


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """v with its norms over all dimensions but `dim` replaced by g."""
    v, g = v.contiguous(), g.contiguous()
    if dim in (0, v.dim() - 1):
        return _weight_norm_interface(v, g, dim)[0]
    return v * (g / norm_except_dim(v, 2, dim))


def _weight_norm_interface(v: Tensor, g: Tensor, dim: int = 0) -> tuple[Tensor, Tensor]:
    """`_weight_norm` along the first or last dimension, and the norms of v."""
    if v.dtype is not g.dtype:
        raise RuntimeError(f"expected scalar type {v.dtype.legacy} but found {g.dtype.legacy}")
    return tuple(weightnorm.weight_norm_interface.record(v, g, dim))
