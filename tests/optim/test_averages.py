"""swa_utils next to PyTorch's."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

AVERAGES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "mean": lambda S: {},
    "buffers": lambda S: {"use_buffers": True},
    "ema": lambda S: {"avg_fn": S.get_ema_avg_fn(0.9)},
    "ema-default": lambda S: {"avg_fn": S.get_ema_avg_fn()},
    "swa": lambda S: {"avg_fn": S.get_swa_avg_fn(), "use_buffers": True},
    "multi-ema": lambda S: {"multi_avg_fn": S.get_ema_multi_avg_fn(0.3), "use_buffers": True},
    "multi-swa": lambda S: {"multi_avg_fn": S.get_swa_multi_avg_fn()},
    "own": lambda S: {"avg_fn": lambda average, current, n: average * 0.25 + current * 0.75 + n},
}


def model_of(T: Any) -> Any:
    return T.nn.Sequential(T.nn.Linear(2, 2), T.nn.BatchNorm1d(2, momentum=0.3)).double()


def averaged(T: Any, name: str) -> tuple[Any, Any]:
    model = model_of(T)
    out = T.optim.swa_utils.AveragedModel(model, **AVERAGES[name](T.optim.swa_utils))
    rng = np.random.default_rng(0)

    def draw(*size: int) -> Any:
        return T.tensor(rng.standard_normal(size).tolist(), dtype=T.float64)

    for _ in range(6):
        with T.no_grad():
            for p in model.parameters():
                p.copy_(draw(*p.shape))
            model(draw(4, 2))
        out.update_parameters(model)
    return model, out


def compare(a: Any, b: Any, rtol: float = 1e-14) -> None:
    assert list(a) == list(b)
    for key in b:
        assert str(a[key].dtype) == str(b[key].dtype)
        np.testing.assert_allclose(a[key].tolist(), b[key].tolist(), rtol=rtol, err_msg=key)


@pytest.mark.parametrize("name", AVERAGES)
def test_averages(torch: ModuleType, name: str) -> None:
    (_, ours), (_, theirs) = (averaged(T, name) for T in (tgrad, torch))
    compare(ours.state_dict(), theirs.state_dict())
    assert repr(ours) == repr(theirs)
    x = [[1.0, -2.0], [0.5, 3.0], [0.0, 0.0]]
    for T, model in ((tgrad, ours), (torch, theirs)):
        batches = [[T.tensor(x, dtype=T.float64) * k, "label"] for k in range(1, 4)]
        model.eval()
        T.optim.swa_utils.update_bn(batches, model)
        assert not model.training and model.module[1].momentum == 0.3
    compare(ours.state_dict(), theirs.state_dict(), 1e-13)
    other = tgrad.optim.swa_utils.AveragedModel(model_of(tgrad))
    other.load_state_dict(
        {k: tgrad.tensor(v.tolist(), dtype=getattr(tgrad, str(v.dtype)[6:])) for k, v in theirs.state_dict().items()}
    )
    compare(other.state_dict(), theirs.state_dict(), 0)
    assert copy.deepcopy(ours).n_averaged == 6


def test_a_model_without_batchnorm_is_not_run() -> None:
    def batches() -> Any:
        raise AssertionError
        yield

    tgrad.optim.swa_utils.update_bn(batches(), tgrad.nn.Linear(1, 1))


@pytest.mark.parametrize(
    "options",
    [{}, {"anneal_epochs": 5, "anneal_strategy": "linear"}, {"anneal_epochs": 0}, {"swa_lr": [0.05, 0.3]}],
    ids=str,
)
def test_schedule(torch: ModuleType, options: dict[str, Any]) -> None:
    logs = []
    for T in (tgrad, torch):
        optimizer = T.optim.SGD([{"params": [T.ones(1, requires_grad=True)], "lr": r} for r in (0.5, 0.1)])
        first = T.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        for _ in range(4):
            optimizer.step()
            first.step()
        schedule = T.optim.swa_utils.SWALR(optimizer, **{"swa_lr": 0.2, **options})
        log = [schedule.get_last_lr()]
        for k in range(15):
            optimizer.step()
            schedule.step()
            log.append([*schedule.get_last_lr(), {k: v for k, v in schedule.state_dict().items()}])
            if k == 6:
                state = copy.deepcopy(schedule.state_dict())
                schedule = T.optim.swa_utils.SWALR(optimizer, swa_lr=1.0)
                schedule.load_state_dict(state)
                for group, r in zip(optimizer.param_groups, state["_last_lr"]):
                    group["lr"] = r
        logs.append(log)
    assert logs[0] == logs[1]


ERRORS: list[Callable[[Any], Any]] = [
    lambda T: T.optim.swa_utils.get_ema_avg_fn(-1),
    lambda T: T.optim.swa_utils.get_ema_multi_avg_fn(2),
    lambda T: T.optim.swa_utils.AveragedModel(T.nn.Linear(1, 1), avg_fn=1, multi_avg_fn=1),
    lambda T: T.optim.swa_utils.SWALR(T.optim.SGD([T.ones(1, requires_grad=True)]), [1, 2]),
    lambda T: T.optim.swa_utils.SWALR(T.optim.SGD([T.ones(1, requires_grad=True)]), 1, anneal_strategy="x"),
    lambda T: T.optim.swa_utils.SWALR(T.optim.SGD([T.ones(1, requires_grad=True)]), 1, anneal_epochs=-1),
    lambda T: T.optim.swa_utils.SWALR(T.optim.SGD([T.ones(1, requires_grad=True)]), 1, anneal_epochs=1.0),
    lambda T: T.optim.swa_utils.SWALR(3, 1),
]


@pytest.mark.parametrize("i", range(len(ERRORS)))
def test_errors(torch: ModuleType, i: int) -> None:
    got = []
    for T in (tgrad, torch):
        with pytest.raises(Exception) as caught:
            ERRORS[i](T)
        got.append((type(caught.value), str(caught.value)))
    assert got[0] == got[1]


def test_signatures(torch: ModuleType) -> None:
    ours, theirs = tgrad.optim.swa_utils, torch.optim.swa_utils
    assert sorted(ours.__all__) == sorted(theirs.__all__)
    for name in theirs.__all__:
        a, b = (inspect.signature(getattr(m, name)).parameters.values() for m in (ours, theirs))
        assert [(p.name, p.kind, p.default) for p in a] == [(p.name, p.kind, p.default) for p in b], name
