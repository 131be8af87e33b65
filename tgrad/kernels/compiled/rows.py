"""Operations on whole rows: softmax and its logarithm, normalisation over rows, channels and groups, forward and backward.

Rows lo to hi of length n, one after the other in memory. Sums are in float64, in any order.
"""

from __future__ import annotations

from numba.extending import register_jitable

from .lang import f8, highest, larger, like, lowest, rank, select, sqrt, unrank
from .scalar import exp, log

FLAGS = {"reassoc", "nsz"}
jitable = register_jitable(error_model="numpy", fastmath=FLAGS)


@jitable
def top(x, at, n):
    """The largest of a row; nan if there is one."""
    k = lowest(x[at])
    for i in range(at, at + n):
        v = x[i]
        k = larger(k, select(v != v, highest(v), rank(v)))
    return unrank(k)


@jitable
def exponentials(x, out, at, n, m):
    """exp(x - m) of a row, divided by their sum."""
    total = 0.0
    for i in range(at, at + n):
        e = exp(x[i] - m)
        out[i] = e
        total += f8(e)
    scale = like(1.0 / total, m)
    for i in range(at, at + n):
        out[i] = out[i] * scale


@jitable
def product_sum(a, b, at, n):
    total = 0.0
    for i in range(at, at + n):
        total += f8(a[i]) * f8(b[i])
    return like(total, a[at])


def softmax(x, out, lo, hi, n):
    for r in range(lo, hi):
        exponentials(x, out, r * n, n, top(x, r * n, n))


def softmax_back(g, y, out, lo, hi, n):
    for r in range(lo, hi):
        at = r * n
        s = product_sum(g, y, at, n)
        for i in range(at, at + n):
            out[i] = (g[i] - s) * y[i]


def log_softmax(x, out, lo, hi, n):
    for r in range(lo, hi):
        at = r * n
        m = top(x, at, n)
        total = 0.0
        for i in range(at, at + n):
            total += f8(exp(x[i] - m))
        low = like(log(total), m)
        for i in range(at, at + n):
            out[i] = (x[i] - m) - low


def log_softmax_back(g, y, out, lo, hi, n):
    for r in range(lo, hi):
        at = r * n
        total = 0.0
        for i in range(at, at + n):
            total += f8(g[i])
        s = like(total, g[at])
        for i in range(at, at + n):
            out[i] = g[i] - exp(y[i]) * s


def logsumexp(x, out, lo, hi, n):
    for r in range(lo, hi):
        at = r * n
        m = top(x, at, n)
        if f8(m) - f8(m) != 0.0:  # infinite or nan
            out[r] = m
        else:
            total = 0.0
            for i in range(at, at + n):
                total += f8(exp(x[i] - m))
            out[r] = like(log(total), m) + m


# ---- normalisation. w and b are of length n


@jitable
def moments(x, at, n):
    total = 0.0
    for i in range(at, at + n):
        total += f8(x[i])
    mean = total / n
    total = 0.0
    for i in range(at, at + n):
        d = f8(x[i]) - mean
        total += d * d
    return mean, total


def layer_norm(x, w, b, out, means, rstds, lo, hi, n, eps):
    for r in range(lo, hi):
        at = r * n
        mean, squares = moments(x, at, n)
        m, s = like(mean, x[at]), like(1.0 / sqrt(squares / n + eps), x[at])
        means[r] = m
        rstds[r] = s
        for i in range(n):
            out[at + i] = (x[at + i] - m) * s * w[i] + b[i]


def layer_norm_back(g, x, w, means, rstds, gx, gw, gb, lo, hi, n):
    """Adds to gw and gb, in float64."""
    for r in range(lo, hi):
        at = r * n
        m, s = means[r], rstds[r]
        first, second = 0.0, 0.0
        for i in range(n):
            d = g[at + i] * w[i]
            first += f8(d)
            second += f8(d * ((x[at + i] - m) * s))
        a, c = like(first / n, m), like(second / n, m)
        for i in range(n):
            gx[at + i] = (g[at + i] * w[i] - a - (x[at + i] - m) * s * c) * s
        for i in range(
            n
        ):  # loops of their own: with all of these arrays in one, the compiler could not tell them apart
            gw[i] += f8(g[at + i] * ((x[at + i] - m) * s))
        for i in range(n):
            gb[i] += f8(g[at + i])


# ---- channels: arrays of shape (N, C, K), channels lo to hi


def channel_moments(x, means, squares, lo, hi, N, C, K):
    for c in range(lo, hi):
        total = 0.0
        for o in range(N):
            at = (o * C + c) * K
            for i in range(at, at + K):
                total += f8(x[i])
        mean = total / (N * K)
        total = 0.0
        for o in range(N):
            at = (o * C + c) * K
            for i in range(at, at + K):
                d = f8(x[i]) - mean
                total += d * d
        means[c] = mean
        squares[c] = total


def channel_scale(x, means, scales, shifts, out, lo, hi, C, K):
    """(x - mean) scale + shift, for the pairs (n, c) from lo to hi."""
    for q in range(lo, hi):
        c = q % C
        m, s, b = means[c], scales[c], shifts[c]
        for i in range(q * K, (q + 1) * K):
            out[i] = (x[i] - m) * s + b


def channel_back(g, x, means, rstds, w, gx, gw, gb, lo, hi, N, C, K, training):
    for c in range(lo, hi):
        m, s = means[c], rstds[c]
        first, second = 0.0, 0.0
        for o in range(N):
            at = (o * C + c) * K
            for i in range(at, at + K):
                first += f8(g[i])
                second += f8(g[i] * ((x[i] - m) * s))
        gb[c] = like(first, m)
        gw[c] = like(second, m)
        scale = w[c] * s
        a, d = like(first / (N * K), m), like(second / (N * K), m)
        if training == 0:
            a, d = a * 0, d * 0
        for o in range(N):
            at = (o * C + c) * K
            for i in range(at, at + K):
                gx[i] = (g[i] - a - (x[i] - m) * s * d) * scale


# ---- groups: (N * G) rows of D channels of K elements


def group_norm(x, w, b, out, means, rstds, lo, hi, G, D, K, eps):
    n = D * K
    for r in range(lo, hi):
        at = r * n
        mean, squares = moments(x, at, n)
        m, s = like(mean, x[at]), like(1.0 / sqrt(squares / n + eps), x[at])
        means[r] = m
        rstds[r] = s
        for c in range(D):
            scale, shift = s * w[(r % G) * D + c], b[(r % G) * D + c]
            for i in range(at + c * K, at + (c + 1) * K):
                out[i] = (x[i] - m) * scale + shift


def group_norm_back(g, x, w, means, rstds, gx, gw, gb, lo, hi, G, D, K):
    """gw and gb: per row and channel."""
    n = D * K
    for r in range(lo, hi):
        at = r * n
        m, s = means[r], rstds[r]
        first, second = 0.0, 0.0
        for c in range(D):
            a, d = 0.0, 0.0
            for i in range(at + c * K, at + (c + 1) * K):
                a += f8(g[i])
                d += f8(g[i] * ((x[i] - m) * s))
            gb[r * D + c] = a
            gw[r * D + c] = d
            v = f8(w[(r % G) * D + c])
            first += a * v
            second += d * v
        p, q = like(first / n, m), like(second / n, m)
        for c in range(D):
            v = w[(r % G) * D + c]
            for i in range(at + c * K, at + (c + 1) * K):
                gx[i] = (g[i] * v - p - (x[i] - m) * s * q) * s
