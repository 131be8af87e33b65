"""torch.utils.benchmark, hub, jit, onnx, backends, accelerator, dlpack and their like, beside PyTorch's."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import pickle
import re
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tgrad

real = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")
BOTH = (tgrad, real)


def told(make: Any) -> list[Any]:
    """What both libraries give, or raise."""
    found = []
    for L in BOTH:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found.append(make(L))
            except Exception as e:
                found.append((type(e).__name__, str(e).splitlines()[0] if str(e) else ""))
    return found


# ---- benchmark

TASKS = [
    dict(stmt="x+1", setup="pass"), dict(stmt="x+1", setup="y=1", label="lab", sub_label="sub", description="desc", env="env", num_threads=4),
    dict(stmt="for i in x:\n  pass", setup="pass"), dict(stmt="for i in x:\n  pass", setup="a=1\nb=2", sub_label="s"), dict(stmt="f()", setup="", sub_label="s"),
]  # fmt: skip
TIMES = [(100, [0.001, 0.0011, 0.0012]), (1, [2.5]), (1000, [2.5e-4] * 10), (100, [0.001, 0.0011, 0.0012, 0.005, 0.003]), (10, [1e-3, 1.05e-3, 1.12e-3, 1.2e-3, 1e-3]), (1, [0.3, 0.31])]  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("times", TIMES)
def test_measurements(task: dict[str, Any], times: tuple[int, list[float]]) -> None:
    def make(L: Any) -> Any:
        b = importlib.import_module(L.__name__ + ".utils.benchmark")
        m = b.Measurement(*times, b.TaskSpec(**task))
        text = re.sub(r"<.*object at \w+>", "<>", repr(m))
        return (
            text,
            m.median,
            m.mean,
            m.iqr,
            m.significant_figures,
            m.has_warnings,
            m.times,
            m.title,
            m.as_row_name,
            m.meets_confidence(0.5),
            m.label,
        )

    a, b = told(make)
    assert a[0] == b[0] and a[4:] == b[4:]
    np.testing.assert_allclose(a[1:4], b[1:4], rtol=1e-12, atol=1e-20)


def table(L: Any, how: str, spread: float) -> str:
    b = importlib.import_module(L.__name__ + ".utils.benchmark")
    found = []
    for i, times in enumerate(([1e-3, 1.1e-3, 1.2e-3, 1.0e-3], [2e-3] * 5, [3e-2, 3.1e-2, 9e-2, 3e-2], [1.02e-3] * 4)):
        for j, threads in enumerate((1, 4)):
            spec = b.TaskSpec(
                "f(x)",
                "pass",
                label=f"L{i // 4}",
                sub_label=f"size {i % 2}",
                description=f"version {i // 2}",
                num_threads=threads,
            )
            found.append(b.Measurement(100, [t * (1 + spread * j) for t in times], spec))
    found.append(b.Measurement(1, [5.0], b.TaskSpec("other", "pass", label="apart", description="one", env="here")))
    found.append(b.Measurement(1, [5.0], b.TaskSpec("other", "pass", label="apart", description="one", env="there")))
    c = b.Compare(found)
    for step in how.split():
        getattr(c, step)() if step != "rowwise" else c.colorize(rowwise=True)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        c.print()
    assert out.getvalue() == str(c) + "\n"
    return str(c)


@pytest.mark.parametrize("how", ["", "trim_significant_figures", "colorize", "rowwise", "highlight_warnings", "trim_significant_figures highlight_warnings colorize"])  # fmt: skip
@pytest.mark.parametrize("spread", [0.0, 1.0, 9.0])
def test_tables(how: str, spread: float) -> None:
    a, b = told(lambda L: table(L, how, spread))
    assert a == b


def test_timer() -> None:
    from tgrad.utils.benchmark import Measurement, Timer

    t = Timer("y = f(x)", "x = torch.ones(2)", globals={"f": lambda x: x + 1}, label="add")
    assert t.timeit(20).number_per_run == 20 and t.timeit(3).raw_times[0] > 0
    m = t.blocked_autorange(min_run_time=0.02)
    assert sum(m.raw_times) >= 0.02 and len(m.raw_times) * m.number_per_run > 10 and m.title == "add"
    seen = []
    m = t.adaptive_autorange(threshold=10.0, min_run_time=0.001, max_run_time=0.5, callback=lambda n, s: seen.append(n))
    assert len(m.raw_times) == len(seen) > 3
    assert isinstance(pickle.loads(pickle.dumps(m)), Measurement)
    threads = []
    Timer("g()", globals={"g": lambda: threads.append(tgrad.get_num_threads())}, num_threads=2).timeit(1)
    assert set(threads) == {2}
    for words, kind in (
        ("language='c++'", NotImplementedError),
        ("language='x'", ValueError),
        ("stmt=3", ValueError),
        ("global_setup='x'", ValueError),
    ):
        with pytest.raises(kind):
            eval(f"Timer({words})", {"Timer": Timer})
    for name in ("timeit", "blocked_autorange", "adaptive_autorange", "__init__"):
        ours, theirs = (
            list(inspect.signature(getattr(c, name)).parameters) for c in (Timer, real.utils.benchmark.Timer)
        )
        assert ours == theirs


# ---- hub

HUBCONF = '''
dependencies = ["json"]
from helper import word
def net(n, pretrained=False):
    """A net."""
    return [word] * n
_hidden = 3
'''


def test_hub_local(tmp_path: Path) -> None:
    (tmp_path / "hubconf.py").write_text(HUBCONF)
    (tmp_path / "helper.py").write_text("word = 'w'")
    a, b = told(lambda L: L.hub.load(str(tmp_path), "net", 2, source="local", pretrained=True))
    assert a == b == ["w", "w"]
    for arguments in ((str(tmp_path), "none"), (str(tmp_path / "no"), "net"), (str(tmp_path), 3)):
        a, b = told(lambda L, arguments=arguments: L.hub.load(*arguments, source="local"))
        assert a == b
    a, b = told(lambda L: L.hub.load(str(tmp_path), "net", source="web"))
    assert a == b
    (tmp_path / "hubconf.py").write_text(
        "dependencies = ['no_such_package_a', 'json', 'no_such_package_b']\ndef net(): pass"
    )
    a, b = told(lambda L: L.hub.load(str(tmp_path), "net", source="local"))
    assert a == b


def test_hub_folders_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    assert tgrad.hub.get_dir() == real.hub.get_dir() == str(tmp_path / "home" / "hub")
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert tgrad.hub.get_dir() == real.hub.get_dir()
    tgrad.hub.set_dir(tmp_path / "hub")
    try:
        assert tgrad.hub.get_dir() == str(tmp_path / "hub")
        state = tgrad.nn.Linear(2, 2).state_dict()
        for i, zipped in enumerate((True, False)):
            tgrad.save(state, tmp_path / f"w{i}.pth", _use_new_zipfile_serialization=zipped)
            url = (tmp_path / f"w{i}.pth").as_uri()
            found = tgrad.hub.load_state_dict_from_url(url, weights_only=True)
            assert found["weight"].equal(state["weight"]) and (tmp_path / "hub" / "checkpoints" / f"w{i}.pth").exists()
        (tmp_path / "w0.pth").unlink()  # it is there already
        assert tgrad.hub.load_state_dict_from_url((tmp_path / "w0.pth").as_uri())["bias"].equal(state["bias"])
        assert tgrad.hub.load_state_dict_from_url("https://somewhere.invalid/w1.pth")["bias"].equal(state["bias"])
        with pytest.raises(RuntimeError, match="cannot be read"):
            tgrad.hub.load_state_dict_from_url((tmp_path / "none.pth").as_uri())
        monkeypatch.setattr(
            urllib.request, "urlopen", lambda *a, **k: (_ for _ in ()).throw(urllib.error.URLError("no network"))
        )
        with pytest.raises(RuntimeError, match="no network"):
            tgrad.hub.load_state_dict_from_url("https://somewhere.invalid/other.pth")
        with pytest.raises(RuntimeError, match="does not fetch code from the network"):
            tgrad.hub.load("owner/name", "net")
        monkeypatch.undo()
        folder = tmp_path / "hub" / "owner_name_main"
        folder.mkdir()
        (folder / "hubconf.py").write_text('def net():\n    """Help."""\n    return 5\n')
        assert tgrad.hub.list("owner/name") == ["net"] and tgrad.hub.help("owner/name", "net") == "Help."
        assert tgrad.hub.load("owner/name", "net") == 5
    finally:
        tgrad.hub._Folder.chosen = None


def test_downloads_are_checked(tmp_path: Path) -> None:
    source = tmp_path / "a.bin"
    source.write_bytes(b"abc")
    tgrad.hub.download_url_to_file(source.as_uri(), str(tmp_path / "b.bin"), hash_prefix="ba7816bf")
    assert (tmp_path / "b.bin").read_bytes() == b"abc"
    with pytest.raises(RuntimeError, match='invalid hash value \\(expected "00", got "ba7816bf'):
        tgrad.hub.download_url_to_file(source.as_uri(), str(tmp_path / "c.bin"), hash_prefix="00")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.bin", "b.bin"]


def test_hub_signatures() -> None:
    assert tgrad.hub.__all__ == real.hub.__all__
    for name in real.hub.__all__:
        ours, theirs = (inspect.signature(getattr(L.hub, name)).parameters.values() for L in BOTH)
        assert [(p.name, p.kind, p.default) for p in ours] == [(p.name, p.kind, p.default) for p in theirs]


# ---- jit and onnx


def test_jit_runs_eagerly() -> None:
    @tgrad.jit.script
    def f(x):
        return x * 2

    assert f(tgrad.ones(1)).item() == 2
    m = tgrad.nn.Linear(2, 1)
    assert (
        tgrad.jit.script(m) is m
        and tgrad.jit.trace(m, tgrad.ones(1, 2)) is m
        and tgrad.jit.trace(m, (tgrad.ones(1, 2),)) is m
    )
    assert tgrad.jit.trace_module(m, {"forward": tgrad.ones(1, 2)}) is m
    with pytest.raises(RuntimeError):  # the example shows the error
        tgrad.jit.trace(m, tgrad.ones(1, 3))
    assert tgrad.jit.freeze(m.eval()) is m and tgrad.jit.wait(tgrad.jit.fork(f, tgrad.ones(1))).item() == 2
    a, b = told(
        lambda L: L.jit.freeze(L.nn.Linear(1, 1).train() if L is tgrad else L.jit.script(L.nn.Linear(1, 1).train()))
    )
    assert a == b

    class C:
        @tgrad.jit.export
        def g(self):
            return 1

        @tgrad.jit.ignore(drop=True)
        def h(self):
            return 2

    assert C().g() == 1 and C().h() == 2
    assert not tgrad.jit.is_scripting() and not tgrad.jit.is_tracing()
    assert (
        tgrad.jit.isinstance([1], list[int])
        and not tgrad.jit.isinstance(["a"], list[int])
        and tgrad.jit.annotate(int, 3) == 3
    )
    for attempt in (lambda: tgrad.jit.save(m, "x"), lambda: tgrad.jit.load("x")):
        with pytest.raises(NotImplementedError, match=r"torch\.save\(model\.state_dict\(\), f\)"):
            attempt()


def test_torchscript_archives_say_so(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        real.jit.script(real.nn.Linear(1, 1)).save(str(path))
        with pytest.raises(RuntimeError, match="Cannot use ``weights_only=True`` with TorchScript archives"):
            tgrad.load(path)
    with (
        pytest.warns(UserWarning, match="looks like a TorchScript archive"),
        pytest.raises(NotImplementedError, match="TorchScript"),
    ):
        tgrad.load(path, weights_only=False)


def test_jit_and_onnx_names() -> None:
    assert set(tgrad.jit.__all__) == set(real.jit.__all__)
    for name in real.jit.__all__:
        try:
            theirs = list(inspect.signature(getattr(real.jit, name)).parameters)
        except (ValueError, TypeError):
            continue
        if not isinstance(getattr(real.jit, name), type):
            assert list(inspect.signature(getattr(tgrad.jit, name)).parameters) == theirs, name
    with pytest.raises(tgrad.onnx.OnnxExporterError, match=r"torch\.save\(model\.state_dict\(\), f\)"):
        tgrad.onnx.export(tgrad.nn.Linear(1, 1), (tgrad.ones(1, 1),), "x.onnx")
    assert issubclass(tgrad.onnx.OnnxExporterError, RuntimeError) and not tgrad.onnx.is_in_onnx_export()


# ---- switches


@pytest.mark.parametrize(
    "name", "cpu cuda cudnn cusparselt kleidiai mha mkl mkldnn mps nnpack openmp quantized".split()
)
def test_backends(name: str) -> None:
    module = importlib.import_module(f"tgrad.backends.{name}")
    assert module is getattr(tgrad.backends, name)
    for function in ("is_available", "is_built"):
        if hasattr(module, function) and name not in ("mkl", "mkldnn", "openmp", "nnpack"):
            assert getattr(module, function)() is getattr(getattr(real.backends, name), function)() is False


def test_switches_are_remembered() -> None:
    import tgrad.backends.cudnn as cudnn

    before = (cudnn.benchmark, cudnn.deterministic)
    try:
        tgrad.backends.cudnn.benchmark = True
        assert cudnn.benchmark
        with cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            assert not cudnn.benchmark and cudnn.deterministic
        assert cudnn.benchmark and cudnn.version() is None
    finally:
        cudnn.benchmark, cudnn.deterministic = before
    assert tgrad.backends.cuda.matmul.allow_tf32 is False and tgrad.backends.cuda.flash_sdp_enabled()
    with tgrad.backends.cuda.sdp_kernel(enable_flash=False):
        assert not tgrad.backends.cuda.flash_sdp_enabled()
    assert tgrad.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512", "SVE256")


CALLS = """
    is_available() | current_accelerator() | device_count() | current_device_index() | synchronize() | empty_cache() | memory_allocated() | set_device_index(0)
    current_stream() | memory_stats() | reset_peak_memory_stats() | get_memory_info() | get_device_capability() | max_memory_reserved()
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("call", [c.strip() for c in CALLS if c.strip()])
def test_accelerator(call: str) -> None:
    a, b = told(lambda L: eval(f"L.accelerator.{call}", {"L": L}))
    assert a == b


def test_config() -> None:
    text = tgrad.__config__.show()
    assert "numpy" in text and "BLAS" in text and "CPU capability usage" in text
    assert f"at::get_num_threads() : {tgrad.get_num_threads()}" in tgrad.__config__.parallel_info()


@pytest.mark.changes_global_state
@pytest.mark.parametrize("text", ["'torch.DoubleTensor'", "L.HalfTensor", "'torch.LongTensor'", "L.IntTensor", "'foo'", "3", "L.Tensor", "'torch.BFloat16Tensor'", "'torch.NoTensor'"])  # fmt: skip
def test_set_default_tensor_type(text: str) -> None:
    def attempt(L: Any) -> str:
        try:
            L.set_default_tensor_type(eval(text, {"L": L}))
            return str(L.get_default_dtype())
        finally:
            L.set_default_dtype(L.float32)

    a, b = told(attempt)
    assert a == b


# ---- DLPack


@pytest.mark.parametrize(
    "dtype", "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
)
def test_dlpack_shares_memory(dtype: str) -> None:
    from tgrad.utils import dlpack

    x = tgrad.arange(6).to(getattr(tgrad, dtype)).reshape(2, 3)
    for y in (x, x.t(), x[1:, ::2], x[0, 0]):
        theirs = real.from_dlpack(y)
        assert theirs.data_ptr() == y.data_ptr() and theirs.tolist() == y.tolist() and theirs.stride() == y.stride()
        for back in (
            tgrad.from_dlpack(theirs),
            dlpack.from_dlpack(real.utils.dlpack.to_dlpack(theirs)),
            real.utils.dlpack.from_dlpack(dlpack.to_dlpack(y)),
        ):
            assert (
                back.data_ptr() == y.data_ptr() and back.tolist() == y.tolist() and str(back.dtype) == f"torch.{dtype}"
            )
        if dtype != "bfloat16":
            assert np.from_dlpack(y).__array_interface__["data"][0] == y.data_ptr()
            a = np.arange(4).astype(dtype)
            assert tgrad.from_dlpack(a).data_ptr() == a.__array_interface__["data"][0]
    assert tgrad.ones(1).__dlpack_device__() == real.ones(1).__dlpack_device__() == (dlpack.DLDeviceType.kDLCPU, 0)
    assert {d.name: d.value for d in dlpack.DLDeviceType} == {d.name: d.value for d in real.utils.dlpack.DLDeviceType}
    a, b = told(lambda L: L.ones(1, requires_grad=True).__dlpack__())
    assert a == b
    copy = tgrad.from_dlpack(x, copy=True)
    assert copy.data_ptr() != x.data_ptr()
