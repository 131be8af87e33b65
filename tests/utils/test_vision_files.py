"""tgrad.vision's data sets and image files, on files that the tests write."""

from __future__ import annotations

import gzip
import inspect
import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.utils.data import DataLoader
from tgrad.utils.datasets import DataFileError

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

from tgrad.vision import datasets, transforms  # noqa: E402
from tgrad.vision.io import ImageReadMode, decode_image, read_file, read_image, write_jpeg, write_png  # noqa: E402
from tgrad.vision.utils import make_grid, save_image  # noqa: E402


def write_mnist(folder: Path, packed: bool) -> None:
    folder.mkdir(parents=True)
    for part, n in (("train", 4), ("t10k", 2)):
        pixels = (np.arange(n * 784) % 256).astype(np.uint8)
        for name, head, data in (
            (f"{part}-images-idx3-ubyte", struct.pack(">4B3I", 0, 0, 8, 3, n, 28, 28), pixels.tobytes()),
            (f"{part}-labels-idx1-ubyte", struct.pack(">4BI", 0, 0, 8, 1, n), bytes(range(n))),
        ):
            path = folder / (name + ".gz" if packed else name)
            path.write_bytes(gzip.compress(head + data) if packed else head + data)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_mnist(tmp_path: Path, name: str, packed: bool) -> None:
    write_mnist(tmp_path / name / "raw", packed)
    kind = getattr(datasets, name)
    train = kind(str(tmp_path), train=True, download=True)  # the files are there: nothing to do
    image, label = train[3]
    assert len(train) == 4 and image.mode == "L" and image.size == (28, 28) and label == 3 and type(label) is int
    assert train.data.shape == (4, 28, 28) and train.targets.tolist() == [0, 1, 2, 3]
    assert list(train.class_to_idx.values()) == list(range(10)) and train.class_to_idx[train.classes[7]] == 7
    with pytest.warns(UserWarning, match="train_labels has been renamed targets"):
        assert train.train_labels is train.targets
    test = kind(tmp_path, train=False, transform=transforms.ToTensor(), target_transform=lambda y: y + 10)
    x, y = next(iter(DataLoader(test, 2)))
    assert x.shape == (2, 1, 28, 28) and x.max() <= 1 and y.tolist() == [10, 11]
    assert (
        repr(train) == f"Dataset {name}\n    Number of datapoints: 4\n    Root location: {tmp_path}\n    Split: Train"
    )


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for kind, folder, first in (
        (datasets.MNIST, "MNIST/raw", "train-images-idx3-ubyte"),
        (datasets.FashionMNIST, "FashionMNIST/raw", "train-images-idx3-ubyte"),
        (datasets.CIFAR10, "cifar-10-batches-py", "data_batch_1"),
        (datasets.CIFAR100, "cifar-100-python", "train"),
    ):
        with pytest.raises(
            RuntimeError, match=r"^Dataset not found( or corrupted)?\. You can use download=True to download it$"
        ):
            kind(tmp_path)
        with pytest.raises(RuntimeError) as info:
            kind(tmp_path, download=True)
        text = str(info.value)
        assert text.startswith(
            f"{kind.__name__} cannot be downloaded: tgrad fetches nothing from a network. Put these files into "
        )
        assert f"{tmp_path}/{folder}" in text and first in text


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    write_mnist(tmp_path / "MNIST" / "raw", False)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(
        DataFileError, match=r"train-images-idx3-ubyte: the header promises 3136 bytes of data \(4 x 28 x 28\)"
    ):
        datasets.MNIST(tmp_path)


def cifar_entry(n: int, key: str, start: int = 0) -> dict[str, Any]:
    return {
        "data": (np.arange(n * 3072) % 256).astype(np.uint8).reshape(n, 3072),
        key: [(start + i) % 10 for i in range(n)],
    }


def test_cifar(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for i in range(1, 6):
        (folder / f"data_batch_{i}").write_bytes(pickle.dumps(cifar_entry(2, "labels", i)))
    (folder / "test_batch").write_bytes(pickle.dumps(cifar_entry(3, "labels")))
    names = [f"class {i}" for i in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": names}))
    train = datasets.CIFAR10(tmp_path)
    image, label = train[1]
    assert len(train) == 10 and image.mode == "RGB" and image.size == (32, 32) and label == 2
    assert image.getpixel((1, 0)) == (1, 1, 1) and train.data.shape == (
        10,
        32,
        32,
        3,
    )  # planes of 1024 bytes: 1, 1025, 2049
    assert train.classes == names and train.class_to_idx["class 3"] == 3
    assert repr(train).endswith("Split: Train")
    assert datasets.CIFAR10(str(tmp_path), train=False).targets == [0, 1, 2]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": "x"}))
    with pytest.raises(DataFileError, match=r"batches\.meta: has no list 'label_names'"):
        datasets.CIFAR10(tmp_path)


def test_cifar_in_its_binary_version(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    for name in ("train", "test"):
        rows = np.zeros((2, 3074), np.uint8)
        rows[:, 1] = [5, 99]
        (folder / f"{name}.bin").write_bytes(rows.tobytes())
    assert datasets.CIFAR100(tmp_path).targets == [5, 99] and len(datasets.CIFAR100(tmp_path).classes) == 100
    (folder / "fine_label_names.txt").write_text("\n".join(f"n{i}" for i in range(100)) + "\n")
    assert datasets.CIFAR100(tmp_path).classes[99] == "n99"


def picture(path: Path, colour: tuple[int, int, int] = (1, 2, 3)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, 2), colour).save(path)


def test_image_folder(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.PNG", "a/deep/x.png", "a/z.jpg"):
        picture(tmp_path / name)
    (tmp_path / "a" / "notes.txt").write_text("")
    found = datasets.ImageFolder(str(tmp_path), transform=transforms.PILToTensor())
    assert [Path(p).relative_to(tmp_path).as_posix() for p, _ in found.samples] == [
        "a/z.jpg",
        "a/deep/x.png",
        "b/1.PNG",
        "b/2.png",
    ]
    assert found.targets == [0, 0, 1, 1] and found.classes == ["a", "b"] and found.imgs is found.samples
    assert found[3][0].shape == (3, 2, 3) and found[3][0][:, 0, 0].tolist() == [1, 2, 3]
    assert repr(found).splitlines()[-2:] == [
        "    StandardTransform",
        "Transform: PILToTensor()",
    ]  # as torchvision has it
    only = datasets.ImageFolder(tmp_path, is_valid_file=lambda p: p.endswith("g"), loader=lambda p: Path(p).name)
    assert only[0] == ("z.jpg", 0)
    folder = datasets.DatasetFolder(tmp_path, lambda p: Path(p).read_text(), (".txt",), allow_empty=True)
    assert len(folder) == 1 and folder[0] == ("", 0)
    with pytest.raises(
        FileNotFoundError, match=r"^Found no valid file for the classes b\. Supported extensions are: \.txt$"
    ):
        datasets.DatasetFolder(tmp_path, str, (".txt",))
    with pytest.raises(ValueError, match="cannot be None or not None at the same time"):
        datasets.DatasetFolder(tmp_path, str)
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder in"):
        datasets.ImageFolder(tmp_path / "b")
    with pytest.raises(ValueError, match="Only transforms or transform/target_transform"):
        datasets.VisionDataset("x", transforms=str, transform=str)


def test_save_image_and_read_image(tmp_path: Path) -> None:
    x = (tgrad.arange(60.0).reshape(5, 1, 3, 4) / 59).repeat(1, 3, 1, 1)
    path = tmp_path / "grid.png"
    save_image(x, path, nrow=3, padding=1)
    expected = (make_grid(x, nrow=3, padding=1) * 255 + 0.5).to(tgrad.uint8)
    assert read_image(path).tolist() == expected.tolist()
    assert x.max() == 1  # left as it was
    file = io.BytesIO()
    save_image(x[0], file, format="bmp")
    assert file.getvalue()[:2] == b"BM"
    grey = read_image(str(path), ImageReadMode.GRAY)
    assert grey.shape == (1, *expected.shape[1:]) and read_image(path, "RGB_ALPHA").shape[0] == 4
    assert decode_image(read_file(path)).tolist() == expected.tolist()
    write_png(expected[:1], tmp_path / "one.png")
    assert read_image(tmp_path / "one.png").tolist() == expected[:1].tolist()
    write_jpeg(expected, tmp_path / "one.jpg", quality=90)
    assert read_image(tmp_path / "one.jpg").shape == expected.shape
    with pytest.raises(RuntimeError, match="dtype should be uint8"):
        write_png(x[0], tmp_path / "x.png")


def test_pillow_is_asked_for_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in [name for name in sys.modules if name == "PIL" or name.startswith("PIL.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'tgrad\[vision\]'"):
        transforms.ToPILImage()(tgrad.zeros(1, 2, 2))
    assert transforms.CenterCrop(2)(tgrad.ones(1, 4, 4)).shape == (1, 2, 2)  # tensors need none
    with pytest.raises(TypeError, match="pic should be PIL Image or ndarray"):
        transforms.ToTensor()("x")


def test_training_on_fake_data() -> None:
    """As a tutorial does it: data set, transforms, workers, a model."""
    from tgrad import nn

    tgrad.manual_seed(0)
    steps = transforms.Compose(
        [transforms.RandomCrop(8, padding=1), transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
    )
    loader = DataLoader(
        datasets.FakeData(32, (3, 8, 8), transform=steps), 8, True, num_workers=2, multiprocessing_context="fork"
    )
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 10))
    step = tgrad.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for _ in range(8):
        for x, y in loader:
            step.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            step.step()
            losses.append(loss.item())
    assert sum(losses[-4:]) < sum(losses[:4])


# As torchvision 0.28 has them.
SIGNATURES = {
    "MNIST": "root, train=True, transform=None, target_transform=None, download=False",
    "FashionMNIST": "root, train=True, transform=None, target_transform=None, download=False",
    "CIFAR10": "root, train=True, transform=None, target_transform=None, download=False",
    "CIFAR100": "root, train=True, transform=None, target_transform=None, download=False",
    "ImageFolder": "root, transform=None, target_transform=None, loader=default_loader, is_valid_file=None, allow_empty=False",
    "DatasetFolder": "root, loader, extensions=None, transform=None, target_transform=None, is_valid_file=None, allow_empty=False",
    "FakeData": "size=1000, image_size=(3, 224, 224), num_classes=10, transform=None, target_transform=None, random_offset=0",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str) -> None:
    parts = []
    for p in inspect.signature(getattr(datasets, name)).parameters.values():
        default = getattr(p.default, "__name__", p.default)
        parts.append(p.name if p.default is p.empty else f"{p.name}={default}")
    assert ", ".join(parts) == SIGNATURES[name]
