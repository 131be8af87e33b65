"""What torch.save and torch.load refuse, and in which words, beside PyTorch's; and what can be allowed."""

from __future__ import annotations

import io
import os
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import tgrad

real = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")


def saved(library: Any, obj: Any, **options: Any) -> io.BytesIO:
    out = io.BytesIO()
    library.save(obj, out, **options)
    out.seek(0)
    return out


def passed(a: Any, b: Any, obj: Any, zipped: bool = True, **options: Any) -> Any:
    """What library `b` reads of what `a` wrote."""
    return b.load(saved(a, obj, _use_new_zipfile_serialization=zipped), **options)


class Own(tgrad.nn.Module):
    """A user's module."""


def attempts() -> list[Any]:
    from tests.utils.test_serialization_hostile import archive, tensor, u

    two = {"data/0": b"\0" * 8}
    pickles = [
        b"\x80\x02cbuiltins\neval\n" + u("1") + b"\x85R.", b"\x80\x02c__builtin__\neval\n.", b"\x80\x02cos\nsystem\n.", b"\x80\x02cposix\nsystem\n.",
        b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81.", b"\x80\x02X\x01\0\0\0aQ.", b"\x80\x02X\x01\0\0\0a\x85Q.", b"\x80\x02K\x01)R.",
        b"\x80\x02K\x01)\x81.", b"\x80\x02K\x01}b.", b"\x80\x02}K\x01a.", b"\x80\x02}(K\x01e.", b"\x80\x02]K\x01K\x01s.", b"\x80\x02](K\x01K\x01u.", b"\x80\x02\xff.",
        b"\x80\x02K\x0102.", pickle.dumps([1], 4), pickle.dumps([1], 0), pickle.dumps(2**3000, 2), b"\x80\x02cmodule\nname\n.",
    ]  # fmt: skip
    found = [archive(p) for p in pickles]
    found += [archive(tensor(), {"data/0": b"123"}), archive(tensor()), archive(tensor(size=b"K\x02K\x02\x86"), two)]
    found += [archive(b"\x80\x02N.", version=v) for v in (b"99", b"x")] + [archive(b"\x80\x02N.", byteorder=b"x")]
    found += [b"PK\x03\x04", saved(real, 1).getvalue()[:500], archive(b"\x80\x02N.", {"constants.pkl": b""})]
    found += [pickle.dumps(1, 2), pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(7, 2)]
    return found


def test_errors_of_files() -> None:
    """Type and whole text, as PyTorch has them."""
    for raw in attempts():
        told = []
        for library in (tgrad, real):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with pytest.raises((RuntimeError, pickle.UnpicklingError, EOFError, ValueError, AssertionError)) as e:
                    library.load(io.BytesIO(raw))
            told.append((type(e.value), str(e.value).replace("tgrad", "torch")))
        assert told[0] == told[1]


ARGUMENTS = [
    "load(5)", "load('/no/such/file')", "load('/tmp')", "load(B(x), pickle_module=pickle, weights_only=True)", "load(B(x), mmap=True)",
    "load(B(l), mmap=True)", "load(B(x), map_location='cuda')", "load(B(x), map_location='xyz')", "load(B(x), map_location={'cpu': 'cuda:0'})",
    "load(B(x), map_location=3)", "serialization.set_default_mmap_options(77)", "serialization.set_default_load_endianness(3)",
    "serialization.add_safe_globals(3)", "serialization.get_unsafe_globals_in_checkpoint(B(l))", "load(Closed())",
]  # fmt: skip


@pytest.mark.parametrize("text", ARGUMENTS)
def test_errors_of_arguments(text: str) -> None:
    class Closed:
        def read(self, n: int) -> bytes:
            return b""

    told = []
    for library in (tgrad, real):
        scope = {"B": io.BytesIO, "pickle": pickle, "x": saved(real, real.ones(1)).getvalue(), "Closed": Closed}
        scope["l"] = saved(real, real.ones(1), _use_new_zipfile_serialization=False).getvalue()
        with pytest.raises(Exception) as e:
            eval("L." + text, scope | {"L": library})
        told.append((e.type, str(e.value)))
    assert told[0] == told[1]


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    file = saved(tgrad, tgrad.nn.Linear(1, 1)).getvalue()
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.warns(UserWarning, match="forcing weights_only=False"):
        assert repr(tgrad.load(io.BytesIO(file))) == repr(tgrad.nn.Linear(1, 1))
    with pytest.raises(pickle.UnpicklingError):
        tgrad.load(io.BytesIO(file), weights_only=True)
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "y")
    for library in (tgrad, real):
        with pytest.raises(RuntimeError, match="Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or"):
            library.load(io.BytesIO(file))
    monkeypatch.delenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    with pytest.raises(pickle.UnpicklingError):
        tgrad.load(io.BytesIO(file), weights_only=False)


def test_safe_globals() -> None:
    s = tgrad.serialization
    file = saved(real, real.nn.Linear(2, 2)).getvalue()
    assert s.get_unsafe_globals_in_checkpoint(io.BytesIO(file)) == ["torch.nn.modules.linear.Linear"]
    assert s.get_unsafe_globals_in_checkpoint(saved(tgrad, Own())) != []
    with s.safe_globals([tgrad.nn.Linear]):
        assert s.get_unsafe_globals_in_checkpoint(io.BytesIO(file)) == []
        assert repr(tgrad.load(io.BytesIO(file))) == "Linear(in_features=2, out_features=2, bias=True)"
    with pytest.raises(pickle.UnpicklingError):
        tgrad.load(io.BytesIO(file))
    s.add_safe_globals([(tgrad.nn.Linear, "torch.nn.modules.linear.Linear")])
    assert s.get_safe_globals() == [(tgrad.nn.Linear, "torch.nn.modules.linear.Linear")]
    assert isinstance(tgrad.load(io.BytesIO(file)), tgrad.nn.Linear)
    s.clear_safe_globals()
    assert s.get_safe_globals() == []
    scalar = saved(tgrad, np.float64(1.5)).getvalue()
    with s.safe_globals([np.dtype, type(np.dtype("f8")), np._core.multiarray.scalar]):
        assert tgrad.load(io.BytesIO(scalar)) == 1.5
    with (
        pytest.raises(pickle.UnpicklingError, match=r"os\.system whose module os is blocked"),
        s.safe_globals([(os.system, "os.system")]),
    ):
        from tests.utils.test_serialization_hostile import archive

        tgrad.load(io.BytesIO(archive(b"\x80\x02cos\nsystem\n.")))


def test_tensors_that_tgrad_lacks_are_refused_clearly() -> None:
    for make, words in (
        (lambda: real.ones(2).to_sparse(), "sparse"),
        (lambda: real.ones(2, 2).to_sparse_csr(), "sparse"),
        (lambda: real.quantize_per_tensor(real.ones(2), 0.1, 0, real.qint8), "QInt8Storage"),
        (lambda: real.zeros(2, device="meta"), "meta"),
        (lambda: real.zeros(2).to(real.float8_e4m3fn), "float8_e4m3fn"),
        (lambda: real.zeros(2, dtype=real.complex32), "complex32"),
    ):
        for zipped in (True, False):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with pytest.raises((RuntimeError, NotImplementedError), match=words):
                    passed(real, tgrad, make(), zipped)
    with pytest.raises(RuntimeError, match="holds no 'meta' tensors"):
        passed(tgrad, tgrad, tgrad.ones(1), map_location="meta")
