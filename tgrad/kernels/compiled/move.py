"""Data on the move: transposed copies, rows picked and added by index, gathering and scattering, sorting."""

from __future__ import annotations

from numba.extending import register_jitable

from .lang import at, either, highest, i4, i8, level, lowest, rank, select, u8, unrank
from .vector import turn

jitable = register_jitable(error_model="numpy")

STRIP = 1 << 14


def turned(x, out, g, lo, hi):
    """Copies with two dimensions exchanged: `a` neighbours in x, `b` neighbours in out; other dimensions are counted off by
    lo to hi together with the blocks of a.

    g: sizes of a and b, the step of b in x, that of a in out, how many elements are a block's side, the number of other dimensions,
    then their sizes, their steps in x, and in out.
    """
    A, B, sx, so, side, d = g[0], g[1], g[2], g[3], g[4], g[5]
    blocks = (A + side - 1) // side
    for q in range(lo, hi):
        rest = q // blocks
        a0 = (q % blocks) * side
        px, po = a0, a0 * so
        for k in range(d - 1, -1, -1):
            size = g[6 + k]
            c = rest % size
            rest = rest // size
            px += c * g[6 + d + k]
            po += c * g[6 + 2 * d + k]
        wide = min(side, A - a0)
        b = 0
        if wide == side:
            while b + side <= B:
                turn(at(x, px + b * sx), sx, at(out, po + b), so)
                b += side
        while b < B:
            for a in range(wide):
                out[po + a * so + b] = x[px + a + b * sx]
            b += 1


def rows_taken(x, index, out, bad, lo, hi, n, size):
    """out[i] = x[index[i]], rows of n elements. bad[0] is raised by an index that is not there."""
    for i in range(lo, hi):
        k = i8(index[i])
        if k < 0 or k >= size:
            bad[0] = 1
            k = i8(0)
        for j in range(n):
            out[i * n + j] = x[k * n + j]


def rows_added(x, index, out, bad, lo, hi, n, size, count, skip):
    """out[index[i]] += x[i] for the columns lo to hi of `count` rows; rows with index `skip` are left out. bad: as above."""
    for i in range(count):
        k = i8(index[i])
        if k < 0 or k >= size:
            bad[0] = 1
        elif k != skip:
            for j in range(lo, hi):
                out[k * n + j] += x[i * n + j]


def gathered(x, index, out, bad, lo, hi, R, K, I):
    """out[o, i, k] = x[o, index[o, i, k], k]; lo to hi count o * I + i."""
    for q in range(lo, hi):
        base = (q // I) * R * K
        wrong = False
        for k in range(K):
            r = i8(index[q * K + k])
            out_of = either(r < 0, r >= R)
            wrong = either(wrong, out_of)
            out[q * K + k] = x[base + select(out_of, i8(0), r) * K + k]
        if wrong:
            bad[0] = 1


def gathered_rows(x, index, out, bad, lo, hi, R, K, I):
    """The same where K is 1; lo to hi count rows of I."""
    for o in range(lo, hi):
        wrong = False
        for i in range(o * I, (o + 1) * I):
            r = i8(index[i])
            out_of = either(r < 0, r >= R)
            wrong = either(wrong, out_of)
            out[i] = x[o * R + select(out_of, i8(0), r)]
        if wrong:
            bad[0] = 1


def scattered(x, index, out, bad, lo, hi, R, K, I, strips):
    """out[o, index[o, i, k], k] += x[o, i, k]; lo to hi count pairs of o and a strip of k."""
    width = (K + strips - 1) // strips
    for q in range(lo, hi):
        o, first = q // strips, (q % strips) * width
        last = min(K, first + width)
        for i in range(I):
            p = (o * I + i) * K
            for k in range(first, last):
                r = i8(index[p + k])
                if r < 0 or r >= R:
                    bad[0] = 1
                else:
                    out[(o * R + r) * K + k] += x[p + k]


# ---- sorting: by the digits of ranks, the last one first (least significant digit radix sort; Knuth, vol. 3, 5.2.5)

BITS = 11
MASK = (1 << BITS) - 1
LOW = (1 << 32) - 1


@jitable
def starts(counts, p, n):
    """Counts of the digits of pass p into where the first of each belongs. False where all n have the same, and nothing is to be done."""
    total, crowd = i8(0), i8(0)
    for c in range(p << BITS, (p + 1) << BITS):
        here = counts[c]
        counts[c] = total
        total += here
        crowd = max(crowd, here)
    return crowd < n


@jitable
def value_of(x, at, k):
    """The number with rank k, which x[at] is: rank does not tell -0.0 from 0.0, nor one nan from another."""
    v = unrank(k)
    return x[at] if v == 0 or v != v else v


def sorted_rows(x, values, where, pairs, places, counts, lo, hi, n, down):
    """Sorts rows lo to hi of n float32, stable, nan last (first if down), n less than 2**31. pairs: room for 2 n, each a key and under it a
    place; counts: for the digits of all passes."""
    passes = (32 + BITS - 1) // BITS
    for r in range(lo, hi):
        base = r * n
        for c in range(passes << BITS):
            counts[c] = 0
        for i in range(n):
            v = x[base + i]
            k = i8(level(select(v != v, highest(v), rank(v))))
            k = ((~k if down else k) ^ i8(lowest(v))) & LOW
            pairs[i] = (k << 32) | i
            for p in range(passes):
                counts[(p << BITS) + ((k >> (p * BITS)) & MASK)] += 1
        source, target = i8(0), n
        for p in range(passes):
            if not starts(counts, p, n):
                continue
            for i in range(source, source + n):
                k = pairs[i]
                digit = (p << BITS) + ((k >> (32 + p * BITS)) & (MASK >> max(0, (p + 1) * BITS - 32)))
                pairs[target + counts[digit]] = k
                counts[digit] += 1
            source, target = target, source
        for i in range(n):
            k = pairs[source + i]
            at = k & LOW
            k = (k >> 32) ^ i8(lowest(x[0]))
            where[base + i] = at
            values[base + i] = value_of(x, base + at, i4(~k if down else k))


def sorted_rows_wide(x, values, where, keys, places, counts, lo, hi, n, down):
    """The same of float64, keys and places apart."""
    passes = (64 + BITS - 1) // BITS
    for r in range(lo, hi):
        base = r * n
        for c in range(passes << BITS):
            counts[c] = 0
        for i in range(n):
            v = x[base + i]
            k = level(select(v != v, highest(v), rank(v)))
            k = (~k if down else k) ^ lowest(v)
            keys[i] = k
            places[i] = i
            for p in range(passes):
                counts[(p << BITS) + i8((u8(k) >> u8(p * BITS)) & u8(MASK))] += 1
        source, target = i8(0), n
        for p in range(passes):
            if not starts(counts, p, n):
                continue
            for i in range(source, source + n):
                k = keys[i]
                digit = (p << BITS) + i8((u8(k) >> u8(p * BITS)) & u8(MASK))
                to = target + counts[digit]
                counts[digit] += 1
                keys[to] = k
                places[to] = places[i]
            source, target = target, source
        for i in range(n):
            at = i8(places[source + i])
            k = keys[source + i] ^ lowest(x[0])
            where[base + i] = at
            values[base + i] = value_of(x, base + at, ~k if down else k)


def sorted_part(x, values, where, keys, places, counts, lo, hi, n, down, phase, shift, source, target):
    """Elements lo to hi of one long row, one phase of `sorted_rows` a call, so that Ctrl-C is heard in between. Phase 0: keys, and how many
    there are of each digit of each pass; 1: one pass, where `counts` says where the next of each digit goes; 2: the results."""
    mask = u8((1 << BITS) - 1)
    if phase == 0:
        passes = (8 * 4 + BITS - 1) // BITS if highest(x[0]) < 1 << 32 else (64 + BITS - 1) // BITS
        for i in range(lo, hi):
            v = x[i]
            k = level(select(v != v, highest(v), rank(v)))
            keys[i] = (~k if down else k) ^ lowest(v)
            places[i] = i
            for p in range(passes):
                counts[(p << BITS) + i8((u8(keys[i]) >> u8(p * BITS)) & mask)] += 1
    elif phase == 1:
        for i in range(lo, hi):
            k = keys[source + i]
            digit = (u8(k) >> u8(shift)) & mask
            to = target + counts[digit]
            counts[digit] += 1
            keys[to] = k
            places[to] = places[source + i]
    else:
        for i in range(lo, hi):
            k = places[source + i]
            where[i] = k
            values[i] = x[k]
