"""The functions on tensors of (..., C, H, W): colours and pixels; _warp.py has those that move pixels."""

from __future__ import annotations

from typing import Any

from ... import functions as F
from ...dtype import float32, float64, int8, int16, int32, int64, uint8, uint16
from ...nn import functional as NF
from ...tensor import Tensor

_LARGEST = {
    uint8: 255,
    int8: 127,
    int16: 32767,
    uint16: 65535,
    int32: 2147483647,
    int64: 9223372036854775807,
}


def need_image(img: Tensor) -> None:
    if img.ndim < 2:
        raise TypeError("Tensor is not a torch image.")


def need_three_dims(img: Tensor) -> None:
    need_image(img)
    if img.ndim < 3:
        raise TypeError(f"Input image tensor should have at least 3 dimensions, but found {img.ndim}")


def need_channels(img: Tensor, permitted: list[int]) -> None:
    channels = get_dimensions(img)[0]
    if channels not in permitted:
        raise TypeError(f"Input image tensor permitted channel values are {permitted}, but found {channels}")


def largest(dtype: Any) -> int:
    """What white is in a dtype; 1 for floating ones."""
    return _LARGEST.get(dtype, 1)


def get_dimensions(img: Tensor) -> list[int]:
    need_image(img)
    return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]


def get_image_size(img: Tensor) -> list[int]:
    need_image(img)
    return [img.shape[-1], img.shape[-2]]


def get_image_num_channels(img: Tensor) -> int:
    return get_dimensions(img)[0]


def convert_image_dtype(image: Tensor, dtype: Any = float32) -> Tensor:
    if image.dtype is dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        wide = (int32, int64) if image.dtype is float32 else (int64,)
        if image.dtype in (float32, float64) and dtype in wide:
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        # Not just times 255: that would give 255 to ones only, and fewer floats to it than to any other number.
        return image.mul(float(largest(dtype)) + 1.0 - 1e-3).to(dtype)
    have = float(largest(image.dtype))
    if dtype.is_floating_point:
        return image.to(dtype) / have
    want = float(largest(dtype))
    if have > want:
        return F.div(image, int((have + 1) // (want + 1)), rounding_mode="floor").to(dtype)
    return image.to(dtype) * int((want + 1) // (have + 1))


def rgb_to_grayscale(img: Tensor, num_output_channels: int = 1) -> Tensor:
    if img.ndim < 3:
        raise TypeError(f"Input image tensor should have at least 3 dimensions, but found {img.ndim}")
    need_channels(img, [1, 3])
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")
    if img.shape[-3] == 3:
        r, g, b = img.unbind(dim=-3)
        grey = (0.2989 * r + 0.587 * g + 0.114 * b).to(img.dtype).unsqueeze(dim=-3)
    else:
        grey = img.clone()
    return grey.expand(img.shape) if num_output_channels == 3 else grey


def _need_factor(name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def blend(first: Tensor, second: Tensor, ratio: float) -> Tensor:
    """`ratio` parts of the first image and what is missing to one of the second."""
    ratio = float(ratio)
    return (ratio * first + (1.0 - ratio) * second).clamp(0, largest(first.dtype)).to(first.dtype)


def adjust_brightness(img: Tensor, brightness_factor: float) -> Tensor:
    _need_factor("brightness_factor", brightness_factor)
    need_image(img)
    need_channels(img, [1, 3])
    return blend(img, F.zeros_like(img), brightness_factor)


def adjust_contrast(img: Tensor, contrast_factor: float) -> Tensor:
    _need_factor("contrast_factor", contrast_factor)
    need_image(img)
    need_channels(img, [3, 1])
    dtype = img.dtype if img.is_floating_point() else float32
    grey = rgb_to_grayscale(img) if get_dimensions(img)[0] == 3 else img
    return blend(img, F.mean(grey.to(dtype), dim=(-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(img: Tensor, saturation_factor: float) -> Tensor:
    _need_factor("saturation_factor", saturation_factor)
    need_image(img)
    need_channels(img, [1, 3])
    if get_dimensions(img)[0] == 1:
        return img
    return blend(img, rgb_to_grayscale(img), saturation_factor)


def adjust_hue(img: Tensor, hue_factor: float) -> Tensor:
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    need_image(img)
    need_channels(img, [1, 3])
    if get_dimensions(img)[0] == 1:
        return img
    h, s, v = _to_hsv(convert_image_dtype(img, float32)).unbind(dim=-3)
    turned = F.stack(((h + hue_factor) % 1.0, s, v), dim=-3)
    return convert_image_dtype(_to_rgb(turned), img.dtype)


def _to_hsv(img: Tensor) -> Tensor:
    """Hue, saturation and value, each in [0, 1], as Pillow's C code computes them. Greys have no hue: it is 0."""
    r, g, b = img.unbind(dim=-3)
    most, least = F.max(img, dim=-3).values, F.min(img, dim=-3).values
    grey = most == least
    span = most - least
    ones = F.ones_like(most)
    s = span / F.where(grey, ones, most)
    divisor = F.where(grey, ones, span)
    rc, gc, bc = (most - r) / divisor, (most - g) / divisor, (most - b) / divisor
    h = (most == r) * (bc - gc)
    h = h + ((most == g) & (most != r)) * (2.0 + rc - bc)
    h = h + ((most != g) & (most != r)) * (4.0 + gc - rc)
    return F.stack((F.fmod(h / 6.0 + 1.0, 1.0), s, most), dim=-3)


def _to_rgb(img: Tensor) -> Tensor:
    h, s, v = img.unbind(dim=-3)
    sector = F.floor(h * 6.0)
    f = h * 6.0 - sector
    p = F.clamp(v * (1.0 - s), 0.0, 1.0)
    q = F.clamp(v * (1.0 - s * f), 0.0, 1.0)
    t = F.clamp(v * (1.0 - s * (1.0 - f)), 0.0, 1.0)
    sector = sector.to(int32) % 6
    # In each of the six sectors of the circle red, green and blue are other ones of these.
    sixths = ((v, t, p), (q, v, p), (p, v, t), (p, q, v), (t, p, v), (v, p, q))
    out = F.zeros_like(img)
    for k, colours in enumerate(sixths):
        out = F.where((sector == k).unsqueeze(-3), F.stack(colours, dim=-3), out)
    return out


def adjust_gamma(img: Tensor, gamma: float, gain: float = 1) -> Tensor:
    need_channels(img, [1, 3])
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    result = img if img.is_floating_point() else convert_image_dtype(img, float32)
    return convert_image_dtype((gain * result.pow(gamma)).clamp(0, 1), img.dtype)


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    need_image(tensor)
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    if tensor.ndim < 3:
        raise ValueError(
            f"Expected tensor to be a tensor image of size (..., C, H, W). Got tensor.size() = {tensor.size()}"
        )
    if not inplace:
        tensor = tensor.clone()
    mean = F.as_tensor(mean, dtype=tensor.dtype, device=tensor.device)
    std = F.as_tensor(std, dtype=tensor.dtype, device=tensor.device)
    if (std == 0).any():
        raise ValueError(f"std evaluated to zero after conversion to {tensor.dtype}, leading to division by zero.")
    if mean.ndim == 1:
        mean = mean.view(-1, 1, 1)
    if std.ndim == 1:
        std = std.view(-1, 1, 1)
    return tensor.sub_(mean).div_(std)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    need_image(img)
    if not inplace:
        img = img.clone()
    img[..., i : i + h, j : j + w] = v
    return img


def invert(img: Tensor) -> Tensor:
    need_three_dims(img)
    need_channels(img, [1, 3])
    return largest(img.dtype) - img


def need_bytes(img: Tensor) -> None:
    if img.dtype is not uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")


def posterize(img: Tensor, bits: int) -> Tensor:
    need_three_dims(img)
    need_bytes(img)
    need_channels(img, [1, 3])
    return img & -int(2 ** (8 - bits))


def solarize(img: Tensor, threshold: float) -> Tensor:
    need_three_dims(img)
    need_channels(img, [1, 3])
    if threshold > largest(img.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return F.where(img >= threshold, invert(img), img)


def autocontrast(img: Tensor) -> Tensor:
    need_three_dims(img)
    need_channels(img, [1, 3])
    bound = largest(img.dtype)
    dtype = img.dtype if img.is_floating_point() else float32
    least = img.amin(dim=(-2, -1), keepdim=True).to(dtype)
    most = img.amax(dim=(-2, -1), keepdim=True).to(dtype)
    scale = bound / (most - least)
    flat = F.isfinite(scale).logical_not()
    least[flat] = 0
    scale[flat] = 1
    return ((img - least) * scale).clamp(0, bound).to(img.dtype)


def equalize(img: Tensor) -> Tensor:
    need_image(img)
    if not 3 <= img.ndim <= 4:
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    need_bytes(img)
    need_channels(img, [1, 3])
    flat = img.reshape(-1, *img.shape[-2:])
    return F.stack([_equalized(channel) for channel in flat.unbind()]).reshape(img.shape)


def _equalized(channel: Tensor) -> Tensor:
    histogram = F.bincount(channel.reshape(-1), minlength=256)
    some = histogram[histogram != 0]
    step = F.div(some[:-1].sum(), 255, rounding_mode="floor")
    if step == 0:
        return channel
    table = F.div(F.cumsum(histogram, 0) + F.div(step, 2, rounding_mode="floor"), step, rounding_mode="floor")
    table = NF.pad(table, [1, 0])[:-1].clamp(0, 255)
    return table[channel.to(int64)].to(uint8)
