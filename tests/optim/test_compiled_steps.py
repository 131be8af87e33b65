"""The compiled steps of optimizers beside PyTorch's, and what they must leave alone."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.kernels import native, optimizing
from tgrad.optim import _update

pytestmark = pytest.mark.usefixtures("compiled_tier")

ADAM: list[dict[str, Any]] = [
    {}, {"amsgrad": True}, {"maximize": True}, {"weight_decay": 0.1}, {"lr": 0.3, "betas": (0.5, 0.6), "eps": 1e-3},
    {"betas": (0.0, 0.0)}, {"amsgrad": True, "weight_decay": 0.1, "maximize": True}, {"foreach": False}, {"lr": 0.0},
    {"lr": np.float32(0.1), "eps": 1, "weight_decay": np.float64(0.2)},
]  # fmt: skip
SGD: list[dict[str, Any]] = [
    {}, {"lr": 0.2, "momentum": 0.9}, {"momentum": 0.9, "dampening": 0.3}, {"momentum": 0.9, "nesterov": True}, {"weight_decay": 0.1},
    {"weight_decay": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}, {"momentum": 1, "weight_decay": 1}, {"maximize": True},
]  # fmt: skip
OTHERS: dict[str, list[dict[str, Any]]] = {
    "NAdam": [{}, {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}, {"betas": (0.3, 0.6), "momentum_decay": 0.1}],
    "RAdam": [{}, {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}, {"betas": (0.3, 0.6), "weight_decay": 0.1}],
    "Adamax": [{}, {"betas": (0.3, 0.6), "weight_decay": 0.1}, {"maximize": True}],
    "Adagrad": [{}, {"lr_decay": 0.1, "initial_accumulator_value": 0.5}, {"weight_decay": 0.1, "maximize": True}],
    "Adadelta": [{}, {"rho": 0.4, "weight_decay": 0.1}, {"maximize": True}],
    "RMSprop": [{}, {"momentum": 0.5}, {"centered": True, "alpha": 0.3}, {"momentum": 0.5, "centered": True, "weight_decay": 0.1}],
    "Rprop": [{}, {"etas": (0.3, 1.5), "step_sizes": (0.05, 0.2)}, {"maximize": True}],
    "ASGD": [{}, {"t0": 1, "lambd": 0.1, "weight_decay": 0.1}, {"maximize": True}],
}  # fmt: skip
CASES = [("Adam", o) for o in ADAM] + [("AdamW", o) for o in ADAM] + [("SGD", o) for o in SGD]
CASES += [(name, o) for name, some in OTHERS.items() for o in some]


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bool]]:
    """Whether each step so far was compiled."""
    seen: list[bool] = []

    def spy(fn: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> list[int]:
            left = fn(*args, **kwargs)
            if args[2]:
                seen.append(not left)
            return left

        return call

    monkeypatch.setattr(_update, "step_many", spy(optimizing.step_many))
    monkeypatch.setattr(optimizing, "HOT", 2)
    yield seen


def steps(T: Any, name: str, options: dict[str, Any], start: np.ndarray, n: int = 4) -> tuple[Any, Any]:
    p = T.from_numpy(start.copy()).requires_grad_()
    optimizer = getattr(T.optim, name)([p], **{"lr": 0.1, **options})
    for k in range(n):
        optimizer.zero_grad()
        (p * p * (k + 1) + p).sum().backward()
        optimizer.step()
    return p, optimizer


def start(dtype: str, n: int = 1001) -> np.ndarray:
    return np.random.default_rng(4).standard_normal(n).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_steps(torch: ModuleType, used: list[bool], name: str, options: dict[str, Any], dtype: str) -> None:
    for n in (1001, 7):
        used.clear()
        count = 9 if name == "RAdam" else 4  # which divides by the mean square from its sixth step on
        (ours, own), (theirs, other) = (steps(T, name, options, start(dtype, n), count) for T in (tgrad, torch))
        near = 1e-5 if dtype == "float32" else 1e-13
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=near, atol=near)
        for key, value in other.state[theirs].items():
            if value is not None:
                np.testing.assert_allclose(
                    own.state[ours][key].numpy(), value.numpy(), rtol=10 * near, atol=near, err_msg=key
                )
        assert used[-3:] == [True] * 3  # the first step of SGD with momentum makes the buffer


EXACT = [
    ("SGD", {}), ("SGD", {"weight_decay": 0.1}), ("SGD", {"momentum": 0.9}), ("SGD", {"momentum": 0.9, "nesterov": True}), ("Adamax", {}),
    ("Adamax", {"weight_decay": 0.1, "betas": (0.3, 0.6)}), ("Rprop", {}), ("ASGD", {"weight_decay": 0.1}), ("ASGD", {"t0": 3, "lambd": 0.1}),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "options"), EXACT)
def test_fifty_steps_to_the_last_bit(torch: ModuleType, name: str, options: dict[str, Any], dtype: str) -> None:
    """Where no square root is taken (PyTorch's are not always rounded right) all roundings are PyTorch's."""
    got = []
    for T in (tgrad, torch):
        rng = np.random.default_rng(3)
        p = T.from_numpy(start(dtype, 203).copy()).requires_grad_()
        optimizer = getattr(T.optim, name)([p], **{"lr": 0.01, **options})
        for _ in range(50):
            p.grad = T.from_numpy(rng.standard_normal(203).astype(dtype))
            optimizer.step()
        got.append(p.detach().numpy())
    np.testing.assert_array_equal(*got)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_numbers_that_are_not_finite(torch: ModuleType, used: list[bool], name: str, options: dict[str, Any]) -> None:
    a = start("float32")
    a[[3, 500, 1000]] = np.nan, np.inf, -np.inf
    a[10:20] = 1e-42
    a[20:30] = 3e38
    (ours, _), (theirs, _) = (steps(T, name, options, a, 2) for T in (tgrad, torch))
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)
    assert used[-1]


def test_infinite_parameters_with_finite_gradients(torch: ModuleType, used: list[bool]) -> None:
    for name, options in CASES:
        got = []
        for T in (tgrad, torch):
            p = T.from_numpy(np.full(40, np.inf, np.float32)).requires_grad_()
            optimizer = getattr(T.optim, name)([p], **{"lr": 0.1, **options})
            for _ in range(2):
                p.grad = T.ones(40)
                optimizer.step()
            got.append(p.detach().numpy())
        np.testing.assert_array_equal(*got, f"{name} {options}")
    assert any(used)


def test_what_the_kernels_may_not_touch(used: list[bool]) -> None:
    for name in ("Adam", "SGD"):
        p = tgrad.from_numpy(start("float32").reshape(77, 13)).t().requires_grad_()
        optimizer = getattr(tgrad.optim, name)([p], lr=0.1)
        before = p.detach().numpy().copy()
        p.grad = tgrad.ones(13, 77)
        optimizer.step()
        assert used.pop() is False and not (p.detach().numpy() == before).any()
    a = start("float32")
    a.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        p = tgrad.from_numpy(a).requires_grad_()
    p.grad = tgrad.ones(1001)
    with pytest.raises(ValueError, match="read-only"):
        tgrad.optim.SGD([p], lr=0.1).step()
    np.testing.assert_array_equal(a, start("float32"))
    p, optimizer = steps(tgrad, "Adam", {}, start("float32"), 1)
    optimizer.state[p]["exp_avg"] = tgrad.zeros(20)  # as a state that was loaded from elsewhere may be
    p.grad = tgrad.ones(1001)
    with pytest.raises(Exception, match="broadcast"):
        optimizer.step()


def test_small_parameters_ask_for_a_kernel_after_some_steps(used: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "KERNELS", {})
    monkeypatch.setattr(optimizing, "_STEPS", {})
    steps(tgrad, "Adam", {}, start("float32", 7))
    assert used == [False, True, True, True]


def test_options_that_are_tensors(torch: ModuleType, used: list[bool]) -> None:
    got = []
    for T in (tgrad, torch):
        p = T.from_numpy(start("float32")).requires_grad_()
        optimizer = T.optim.Adam([p], lr=T.tensor(0.1), foreach=False)
        (p * p).sum().backward()
        optimizer.step()
        got.append(p.detach().numpy())
    np.testing.assert_allclose(*got, rtol=1e-5, atol=1e-6)
    assert used == [True]


def test_off_means_off(used: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native.Jit, "mode", "off")
    steps(tgrad, "Adam", {}, start("float32"))
    assert not any(used)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_many_parameters_in_one_call(torch: ModuleType, used: list[bool], name: str, options: dict[str, Any]) -> None:
    """Small and large ones, one of another layout that is left to numpy, one without gradient, one that joins later."""
    shapes = [(7,), (300, 400), (1,), (0,), (5, 6), (2, 3), (4,)]
    got = []
    for T in (tgrad, torch):
        rng = np.random.default_rng(1)
        params = [T.from_numpy(rng.standard_normal(s)) for s in shapes]
        params[4] = params[4].t()
        params = [p.requires_grad_() for p in params]
        optimizer = getattr(T.optim, name)(params, **{"lr": 0.1, **options})
        for k in range(4):
            optimizer.zero_grad()
            for i, p in enumerate(params):
                if i != 5 and (i != 6 or k > 1):
                    (p * p * (k + 1) + p).sum().backward()
            versions = [p._version for p in params]
            optimizer.step()
            assert [p._version > v for p, v in zip(params, versions, strict=True)] == [
                p.grad is not None for p in params
            ]
        got.append([p.detach().numpy() for p in params])
    for ours, theirs in zip(*got, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    assert used


def test_parameters_that_share_memory(torch: ModuleType, used: list[bool]) -> None:
    for options in ({}, {"momentum": 0.9}):
        got = []
        for T in (tgrad, torch):
            whole = T.from_numpy(start("float32", 200_000))
            params = [whole[:150_000].requires_grad_(), whole[50_000:].requires_grad_()]
            optimizer = T.optim.SGD(params, lr=0.1, **options)
            for _ in range(3):
                for p in params:
                    p.grad = p.detach() * 0.5
                optimizer.step()
            got.append(whole.numpy())
        np.testing.assert_allclose(*got, rtol=1e-6)


def test_parameters_whose_memory_is_replaced(used: list[bool]) -> None:
    p = tgrad.nn.Parameter(tgrad.ones(5))
    optimizer = tgrad.optim.SGD([p], lr=1.0)
    for k in range(40):
        p.data = tgrad.full((5,), float(k))
        p.grad = tgrad.ones(5)
        optimizer.step()
        assert p.tolist() == [k - 1.0] * 5
    assert len(optimizer._prepared._known) < 25
