"""Reductions, part by part: sums, sums of squares, spreads, extremes and where they are.

Note [Parts]
An array is seen as (outer, R, K), row-major, and reduced along the middle. R is cut into P parts of `unit` elements, so that a
single long row can be shared out too: part q = o P + p of the result belongs to the outer index o. `kernels/reductions.py` puts the
parts together. Where K is 1 the elements of a part are neighbours (`..._rows`); otherwise each of K columns has its own result
(`..._columns`).

Everything adds up in float64: in a row, 1024 elements in any order, so that the loop vectorises, and the sums of these with
compensation (Neumaier), so that the length of a row costs no accuracy.
"""

from __future__ import annotations

from typing import Any

from numba.extending import register_jitable

from .lang import absolute, f8, highest, i8, larger, level, lowest, rank, select, smaller

FLAGS = {"reassoc", "nsz"}  # of the functions below; those that are called keep the order of their operations
BLOCK = 1024  # elements of a row between two compensated additions
STRIP = 1024  # columns at a time, so that their sums stay in the first-level cache

jitable = register_jitable(error_model="numpy")


@jitable
def added(total, low, more):  # (total + more, low with what that lost)
    new = total + more
    lost = (total - new) + more if abs(total) >= abs(more) else (more - new) + total
    return new, low + lost


@jitable
def same(v):
    return v


@jitable
def squared(v):
    return v * v


def _sums(term: Any) -> Any:
    """Kernels that add up `term` of every element."""

    def rows(x, out, lo, hi, P, unit, R):
        for q in range(lo, hi):
            o, p = q // P, q % P
            start, stop = o * R + p * unit, o * R + min(R, (p + 1) * unit)
            total, low = 0.0, 0.0
            for b in range(start, stop, BLOCK):
                s = 0.0
                for i in range(b, min(b + BLOCK, stop)):
                    s += term(f8(x[i]))
                total, low = added(total, low, s)
            out[q] = total + low if low - low == 0.0 else total  # infinite sums have no remainder

    def columns(x, out, lo, hi, P, unit, R, K):
        for q in range(lo, hi):
            o, p = q // P, q % P
            stop = min(R, (p + 1) * unit)
            for a in range(0, K, STRIP):
                e = min(K, a + STRIP)
                for j in range(a, e):
                    out[q * K + j] = 0.0
                i = p * unit
                while i + 4 <= stop:  # four rows to one visit of the sums
                    at = (o * R + i) * K
                    for j in range(a, e):
                        first = term(f8(x[at + j])) + term(f8(x[at + K + j]))
                        out[q * K + j] += first + (term(f8(x[at + 2 * K + j])) + term(f8(x[at + 3 * K + j])))
                    i += 4
                while i < stop:
                    at = (o * R + i) * K
                    for j in range(a, e):
                        out[q * K + j] += term(f8(x[at + j]))
                    i += 1

    return rows, columns


total_rows, total_columns = _sums(same)
squares_rows, squares_columns = _sums(squared)
sizes_rows, sizes_columns = _sums(absolute)


def spread_rows(x, out, lo, hi, P, unit, R):
    """Per part: the mean, and the sum of squared differences from it."""
    for q in range(lo, hi):
        o, p = q // P, q % P
        start, stop = o * R + p * unit, o * R + min(R, (p + 1) * unit)
        total = 0.0
        for i in range(start, stop):
            total += f8(x[i])
        mean = total / (stop - start)
        total = 0.0
        for i in range(start, stop):
            v = f8(x[i]) - mean
            total += v * v
        out[2 * q] = mean
        out[2 * q + 1] = total


def spread_columns(x, out, lo, hi, P, unit, R, K):
    """Per part: K means and then K sums of squared differences."""
    for q in range(lo, hi):
        o, p = q // P, q % P
        start, stop = p * unit, min(R, (p + 1) * unit)
        m, s = 2 * q * K, (2 * q + 1) * K
        for a in range(0, K, STRIP):
            e = min(K, a + STRIP)
            for j in range(a, e):
                out[m + j] = 0.0
                out[s + j] = 0.0
            for i in range(start, stop):
                at = (o * R + i) * K
                for j in range(a, e):
                    out[m + j] += f8(x[at + j])
            for j in range(a, e):
                out[m + j] = out[m + j] / (stop - start)
            for i in range(start, stop):
                at = (o * R + i) * K
                for j in range(a, e):
                    v = f8(x[at + j]) - out[m + j]
                    out[s + j] += v * v


def _extremes(better: Any, worst: Any, best: Any) -> Any:
    """Kernels for the extreme in one direction; `better` of two ranks, from `worst` to `best`. nan counts as the best."""

    @jitable
    def key(v):
        return select(v != v, best(v), rank(v))

    @jitable
    def beats(k, other):
        return (better(k, other) == k) and k != other

    def rows(x, out, lo, hi, P, unit, R):
        for q in range(lo, hi):
            o, p = q // P, q % P
            m = worst(x[0])
            for i in range(o * R + p * unit, o * R + min(R, (p + 1) * unit)):
                m = better(m, key(x[i]))
            out[q] = m

    def columns(x, out, lo, hi, P, unit, R, K):
        for q in range(lo, hi):
            o, p = q // P, q % P
            for a in range(0, K, STRIP):
                e = min(K, a + STRIP)
                for j in range(a, e):
                    out[q * K + j] = worst(x[0])
                for i in range(p * unit, min(R, (p + 1) * unit)):
                    at = (o * R + i) * K
                    for j in range(a, e):
                        out[q * K + j] = better(out[q * K + j], key(x[at + j]))

    def rows_at(x, out, where, lo, hi, P, unit, R):  # the first of equals; -0.0 equals 0.0
        for q in range(lo, hi):
            o, p = q // P, q % P
            start, stop = o * R + p * unit, o * R + min(R, (p + 1) * unit)
            most, block = worst(x[0]), start
            for b in range(start, stop, 256):
                m = worst(x[0])
                for i in range(b, min(b + 256, stop)):
                    m = better(m, level(key(x[i])))
                if beats(m, most):
                    most, block = m, b
            at = block
            while at < stop - 1 and level(key(x[at])) != most:
                at += 1
            out[q] = most
            where[q] = at - o * R

    def columns_at(x, out, where, lo, hi, P, unit, R, K):
        for q in range(lo, hi):
            o, p = q // P, q % P
            start = p * unit
            for a in range(0, K, STRIP):
                e = min(K, a + STRIP)
                for j in range(a, e):
                    out[q * K + j] = level(key(x[(o * R + start) * K + j]))
                    where[q * K + j] = start
                for i in range(start + 1, min(R, (p + 1) * unit)):
                    at = (o * R + i) * K
                    for j in range(a, e):
                        k = level(key(x[at + j]))
                        best_now = out[q * K + j]
                        m = better(k, best_now)
                        out[q * K + j] = m
                        where[q * K + j] = select(m != best_now, i8(i), where[q * K + j])

    return rows, columns, rows_at, columns_at


most_rows, most_columns, most_at_rows, most_at_columns = _extremes(larger, lowest, highest)
least_rows, least_columns, least_at_rows, least_at_columns = _extremes(smaller, highest, lowest)


# ---- running sums


def running_totals(x, out, start, lo, hi, P, unit, R):
    """Running sums of each part, beginning at `start[q]`."""
    for q in range(lo, hi):
        o, p = q // P, q % P
        i, stop = o * R + p * unit, o * R + min(R, (p + 1) * unit)
        s = start[q]
        while i + 4 <= stop:  # four at a time: one addition in the chain from each to the next
            a = f8(x[i])
            b = a + f8(x[i + 1])
            c = f8(x[i + 2])
            d = b + (c + f8(x[i + 3]))
            out[i] = s + a
            out[i + 1] = s + b
            out[i + 2] = s + (b + c)
            s += d
            out[i + 3] = s
            i += 4
        while i < stop:
            s += f8(x[i])
            out[i] = s
            i += 1


def running_totals_columns(x, out, sums, lo, hi, R, K):
    """Running sums down the columns lo to hi of one (R, K) block; `sums` has room for K numbers."""
    for j in range(lo, hi):
        sums[j] = 0.0
    for i in range(R):
        at = i * K
        for j in range(lo, hi):
            s = sums[j] + f8(x[at + j])
            sums[j] = s
            out[at + j] = s
