"""Recurrent layers: the loop over time, forward and backward. See Note [Layers over time] in ops/recurrent.py.

Sequences lo to hi of a batch, through all steps: sequences do not depend on each other, so each thread takes some of them. Step t is
counts[t] rows from row places[t] on. The recurrent weight lies in panels of `wide` columns, the lanes of VECTORS vectors, one below the
other, so that one panel stays in the cache while all rows pass.

Geometry g: 0 steps, 1 width H of the state, 2 columns of the product (those of a panel times their number), 3 wide, 4 whether back in time,
5 whether gradients of the output come in, 6 whether relu and not tanh, 7 whether gates, cells and states are kept for a derivative (if not,
gates [B, ...] is room, and the others are not touched), 8 width of the input, 9 how many steps have their inputs' part computed at once.
"""

from __future__ import annotations

from typing import Any

from numba.extending import register_jitable

from .lang import absolute, at, by_type, copysign, f4, fma, like, raised
from .scalar import _EXP32, LN2_HIGH32, LN2_LOW32, LOG2E, ROUND32, clamped, sigmoid64, tanh64
from .vector import ROWS, VECTORS, combined

FLAGS = {"reassoc", "nsz"}
jitable = register_jitable(error_model="numpy", fastmath=FLAGS)


TERMS = 128  # rows of a panel that stay in the first-level cache while all rows of states pass


def _blocks(fresh: bool) -> Any:
    many, some, single = (combined(rows, VECTORS, fresh) for rows in (ROWS, ROWS // 2, 1))
    half = ROWS // 2

    @jitable
    def product(w, step, panel, wide, count, out, columns, m):
        r = 0
        while r + ROWS <= m:
            many(at(w, r * step), step, 1, panel, wide, count, at(out, r * columns), columns)
            r += ROWS
        while r + half <= m:
            some(at(w, r * step), step, 1, panel, wide, count, at(out, r * columns), columns)
            r += half
        while r < m:
            single(at(w, r * step), step, 1, panel, wide, count, at(out, r * columns), columns)
            r += 1

    return product


begun, continued = _blocks(True), _blocks(False)


def _product(start: Any) -> Any:
    # A function each: numba compiles one for a constant True or False among the arguments and then takes it for the other, too

    @jitable
    def product(w, x, terms, out, columns, m, wide):
        """out[m, columns] = w[m, terms] times the matrix in panels x, or, if it is not to start anew, that added to what is there."""
        for p in range(columns // wide):
            start(w, terms, at(x, p * terms * wide), wide, min(TERMS, terms), at(out, p * wide), columns, m)
            for t in range(TERMS, terms, TERMS):
                panel, count = at(x, (p * terms + t) * wide), min(TERMS, terms - t)
                continued(at(w, t), terms, panel, wide, count, at(out, p * wide), columns, m)

    return product


product, product_on = _product(begun), _product(continued)


# In float32 throughout, unlike those of scalar.py: errors of two units in the last place, which are less than those of the product before


def _inlined(fn: Any) -> Any:
    return register_jitable(error_model="numpy", forceinline=True)(fn)


@_inlined
def sigmoid32(x):
    y = clamped(-x, f4(-87.0), f4(87.0))
    t = fma(y, f4(LOG2E), f4(ROUND32))
    k = t - f4(ROUND32)
    r = fma(k, f4(-LN2_LOW32), fma(k, f4(-LN2_HIGH32), y))
    e = raised(fma(r * r, _EXP32(r), r) + f4(1.0), t)
    return f4(1.0) / (f4(1.0) + e)


@_inlined
def tanh32(x):
    y = clamped(f4(-2.0) * absolute(x), f4(-40.0), f4(0.0))
    t = fma(y, f4(LOG2E), f4(ROUND32))
    k = t - f4(ROUND32)
    r = fma(k, f4(-LN2_LOW32), fma(k, f4(-LN2_HIGH32), y))
    s = raised(f4(1.0), t)
    e = fma(s, fma(r * r, _EXP32(r), r), s - f4(1.0))  # exp(-2 |x|) - 1
    return copysign(-e / (f4(2.0) + e), x)


sigmoid, tanh = by_type(sigmoid32, sigmoid64), by_type(tanh32, tanh64)

# Loops of their own, with few arrays each: with all of them in one, the compiler could not tell them apart


@jitable
def copied(x, out, n):
    for j in range(n):
        out[j] = x[j]


@jitable
def added(x, out, n):
    for j in range(n):
        out[j] += x[j]


@jitable
def sigmoids(x, out, n):
    for j in range(n):
        out[j] = sigmoid(x[j])


@jitable
def tanhs(x, out, n):
    for j in range(n):
        out[j] = tanh(x[j])


@jitable
def previous(t, g):
    """The step that the state came from; -1 for none."""
    p = t + 1 if g[4] else t - 1
    return p if p < g[0] else -1


@jitable
def project(x, w, bias, room, places, counts, g, lo, hi, s, steps):
    """room[q, r] = bias + w times input r of step s + q, for `steps` q: a panel serves all of them. columns of bias: as many as of room."""
    columns, wide, terms = g[2], g[3], g[8]
    for q in range(steps):
        t = g[0] - 1 - s - q if g[4] else s + q
        for r in range(min(hi, counts[t]) - lo):
            copied(bias, at(room, (q * (hi - lo) + r) * columns), columns)
    for p in range(columns // wide):
        for k in range(0, terms, TERMS):
            panel, count = at(w, (p * terms + k) * wide), min(TERMS, terms - k)
            for q in range(steps):
                t = g[0] - 1 - s - q if g[4] else s + q
                out = at(room, q * (hi - lo) * columns + p * wide)
                continued(
                    at(x, (places[t] + lo) * terms + k),
                    terms,
                    panel,
                    wide,
                    count,
                    out,
                    columns,
                    min(hi, counts[t]) - lo,
                )


# ---- long short-term memory


def lstm(x, wi, bias, w, h, c, out, gates, cells, room, places, counts, g, lo, hi):
    """room [steps at once * B, columns]"""
    T, H, columns, wide = g[0], g[1], g[2], g[3]
    G, spot = 4 * H, at(room, g[9] * lo * columns)
    s = 0
    while s < T:
        steps = min(g[9], T - s)
        project(x, wi, bias, spot, places, counts, g, lo, hi, s, steps)
        for q in range(steps):
            t = T - 1 - s - q if g[4] else s + q
            m = min(hi, counts[t]) - lo
            if m > 0:
                first, here = places[t] + lo, at(spot, q * (hi - lo) * columns)
                product_on(at(h, lo * H), w, H, here, columns, m, wide)
                for r in range(m):
                    kept = (first if g[7] else lo) + r
                    a, k = at(here, r * columns), at(gates, kept * G)
                    sigmoids(a, k, 2 * H)
                    tanhs(at(a, 2 * H), at(k, 2 * H), H)
                    sigmoids(at(a, 3 * H), at(k, 3 * H), H)
                    cell, state, y = at(c, (lo + r) * H), at(h, (lo + r) * H), at(out, (first + r) * H)
                    for j in range(H):
                        cell[j] = k[H + j] * cell[j] + k[j] * k[2 * H + j]
                    if g[7]:
                        copied(cell, at(cells, kept * H), H)
                    tanhs(cell, state, H)
                    for j in range(H):
                        state[j] *= k[3 * H + j]
                    copied(state, y, H)
        s += steps


def lstm_back(grad, gates, cells, cx, w, dh, dc, da, states, room, places, counts, g, lo, hi):
    """dh [B, columns] and dc [B, H]: what arrives at the last states, then what leaves at the first. Fills da [N, 4H] and states [N, H]."""
    T, H, columns, wide = g[0], g[1], g[2], g[3]
    G = 4 * H
    for s in range(T):
        t = s if g[4] else T - 1 - s
        m = min(hi, counts[t]) - lo
        if m > 0:
            p = previous(t, g)
            for b in range(lo, lo + m):
                row = places[t] + b
                k, a, d, e = at(gates, row * G), at(da, row * G), at(dh, b * columns), at(dc, b * H)
                before = at(cx, b * H)
                if p >= 0 and b < counts[p]:
                    before = at(cells, (places[p] + b) * H)
                if g[5]:
                    added(at(grad, row * H), d, H)
                u = at(room, b * H)
                tanhs(at(cells, row * H), u, H)
                y = at(states, row * H)
                for j in range(H):
                    y[j] = k[3 * H + j] * u[j]
                for j in range(H):
                    e[j] += d[j] * k[3 * H + j] * (1 - u[j] * u[j])
                for j in range(H):
                    a[3 * H + j] = d[j] * u[j] * k[3 * H + j] * (1 - k[3 * H + j])
                for j in range(H):
                    a[j] = e[j] * k[2 * H + j] * k[j] * (1 - k[j])
                for j in range(H):
                    a[H + j] = e[j] * before[j] * k[H + j] * (1 - k[H + j])
                for j in range(H):
                    a[2 * H + j] = e[j] * k[j] * (1 - k[2 * H + j] * k[2 * H + j])
                for j in range(H):
                    e[j] *= k[H + j]
            product(at(da, (places[t] + lo) * G), w, G, at(dh, lo * columns), columns, m, wide)


# ---- gated recurrent units


def gru(x, wi, bias, w, own, h, out, gates, states, room, more, places, counts, g, lo, hi):
    """own: the bias of what comes from the state. more [B, columns]"""
    T, H, columns, wide = g[0], g[1], g[2], g[3]
    spot, part = at(room, g[9] * lo * columns), at(more, lo * columns)
    s = 0
    while s < T:
        steps = min(g[9], T - s)
        project(x, wi, bias, spot, places, counts, g, lo, hi, s, steps)
        for q in range(steps):
            t = T - 1 - s - q if g[4] else s + q
            m = min(hi, counts[t]) - lo
            if m > 0:
                first = places[t] + lo
                for r in range(m):
                    copied(own, at(part, r * columns), columns)
                product_on(at(h, lo * H), w, H, part, columns, m, wide)
                for r in range(m):
                    kept = (first if g[7] else lo) + r
                    a, k, come = at(part, r * columns), at(gates, kept * 4 * H), at(spot, (q * (hi - lo) + r) * columns)
                    state = at(h, (lo + r) * H)
                    for j in range(2 * H):
                        k[j] = sigmoid(come[j] + a[j])
                    copied(at(a, 2 * H), at(k, 3 * H), H)
                    for j in range(H):
                        a[j] = come[2 * H + j] + k[j] * k[3 * H + j]
                    tanhs(a, at(k, 2 * H), H)
                    for j in range(H):
                        state[j] = k[2 * H + j] + k[H + j] * (state[j] - k[2 * H + j])
                    copied(state, at(out, (first + r) * H), H)
                    if g[7]:
                        copied(state, at(states, (first + r) * H), H)
        s += steps


def gru_back(grad, gates, states, hx, w, dh, da, ds, places, counts, g, lo, hi):
    """dh as in lstm_back. Fills da and ds [N, 3H], the gradients of what comes from the inputs and from the state."""
    T, H, columns, wide = g[0], g[1], g[2], g[3]
    G = 3 * H
    for s in range(T):
        t = s if g[4] else T - 1 - s
        m = min(hi, counts[t]) - lo
        if m > 0:
            p = previous(t, g)
            for b in range(lo, lo + m):
                row = places[t] + b
                k, a, e, d = at(gates, row * 4 * H), at(da, row * G), at(ds, row * G), at(dh, b * columns)
                before = at(hx, b * H)
                if p >= 0 and b < counts[p]:
                    before = at(states, (places[p] + b) * H)
                if g[5]:
                    added(at(grad, row * H), d, H)
                for j in range(H):
                    a[2 * H + j] = d[j] * (1 - k[H + j]) * (1 - k[2 * H + j] * k[2 * H + j])
                for j in range(H):
                    e[2 * H + j] = a[2 * H + j] * k[j]
                for j in range(H):
                    a[j] = a[2 * H + j] * k[3 * H + j] * k[j] * (1 - k[j])
                for j in range(H):
                    a[H + j] = d[j] * (before[j] - k[2 * H + j]) * k[H + j] * (1 - k[H + j])
                copied(a, e, 2 * H)
                for j in range(H):
                    d[j] *= k[H + j]
            product_on(at(ds, (places[t] + lo) * G), w, G, at(dh, lo * columns), columns, m, wide)


# ---- plain ones


def rnn(x, wi, bias, w, h, out, states, room, places, counts, g, lo, hi):
    T, H, columns, wide = g[0], g[1], g[2], g[3]
    spot = at(room, g[9] * lo * columns)
    s = 0
    while s < T:
        steps = min(g[9], T - s)
        project(x, wi, bias, spot, places, counts, g, lo, hi, s, steps)
        for q in range(steps):
            t = T - 1 - s - q if g[4] else s + q
            m = min(hi, counts[t]) - lo
            if m > 0:
                first, here = places[t] + lo, at(spot, q * (hi - lo) * columns)
                product_on(at(h, lo * H), w, H, here, columns, m, wide)
                for r in range(m):
                    a, state = at(here, r * columns), at(h, (lo + r) * H)
                    if g[6]:
                        for j in range(H):
                            state[j] = like(0.0, a[j]) if a[j] <= 0 else a[j]
                    else:
                        tanhs(a, state, H)
                    copied(state, at(out, (first + r) * H), H)
                    if g[7]:
                        copied(state, at(states, (first + r) * H), H)
        s += steps


def rnn_back(grad, states, w, dh, da, places, counts, g, lo, hi):
    """dh as in lstm_back. Fills da [N, H]."""
    T, H, columns, wide = g[0], g[1], g[2], g[3]
    for s in range(T):
        t = s if g[4] else T - 1 - s
        m = min(hi, counts[t]) - lo
        if m > 0:
            for b in range(lo, lo + m):
                row = places[t] + b
                y, a, d = at(states, row * H), at(da, row * H), at(dh, b * columns)
                if g[5]:
                    added(at(grad, row * H), d, H)
                if g[6]:
                    for j in range(H):
                        a[j] = d[j] if y[j] > 0 else like(0.0, d[j])
                else:
                    for j in range(H):
                        a[j] = d[j] * (1 - y[j] * y[j])
            product(at(da, (places[t] + lo) * H), w, H, at(dh, lo * columns), columns, m, wide)
