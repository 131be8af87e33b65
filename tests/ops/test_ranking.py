"""Sorting in pieces (ops/ranking.py) gives what one sort gives, and hears Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import tgrad
from tgrad.ops import ranking

ROWS = {
    "random": lambda rng: rng.standard_normal(20_000),
    "few values": lambda rng: rng.integers(0, 3, 20_000).astype(float),
    "all equal": lambda rng: np.ones(20_000),
    "sorted": lambda rng: np.arange(20_000.0),
    "periodic": lambda rng: np.tile(np.arange(100.0), 200),
    "nan and both zeros": lambda rng: rng.choice([np.nan, 0.0, -0.0, 1.0, np.inf, -np.inf], 20_000),
    "mostly nan": lambda rng: np.where(rng.random(20_000) < 0.9, np.nan, rng.standard_normal(20_000)),
    "one far place": lambda rng: np.concatenate([np.zeros(19_999), [5.0]]) + rng.random(20_000) * 1e-9,
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("kind", ROWS)
def test_a_long_row(monkeypatch: pytest.MonkeyPatch, kind: str, descending: bool) -> None:
    row = ROWS[kind](np.random.default_rng(0))
    plain = ranking.argsort_stable(row, 0, descending)
    monkeypatch.setattr(ranking, "LONG", 500)
    assert (ranking.argsort_stable(row, 0, descending) == plain).all()
    for dtype in (np.float32, np.int64, np.int8, np.bool_):
        if not np.isnan(row).any():
            cast = row.astype(dtype)
            got = ranking.argsort_stable(cast, 0, descending)
            monkeypatch.setattr(ranking, "LONG", 1 << 20)
            assert (got == ranking.argsort_stable(cast, 0, descending)).all()
            monkeypatch.setattr(ranking, "LONG", 500)


@pytest.mark.parametrize("shape", [(7, 300), (300, 7), (3, 5, 200), (2, 3000), (3000, 2)])
@pytest.mark.parametrize("d", [0, 1])
def test_many_rows(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], d: int) -> None:
    a = np.random.default_rng(1).integers(0, 50, shape)
    plain = np.argsort(a, axis=d, kind="stable")
    values = np.take_along_axis(a, plain, d)
    monkeypatch.setattr(ranking, "LONG", 500)
    order = ranking.argsort_stable(a, d)
    assert (order == plain).all()
    assert (ranking.take_along(a, order, d) == values).all()


@pytest.mark.parametrize("call", ["sort", "argsort", "msort", "topk", "kthvalue", "median", "mode"])
def test_what_uses_it(monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    x = tgrad.tensor(np.random.default_rng(2).integers(0, 400, (3, 2000)).astype(np.float32))
    if call == "mode":
        x = x[:, :700]
    args = {"topk": (5,), "kthvalue": (1000,), "median": (1,)}.get(call, ())
    plain = getattr(tgrad, call)(x, *args)
    monkeypatch.setattr(ranking, "LONG", 300)
    got = getattr(tgrad, call)(x, *args)
    for a, b in zip(got, plain, strict=True):
        assert a.equal(b)


SCRIPT = """
import os, signal, threading, time
import tgrad
signal.signal(signal.SIGINT, signal.default_int_handler)
x = tgrad.rand({shape})
y = tgrad.rand(8)
sent = []
def strike():
    sent.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer({after}, strike).start()
try:
    x.{call}
except KeyboardInterrupt:
    print(time.monotonic() - sent[0])
assert y.sort()[0].equal(y[y.argsort()])
"""


@pytest.mark.parametrize(
    ("call", "shape", "after"),
    [
        ("sort()", (20_000_000,), 0.3),
        ("argsort()", (20_000_000,), 1.0),
        ("topk(3)", (20_000_000,), 0.6),
        ("sort()", (10_000, 2000), 0.3),
    ],
)
def test_ctrl_c_is_heard_before_anything_is_compiled(call: str, shape: tuple[int, ...], after: float) -> None:
    script = SCRIPT.format(call=call, shape=shape, after=after)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "TGRAD_JIT": "off"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 2  # seconds; a whole sort takes longer. Alone on a machine, it is a tenth of one
