"""The functions on Pillow images."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..pillow import from_array, is_image, pillow

MODES = ("constant", "edge", "reflect", "symmetric")


def of_images(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Refuses a first argument that is no Pillow image, after what the function itself checks first."""

    @functools.wraps(fn)
    def checked(img: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_image(img):
            raise TypeError(f"img should be PIL Image. Got {type(img)}")
        return fn(img, *args, **kwargs)

    return checked


def get_dimensions(img: Any) -> list[int]:
    if not is_image(img):
        raise TypeError(f"Unexpected type {type(img)}")
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img: Any) -> list[int]:
    _, height, width = get_dimensions(img)
    return [width, height]


def get_image_num_channels(img: Any) -> int:
    return get_dimensions(img)[0]


@of_images
def hflip(img: Any) -> Any:
    return img.transpose(pillow().Transpose.FLIP_LEFT_RIGHT)


@of_images
def vflip(img: Any) -> Any:
    return img.transpose(pillow().Transpose.FLIP_TOP_BOTTOM)


def _enhanced(kind: str) -> Callable[..., Any]:
    @of_images
    def adjust(img: Any, factor: float) -> Any:
        return getattr(pillow("ImageEnhance"), kind)(img).enhance(factor)

    return adjust


adjust_brightness = _enhanced("Brightness")
adjust_contrast = _enhanced("Contrast")
adjust_saturation = _enhanced("Color")
adjust_sharpness = _enhanced("Sharpness")


def adjust_hue(img: Any, hue_factor: float) -> Any:
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if not is_image(img):
        raise TypeError(f"img should be PIL Image. Got {type(img)}")
    mode = img.mode
    if mode in {"L", "1", "I", "F"}:
        return img
    h, s, v = img.convert("HSV").split()
    turned = np.array(h, dtype=np.uint8)
    turned += np.int32(hue_factor * 255).astype(np.uint8)  # round the circle
    return pillow().merge("HSV", (from_array(turned, "L"), s, v)).convert(mode)


@of_images
def adjust_gamma(img: Any, gamma: float, gain: float = 1.0) -> Any:
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    table = [int((255 + 1 - 1e-3) * gain * pow(value / 255.0, gamma)) for value in range(256)] * 3
    return img.convert("RGB").point(table).convert(img.mode)


def _fill(fill: Any, img: Any, name: str = "fillcolor") -> dict[str, Any]:
    """Pillow's keyword for what is put where there is no image."""
    channels = get_image_num_channels(img)
    if fill is None:
        fill = 0
    if isinstance(fill, (int, float)) and channels > 1:
        fill = (fill,) * channels
    if isinstance(fill, (list, tuple)):
        if len(fill) == 1:
            fill = tuple(fill) * channels
        elif len(fill) != channels:
            raise ValueError(
                "The number of elements in 'fill' does not match the number of channels of the image "
                f"({len(fill)} != {channels})"
            )
        fill = tuple(fill)
    if img.mode != "F":
        fill = tuple(int(x) for x in fill) if isinstance(fill, tuple) else int(fill)
    return {name: fill}


@of_images
def pad(img: Any, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> Any:
    if not isinstance(padding, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    if fill is not None and not isinstance(fill, (numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate fill arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if isinstance(padding, (list, tuple)) and len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    if padding_mode not in MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    left, top, right, bottom = _sides(padding)
    if padding_mode == "constant":
        grown = pillow("ImageOps").expand(img, border=(left, top, right, bottom), **_fill(fill, img, "fill"))
        if img.mode == "P":
            grown.putpalette(img.getpalette())
        return grown
    palette = img.getpalette() if img.mode == "P" else None
    cut = [max(0, -side) for side in (left, top, right, bottom)]
    if any(cut):
        img = img.crop((cut[0], cut[1], img.width - cut[2], img.height - cut[3]))
    pixels = np.asarray(img)
    widths = [(max(0, top), max(0, bottom)), (max(0, left), max(0, right)), (0, 0)][: pixels.ndim]
    mode: Any = padding_mode
    grown = pillow().fromarray(np.pad(pixels, widths, mode=mode))
    if palette is not None:
        grown.putpalette(palette)
    return grown


def _sides(padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    if isinstance(padding, numbers.Number):
        padding = (padding,)
    if len(padding) == 1:
        padding = (*padding, *padding)
    return tuple(padding) if len(padding) == 4 else (padding[0], padding[1], padding[0], padding[1])


@of_images
def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    return img.crop((left, top, left + width, top + height))


@of_images
def resize(img: Any, size: list[int], interpolation: int = 2) -> Any:
    if not (isinstance(size, list) and len(size) == 2):
        raise TypeError(f"Got inappropriate size arg: {size}")
    return img.resize((size[1], size[0]), interpolation)


@of_images
def affine(img: Any, matrix: list[float], interpolation: int = 0, fill: Any = None) -> Any:
    return img.transform(img.size, pillow().Transform.AFFINE, matrix, interpolation, **_fill(fill, img))


@of_images
def rotate(
    img: Any, angle: float, interpolation: int = 0, expand: bool = False, center: Any = None, fill: Any = None
) -> Any:
    return img.rotate(angle, interpolation, expand, center, **_fill(fill, img))


@of_images
def perspective(img: Any, perspective_coeffs: list[float], interpolation: int = 3, fill: Any = None) -> Any:
    kind = pillow().Transform.PERSPECTIVE
    return img.transform(img.size, kind, perspective_coeffs, interpolation, **_fill(fill, img))


@of_images
def to_grayscale(img: Any, num_output_channels: int) -> Any:
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    grey = img.convert("L")
    if num_output_channels == 1:
        return grey
    pixels = np.array(grey, dtype=np.uint8)
    return from_array(np.dstack([pixels] * 3), "RGB")


def _from_image_ops(name: str) -> Callable[..., Any]:
    @of_images
    def changed(img: Any, *args: Any) -> Any:
        return getattr(pillow("ImageOps"), name)(img, *args)

    return changed


invert = _from_image_ops("invert")
posterize = _from_image_ops("posterize")
solarize = _from_image_ops("solarize")
autocontrast = _from_image_ops("autocontrast")
equalize = _from_image_ops("equalize")
