"""Attention without the matrix of all weights: some rows of queries at a time, forward and backward.

Note [Rows of weights]
The weights of SOME queries over all keys lie in a thread's own room, SOME rows of them: memory in proportion to the length, not to its square.
Forward keeps the result and one number per row, the logarithm of the sum of exponentials; backward computes the weights again, which costs less
than reading them from memory would. Keys are
laid out with their length innermost first (`sideways`), so that scores are sums over rows of that, several vectors wide; all products
have the form of `combined` in vector.py, which keeps ROWS rows by VECTORS vectors of sums in registers.

Geometry g, for queries [N, H, T, W], keys and values [N, H / several, S, W], W a multiple of the lanes of a vector; `wide`: those of VECTORS vectors:

    0-5    H, T, S, W, S rounded up to `wide`, wide
    6-8    steps of queries from batch to batch, head to head, row to row;  9-11 of keys;  12-14 of values;  15-17 of what arrives
    18-21  steps of the mask: batch, head, row, column;  22: 0 without a mask, 1 with one that is added, 2 with one that permits
    23     blocks of rows per head;  24: 1 if causal;  25: heads of queries for each of keys
    26-28  steps of the result, or of the gradient of queries;  29-31 of the gradients of keys and of values
"""

from __future__ import annotations

from typing import Any

from numba.extending import register_jitable

from .lang import INF, at, f8, like
from .rows import top
from .scalar import exp, log
from .vector import ROWS, VECTORS, combined, turn

FLAGS = {"reassoc", "nsz"}
jitable = register_jitable(error_model="numpy", fastmath=FLAGS)
SOME = 32  # queries at a time


def _products(block: Any, single: Any) -> Any:
    """out[m, n] = the sums of `combined` over `count` terms, by words for ROWS rows and for one; n is a multiple of wide."""

    @jitable
    def product(w, wr, wt, x, xs, count, out, step, m, n, wide):
        r = 0
        while r + ROWS <= m:
            for c in range(0, n, wide):
                block(at(w, r * wr), wr, wt, at(x, c), xs, count, at(out, r * step + c), step)
            r += ROWS
        while r < m:
            for c in range(0, n, wide):
                single(at(w, r * wr), wr, wt, at(x, c), xs, count, at(out, r * step + c), step)
            r += 1

    return product


product, product_on = (
    _products(combined(ROWS, VECTORS, fresh), combined(1, VECTORS, fresh)) for fresh in (True, False)
)
slim, slim_on = (_products(combined(ROWS, 1, fresh), combined(1, 1, fresh)) for fresh in (True, False))


@jitable
def across(w, wr, wt, x, xs, count, out, step, m, W, wide):
    """`product` with results as wide as queries are: a head may be one vector wide."""
    if W % wide:
        slim(w, wr, wt, x, xs, count, out, step, m, W, wide // VECTORS)
    else:
        product(w, wr, wt, x, xs, count, out, step, m, W, wide)


@jitable
def across_on(w, wr, wt, x, xs, count, out, step, m, W, wide):
    if W % wide:
        slim_on(w, wr, wt, x, xs, count, out, step, m, W, wide // VECTORS)
    else:
        product_on(w, wr, wt, x, xs, count, out, step, m, W, wide)


@jitable
def sideways(x, xs, S, W, out, length, side):
    """out[w, s] = x[s, w], zeros from S to length; side: elements of a cache line."""
    s0 = 0
    while s0 < S:
        w0 = 0
        while w0 < W:
            if s0 + side <= S and w0 + side <= W:
                turn(at(x, s0 * xs + w0), xs, at(out, w0 * length + s0), length)
            else:
                for s in range(s0, min(S, s0 + side)):
                    for w in range(w0, min(W, w0 + side)):
                        out[w * length + s] = x[s * xs + w]
            w0 += side
        s0 += side
    for w in range(W):
        for s in range(S, length):
            out[w * length + s] = like(0.0, x[0])


@jitable
def scored(q, qs, keys, mask, row, room, m, g, scale):
    """Fills `room` with m rows of scores. `row`: the number of the first; gives how many keys count for the last."""
    S, W, length, wide = g[2], g[3], g[4], g[5]
    kind, causal = g[22], g[24]
    n = S
    if causal:
        n = min(S, row + m)
    reach = (n + wide - 1) // wide * wide
    product(q, qs, 1, keys, length, W, room, length, m, reach, wide)
    for r in range(m):
        here, own = r * length, row + r
        k = like(scale, room[here])
        count = min(S, own + 1) if causal else S
        first, step = own * g[20], g[21]
        if kind == 1:
            if step == 1:
                for i in range(count):
                    room[here + i] = room[here + i] * k + mask[first + i]
            else:
                for i in range(count):
                    room[here + i] = room[here + i] * k + mask[first + i * step]
        elif kind == 2:
            low = like(-INF, room[here])
            if step == 1:
                for i in range(count):
                    room[here + i] = room[here + i] * k if mask[first + i] else low
            else:
                for i in range(count):
                    room[here + i] = room[here + i] * k if mask[first + i * step] else low
        else:
            for i in range(here, here + count):
                room[i] = room[i] * k
    return n


@jitable
def cleared(room, here, count, n):
    for i in range(here + count, here + n):
        room[i] = like(0.0, room[here])


@jitable
def weights(room, row, m, lse, g):
    """Makes m rows of scores their softmaxes, and notes the logarithms of the sums of exponentials."""
    S, length, wide, causal = g[2], g[4], g[5], g[24]
    n = min(S, row + m) if causal else S
    reach = (n + wide - 1) // wide * wide
    for r in range(m):
        here = r * length
        count = min(S, row + r + 1) if causal else S
        high = top(room, here, count)
        if high == like(-INF, high):
            for i in range(here, here + count):
                room[i] = like(0.0, high)
            lse[r] = like(0.0, high)
        else:
            total = 0.0
            for i in range(here, here + count):
                e = exp(room[i] - high)
                room[i] = e
                total += f8(e)
            part = like(1.0 / total, high)
            for i in range(here, here + count):
                room[i] = room[i] * part
            lse[r] = high + like(log(total), high)
        cleared(room, here, count, reach)


@jitable
def weights_again(room, row, m, lse, g):
    """The same from what was noted."""
    S, length, wide, causal = g[2], g[4], g[5], g[24]
    n = min(S, row + m) if causal else S
    reach = (n + wide - 1) // wide * wide
    for r in range(m):
        here, low = r * length, lse[r]
        count = min(S, row + r + 1) if causal else S
        for i in range(here, here + count):
            room[i] = exp(room[i] - low)
        cleared(room, here, count, reach)


def attended(q, k, v, mask, out, lse, room, g, lo, hi, scale):
    """Blocks of rows lo to hi, head after head. room: (W + SOME) * length numbers."""
    H, T, S, W, length, wide = g[0], g[1], g[2], g[3], g[4], g[5]
    parts, several = g[23], g[25]
    rows = (T + parts - 1) // parts
    keys, scores = room, at(room, W * length)
    for j in range(lo, hi):
        head, part = j // parts, j % parts
        b, h = head // H, head % H
        sideways(at(k, b * g[9] + h // several * g[10]), g[11], S, W, keys, length, wide // VECTORS)
        source, values = at(q, b * g[6] + h * g[7]), at(v, b * g[12] + h // several * g[13])
        masks, target = at(mask, b * g[18] + h * g[19]), at(out, b * g[26] + h * g[27])
        t, end = part * rows, min(T, (part + 1) * rows)
        while t < end:
            m = min(SOME, end - t)
            n = scored(at(source, t * g[8]), g[8], keys, masks, t, scores, m, g, scale)
            weights(scores, t, m, at(lse, head * T + t), g)
            across(scores, length, 1, values, g[14], n, at(target, t * g[28]), g[28], m, W, wide)
            t += SOME


def attended_back(q, k, v, mask, grad, lse, gq, gk, gv, room, g, lo, hi, scale):
    """Heads of keys lo to hi: the gradients of their queries, of keys and values. room: (2 W + 2 SOME) * length numbers."""
    H, T, S, W, length, wide = g[0], g[1], g[2], g[3], g[4], g[5]
    several = g[25]
    keys, values = room, at(room, W * length)
    scores, flow = at(room, 2 * W * length), at(room, (2 * W + SOME) * length)
    for own in range(lo, hi):
        b, h = own // (H // several), own % (H // several)
        k0, v0 = at(k, b * g[9] + h * g[10]), at(v, b * g[12] + h * g[13])
        sideways(k0, g[11], S, W, keys, length, wide // VECTORS)
        sideways(v0, g[14], S, W, values, length, wide // VECTORS)
        to_k, to_v = at(gk, b * g[29] + h * g[30]), at(gv, b * g[29] + h * g[30])
        for s in range(S):
            for i in range(W):
                to_k[s * g[31] + i] = like(0.0, room[0])
                to_v[s * g[31] + i] = like(0.0, room[0])
        for hq in range(h * several, (h + 1) * several):
            source, arriving = at(q, b * g[6] + hq * g[7]), at(grad, b * g[15] + hq * g[16])
            masks, to_q = at(mask, b * g[18] + hq * g[19]), at(gq, b * g[26] + hq * g[27])
            t = 0
            while t < T:
                m = min(SOME, T - t)
                rows, come = at(source, t * g[8]), at(arriving, t * g[17])
                n = scored(rows, g[8], keys, masks, t, scores, m, g, scale)
                weights_again(scores, t, m, at(lse, (b * H + hq) * T + t), g)
                reach = (n + wide - 1) // wide * wide
                across_on(scores, 1, length, come, g[17], m, to_v, g[31], n, W, wide)
                product(come, g[17], 1, values, length, W, flow, length, m, reach, wide)
                for r in range(m):
                    here = r * length
                    total = 0.0
                    for i in range(here, here + n):
                        total += scores[i] * flow[i]
                    mean, factor = like(total, room[0]), like(scale, room[0])
                    for i in range(here, here + n):
                        flow[i] = scores[i] * (flow[i] - mean) * factor
                across(flow, length, 1, k0, g[11], n, at(to_q, t * g[28]), g[28], m, W, wide)
                across_on(flow, 1, length, rows, g[8], m, to_k, g[31], n, W, wide)
                t += SOME
