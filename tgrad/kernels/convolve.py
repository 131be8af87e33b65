"""Compiled convolutions: see Note [Flat convolution] in compiled/conv.py. Fewer than three dimensions get leading ones of size 1."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops import conv
from ..pool import POOL
from .crew import CREW, Sizes
from .native import READY, Jit, Kernel, kernel
from .operands import address, registers, suits

ndarray = np.ndarray
Three = tuple[int, ...]
ROOM = 1 << 14  # elements of one block's rows: they are to stay in the second-level cache
LARGE = 1 << 20
ALONE = 1 << 19  # multiplications that are not worth another thread
SLACK = 256  # elements that vectors may read beyond the last plane


def three(values: Sequence[int], fill: int) -> Three:
    return (fill,) * (3 - len(values)) + tuple(values)


class _Packing(NamedTuple):
    """How planes are laid out: sizes, what lies before, strides (phases), packed sizes, length of all phases together."""

    sizes: Three
    before: Three
    stride: Three
    packed: Three
    length: int


class _Taps(NamedTuple):
    """One kernel call: where taps read, which weights they are, and where results go."""

    places: ndarray
    kernel: ndarray  # positions in the flat kernel
    first: int
    spots: Three  # positions per dimension
    begin: Three  # of results in the output
    step: Three


@functools.lru_cache(maxsize=256)
def _forward(
    sizes: Three, kernel: Three, stride: Three, pad: Three, dilation: Three, channels: int
) -> tuple[_Packing, _Taps]:
    packed = tuple(-(-(n + 2 * p) // s) for n, p, s in zip(sizes, pad, stride, strict=True))
    plane = math.prod(packed)
    packing = _Packing(sizes, pad, stride, packed, plane * math.prod(stride))
    out = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(sizes, pad, dilation, kernel, stride, strict=True)
    )
    places = []
    for at in np.ndindex(*kernel):
        u = [k * d for k, d in zip(at, dilation, strict=True)]
        phase = ((u[0] % stride[0]) * stride[1] + u[1] % stride[1]) * stride[2] + u[2] % stride[2]
        z, y, x = (a // s for a, s in zip(u, stride, strict=True))
        places.append(phase * plane + (z * packed[1] + y) * packed[2] + x)
    taps = _Taps(_for_channels(places, channels, packing.length), np.arange(len(places)), 0, out, (0, 0, 0), (1, 1, 1))
    return packing, taps


def _for_channels(places: Sequence[int], channels: int, length: int) -> ndarray:
    """The places of taps for every input channel, channels first."""
    return (np.arange(channels)[:, None] * length + np.array(places, np.int64)[None]).reshape(-1).astype(np.int64)


@functools.lru_cache(maxsize=256)
def _backward(
    sizes: Three, out: Three, kernel: Three, stride: Three, pad: Three, dilation: Three, channels: int
) -> tuple[_Packing, list[_Taps]]:
    """For the gradient of an input of `sizes`: `out` are the sizes of what arrives."""
    ahead = tuple((d * (k - 1)) // s for d, k, s in zip(dilation, kernel, stride, strict=True))
    grid = [-(-(n + p) // s) for n, p, s in zip(sizes, pad, stride, strict=True)]  # positions of each phase, at most
    packed = tuple(max(a + o, a + g) for a, o, g in zip(ahead, out, grid, strict=True))
    packing = _Packing(out, ahead, (1, 1, 1), packed, math.prod(packed))
    calls = []
    for phase in np.ndindex(*stride):
        lowest = [max(0, -(-(p - f) // s)) for p, f, s in zip(pad, phase, stride, strict=True)]
        highest = [(p + n - 1 - f) // s for p, n, f, s in zip(pad, sizes, phase, stride, strict=True)]
        count = tuple(h - w + 1 for h, w in zip(highest, lowest, strict=True))
        if min(count) <= 0:
            continue
        places, which = [], []
        for i, at in enumerate(np.ndindex(*kernel)):
            reach = [f - k * d for f, k, d in zip(phase, at, dilation, strict=True)]
            if any(r % s for r, s in zip(reach, stride, strict=True)):
                continue
            z, y, x = (a + r // s + w for a, r, s, w in zip(ahead, reach, stride, lowest, strict=True))
            places.append((z * packed[1] + y) * packed[2] + x)
            which.append(i)
        begin = tuple(w * s + f - p for w, s, f, p in zip(lowest, stride, phase, pad, strict=True))
        calls.append(
            _Taps(_for_channels(places, channels, packing.length), np.array(which, np.int64), 0, count, begin, stride)
        )
    return packing, calls


def _get(k: Kernel, work: int) -> Any:
    if Jit.mode == "off":
        return None
    return k.fn if k.state == READY else k.get() if work >= LARGE else None


def _unit(jobs: int, cost: int) -> int:
    """How many jobs make one block of work, each of `cost` multiplications: all of them where that takes no longer than waking
    another thread, else a few blocks per thread."""
    if jobs * cost < ALONE:
        return jobs
    return max(1, min(-(-jobs // (4 * CREW.size)), (1 << 27) // max(1, cost)))


def _code(a: ndarray) -> str:
    return a.dtype.str[1:] + "* "


def _pack(x: ndarray, packing: _Packing, planes: int, work: int) -> ndarray | None:
    run = _get(kernel("conv.packed", _code(x) * 2 + "i8* i8 i8"), work)
    if run is None:
        return None
    out = POOL.empty((planes * packing.length + SLACK,), x.dtype)
    out[planes * packing.length :] = 0
    g = np.array([*packing.sizes, *packing.before, *packing.stride, *packing.packed, packing.length], np.int64)
    args = (address(x), address(out), address(g))
    alone = planes * packing.length < Sizes.least
    unit = planes if alone else max(1, -(-planes // (2 * CREW.size)))
    CREW.over(run, planes, unit, args)
    return out


def _weights(w: ndarray, rows: int) -> ndarray:
    """[groups, channels, taps] as [groups, blocks, taps, rows], with zeros where a block has no more channels."""
    groups, channels, taps = w.shape
    blocks = -(-channels // rows)
    if blocks * rows != channels:
        whole = np.zeros((groups, blocks * rows, taps), w.dtype)
        whole[:, :channels] = w
        w = whole
    return np.ascontiguousarray(w.reshape(groups, blocks, rows, taps).swapaxes(2, 3))


def _convolve(
    x: ndarray, packing: _Packing, calls: Sequence[_Taps], batch: int, groups: int, each: int, weights: ndarray, bias: Any,
    out: ndarray, channels: int, work: int,
) -> bool:  # fmt: skip
    """`weights`: [groups, channels, each, kernel]; `each`: input channels of a group. Fills `out`, [N, groups * channels, D, H, W]."""
    rows, width = registers()
    lanes = width // x.dtype.itemsize
    rows = rows if channels > 1 else 1
    run = _get(kernel("conv.convolved", f"{_code(x)}i8* {_code(x) * 4}i8* i8 i8"), work)
    if run is None:
        return False
    packed = _pack(x, packing, batch * groups * each, work)
    if packed is None:
        return False
    shift = np.zeros(groups * channels, x.dtype) if bias is None else bias
    blocks = -(-channels // rows)
    D, H, W = out.shape[2:]
    for call in calls:
        if not len(call.kernel):  # no tap comes here
            (z, y, x0), (sz, sy, sx) = call.begin, call.step
            out[:, :, z::sz, y::sy, x0::sx] = shift.reshape(-1, 1, 1, 1)
            continue
        w = _weights(weights[..., call.kernel].reshape(groups, channels, -1), rows)
        nz, ny, nx = call.spots
        taps = len(call.places)
        Wq = packing.packed[2]
        some = max(1, min(ny, ROOM // (rows * Wq)))
        if batch * groups * nz * blocks < 2 * CREW.size and taps * rows * ny * Wq * nz > ALONE:
            some = max(1, min(some, -(-ny // (2 * CREW.size))))
        step = some * Wq + 4 * lanes + lanes
        g = np.array(
            [taps, groups * each * packing.length, each * packing.length, call.first, packing.packed[1] * Wq, Wq, nz, ny, nx, some,
             channels, groups, D, H, W, *call.step, *call.begin, lanes, rows, step], np.int64,
        )  # fmt: skip
        jobs = batch * groups * nz * -(-ny // some) * blocks
        cost = taps * rows * some * Wq
        unit = _unit(jobs, cost)
        args = (address(packed), address(call.places), address(w), address(shift), address(out))
        at = address(g)
        parts = -(-jobs // unit)
        rooms = np.empty((parts, rows * step + 4 * lanes), x.dtype)
        room, size = address(rooms), rooms.strides[0]
        CREW.each(
            run,
            [(*args, room + k * size, at, k * unit, min(jobs, (k + 1) * unit)) for k in range(parts)],
        )
    return True


def _forward_pass(
    x: ndarray, weight: ndarray, bias: Any, stride: Any, pad: Any, dilation: Any, groups: int
) -> ndarray | None:
    sizes, kernel_ = three(x.shape[2:], 1), three(weight.shape[2:], 1)
    each = weight.shape[1]
    s, p, d = three(stride, 1), three(pad, 0), three(dilation, 1)
    packing, taps = _forward(sizes, kernel_, s, p, d, each)
    out = POOL.empty((x.shape[0], weight.shape[0], *taps.spots), x.dtype)
    work = x.shape[0] * math.prod(taps.spots) * weight.size
    channels = weight.shape[0] // groups
    w = weight.reshape(groups, channels, each, -1)
    if not _convolve(x, packing, [taps], x.shape[0], groups, each, w, bias, out, channels, work):
        return None
    return out.reshape(*out.shape[:2], *taps.spots[3 - len(stride) :])


def _to_input(
    g: ndarray, weight: ndarray, bias: Any, sizes: Any, stride: Any, pad: Any, dilation: Any, groups: int
) -> ndarray | None:
    """The gradient of an input of these sizes (or what a transposed convolution gives)."""
    whole, kernel_ = three(sizes, 1), three(weight.shape[2:], 1)
    each, channels = weight.shape[0] // groups, weight.shape[1]
    s, p, d = three(stride, 1), three(pad, 0), three(dilation, 1)
    packing, calls = _backward(whole, three(g.shape[2:], 1), kernel_, s, p, d, each)
    out = POOL.empty((g.shape[0], groups * channels, *whole), g.dtype)
    work = g.size * weight.size // weight.shape[0]
    w = weight.reshape(groups, each, channels, -1).swapaxes(1, 2)
    if not _convolve(g, packing, calls, g.shape[0], groups, each, w, bias, out, channels, work):
        return None
    return out.reshape(*out.shape[:2], *sizes)


def _to_weight(
    g: ndarray, x: ndarray, kernel_: Any, stride: Any, pad: Any, dilation: Any, groups: int
) -> ndarray | None:
    batch, each, channels = x.shape[0], x.shape[1] // groups, g.shape[1] // groups
    s, p, d = three(stride, 1), three(pad, 0), three(dilation, 1)
    packing, taps = _forward(three(x.shape[2:], 1), three(kernel_, 1), s, p, d, each)
    work = g.size * each * math.prod(kernel_)
    run = _get(kernel("conv.weighed", f"{_code(x) * 2}i8* {_code(x) * 2}i8* i8 i8"), work)
    if run is None:
        return None
    lanes = registers()[1] // x.dtype.itemsize
    _, H, W = packing.packed
    nz, ny, nx = spots = three(g.shape[2:], 1)
    length = ((nz - 1) * H + ny - 1) * W + nx
    wide = -(-length // lanes) * lanes
    if wide - length > SLACK:
        return None
    packed = _pack(x, packing, batch * groups * each, work)
    flat = _Packing(spots, (0, 0, 0), (1, 1, 1), (nz, H, W), wide)
    padded = _pack(g, flat, batch * g.shape[1], work)
    if packed is None or padded is None:
        return None
    count = len(taps.places)
    places = np.concatenate([taps.places, np.repeat(taps.places[-1:], -count % 4)])
    rows = 4 if channels >= 4 else 1
    geometry = np.array(
        [count, groups * each * packing.length, each * packing.length, wide, batch, channels, groups, rows], np.int64
    )
    out = np.zeros((groups * channels, count), x.dtype)
    args = (address(packed), address(padded), address(places), address(out))
    jobs = groups * -(-channels // rows)
    unit = _unit(jobs, batch * count * length * rows)
    parts = -(-jobs // unit)
    rooms, at = np.empty((parts, 16), x.dtype), address(geometry)
    room, size = address(rooms), rooms.strides[0]
    CREW.each(run, [(*args, room + k * size, at, k * unit, min(jobs, (k + 1) * unit)) for k in range(parts)])
    if not np.isfinite(out).all():  # an infinity times the zeros between rows may have made a nan: not the answer
        return None
    return out.reshape(groups * channels, each, *kernel_)


# ---- the rows


def _fits(x: Any, weight: Any, bias: Any, stride: Any) -> bool:
    return suits(x, weight, bias) and len(stride) <= 3 and bool(weight.size)


def convolution(
    input, weight, bias=None, stride=(1,), padding=(0,), dilation=(1,), transposed=False, output_padding=(0,), groups=1
):
    if not _fits(input, weight, bias, stride):
        return None
    if not transposed:
        return _forward_pass(input, weight, bias, stride, padding, dilation, groups)
    sizes = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + o + 1
        for n, s, p, d, k, o in zip(
            input.shape[2:], stride, padding, dilation, weight.shape[2:], output_padding, strict=True
        )
    )
    if min(sizes) <= 0:
        return None
    return _to_input(input, weight, bias, sizes, stride, padding, dilation, groups)


def input_gradient(grad, weight, sizes, stride, padding, dilation, transposed, groups):
    if Jit.mode == "off":
        return None
    grad = np.ascontiguousarray(grad)
    if not _fits(grad, weight, None, stride):
        return None
    if transposed:
        out = _forward_pass(grad, weight, None, stride, padding, dilation, groups)
        return out if out is None or out.shape[2:] == tuple(sizes[2:]) else conv.cut(out, sizes[2:])
    return _to_input(grad, weight, None, tuple(sizes[2:]), stride, padding, dilation, groups)


def weight_gradient(grad, input, sizes, stride, padding, dilation, transposed, groups):
    if Jit.mode == "off":
        return None
    grad = np.ascontiguousarray(grad)
    if not _fits(grad, input, None, stride):
        return None
    x, g = (grad, input) if transposed else (input, grad)
    return _to_weight(g, x, tuple(sizes[2:]), stride, padding, dilation, groups)


conv.compiled_input_gradient, conv.compiled_weight_gradient = input_gradient, weight_gradient
