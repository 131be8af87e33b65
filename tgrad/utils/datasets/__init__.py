"""Data sets from files: MNIST's IDX files, CIFAR's two formats, CSV tables and folders of images. Nothing is fetched from a network.

A file that is damaged, cut off, too long or of another kind raises `DataFileError`, which says which file, what is wrong and where.

>>> import tempfile, pathlib
>>> from tgrad.utils.datasets import CSV
>>> path = pathlib.Path(tempfile.mkdtemp(), "table.csv")
>>> _ = path.write_text("height,weight,kind\\n1.5,60,a\\n1.75,70,b\\n")
>>> table = CSV(path, target="kind", dtypes={"kind": "category"})
>>> table[1]
(tensor([ 1.7500, 70.0000]), tensor(1))
"""

from __future__ import annotations

from .cifar import cifar, read_cifar_binary, read_cifar_pickle
from .csv import CSV
from .errors import DataFileError
from .idx import mnist, read_idx
from .images import ImageFiles

__all__ = ["CSV", "DataFileError", "ImageFiles", "cifar", "mnist", "read_cifar_binary", "read_cifar_pickle", "read_idx"]
