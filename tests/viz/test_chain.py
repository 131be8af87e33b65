"""The one-line form for the terminal."""

from __future__ import annotations

from types import ModuleType

import pytest

from tgrad import viz


def test_seed_example(lib: ModuleType) -> None:
    x = lib.ones(2, 2, requires_grad=True)
    y = x + 2
    out = (y * y * 3).mean()
    assert viz.chain(out, {"x": x}) == "MeanBackward0 ← MulBackward0 ← MulBackward0 ← AddBackward0 ← x [2, 2]"


def test_other_leaves_stand_at_the_end(lib: ModuleType) -> None:
    x, w, b = lib.ones(3, requires_grad=True), lib.ones(3, requires_grad=True), lib.ones((), requires_grad=True)
    text = viz.chain((x * w).relu() + b, {"x": x, "w": w, "b": b})
    assert text == "AddBackward0 ← ReluBackward0 ← MulBackward0 ← x [3] (+ b [], w [3])"


def test_layers_rather_than_weights(lib: ModuleType) -> None:
    model = lib.nn.Sequential(lib.nn.Linear(4, 8), lib.nn.ReLU(), lib.nn.Linear(8, 3))
    text = viz.chain(model(lib.ones(1, 4)), params=model)
    assert text == (
        "AddmmBackward0 ← ReluBackward0 ← AddmmBackward0 ← TBackward0 ← 0.weight [8, 4] "
        "(+ 2.bias [3], 2.weight [3, 8], 0.bias [8])"
    )


def test_branches_are_counted(lib: ModuleType) -> None:
    x = lib.ones(2, requires_grad=True)
    assert viz.chain(x.exp() + x.sin(), {"x": x}) == "AddBackward0(+1) ← ExpBackward0 ← x [2]"


def test_long_chain_is_folded(lib: ModuleType) -> None:
    y = x = lib.ones(2, requires_grad=True)
    for _ in range(100):
        y = y.exp()
    assert viz.chain(y, {"x": x}, max_length=5) == "ExpBackward0 ← ExpBackward0 ← ExpBackward0 ← … 97 more … ← x [2]"
    assert viz.chain(y, {"x": x}, max_length=3) == "ExpBackward0 ← … 99 more … ← x [2]"
    with pytest.raises(ValueError, match="at least 3"):
        viz.chain(y, max_length=2)


def test_endless_chain_costs_little(lib: ModuleType) -> None:
    y = lib.ones(2, requires_grad=True)
    for _ in range(30_000):
        y = y * 2
    assert "+ more …" in viz.chain(y)


def test_leaves_and_names(lib: ModuleType) -> None:
    x = lib.ones(2, requires_grad=True)
    assert viz.chain(x, {"x": x}) == "x [2] (leaf)"
    assert viz.chain(lib.ones(2)) == "tensor [2] (no grad)"
    assert viz.chain(x * 2) == "MulBackward0 ← leaf [2]"
    assert viz.chain(x * 2, {"a\nb": x}) == "MulBackward0 ← a\\nb [2]"
    with pytest.raises(TypeError):
        viz.chain(3)


def test_many_leaves(lib: ModuleType) -> None:
    leaves = [lib.ones(1, requires_grad=True) for _ in range(9)]
    total = leaves[0]
    for leaf in leaves[1:]:
        total = total + leaf
    assert viz.chain(total, max_length=12).endswith("(+ leaf [1], leaf [1], leaf [1], leaf [1], 4 more)")
