"""What torchvision does, as data: each case runs on torchvision with PyTorch and on tgrad.vision with tgrad.

`python -m tests.utils.vision_cases --overwrite`, where torchvision 0.28 can be imported, writes what it gives to golden_vision.json.gz, which
test_vision.py holds tgrad.vision against: CI has no torchvision.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

GOLDEN = Path(__file__).with_name("golden_vision.json.gz")


class Library:
    """torchvision's modules and the tensors they work on."""

    def __init__(self, torch: Any, transforms: Any, datasets: Any, utils: Any) -> None:
        self.torch, self.datasets, self.utils = torch, datasets, utils
        self.t = transforms
        self.f = transforms.functional
        self.mode = transforms.InterpolationMode

    def pixels(self, *shape: int) -> np.ndarray:
        """Bytes with edges and slopes, so that what is interpolated differs from place to place."""
        count = int(np.prod(shape))
        return ((np.arange(count) * 37 + (np.arange(count) // 5) ** 2 * 11) % 256).astype(np.uint8).reshape(shape)

    def image(self, mode: str = "RGB", width: int = 9, height: int = 7) -> Any:
        from PIL import Image

        bands = len(Image.new(mode, (1, 1)).getbands())
        array = self.pixels(height, width, bands) if bands > 1 else self.pixels(height, width)
        if mode in ("I", "F", "I;16"):
            kind = {"I": np.int32, "F": np.float32, "I;16": np.uint16}[mode]
            return Image.fromarray(array.astype(kind) * 3)
        if mode == "1":
            return Image.fromarray(array).convert("1")
        if mode == "P":
            return Image.fromarray(self.pixels(height, width, 3)).convert("P", palette=Image.Palette.ADAPTIVE)
        return Image.frombytes(mode, (width, height), array.tobytes())

    def bytes(self, *shape: int) -> Any:
        return self.torch.from_numpy(self.pixels(*(shape or (3, 7, 9))))

    def floats(self, *shape: int) -> Any:
        return self.bytes(*shape).to(self.torch.float32) / 255


Case = Callable[[Library], Any]
CASES: dict[str, Case] = {}


def both(name: str, run: Callable[[Library, Any], Any]) -> None:
    """A case for each kind of image."""
    CASES[f"{name}, Pillow"] = lambda m: run(m, m.image())
    CASES[f"{name}, bytes"] = lambda m: run(m, m.bytes())
    CASES[f"{name}, floats"] = lambda m: run(m, m.floats())


def tensors(name: str, run: Callable[[Library, Any], Any]) -> None:
    CASES[f"{name}, bytes"] = lambda m: run(m, m.bytes())
    CASES[f"{name}, floats"] = lambda m: run(m, m.floats())


# ---- kinds
for mode in ("RGB", "L", "RGBA", "LA", "CMYK", "YCbCr", "HSV", "1", "P", "I", "F", "I;16"):
    CASES[f"to_tensor {mode}"] = lambda m, mode=mode: m.f.to_tensor(m.image(mode))
    CASES[f"pil_to_tensor {mode}"] = lambda m, mode=mode: m.f.pil_to_tensor(m.image(mode))
for dtype in ("uint8", "int16", "int32", "int64", "float32", "float64", "bool", "uint16"):
    CASES[f"to_tensor of array {dtype}"] = lambda m, d=dtype: m.f.to_tensor(m.pixels(4, 5, 3).astype(d))
    CASES[f"to_pil_image of array {dtype}"] = lambda m, d=dtype: m.f.to_pil_image(m.pixels(4, 5, 1).astype(d))
for channels in (1, 2, 3, 4, 5):
    CASES[f"to_pil_image {channels}"] = lambda m, c=channels: m.f.to_pil_image(m.bytes(c, 4, 5))
    CASES[f"to_pil_image of floats {channels}"] = lambda m, c=channels: m.f.to_pil_image(m.floats(c, 4, 5))
CASES["to_tensor array 2d"] = lambda m: m.f.to_tensor(m.pixels(4, 5))
CASES["to_tensor array 4d"] = lambda m: m.f.to_tensor(m.pixels(1, 2, 3, 4))
CASES["to_tensor text"] = lambda m: m.f.to_tensor("x")
CASES["to_pil_image 2d"] = lambda m: m.f.to_pil_image(m.bytes(4, 5))
CASES["to_pil_image 1d"] = lambda m: m.f.to_pil_image(m.bytes(4))
CASES["to_pil_image text"] = lambda m: m.f.to_pil_image("x")
CASES["to_pil_image F"] = lambda m: m.t.ToPILImage("F")(m.floats(1, 4, 5))
CASES["to_pil_image YCbCr"] = lambda m: m.t.ToPILImage("YCbCr")(m.bytes(3, 4, 5))
CASES["to_pil_image CMYK"] = lambda m: m.t.ToPILImage("CMYK")(m.bytes(4, 4, 5))
CASES["to_pil_image wrong mode"] = lambda m: m.t.ToPILImage("L")(m.bytes(3, 4, 5))
CASES["to_pil_image wrong mode 1"] = lambda m: m.t.ToPILImage("RGB")(m.bytes(1, 4, 5))
CASES["to_pil_image wrong mode 2"] = lambda m: m.t.ToPILImage("RGB")(m.bytes(2, 4, 5))
CASES["to_pil_image wrong mode 4"] = lambda m: m.t.ToPILImage("RGB")(m.bytes(4, 4, 5))
CASES["ToTensor"] = lambda m: m.t.ToTensor()(m.image())
CASES["PILToTensor"] = lambda m: m.t.PILToTensor()(m.image())
KINDS = ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
for have in KINDS:
    for want in KINDS:
        if have == "float16" and want == "int32":
            continue  # times 2**31 is infinite in float16: what it becomes is the processor's business
        CASES[f"convert {have} to {want}"] = lambda m, a=have, b=want: m.t.ConvertImageDtype(getattr(m.torch, b))(
            m.f.convert_image_dtype(m.floats(1, 3, 4), getattr(m.torch, a)) if a.startswith("f") else m.bytes(1, 3, 4).to(getattr(m.torch, a)) // 2
        )  # fmt: skip

# ---- sizes and places
for size in (4, 12, [4], (5, 8), [7, 9], [14, 18]):
    both(f"resize {size}", lambda m, x, s=size: m.t.Resize(s)(x))
for interpolation in ("NEAREST", "NEAREST_EXACT", "BICUBIC"):
    both(f"resize {interpolation}", lambda m, x, i=interpolation: m.t.Resize((5, 12), m.mode[i])(x))
for interpolation in ("BOX", "HAMMING", "LANCZOS"):
    CASES[f"resize {interpolation}, Pillow"] = lambda m, i=interpolation: m.t.Resize((5, 12), m.mode[i])(m.image())
both("resize not smooth", lambda m, x: m.t.Resize(4, antialias=False)(x))
both("resize max_size", lambda m, x: m.t.Resize(6, max_size=7)(x))
both("resize number", lambda m, x: m.f.resize(x, [4, 4], 0))
both("resize batch", lambda m, x: m.f.resize(x[None] if hasattr(x, "dtype") else x, 5))
both("max_size too small", lambda m, x: m.t.Resize(6, max_size=6)(x))
both("max_size and both", lambda m, x: m.t.Resize((6, 6), max_size=7)(x))
both("resize three", lambda m, x: m.f.resize(x, [1, 2, 3]))
both("resize text", lambda m, x: m.f.resize(x, 4, "bilinear"))
for size in (3, (5, 2), [4], (10, 4), 12, (3, 15)):
    both(f"center_crop {size}", lambda m, x, s=size: m.t.CenterCrop(s)(x))
for place in ((1, 2, 3, 4), (-2, -1, 5, 5), (5, 6, 6, 6), (20, 20, 3, 3), (-5, 1, 3, 3)):
    both(f"crop {place}", lambda m, x, p=place: m.f.crop(x, *p))
both("resized_crop", lambda m, x: m.f.resized_crop(x, 1, 2, 4, 5, [6, 6]))
both("five_crop", lambda m, x: m.t.FiveCrop((3, 4))(x))
both("ten_crop", lambda m, x: m.t.TenCrop(3)(x))
both("ten_crop vertical", lambda m, x: m.t.TenCrop([3], vertical_flip=True)(x))
both("five_crop large", lambda m, x: m.t.FiveCrop(30)(x))
both("hflip", lambda m, x: m.f.hflip(x))
both("vflip", lambda m, x: m.f.vflip(x))
for padding in (2, (1, 3), [1, 2, 3, 0], (2,)):
    for how in ("constant", "edge", "reflect", "symmetric"):
        both(f"pad {padding} {how}", lambda m, x, p=padding, h=how: m.t.Pad(p, padding_mode=h)(x))
both("pad fill", lambda m, x: m.t.Pad(1, fill=7)(x))
both("pad colours", lambda m, x: m.f.pad(x, 1, (1, 2, 3)))
both("pad less", lambda m, x: m.f.pad(x, [-1, 2, 1, -2], padding_mode="symmetric"))
both("pad five", lambda m, x: m.f.pad(x, [1, 2, 3]))
both("pad text", lambda m, x: m.f.pad(x, "x"))
both("pad mode", lambda m, x: m.f.pad(x, 1, 0, "no"))
CASES["pad palette"] = lambda m: m.f.pad(m.image("P"), 1).convert("RGB")
CASES["pad palette edge"] = lambda m: m.f.pad(m.image("P"), 1, padding_mode="edge").convert("RGB")
CASES["pad grey edge"] = lambda m: m.f.pad(m.image("L"), 2, padding_mode="edge")
for angle in (0, 10, 90, -30.5, 180):
    both(f"rotate {angle}", lambda m, x, a=angle: m.f.rotate(x, a))
both("rotate smooth", lambda m, x: m.f.rotate(x, 33, m.mode.BILINEAR))
both("rotate expand", lambda m, x: m.f.rotate(x, 33, expand=True))
both("rotate expand 90", lambda m, x: m.f.rotate(x, 90, expand=True))
both("rotate center", lambda m, x: m.f.rotate(x, 20, center=[1, 2]))
both("rotate fill", lambda m, x: m.f.rotate(x, 20, fill=[1, 2, 3]))
both("rotate fill one smooth", lambda m, x: m.f.rotate(x, 20, m.mode.BILINEAR, fill=[5]))
both("rotate fill two", lambda m, x: m.f.rotate(x, 20, fill=[5, 6]))
both("rotate text", lambda m, x: m.f.rotate(x, "x"))
both("rotate center number", lambda m, x: m.f.rotate(x, 1, center=2))
tensors("rotate bicubic", lambda m, x: m.f.rotate(x, 5, m.mode.BICUBIC))
both("affine", lambda m, x: m.f.affine(x, 20, [1, 2], 1.2, [5.0, 3.0]))
both("affine smooth", lambda m, x: m.f.affine(x, 20, (1, 2), 0.8, 10, m.mode.BILINEAR, [9], [3, 3]))
both("affine scale", lambda m, x: m.f.affine(x, 20, (1, 2), 0, 10))
both("affine shear", lambda m, x: m.f.affine(x, 20, (1, 2), 1, [1, 2, 3]))
both("affine translate", lambda m, x: m.f.affine(x, 20, (1,), 1, 1))
CORNERS = ([[0, 0], [8, 0], [8, 6], [0, 6]], [[1, 1], [7, 0], [8, 5], [2, 6]])
both("perspective", lambda m, x: m.f.perspective(x, *CORNERS))
both("perspective nearest fill", lambda m, x: m.f.perspective(x, *CORNERS, m.mode.NEAREST, [7.0, 8.0, 9.0]))
both("perspective corners", lambda m, x: m.f.perspective(x, CORNERS[0][:3], CORNERS[1]))

# ---- colours
for factor in (0, 0.5, 1, 1.7):
    for name in ("brightness", "contrast", "saturation", "sharpness"):
        both(f"adjust_{name} {factor}", lambda m, x, n=name, f=factor: getattr(m.f, f"adjust_{n}")(x, f))
for factor in (-0.5, -0.1, 0, 0.25, 0.5, 0.6):
    both(f"adjust_hue {factor}", lambda m, x, f=factor: m.f.adjust_hue(x, f))
both("adjust_gamma", lambda m, x: m.f.adjust_gamma(x, 0.7, 1.1))
both("adjust_gamma negative", lambda m, x: m.f.adjust_gamma(x, -1))
tensors("adjust_brightness negative", lambda m, x: m.f.adjust_brightness(x, -1))
tensors("adjust_contrast two channels", lambda m, x: m.f.adjust_contrast(x[:2], 1))
both("grey", lambda m, x: m.t.Grayscale()(x))
both("grey of three", lambda m, x: m.t.Grayscale(3)(x))
both("grey of two", lambda m, x: m.t.Grayscale(2)(x))
CASES["to_grayscale"] = lambda m: m.f.to_grayscale(m.image(), 3)
CASES["to_grayscale tensor"] = lambda m: m.f.to_grayscale(m.bytes(), 3)
for name in ("invert", "autocontrast", "equalize"):
    both(name, lambda m, x, n=name: getattr(m.f, n)(x))
both("posterize", lambda m, x: m.f.posterize(x, 3))
both("posterize 9", lambda m, x: m.f.posterize(x, 9))
both("solarize", lambda m, x: m.f.solarize(x, 0.5 if "float" in str(getattr(x, "dtype", "")) else 100))
tensors("solarize above", lambda m, x: m.f.solarize(x, 256))
CASES["equalize large"] = lambda m: m.f.equalize(m.bytes(1, 40, 50))
CASES["autocontrast flat"] = lambda m: m.f.autocontrast(m.torch.full((3, 4, 4), 7, dtype=m.torch.uint8))
both("blur", lambda m, x: m.f.gaussian_blur(x, 3))
both("blur uneven", lambda m, x: m.f.gaussian_blur(x, [5, 3], [1.0, 2.0]))
both("blur even", lambda m, x: m.f.gaussian_blur(x, 4))
both("blur sigma", lambda m, x: m.f.gaussian_blur(x, 3, -1))
both("normalize", lambda m, x: m.t.Normalize((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))(x))
both("normalize one", lambda m, x: m.t.Normalize(0.5, 0.25)(x))
both("normalize zero", lambda m, x: m.t.Normalize([0.5], [0.0])(x))
CASES["normalize in place"] = lambda m: (lambda x: [m.t.Normalize([0.5], [0.5], inplace=True)(x) is x, x])(m.floats())
CASES["normalize 2d"] = lambda m: m.t.Normalize([0.5], [0.5])(m.floats(3, 4))
both("erase", lambda m, x: m.f.erase(x, 1, 2, 3, 4, m.torch.tensor(0)))

# ---- drawn at random: the same draws for the same seed
RANDOM: dict[str, Callable[[Any], Any]] = {
    "RandomCrop": lambda t: t.RandomCrop(4),
    "RandomCrop padding": lambda t: t.RandomCrop((7, 9), padding=2),
    "RandomCrop needed": lambda t: t.RandomCrop((10, 12), pad_if_needed=True, padding_mode="reflect"),
    "RandomCrop whole": lambda t: t.RandomCrop((7, 9)),
    "RandomCrop large": lambda t: t.RandomCrop(8),
    "RandomHorizontalFlip": lambda t: t.RandomHorizontalFlip(),
    "RandomVerticalFlip": lambda t: t.RandomVerticalFlip(0.7),
    "RandomResizedCrop": lambda t: t.RandomResizedCrop(5),
    "RandomResizedCrop narrow": lambda t: t.RandomResizedCrop(5, (0.99, 1.0), (5, 6)),
    "RandomResizedCrop wide": lambda t: t.RandomResizedCrop((4, 6), (0.5, 0.9), (0.9, 1.1), t.InterpolationMode.NEAREST),
    "RandomRotation": lambda t: t.RandomRotation(30),
    "RandomRotation more": lambda t: t.RandomRotation((10, 40), t.InterpolationMode.BILINEAR, expand=True, fill=3),
    "RandomAffine": lambda t: t.RandomAffine(30, (0.1, 0.2), (0.8, 1.2), 10),
    "RandomAffine shears": lambda t: t.RandomAffine((5, 10), shear=(1, 2, 3, 4), fill=(1, 2, 3), interpolation=2, center=(2, 2)),
    "RandomPerspective": lambda t: t.RandomPerspective(0.6, 1.0),
    "ColorJitter": lambda t: t.ColorJitter(0.4, 0.4, 0.4, 0.1),
    "ColorJitter some": lambda t: t.ColorJitter(brightness=(0.5, 0.6), hue=0.2),
    "RandomGrayscale": lambda t: t.RandomGrayscale(0.5),
    "RandomApply": lambda t: t.RandomApply([t.RandomHorizontalFlip(), t.CenterCrop(4)]),
    "RandomOrder": lambda t: t.RandomOrder([t.RandomHorizontalFlip(), t.CenterCrop(4), t.Pad(1)]),
    "RandomChoice": lambda t: t.RandomChoice([t.RandomHorizontalFlip(), t.CenterCrop(4)], p=[1, 2]),
    "GaussianBlur": lambda t: t.GaussianBlur(3, (0.5, 1.5)),
    "RandomInvert": lambda t: t.RandomInvert(),
    "RandomPosterize": lambda t: t.RandomPosterize(2),
    "RandomSolarize": lambda t: t.RandomSolarize(0.5),
    "RandomAdjustSharpness": lambda t: t.RandomAdjustSharpness(2),
    "RandomAutocontrast": lambda t: t.RandomAutocontrast(),
    "RandomEqualize": lambda t: t.RandomEqualize(),
    "Compose": lambda t: t.Compose([t.RandomCrop(6, padding=1), t.RandomHorizontalFlip(), t.Resize(8)]),
}  # fmt: skip
for name, make in RANDOM.items():
    both(name, lambda m, x, make=make: [repr(make(m.t)), *[make(m.t)(x) for _ in range(3)]])
ERASING: dict[str, Callable[[Any], Any]] = {
    "RandomErasing": lambda t: t.RandomErasing(1.0),
    "RandomErasing noise": lambda t: t.RandomErasing(0.7, value="random"),
    "RandomErasing colour": lambda t: t.RandomErasing(0.9, (0.1, 0.2), (0.5, 2), (1, 2, 3)),
    "RandomErasing two": lambda t: t.RandomErasing(1.0, value=(1, 2)),
    "RandomErasing narrow": lambda t: t.RandomErasing(1.0, (0.9, 1.0), (9, 10)),
}
for name, make in ERASING.items():
    tensors(name, lambda m, x, make=make: [repr(make(m.t)), *[make(m.t)(x) for _ in range(3)]])

# ---- reprs and refusals
MADE: dict[str, Callable[[Any], Any]] = {
    "ToPILImage": lambda t: [t.ToPILImage(), t.ToPILImage("L"), t.PILToTensor(), t.ToTensor(), t.Lambda(abs)],
    "Normalize": lambda t: [t.Normalize(0.5, 0.5), t.Normalize([0.5], (1, 2), True), t.ConvertImageDtype(None)],
    "sizes": lambda t: [t.Resize(3), t.Resize((3, 4), 3, antialias=None), t.CenterCrop(3), t.FiveCrop(2), t.TenCrop(2), t.Pad(1)],
    "Compose": lambda t: t.Compose([t.ToTensor(), t.Compose([t.Resize(3)])]),
    "RandomErasing p": lambda t: t.RandomErasing(2),
    "RandomErasing scale": lambda t: t.RandomErasing(scale=(0.5, 2)),
    "RandomErasing order": lambda t: t.RandomErasing(scale=(0.5, 0.2)),
    "RandomErasing value": lambda t: t.RandomErasing(value="x"),
    "RandomErasing none": lambda t: t.RandomErasing(value=None),
    "RandomErasing number": lambda t: t.RandomErasing(scale=1),
    "Resize text": lambda t: t.Resize("x"),
    "Resize float": lambda t: t.Resize(2.5),
    "Resize three": lambda t: t.Resize((1, 2, 3)),
    "CenterCrop three": lambda t: t.CenterCrop((1, 2, 3)),
    "Pad mode": lambda t: t.Pad(1, padding_mode="x"),
    "Pad three": lambda t: t.Pad((1, 2, 3)),
    "Pad text": lambda t: t.Pad("x"),
    "Pad fill": lambda t: t.Pad(1, "x"),
    "Lambda": lambda t: t.Lambda(3),
    "jitter negative": lambda t: t.ColorJitter(-1),
    "jitter hue": lambda t: t.ColorJitter(hue=0.7),
    "jitter order": lambda t: t.ColorJitter(brightness=(2, 1)),
    "jitter three": lambda t: t.ColorJitter(brightness=(1, 2, 3)),
    "jitter nothing": lambda t: t.ColorJitter(),
    "jitter large": lambda t: t.ColorJitter(3),
    "rotation negative": lambda t: t.RandomRotation(-1),
    "rotation three": lambda t: t.RandomRotation((1, 2, 3)),
    "rotation center": lambda t: t.RandomRotation(1, center=1),
    "rotation centered": lambda t: t.RandomRotation(1, center=(1, 2), fill=None),
    "rotation fill": lambda t: t.RandomRotation(1, fill={}),
    "affine translate": lambda t: t.RandomAffine(1, (2, 0)),
    "affine scale": lambda t: t.RandomAffine(1, scale=(0, 1)),
    "affine shear": lambda t: t.RandomAffine(1, shear=(0, 1, 2)),
    "crop ratio": lambda t: t.RandomResizedCrop(3, ratio=(2, 1)),
    "crop scale": lambda t: t.RandomResizedCrop(3, scale=1),
    "blur even": lambda t: t.GaussianBlur(2),
    "blur sigma": lambda t: t.GaussianBlur(3, 0),
    "blur order": lambda t: t.GaussianBlur(3, (2, 1)),
    "blur three": lambda t: t.GaussianBlur(3, (2, 1, 3)),
    "choice p": lambda t: t.RandomChoice([], p=1),
    "choice": lambda t: t.RandomChoice([t.ToTensor()]),
    "order": lambda t: t.RandomOrder(3),
}  # fmt: skip
for name, make in MADE.items():
    CASES[f"made {name}"] = lambda m, make=make: repr(make(m.t))
CASES["linear"] = lambda m: m.t.LinearTransformation(m.torch.eye(12) * 2, m.torch.ones(12))(m.floats(3, 2, 2))
CASES["linear not square"] = lambda m: m.t.LinearTransformation(m.torch.zeros(2, 3), m.torch.ones(2))
CASES["linear mean"] = lambda m: m.t.LinearTransformation(m.torch.zeros(2, 2), m.torch.ones(3))
CASES["linear size"] = lambda m: m.t.LinearTransformation(m.torch.zeros(2, 2), m.torch.ones(2))(m.floats(3, 2, 2))
CASES["dimensions"] = lambda m: [
    m.f.get_dimensions(m.image()),
    m.f.get_image_size(m.bytes()),
    m.f.get_image_num_channels(m.image("L")),
]
CASES["dimensions of text"] = lambda m: m.f.get_dimensions("x")

# ---- grids
CASES["grid"] = lambda m: m.utils.make_grid(m.floats(5, 3, 2, 3), nrow=2)
CASES["grid padding"] = lambda m: m.utils.make_grid(m.floats(5, 3, 2, 3), nrow=3, padding=1, pad_value=0.5)
CASES["grid grey"] = lambda m: m.utils.make_grid(m.floats(3, 1, 2, 3))
CASES["grid list"] = lambda m: m.utils.make_grid([m.floats(3, 2, 3), m.floats(3, 2, 3)])
CASES["grid one"] = lambda m: [m.utils.make_grid(m.floats(*s)) for s in ((2, 3), (1, 2, 3), (3, 2, 3), (1, 3, 2, 3))]
CASES["grid normalized"] = lambda m: m.utils.make_grid(m.floats(5, 3, 2, 3) * 3 - 1, normalize=True)
CASES["grid each"] = lambda m: m.utils.make_grid(m.floats(5, 3, 2, 3) * 3 - 1, normalize=True, scale_each=True)
CASES["grid range"] = lambda m: m.utils.make_grid(m.floats(5, 3, 2, 3), normalize=True, value_range=(0.2, 0.6))
CASES["grid range list"] = lambda m: m.utils.make_grid(m.floats(5, 3, 2, 3), normalize=True, value_range=[0.2, 0.6])
CASES["grid bytes"] = lambda m: m.utils.make_grid(m.bytes(5, 3, 2, 3))
CASES["grid of text"] = lambda m: m.utils.make_grid("x")
CASES["grid of texts"] = lambda m: m.utils.make_grid(["x"])

# ---- noise
CASES["fake"] = lambda m: [m.datasets.FakeData(3, (3, 4, 5))[k] for k in range(3)]
CASES["fake past"] = lambda m: m.datasets.FakeData(3, (3, 4, 5))[3]
CASES["fake other"] = lambda m: m.datasets.FakeData(3, (1, 4, 5), 7, m.t.ToTensor(), lambda t: t + 1, 10)[2]
CASES["fake repr"] = lambda m: repr(
    m.datasets.FakeData(3, transform=m.t.Compose([m.t.ToTensor()]), target_transform=m.t.ToTensor())
)
CASES["fake state"] = lambda m: [m.datasets.FakeData(3, (3, 4, 5))[0][1], m.torch.rand(2)]


def outcome(m: Library, name: str) -> dict[str, Any]:
    """What a case gives, as something that JSON can hold: the value or the error, the warnings, and what is drawn next."""
    m.torch.manual_seed(3)
    random.seed(3)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            got = told(CASES[name](m), m)
        except Exception as error:
            got = {"error": type(error).__name__, "text": str(error)}
    said = [f"{w.category.__name__}: {w.message}" for w in seen if w.category is UserWarning]
    return {"value": got, "warnings": said, "next": [int(m.torch.randint(0, 10**6, (1,))), random.randrange(10**6)]}


def told(value: Any, m: Library) -> Any:
    if isinstance(value, m.torch.Tensor):
        return numbers(value.numpy(), str(value.dtype), "tensor")
    if hasattr(value, "getbands"):
        return numbers(np.asarray(value), value.mode, "image")
    if isinstance(value, (list, tuple)):
        return [told(v, m) for v in value]
    return value


def numbers(a: np.ndarray, kind: str, what: str) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()
    return {"what": what, "kind": kind, "shape": list(a.shape), "dtype": str(a.dtype), "data": data}


def array(told: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(told["data"]), told["dtype"]).reshape(told["shape"])


def main() -> None:
    import torch
    import torchvision
    from torchvision import datasets, transforms, utils

    assert torchvision.__version__.startswith("0.28"), torchvision.__version__
    lines = [
        f"{json.dumps(name)}: {json.dumps(outcome(Library(torch, transforms, datasets, utils), name))}"
        for name in CASES
    ]
    if "--overwrite" in sys.argv:
        GOLDEN.write_bytes(gzip.compress(("{\n" + ",\n".join(lines) + "\n}\n").encode(), mtime=0))


if __name__ == "__main__":
    main()
