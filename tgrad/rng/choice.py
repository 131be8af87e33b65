"""Permutations and draws from weighted categories. The caller holds the engine's lock."""

from __future__ import annotations

import numpy as np

from . import continuous
from .checks import is_floating, kind_of, not_implemented, require
from .discrete import cast_integers
from .engine import Engine

# From here on a 32-bit word is no longer large against n, so each step takes 64 bits.
_WIDE_FROM = (2**32 - 1) // 20
_MOST_CATEGORIES = 1 << 24
_ONE_BY_ONE = 20_000  # up to here a plain loop over a list is faster than batches


def check_permutation(n: int, dtype: np.dtype) -> None:
    require(n >= 0, f"Trying to create tensor with negative dimension {n}: [{n}]")
    kind = kind_of(dtype)
    if kind.barebones or dtype.kind in "bc":
        raise not_implemented("randperm", dtype)
    if dtype.kind in "iu":
        short = "uint8_t" if dtype == np.uint8 else f"{dtype.name}_t"
        require(n <= np.iinfo(dtype).max + 1, f"value cannot be converted to type {short} without overflow")
    elif kind.enum != "BFloat16":  # which PyTorch lets pass, rounding the numbers
        limit = {11: "2049", 24: "2^24+1", 53: "2^53+1"}[kind.digits]
        require(n <= (1 << kind.digits) + 1, f"n cannot be greater than {limit} for {kind.enum} type.")


def permutation(engine: Engine, n: int, dtype: np.dtype) -> np.ndarray:
    """The numbers from 0 to n - 1, shuffled from the front: place i swaps with a place from i on."""
    if n >= _WIDE_FROM:
        return _permutation_wide(engine, n, dtype)
    if n < 2:
        return np.arange(n).astype(dtype)
    steps = np.arange(n - 1, dtype=np.uint32)
    partners = engine.bits32(n - 1) % (np.uint32(n) - steps) + steps
    if n <= _ONE_BY_ONE:
        order = list(range(n))
        _swap_one_by_one(order, partners.tolist())
        return cast_integers(np.array(order, np.int64), dtype)
    return cast_integers(_swap_in_batches(n, partners.astype(np.int64)), dtype)


def _swap_one_by_one(order: list[int], partners: list[int]) -> None:
    for index, partner in enumerate(partners):
        order[index], order[partner] = order[partner], order[index]


def _swap_in_batches(n: int, partners: np.ndarray) -> np.ndarray:
    """The same swaps, as many at a time as do not depend on each other.

    Every step of a batch claims the two places that it swaps, and the earliest claim stands. A step that holds both of
    its places has no earlier step to wait for, and no two such steps share a place; the others try again in the next
    round. A batch is a small part of what is left, so that most of its steps go through in the first round.
    """
    order = np.arange(n)
    owner = np.empty(n, np.int32)
    start = 0
    while n - start > _ONE_BY_ONE:
        stop = start + (n - start) // 16
        steps, places = np.arange(start, stop), partners[start:stop]
        while steps.size:
            owner[steps] = steps
            owner[places[::-1]] = steps[::-1]  # of several claims on a place the last one written stands: the earliest
            free = (owner[steps] == steps) & (owner[places] == steps)
            ready, goals = steps[free], places[free]
            order[ready], order[goals] = order[goals], order[ready]
            steps, places = steps[~free], places[~free]
        start = stop
    tail = order[start:].tolist()
    _swap_one_by_one(tail, (partners[start:] - start).tolist())
    order[start:] = tail
    return order


def _permutation_wide(engine: Engine, n: int, dtype: np.dtype) -> np.ndarray:
    """The inside-out shuffle: each number goes to a random place so far, and what was there moves to the end."""
    order = np.empty(n, np.int64)
    for start in range(0, n, 1 << 20):
        indices = np.arange(start, min(start + (1 << 20), n), dtype=np.uint64)
        places = engine.bits64(indices.size) % (indices + np.uint64(1))
        for index, position in enumerate(places.tolist(), start):
            order[index] = order[position]
            order[position] = index
    return cast_integers(order, dtype)


def _check_weights(weights: np.ndarray, samples: int, replacement: bool) -> None:
    require(weights.ndim in (1, 2), "prob_dist must be 1 or 2 dim")
    require(
        is_floating(weights.dtype),
        f"multinomial only supports floating-point dtypes for input, got: {kind_of(weights.dtype).enum}",
    )
    require(samples > 0, "cannot sample n_sample <= 0 samples")
    require(
        replacement or samples <= weights.shape[-1],
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
    )
    require(weights.shape[-1] <= _MOST_CATEGORIES, "number of categories cannot exceed 2^24")
    if weights.size:
        if replacement and samples != 1:  # another kernel of PyTorch's, which looks at one element at a time
            bad = "invalid multinomial distribution (encountering probability entry "
            require(bool(np.all(weights >= 0)), bad + "< 0)")
            require(bool(np.all(np.isfinite(weights))), bad + "= infinity or NaN)")
        require(
            bool(np.all(np.isfinite(weights) & (weights >= 0))),
            "probability tensor contains either `inf`, `nan` or element < 0",
        )
        wide = weights.astype(np.float64)
        require(bool(np.all(wide.sum(-1) > 0)), "invalid multinomial distribution (sum of probabilities <= 0)")


def multinomial(engine: Engine, weights: np.ndarray, samples: int, replacement: bool) -> np.ndarray:
    """Indices of categories, `samples` for each row of `weights`."""
    _check_weights(weights, samples, replacement)
    rows = weights.reshape(-1, weights.shape[-1])
    if rows.size == 0:
        return np.empty((*weights.shape[:-1], samples), np.int64)
    # One sample is the same with and without replacement, and then the race is run.
    picked = (_with_replacement if replacement and samples > 1 else _without_replacement)(engine, rows, samples)
    return picked.reshape(*weights.shape[:-1], samples)


def _with_replacement(engine: Engine, rows: np.ndarray, samples: int) -> np.ndarray:
    """Each uniform number is looked up in the running sums, which add up one by one in float32 or float64."""
    out = np.empty((len(rows), samples), np.int64)
    for row, weights in enumerate(rows):
        sums = np.cumsum(weights if weights.dtype == np.float64 else weights.astype(np.float32))
        sums /= sums[-1]
        sums[-1] = 1
        out[row] = np.searchsorted(sums.astype(np.float64), engine.unit64(samples), side="left")
    return out


def _without_replacement(engine: Engine, rows: np.ndarray, samples: int) -> np.ndarray:
    """The largest of weight / exponential: a race in which each category's clock runs at its weight.

    Equal scores (zero weights, and narrow dtypes) are taken in the order of their indices; PyTorch leaves that order to
    its selection algorithm.
    """
    clocks = continuous.exponential(engine, rows.size, rows.dtype, 1.0).reshape(rows.shape)
    with np.errstate(divide="ignore", over="ignore"):
        scores = rows / clocks
    if samples == 1:
        return np.argmax(scores, axis=-1).reshape(-1, 1)
    return np.argsort(-scores, axis=-1, kind="stable")[:, :samples]
