"""`torchvision.transforms.functional`: the transforms as functions, of Pillow images and of tensors of (..., C, H, W)."""

from __future__ import annotations

import numbers
import sys
import warnings
from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np

from ... import functions as F
from ...dtype import float32, float64, get_default_dtype, uint8
from ...linalg import lstsq
from ...tensor import Tensor
from ..pillow import from_array, is_image
from . import _functional_pil as F_pil
from . import _functional_tensor as F_t
from . import _warp as F_w


class InterpolationMode(Enum):
    """How pixels between pixels are found. Tensors know the first four, and `rotate` and its kin NEAREST and BILINEAR."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_M = InterpolationMode
pil_modes_mapping = {
    _M.NEAREST: 0, _M.BILINEAR: 2, _M.BICUBIC: 3, _M.NEAREST_EXACT: 0, _M.BOX: 4, _M.HAMMING: 5, _M.LANCZOS: 1,
}  # fmt: skip


def _interpolation_modes_from_int(i: int) -> InterpolationMode:
    """Pillow's number as a mode."""
    return {0: _M.NEAREST, 2: _M.BILINEAR, 3: _M.BICUBIC, 4: _M.BOX, 5: _M.HAMMING, 1: _M.LANCZOS}[i]


def _mode(interpolation: Any) -> InterpolationMode:
    if isinstance(interpolation, int):
        return _interpolation_modes_from_int(interpolation)
    if not isinstance(interpolation, InterpolationMode):
        raise TypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant"
        )
    return interpolation


_is_pil_image = is_image


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width]."""
    return F_t.get_dimensions(img) if isinstance(img, Tensor) else F_pil.get_dimensions(img)


def get_image_size(img: Any) -> list[int]:
    """[width, height]."""
    return F_t.get_image_size(img) if isinstance(img, Tensor) else F_pil.get_image_size(img)


def get_image_num_channels(img: Any) -> int:
    """The number of channels."""
    return F_t.get_image_num_channels(img) if isinstance(img, Tensor) else F_pil.get_image_num_channels(img)


# ---- from one kind to the other


def to_tensor(pic: Any) -> Tensor:
    """A Pillow image, or an array of H x W (x C), as a tensor of C x H x W; bytes become numbers from 0 to 1.

    TypeError for anything else, ValueError for arrays of other dimensions.

    >>> import numpy as np
    >>> from tgrad.vision.transforms import functional
    >>> functional.to_tensor(np.array([[0, 51, 255]], dtype=np.uint8))
    tensor([[[0.0000, 0.2000, 1.0000]]])
    """
    if not (is_image(pic) or isinstance(pic, np.ndarray)):
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        if pic.ndim == 2:
            pic = pic[:, :, None]
        img = F.from_numpy(pic.transpose((2, 0, 1))).contiguous()
    else:
        wide = {"I": np.int32, "I;16" if sys.byteorder == "little" else "I;16B": np.int16, "F": np.float32}
        img = F.from_numpy(np.array(pic, wide.get(pic.mode, np.uint8), copy=True))
        if pic.mode == "1":
            img = 255 * img
        img = img.view(pic.size[1], pic.size[0], get_image_num_channels(pic)).permute((2, 0, 1)).contiguous()
    return img.to(dtype=get_default_dtype()).div(255) if img.dtype is uint8 else img


def pil_to_tensor(pic: Any) -> Tensor:
    """A Pillow image as a tensor of C x H x W in the dtype of its pixels. TypeError for anything else."""
    if not is_image(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    img = F.as_tensor(np.array(pic, copy=True))
    return img.view(pic.size[1], pic.size[0], get_image_num_channels(pic)).permute((2, 0, 1))


def convert_image_dtype(image: Tensor, dtype: Any = float32) -> Tensor:
    """An image in another dtype, with white where white was (1 in floating dtypes, the largest number in others).

    RuntimeError from float32 to int32 and int64, and from float64 to int64, which hold more numbers than it.
    """
    if not isinstance(image, Tensor):
        raise TypeError("Input img should be Tensor Image")
    return F_t.convert_image_dtype(image, dtype)


_ONE_CHANNEL = {
    np.dtype(np.uint8): "L",
    np.dtype(np.int16): "I;16" if sys.byteorder == "little" else "I;16B",
    np.dtype(np.int32): "I",
    np.dtype(np.float32): "F",
}
_CHANNELS = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor of C x H x W (or H x W), or an array of H x W x C, as a Pillow image; floating numbers are times 255.

    TypeError for other types and dtypes, ValueError for other dimensions and for a mode that does not fit the channels.
    """
    if isinstance(pic, Tensor):
        if pic.ndim == 3:
            pic = pic.permute((1, 2, 0))
        pic = pic.numpy(force=True)
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    if pic.ndim == 2:
        pic = np.expand_dims(pic, 2)
    if pic.ndim != 3:
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    channels = pic.shape[-1]
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if np.issubdtype(pic.dtype, np.floating) and mode != "F":
        with np.errstate(invalid="ignore"):
            pic = (pic * 255).astype(np.uint8)
    if channels == 1:
        pic = pic[:, :, 0]
        expected = _ONE_CHANNEL.get(pic.dtype)
        if mode is not None and mode != expected:
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {np.dtype}. Should be {expected}")
        mode = expected
    else:
        permitted = _CHANNELS.get(channels, _CHANNELS[3])
        if mode is not None and mode not in permitted:
            raise ValueError(
                f"Only modes {list(permitted)} are supported for {channels if channels in _CHANNELS else 3}D inputs"
            )
        if mode is None and pic.dtype == np.uint8:
            mode = permitted[0]
    if mode is None:
        raise TypeError(f"Input type {pic.dtype} is not supported")
    return from_array(pic, mode)


# ---- sizes and places


def _compute_resized_output_size(
    image_size: tuple[int, int], size: Sequence[int], max_size: int | None = None
) -> list[int]:
    """[height, width]: one number is for the shorter side, and the longer one keeps its ratio to it, up to `max_size`."""
    if len(size) == 2:
        return [size[0], size[1]]
    h, w = image_size
    short, long = (w, h) if w <= h else (h, w)
    new_short, new_long = size[0], int(size[0] * long / short)
    if max_size is not None:
        if max_size <= size[0]:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge size = {size}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return [new_long, new_short] if w <= h else [new_short, new_long]


def resize(
    img: Any,
    size: Any,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The image in another size: [height, width], or one number for the shorter side."""
    interpolation = _mode(interpolation)
    if isinstance(size, (list, tuple)):
        if len(size) not in [1, 2]:
            raise ValueError(
                f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list"
            )
        if max_size is not None and len(size) != 1:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, "
                "i.e. size should be an int or a sequence of length 1 in torchscript mode."
            )
    _, height, width = get_dimensions(img)
    output = _compute_resized_output_size((height, width), [size] if isinstance(size, int) else size, max_size)
    if [height, width] == output:
        return img
    if isinstance(img, Tensor):
        return F_w.resize(img, size=output, interpolation=interpolation.value, antialias=antialias)
    if antialias is False:
        warnings.warn(
            "Anti-alias option is always applied for PIL Image input. Argument antialias is ignored.", stacklevel=2
        )
    return F_pil.resize(img, size=output, interpolation=pil_modes_mapping[interpolation])


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """The image with a border: one number, [left and right, top and bottom], or [left, top, right, bottom]."""
    return (F_w if isinstance(img, Tensor) else F_pil).pad(img, padding=padding, fill=fill, padding_mode=padding_mode)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A part of the image; what lies outside of it is 0."""
    return (F_w if isinstance(img, Tensor) else F_pil).crop(img, top, left, height, width)


def _pair(size: Any) -> tuple[int, int]:
    if isinstance(size, numbers.Number):
        return (int(size), int(size))  # type: ignore[call-overload]
    return (size[0], size[0]) if len(size) == 1 else size


def center_crop(img: Any, output_size: Any) -> Any:
    """The middle of the image, padded with 0 where it is smaller."""
    height, width = _pair(output_size)
    _, h, w = get_dimensions(img)
    if width > w or height > h:
        more_w, more_h = max(0, width - w), max(0, height - h)
        img = pad(img, [more_w // 2, more_h // 2, (more_w + 1) // 2, (more_h + 1) // 2], fill=0)
        _, h, w = get_dimensions(img)
        if width == w and height == h:
            return img
    return crop(img, round((h - height) / 2.0), round((w - width) / 2.0), height, width)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """`crop`, then `resize`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def five_crop(img: Any, size: Any) -> tuple[Any, ...]:
    """The four corners and the middle. ValueError for a size larger than the image's."""
    size = _pair(size)
    if len(size) != 2:
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    _, h, w = get_dimensions(img)
    height, width = size
    if width > w or height > h:
        raise ValueError(f"Requested crop size {size} is bigger than input size {(h, w)}")
    corners = [crop(img, top, left, height, width) for top in (0, h - height) for left in (0, w - width)]
    return (*corners, center_crop(img, [height, width]))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop` of the image and of the flipped one."""
    first = five_crop(img, size)
    return first + five_crop(vflip(img) if vertical_flip else hflip(img), size)


def hflip(img: Any) -> Any:
    """Left and right exchanged."""
    return (F_w if isinstance(img, Tensor) else F_pil).hflip(img)


def vflip(img: Any) -> Any:
    """Top and bottom exchanged."""
    return (F_w if isinstance(img, Tensor) else F_pil).vflip(img)


def _about(img: Any, center: Any) -> list[float]:
    """A place in pixels, seen from the middle of the image."""
    if center is None:
        return [0.0, 0.0]
    _, height, width = get_dimensions(img)
    return [1.0 * (c - s * 0.5) for c, s in zip(center, [width, height])]


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Any = None,
    fill: Any = None,
) -> Any:
    """The image turned by `angle` degrees, anticlockwise; `expand` makes room for all of it."""
    mode = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    if not isinstance(img, Tensor):
        return F_pil.rotate(img, angle, pil_modes_mapping[mode], expand, center, fill)
    matrix = F_w.inverse_affine(_about(img, center), -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    return F_w.rotate(img, matrix=matrix, interpolation=mode.value, expand=expand, fill=fill)


def affine(
    img: Any,
    angle: float,
    translate: Any,
    scale: float,
    shear: Any,
    interpolation: InterpolationMode = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Any = None,
) -> Any:
    """The image turned (degrees, clockwise), moved (pixels), scaled and sheared (degrees, in x and y), about its middle."""
    mode = _mode(interpolation)
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (numbers.Number, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    sheared: list[Any] = [shear, 0.0] if isinstance(shear, numbers.Number) else list(shear)  # type: ignore[arg-type]
    if len(sheared) == 1:
        sheared *= 2
    if len(sheared) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {sheared}")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")
    _, height, width = get_dimensions(img)
    if not isinstance(img, Tensor):
        middle = [width * 0.5, height * 0.5] if center is None else center
        matrix = F_w.inverse_affine(middle, float(angle), translate, scale, sheared)  # type: ignore[arg-type]
        return F_pil.affine(img, matrix, pil_modes_mapping[mode], fill)
    matrix = F_w.inverse_affine(_about(img, center), float(angle), [1.0 * t for t in translate], scale, sheared)
    return F_w.affine(img, matrix=matrix, interpolation=mode.value, fill=fill)


def _get_perspective_coeffs(startpoints: Any, endpoints: Any) -> list[float]:
    """The eight numbers of the map that takes `endpoints` to `startpoints`, by least squares."""
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and {len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    wanted = F.tensor(startpoints, dtype=float64).view(8)
    found = lstsq(F.tensor(rows, dtype=float64), wanted, driver="gels").solution
    return found.to(float32).tolist()


def perspective(
    img: Any,
    startpoints: Any,
    endpoints: Any,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """The image as seen from elsewhere: its corners, from `startpoints`, lie at `endpoints`."""
    coeffs = _get_perspective_coeffs(startpoints, endpoints)
    mode = _mode(interpolation)
    if not isinstance(img, Tensor):
        return F_pil.perspective(img, coeffs, pil_modes_mapping[mode], fill)
    return F_w.perspective(img, coeffs, interpolation=mode.value, fill=fill)


# ---- colours


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """(tensor - mean) / std, for each channel. ValueError for a std of zero, TypeError for tensors that are not floating."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    return F_t.normalize(tensor, mean=mean, std=std, inplace=inplace)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Times `brightness_factor`: 0 is black, 1 the image."""
    return (F_t if isinstance(img, Tensor) else F_pil).adjust_brightness(img, brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """Away from the mean grey: 0 is grey all over, 1 the image."""
    return (F_t if isinstance(img, Tensor) else F_pil).adjust_contrast(img, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Away from black and white: 0 is that, 1 the image."""
    return (F_t if isinstance(img, Tensor) else F_pil).adjust_saturation(img, saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Round the circle of hues by `hue_factor`, from -0.5 to 0.5."""
    return (F_t if isinstance(img, Tensor) else F_pil).adjust_hue(img, hue_factor)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """255 * gain * (img / 255) ** gamma."""
    return (F_t if isinstance(img, Tensor) else F_pil).adjust_gamma(img, gamma, gain)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """Away from the blurred image: 0 is that, 1 the image."""
    return (F_w if isinstance(img, Tensor) else F_pil).adjust_sharpness(img, sharpness_factor)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A Pillow image in grey, in one or three channels."""
    if not is_image(img):
        raise TypeError("Input should be PIL Image")
    return F_pil.to_grayscale(img, num_output_channels)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The image in grey, in one or three channels: 0.2989 R + 0.587 G + 0.114 B."""
    if isinstance(img, Tensor):
        return F_t.rgb_to_grayscale(img, num_output_channels)
    return F_pil.to_grayscale(img, num_output_channels)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """`v` in place of the part of h x w at row i and column j."""
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    return F_t.erase(img, i, j, h, w, v, inplace=inplace)


def invert(img: Any) -> Any:
    """The negative."""
    return (F_t if isinstance(img, Tensor) else F_pil).invert(img)


def posterize(img: Any, bits: int) -> Any:
    """Each channel with its first `bits` bits."""
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return (F_t if isinstance(img, Tensor) else F_pil).posterize(img, bits)


def solarize(img: Any, threshold: float) -> Any:
    """The negative of all pixels from `threshold` up."""
    return (F_t if isinstance(img, Tensor) else F_pil).solarize(img, threshold)


def autocontrast(img: Any) -> Any:
    """Each channel stretched from black to white."""
    return (F_t if isinstance(img, Tensor) else F_pil).autocontrast(img)


def equalize(img: Any) -> Any:
    """Each channel with an even histogram."""
    return (F_t if isinstance(img, Tensor) else F_pil).equalize(img)


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """Blurred with a bell of `kernel_size` [x, y] pixels (odd) and deviations `sigma`."""
    if not isinstance(kernel_size, (int, list, tuple)):
        raise TypeError(f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}")
    if isinstance(kernel_size, int):
        kernel_size = [kernel_size, kernel_size]
    if len(kernel_size) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(kernel_size)}")
    if any(size % 2 == 0 or size < 0 for size in kernel_size):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {kernel_size}")
    if sigma is None:
        sigma = [size * 0.15 + 0.35 for size in kernel_size]
    if not isinstance(sigma, (int, float, list, tuple)):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    if isinstance(sigma, (int, float)):
        sigma = [float(sigma), float(sigma)]
    if len(sigma) == 1:
        sigma = [sigma[0], sigma[0]]
    if len(sigma) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigma)}")
    if any(s <= 0.0 for s in sigma):
        raise ValueError(f"sigma should have positive values. Got {sigma}")
    if isinstance(img, Tensor):
        return F_w.gaussian_blur(img, kernel_size, sigma)
    if not is_image(img):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
    return to_pil_image(F_w.gaussian_blur(pil_to_tensor(img), kernel_size, sigma), mode=img.mode)
