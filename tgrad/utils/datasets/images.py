"""Images in folders, one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...tensor import Tensor, wrap
from ..data.dataset import Dataset
from .errors import DataFileError

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class ImageFiles(Dataset):
    """`root/class/.../file`: sample i is an image, uint8 of C x H x W, and the number of its class in alphabetical order.

    `mode` is Pillow's ("RGB", or "L" for grey). `transform` is applied to the image. Needs Pillow (extra `vision`).

    FileNotFoundError for a root without classes; DataFileError with the file's name for one that is no image or is damaged, when it is
    asked for.
    """

    def __init__(
        self, root: str | os.PathLike[str], mode: str = "RGB", transform: Callable[[Tensor], Any] | None = None
    ) -> None:
        self.root, self.mode, self.transform = Path(root), mode, transform
        if not self.root.is_dir():
            raise FileNotFoundError(f"{self.root} is no folder")
        self.classes = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir())
        if not self.classes:
            raise FileNotFoundError(f"{self.root} has no folders in it, one for each class")
        self.files = [
            (path, number)
            for number, name in enumerate(self.classes)
            for path in sorted((self.root / name).rglob("*"))
            if path.suffix.lower() in SUFFIXES and path.is_file()
        ]
        if not self.files:
            raise FileNotFoundError(f"{self.root} has no images in its folders; these are known: {', '.join(SUFFIXES)}")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        path, label = self.files[index]
        image: Any = read_image(path, self.mode)
        return (image if self.transform is None else self.transform(image)), label


def pillow() -> Any:
    """Pillow's module Image; ImportError that says what to install."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("images need Pillow: pip install 'tgrad[vision]'") from error
    return Image


def read_image(path: str | os.PathLike[str], mode: str) -> Tensor:
    """An image file as uint8 of C x H x W."""
    library = pillow()
    try:
        with library.open(path) as image:
            pixels = np.array(image.convert(mode))
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow's readers raise what they like
        raise DataFileError(path, f"not an image, or a damaged one: {error}") from error
    return wrap(np.ascontiguousarray(pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels[None]))
