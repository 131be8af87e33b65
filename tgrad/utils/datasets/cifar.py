"""CIFAR-10 and CIFAR-100, in their binary format and in the one of pickled Python, which is read without running what is in it."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ...tensor import Tensor, wrap
from .errors import DataFileError, opened

PIXELS = 3 * 32 * 32


def read_cifar_binary(path: str | os.PathLike[str], classes: int = 10) -> tuple[Tensor, Tensor]:
    """Images, uint8 of N x 3 x 32 x 32, and labels, int64, from a `.bin` file.

    With `classes=100` each image has two labels, and the fine one is given. DataFileError for a file that is no whole number of records and
    for labels out of range, with the place of the first.
    """
    if classes not in (10, 100):
        raise ValueError(f"CIFAR has 10 or 100 classes, not {classes}")
    labels = 1 if classes == 10 else 2
    record = labels + PIXELS
    file, _ = opened(path)
    with file:
        data = file.read()
    if not data or len(data) % record:
        raise DataFileError(
            path,
            f"{len(data)} bytes, which is no whole number of records of {record} (record {len(data) // record} is cut off after "
            f"{len(data) % record} bytes)" if data else "is empty",
        )  # fmt: skip
    rows = np.frombuffer(data, np.uint8).reshape(-1, record)
    for column, most in ((0, 10),) if classes == 10 else ((0, 20), (1, 100)):
        wrong = np.flatnonzero(rows[:, column] >= most)
        if wrong.size:
            at = int(wrong[0])
            raise DataFileError(
                path,
                f"the label of record {at} (byte {at * record + column}) is {rows[at, column]}; labels are below {most}",
            )
    images = rows[:, labels:].reshape(-1, 3, 32, 32)
    return wrap(images.copy()), wrap(rows[:, labels - 1].astype(np.int64))


# What a pickle of CIFAR names: how numpy's arrays are put together, in numpy 1's spelling and in numpy 2's.
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
}


class _Reader(pickle.Unpickler):
    def __init__(self, file: Any, path: Any) -> None:
        super().__init__(file, encoding="latin1")
        self.path = path

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise DataFileError(
                self.path, f"not loaded: the pickle asks for {module}.{name}, which no CIFAR file needs"
            )
        module = (
            module.replace("numpy._core", "numpy.core")
            if not hasattr(np, "_core")
            else module.replace("numpy.core", "numpy._core")
        )
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        raise DataFileError(self.path, "not loaded: the pickle refers to objects outside of it")


def read_pickle(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The dictionary in one of CIFAR's pickles, keys as text."""
    file, _ = opened(path)
    with file:
        try:
            found = _Reader(file, path).load()
        except DataFileError:
            raise
        except Exception as error:  # a damaged pickle may fail in any way
            raise DataFileError(path, f"not a pickle that can be read, or a damaged one: {error}") from error
    if not isinstance(found, dict):
        raise DataFileError(path, f"holds a {type(found).__name__}, where CIFAR's files hold a dictionary")
    return {key.decode("latin1") if isinstance(key, bytes) else str(key): value for key, value in found.items()}


def read_cifar_pickle(path: str | os.PathLike[str]) -> tuple[Tensor, Tensor]:
    """Images, uint8 of N x 3 x 32 x 32, and labels, int64 (CIFAR-100: the fine ones), from a file of the Python version.

    Nothing but numbers and arrays is made from the pickle: DataFileError for one that asks for anything else, for damaged ones and for
    contents that do not fit each other.
    """
    entry = read_pickle(path)
    data = entry.get("data")
    labels = entry.get("labels", entry.get("fine_labels"))
    if data is None or labels is None:
        keys = ", ".join(sorted(entry)) or "none"
        raise DataFileError(path, f"holds no {'images' if data is None else 'labels'}: its keys are {keys}")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != PIXELS:
        shape = f"{data.dtype} of {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise DataFileError(path, f"its images are no bytes of N x {PIXELS} but {shape}")
    if not isinstance(labels, (list, np.ndarray)) or len(labels) != len(data):
        raise DataFileError(
            path, f"{len(data)} images and {len(labels) if hasattr(labels, '__len__') else 'no'} labels"
        )
    most = 100 if "fine_labels" in entry else 10
    for i, label in enumerate(labels):
        if not isinstance(label, (int, np.integer)) or not 0 <= label < most:
            raise DataFileError(path, f"label {i} is {label!r}; labels are numbers below {most}")
    return wrap(data.reshape(-1, 3, 32, 32).copy()), wrap(np.array(labels, np.int64))


def cifar(folder: str | os.PathLike[str], train: bool = True, classes: int = 10) -> tuple[Tensor, Tensor]:
    """All images and labels of one part, from the folder with CIFAR's files, in whichever of the two formats is there.

    FileNotFoundError if neither is complete; else as `read_cifar_binary` and `read_cifar_pickle`.
    """
    if classes not in (10, 100):
        raise ValueError(f"CIFAR has 10 or 100 classes, not {classes}")
    folder = Path(folder)
    if classes == 10:
        names = [f"data_batch_{i}" for i in range(1, 6)] if train else ["test_batch"]
    else:
        names = ["train" if train else "test"]
    for suffix in (".bin", ""):
        paths = [folder / (name + suffix) for name in names]
        if all(path.is_file() for path in paths):
            parts = [read_cifar_binary(path, classes) if suffix else read_cifar_pickle(path) for path in paths]
            images, labels = (np.concatenate([part[k]._a for part in parts]) for k in (0, 1))
            return wrap(images), wrap(labels)
    missing = [name for name in names if not (folder / name).is_file() and not (folder / (name + ".bin")).is_file()]
    raise FileNotFoundError(f"{', '.join(missing or names)} (or the same with .bin) not in {folder}")
