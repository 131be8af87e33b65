"""Images looked up at the points of a grid, and the grids of affine maps.

Note [Grid sampling]
A point of a grid reads a few elements of the image (two per dimension, or four, or one), each with a weight that is a
product over the dimensions. All points together are a sparse matrix, so the lookup and its transpose are products with
it. Derivatives with respect to the grid are the same lookup with the weights of one dimension differentiated. That holds
for those derivatives again: `orders` says how often each dimension's weights are, and the two rows `lookup` and `lookdown`
(its transpose) are each other's derivatives, to any order.

Grid coordinates come last dimension first: x belongs to the image's last dimension.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtype import from_np
from .linalg import bmm
from .pooling import widened
from .resample import cubic_weights
from .spec import Row, TensorBase, in_rows, op, sizes
from .view import stack, transpose

HIDDEN: dict[str, Any] = dict(function=False, method=False)
BILINEAR, NEAREST, BICUBIC = 0, 1, 2
ZEROS, BORDER, REFLECTION = 0, 1, 2

# ---- coordinates of one dimension: the value, and how fast it moves with the grid's


def _unnormalized(x: np.ndarray, n: int, align: bool) -> tuple[np.ndarray, float]:
    """Grid coordinates -1 to 1 as positions in n elements."""
    return ((x + 1) / 2 * (n - 1), (n - 1) / 2) if align else (((x + 1) * n - 1) / 2, n / 2)


def _clipped(x: np.ndarray, slope: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions inside; the border itself counts as outside for the derivative."""
    inside = (x > 0) & (x < n - 1)
    return np.where(x > 0, np.minimum(x, n - 1), x.dtype.type(0)), np.where(inside, slope, 0)


def _reflected(x: np.ndarray, slope: Any, n: int, align: bool) -> tuple[np.ndarray, np.ndarray]:
    """Positions folded back at the middles of the outermost elements, or at their outer edges."""
    low, span = (0.0, n - 1.0) if align else (-0.5, float(n))
    if span == 0:
        return np.zeros_like(x), np.zeros_like(x)
    real = x.dtype.type
    beyond = x - real(low)
    sign = np.where(beyond < 0, -1, 1)
    beyond = np.abs(beyond)
    rest, flips = np.fmod(beyond, real(span)), np.floor(beyond / real(span))
    even = flips % 2 == 0
    return np.where(even, rest + real(low), real(span) - rest + real(low)), slope * sign * np.where(even, 1, -1)


def _padded(x: np.ndarray, slope: Any, n: int, padding: int, align: bool) -> tuple[np.ndarray, Any]:
    if padding == REFLECTION:
        x, slope = _reflected(x, slope, n, align)
    return _clipped(x, slope, n) if padding in (BORDER, REFLECTION) else (x, slope)


def _cubic_slopes(t: np.ndarray, order: int, a: float = -0.75) -> list[Any]:
    """Derivatives of `cubic_weights` with respect to t."""
    polynomials = [  # of t, highest power first
        (a, -2 * a, a, 0), (a + 2, -(a + 3), 0, 1), (-(a + 2), 2 * a + 3, -a, 0), (-a, a, 0, 0),
    ]  # fmt: skip
    return [np.polyval(np.polyder(np.array(p), order), t) for p in polynomials]


def _taps(x: np.ndarray, n: int, order: int, mode: int, padding: int, align: bool) -> tuple[Any, Any, Any]:
    """(elements, whether they are inside, weights), [K, points], with the weights differentiated `order` times."""
    real = x.dtype.type
    at, slope = _unnormalized(x, n, align)
    if mode == BICUBIC:
        first = np.floor(at)
        t = at - first
        values = cubic_weights(t) if order == 0 else _cubic_slopes(t, order)
        weights = np.stack([(v * real(slope) ** order).astype(real, copy=False) for v in values])
        places = [_padded(first + real(k), 1, n, padding, align)[0] for k in (-1, 0, 1, 2)]
    else:
        at, slope = _padded(at, slope, n, padding, align)
        if mode == NEAREST:
            weights = np.full((1, *at.shape), 1 if order == 0 else 0, real)
            places = [np.rint(at)]
        else:
            first = np.floor(at)
            t = at - first
            change = np.broadcast_to(np.asarray(slope, real), t.shape) if order == 1 else np.zeros_like(t)
            weights = np.stack([1 - t, t] if order == 0 else [-change, change])
            places = [first, first + 1]
    place = np.stack(places)
    inside = (place >= 0) & (place <= n - 1)
    return np.where(inside, place, 0).astype(np.int64), inside | np.isnan(weights), weights


def _matrix(
    grid: np.ndarray, shape: tuple[int, ...], orders: tuple[int, ...], mode: int, padding: int, align: bool
) -> Any:
    """The sparse matrix [N * points, N * elements] of Note [Grid sampling]."""
    from scipy.sparse import csr_array

    count, points = len(grid), math.prod(grid.shape[1:-1])
    flat = grid.reshape(count * points, len(shape))
    index = np.repeat(np.arange(count, dtype=np.int64), points)[None]
    inside, weights = np.ones(index.shape, bool), np.ones(index.shape, flat.dtype)
    for d, n in enumerate(shape):
        own = _taps(flat[:, len(shape) - 1 - d], n, orders[d], mode, padding, align)
        index = (index[:, None] * n + own[0]).reshape(-1, len(flat))
        inside = (inside[:, None] & own[1]).reshape(index.shape)
        weights = (weights[:, None] * own[2]).reshape(index.shape)
    starts = np.concatenate([[0], np.cumsum(inside.sum(0))])
    keep = inside.T
    parts = widened(weights).T[keep], index.T[keep], starts
    return csr_array(parts, shape=(len(flat), count * math.prod(shape)))


def _columns(x: np.ndarray) -> np.ndarray:
    """[N, C, *sizes] as [N * elements, C]."""
    return np.ascontiguousarray(np.moveaxis(widened(x), 1, -1)).reshape(-1, x.shape[1])


def _images(columns: np.ndarray, shape: tuple[int, ...], dt: np.dtype) -> np.ndarray:
    """The reverse of `_columns`: rows of memory, [N, C, *sizes]."""
    out = columns.reshape(shape[0], *shape[2:], shape[1])
    return in_rows(np.moveaxis(out, -1, 1)).astype(dt, copy=False)


# ---- the lookup and its transpose


@op("grid_sampler.lookup",
    grad=dict(input=lambda grad, input_sizes, grid, orders, mode, padding, align: lookdown(
                  grad, grid, tuple(input_sizes), orders, mode, padding, align),
              grid=lambda grad, input, grid, orders, mode, padding, align: slopes(grad, input, grid, orders, mode, padding, align)),
    tensors="input grid", node="GridSamplerLookupBackward0", **HIDDEN)  # fmt: skip
def lookup(input, grid, orders, mode, padding, align):
    """Sums of elements [N, C, *sizes] by the matrix of the grid [N, *out, dims]: [N, C, *out]."""
    shape = (*input.shape[:2], *grid.shape[1:-1])
    if 0 in shape:
        return np.zeros(shape, input.dtype)
    matrix = _matrix(grid, input.shape[2:], orders, mode, padding, align)
    return _images(matrix @ _columns(input), shape, input.dtype)


@op("grid_sampler.lookdown",
    grad=dict(grad_output=lambda grad, grid, orders, mode, padding, align: lookup(grad, grid, orders, mode, padding, align),
              grid=lambda grad, grad_output, grid, orders, mode, padding, align: slopes(
                  grad_output, grad, grid, orders, mode, padding, align)),
    tensors="grad_output grid", node="GridSamplerLookdownBackward0", **HIDDEN)  # fmt: skip
def lookdown(grad_output, grid, input_size, orders, mode, padding, align):
    """The transpose of `lookup`: [N, C, *out] to [N, C, *sizes]."""
    if 0 in grad_output.shape:
        return np.zeros(input_size, grad_output.dtype)
    matrix = _matrix(grid, input_size[2:], orders, mode, padding, align)
    return _images(matrix.T @ _columns(grad_output), input_size, grad_output.dtype)


def slopes(grad: Any, input: Any, grid: Any, orders: Any, mode: int, padding: int, align: bool) -> Any:
    """The gradient with respect to the grid, [N, *out, dims]."""
    dims = len(orders)
    parts = []
    for d in reversed(range(dims)):
        more = tuple(o + (i == d) for i, o in enumerate(orders))
        parts.append((grad * lookup(input, grid, more, mode, padding, align)).sum(1))
    out = stack(parts, -1)
    return out if isinstance(out, TensorBase) else out.astype(grid.dtype, copy=False)


def _check(input: np.ndarray, grid: np.ndarray) -> None:
    if len(input) != len(grid):
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes {sizes(input.shape)} and "
            f"grid with sizes {sizes(grid.shape)}"
        )
    if grid.shape[-1] != input.ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but got grid with sizes "
            f"{sizes(grid.shape)}"
        )
    for d, n in enumerate(input.shape[2:], 2):
        if n <= 0:
            raise RuntimeError(
                f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {sizes(input.shape)} "
                f"with dimension {d} being empty"
            )


def _check_dims(input: np.ndarray, grid: np.ndarray, mode: int, dims: int) -> None:
    if input.ndim != dims + 2 or input.ndim != grid.ndim:
        which = "4D" if dims == 2 else "5D"
        raise RuntimeError(
            f"grid_sampler(): expected {which} input and grid with same number of dimensions, but got input with sizes "
            f"{sizes(input.shape)} and grid with sizes {sizes(grid.shape)}"
        )
    if dims == 3 and mode == BICUBIC:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


def _sampler(dims: int, kernel: str) -> Row:
    still = (0,) * dims
    name = f"grid_sampler_{dims}d"

    def forward(input, grid, interpolation_mode, padding_mode, align_corners):  # type: ignore[no-untyped-def]
        _check(input, grid)
        _check_dims(input, grid, interpolation_mode, dims)
        if input.dtype.kind in "biuc":
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{from_np(input.dtype).legacy}'")
        if input.dtype != grid.dtype:
            names = [from_np(t.dtype).legacy for t in (input, grid)]
            raise RuntimeError(f"expected scalar type {names[0]} but found {names[1]}")
        return lookup.array(input, grid, still, interpolation_mode, padding_mode, align_corners)

    def backward(grad_output, input, grid, interpolation_mode, padding_mode, align_corners):  # type: ignore[no-untyped-def]
        rest = (still, interpolation_mode, padding_mode, align_corners)
        return lookdown.array(grad_output, grid, input.shape, *rest), slopes(grad_output, input, grid, *rest)

    def second(grads, grad_output, input, grid, interpolation_mode, padding_mode, align_corners, needs):  # type: ignore[no-untyped-def]
        of_input, of_grid = grads
        rest = (interpolation_mode, padding_mode, align_corners)
        once = [tuple(int(i == d) for i in range(dims)) for d in range(dims)]
        parts = [(of_grid[..., dims - 1 - d][:, None], once[d]) for d in range(dims)]
        to_output = to_input = to_grid = None
        if needs[0]:
            to_output = lookup(of_input, grid, still, *rest)
            for part, orders in parts:
                to_output = to_output + part * lookup(input, grid, orders, *rest)
        if needs[1]:
            for part, orders in parts:
                here = lookdown(grad_output * part, grid, tuple(input.shape), orders, *rest)
                to_input = here if to_input is None else to_input + here
        if needs[2]:
            to_grid = slopes(grad_output, of_input, grid, still, *rest)
            for part, orders in parts:
                to_grid = to_grid + slopes(grad_output * part, input, grid, orders, *rest)
        return to_output, to_input, to_grid

    back = op(
        name + "_backward",
        grad={"grad_output input grid": second},
        tensors="grad_output input grid",
        outputs="grad_input grad_grid",
        node=f"GridSampler{dims}DBackwardBackward0",
        **HIDDEN,
    )(backward)

    def to_both(grad, input, grid, interpolation_mode, padding_mode, align_corners, needs):  # type: ignore[no-untyped-def]
        to_input, to_grid = back(grad, input, grid, interpolation_mode, padding_mode, align_corners)
        return to_input if needs[0] else None, to_grid if needs[1] else None

    return op(
        name,
        grad={"input grid": to_both},
        tensors="input grid",
        node=f"GridSampler{dims}DBackward0",
        method=False,
    )(forward)


grid_sampler_2d = _sampler(2, "grid_sampler_2d_cpu_kernel_impl")
grid_sampler_3d = _sampler(3, "grid_sampler3d_cpu")

# ---- the grids of affine maps


def base_grid(size: Any, align: bool, dt: np.dtype) -> np.ndarray:
    """The homogeneous coordinates of all pixels: [points, dims + 1], last dimension first."""
    real: Any = np.float64 if dt.itemsize >= 8 else np.float32
    axes = []
    for n in size[2:]:
        steps = np.linspace(-1, 1, n, dtype=real) if n > 1 else np.zeros(1, real)
        axes.append(steps if align else steps * real(n - 1) / real(n))
    points = np.meshgrid(*axes, indexing="ij")[::-1]
    return np.stack([p.reshape(-1) for p in (*points, np.ones_like(points[0]))], -1).astype(dt)


@op("affine_grid_generator", grad=dict(theta=lambda grad, size, align_corners: _to_theta(grad, size, align_corners)),
    tensors="theta", real_grad=True, **HIDDEN)  # fmt: skip
def affine_grid_generator(theta, size, align_corners):
    dims = len(size) - 2
    if dims not in (2, 3):
        raise RuntimeError("AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs.")
    count, own = size[0], tuple(theta.shape)
    if len(own) != 3 or own[0] != count or own[2] != dims + 1:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{count}, {dims + 1}] but got: "
            f"[{own[0]}, {own[-1]}]."
        )
    if theta.dtype.kind == "b":
        raise NotImplementedError("\"linspace_cpu\" not implemented for 'Bool'")
    points = base_grid(size, align_corners, theta.dtype)
    out = widened(points)[None] @ widened(theta).swapaxes(1, 2)
    return in_rows(out).reshape(count, *size[2:], own[1]).astype(theta.dtype, copy=False)


def _to_theta(grad: Any, size: Any, align_corners: bool) -> Any:
    """The gradient of theta: [N, dims, dims + 1], lying as its transpose."""
    dims, count = len(size) - 2, size[0]
    dt = grad._a.dtype if isinstance(grad, TensorBase) else grad.dtype  # type: ignore[attr-defined]
    points = base_grid(size, align_corners, dt).T
    points = np.ascontiguousarray(np.broadcast_to(points, (count, *points.shape)))
    flat = grad.reshape(count, points.shape[2], dims)
    left: Any = grad.new_tensor(points) if isinstance(grad, TensorBase) else points  # type: ignore[attr-defined]
    return transpose(bmm(left, flat), 1, 2)


__all__ = ["affine_grid_generator", "grid_sampler_2d", "grid_sampler_3d"]
