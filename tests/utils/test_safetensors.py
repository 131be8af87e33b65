"""safetensors files, by tgrad's own module and by the library's under `import torch`, beside the library on PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tgrad
from tgrad.utils import safetensors as own

library = pytest.importorskip("safetensors", reason="safetensors (the extra of that name) is not installed")
ROOT = Path(__file__).resolve().parent.parent.parent
DTYPES = "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64".split()


def tensors(L: Any) -> dict[str, Any]:
    found = {d: L.tensor([[0, 1, 1]], dtype=getattr(L, d)) for d in DTYPES}
    return found | {"scalar": L.tensor(2.5), "empty": L.zeros(2, 0), "part": L.arange(6.0)[2:4]}


def same(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].tolist() == b[name].tolist() and tuple(a[name].shape) == tuple(b[name].shape)
        assert str(a[name].dtype) == str(b[name].dtype)


def test_both_ways(torch: Any, tmp_path: Path) -> None:
    import safetensors.torch as theirs

    a, b = tmp_path / "a.safetensors", str(tmp_path / "b.safetensors")
    own.save_file(tensors(tgrad), a, {"note": "x"})
    theirs.save_file(tensors(torch), b, {"note": "x"})
    assert a.read_bytes() == Path(b).read_bytes()
    same(own.load_file(b), theirs.load_file(a))
    same(own.load(theirs.save(tensors(torch))), tensors(tgrad))
    same(tgrad.load(b), torch.load(a))
    same(theirs.load(own.save(tensors(tgrad))), tensors(torch))
    found = own.load_file(a)
    found["float32"][0, 0] = 5  # memory of its own
    with library.safe_open(a, framework="np") as f:
        assert f.metadata() == {"note": "x"}


def tied(L: Any) -> Any:
    L.manual_seed(0)
    m = L.nn.Sequential(L.nn.Linear(3, 3), L.nn.Linear(3, 3))
    m[1].weight = m[0].weight
    return m


def test_models(torch: Any, tmp_path: Path) -> None:
    import safetensors.torch as theirs

    path = tmp_path / "m.safetensors"
    m, n = tied(tgrad), tied(torch)
    for write, source in ((own, m), (theirs, n)):
        write.save_model(source, path)
        for read, target in ((own, tied(tgrad)), (theirs, tied(torch))):
            for p in target.parameters():
                p.requires_grad_(False).zero_()
            assert read.load_model(target, path) == (set(), [])
            assert target[1].weight.tolist() == m[0].weight.tolist()
    told = []
    for read, L in ((own, tgrad), (theirs, torch)):
        with pytest.raises(RuntimeError) as e:
            read.load_model(L.nn.Linear(2, 2), path)
        told.append(str(e.value))
        missing, unexpected = read.load_model(L.nn.Linear(2, 2), path, strict=False)
        assert set(missing) == {"weight", "bias"} and len(unexpected) == 3
    assert told[0] == told[1]


def test_errors(torch: Any, tmp_path: Path) -> None:
    import safetensors.torch as theirs

    def attempts(L: Any) -> list[Any]:
        x = L.arange(6.0).reshape(2, 3)
        return [[x], {"a": 1}, {"a": x.t()}, {"a": x, "b": x}, {"a": x, "b": x[1]}]

    for a, b in zip(attempts(tgrad), attempts(torch), strict=True):
        told = []
        for module, given in ((own, a), (theirs, b)):
            with pytest.raises((ValueError, RuntimeError)) as e:
                module.save(given)
            told.append((e.type, str(e.value).replace("{'b', 'a'}", "{'a', 'b'}")))
        assert told[0] == told[1]
    same(own.load(own.save({k: t for k, t in zip("ab", tgrad.arange(6.0).split(3), strict=True)})), {"a": tgrad.arange(3.0), "b": tgrad.arange(3.0, 6)})  # fmt: skip
    raw = own.save({"a": tgrad.arange(6.0)})
    for bad in (b"", raw[:20], raw[:-1], b"\xff" * 30, raw + b"x"):
        with pytest.raises(library.SafetensorError):
            own.load(bad)
    for load in (own.load_file, theirs.load_file, tgrad.load):
        with pytest.raises(FileNotFoundError, match=r"No such file or directory: .*none\.safetensors"):
            load(str(tmp_path / "none.safetensors"))
    for where in ({"cpu": "cpu"}, lambda s, l: s):
        told = []
        for L in (tgrad, torch):
            with pytest.raises(RuntimeError) as e:
                L.load("x.safetensors", map_location=where)
            told.append(str(e.value))
        assert told[0] == told[1]


SCRIPT = """
import torch, safetensors
from safetensors.torch import load, load_file, load_model, save, save_file, save_model
assert torch.__name__ == "tgrad"
x = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.bfloat16), "e": torch.zeros(2, 0), "s": torch.tensor(3)}
save_file(x, "x.safetensors", metadata={"k": "v"})
for y in (load_file("x.safetensors"), load(save(x)), torch.load("x.safetensors")):
    for k in x:
        assert type(y[k]) is torch.Tensor and y[k].dtype is x[k].dtype and y[k].tolist() == x[k].tolist()
m = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
m[1].weight = m[0].weight
save_model(m, "m.safetensors")
assert load_model(m, "m.safetensors") == (set(), [])
with safetensors.safe_open("x.safetensors", framework="pt") as f:
    assert f.metadata() == {"k": "v"} and f.get_tensor("a").tolist() == x["a"].tolist()
    assert f.get_slice("a")[:, 1:].tolist() == [[1, 2], [4, 5]]
print("fine")
"""


def test_the_librarys_own_module_where_torch_is_tgrad(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    import os

    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    code = (
        f"import runpy; from tgrad.interop import torch_alias; torch_alias.install(); runpy.run_path({str(script)!r})"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert ran.stdout == "fine\n", ran.stderr


def test_each_meaning_of_torch_has_its_own(torch: Any) -> None:
    import safetensors.torch as theirs

    from tgrad.interop import torch_alias

    with torch_alias.installed():
        from safetensors.torch import save

        assert sys.modules["safetensors.torch"] is not theirs and save({"a": tgrad.ones(2)})
    assert sys.modules["safetensors.torch"] is theirs


def test_without_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tgrad\[safetensors\]'"):
        own.save({"a": tgrad.ones(1)})
    with pytest.raises(ModuleNotFoundError, match="safetensors is not installed"):
        tgrad.load(str(tmp_path / "x.safetensors"))
