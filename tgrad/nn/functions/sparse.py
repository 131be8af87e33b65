"""Tables: embedding, one_hot; and the linear maps."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import functions as fn
from ...composite import products
from ...dispatch import needs_grad
from ...ops import embedding as rows
from ...tensor import Tensor


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """The rows of `weight` [n, d] that `input` names: [...] -> [..., d].

    The row `padding_idx` gets no gradient; rows longer than `max_norm` are shortened in place first.

    IndexError for an index out of range.

    >>> F.embedding(torch.tensor([2, 0]), torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
    tensor([[4., 5.],
            [0., 1.]])
    """
    if padding_idx is not None:
        n = weight.size(0)
        if padding_idx > 0:
            assert padding_idx < n, "Padding_idx must be within num_embeddings"
        elif padding_idx < 0:
            assert padding_idx >= -n, "Padding_idx must be within num_embeddings"
            padding_idx += n
    else:
        padding_idx = -1
    if max_norm is not None:
        fn.embedding_renorm_(weight.detach(), input, max_norm, norm_type)
    return rows.embedding.record(weight, input, padding_idx, scale_grad_by_freq, sparse)  # type: ignore[misc]


_MODES = {"sum": 0, "mean": 1, "max": 2}


def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Any = None, max_norm: float | None = None, norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Any = None,
    include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """The sum, mean or max of bags of rows of `weight` [n, d]: [bags, d].

    `input` [bags, k]: bags of k rows; or [m], with `offsets` [bags] saying where each bag begins (`include_last_offset`: and the
    last one ends). Rows `padding_idx` do not count; `per_sample_weights`, like input, weigh the rows of a sum; rows longer than
    `max_norm` are shortened in place first. ValueError for arguments that do not go together.

    >>> import tgrad as torch
    >>> torch.nn.functional.embedding_bag(torch.tensor([[0, 1]]), torch.eye(2))
    tensor([[0.5000, 0.5000]])
    """
    if weight.dtype.name == "int64" and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is deprecated, "
            "and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    if per_sample_weights is not None and input.size() != per_sample_weights.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the same shape as "
            f"the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. "
                f"However, found offsets of type {str(type(offsets)).replace('tgrad.tensor', 'torch')}"
            )
        offsets = fn.arange(0, input.numel(), input.shape[1], dtype=input.dtype)
        input, include_last_offset = input.reshape(-1), False  # type: ignore[attr-defined]
        per_sample_weights = per_sample_weights if per_sample_weights is None else per_sample_weights.reshape(-1)
    elif input.dim() != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    elif offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    elif offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if mode not in _MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    for word, wrong in (("scaling the gradient by the frequency", scale_grad_by_freq), ("sparse weights", sparse)):
        if mode == "max" and wrong:
            raise ValueError(f"max mode does not support {word}")
    if max_norm is not None:
        fn.embedding_renorm_(weight.detach(), input, max_norm, norm_type)
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}'). Please open a feature request on GitHub."
        )
    return fn.embedding_bag(
        weight,
        input,
        offsets,
        scale_grad_by_freq,
        _MODES[mode],
        sparse,
        per_sample_weights,
        include_last_offset,
        padding_idx,
    )[0]


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """A new last dimension with 1 at each class: int64 [...] -> [..., num_classes].

    RuntimeError for negative classes, or one that is not below `num_classes`.

    >>> F.one_hot(torch.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    >>> F.one_hot(torch.tensor([1]), num_classes=4)
    tensor([[0, 1, 0, 0]])
    """
    return rows.one_hot.record(tensor, num_classes)  # type: ignore[misc]


def linear(input: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    """input @ weight.T + bias.

    [..., in] x [out, in] -> [..., out]; `bias` [out] may be absent. RuntimeError where the sizes do not fit.

    >>> F.linear(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 1.0], [0.0, 3.0]]), torch.tensor([0.5, 0.0]))
    tensor([[3.5000, 6.0000]])
    """
    return products.linear(input, weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    """out[..., k] = input1 @ weight[k] @ input2 + bias[k].

    >>> F.bilinear(torch.ones(1, 2), torch.ones(1, 3), torch.ones(1, 2, 3))
    tensor([[6.]])
    """
    if input1.dim() != input2.dim():
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {input1.dim()} and {input2.dim()}")
    for d, (n, m) in enumerate(zip(input1.shape[:-1], input2.shape[:-1], strict=True)):
        if n != m:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {d}: got {n} and {m}")
    for i, t in enumerate((input1, input2)):
        if t.shape[-1] != weight.shape[i + 1]:
            raise RuntimeError(
                f"bilinear(): input{i + 1} size does not match weight size: got {t.shape[-1]} but expected {weight.shape[i + 1]}"
            )
    if input1.dtype.name == "bool":
        raise NotImplementedError("\"bmm\" not implemented for 'Bool'")
    if input1.is_complex() and needs_grad((input1, input2, weight)):
        raise RuntimeError("_trilinear does not support automatic differentiation for outputs with complex dtype.")
    n, k = weight.shape[0], input1.shape[-1]
    count = math.prod(input1.shape[:-1])
    m = input2.shape[-1]
    a, b = input1.reshape(count, k), input2.reshape(count, m)  # type: ignore[attr-defined]
    left = (a @ weight.permute(1, 0, 2).reshape(k, n * m)).reshape(count, n, m)  # type: ignore[attr-defined]
    out = (left @ b.unsqueeze(-1)).squeeze(-1).reshape(*input1.shape[:-1], n)
    return out if bias is None else out + bias
