"""The functions on tensors that move pixels: cutting, padding, resizing, turning, blurring."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import functions as F
from ...dtype import float32, float64, int8, int16, int32, int64, uint8
from ...nn import functional as NF
from ...tensor import Tensor
from ._functional_pil import MODES, _sides
from ._functional_tensor import _need_factor, blend, get_dimensions, need_channels, need_image

_INTEGERS = (uint8, int8, int16, int32, int64)


class As4d:
    """An image as a batch of a dtype that can be computed with, and the result as what the image was."""

    def __init__(self, img: Tensor, *allowed: Any) -> None:
        self.dtype, self.flat = img.dtype, img.ndim < 4
        img = img.unsqueeze(dim=0) if self.flat else img
        self.img = img if img.dtype in allowed else img.to(allowed[0])
        self.cast = img.dtype not in allowed

    def back(self, img: Tensor) -> Tensor:
        if self.flat:
            img = img.squeeze(dim=0)
        if self.cast:
            img = (F.round(img) if self.dtype in _INTEGERS else img).to(self.dtype)
        return img


def vflip(img: Tensor) -> Tensor:
    need_image(img)
    return img.flip(-2)


def hflip(img: Tensor) -> Tensor:
    need_image(img)
    return img.flip(-1)


def crop(img: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    _, h, w = get_dimensions(img)
    right, bottom = left + width, top + height
    if left >= 0 and top >= 0 and right <= w and bottom <= h:
        return img[..., top:bottom, left:right]
    beyond = [
        max(-left + min(0, right), 0),
        max(-top + min(0, bottom), 0),
        max(right - max(w, left), 0),
        max(bottom - max(h, top), 0),
    ]
    return pad(img[..., max(top, 0) : bottom, max(left, 0) : right], beyond, fill=0)


def pad(img: Tensor, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Tensor:
    need_image(img)
    if fill is None:
        fill = 0
    if not isinstance(padding, (int, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if not isinstance(fill, (int, float)):
        raise TypeError("Got inappropriate fill arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if isinstance(padding, (tuple, list)) and len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    if padding_mode not in MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    left, top, right, bottom = _sides(padding)
    if padding_mode == "symmetric":
        return _mirrored(img, left, top, right, bottom)
    if padding_mode == "constant":
        view = As4d(img, img.dtype)
        return view.back(NF.pad(view.img, [left, right, top, bottom], mode="constant", value=float(fill)))
    view = As4d(img, float32, float64)
    mode = "replicate" if padding_mode == "edge" else padding_mode
    out = NF.pad(view.img, [left, right, top, bottom], mode=mode)
    return (out.squeeze(dim=0) if view.flat else out).to(img.dtype)


def _mirrored(img: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
    """Padded with the image mirrored at its edges, the outermost pixels included; negative sides cut."""
    cut = [max(0, -side) for side in (left, top, right, bottom)]
    img = img[..., cut[1] : img.shape[-2] - cut[3], cut[0] : img.shape[-1] - cut[2]]
    if img.ndim not in (3, 4):
        raise RuntimeError("Symmetric padding of N-D tensors are not supported yet")

    def places(before: int, count: int, after: int) -> Tensor:
        return F.tensor([*range(before - 1, -1, -1), *range(count), *[-(i + 1) for i in range(after)]])

    rows = places(max(top, 0), img.shape[-2], max(bottom, 0))
    columns = places(max(left, 0), img.shape[-1], max(right, 0))
    return img[..., rows[:, None], columns[None, :]]


def resize(img: Tensor, size: list[int], interpolation: str = "bilinear", antialias: bool | None = True) -> Tensor:
    need_image(img)
    smooth = interpolation in ("bilinear", "bicubic")
    view = As4d(img, float32, float64)
    out = NF.interpolate(
        view.img,
        size=list(size),
        mode=interpolation,
        align_corners=False if smooth else None,
        antialias=bool(antialias) and smooth,
    )
    if interpolation == "bicubic" and img.dtype is uint8:
        out = out.clamp(min=0, max=255)
    return view.back(out)


# ---- through a grid


def _check_grid(img: Tensor, interpolation: str, fill: Any) -> None:
    need_image(img)
    if fill is not None and not isinstance(fill, (int, float, tuple, list)):
        warnings.warn("Argument fill should be either int, float, tuple or list", stacklevel=4)
    channels = get_dimensions(img)[0]
    if isinstance(fill, (tuple, list)) and len(fill) > 1 and len(fill) != channels:
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of the image "
            f"({len(fill)} != {channels})"
        )
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"Interpolation mode '{interpolation}' is unsupported with Tensor input")


def _sampled(img: Tensor, grid: Tensor, mode: str, fill: Any) -> Tensor:
    """The image looked up at the grid's places; `fill` where they lie outside."""
    view = As4d(img, grid.dtype)
    x = view.img
    if x.shape[0] > 1:
        grid = grid.expand(x.shape[0], *grid.shape[1:])
    if fill is None:
        return view.back(NF.grid_sample(x, grid, mode=mode, padding_mode="zeros", align_corners=False))
    # One channel more, of ones: what is left of it tells how much of each pixel lies inside.
    x = F.cat((x, F.ones((x.shape[0], 1, *x.shape[2:]), dtype=x.dtype)), dim=1)
    x = NF.grid_sample(x, grid, mode=mode, padding_mode="zeros", align_corners=False)
    x, inside = x[:, :-1], x[:, -1:]
    inside = inside.expand_as(x)
    colours = list(fill) if isinstance(fill, (tuple, list)) else [float(fill)]
    outside = F.tensor(colours, dtype=x.dtype).view(1, len(colours), 1, 1).expand_as(x)
    if mode == "nearest":
        x = F.where(inside < 0.5, outside, x)
    else:
        x = x * inside + (1.0 - inside) * outside
    return view.back(x)


def _pixels(width: int, height: int, x: float, y: float, dtype: Any) -> Tensor:
    """(x, y, 1) for each pixel, the first of them at (x, y)."""
    grid = F.empty(1, height, width, 3, dtype=dtype)
    grid[..., 0].copy_(F.linspace(x, width + x - 1, steps=width))
    grid[..., 1].copy_(F.linspace(y, height + y - 1, steps=height).unsqueeze_(-1))
    grid[..., 2].fill_(1)
    return grid


def _affine_grid(theta: Tensor, w: int, h: int, ow: int, oh: int) -> Tensor:
    base = _pixels(ow, oh, -ow * 0.5 + 0.5, -oh * 0.5 + 0.5, theta.dtype)
    scaled = theta.transpose(1, 2) / F.tensor([0.5 * w, 0.5 * h], dtype=theta.dtype)
    return base.view(1, oh * ow, 3).bmm(scaled).view(1, oh, ow, 2)


def _floating(img: Tensor) -> Any:
    return img.dtype if img.is_floating_point() else float32


def affine(img: Tensor, matrix: list[float], interpolation: str = "nearest", fill: Any = None) -> Tensor:
    _check_grid(img, interpolation, fill)
    return _through(img, matrix, img.shape[-1], img.shape[-2], interpolation, fill)


def _through(img: Tensor, matrix: list[float], ow: int, oh: int, interpolation: str, fill: Any) -> Tensor:
    theta = F.tensor(matrix, dtype=_floating(img)).reshape(1, 2, 3)
    return _sampled(img, _affine_grid(theta, img.shape[-1], img.shape[-2], ow, oh), interpolation, fill)


def _turned_size(matrix: list[float], w: int, h: int) -> tuple[int, int]:
    """Width and height of what the whole image takes when it is turned."""
    corners = F.tensor(
        [[-0.5 * w, -0.5 * h, 1.0], [-0.5 * w, 0.5 * h, 1.0], [0.5 * w, 0.5 * h, 1.0], [0.5 * w, -0.5 * h, 1.0]]
    )
    moved = F.matmul(corners, F.tensor(matrix, dtype=float32).view(2, 3).T)
    half = F.tensor((w * 0.5, h * 0.5))
    least, most = moved.min(dim=0).values + half, moved.max(dim=0).values + half
    tol = 1e-4  # or 1.0 and a little would be 2
    size = F.ceil((most / tol).trunc_() * tol) - F.floor((least / tol).trunc_() * tol)
    return int(size[0]), int(size[1])


def rotate(
    img: Tensor, matrix: list[float], interpolation: str = "nearest", expand: bool = False, fill: Any = None
) -> Tensor:
    _check_grid(img, interpolation, fill)
    w, h = img.shape[-1], img.shape[-2]
    ow, oh = _turned_size(matrix, w, h) if expand else (w, h)
    return _through(img, matrix, ow, oh, interpolation, fill)


def perspective(
    img: Tensor, perspective_coeffs: list[float], interpolation: str = "bilinear", fill: Any = None
) -> Tensor:
    _check_grid(img, interpolation, fill)
    if len(perspective_coeffs) != 8:
        raise ValueError("Argument coeffs should have 8 float values")
    a, b, c, d, e, f, g, h = perspective_coeffs
    ow, oh, dtype = img.shape[-1], img.shape[-2], _floating(img)
    # x' = (a x + b y + c) / (g x + h y + 1) and y' = (d x + e y + f) / (g x + h y + 1)
    above = F.tensor([[[a, b, c], [d, e, f]]], dtype=dtype).transpose(1, 2) / F.tensor(
        [0.5 * ow, 0.5 * oh], dtype=dtype
    )
    below = F.tensor([[[g, h, 1.0], [g, h, 1.0]]], dtype=dtype).transpose(1, 2)
    base = _pixels(ow, oh, 0.5, 0.5, dtype).view(1, oh * ow, 3)
    grid = base.bmm(above) / base.bmm(below) - 1.0
    return _sampled(img, grid.view(1, oh, ow, 2), interpolation, fill)


# ---- through a kernel


def _bell(size: int, sigma: float, dtype: Any) -> Tensor:
    half = (size - 1) * 0.5
    x = F.linspace(-half, half, steps=size, dtype=dtype)
    density = F.exp(-0.5 * (x / sigma).pow(2))
    return density / density.sum()


def gaussian_blur(img: Tensor, kernel_size: list[int], sigma: list[float]) -> Tensor:
    need_image(img)
    dtype = _floating(img)
    columns, rows = (_bell(size, s, dtype) for size, s in zip(kernel_size, sigma))
    kernel = F.mm(rows[:, None], columns[None, :])
    kernel = kernel.expand(img.shape[-3], 1, *kernel.shape)
    view = As4d(img, dtype)
    x, y = kernel_size[0] // 2, kernel_size[1] // 2
    out = NF.pad(view.img, [x, x, y, y], mode="reflect")
    return view.back(NF.conv2d(out, kernel, groups=out.shape[-3]))


def adjust_sharpness(img: Tensor, sharpness_factor: float) -> Tensor:
    _need_factor("sharpness_factor", sharpness_factor)
    need_image(img)
    need_channels(img, [1, 3])
    if img.size(-1) <= 2 or img.size(-2) <= 2:
        return img
    kernel = F.ones((3, 3), dtype=_floating(img))
    kernel[1, 1] = 5.0
    kernel /= kernel.sum()
    view = As4d(img, kernel.dtype)
    soft = view.back(NF.conv2d(view.img, kernel.expand(img.shape[-3], 1, 3, 3), groups=img.shape[-3]))
    blurred = img.clone()
    blurred[..., 1:-1, 1:-1] = soft
    return blend(img, blurred, sharpness_factor)


def inverse_affine(
    center: list[float], angle: float, translate: list[float], scale: float, shear: list[float]
) -> list[float]:
    """The matrix that leads from the result's pixels back to the image's, by rows: the inverse of
    translation * centre * rotation * scale * shear_y * shear_x * centre^-1."""
    rot, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    (cx, cy), (tx, ty) = center, translate
    a = math.cos(rot - sy) / math.cos(sy)
    b = -math.cos(rot - sy) * math.tan(sx) / math.cos(sy) - math.sin(rot)
    c = math.sin(rot - sy) / math.cos(sy)
    d = -math.sin(rot - sy) * math.tan(sx) / math.cos(sy) + math.cos(rot)
    m = [x / scale for x in (d, -b, 0.0, -c, a, 0.0)]  # the determinant is one
    m[2] += m[0] * (-cx - tx) + m[1] * (-cy - ty)
    m[5] += m[3] * (-cx - tx) + m[4] * (-cy - ty)
    m[2] += cx
    m[5] += cy
    return m
