"""LBFGS next to PyTorch's, evaluation by evaluation."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

OPTIONS: list[dict[str, Any]] = [
    {"line_search_fn": "strong_wolfe"}, {"line_search_fn": "strong_wolfe", "history_size": 2}, {"line_search_fn": "strong_wolfe", "max_iter": 3},
    {"line_search_fn": "strong_wolfe", "max_eval": 7},
    {"line_search_fn": "strong_wolfe", "lr": 1e-5, "max_iter": 6}, {"lr": 1e-3}, {"lr": 0.1, "max_iter": 4, "history_size": 2}, {"lr": "tensor"},
    {"line_search_fn": "strong_wolfe", "tolerance_change": 1e-2}, {"line_search_fn": "strong_wolfe", "tolerance_grad": 10.0}, {"max_iter": 1},
]  # fmt: skip


def rosenbrock(
    T: Any, n: int, options: dict[str, Any], rounds: int, dtype: str = "float64"
) -> tuple[list[Any], Any, list[Any]]:
    d = getattr(T, dtype)
    p, q = T.full((n,), -1.2, dtype=d, requires_grad=True), T.ones(n, dtype=d, requires_grad=True)
    idle = T.ones(2, dtype=d, requires_grad=True)
    given = {k: T.tensor(0.01, dtype=T.float64) if v == "tensor" else v for k, v in options.items()}
    optimizer = T.optim.LBFGS([p, q, idle], **given)
    seen: list[Any] = []

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (100 * (q - p**2) ** 2 + (1 - p) ** 2).sum()
        loss.backward()
        seen.append([loss.item(), *p.tolist(), *q.tolist()])
        return loss

    for _ in range(rounds):
        seen.append([optimizer.step(closure).item()])
    return seen, optimizer, [p, q, idle]


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_rosenbrock(torch: ModuleType, options: dict[str, Any], n: int) -> None:
    (a, ours, _), (b, theirs, _) = (rosenbrock(T, n, options, 3) for T in (tgrad, torch))
    assert len(a) == len(b)
    early = min(len(b), 25)  # what is rounded otherwise grows along the way
    for x, y in zip(a[:early], b[:early], strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-10)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)
    mine, other = ours.state_dict(), theirs.state_dict()
    assert repr(ours) == repr(theirs) and mine["param_groups"][0].keys() == other["param_groups"][0].keys()
    assert list(mine["state"][0]) == list(other["state"][0])
    for word in ("func_evals", "n_iter"):
        assert mine["state"][0][word] == other["state"][0][word]
    if options.get("tolerance_grad") is None and options.get("max_iter") != 1:
        assert len(mine["state"][0]["old_dirs"]) == len(other["state"][0]["old_dirs"])


def test_it_gets_there() -> None:
    for dtype, near in (("float64", 1e-6), ("float32", 1e-3)):
        _, _, (p, q, idle) = rosenbrock(tgrad, 3, {"line_search_fn": "strong_wolfe"}, 5, dtype)
        np.testing.assert_allclose([*p.tolist(), *q.tolist()], 1.0, atol=near)
        assert idle.tolist() == [1.0, 1.0]


def test_complex(torch: ModuleType) -> None:
    got = []
    for T in (tgrad, torch):
        z = T.tensor([1 + 2j, -0.5 + 0.1j], dtype=T.complex128, requires_grad=True)
        r = T.tensor([3.0], dtype=T.float64, requires_grad=True)
        optimizer = T.optim.LBFGS([z, r], line_search_fn="strong_wolfe", max_iter=6)

        def closure(z: Any = z, r: Any = r, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = ((z - (0.3 - 1j)).abs() ** 2).sum() + (z.real.sum() * r - 1).pow(2).sum()
            loss.backward()
            return loss

        losses = [optimizer.step(closure).item() for _ in range(2)]
        got.append([losses, z.tolist(), r.tolist()])
    for a, b in zip(*got, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def test_a_state_goes_on(torch: ModuleType) -> None:
    """Five steps are the same as two, whose state is loaded elsewhere, and three there."""
    for T in (tgrad, torch):
        whole, _, params = rosenbrock(T, 2, {"lr": 0.05, "max_iter": 5}, 5)
        _, optimizer, (p, q, idle) = rosenbrock(T, 2, {"lr": 0.05, "max_iter": 5}, 2)
        other = T.optim.LBFGS([p, q, idle], lr=0.05, max_iter=5)
        other.load_state_dict(optimizer.state_dict())

        def closure(p: Any = p, q: Any = q, other: Any = other) -> Any:
            other.zero_grad()
            loss = (100 * (q - p**2) ** 2 + (1 - p) ** 2).sum()
            loss.backward()
            return loss

        losses = [other.step(closure).item() for _ in range(3)]
        assert losses == [s[0] for s in whole if len(s) == 1][2:]
        assert p.tolist() == params[0].tolist()
