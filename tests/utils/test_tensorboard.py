"""SummaryWriter beside PyTorch's: the same events for the same calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tgrad

ROOT = Path(__file__).resolve().parent.parent.parent


def test_without_the_package() -> None:
    code = "import sys; sys.modules['tensorboard'] = None\nfrom tgrad.utils.tensorboard import SummaryWriter"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    last = ran.stderr.strip().splitlines()[-1]
    assert last == "ModuleNotFoundError: No module named 'tensorboard' (pip install 'tgrad[tensorboard]')"


def events(folder: Path) -> list[Any]:
    """What all event files below a folder hold, by file, without times."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    found = []
    for path in sorted(folder.rglob("events*")):
        for e in LegacyEventFileLoader(str(path)).Load():
            if e.HasField("summary"):
                found.append((e.step, str(e.summary)))
    return found


def write(L: Any, folder: Path) -> None:
    from importlib import import_module

    writer = import_module(L.__name__ + ".utils.tensorboard").SummaryWriter
    rng = np.random.default_rng(0)
    pictures = rng.random((5, 3, 4, 6)).astype("f4")
    with writer(folder) as w:
        assert str(w.get_logdir()) == str(folder)
        for step in range(3):
            w.add_scalar("loss", L.tensor(1.0 / (step + 1)), step)
        w.add_scalar("python", 2, 1)
        w.add_scalar("new", 2.5, 1, new_style=True)
        w.add_scalar("double", 2.5, 1, new_style=True, double_precision=True)
        w.add_scalars("both/of", {"a": 1.0, "b": L.tensor([2.0])}, 4)
        values = L.tensor(rng.normal(size=1000).tolist())
        w.add_histogram("h", values, 1)
        w.add_histogram("h2", values, 1, bins=10, max_bins=4)
        w.add_histogram("h3", np.array([0.0, 1.0, 2.0, 5.0]), 1, bins="auto")
        w.add_histogram_raw("h4", 0, 1, 3, 1.5, 1.0, [0.5, 1.0], [1, 2], 2)
        w.add_image("i", L.tensor(pictures[0].tolist()), 1)
        w.add_image("grey", L.tensor(pictures[0, 0].tolist()), 1, dataformats="HW")
        w.add_image("bytes", (pictures[0] * 255).astype(np.uint8), 1)
        w.add_images("is", L.tensor(pictures.tolist()), 1)
        w.add_text("t", "hello *world*", 3)
        w.add_pr_curve("pr", np.array([0, 1, 1, 0, 1]), np.array([0.1, 0.8, 0.4, 0.6, 0.9]), 0)
        w.add_hparams({"lr": 0.1, "name": "x", "on": True, "t": L.tensor([2.0])}, {"acc": 0.5}, run_name="run")
        w.add_embedding(
            L.tensor(rng.random((5, 3)).round(3).astype("f8").tolist()),
            ["a", "b", "c", "d", "e"],
            L.tensor(pictures[:, :, :4, :4].tolist()),
            1,
        )
        w.flush()


def test_the_same_events(torch: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard (the extra of that name) is not installed")
    a, b = tmp_path / "a", tmp_path / "b"
    write(tgrad, a)
    write(torch, b)
    ours, theirs = events(a), events(b)
    assert len(ours) == len(theirs) > 15
    for x, y in zip(ours, theirs, strict=True):
        assert x[0] == y[0] and ("encoded_image_string" in x[1] or x[1] == y[1])
        assert x[1].split("encoded_image_string")[0] == y[1].split("encoded_image_string")[0]
    files = lambda folder: sorted(
        str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and "events" not in p.name
    )
    assert files(a) == files(b)
    for name in files(a):
        if not name.endswith(("png", "tensors.tsv")):
            assert (a / name).read_text() == (b / name).read_text()
    rows = lambda folder: [
        [float(x) for x in line.split("\t")]
        for line in next(folder.rglob("tensors.tsv")).read_text().split("\n")
        if line
    ]
    np.testing.assert_allclose(rows(a), rows(b), rtol=1e-6)


def test_graphs_and_errors(torch: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard (the extra of that name) is not installed")
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    from tgrad.utils.tensorboard import SummaryWriter

    model = tgrad.nn.Sequential(tgrad.nn.Linear(2, 3), tgrad.nn.ReLU())
    with SummaryWriter(tmp_path) as w:
        w.add_graph(model, tgrad.ones(1, 2))
        with pytest.raises(ValueError, match="input"):
            w.add_graph(model)
        with pytest.raises(AssertionError):
            w.add_scalar("x", tgrad.ones(2))
        with pytest.raises(NotImplementedError, match="numpy array or torch tensor are expected"):
            w.add_histogram("x", object())
        with pytest.raises(TypeError, match="should be dictionary"):
            w.add_hparams([], {})
    graphs = [
        GraphDef.FromString(e.graph_def)
        for p in tmp_path.glob("events*")
        for e in LegacyEventFileLoader(str(p)).Load()
        if e.graph_def
    ]
    names = {n.name: n for n in graphs[0].node}
    assert {"0/weight", "0/bias"} <= names.keys() and any(n.op == "Relu" for n in graphs[0].node)
    assert all(i in names for n in graphs[0].node for i in n.input)
