"""IDX files, the format of MNIST and its kin: four bytes of what, four bytes for each size, and the numbers, big-endian."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np

from ...dtype import int64
from ...tensor import Tensor, wrap
from .errors import DataFileError, exactly, no_more, opened

TYPES: dict[int, np.dtype] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}


def read_idx(path: str | os.PathLike[str]) -> Tensor:
    """The tensor in an IDX file, gzipped or plain.

    DataFileError, with the file and the place, for a file of another kind, one that ends too early or goes on too long, and for damaged
    gzip; FileNotFoundError as usual.
    """
    file, room = opened(path)
    with file:
        head = exactly(file, 4, path, "the header", 0)
        if head[0] or head[1]:
            raise DataFileError(path, f"not an IDX file: it begins with {bytes(head).hex(' ')}, and not with 00 00")
        if head[2] not in TYPES:
            raise DataFileError(
                path, f"byte 2 says that the numbers are of type 0x{head[2]:02x}, which IDX does not have"
            )
        dtype, dims = TYPES[head[2]], head[3]
        if dims == 0:
            raise DataFileError(path, "byte 3 says that there are no dimensions")
        shape = struct.unpack(f">{dims}I", exactly(file, 4 * dims, path, "the sizes", 4))
        start = 4 + 4 * dims
        count = dtype.itemsize
        for n in shape:
            count *= n
        if start + count > room:
            raise DataFileError(
                path,
                f"the header promises {count} bytes of data ({' x '.join(map(str, shape))}), which is more than the file can hold",
            )
        data = exactly(file, count, path, "the data", start)
        no_more(file, path, start + count)
    return wrap(np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False))


def found(folder: Path, name: str) -> Path:
    """The file, gzipped or plain, with a dash or a dot before `idx`; FileNotFoundError that names what was looked for."""
    names = [name, name.replace("-idx", ".idx")]
    for candidate in [*names, *[n + ".gz" for n in names]]:
        if (folder / candidate).is_file():
            return folder / candidate
    raise FileNotFoundError(f"neither {name} nor {name}.gz is in {folder}")


def mnist(folder: str | os.PathLike[str], train: bool = True) -> tuple[Tensor, Tensor]:
    """MNIST's (or Fashion-MNIST's) images, uint8 of N x 28 x 28, and labels, int64, from the folder with its four files.

    DataFileError for files that are damaged or do not fit each other, FileNotFoundError for one that is missing.
    """
    part = "train" if train else "t10k"
    images_at = found(Path(folder), f"{part}-images-idx3-ubyte")
    labels_at = found(Path(folder), f"{part}-labels-idx1-ubyte")
    images, labels = read_idx(images_at), read_idx(labels_at)
    for path, tensor, dims, what in ((images_at, images, 3, "images"), (labels_at, labels, 1, "labels")):
        if tensor.dim() != dims or tensor._a.dtype != np.uint8:
            raise DataFileError(
                path,
                f"holds no {what}: {what} are bytes of {dims} dimension{'s' if dims > 1 else ''}, and here are {tensor.dtype} of {tensor.dim()}",
            )
    if len(images._a) != len(labels._a):
        raise DataFileError(labels_at, f"{len(labels._a)} labels for the {len(images._a)} images of {images_at.name}")
    return images, labels.to(int64)
