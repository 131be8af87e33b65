"""Readers of data files: what they read, and what they say of files that are not what they should be."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.utils.data import DataLoader
from tgrad.utils.datasets import (
    CSV,
    DataFileError,
    ImageFiles,
    cifar,
    mnist,
    read_cifar_binary,
    read_cifar_pickle,
    read_idx,
)

CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def idx(a: np.ndarray) -> bytes:
    head = bytes([0, 0, CODES[a.dtype.name], a.ndim]) + struct.pack(f">{a.ndim}I", *a.shape)
    return head + a.astype(a.dtype.newbyteorder(">")).tobytes()


def images(n: int) -> np.ndarray:
    return (np.arange(n * 28 * 28) % 251).astype(np.uint8).reshape(n, 28, 28)


def refused(read: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(DataFileError) as info:
        read(*args, **kwargs)
    assert str(info.value) == f"{info.value.path}: {info.value.what}"
    assert str(pickle.loads(pickle.dumps(info.value))) == str(info.value)  # so that it comes out of a worker
    return info.value.what


# ---- IDX


@pytest.mark.parametrize("dtype", CODES)
@pytest.mark.parametrize("packed", [False, True])
def test_idx(tmp_path: Path, dtype: str, packed: bool) -> None:
    a = (np.arange(24) * 5).astype(dtype).reshape(2, 3, 4)
    path = tmp_path / "file"  # the name says nothing
    path.write_bytes(gzip.compress(idx(a)) if packed else idx(a))
    got = read_idx(path)
    assert got.dtype is getattr(tgrad, dtype) and got.tolist() == a.tolist()
    got += 1  # writable


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_that_are_wrong(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "file.idx"
    good = idx(np.arange(6, dtype=np.int16).reshape(2, 3))

    def said(data: bytes) -> str:
        path.write_bytes(gzip.compress(data) if packed else data)
        return refused(read_idx, path)

    assert said(b"\x89PNG\r\n") == "not an IDX file: it begins with 89 50 4e 47, and not with 00 00"
    assert said(b"") == "ends at byte 0, within the header (0 of 4 bytes are there)"
    assert said(good[:6]) == "ends at byte 6, within the sizes (2 of 8 bytes are there)"
    assert said(good[:-1]) == "ends at byte 23, within the data (11 of 12 bytes are there)" or not packed
    assert said(good + b"x") == "too long: 1 byte after the end of the data at byte 24"
    assert said(good + bytes(1 << 21)) == "too long: more than a megabyte after the end of the data at byte 24"
    assert said(b"\0\0\x07\x01") == "byte 2 says that the numbers are of type 0x07, which IDX does not have"
    assert said(b"\0\0\x08\0") == "byte 3 says that there are no dimensions"
    huge = b"\0\0\x08\x03" + struct.pack(">3I", 2**31, 2**31, 2**31)
    assert "which is more than the file can hold" in said(huge)
    if not packed:
        assert said(good[:-1]) == "the header promises 12 bytes of data (2 x 3), which is more than the file can hold"


def test_gzip_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    whole = gzip.compress(idx(images(3)))
    path.write_bytes(whole[: len(whole) // 2])
    assert "damaged gzip file, within the data (after byte" in refused(read_idx, path)
    path.write_bytes(whole[:-8] + b"\0" * 4 + whole[-4:])  # another checksum
    assert "damaged gzip file, at its end: CRC check failed" in refused(read_idx, path)
    rng = np.random.default_rng(0)
    for _ in range(200):  # any bit: an error or, rarely, the data; never anything else
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            assert read_idx(path).shape[1:] == (28, 28)
        except DataFileError as error:
            assert str(error).startswith(str(path))


def write_mnist(folder: Path, packed: bool = True, n: int = 5) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        for name, a in (
            (f"{part}-images-idx3-ubyte", images(n)),
            (f"{part}-labels-idx1-ubyte", np.arange(n, dtype=np.uint8) % 10),
        ):
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(idx(a)))
            else:
                (folder / name).write_bytes(idx(a))


def test_mnist(tmp_path: Path) -> None:
    for packed in (True, False):
        write_mnist(tmp_path / str(packed), packed)
        x, y = mnist(tmp_path / str(packed), train=packed)
        assert (
            x.dtype is tgrad.uint8
            and x.shape == (5, 28, 28)
            and y.dtype is tgrad.int64
            and y.tolist() == [0, 1, 2, 3, 4]
        )
    with pytest.raises(
        FileNotFoundError, match=r"neither train-images-idx3-ubyte nor train-images-idx3-ubyte\.gz is in "
    ):
        mnist(tmp_path)
    labels = tmp_path / "False" / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros(4, np.uint8)))
    assert refused(mnist, tmp_path / "False") == "4 labels for the 5 images of train-images-idx3-ubyte"
    labels.write_bytes(idx(images(5)))
    assert (
        refused(mnist, tmp_path / "False")
        == "holds no labels: labels are bytes of 1 dimension, and here are torch.uint8 of 3"
    )


# ---- CIFAR


def cifar_rows(n: int, labels: int) -> np.ndarray:
    rows = (np.arange(n * (labels + 3072)) % 249).astype(np.uint8).reshape(n, -1)
    rows[:, :labels] = np.arange(n)[:, None] % 10
    return rows


def test_cifar_binary(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    for classes, labels in ((10, 1), (100, 2)):
        rows = cifar_rows(4, labels)
        path.write_bytes(rows.tobytes())
        x, y = read_cifar_binary(path, classes)
        assert (
            x.shape == (4, 3, 32, 32)
            and y.tolist() == [0, 1, 2, 3]
            and x.flatten().tolist() == rows[:, labels:].ravel().tolist()
        )
    rows = cifar_rows(3, 1)
    path.write_bytes(rows.tobytes()[:-100])
    assert refused(read_cifar_binary, path).endswith("(record 2 is cut off after 2973 bytes)")
    rows[1, 0] = 12
    path.write_bytes(rows.tobytes())
    assert refused(read_cifar_binary, path) == "the label of record 1 (byte 3073) is 12; labels are below 10"
    path.write_bytes(b"")
    assert refused(read_cifar_binary, path) == "is empty"
    with pytest.raises(ValueError, match="10 or 100"):
        read_cifar_binary(path, 20)


class Evil:
    def __reduce__(self) -> Any:
        return print, ("run!",)


@pytest.mark.parametrize("protocol", range(6))
def test_cifar_pickles(tmp_path: Path, protocol: int, capsys: Any) -> None:
    path = tmp_path / "batch"
    rows = cifar_rows(3, 1)

    def write(entry: Any) -> Path:
        path.write_bytes(pickle.dumps(entry, protocol))
        return path

    x, y = read_cifar_pickle(write({b"data": rows[:, 1:], b"labels": [1, 2, 3], b"filenames": [b"a"]}))
    assert x.shape == (3, 3, 32, 32) and y.tolist() == [1, 2, 3]
    x, y = read_cifar_pickle(write({"data": rows[:, 1:], "fine_labels": [1, 2, 93], "coarse_labels": [0, 1, 2]}))
    assert y.tolist() == [1, 2, 93]
    said = refused(read_cifar_pickle, write({"data": Evil(), "labels": []}))
    assert said.startswith("not loaded: the pickle asks for ") and said.endswith(".print, which no CIFAR file needs")
    assert capsys.readouterr().out == ""
    assert refused(read_cifar_pickle, write({"data": rows[:, 1:]})) == "holds no labels: its keys are data"
    assert refused(read_cifar_pickle, write([1])) == "holds a list, where CIFAR's files hold a dictionary"
    assert refused(read_cifar_pickle, write({"data": rows[:, 1:], "labels": [1]})) == "3 images and 1 labels"
    assert (
        refused(read_cifar_pickle, write({"data": rows[:, 1:], "labels": [1, 2, 10]}))
        == "label 2 is 10; labels are numbers below 10"
    )
    assert (
        refused(read_cifar_pickle, write({"data": rows, "labels": [1, 2, 3]}))
        == "its images are no bytes of N x 3072 but uint8 of (3, 3073)"
    )
    whole = write({"data": rows[:, 1:], "labels": [1, 2, 3]}).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "not a pickle that can be read, or a damaged one" in refused(read_cifar_pickle, path)


def test_cifar_folders(tmp_path: Path) -> None:
    for name in ("train.bin", "test.bin"):
        (tmp_path / name).write_bytes(cifar_rows(2, 2).tobytes())
    x, y = cifar(tmp_path, classes=100)
    assert len(x) == 2 and y.tolist() == [0, 1]
    with pytest.raises(FileNotFoundError, match=r"data_batch_1, .*data_batch_5 \(or the same with \.bin\) not in"):
        cifar(tmp_path)
    for i in range(1, 6):
        (tmp_path / f"data_batch_{i}").write_bytes(pickle.dumps({"data": cifar_rows(2, 1)[:, 1:], "labels": [i, i]}))
    assert cifar(tmp_path)[1].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


# ---- CSV


def table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


GOOD = 'height,weight,"name, first",ok\n1.5,60,ann,true\n\n1.75,70,"b ""x""",no\n'


def test_csv(tmp_path: Path) -> None:
    path = table(tmp_path, GOOD)
    kinds = {"weight": tgrad.int64, "name, first": "category", "ok": tgrad.bool}
    t = CSV(path, dtypes=kinds, target="name, first")
    assert t.names == ["height", "weight", "name, first", "ok"] and len(t) == 2
    assert t.features.tolist() == [[1.5, 60, 1], [1.75, 70, 0]] and t.features.dtype is tgrad.float32
    assert t.targets is not None and t.targets.tolist() == [0, 1] and t.categories == {"name, first": ["ann", 'b "x"']}
    assert t.column("weight").dtype is tgrad.int64 and t.column("ok").tolist() == [True, False]
    assert t[1][1].item() == 1
    assert [b.tolist() for b in next(iter(DataLoader(t, 2)))] == [t.features.tolist(), [0, 1]]
    some = CSV(path, columns=["weight", 0], dtypes=tgrad.float64, target=[1])
    assert some.features.tolist() == [[60, 1.5], [70, 1.75]] and some.features.dtype is tgrad.float64
    assert some.targets is not None and some.targets.shape == (2, 1)
    assert CSV(path, columns=["height"])[0].tolist() == [1.5]
    bare = CSV(table(tmp_path, "1;2\n3;\n"), header=False, delimiter=";", missing="")
    assert bare.names == ["0", "1"] and str(bare.features.tolist()) == "[[1.0, 2.0], [3.0, nan]]"
    assert CSV(table(tmp_path, "1,2\n"), header=["a", "b"]).column("b").tolist() == [2]
    assert CSV(table(tmp_path, "\ufeffa,b\n1,2\n")).names == ["a", "b"]


def test_csv_files_that_are_wrong(tmp_path: Path) -> None:
    def said(text: str, encoding: str = "utf-8", **options: Any) -> str:
        return refused(CSV, table(tmp_path, text, encoding), **options)

    assert said("a,b\n1,2\n3,x\n") == "line 3, column 'b': 'x' is no torch.float32"
    assert said("a,b\n1,2\n\n\n3,2.5\n", dtypes=tgrad.int64) == "line 5, column 'b': '2.5' is no torch.int64"
    assert said("a\n300\n", dtypes=tgrad.uint8) == "line 2, column 'a': '300' is no torch.uint8"
    assert said("a\nmaybe\n", dtypes=tgrad.bool) == "line 2, column 'a': 'maybe' is no torch.bool"
    assert said("a,b\n1\n") == "line 2: 1 field, where there are 2 columns"
    assert said("a,b\n1,2,3\n") == "line 2: 3 fields, where there are 2 columns"
    assert said('a\n"multi\nline"\nx\n', dtypes="category", columns=["b"]) == "no column is called 'b'; there are 'a'"
    assert said('a\n"1\n2"\nx\n').startswith("line 3, column 'a': '1\\n2' is no")
    assert said("a,a\n1,2\n") == "two columns are called 'a'"
    assert said("") == "is empty"
    assert said("a\n1\n", target=3) == "there is no column 3, only 1 of them"
    assert said('a\n"1\n') == "line 2: unexpected end of data"
    assert said("é\n1\n", "latin-1").startswith("byte 0 is no utf-8: ")
    t = CSV(table(tmp_path, "a,b\n1,x\n"), columns=["a"])
    assert refused(t.column, "b") == "column 'b' was not read"
    with pytest.raises(TypeError, match=r'a torch\.dtype or "category"'):
        CSV(table(tmp_path, "a\n1\n"), dtypes="int")


# ---- images


def test_image_files(tmp_path: Path) -> None:
    Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for name, colour in (("cat", (255, 0, 0)), ("dog", (0, 255, 0))):
        (tmp_path / name / "more").mkdir(parents=True)
        Image.new("RGB", (4, 3), colour).save(tmp_path / name / "b.png")
        Image.new("L", (2, 2), 9).save(tmp_path / name / "more" / "a.PNG")
        (tmp_path / name / "notes.txt").write_text("no image")
    files = ImageFiles(tmp_path)
    assert len(files) == 4 and files.classes == ["cat", "dog"]
    image, label = files[2]
    assert (
        image.shape == (3, 3, 4)
        and image.dtype is tgrad.uint8
        and image[:, 0, 0].tolist() == [0, 255, 0]
        and label == 1
    )
    assert ImageFiles(tmp_path, "L", lambda x: x.float().mean().item())[1] == (9.0, 0)
    bad = tmp_path / "dog" / "b.png"
    bad.write_bytes(bad.read_bytes()[:-30])
    assert refused(lambda: files[2]).startswith("not an image, or a damaged one: ")
    with pytest.raises(DataFileError, match=r"(?s)^Caught DataFileError in DataLoader worker process 0\.|b\.png"):
        list(DataLoader(files, None, num_workers=1, multiprocessing_context="fork"))
    with pytest.raises(FileNotFoundError, match="is no folder"):
        ImageFiles(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="has no folders in it"):
        ImageFiles(tmp_path / "dog" / "more")
    with pytest.raises(FileNotFoundError, match="has no images in its folders"):
        (tmp_path / "empty" / "class").mkdir(parents=True)
        ImageFiles(tmp_path / "empty")


def test_pillow_is_asked_for_by_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "PIL", None)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"")
    with pytest.raises(ImportError, match=r"pip install 'tgrad\[vision\]'"):
        ImageFiles(tmp_path)[0]
