"""Images of another size: nearest, linear and cubic interpolation over one to three dimensions of [N, C, *sizes].

Note [Taps]
All of these are separable: each dimension is taken on its own, the last one first, as a sum of a few elements per output
position. `taps` says which (`index`, [out, K]) and with which weights ([out, K]; None where there is one of weight 1).
The gradient with respect to the input is the transposed map, and the derivative of that the map itself.

PyTorch computes positions in the precision of the elements (float32 for halves), which decides between neighbours; so do
the formulas here. Bytes are interpolated in fixed point, as the image libraries do: weights of 16 bits, each pass rounded.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtype import from_np
from .pooling import laid_like, widened
from .spec import Row, in_rows, op, sizes

HIDDEN: dict[str, Any] = dict(function=False, method=False)
LETTERS = {1: "W", 2: "HW", 3: "DHW"}

# ---- where the elements come from


def _scale(n: int, out: int, align: bool, scale: float | None, real: Any) -> Any:
    """How far one goes in the input per step in the output."""
    if align:
        return real(n - 1) / real(out - 1) if out > 1 else real(0)
    return real(1.0 / scale) if scale is not None and scale > 0 else real(n) / real(out)


def _positions(n: int, out: int, align: bool, scale: float | None, real: Any, cubic: bool) -> np.ndarray:
    step, i = _scale(n, out, align, scale, real), np.arange(out).astype(real)
    if align:
        return step * i
    at = step * (i + real(0.5)) - real(0.5)
    return at if cubic else np.maximum(at, real(0))


def _nearest(n: int, out: int, scale: float | None, exact: bool) -> np.ndarray:
    # PyTorch's positions are float32 for all elements here.
    step, i = _scale(n, out, False, scale, np.float32), np.arange(out).astype(np.float32)
    at = (i + np.float32(0.5)) * step if exact else i * step
    return np.minimum(np.floor(at).astype(np.int64), n - 1)[:, None]


def _split(at: np.ndarray, n: int, real: Any) -> tuple[np.ndarray, np.ndarray]:
    """The element before a position, and how far the position is beyond it."""
    low = np.minimum(np.floor(at).astype(np.int64), n - 1)
    return low, np.clip(at - low.astype(real), real(0), real(1))


def _linear(n: int, out: int, align: bool, scale: float | None, real: Any) -> tuple[np.ndarray, np.ndarray]:
    if n == out:
        low, beyond = np.arange(n), np.zeros(n, real)
        return np.stack([low, low], 1), np.stack([1 - beyond, beyond], 1)
    low, beyond = _split(_positions(n, out, align, scale, real, False), n, real)
    return np.stack([low, np.minimum(low + 1, n - 1)], 1), np.stack([real(1) - beyond, beyond], 1)


def cubic_weights(t: Any, a: float = -0.75) -> list[Any]:
    """The weights of four neighbours of a point at t in [0, 1] between the second and the third."""

    def near(x: Any) -> Any:  # |x| <= 1
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Any) -> Any:  # 1 < |x| < 2
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far((1 - t) + 1)]


def _cubic(n: int, out: int, align: bool, scale: float | None, real: Any) -> tuple[np.ndarray, np.ndarray]:
    low, beyond = _split(_positions(n, out, align, scale, real, True), n, real)
    index = np.clip(low[:, None] + np.arange(-1, 3), 0, n - 1)
    return index, np.stack(cubic_weights(beyond), 1)


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(x), 0)


def _keys(x: np.ndarray) -> np.ndarray:
    """The cubic filter with a = -1/2, as Pillow has it."""
    x, a = np.abs(x), -0.5
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    return np.where(x < 1, near, np.where(x < 2, (((x - 5) * x + 8) * x - 4) * a, 0))


def _lanczos(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


# How far each filter reaches from its middle, and its values.
FILTERS = {"bilinear_aa": (1.0, _triangle), "bicubic_aa": (2.0, _keys), "lanczos_aa": (3.0, _lanczos)}


def _filtered(mode: str, n: int, out: int, align: bool, scale: float | None, real: Any) -> tuple[Any, Any]:
    """Antialiasing: the filter is as wide as an output pixel is in the input, at least as wide as one of the input's."""
    reach, curve = FILTERS[mode]
    step = _scale(n, out, align, scale, real)
    support = real(reach) * step if step >= 1 else real(reach)
    shrink = real(1) / step if step >= 1 else real(1)
    center = step * (np.arange(out).astype(real) + real(0.5))
    first = np.maximum((center - support + real(0.5)).astype(np.int64), 0)
    count = np.minimum((center + support + real(0.5)).astype(np.int64), n) - first
    count = np.clip(count, 0, math.ceil(support) * 2 + 1)
    j = np.arange(max(int(count.max(initial=1)), 1))
    points = ((j + first[:, None]).astype(real) - center[:, None] + real(0.5)) * shrink
    weights = np.where(j < count[:, None], curve(points), 0).astype(real)
    total = weights.sum(1, keepdims=True, dtype=real)
    weights = np.divide(weights, total, out=weights, where=total != 0)
    return np.minimum(first[:, None] + np.minimum(j, np.maximum(count - 1, 0)[:, None]), n - 1), weights


@functools.lru_cache(256)
def taps(mode: str, n: int, out: int, align: bool, scale: float | None, real: Any) -> tuple[Any, Any]:
    """See Note [Taps]. `real` is the type that positions and weights are computed in."""
    if mode in ("nearest", "nearest_exact"):
        return _nearest(n, out, scale, mode == "nearest_exact"), None
    if mode == "linear":
        return _linear(n, out, align, scale, real)
    if mode == "cubic":
        return _cubic(n, out, align, scale, real)
    return _filtered(mode, n, out, align, scale, real)


# ---- the map, and its transpose


def _along(values: np.ndarray, axis: int, ndim: int) -> np.ndarray:
    return values.reshape(tuple(-1 if d == axis else 1 for d in range(ndim)))


def _spread(x: np.ndarray, axis: int, index: np.ndarray, weights: Any) -> np.ndarray:
    if weights is None:
        return x.take(index[:, 0], axis)
    total = None
    for k in range(index.shape[1]):
        part = x.take(index[:, k], axis)
        part *= _along(weights[:, k], axis, x.ndim).astype(x.dtype, copy=False)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total


def _gather(grad: np.ndarray, axis: int, n: int, index: np.ndarray, weights: Any) -> np.ndarray:
    """The transpose of `_spread`. Positions of a tap never go down, so what comes to one element lies side by side."""
    total = np.zeros((*grad.shape[:axis], n, *grad.shape[axis + 1 :]), grad.dtype)
    for k in range(index.shape[1]):
        part = grad
        if weights is not None:
            part = grad * _along(weights[:, k], axis, grad.ndim).astype(grad.dtype, copy=False)
        at = index[:, k]
        starts = np.flatnonzero(np.diff(at, prepend=-1))
        if len(starts) < len(at):
            part = np.add.reduceat(part, starts, axis)
        total[(slice(None),) * axis + (at[starts],)] += part
    return total


def _fixed(x: np.ndarray, axis: int, index: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`_spread` of bytes: weights of 16 bits with as many places as the largest of them leaves room for."""
    clamped = np.zeros((len(index), x.shape[axis]))
    np.add.at(clamped, (np.arange(len(index))[:, None], index), weights)  # elements at the edge that several taps share
    largest, places = float(clamped.max(initial=0)), 0
    while places < 22 and int(0.5 + largest * (1 << (places + 1))) < 1 << 15:
        places += 1
    scaled = clamped * (1 << places)
    whole = np.trunc(scaled + np.where(scaled < 0, -0.5, 0.5)).astype(np.int64)
    total = np.tensordot(whole, x.astype(np.int64), (1, axis)) + (1 << (places - 1))
    return np.moveaxis(np.clip(total >> places, 0, 255).astype(np.uint8), 0, axis)


def _check(self: np.ndarray, dims: int, output_size: Any) -> tuple[int, ...]:
    if len(output_size) != dims:
        raise RuntimeError(f"It is expected output_size equals to {dims}, but got size {len(output_size)}")
    if self.ndim != dims + 2:
        raise RuntimeError(
            f"Non-empty {dims + 2}D data tensor expected but got a tensor with sizes {sizes(self.shape)}"
        )
    own, out = self.shape[2:], tuple(output_size)
    if min(own) <= 0 or min(out) <= 0:
        told = [", ".join(f"{w}: {n}" for w, n in zip(LETTERS[dims], s, strict=True)) for s in (own, out)]
        between = " and " if dims == 1 else " "
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({told[0]}){between}output ({told[1]})"
        )
    if self.shape[1] == 0:
        raise RuntimeError(
            f"Non-empty {dims + 2}D data tensor expected but got a tensor with sizes {sizes(self.shape)}"
        )
    return out


def _all_taps(mode: str, own: Sequence[int], out: Sequence[int], align: bool, scales: Any, dt: np.dtype) -> list[Any]:
    real = np.float32 if dt.kind != "u" and dt.itemsize < 8 else np.float64
    given = scales or (None,) * len(out)
    return [taps(mode, n, m, bool(align), s, real) for n, m, s in zip(own, out, given, strict=True)]


def _interpolated(self: np.ndarray, mode: str, kernel: str, bytes_too: bool, dims: int, out: Any, align: bool,
                  scales: Any) -> np.ndarray:  # fmt: skip
    size, dt = _check(self, dims, out), self.dtype
    if (
        dt.kind in "bic"
        or (dt.kind == "u" and not (bytes_too and dt == np.uint8))
        or (mode in FILTERS and dt.itemsize == 2)
    ):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{from_np(dt).legacy}'")
    found = _all_taps(mode, self.shape[2:], size, align, scales, dt)
    x = widened(self)
    for axis in range(self.ndim - 1, 1, -1):
        index, weights = found[axis - 2]
        x = (
            _fixed(x, axis, index, weights)
            if dt.kind == "u" and weights is not None
            else _spread(x, axis, index, weights)
        )
    return laid_like(x.astype(dt, copy=False), self)


def _uninterpolated(grad: np.ndarray, mode: str, input_size: Any, align: bool, scales: Any) -> np.ndarray:
    found = _all_taps(mode, input_size[2:], grad.shape[2:], align, scales, grad.dtype)
    g = widened(grad)
    for axis in range(grad.ndim - 1, 1, -1):
        g = _gather(g, axis, input_size[axis], *found[axis - 2])
    g = g.astype(grad.dtype, copy=False)
    return in_rows(g) if mode == "cubic" else laid_like(g, grad)


def _rows(name: str, dims: int, mode: str, node: str, kernel: str, bytes_too: bool = True) -> Row:
    """The row of a mode and that of its gradient. `scales`: one number per dimension, or None: the sizes' ratios."""

    def forward(self, output_size, align_corners=False, scales=None):  # type: ignore[no-untyped-def]
        return _interpolated(self, mode, kernel, bytes_too, dims, output_size, align_corners, scales)

    def backward(grad_output, output_size, input_size, align_corners, scales):  # type: ignore[no-untyped-def]
        return _uninterpolated(grad_output, mode, input_size, align_corners, scales)

    rows: list[Row] = []
    back = op(
        name + "_backward",
        grad={
            "grad_output": lambda grad, output_size, align_corners, scales: rows[0](
                grad, output_size, align_corners, scales
            )
        },
        tensors="grad_output",
        node=node + "BackwardBackward0",
        **HIDDEN,
    )(backward)

    def to_self(grad, self_sizes, output_size, align_corners, scales):  # type: ignore[no-untyped-def]
        return back(grad, output_size, tuple(self_sizes), align_corners, scales)

    row = op(name, grad={"self": to_self}, tensors="self", node=node + "Backward0", **HIDDEN)(forward)
    rows.append(row)
    return row


_TAPS = "compute_indices_weights_"
upsample_nearest = {
    d: _rows(f"upsample_nearest{d}d", d, "nearest", f"UpsampleNearest{d}D",
             "upsample_nearest2d_channels_last" if d == 2 else _TAPS + "nearest")
    for d in (1, 2, 3)
}  # fmt: skip
upsample_nearest_exact = {
    d: _rows(f"_upsample_nearest_exact{d}d", d, "nearest_exact", f"UpsampleNearestExact{d}D",
             "upsample_nearest2d_channels_last" if d == 2 else _TAPS + "nearest")
    for d in (1, 2, 3)
}  # fmt: skip
upsample_linear = {
    1: _rows("upsample_linear1d", 1, "linear", "UpsampleLinear1D", _TAPS + "linear", False),
    2: _rows("upsample_bilinear2d", 2, "linear", "UpsampleBilinear2D", "upsample_bilinear2d_channels_last"),
    3: _rows("upsample_trilinear3d", 3, "linear", "UpsampleTrilinear3D", _TAPS + "linear", False),
}
upsample_bicubic = _rows("upsample_bicubic2d", 2, "cubic", "UpsampleBicubic2D", _TAPS + "cubic")
upsample_filtered = {
    how: _rows(
        f"_upsample_{how}2d_aa", 2, how + "_aa", f"Upsample{how.capitalize()}2DAa", "compute_index_ranges_weights"
    )
    for how in ("bilinear", "bicubic", "lanczos")
}
