"""Modules of convolution next to PyTorch's: initial values, text, state, values and gradients, errors."""

from __future__ import annotations

import copy
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from twins import array, node, pair, same

SHAPES = {1: (2, 4, 9), 2: (2, 4, 9, 8), 3: (2, 4, 5, 6, 4)}
FORWARD = [
    "3",
    "3, 2, 1",
    "2, dilation=2, groups=2",
    "3, padding='same'",
    "2, padding='same', dilation=3",
    "3, padding='valid', bias=False",
    "3, padding=1, padding_mode='reflect'",
    "3, padding=2, padding_mode='replicate', stride=2",
    "3, padding=1, padding_mode='circular', groups=4",
    "2, padding='same', padding_mode='circular'",
]
BACK = ["3", "3, 2, 1, 1", "2, stride=2, groups=2, bias=False", "2, dilation=2, padding=1"]
MODULES = [f"Conv{n}d(4, 8, {options})" for n in SHAPES for options in FORWARD]
MODULES += [f"ConvTranspose{n}d(4, 8, {options})" for n in SHAPES for options in BACK]
MODULES += [
    "Conv2d(4, 6, (3, 2), (2, 1), (1, 0), padding_mode='reflect')",
    "ConvTranspose2d(4, 6, (3, 2), (2, 1), (1, 0), (1, 0))",
]


def twins(torch: ModuleType, source: str, seed: int = 7) -> list[Any]:
    made = []
    for T in (tgrad, torch):
        T.manual_seed(seed)
        made.append(eval(f"nn.{source}", {"nn": T.nn}))
    return made


@pytest.mark.filterwarnings("ignore:Using padding=.same")
@pytest.mark.parametrize("source", MODULES)
def test_like_pytorch(torch: ModuleType, source: str) -> None:
    modules = twins(torch, source)
    assert repr(modules[0]) == repr(modules[1])
    states = [m.state_dict() for m in modules]
    assert list(states[0]) == list(states[1])
    for a, b in zip(states[0].values(), states[1].values(), strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_array_equal(array(a), array(b))  # the same draws
    n = next(int(c) for c in source if c.isdigit())
    xs = pair(torch, *SHAPES[n])
    outs = [m.double()(x) for m, x in zip(modules, xs, strict=True)]
    same(*outs, 1e-10)
    assert outs[0].stride() == outs[1].stride() and node(outs[0]) == node(outs[1])
    assert tuple(modules[0](xs[0][0]).shape) == tuple(modules[1](xs[1][0]).shape)
    weights = pair(torch, *outs[0].shape, seed=1, grad=False)
    found = []
    for T, m, x, out, w in zip((tgrad, torch), modules, xs, outs, weights, strict=True):
        leaves = [x, *m.parameters()]
        first = T.autograd.grad((out * w).sum(), leaves, create_graph=True)
        total = sum((g * g).sum() for g in first)
        found.append([*first, *T.autograd.grad(total, leaves[:2])])
    for a, b in zip(*found, strict=True):
        same(a, b, 1e-8)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_output_size(torch: ModuleType, n: int) -> None:
    modules = twins(torch, f"ConvTranspose{n}d(4, 2, 3, 3, 1)")
    xs = pair(torch, *SHAPES[n], dtype="float32")
    usual = tuple(modules[1](xs[1]).shape)
    for more in (0, 1, 2, 3, -1):
        for lead in (n + 2, n, n + 1, 1):
            size = [s + more for s in usual[2:]]
            size = [*usual[:2], *size] if lead == n + 2 else [*usual[:1], *size] if lead == n + 1 else size[:lead]
            found: list[Any] = []
            for m, x in zip(modules, xs, strict=True):
                for given in (x, x[0]):
                    try:
                        found.append(tuple(m(given, output_size=size).shape))
                    except ValueError as e:
                        found.append(str(e))
            assert found[:2] == found[2:]


ERRORS = [
    "Conv1d(4, 8, 3, groups=0)",
    "Conv2d(4, 8, 3, groups=3)",
    "Conv2d(3, 8, 3, groups=3)",
    "Conv2d(4, 8, 3, stride=2, padding='same')",
    "Conv2d(4, 8)",
    "ConvTranspose1d(4, 8, 3, padding_mode='reflect')",
    "ConvTranspose2d(4, 8, 3, groups=3)",
    "Conv1d(4, 8, 3)(torch.ones(2, 3, 9))",
    "Conv1d(4, 8, 3)(torch.ones(2, 4, 9, 9, 9))",
    "Conv2d(4, 8, 3)(torch.ones(2, 4, 9))",
    "Conv2d(4, 8, 3)(torch.ones(2, 4, 2, 9))",
    "Conv2d(4, 8, 3, padding=9, padding_mode='reflect')(torch.ones(2, 4, 9, 9))",
    "Conv3d(4, 8, 3)(torch.ones(4, 4))",
    "ConvTranspose2d(4, 8, 3)(torch.ones(2, 3, 9, 9))",
    "ConvTranspose2d(4, 8, 3, output_padding=1)(torch.ones(2, 4, 9, 9))",
]


@pytest.mark.parametrize("source", ERRORS)
def test_errors(torch: ModuleType, source: str) -> None:
    found = []
    for T in (tgrad, torch):
        with pytest.raises(Exception) as caught:
            eval(f"nn.{source}", {"nn": T.nn, "torch": T})
        found.append((caught.type.__name__, str(caught.value).split("\n")[0]))
    if source == "Conv2d(4, 8)":  # Python's own words, which name the class or only __init__
        found = [(kind, text.rpartition(".")[2]) for kind, text in found]
    assert found[0] == found[1]


def test_paddings_unknown() -> None:
    """The names are listed in an order that changes from run to run, in PyTorch too."""
    with pytest.raises(ValueError, match=r"Invalid padding string 'some', should be one of {'"):
        tgrad.nn.Conv1d(4, 8, 3, padding="some")
    with pytest.raises(ValueError, match=r"padding_mode must be one of {.*}, but got padding_mode='some'"):
        tgrad.nn.Conv1d(4, 8, 3, padding_mode="some")


def test_state_and_copies(torch: ModuleType) -> None:
    mine, theirs = twins(
        torch, "Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 1))"
    )
    assert repr(mine) == repr(theirs)
    other = twins(
        torch, "Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 1))", 8
    )[0]
    other.load_state_dict(mine.state_dict())
    x = tgrad.ones(1, 3, 8, 8)
    for m in (other, copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
        assert tgrad.equal(m(x), mine(x))
    same(mine(x), theirs(torch.ones(1, 3, 8, 8)), 1e-5)


def test_a_small_network_learns_as_in_pytorch(torch: ModuleType) -> None:
    losses = []
    for T in (tgrad, torch):
        T.manual_seed(0)
        nn = T.nn
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3),
        ).double()  # fmt: skip
        x, target = T.arange(8 * 64, dtype=T.float64).reshape(8, 1, 8, 8).sin(), T.arange(8) % 3
        optimizer = T.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        seen = []
        for _ in range(8):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), target)
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        losses.append(seen)
    np.testing.assert_allclose(*losses, rtol=1e-9)
    assert losses[0][-1] < losses[0][0]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_gradients_by_name(torch: ModuleType, n: int) -> None:
    """`nn.grad`: what a backward pass would give, and its own derivative."""
    shape, kernel = (2, 4) + (5,) * n, (6, 2) + (2,) * n
    results = []
    for T in (tgrad, torch):
        rng = np.random.default_rng(0)
        x, w = (T.tensor(rng.standard_normal(s).tolist(), dtype=T.float64, requires_grad=True) for s in (shape, kernel))
        options = {"stride": 2, "padding": 1, "groups": 2}
        out = getattr(T.nn.functional, f"conv{n}d")(x, w, **options)
        g = T.ones_like(out).detach().cumsum(-1).requires_grad_()
        of_input = getattr(T.nn.grad, f"conv{n}d_input")(x.shape, w, g, **options)
        of_weight = getattr(T.nn.grad, f"conv{n}d_weight")(x, w.shape, g, **options)
        second = T.autograd.grad((of_input * of_input).sum() + of_weight.sin().sum(), (x, w, g))
        results.append([of_input, of_weight, *second])
        for a, b in zip((of_input, of_weight), T.autograd.grad(out, (x, w), g), strict=True):
            np.testing.assert_allclose(array(a), array(b), rtol=1e-10)
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(array(a), array(b), rtol=1e-10, atol=1e-12)
