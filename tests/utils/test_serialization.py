"""torch.save and torch.load beside PyTorch's: what one library writes the other reads, in both formats."""

from __future__ import annotations

import gzip
import io
import mmap
import pickle
import pickletools
import struct
import warnings
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

real = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")
FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
WAYS = pytest.mark.parametrize(("a", "b"), [(tgrad, real), (real, tgrad), (tgrad, tgrad)], ids=["there", "back", "own"])


def saved(library: Any, obj: Any, **options: Any) -> io.BytesIO:
    out = io.BytesIO()
    library.save(obj, out, **options)
    out.seek(0)
    return out


def passed(a: Any, b: Any, obj: Any, zipped: bool = True, **options: Any) -> Any:
    """What library `b` reads of what `a` wrote."""
    return b.load(saved(a, obj, _use_new_zipfile_serialization=zipped), **options)


TENSORS = (
    """
    L.arange(6.).reshape(2, 3)
    L.arange(6.).reshape(2, 3).t()
    L.arange(24.).reshape(2, 3, 4)[1:, ::2, 1:]
    L.tensor(3.5)
    L.empty(0)
    L.zeros(2, 0, 3)
    L.arange(3.).expand(4, 3)
    L.randn(2, 3, 4, 5).to(memory_format=L.channels_last)
    L.ones(2, 3, requires_grad=True)
    L.ones(2, requires_grad=True) * 2
    L.tensor([1 + 2j, 3j])
    L.tensor([1 + 2j, 3j], dtype=L.complex128)
    L.tensor([1 + 2j, 3j]).real
    L.tensor([True, False])
    L.arange(9)[5:]
    L.arange(9)[9:]
    L.nn.Parameter(L.ones(2, 2))
    L.nn.Parameter(L.arange(2), requires_grad=False)
""".strip().splitlines()
    + [
        f"L.tensor([0, 1, 2], dtype=L.{d})"
        for d in "uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64".split()
    ]
)


@WAYS
@FORMATS
@pytest.mark.parametrize("text", TENSORS, ids=lambda t: t.strip())
def test_tensors(a: ModuleType, b: ModuleType, zipped: bool, text: str) -> None:
    a.manual_seed(0)
    x = eval(text, {"L": a})
    if x.dtype in (a.uint16, a.uint32, a.uint64) and not zipped and b is real:
        pytest.skip("PyTorch cannot read its own files of these dtypes in the old format")
    y = passed(a, b, {"x": x}, zipped)["x"]
    assert type(y).__name__ == type(x).__name__ and str(y.dtype) == str(x.dtype)
    assert y.shape == tuple(x.shape) and y.stride() == x.stride() and y.storage_offset() == x.storage_offset()
    assert y.requires_grad == x.requires_grad and y.is_leaf and y.tolist() == x.tolist()
    assert y.untyped_storage().nbytes() == x.untyped_storage().nbytes()


DATA = [
    None, True, 1, -1, 2**70, -(2**2000), 1.5, float("inf"), 2 + 1j, "text é", "\ud800", b"bytes\xff", bytearray(b"array"), (), (1,), (1, (2, 3)),
    [], [1, [2]], {}, {"a": {1: 2.5, (1, "x"): None}}, {1, 2}, OrderedDict(a=1, b=[2]), Counter("hello"), [None] * 1001,
]  # fmt: skip


@WAYS
@FORMATS
def test_containers_and_numbers(a: ModuleType, b: ModuleType, zipped: bool) -> None:
    data = [d for d in DATA if not (isinstance(d, int) and d < -(2**1000))]  # LONG4, which weights_only refuses
    found = passed(a, b, data, zipped)
    assert found == data and [type(x) for x in found] == [type(x) for x in data]
    shared = [1]
    found = passed(a, b, [shared, shared], zipped)
    assert found[0] is found[1]


@WAYS
def test_sizes_dtypes_devices(a: ModuleType, b: ModuleType) -> None:
    for make in (lambda L: L.Size([2, 3]), lambda L: L.bfloat16, lambda L: L.bool, lambda L: L.device("cuda", 1), lambda L: L.device("cpu"), lambda L: L.uint16):  # fmt: skip
        assert passed(a, b, make(a)) == make(b)
    assert repr(passed(a, b, a.strided, weights_only=False)) == "torch.strided"


@WAYS
@FORMATS
def test_shared_memory_stays_shared(a: ModuleType, b: ModuleType, zipped: bool) -> None:
    x = a.arange(12.0).reshape(3, 4)
    y = passed(a, b, {"x": x, "row": x[1], "t": x.t(), "apart": x.clone(), "p": a.nn.Parameter(x)}, zipped)
    y["x"][1, 2] = 100
    assert y["row"][2] == 100 and y["t"][2, 1] == 100 and y["p"][1, 2] == 100 and y["apart"][1, 2] == 6
    with zipfile.ZipFile(saved(a, [x, x[0], x.t()])) as z:
        assert [n for n in z.namelist() if "/data/" in n] == ["archive/data/0"]


def test_lazily_conjugated_and_negated_tensors() -> None:
    z = real.tensor([1 + 2j, 3 - 4j])
    assert passed(real, tgrad, z.conj()).tolist() == [1 - 2j, 3 + 4j]
    assert passed(real, tgrad, z.conj().imag).tolist() == [-2, 4]
    assert passed(tgrad, real, tgrad.tensor([1 + 2j]).conj()).tolist() == [1 - 2j]


@FORMATS
def test_memory_of_two_dtypes_is_refused(zipped: bool) -> None:
    for library in (tgrad, real):
        x = library.ones(2)
        with pytest.raises(
            RuntimeError, match="Cannot save multiple tensors or storages that view the same data as different types"
        ):
            saved(library, [x, x.view(library.int32)], _use_new_zipfile_serialization=zipped)


def model(L: Any) -> Any:
    L.manual_seed(0)
    nn = L.nn
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 4), nn.GELU(),
        nn.LayerNorm(4), nn.Dropout(0.5), nn.Linear(4, 3, bias=False), nn.Softmax(dim=1),
    )  # fmt: skip


@WAYS
@FORMATS
def test_state_dicts(a: ModuleType, b: ModuleType, zipped: bool) -> None:
    m, n = model(a), model(b)
    with a.no_grad():
        for p in m.parameters():
            p.add_(1)
    state = passed(a, b, m.state_dict(), zipped)
    assert type(state) is OrderedDict and state._metadata == m.state_dict()._metadata
    assert str(n.load_state_dict(state)) == "<All keys matched successfully>"
    for (name, x), (other, y) in zip(m.state_dict().items(), n.state_dict().items(), strict=True):
        assert name == other and x.tolist() == y.tolist()


OPTIMIZERS = [("SGD", {"momentum": 0.9}), ("Adam", {"amsgrad": True}), ("AdamW", {}), ("RMSprop", {"centered": True}), ("Adagrad", {}), ("Adamax", {})]  # fmt: skip


@WAYS
@pytest.mark.parametrize(("name", "options"), OPTIMIZERS, ids=lambda x: x if isinstance(x, str) else "")
def test_training_goes_on_in_the_other_library(
    a: ModuleType, b: ModuleType, name: str, options: dict[str, Any]
) -> None:
    def start(L: Any) -> tuple[Any, Any]:
        L.manual_seed(0)
        m = L.nn.Linear(3, 2).double()
        return m, getattr(L.optim, name)(m.parameters(), lr=0.01, **options)

    def steps(L: Any, m: Any, o: Any, n: int) -> None:
        for _ in range(n):
            o.zero_grad()
            (m(L.ones(4, 3, dtype=L.float64)) ** 2).sum().backward()
            o.step()

    m, o = start(a)
    steps(a, m, o, 3)
    state = passed(a, b, {"model": m.state_dict(), "optimizer": o.state_dict(), "epoch": 3})
    m2, o2 = start(b)
    m2.load_state_dict(state["model"])
    o2.load_state_dict(state["optimizer"])
    steps(a, m, o, 3)
    steps(b, m2, o2, 3)
    np.testing.assert_allclose(m.weight.tolist(), m2.weight.tolist(), rtol=1e-12)


MODULES = """
    nn.Linear(3, 2) | nn.Conv1d(3, 2, 1) | nn.ConvTranspose2d(1, 2, 3) | nn.BatchNorm1d(3) | nn.InstanceNorm2d(2, affine=True) | nn.GroupNorm(1, 3)
    nn.LayerNorm(3) | nn.RMSNorm(3) | nn.Embedding(5, 2, padding_idx=0) | nn.EmbeddingBag(5, 2) | nn.MultiheadAttention(4, 2) | nn.PReLU()
    nn.ModuleList([nn.Linear(1, 1), nn.ReLU()]) | nn.ModuleDict({"a": nn.Linear(1, 1)}) | nn.ParameterList([nn.Linear(1, 1).weight])
    nn.ParameterDict({"x": nn.Linear(1, 1).weight}) | nn.Upsample(scale_factor=2) | nn.PixelShuffle(2) | nn.CrossEntropyLoss() | nn.Bilinear(2, 3, 2)
    nn.ZeroPad2d(1) | nn.MaxPool2d(2) | nn.AdaptiveAvgPool2d(1) | nn.Dropout(0.1) | nn.Softmax(1) | nn.Identity() | nn.Fold(2, 1) | nn.CosineSimilarity()
""".replace("\n", "|").split("|")
MODULES = [m.strip() for m in MODULES if m.strip()]


@WAYS
@pytest.mark.parametrize("text", MODULES)
def test_whole_modules(a: ModuleType, b: ModuleType, text: str) -> None:
    a.manual_seed(0)
    m = eval(text, {"nn": a.nn})
    n = passed(a, b, m, weights_only=False)
    assert repr(n) == repr(m) and type(n) is eval(text.partition("(")[0], {"nn": b.nn})
    for (name, x), (other, y) in zip(m.state_dict().items(), n.state_dict().items(), strict=True):
        assert name == other and x.tolist() == y.tolist()
    assert n.__dict__.keys() == eval(text, {"nn": b.nn}).__dict__.keys()


@WAYS
def test_a_whole_model_computes_the_same(a: ModuleType, b: ModuleType) -> None:
    m = model(a).eval()
    n = passed(a, b, m, weights_only=False)
    a.manual_seed(1)
    x = a.randn(2, 1, 4, 4)
    np.testing.assert_allclose(m(x).tolist(), n(b.tensor(x.tolist())).tolist(), rtol=1e-5, atol=1e-6)


def test_names_in_files_are_pytorchs() -> None:
    """Every public class of nn and optim, by the name under which PyTorch's own files know it."""
    from tgrad.files import names

    wrong = []
    for space in ("nn", "optim", "optim.lr_scheduler"):
        ours, theirs = tgrad, real
        for part in space.split("."):
            ours, theirs = getattr(ours, part), getattr(theirs, part)
        for name in dir(theirs):
            own, other = getattr(ours, name, None), getattr(theirs, name)
            if isinstance(other, type) and isinstance(own, type) and other.__module__.startswith("torch"):
                if names.full(own) != f"{other.__module__}.{other.__qualname__}":
                    wrong.append((names.full(own), f"{other.__module__}.{other.__qualname__}"))
                elif names.find(other.__module__, other.__qualname__) is not own:
                    wrong.append((f"{other.__module__}.{other.__qualname__}", "is not found"))
    assert not wrong


@WAYS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols(a: ModuleType, b: ModuleType, protocol: int) -> None:
    data = {
        "m": a.nn.MultiheadAttention(4, 2),
        "x": a.ones(2),
        "s": "tgrad.nn.modules.linear",
        "f": a.nn.functional.relu,
        "l": list(range(20_000)),
    }
    for zipped in (True, False):
        file = saved(a, data, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
        found = b.load(file, weights_only=False)
        assert repr(found["m"]) == repr(data["m"]) and found["x"].tolist() == [1, 1] and found["s"] == data["s"]
        assert found["l"] == data["l"] and found["f"](b.tensor([-1.0])).tolist() == [0]


def test_texts_that_look_like_names_stay() -> None:
    texts = ["tgrad", "ctgrad.nn\nLinear\n", "c", "tgrad.nn.modules.linear", b"ctgrad\nTensor\n"]
    for protocol in (2, 4):
        assert (
            tgrad.load(saved(tgrad, [tgrad.ones(1), texts], pickle_protocol=protocol), weights_only=False)[1] == texts
        )


@WAYS
def test_generators(a: ModuleType, b: ModuleType) -> None:
    g = a.Generator().manual_seed(5)
    a.rand(7, generator=g)
    h = passed(a, b, g, weights_only=False)
    assert a.rand(3, generator=g).tolist() == b.rand(3, generator=h).tolist() and h.initial_seed() == 5
    state = passed(a, b, a.Generator().manual_seed(6).get_state())
    other = b.Generator()
    other.set_state(state)
    assert b.rand(3, generator=other).tolist() == a.rand(3, generator=a.Generator().manual_seed(6)).tolist()


@WAYS
def test_functions_numpy_and_named_tuples(a: ModuleType, b: ModuleType) -> None:
    for make in (
        lambda L: L.nn.functional.softmax, lambda L: L.relu, lambda L: L.nn.functional.gelu, lambda L: np.float64(3), lambda L: np.arange(3),
        lambda L: L.return_types.max, lambda L: L.max(L.ones(2, 2), 0), lambda L: L.sort(L.arange(3)), lambda L: L.Tensor,
    ):  # fmt: skip
        found, own = passed(a, b, make(a), weights_only=False), make(b)
        assert repr(found) == repr(own) if not callable(own) else found.__name__ == own.__name__


class Own(tgrad.nn.Module):
    """A user's module."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = tgrad.nn.Linear(2, 2)
        self.note = {"a": 1}


class OwnTensor(tgrad.Tensor):
    pass


@FORMATS
def test_users_classes(zipped: bool) -> None:
    m = Own()
    n = passed(tgrad, tgrad, m, zipped, weights_only=False)
    assert type(n) is Own and n.note == {"a": 1} and n.inner.weight.tolist() == m.inner.weight.tolist()
    x = tgrad.ones(2).as_subclass(OwnTensor)
    x.note = [1]
    y = passed(tgrad, tgrad, x, zipped, weights_only=False)
    assert type(y) is OwnTensor and y.note == [1] and y.tolist() == [1, 1]
    with pytest.raises(pickle.UnpicklingError, match="OwnTensor was not an allowed global"):
        passed(tgrad, tgrad, x, zipped)
    with tgrad.serialization.safe_globals([OwnTensor]):
        assert type(passed(tgrad, tgrad, x, zipped)) is OwnTensor
    assert tgrad.serialization.get_safe_globals() == []


@WAYS
def test_attributes_of_tensors(a: ModuleType, b: ModuleType) -> None:
    x, p = a.ones(2), a.nn.Parameter(a.ones(2))
    x.note, p.note = [1], {"b": 2}
    y, q = passed(a, b, [x, p])
    assert y.note == [1] and q.note == {"b": 2} and isinstance(q, b.nn.Parameter)


def test_buffers_keep_their_mark() -> None:
    b = passed(tgrad, tgrad, tgrad.nn.Buffer(tgrad.ones(1), persistent=False))
    assert isinstance(b, tgrad.nn.Buffer) and not b.persistent
    assert isinstance(passed(tgrad, real, tgrad.nn.Buffer(tgrad.ones(1))), real.nn.Buffer)


def test_backward_hooks_are_not_saved() -> None:
    x = tgrad.ones(2, requires_grad=True)
    x.register_hook(print)
    with pytest.warns(UserWarning, match="backward hook <built-in function print> on tensor will not be serialized"):
        y = passed(tgrad, tgrad, x)
    assert y.requires_grad


# ---- the format itself


def layout_of(raw: bytes) -> list[tuple[Any, ...]]:
    with zipfile.ZipFile(io.BytesIO(raw)) as z:
        assert z.testzip() is None
        found = []
        for i in z.infolist():
            names, extra = struct.unpack_from("<HH", raw, i.header_offset + 26)
            first = i.header_offset + 30 + names + extra
            found.append((i.filename, i.file_size, i.header_offset, first, i.compress_type, i.flag_bits))
        return found


def test_archives_are_pytorchs_byte_for_byte() -> None:
    """But for the digits of the serialization id, which PyTorch makes from a hash of its own."""
    for make in (
        lambda L: {"a": L.arange(7.0), "u": L.tensor([1], dtype=L.uint16)},
        lambda L: L.nn.Parameter(L.ones(3)),
        lambda L: [],
    ):
        ours, theirs = saved(tgrad, make(tgrad)).getvalue(), saved(real, make(real)).getvalue()
        assert layout_of(ours) == layout_of(theirs)
        assert all(first % 64 == 0 for _, _, _, first, _, _ in layout_of(ours))
        end = ours.index(b".data/serialization_id") - 100
        assert ours[:end] == theirs[:end]
        with zipfile.ZipFile(io.BytesIO(ours)) as z:
            identity = z.read("archive/.data/serialization_id")
            assert len(identity) == 40 and identity.isdigit()
        assert ours == saved(tgrad, make(tgrad)).getvalue()


def test_the_old_format_is_pytorchs() -> None:
    ours, theirs = (
        saved(L, {"a": L.arange(7.0), "n": None}, _use_new_zipfile_serialization=False) for L in (tgrad, real)
    )
    for _ in range(5):
        a, b = ([(o.name, x) for o, x, _ in pickletools.genops(f)] for f in (ours, theirs))
        assert len(a) == len(b)
        assert [x for x in a if not str(x[1]).isdigit()] == [x for x in b if not str(x[1]).isdigit()]
    assert ours.read() == theirs.read()


def test_folders_in_archives(tmp_path: Path) -> None:
    for name in ("a.pt", "a.b.pt", "noext", "x.", "é.pt", "a b.pt"):
        found = []
        for L in (tgrad, real):
            L.save(1, tmp_path / name)
            with zipfile.ZipFile(tmp_path / name) as z:
                found.append(z.namelist())
            assert tgrad.load(tmp_path / name) == real.load(tmp_path / name) == 1
        assert found[0] == found[1]


def test_checksums_can_be_left_out(tmp_path: Path) -> None:
    tgrad.serialization.set_crc32_options(False)
    try:
        assert not tgrad.serialization.get_crc32_options()
        raw = saved(tgrad, tgrad.ones(3)).getvalue()
    finally:
        tgrad.serialization.set_crc32_options(True)
    with zipfile.ZipFile(io.BytesIO(raw)) as z:
        assert {i.CRC for i in z.infolist()} == {0}
    assert tgrad.load(io.BytesIO(raw)).tolist() == real.load(io.BytesIO(raw)).tolist() == [1, 1, 1]


def test_files_of_the_other_byte_order() -> None:
    with zipfile.ZipFile(saved(tgrad, [tgrad.arange(3.0), tgrad.tensor([1 + 2j])])) as z:
        records = {n: z.read(n) for n in z.namelist()}
    records["archive/byteorder"] = b"big"
    records["archive/data/0"] = np.frombuffer(records["archive/data/0"], "<f4").astype(">f4").tobytes()
    records["archive/data/1"] = np.frombuffer(records["archive/data/1"], "<c8").astype(">c8").tobytes()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, data in records.items():
            z.writestr(name, data)
    out.seek(0)
    assert [x.tolist() for x in tgrad.load(out)] == [[0, 1, 2], [1 + 2j]]
    del records["archive/byteorder"]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, data in records.items():
            z.writestr(name, data)
    tgrad.serialization.set_default_load_endianness(tgrad.serialization.LoadEndianness.BIG)
    try:
        assert tgrad.load(io.BytesIO(out.getvalue()))[0].tolist() == [0, 1, 2]
    finally:
        tgrad.serialization.set_default_load_endianness(None)
    assert tgrad.load(io.BytesIO(out.getvalue()))[0].tolist() != [0, 1, 2]


def tar_archive() -> io.BytesIO:
    """A file as PyTorch 0.1.1 to 0.1.9 wrote it: two storages, one of them a view of the other, and a dict of two tensors."""
    import tarfile

    def pickled(*objects: Any) -> bytes:
        return b"".join(pickle.dumps(o, 2) for o in objects)

    float_storage = b"\x80\x02K\x01X\x03\x00\x00\x00cpuctorch\nFloatStorage\n\x87."
    tensors = b"\x80\x02K%cK%cctorch\nFloatTensor\n\x87."
    storages = pickled(1) + float_storage + struct.pack("<q4f", 4, 0, 1, 2, 3) + pickled([(2, 1, 1, 3)])
    first = tensors % (7, 1) + struct.pack("<i4xqqqqq", 2, 2, 2, 2, 1, 0)
    second = tensors % (8, 2) + struct.pack("<i4xqqq", 1, 2, 1, 1)
    body = b"\x80\x02}(X\x01\x00\x00\x00aX\x01\x00\x00\x007QX\x01\x00\x00\x00bX\x01\x00\x00\x008Qu."
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as tar:
        for name, data in (("storages", storages), ("tensors", pickled(2) + first + second), ("pickle", body)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    out.seek(0)
    return out


def test_the_oldest_format(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(tar_archive().read())
    for library in (tgrad, real):
        found = library.load(tmp_path / "x.tar", weights_only=False)
        assert found["a"].tolist() == [[0, 1], [2, 3]] and found["b"].tolist() == [2, 3]
        with pytest.raises(
            RuntimeError, match=r"Cannot use ``weights_only=True`` with files saved in the legacy \.tar format"
        ):
            library.load(tmp_path / "x.tar")
    found = tgrad.load(tmp_path / "x.tar", weights_only=False)
    found["a"][1, 1] = 9


# ---- where to and from


@FORMATS
def test_file_like_objects(tmp_path: Path, zipped: bool) -> None:
    options = {"_use_new_zipfile_serialization": zipped}
    path = tmp_path / "x.bin"
    with open(path, "wb") as f:
        f.write(b"head")
        tgrad.save({"x": tgrad.arange(3)}, f, **options)
    with open(path, "rb") as f:
        f.seek(4)
        assert tgrad.load(f)["x"].tolist() == [0, 1, 2]
    with open(path, "rb", buffering=0) as f:
        f.seek(4)
        assert tgrad.load(f)["x"].tolist() == [0, 1, 2]
    with gzip.open(path, "wb") as f:
        tgrad.save({"x": tgrad.arange(3)}, f, **options)
    with gzip.open(path, "rb") as f:
        assert tgrad.load(f)["x"].tolist() == [0, 1, 2]
    for library in (tgrad, real):
        library.save([library.ones(1)], path, **options)
        assert tgrad.load(str(path))[0].tolist() == tgrad.load(path)[0].tolist() == [1]
    if not zipped:  # several in one file
        both = saved(tgrad, 1, **options).getvalue() + saved(tgrad, tgrad.ones(2), **options).getvalue()
        f = io.BytesIO(both)
        assert tgrad.load(f) == 1 and tgrad.load(f).tolist() == [1, 1]


def test_mapped_files(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    x = tgrad.arange(100_000.0)
    for library in (tgrad, real):
        library.save({"x": library.arange(100_000.0), "v": library.ones(3), "e": library.empty(0)}, path)
        found = tgrad.load(path, mmap=True)
        assert found["x"].equal(x) and found["v"].tolist() == [1, 1, 1] and found["e"].numel() == 0
        assert found["x"].untyped_storage().nbytes() == 400_000 and found["x"].storage_offset() == 0
        with open("/proc/self/maps") as maps:
            assert str(path) in maps.read()
        found["x"][0] = 5  # ours alone
        assert tgrad.load(path)["x"][0] == 0
        del found
    with tgrad.serialization.set_default_mmap_options(mmap.MAP_SHARED):
        assert tgrad.serialization.get_default_mmap_options() == mmap.MAP_SHARED
        shared = tgrad.load(path, mmap=True)
        shared["v"][1] = 7
        assert tgrad.load(path, mmap=True)["v"].tolist() == [1, 7, 1]
    assert tgrad.serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    with tgrad.utils.serialization.config.patch("load.mmap", True):
        assert tgrad.load(path)["e"].numel() == 0


def test_places() -> None:
    x = {"x": tgrad.ones(2)}
    for where in ("cpu", tgrad.device("cpu"), {"cpu": "cpu"}, {"cuda:0": "cpu"}, lambda s, l: s, lambda s, l: None):
        assert passed(tgrad, tgrad, x, map_location=where)["x"].tolist() == [1, 1]
        assert passed(tgrad, tgrad, x, False, map_location=where)["x"].tolist() == [1, 1]
    seen = []
    passed(tgrad, tgrad, x, map_location=lambda s, l: seen.append((type(s).__name__, len(s), l)))
    assert seen == [("UntypedStorage", 8, "cpu")]
    moved = saved(real, {"x": real.ones(2)}).getvalue().replace(b"X\x03\x00\x00\x00cpu", b"X\x03\x00\x00\x00gpu")
    moved = archive_with(moved, "data.pkl", lambda p: p)
    tgrad.serialization.register_package(30, lambda s: None, lambda s, l: s if l == "gpu" else None)
    try:
        assert tgrad.load(io.BytesIO(moved))["x"].tolist() == [1, 1]
    finally:
        from tgrad.files import places

        places._registry.pop()
    for library in (tgrad, real):
        with pytest.raises(
            RuntimeError,
            match=r"don't know how to restore data location of torch.storage.UntypedStorage \(tagged with gpu\)",
        ):
            library.load(io.BytesIO(moved))


def archive_with(raw: bytes, name: str, change: Any) -> bytes:
    """An archive with a record changed, whatever its checksum."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(raw)) as z, zipfile.ZipFile(out, "w") as w:
            for i in z.infolist():
                names, extra = struct.unpack_from("<HH", raw, i.header_offset + 26)
                first = i.header_offset + 30 + names + extra
                data = raw[first : first + i.file_size]
                w.writestr(i.filename, change(data) if i.filename.endswith("/" + name) else data)
    return out.getvalue()


def test_without_data(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    with tgrad.serialization.skip_data():
        tgrad.save({"x": tgrad.arange(1000.0)}, path)
        with pytest.raises(RuntimeError, match="Cannot use skip_data=True with _use_new_zipfile_serialization=False"):
            saved(tgrad, 1, _use_new_zipfile_serialization=False)
    assert tgrad.load(path)["x"].shape == (1000,)
    tgrad.save({"x": tgrad.arange(1000.0)}, path)
    with tgrad.serialization.skip_data():
        assert tgrad.load(path)["x"].shape == (1000,)
    assert tgrad.load(path)["x"][999] == 999


def test_signatures_and_names() -> None:
    import inspect

    for name in ("save", "load"):
        ours, theirs = (inspect.signature(getattr(L, name)).parameters for L in (tgrad, real))
        assert list(ours) == list(theirs)
        assert [(p.kind, p.default) for p in ours.values()] == [(p.kind, p.default) for p in theirs.values()]
    lacking = {"check_module_version_greater_or_equal", "validate_cuda_device", "validate_hpu_device"}
    assert set(real.serialization.__all__) - set(dir(tgrad.serialization)) == lacking
