"""GradScaler next to PyTorch's on the CPU."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import tgrad

INF = float("inf")


def run(T: Any, name: str, options: dict[str, Any], losses: list[float], clip: bool = False) -> list[Any]:
    p, q = (T.nn.Parameter(T.ones(3)) for _ in range(2))
    optimizer = getattr(T.optim, name)([p, q], lr=0.1, **options)
    scaler = T.amp.GradScaler("cpu", init_scale=8.0, growth_interval=3, growth_factor=4.0, backoff_factor=0.25)
    log: list[Any] = [scaler.is_enabled(), scaler.state_dict()]
    for factor in losses:
        optimizer.zero_grad()
        loss = (p * p).sum() * factor + (q * 0.5).sum()
        scaled = scaler.scale(loss)
        scaled.backward()
        if clip:
            scaler.unscale_(optimizer)
            T.nn.utils.clip_grad_norm_([p, q], 0.5)
        log.append([scaled.item(), p.grad.tolist()])
        out = scaler.step(optimizer)
        log.append([out, p.grad.tolist()])
        scaler.update()
        log.append([p.tolist(), q.tolist(), scaler.get_scale(), scaler.state_dict()])
        log.append(
            len(optimizer.state) and [v.tolist() for v in optimizer.state[p].values()]
            if not options.get("fused")
            else 0
        )
    return log


@pytest.mark.parametrize("clip", [False, True])
@pytest.mark.parametrize(
    ("name", "options"), [("SGD", {}), ("SGD", {"momentum": 0.5}), ("Adagrad", {}), ("SGD", {"fused": True})]
)
def test_training(torch: ModuleType, name: str, options: dict[str, Any], clip: bool) -> None:
    losses = [1.0, 2.0, INF, 1.0, 1.0, 1.0, float("nan"), 1.0, 1.0, 1.0, 1.0]
    ours, theirs = (run(T, name, options, losses, clip) for T in (tgrad, torch))
    assert close(ours, theirs)


def close(x: Any, y: Any) -> bool:
    """Equal but for float32's last digits."""
    if isinstance(y, float):
        return x == pytest.approx(y, rel=1e-5, nan_ok=True)
    if isinstance(y, dict):
        return list(x) == list(y) and all(close(x[k], y[k]) for k in y)
    if isinstance(y, (list, tuple)):
        return len(x) == len(y) and all(close(a, b) for a, b in zip(x, y, strict=True))
    return x == y


def test_fused_adam_skips_and_unscales(torch: ModuleType) -> None:
    ours, theirs = (run(T, "Adam", {"fused": True}, [1.0, INF, 1.0]) for T in (tgrad, torch))
    assert close(ours, theirs)


def test_states(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        scaler = T.amp.GradScaler("cpu", init_scale=4.0)
        scaler.set_growth_factor(3.0)
        scaler.set_backoff_factor(0.1)
        scaler.set_growth_interval(5)
        assert (scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()) == (3.0, 0.1, 5)
        scaler.scale(T.ones(1))
        scaler.update(2.5)
        assert scaler.get_scale() == 2.5
        scaler.update(T.tensor(3.5))
        other = T.amp.GradScaler("cpu")
        other.load_state_dict(scaler.state_dict())
        twin = pickle.loads(pickle.dumps(scaler)) if T is tgrad else copy.deepcopy(scaler)
        assert other.state_dict() == scaler.state_dict() == twin.state_dict()
        assert scaler.state_dict() == {
            "scale": 3.5,
            "growth_factor": 3.0,
            "backoff_factor": 0.1,
            "growth_interval": 5,
            "_growth_tracker": 0,
        }
        off = T.amp.GradScaler("cpu", enabled=False)
        assert off.state_dict() == {} and off.get_scale() == 1.0 and off.scale(3) == 3 and not off.is_enabled()
        off.update()
        off.load_state_dict({})
        got = scaler.scale([T.ones(1), (T.ones(2), T.ones(1))])
        assert [type(g) for g in got] == [T.Tensor, tuple] and got[1][0].tolist() == [3.5, 3.5]


def said(T: Any, call: Callable[[Any], Any]) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call(T)
            out = None
        except Exception as e:
            out = type(e).__name__, str(e)
    return out, [(w.category.__name__, str(w.message)) for w in caught]


def scaler_of(T: Any, scaled: bool = True, dtype: str = "float32") -> tuple[Any, Any, Any]:
    p = T.nn.Parameter(T.ones(2, dtype=getattr(T, dtype)))
    optimizer, scaler = T.optim.SGD([p], lr=0.1), T.amp.GradScaler("cpu")
    if scaled:
        scaler.scale(p.sum()).backward()
    return p, optimizer, scaler


def twice(T: Any, *words: str) -> None:
    _, optimizer, scaler = scaler_of(T)
    for word in words:
        getattr(scaler, word)(optimizer)


SAYINGS: list[Callable[[Any], Any]] = [
    lambda T: T.amp.GradScaler(),
    lambda T: T.cuda.amp.GradScaler(),
    lambda T: T.cpu.amp.GradScaler(),
    lambda T: T.amp.GradScaler("cpu", growth_factor=1.0),
    lambda T: T.amp.GradScaler("cpu", backoff_factor=1.0),
    lambda T: T.amp.GradScaler("cpu").step(None, closure=1),
    lambda T: T.amp.GradScaler("cpu").step(None),
    lambda T: T.amp.GradScaler("cpu").unscale_(None),
    lambda T: T.amp.GradScaler("cpu").update(),
    lambda T: T.amp.GradScaler("cpu").scale(3),
    lambda T: T.amp.GradScaler("cpu").load_state_dict({}),
    lambda T: twice(T, "unscale_", "unscale_"),
    lambda T: twice(T, "step", "unscale_"),
    lambda T: twice(T, "step", "step"),
    lambda T: scaler_of(T)[2].update(),
    lambda T: scaler_of(T)[2].update(T.ones(2)),
    lambda T: (lambda p, o, s: s.unscale_(o))(*scaler_of(T, dtype="float16")),
    lambda T: (lambda p, o, s: (s.unscale_(o), s.__getstate__()))(*scaler_of(T)),
    lambda T: (lambda p, o, s: (setattr(p, "grad", None), s.step(o)))(*scaler_of(T)),
]


@pytest.mark.parametrize("i", range(len(SAYINGS)))
def test_errors_and_warnings(torch: ModuleType, i: int) -> None:
    assert said(tgrad, SAYINGS[i]) == said(torch, SAYINGS[i])


def test_signatures(torch: ModuleType) -> None:
    for name, member in vars(torch.amp.GradScaler).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            ours = inspect.signature(getattr(tgrad.amp.GradScaler, name)).parameters
            assert list(ours) == list(inspect.signature(member).parameters), name
