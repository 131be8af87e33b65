"""Storages, plain pickles and copies, beside PyTorch's."""

from __future__ import annotations

import copy
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tgrad

real = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")


class Own(tgrad.nn.Module):
    """A user's module."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = tgrad.nn.Linear(2, 2)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles(protocol: int) -> None:
    x = tgrad.arange(6.0).reshape(2, 3)
    for value in (
        x,
        x.t(),
        x[1],
        tgrad.nn.Parameter(x),
        tgrad.tensor([1], dtype=tgrad.uint16),
        tgrad.ones(2, dtype=tgrad.bfloat16),
        tgrad.empty(0),
    ):
        again = pickle.loads(pickle.dumps(value, protocol))
        assert (
            type(again) is type(value)
            and again.equal(value)
            and again.stride() == value.stride()
            and again.requires_grad == value.requires_grad
        )
    for value in (tgrad.float32, tgrad.bool, tgrad.device("cuda:1"), tgrad.Size([1, 2]), tgrad.max(x, 0)):
        assert repr(pickle.loads(pickle.dumps(value, protocol))) == repr(value)
    m = pickle.loads(pickle.dumps(Own(), protocol))
    assert type(m) is Own
    buffers: list[Any] = []
    if protocol == 5:
        pickle.dumps(x, 5, buffer_callback=buffers.append)
        assert len(buffers) == 1


def test_copies_of_storages_and_tensors() -> None:
    x = tgrad.arange(4.0)
    y, s, t = copy.deepcopy([x, x.untyped_storage(), x[1:]])
    y[1] = 9
    assert t[0] == 9 and s.tolist()[4:8] == x.new_tensor([9.0]).untyped_storage().tolist() and x[1] == 1
    assert copy.copy(x.untyped_storage()) != x.untyped_storage()


STORAGES = """
    FloatStorage(3).size() | FloatStorage([1, 2]) | UntypedStorage([1, 2, 255]) | UntypedStorage(3).nbytes() | TypedStorage([1, 2])
    TypedStorage([1, 2], dtype=L.int16) | ByteStorage.from_buffer(b"abcd") | FloatStorage.from_buffer(b"\\0\\0\\x80?", "native")
    ones(2).untyped_storage()[0:4] | ones(2).untyped_storage()[3] | ones(2).untyped_storage().type() | ones(2).untyped_storage().clone()
    ones(2).untyped_storage().fill_(3) | ones(2).untyped_storage().copy_(L.zeros(2).untyped_storage()) | ones(2).untyped_storage().float().size()
    ones(2).untyped_storage().element_size() | ones(2).untyped_storage().filename | is_storage(L.ones(2).untyped_storage()) | is_storage(L.ones(2))
    ones(2).storage() | ones(2).storage().dtype | ones(2).storage().pickle_storage_type() | ones(2).storage().untyped() | ones(2).storage()[1]
    ones(2).storage().int().tolist() | ones(2).storage().type() | ones(2).storage_type().__name__ | ones(2).storage().element_size() | FloatStorage.dtype
    isinstance(L.ones(2).storage(), L.FloatStorage) | isinstance(L.ones(2).storage(), L.LongStorage) | storage.TypedStorage is L.TypedStorage
    UntypedStorage("a") | UntypedStorage(-1) | FloatStorage("a") | ones(2).storage()[5] | ones(2).untyped_storage()[9] | ones(2).storage()["a"]
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("text", [s.strip() for s in STORAGES if s.strip()])
def test_storages(text: str) -> None:
    told = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for library in (tgrad, real):
            source = text if text.startswith("isinstance") else "L." + text
            try:
                told.append(repr(eval(source, {"L": library})))
            except (TypeError, RuntimeError, IndexError) as e:
                told.append(type(e).__name__)
    assert told[0] == told[1]


def test_from_file(tmp_path: Path) -> None:
    path = str(tmp_path / "numbers")
    np.arange(5, dtype=np.float32).tofile(path)
    for library in (tgrad, real):
        assert library.from_file(path, size=5).tolist() == [0, 1, 2, 3, 4]
        assert library.from_file(path, size=2, dtype=library.int32).dtype is library.int32
        x = library.from_file(path, shared=True, size=6)
        x[0] = x[0] + 0
        assert os.path.getsize(path) == 24
        with pytest.raises(RuntimeError):
            library.from_file(str(tmp_path / "none"), size=3)
    x = tgrad.from_file(path, True, 6)
    x[5] = 9
    assert np.fromfile(path, np.float32)[5] == 9
