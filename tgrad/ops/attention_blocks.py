"""Attention over arrays, some rows of queries at a time: memory in proportion to the length, not to its square.

Note [Blocks of queries]
Scores are [..., T, S], one row per query; a row's softmax needs that row only. So the scores of some queries are computed, made weights of,
multiplied with the values and forgotten. What the backward pass needs of the softmax is one number per row, the logarithm of the sum of
exponentials (`logsumexp`): it computes the scores of a block again and has the weights as exp(score - logsumexp). Along leading dimensions
several problems make one block, as long as it stays small.

Arrays have the same number of leading dimensions here, each of one size or 1; nothing is expanded. With `causal`, query i sees keys 0 to i, and the
scores of others are not computed but for a triangle.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..rng.generator import Generator

ndarray = np.ndarray
LIMIT = 1 << 18  # scores of one block
Place = tuple[Any, ...]


class Noise:
    """The factors of dropout, drawn block by block in the order in which PyTorch draws them for the whole matrix, and drawn again, from
    the same place in the stream of random numbers, when they are needed again: they are never kept."""

    def __init__(self, generator: Generator, p: float) -> None:
        self.p, self.generator, self.start = p, generator, generator.get_state_array()
        self.fresh = True

    def source(self) -> Any:
        """A function (shape, dtype) -> factors of the next block. The first source moves the user's generator on."""
        if self.fresh:
            self.fresh, given = False, self.generator
        else:
            given = Generator()
            given.set_state_array(self.start)
        return lambda shape, dtype: given.dropout_mask(shape, dtype, self.p)


def split(lead: tuple[int, ...], T: int, S: int) -> Iterator[tuple[Place, int, int]]:
    """(places along the leading dimensions, first row, row after the last) of the blocks, in row-major order."""
    inner, d = math.prod(lead) * T * S, 0
    while d < len(lead) and inner > LIMIT:
        inner //= max(1, lead[d])
        d += 1
    rows = T if inner <= LIMIT else max(1, LIMIT // S)
    several = 1 if d == 0 else max(1, LIMIT // max(1, inner))
    for at in np.ndindex(*lead[: max(0, d - 1)]):
        for i in range(0, lead[d - 1] if d else 1, several):
            place: Place = (*at, slice(i, i + several)) if d else ()
            for r in range(0, T, rows):
                yield place, r, min(T, r + rows)


def part(a: ndarray, place: Place) -> ndarray:
    """The block of an array at these places, where it has more than one."""
    return a[
        tuple([(p if n > 1 else 0) if type(p) is int else p if n > 1 else slice(None) for p, n in zip(place, a.shape)])
    ]


def leading(*arrays: Any) -> tuple[int, ...]:
    return np.broadcast_shapes(*[a.shape[:-2] for a in arrays if a is not None])


def _scores(q: ndarray, k: ndarray, mask: Any, causal: bool, scale: float, place: Place, r: int, e: int) -> ndarray:
    """The scores of rows r to e; with `causal`, over the first e keys."""
    n = min(k.shape[-2], e) if causal else k.shape[-2]
    s = part(q, place)[..., r:e, :] @ part(k, place)[..., :n, :].swapaxes(-1, -2)
    s *= s.dtype.type(scale)
    if mask is not None:
        m = part(mask, place)
        m = m[..., r:e, :] if m.shape[-2] > 1 else m
        m = m[..., :n] if m.shape[-1] > 1 else m
        if m.dtype == np.bool_:
            np.copyto(s, -np.inf, where=~m)
        else:
            s += m
    if causal and n > r:
        np.copyto(s[..., r:], -np.inf, where=~np.tri(e - r, n - r, dtype=bool))
    return s


def forward(
    q: ndarray,
    k: ndarray,
    v: ndarray,
    mask: Any,
    causal: bool,
    scale: float,
    out: ndarray,
    noise: Noise | None = None,
    half: Any = None,
) -> ndarray:
    """Fills `out`, [..., T, width of values]; weights are rounded to `half`, if given, before they meet the values; gives the logsumexp, [..., T]. A row without any permitted key gives zeros and 0."""
    T, S = q.shape[-2], k.shape[-2]
    lead = out.shape[:-2]
    lse = np.empty((*lead, T), q.dtype)
    draw = None if noise is None else noise.source()
    for place, r, e in split(lead, T, S):
        s = _scores(q, k, mask, causal, scale, place, r, e)
        top = np.maximum.reduce(s, axis=-1, keepdims=True, initial=-np.inf)
        top[np.isneginf(top)] = 0
        s -= top
        np.exp(s, out=s)
        total = np.add.reduce(s, axis=-1, keepdims=True)
        empty = total == 0
        part(lse, place)[..., r:e] = np.where(empty, 0, top + np.log(total))[..., 0]
        if draw is not None:
            s *= drawn(draw, s, S)
        total[empty] = 1
        if half is not None:
            s = s.astype(half).astype(s.dtype)
        np.divide(s @ part(v, place)[..., : s.shape[-1], :], total, out=part(out, place)[..., r:e, :])
    return lse


def drawn(draw: Any, s: ndarray, S: int) -> ndarray:
    """Factors for a block of weights; PyTorch draws some for keys that cannot be seen, too."""
    return draw((*s.shape[:-1], S), s.dtype)[..., : s.shape[-1]]


def _add(total: ndarray, place: Place, more: ndarray, rows: slice | None = None) -> None:
    """Adds a block's share to a gradient, summed over dimensions along which the input was broadcast."""
    target = part(total, place)
    if rows is not None:
        target = target[..., rows, :]
    extra = more.ndim - target.ndim
    axes = tuple(d for d in range(more.ndim) if d < extra or (target.shape[d - extra] == 1 and more.shape[d] != 1))
    if axes:
        more = np.add.reduce(more, axis=axes, keepdims=True)
    target += more.reshape(target.shape)


def backward(
    grad: ndarray, q: ndarray, k: ndarray, v: ndarray, mask: Any, out: ndarray, lse: ndarray, causal: bool, scale: float,
    gq: ndarray, gk: ndarray, gv: ndarray, gm: ndarray | None = None, noise: Noise | None = None, half: Any = None,
) -> None:  # fmt: skip
    """Adds to gq, gk, gv and, if given, gm, the gradients of queries, keys, values and of a mask that is added."""
    T, S = q.shape[-2], k.shape[-2]
    draw = None if noise is None else noise.source()
    factor = q.dtype.type(scale)
    for place, r, e in split(out.shape[:-2], T, S):
        g = part(grad, place)[..., r:e, :]
        p = _scores(q, k, mask, causal, scale, place, r, e)
        n = p.shape[-1]
        p -= part(lse, place)[..., r:e, None]
        np.exp(p, out=p)
        flow = g @ part(v, place)[..., :n, :].swapaxes(-1, -2)
        if draw is None:
            kept = p
        else:
            factors = drawn(draw, p, S)
            kept = p * factors
            flow *= factors
        if half is not None:
            kept = kept.astype(half).astype(kept.dtype)
        _add(gv, place, kept.swapaxes(-1, -2) @ g, slice(0, n))
        flow -= np.add.reduce(g * part(out, place)[..., r:e, :], axis=-1, keepdims=True)
        flow *= p
        if gm is not None:
            wide = (
                flow
                if n == S or gm.shape[-1] == 1
                else np.concatenate((flow, np.zeros((*flow.shape[:-1], S - n), p.dtype)), -1)
            )
            _add(gm, place, wide, slice(r, e) if gm.shape[-2] > 1 else None)
        if half is not None:
            flow = flow.astype(half).astype(flow.dtype)
        flow *= factor
        _add(gq, place, flow @ part(k, place)[..., :n, :], slice(r, e))
        _add(gk, place, flow.swapaxes(-1, -2) @ part(q, place)[..., r:e, :], slice(0, n))
