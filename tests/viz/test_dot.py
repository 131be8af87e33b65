"""Data to DOT: golden texts, the same bytes each time, and names that try to break out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tgrad import viz
from tgrad.viz.dot import short_type, visible
from tgrad.viz.names import op_name

GOLDEN = Path(__file__).parent / "golden"


def test_golden(program: Any, tgrad: ModuleType, overwrite_golden: bool) -> None:
    tensors, options = program(tgrad)
    text = viz.graph(*tensors, **options).dot()
    file = GOLDEN / f"{program.__name__}.dot"
    if overwrite_golden:
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), "look at it, then run pytest tests/viz --overwrite-golden"


def test_no_golden_file_is_left_over(programs: dict[str, Any]) -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == set(programs)


def test_same_graph_same_bytes(program: Any, lib: ModuleType) -> None:
    texts = set()
    for _ in range(2):
        tensors, options = program(lib)
        texts.add(viz.graph(*tensors, **options).dot())
    assert len(texts) == 1
    assert "0x" not in texts.pop()


def test_same_bytes_in_another_process(tgrad: ModuleType) -> None:
    code = (
        "import tgrad\nfrom tgrad import viz\n"
        "w = tgrad.ones(3, 3, requires_grad=True); b = tgrad.ones(3, requires_grad=True)\n"
        "y = (w @ w.t() + b).relu()\n"
        "print(viz.graph(y, y.sum(), names={'w': w, 'b': b, 'y': y}, show_saved=True).dot())\n"
    )
    texts = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": "utf-8"}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        texts.add(run.stdout)
    assert len(texts) == 1


def test_hostile_names_stay_text(lib: ModuleType, hostile_names: list[str]) -> None:
    x = lib.ones(2, requires_grad=True)
    for name in hostile_names:
        text = viz.graph(x.exp(), names={name: x}).dot()
        assert "<img" not in text
        assert text.count("\n") == viz.graph(x.exp(), names={"x": x}).dot().count("\n")
        assert all(c == "\n" or c.isprintable() for c in text)


def test_direction(lib: ModuleType) -> None:
    graph = viz.graph(lib.ones(2, requires_grad=True) * 2)
    assert "rankdir=TB" in graph.dot()
    assert "rankdir=LR" in graph.dot(direction="LR")
    with pytest.raises(ValueError, match="direction must be"):
        graph.dot(direction="up")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dtype", "shape", "text"),
    [
        ("float32", (2, 2), "f32[2, 2]"),
        ("bfloat16", (1,), "bf16[1]"),
        ("int64", (), "i64[]"),
        ("uint8", (0,), "u8[0]"),
        ("bool", (3,), "bool[3]"),
        ("complex64", (3,), "c64[3]"),
        ("float8_e4m3fn", (3,), "f8_e4m3fn[3]"),
    ],
)
def test_short_type(dtype: str, shape: tuple[int, ...], text: str) -> None:
    assert short_type(shape, dtype) == text


@pytest.mark.parametrize(
    ("fn_name", "op"),
    [
        ("AddBackward0", "add"),
        ("LogSoftmaxBackward0", "log_softmax"),
        ("Log1PBackward0", "log1p"),
        ("FftR2CBackward0", "fft_r2c"),
        ("Expm1Backward0", "expm1"),
        ("MaxPool2DWithIndicesBackward0", "max_pool2d_with_indices"),
        ("SmoothL1LossBackward0", "smooth_l1_loss"),
        ("TBackward0", "t"),
        ("CopyBackwards", "copy_"),
        ("CopySlices", "copy_slices"),
        ("MyOpBackward", "MyOp"),
    ],
)
def test_op_name(fn_name: str, op: str) -> None:
    assert op_name(fn_name) == op


def test_visible() -> None:
    assert visible("weight") == "weight"
    assert visible("a\n\u202eb\x1b") == "a\\n\\u202eb\\x1b"
