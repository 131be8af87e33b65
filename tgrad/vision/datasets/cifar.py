"""CIFAR-10 and CIFAR-100."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ...utils.datasets.cifar import cifar, read_pickle
from ...utils.datasets.errors import DataFileError
from ..pillow import pillow
from .vision import Transform, VisionDataset, where


class CIFAR10(VisionDataset):
    """Pillow images of 32 x 32 in colour, of ten classes, from `root/cifar-10-batches-py` with the files of the Python version, or from
    `root/cifar-10-batches-bin` with those of the binary version.

    RuntimeError where they are not there, also with `download=True`, which here says where to put them; DataFileError for damaged ones.
    Pickles are read without running what is in them.
    """

    base_folder, binary_folder = "cifar-10-batches-py", "cifar-10-batches-bin"
    train_files: tuple[str, ...] = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
    test_files: tuple[str, ...] = ("test_batch",)
    _meta = ("batches.meta", "label_names", "batches.meta.txt")
    _count = 10

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
        folder = self._folder()
        if folder is None:
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        images, labels = cifar(folder, train, self._count)
        self.data: np.ndarray = images.numpy().transpose(0, 2, 3, 1)  # as torchvision: an array of N x 32 x 32 x 3
        self.targets: list[int] = labels.tolist()
        self.classes = self._class_names(folder)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}

    def _folder(self) -> str | None:
        """The folder that has all files."""
        names = (*self.train_files, *self.test_files)
        pickled, binary = (os.path.join(self.root, base) for base in (self.base_folder, self.binary_folder))
        if all(os.path.isfile(os.path.join(pickled, name)) for name in (*names, self._meta[0])):
            return pickled
        if all(os.path.isfile(os.path.join(binary, name + ".bin")) for name in (*names,)):
            return binary
        return None

    def _class_names(self, folder: str) -> list[str]:
        name, key, text = self._meta
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            path = os.path.join(folder, text)
            if not os.path.isfile(path):
                return [str(i) for i in range(self._count)]
            with open(path, encoding="utf-8") as file:
                return file.read().split()
        found = read_pickle(path).get(key)
        if not isinstance(found, list):
            raise DataFileError(path, f"has no list {key!r}")
        return found

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._transformed(pillow().fromarray(self.data[index]), self.targets[index])

    def __len__(self) -> int:
        return len(self.data)

    def download(self) -> None:
        """RuntimeError that says which files to put where, unless they are there."""
        if self._folder() is None:
            names = (*self.train_files, *self.test_files, self._meta[0])
            raise RuntimeError(where(type(self), os.path.join(self.root, self.base_folder), names))

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train is True else 'Test'}"


class CIFAR100(CIFAR10):
    """As `CIFAR10`, of a hundred classes (the fine labels), from `root/cifar-100-python` or `root/cifar-100-binary`."""

    base_folder, binary_folder = "cifar-100-python", "cifar-100-binary"
    train_files, test_files = ("train",), ("test",)
    _meta = ("meta", "fine_label_names", "fine_label_names.txt")
    _count = 100
