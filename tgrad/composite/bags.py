"""Bags of rows of a table, and the loss of unaligned sequences, as `torch` itself has them."""

from __future__ import annotations

from ..dispatch import bad_argument, check_writable, no_overload
from ..graph.modes import no_grad, state
from ..methods import composite
from ..ops import ctc as sequences
from ..ops import embedding_bag as rows
from ..ops.embedding_bag import _unequal as unequal
from ..ops.spec import REQUIRED
from ..tensor import Tensor
from .selection import where


@composite()
def embedding_bag(
    weight=REQUIRED, indices=REQUIRED, offsets=REQUIRED, scale_grad_by_freq=False, mode=0, sparse=False, per_sample_weights=None,
    include_last_offset=False, padding_idx=None,
):  # fmt: skip
    """Sums (`mode` 0), means (1) or maxima (2) of bags of rows of `weight` [n, d]; bag i is indices[offsets[i]:offsets[i + 1]].

    A tuple: the results [bags, d], the bag of each index, the size of each bag, and in mode 2 which row was largest. See
    `nn.functional.embedding_bag`.

    >>> import tgrad as torch
    >>> torch.embedding_bag(torch.eye(3), torch.tensor([0, 1, 2]), torch.tensor([0, 2]))[0]
    tensor([[1., 1., 0.],
            [0., 0., 1.]])
    """
    given = (weight, indices, offsets)
    if any(not isinstance(t, Tensor) for t in given):
        raise no_overload("embedding_bag", *given)
    if weight.dim() != 2:
        raise RuntimeError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if indices.dim() != 1:
        raise unequal("select_indices.numel() == add_indices.numel()")
    if offsets.dim() != 1:
        raise RuntimeError(f"offsets has to be a 1D Tensor, but got Tensor of dimension {offsets.dim()}")
    if mode not in (0, 1, 2):
        raise RuntimeError("`mode` must be sum, mean, or max.")
    n = weight.shape[0]
    if padding_idx is None:
        padding_idx = -1
    elif not -n <= padding_idx < n:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, {-n} through {n - 1}, but got {padding_idx}"
        )
    elif padding_idx < 0:
        padding_idx += n
    if indices.dtype is not offsets.dtype and {indices.dtype.name, offsets.dtype.name} <= {"int32", "int64"}:
        indices, offsets = indices.long(), offsets.long()
    return tuple(
        rows.embedding_bag.record(
            weight,
            indices,
            offsets,
            scale_grad_by_freq,
            mode,
            sparse,
            per_sample_weights,
            include_last_offset,
            padding_idx,
        )
    )


@composite()
def embedding_renorm_(input, indices, max_norm, norm_type):
    """Shortens those of the rows of `input` that `indices` names to `max_norm`, in place, where their norm is larger."""
    check_writable(input, state.grad and input.requires_grad)
    with no_grad():
        used = indices.unique()
        chosen = input[used]
        sizes = chosen.norm(norm_type, 1, keepdim=True)
        input[used] = chosen * where(sizes > max_norm, max_norm / (sizes + 1e-7), 1.0)
    return input


def _lengths(name, value):
    if isinstance(value, Tensor):
        if value.dtype.category != 1:
            raise RuntimeError(f"{name} must be integral")
        return tuple(int(n) for n in value.reshape(-1).tolist())
    return tuple(value)


@composite()
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction=0, zero_infinity=False):
    """-log p(targets) of sequences whose labels are not aligned with time: see `nn.functional.ctc_loss`.

    `reduction` is a number: 0 none, 1 mean over the batch of loss / target length, 2 sum.
    """
    for i, (word, t) in enumerate((("log_probs", log_probs), ("targets", targets)), 1):
        if not isinstance(t, Tensor):
            raise bad_argument("ctc_loss", i, word, t)
    kinds = [isinstance(t, Tensor) for t in (input_lengths, target_lengths)]
    if kinds[0] != kinds[1]:
        rest = (input_lengths, target_lengths, blank, reduction, zero_infinity)
        raise no_overload("ctc_loss", log_probs, targets, *rest)
    steps, lengths = _lengths("input_lengths", input_lengths), _lengths("target_lengths", target_lengths)
    batched = log_probs.dim() == 3
    if not batched:
        log_probs = log_probs.unsqueeze(1)
        targets = targets.unsqueeze(0) if targets.dim() == 1 else targets
    losses = sequences.ctc_loss.record(log_probs, targets, steps, lengths, blank, zero_infinity)[0]
    if zero_infinity:
        losses = where(losses == float("inf"), losses.new_zeros(()), losses)
    if reduction == 1:
        return (losses / losses.new_tensor(lengths).clamp_min(1)).mean()
    if reduction == 2:
        return losses.sum()
    return losses if batched else losses.squeeze(0)
