"""Optimizers and schedules next to PyTorch's."""

from __future__ import annotations

import copy
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.5, "dampening": 0.2, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.4, 0.7), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"lr": 0.05, "maximize": True, "foreach": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.02, "momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.2, "weight_decay": 0.1}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.5, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {"lr": 0.05}),
    ("Adamax", {"betas": (0.4, 0.7), "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.05}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.05}),
    ("RAdam", {"betas": (0.4, 0.7), "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True, "fused": False}),
]


def run(T: Any, name: str, options: dict[str, Any], dtype: str, steps: int) -> tuple[Any, list[Any]]:
    d = getattr(T, dtype)
    start = np.random.default_rng(0).standard_normal((3, 4))
    p = T.nn.Parameter(T.tensor(start.tolist(), dtype=d))
    q = T.nn.Parameter(T.ones(2, dtype=d))
    optimizer = getattr(T.optim, name)([p, q], **options)
    for _ in range(steps):
        optimizer.zero_grad()
        ((p.sin() * 2).sum() + (p * p).mean() + (q * q * q).sum()).backward()
        optimizer.step()
    return optimizer, [p, q]


@pytest.mark.parametrize(("name", "options"), OPTIONS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-4)])
def test_fifty_steps(torch: ModuleType, name: str, options: dict[str, Any], dtype: str, tolerance: float) -> None:
    steps = 10 if options.get("maximize") and name == "SGD" else 50
    a, ps = run(tgrad, name, options, dtype, steps)
    b, qs = run(torch, name, options, dtype, steps)
    for p, q in zip(ps, qs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=tolerance, atol=tolerance)
    assert repr(a) == repr(b)
    mine, theirs = a.state_dict(), b.state_dict()
    assert mine["param_groups"] == theirs["param_groups"]
    assert mine["state"].keys() == theirs["state"].keys()
    for key, state in theirs["state"].items():
        assert mine["state"][key].keys() == state.keys()
        for word, value in state.items():
            if value is not None:
                assert str(mine["state"][key][word].dtype) == str(value.dtype)
                if dtype == "float64":
                    np.testing.assert_allclose(mine["state"][key][word].numpy(), value.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_state_dict_resumes(name: str, options: dict[str, Any]) -> None:
    """Five steps, saved and loaded into another optimizer, go on as ten in a row."""
    whole = run(tgrad, name, options, "float64", 10)[1]
    half, ps = run(tgrad, name, options, "float64", 5)
    other = getattr(tgrad.optim, name)(ps, **options)
    other.load_state_dict(copy.deepcopy(half.state_dict()))
    p, q = ps
    for _ in range(5):
        other.zero_grad()
        ((p.sin() * 2).sum() + (p * p).mean() + (q * q * q).sum()).backward()
        other.step()
    for a, b in zip(whole, ps, strict=True):
        # NAdam counts in float32, and loading brings its count to the dtype of the parameter, as in PyTorch.
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-8 if name == "NAdam" else 0)


def message(call: Any) -> tuple[str, str]:
    try:
        call()
    except Exception as e:
        return type(e).__name__, str(e)
    raise AssertionError("no error")


def leaf(T: Any) -> Any:
    return T.ones(2, requires_grad=True)


ERRORS = [
    lambda T: T.optim.SGD([], lr=0.1),
    lambda T: T.optim.SGD(leaf(T), lr=0.1),
    lambda T: T.optim.SGD([3], lr=0.1),
    lambda T: T.optim.SGD([leaf(T) * 2], lr=0.1),
    lambda T: T.optim.SGD([leaf(T)], lr=-1),
    lambda T: T.optim.SGD([leaf(T)], lr=1, momentum=-1),
    lambda T: T.optim.SGD([leaf(T)], lr=1, weight_decay=-1),
    lambda T: T.optim.SGD([leaf(T)], lr=1, nesterov=True),
    lambda T: T.optim.SGD([leaf(T)], lr=1, fused=True, foreach=True),
    lambda T: T.optim.SGD([leaf(T)], lr=T.ones(2)),
    lambda T: T.optim.Adam([leaf(T)], lr=-1),
    lambda T: T.optim.Adam([leaf(T)], betas=(1.0, 0.9)),
    lambda T: T.optim.Adam([leaf(T)], betas=(0.9, 1.0)),
    lambda T: T.optim.Adam([leaf(T)], eps=-1),
    lambda T: T.optim.Adam([leaf(T)], weight_decay=-1),
    lambda T: T.optim.RMSprop([leaf(T)], alpha=-1),
    lambda T: T.optim.RMSprop([leaf(T)], momentum=-1),
    lambda T: T.optim.Adagrad([leaf(T)], lr_decay=-1),
    lambda T: T.optim.Adadelta([leaf(T)], rho=2),
    lambda T: T.optim.Adamax([leaf(T)], betas=(2, 0.1)),
    lambda T: T.optim.NAdam([leaf(T)], momentum_decay=-1),
    lambda T: (lambda p: T.optim.SGD([{"params": [p]}, {"params": [p]}], lr=1))(leaf(T)),
    lambda T: T.optim.SGD([{"params": {leaf(T)}}], lr=1),
    lambda T: T.optim.SGD([leaf(T)], lr=1).add_param_group([]),
    lambda T: T.optim.SGD([leaf(T)], lr=1).load_state_dict({"state": {}, "param_groups": []}),
    lambda T: T.optim.SGD([leaf(T)], lr=1).load_state_dict({"state": {}, "param_groups": [{"params": [0, 1]}]}),
    lambda T: T.optim.lr_scheduler.StepLR(3, 1),
    lambda T: T.optim.lr_scheduler.LambdaLR(T.optim.SGD([leaf(T)], lr=1), [len, len]),
    lambda T: T.optim.lr_scheduler.ReduceLROnPlateau(T.optim.SGD([leaf(T)], lr=1), mode="x"),
    lambda T: T.optim.lr_scheduler.ReduceLROnPlateau(T.optim.SGD([leaf(T)], lr=1), factor=2.0),
]


@pytest.mark.parametrize("i", range(len(ERRORS)))
def test_errors(torch: ModuleType, i: int) -> None:
    assert message(lambda: ERRORS[i](tgrad)) == message(lambda: ERRORS[i](torch))


def test_closure_hooks_and_groups(torch: ModuleType) -> None:
    logs = []
    for T in (tgrad, torch):
        log: list[Any] = []
        p, q = leaf(T), leaf(T)
        optimizer = T.optim.SGD([{"params": [p], "lr": 0.5}, {"params": q}], lr=0.1)
        optimizer.register_step_pre_hook(lambda o, args, kwargs, log=log: log.append("pre"))
        optimizer.register_step_post_hook(lambda o, args, kwargs, log=log: log.append("post"))

        def closure(p: Any = p, q: Any = q, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = (p * p).sum() + q.sum()
            loss.backward()
            return loss

        log.append(optimizer.step(closure).item())
        log += [p.tolist(), q.tolist(), repr(optimizer)]
        optimizer.zero_grad(set_to_none=False)
        log.append(p.grad.tolist())
        named = T.optim.SGD([("a", p), ("b", q)], lr=0.1)
        log.append(named.param_groups[0]["param_names"])
        logs.append(log)
    assert logs[0] == logs[1]


def test_writes_are_noticed() -> None:
    """A step moves the parameters' version counters on, so that a stale graph is refused."""
    p = leaf(tgrad)
    loss = (p * p).sum()
    p.grad = tgrad.ones(2)
    tgrad.optim.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_differentiable(torch: ModuleType) -> None:
    grads = []
    for T in (tgrad, torch):
        lr = T.tensor(0.1, dtype=T.float64, requires_grad=True)
        p = T.ones(2, dtype=T.float64, requires_grad=True)
        x = p.clone()
        x.retain_grad()
        (x * x).sum().backward(retain_graph=True)
        x.grad = x.grad.detach()
        optimizer = T.optim.SGD([x], lr=lr, differentiable=True)
        optimizer.step()
        grads.append(T.autograd.grad((x * x).sum(), [lr, p]))
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


SCHEDULES = {
    "LambdaLR": lambda S, o: S.LambdaLR(o, lambda e: 0.9**e),
    "MultiplicativeLR": lambda S, o: S.MultiplicativeLR(o, lambda e: 0.95),
    "StepLR": lambda S, o: S.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda S, o: S.MultiStepLR(o, [2, 5, 5], 0.5),
    "ConstantLR": lambda S, o: S.ConstantLR(o, 0.5, 4),
    "LinearLR": lambda S, o: S.LinearLR(o, 0.25, 0.75, 6),
    "ExponentialLR": lambda S, o: S.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda S, o: S.PolynomialLR(o, 8, 2.0),
    "CosineAnnealingLR": lambda S, o: S.CosineAnnealingLR(o, 5, 0.01),
    "CosineAnnealingWarmRestarts": lambda S, o: S.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "SequentialLR": lambda S, o: S.SequentialLR(o, [S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9)], [4]),
    "ChainedScheduler": lambda S, o: S.ChainedScheduler([S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9)]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(torch: ModuleType, name: str) -> None:
    rates = []
    for T in (tgrad, torch):
        optimizer = T.optim.SGD([{"params": [leaf(T)], "lr": 0.4}, {"params": [leaf(T)]}], lr=0.1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            schedule = SCHEDULES[name](T.optim.lr_scheduler, optimizer)
            seen = [schedule.get_last_lr()]
            for _ in range(15):
                optimizer.step()
                schedule.step()
                seen.append(schedule.get_last_lr())
            saved = schedule.state_dict()
            schedule.load_state_dict(saved)
        rates.append(seen)
    assert rates[0] == rates[1]


def test_plateau(torch: ModuleType) -> None:
    for options in (
        {"patience": 1},
        {"patience": 0, "mode": "max", "threshold_mode": "abs", "cooldown": 1, "min_lr": 0.02},
    ):
        rates = []
        for T in (tgrad, torch):
            optimizer = T.optim.SGD([leaf(T)], lr=0.4)
            schedule = T.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, **options)
            for metric in (1.0, 0.9, 0.95, 0.93, 0.91, 0.9, 0.5, 0.6, 0.7, 0.8):
                schedule.step(metric)
            rates.append((schedule.get_last_lr(), schedule.best, schedule.num_bad_epochs))
        assert rates[0] == rates[1]


def test_order_is_warned_about(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        schedule = T.optim.lr_scheduler.StepLR(T.optim.SGD([leaf(T)], lr=0.4), 1)
        with pytest.warns(UserWarning, match="before `optimizer.step"):
            schedule.step()
