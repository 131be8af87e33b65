"""MNIST and the data sets that have its format."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, ClassVar

from ...tensor import Tensor
from ...utils.datasets import idx
from ..pillow import from_array
from .vision import Transform, VisionDataset, where


class MNIST(VisionDataset):
    """The ten digits, as Pillow images of 28 x 28 in grey, and their numbers, from `root/MNIST/raw`.

    The files are those of MNIST, gzipped or not: train-images-idx3-ubyte, train-labels-idx1-ubyte and the same with t10k. RuntimeError where
    they are not there, also with `download=True`, which here says where to put them; DataFileError for damaged ones.
    """

    files = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    classes: ClassVar[list[str]] = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip
    data: Tensor
    targets: Tensor

    def __init__(
        self,
        root: str | Path,
        train: bool = True,
        transform: Transform = None,
        target_transform: Transform = None,
        download: bool = False,
    ) -> None:
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        self.data, self.targets = idx.mnist(self.raw_folder, train)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = from_array(self.data[index].numpy(), "L")
        return self._transformed(image, int(self.targets[index]))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def raw_folder(self) -> str:
        """Where the files lie."""
        return os.path.join(self.root, type(self).__name__, "raw")

    @property
    def processed_folder(self) -> str:
        """Where torchvision kept files in former times."""
        return os.path.join(self.root, type(self).__name__, "processed")

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: i for i, name in enumerate(self.classes)}

    def _check_exists(self) -> bool:
        try:
            for name in self.files:
                idx.found(Path(self.raw_folder), name)
        except FileNotFoundError:
            return False
        return True

    def download(self) -> None:
        """RuntimeError that says which files to put where, unless they are there."""
        if not self._check_exists():
            raise RuntimeError(where(type(self), self.raw_folder, self.files))

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"


def _renamed(old: str, new: str) -> Any:
    def look(self: MNIST) -> Tensor:
        warnings.warn(f"{old} has been renamed {new}", stacklevel=2)
        return getattr(self, new)

    return property(look)


for _part in ("train", "test"):
    setattr(MNIST, f"{_part}_labels", _renamed(f"{_part}_labels", "targets"))
    setattr(MNIST, f"{_part}_data", _renamed(f"{_part}_data", "data"))


class FashionMNIST(MNIST):
    """Ten kinds of clothes in MNIST's format, from `root/FashionMNIST/raw`; see `MNIST`."""

    classes: ClassVar[list[str]] = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]


class KMNIST(MNIST):
    """Ten characters of cursive Japanese in MNIST's format, from `root/KMNIST/raw`; see `MNIST`."""

    classes: ClassVar[list[str]] = "o ki su tsu na ha ma ya re wo".split()
