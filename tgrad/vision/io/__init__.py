"""`torchvision.io`: image files as tensors, through Pillow."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from ... import functions as F
from ...dtype import uint8
from ...tensor import Tensor
from ..pillow import from_array, pillow


class ImageReadMode(Enum):
    """What channels an image is read with."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}


def _decoded(source: Any, mode: Any, apply_exif_orientation: bool) -> Tensor:
    if isinstance(mode, str):
        mode = ImageReadMode[mode.upper()]
    with pillow().open(source) as image:
        if apply_exif_orientation:
            image = pillow("ImageOps").exif_transpose(image)
        wanted = _MODES.get(mode)
        if wanted is None and image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
            wanted = "RGBA" if "transparency" in image.info else "RGB" if image.mode != "1" else "L"
        pixels = np.array(image if wanted is None else image.convert(wanted))
    return F.from_numpy(np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)))


def read_image(path: Any, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False) -> Tensor:
    """An image file as uint8 of C x H x W, with the channels it has or those that `mode` asks for."""
    return _decoded(path, mode, apply_exif_orientation)


def read_file(path: Any) -> Tensor:
    """A file's bytes."""
    with open(path, "rb") as file:
        return F.from_numpy(np.frombuffer(bytearray(file.read()), np.uint8))


def decode_image(input: Any, mode: Any = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False) -> Tensor:
    """The bytes of an image file (a tensor), or the path of one, as uint8 of C x H x W."""
    if not isinstance(input, Tensor):
        return read_image(input, mode, apply_exif_orientation)
    import io

    return _decoded(io.BytesIO(input.numpy().tobytes()), mode, apply_exif_orientation)


def _write(input: Tensor, filename: Any, **options: Any) -> None:
    if input.dtype is not uint8:
        raise RuntimeError("Input tensor dtype should be uint8")
    if input.dim() != 3 or input.size(0) not in (1, 3):
        raise RuntimeError(
            f"The number of channels should be 1 or 3, got: {input.size(0) if input.dim() == 3 else tuple(input.shape)}"
        )
    pixels = input.permute(1, 2, 0).numpy()
    image = from_array(pixels[..., 0], "L") if input.size(0) == 1 else from_array(pixels, "RGB")
    image.save(filename, **options)


def write_png(input: Tensor, filename: Any, compression_level: int = 6) -> None:
    """An image of uint8, C x H x W with one or three channels, as a PNG file."""
    _write(input, filename, format="PNG", compress_level=compression_level)


def write_jpeg(input: Tensor, filename: Any, quality: int = 75) -> None:
    """An image of uint8, C x H x W with one or three channels, as a JPEG file."""
    _write(input, filename, format="JPEG", quality=quality)


__all__ = ["ImageReadMode", "decode_image", "read_file", "read_image", "write_jpeg", "write_png"]
