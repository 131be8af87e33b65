"""Connectionist temporal classification (Graves et al. 2006).

Note [CTC]
The labels with blanks between and around them are the states of a chain, from which one goes on to the same, the next, or
(past a blank, between different labels) the one after. `alpha` [B, T, states] holds the log-probability of all ways that
lead to a state; `beta` that of all ways from it to the end. The loop is over time; sequences and states go together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtype import from_np
from .spec import in_rows, op, underivable

HIDDEN: dict[str, Any] = dict(function=False, method=False)


def _wrong(text: str) -> RuntimeError:
    return RuntimeError(f"{text} (while checking arguments for ctc_loss_allocate_outputs)")


def _check(log_probs: np.ndarray, targets: np.ndarray, input_lengths: Any, target_lengths: Any, blank: int) -> None:
    if log_probs.size == 0:
        raise RuntimeError("log_probs tensor must not be empty")
    if log_probs.ndim != 3:
        raise _wrong(
            f"Expected 3-dimensional tensor, but got {log_probs.ndim}-dimensional tensor for argument #1 'log_probs'"
        )
    if targets.ndim not in (1, 2):
        raise _wrong(f"Expected 1 to 2 dimensions, but got {targets.ndim}-dimensional tensor for argument #2 'targets'")
    steps, count, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    if len(input_lengths) != count:
        raise RuntimeError("input_lengths must be of size batch_size")
    if len(target_lengths) != count:
        raise RuntimeError("target_lengths must be of size batch_size")
    for n in target_lengths:
        if n < 0:
            raise _wrong(f"Expected target_lengths to have value at least 0, but got value {n}")
    total, longest = sum(target_lengths), max(target_lengths, default=0)
    if targets.ndim == 1:
        if len(targets) != total:
            raise _wrong(
                f"Expected tensor to have size {total} at dimension 0, but got size {len(targets)} for argument #2 'targets'"
            )
    elif len(targets) != count:
        raise _wrong(
            f"Expected tensor to have size {count} at dimension 0, but got size {len(targets)} for argument #2 'targets'"
        )
    elif targets.shape[1] < longest:
        raise _wrong(
            f"Expected tensor to have size at least {longest} at dimension 1, but got size {targets.shape[1]} for argument #2 'targets'"
        )
    for n in input_lengths:
        if n < 0:
            raise _wrong(f"Expected input_lengths to have value at least 0, but got value {n}")
        if n > steps:
            raise _wrong(f"Expected input_lengths to have value at most {steps}, but got value {n}")
    if log_probs.dtype not in (np.float32, np.float64):
        raise NotImplementedError(f"\"ctc_loss_cpu\" not implemented for '{from_np(log_probs.dtype).legacy}'")


def _states(targets: np.ndarray, lengths: np.ndarray, blank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(labels [B, S] of all states, which of them exist, into which one may jump past a blank)."""
    targets = targets.astype(np.int64)
    if targets.ndim == 1:
        padded = np.full((len(lengths), lengths.max(initial=0)), blank)
        padded[np.arange(padded.shape[1]) < lengths[:, None]] = targets
        targets = padded
    targets = targets[:, : lengths.max(initial=0)]
    labels = np.full((len(lengths), 2 * targets.shape[1] + 1), blank)
    labels[:, 1::2] = np.where(np.arange(targets.shape[1]) < lengths[:, None], targets, blank)
    jump = np.zeros(labels.shape, bool)
    jump[:, 3::2] = labels[:, 3::2] != labels[:, 1:-2:2]
    return labels, np.arange(labels.shape[1]) <= 2 * lengths[:, None], jump


def _step(last: np.ndarray, jump: np.ndarray) -> np.ndarray:
    """The log-probability of coming into each state from those before; `jump` says where two states back count."""
    ways = np.full((3, *last.shape), -np.inf, last.dtype)
    ways[0] = last
    ways[1, :, 1:] = last[:, :-1]
    ways[2, :, 2:] = np.where(jump[:, 2:], last[:, :-2], -np.inf)
    best = ways.max(0)
    base = np.where(np.isneginf(best), 0, best)
    return (np.log(np.exp(ways - base).sum(0)) + base).astype(last.dtype, copy=False)


def _at_states(log_probs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """[T, B, S]: the log-probability of each state's label at each time."""
    return np.take_along_axis(log_probs, np.broadcast_to(labels, (len(log_probs), *labels.shape)), 2)


def _or_nothing(taken: np.ndarray, exists: np.ndarray) -> np.ndarray:
    return np.where(exists, taken, -np.inf).astype(taken.dtype, copy=False)


def _ends(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """log of the sum over the last label and the last blank."""
    rows = np.arange(len(lengths))
    last = values[rows, 2 * lengths]
    before = np.where(lengths > 0, values[rows, np.maximum(2 * lengths - 1, 0)], -np.inf)
    return np.logaddexp(last, before)


def _plain(loss: Any) -> Any:
    """The loss as a number to compute with: its own history is no way to the gradient's."""
    return loss if isinstance(loss, np.ndarray) else loss.detach()


@op("_ctc_loss",
    grad=dict(log_probs=lambda grads, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity, result0, result1:
        ctc_loss_backward(grads[0] if isinstance(grads, (list, tuple)) else grads, log_probs, targets, _plain(result0), result1,
                          input_lengths, target_lengths, blank, zero_infinity)),
    tensors="log_probs targets", outputs="neg_log_likelihood log_alpha", undiff="log_alpha", node="CtcLossBackward0", **HIDDEN)  # fmt: skip
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, zero_infinity=False):
    """(-log p [B], alpha [B, T, states]); see Note [CTC]."""
    _check(log_probs, targets, input_lengths, target_lengths, blank)
    lengths, steps = np.asarray(target_lengths, np.int64), np.asarray(input_lengths, np.int64)
    labels, exists, jump = _states(targets, lengths, blank)
    taken = _or_nothing(_at_states(log_probs, labels), exists)
    alpha = np.full((labels.shape[0], len(log_probs), labels.shape[1]), -np.inf, log_probs.dtype)
    alpha[:, 0, :2] = taken[0, :, :2]
    for t in range(1, int(steps.max(initial=0))):
        alpha[:, t] = np.where((t < steps)[:, None], _step(alpha[:, t - 1], jump) + taken[t], -np.inf)
    last = alpha[np.arange(len(steps)), np.maximum(steps - 1, 0)]
    loss = -_ends(last, lengths)
    loss = np.where(steps == 0, np.where(lengths == 0, 0, np.inf), loss).astype(log_probs.dtype, copy=False)
    return loss, alpha


@op("_ctc_loss_backward", grad={"grad_output log_probs": underivable("_ctc_loss_backward")},
    tensors="grad_output log_probs targets neg_log_likelihood log_alpha", node="torch::autograd::NotImplemented", **HIDDEN)  # fmt: skip
def ctc_loss_backward(
    grad_output,
    log_probs,
    targets,
    neg_log_likelihood,
    log_alpha,
    input_lengths,
    target_lengths,
    blank,
    zero_infinity=False,
):
    lengths, steps = np.asarray(target_lengths, np.int64), np.asarray(input_lengths, np.int64)
    labels, exists, jump = _states(targets, lengths, blank)
    taken = _or_nothing(_at_states(log_probs, labels), exists)
    count, states = labels.shape
    backwards = np.zeros_like(jump)  # leaving a state is coming into it, read from the end
    backwards[:, 2:] = jump[:, 2:][:, ::-1]
    rows = np.arange(count)
    beta = np.full((count, states), -np.inf, log_probs.dtype)
    share = np.full(taken.shape, -np.inf, log_probs.dtype)  # log of the share of ways that are in a state
    for t in range(int(steps.max(initial=0)) - 1, -1, -1):
        beta = _step(beta[:, ::-1], backwards)[:, ::-1] + taken[t]
        ending = np.flatnonzero(t == steps - 1)
        beta[ending] = -np.inf
        beta[ending, 2 * lengths[ending]] = taken[t, ending, 2 * lengths[ending]]
        some = ending[lengths[ending] > 0]
        beta[some, 2 * lengths[some] - 1] = taken[t, some, 2 * lengths[some] - 1]
        own = np.where(np.isneginf(taken[t]), 0, taken[t])
        share[t] = np.where((t < steps)[:, None], log_alpha[:, t] + beta - own, -np.inf)
    loss = neg_log_likelihood
    hopeless = np.isinf(loss)
    weight = np.exp(share + np.where(hopeless, 0, loss)[None, :, None])
    grad = np.exp(log_probs)
    spots = (np.arange(len(log_probs))[:, None, None] * count + rows[:, None]) * grad.shape[2] + labels
    flat = grad.reshape(-1)
    np.subtract.at(flat, spots.reshape(-1), weight.reshape(-1))
    grad = flat.reshape(grad.shape) * grad_output[None, :, None]
    grad[:, hopeless] = 0 if zero_infinity else np.nan
    late = np.arange(len(log_probs))[:, None] >= steps
    grad[late] = 0
    return in_rows(grad).astype(log_probs.dtype, copy=False)
