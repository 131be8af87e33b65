"""Convolutions: packing, the sum over taps, and the gradient of the weights. Everything is in three dimensions (z, y, x).

Note [Flat convolution]
A padded plane is a line of numbers: one step in y is Wq steps along it. So "the input one row down and two columns to the right"
is the same line, read from another place, and an output plane is a sum of such lines, each times one weight: a tap. Positions
beyond the end of a row come out as nonsense and are not stored. With a stride s, padded coordinates are packed by their remainder
modulo s, one plane after another (phases), and taps read from the phase that is theirs, again without gaps. The gradient
with respect to the input has as many phases in its output: for each, the taps that reach it.

So a tap is one number, its place in the packed input, and all shapes, strides, dilations and dimensions share one inner loop, which
keeps ROWS output channels by VECTORS vectors of positions in registers.
"""

from __future__ import annotations

from .lang import at
from .vector import ROWS, VECTORS, dotted, multiplied

block, single = multiplied(ROWS, VECTORS), multiplied(1, 4)
dots, dot = dotted(4, 4), dotted(1, 4)


def packed(x, out, g, lo, hi):
    """Planes lo to hi of x into out: out[phase, z, y, x] = x[z s + phase - pad], zeros elsewhere.

    g: D, H, W; pads of z, y, x; strides; Dq, Hq, Wq; length of a packed plane with all phases.
    """
    D, H, W, pz, py, px, sz, sy, sx, Dq, Hq, Wq, size = (
        g[0],
        g[1],
        g[2],
        g[3],
        g[4],
        g[5],
        g[6],
        g[7],
        g[8],
        g[9],
        g[10],
        g[11],
        g[12],
    )
    for c in range(lo, hi):
        base = c * size
        for i in range(base, base + size):
            out[i] = 0.0
        for z in range(D):
            uz = z + pz
            for y in range(H):
                uy = y + py
                source = ((c * D + z) * H + y) * W
                plane = ((uz % sz) * sy + uy % sy) * sx
                row = ((uz // sz) * Hq + uy // sy) * Wq
                if uz // sz < Dq and uy // sy < Hq:
                    if sx == 1:
                        to = base + plane * Dq * Hq * Wq + row + px
                        for i in range(min(W, Wq - px)):
                            out[to + i] = x[source + i]
                    else:
                        for i in range(W):
                            u = i + px
                            if u // sx < Wq:
                                out[base + (plane + u % sx) * Dq * Hq * Wq + row + u // sx] = x[source + i]


def convolved(x, places, w, bias, out, room, g, lo, hi):
    """Sums over taps, for the jobs lo to hi: batch, group, z, rows of y, and a block of output channels, the last fastest.

    w: for each group and block of channels, taps by ROWS. bias: per output channel. room: for one block's rows.
    g: taps, steps of x from batch to batch and group to group, place of the first position, Hq * Wq, Wq, positions nz, ny, nx, rows
    at a time, channels per group, groups, then out's D, H, W, steps of z, y, x in out, and where they begin.
    """
    taps, xn, xg, first, plane, Wq = g[0], g[1], g[2], g[3], g[4], g[5]
    nz, ny, nx, some, C, G = g[6], g[7], g[8], g[9], g[10], g[11]
    OD, OH, OW, sz, sy, sx, z0, y0, x0 = g[12], g[13], g[14], g[15], g[16], g[17], g[18], g[19], g[20]
    lanes, rows = g[21], g[22]
    blocks = (C + rows - 1) // rows
    parts = (ny + some - 1) // some
    wide = VECTORS * lanes if rows > 1 else 4 * lanes
    step = g[23]
    for q in range(lo, hi):
        b = q % blocks
        rest = q // blocks
        part = rest % parts
        rest = rest // parts
        z = rest % nz
        rest = rest // nz
        grp = rest % G
        n = rest // G
        top = part * some
        count = min(some, ny - top)
        length = (count - 1) * Wq + nx
        source = at(x, n * xn + grp * xg + first + z * plane + top * Wq)
        weights = at(w, (grp * blocks + b) * taps * rows)
        i = 0
        while i < length:
            if rows > 1:
                block(at(source, i), places, weights, taps, at(room, i), step)
            else:
                single(at(source, i), places, weights, taps, at(room, i), step)
            i += wide
        for r in range(min(rows, C - b * rows)):
            c = grp * C + b * rows + r
            shift = bias[c]
            for y in range(count):
                to = (((n * G * C + c) * OD + z * sz + z0) * OH + (top + y) * sy + y0) * OW + x0
                have = r * step + y * Wq
                if sx == 1:
                    for k in range(nx):
                        out[to + k] = room[have + k] + shift
                else:
                    for k in range(nx):
                        out[to + k * sx] = room[have + k] + shift


def weighed(x, gradient, places, out, room, g, lo, hi):
    """Gradients of the weights, for the jobs lo to hi: group and block of channels. out[c, tap]; room: for 16 numbers.

    g: taps, steps of x from batch to batch and group to group, length of a packed plane of the gradient, batches, channels per group,
    groups, rows of a block.
    """
    taps, xn, xg, length, N, C, G, rows = g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7]
    blocks = (C + rows - 1) // rows
    for q in range(lo, hi):
        grp, b = q // blocks, q % blocks
        c0 = min(b * rows, C - rows) if rows <= C else 0  # the last block reaches back rather than beyond
        source, left = at(x, grp * xg), at(gradient, (grp * C + c0) * length)
        for t in range(0, taps, 4):
            if rows == 4:
                dots(left, length, G * C * length, source, at(places, t), xn, N, length, room)
            else:
                dot(left, length, G * C * length, source, at(places, t), xn, N, length, room)
            for r in range(rows):
                if c0 + r >= b * rows:
                    for k in range(min(4, taps - t)):
                        out[(grp * C + c0 + r) * taps + t + k] = room[r * 4 + k]


# ---- pooling: windows over planes


def max_pooled(x, out, where, g, lo, hi):
    """The largest of each window and its place in the plane; nan counts as the largest. Planes lo to hi.

    g: D, H, W; output sizes; kernel; stride; padding; dilation, three numbers each.
    """
    D, H, W, OD, OH, OW = g[0], g[1], g[2], g[3], g[4], g[5]
    KD, KH, KW, sz, sy, sx, pz, py, px, dz, dy, dx = (
        g[6], g[7], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15], g[16], g[17]
    )  # fmt: skip
    for c in range(lo, hi):
        base = c * D * H * W
        for z in range(OD):
            z1 = z * sz - pz
            for y in range(OH):
                y1 = y * sy - py
                to = ((c * OD + z) * OH + y) * OW
                for i in range(OW):
                    x1 = i * sx - px
                    first, last = 0, KW  # which columns of the kernel lie inside
                    while x1 + first * dx < 0:
                        first += 1
                    while x1 + (last - 1) * dx >= W:
                        last -= 1
                    place = -1
                    best = x[base]
                    for kz in range(KD):
                        uz = z1 + kz * dz
                        if 0 <= uz < D:
                            for ky in range(KH):
                                uy = y1 + ky * dy
                                if 0 <= uy < H:
                                    row = (uz * H + uy) * W + x1
                                    for kx in range(first, last):
                                        v = x[base + row + kx * dx]
                                        if place < 0 or v > best or v != v:
                                            best, place = v, row + kx * dx
                    out[to + i] = best
                    where[to + i] = place


def max_unpooled(gradient, where, out, lo, hi, inner, outer):
    """Each gradient goes back to its place. Planes of `inner` gradients and `outer` places."""
    for c in range(lo, hi):
        for i in range(c * outer, (c + 1) * outer):
            out[i] = 0.0
        for i in range(c * inner, (c + 1) * inner):
            out[c * outer + where[i]] += gradient[i]


def sums_pooled(x, out, g, lo, hi):
    """The sum of each window. g: D, H, W; output sizes; kernel; stride; padding, three numbers each."""
    D, H, W, OD, OH, OW = g[0], g[1], g[2], g[3], g[4], g[5]
    KD, KH, KW, sz, sy, sx, pz, py, px = g[6], g[7], g[8], g[9], g[10], g[11], g[12], g[13], g[14]
    for c in range(lo, hi):
        base = c * D * H * W
        for z in range(OD):
            z1, z2 = max(0, z * sz - pz), min(D, z * sz - pz + KD)
            for y in range(OH):
                y1, y2 = max(0, y * sy - py), min(H, y * sy - py + KH)
                for i in range(OW):
                    x1, x2 = max(0, i * sx - px), min(W, i * sx - px + KW)
                    total = 0.0
                    for uz in range(z1, z2):
                        for uy in range(y1, y2):
                            row = base + (uz * H + uy) * W
                            for ux in range(x1, x2):
                                total += x[row + ux]
                    out[((c * OD + z) * OH + y) * OW + i] = total


def sums_unpooled(gradient, out, g, lo, hi):
    """The derivative of that: what comes to a window goes to all of its elements."""
    D, H, W, OD, OH, OW = g[0], g[1], g[2], g[3], g[4], g[5]
    KD, KH, KW, sz, sy, sx, pz, py, px = g[6], g[7], g[8], g[9], g[10], g[11], g[12], g[13], g[14]
    for c in range(lo, hi):
        base = c * D * H * W
        for i in range(base, base + D * H * W):
            out[i] = 0.0
        for z in range(OD):
            z1, z2 = max(0, z * sz - pz), min(D, z * sz - pz + KD)
            for y in range(OH):
                y1, y2 = max(0, y * sy - py), min(H, y * sy - py + KH)
                for i in range(OW):
                    x1, x2 = max(0, i * sx - px), min(W, i * sx - px + KW)
                    v = gradient[((c * OD + z) * OH + y) * OW + i]
                    for uz in range(z1, z2):
                        for uy in range(y1, y2):
                            row = base + (uz * H + uy) * W
                            for ux in range(x1, x2):
                                out[row + ux] += v
