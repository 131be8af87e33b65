"""Tables: embedding, one_hot; and the linear maps."""

from __future__ import annotations

import math
from typing import Any

from ... import functions as fn
from ...graph.modes import no_grad
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
        with no_grad():
            _renorm(weight, input, max_norm, norm_type)
    return rows.embedding.record(weight, input, padding_idx, scale_grad_by_freq, sparse)  # type: ignore[misc]


def _renorm(weight: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> None:
    used = fn.unique(indices)
    chosen = weight[used]  # type: ignore[index]
    sizes = chosen.norm(norm_type, 1, keepdim=True)
    scale = fn.where(sizes > max_norm, max_norm / (sizes + 1e-7), 1.0)
    weight[used] = chosen * scale  # type: ignore[index]


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
    return fn.linear(input, weight, bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Any = None) -> Tensor:
    """out[..., k] = input1 @ weight[k] @ input2 + bias[k].

    >>> F.bilinear(torch.ones(1, 2), torch.ones(1, 3), torch.ones(1, 2, 3))
    tensor([[6.]])
    """
    if input1.shape[:-1] != input2.shape[:-1]:
        raise RuntimeError(
            "bilinear(): input batch dimensions do not match: got "
            f"{list(input1.shape[:-1])} and {list(input2.shape[:-1])}"
        )
    for i, t in enumerate((input1, input2)):
        if t.shape[-1] != weight.shape[i + 1]:
            raise RuntimeError(
                f"bilinear(): input{i + 1} size does not match weight size: got {t.shape[-1]} but expected {weight.shape[i + 1]}"
            )
    n, k = weight.shape[0], input1.shape[-1]
    count = math.prod(input1.shape[:-1])
    m = input2.shape[-1]
    a, b = input1.reshape(count, k), input2.reshape(count, m)  # type: ignore[attr-defined]
    left = (a @ weight.permute(1, 0, 2).reshape(k, n * m)).reshape(count, n, m)  # type: ignore[attr-defined]
    out = (left * b.unsqueeze(1)).sum(-1).reshape(*input1.shape[:-1], n)
    return out if bias is None else out + bias
