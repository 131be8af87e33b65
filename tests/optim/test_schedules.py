"""Every learning rate schedule next to PyTorch's: values, states, resuming, closed forms, warnings and errors."""

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


class Factor:
    """A function with a state that a schedule saves."""

    def __init__(self, by: float) -> None:
        self.by = by

    def __call__(self, epoch: float) -> float:
        return self.by**epoch


SCHEDULES: dict[str, Callable[[Any, Any], Any]] = {
    "LambdaLR": lambda S, o: S.LambdaLR(o, lambda e: 0.9**e),
    "LambdaLR-list": lambda S, o: S.LambdaLR(o, [lambda e: 0.9**e, Factor(0.8)]),
    "MultiplicativeLR": lambda S, o: S.MultiplicativeLR(o, [lambda e: 0.95, Factor(0.99)]),
    "StepLR": lambda S, o: S.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda S, o: S.MultiStepLR(o, [2, 5, 5, 9], 0.3),
    "ConstantLR": lambda S, o: S.ConstantLR(o, 0.3, 4),
    "LinearLR": lambda S, o: S.LinearLR(o, 0.2, 0.9, 7),
    "ExponentialLR": lambda S, o: S.ExponentialLR(o, 0.97),
    "PolynomialLR": lambda S, o: S.PolynomialLR(o, 30, 1.7),
    "CosineAnnealingLR": lambda S, o: S.CosineAnnealingLR(o, 7, 0.01),
    "CosineAnnealingWarmRestarts": lambda S, o: S.CosineAnnealingWarmRestarts(o, 4, 2, 0.01),
    "CosineAnnealingWarmRestarts-1": lambda S, o: S.CosineAnnealingWarmRestarts(o, 5),
    "CyclicLR": lambda S, o: S.CyclicLR(o, 0.01, 0.1, step_size_up=4, step_size_down=7),
    "CyclicLR-2": lambda S, o: S.CyclicLR(o, [0.01, 0.02], [0.1, 0.3], step_size_up=4, mode="triangular2"),
    "CyclicLR-exp": lambda S, o: S.CyclicLR(
        o, 0.01, 0.1, step_size_up=4, mode="exp_range", gamma=0.95, cycle_momentum=False
    ),
    "CyclicLR-fn": lambda S, o: S.CyclicLR(o, 0.01, 0.1, step_size_up=4, scale_fn=Factor(0.9), scale_mode="iterations"),
    "OneCycleLR": lambda S, o: S.OneCycleLR(o, [0.1, 0.4], total_steps=60),
    "OneCycleLR-3": lambda S, o: S.OneCycleLR(
        o, 0.1, epochs=6, steps_per_epoch=10, three_phase=True, anneal_strategy="linear", pct_start=0.2
    ),
    "SequentialLR": lambda S, o: S.SequentialLR(
        o, [S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9), S.CosineAnnealingLR(o, 10)], milestones=[5, 20]
    ),
    "SequentialLR-nested": lambda S, o: S.SequentialLR(
        o, [S.ChainedScheduler([S.LinearLR(o), S.ExponentialLR(o, 0.99)]), S.StepLR(o, 4)], milestones=[12]
    ),
    "ChainedScheduler": lambda S, o: S.ChainedScheduler(
        [S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9)], optimizer=o
    ),
}
pytestmark = pytest.mark.filterwarnings("ignore:Detected call")
CLOSED = [n for n in SCHEDULES if not n.startswith(("Sequential", "Chained", "OneCycle"))]


def optimizer_of(T: Any, kind: str = "SGD", tensor: bool = False) -> Any:
    lr = T.tensor(0.5, dtype=T.float64) if tensor else 0.5
    groups = [{"params": [T.ones(2, requires_grad=True)]}, {"params": [T.ones(3, requires_grad=True)], "lr": 0.2}]
    if kind == "SGD":
        return T.optim.SGD(groups, lr=lr, momentum=0.9)
    return T.optim.Adam(groups, lr=lr)


def plain(x: Any) -> Any:
    """Without tensors, classes and functions, to be compared across libraries."""
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if hasattr(x, "item"):
        return x.item()
    return x if isinstance(x, (int, float, str, bool, type(None))) else type(x).__name__


def trace(T: Any, name: str, steps: int = 55, **options: Any) -> tuple[Any, Any, list[Any]]:
    optimizer = optimizer_of(T, **options)
    schedule = SCHEDULES[name](T.optim.lr_scheduler, optimizer)
    seen = []
    for _ in range(steps):
        seen.append(
            plain(
                [
                    [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups],
                    schedule.get_last_lr(),
                ]
            )
        )
        optimizer.step()
        schedule.step()
    return optimizer, schedule, seen


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_values_and_states(torch: ModuleType, name: str, kind: str) -> None:
    ours, theirs = (trace(T, name, kind=kind) for T in (tgrad, torch))
    assert ours[2] == theirs[2]
    a, b = plain(ours[1].state_dict()), plain(theirs[1].state_dict())
    assert a == b
    assert list(a) == list(b) or name.startswith(("LambdaLR", "Multiplicative", "Cyclic"))


@pytest.mark.parametrize("name", SCHEDULES)
def test_learning_rates_that_are_tensors(torch: ModuleType, name: str) -> None:
    ours, theirs = (trace(T, name, steps=20, tensor=True) for T in (tgrad, torch))
    for a, b in zip(ours[2], theirs[2], strict=True):
        assert a[1] == pytest.approx(b[1], rel=1e-15)
    group = ours[0].param_groups[0]
    assert isinstance(group["lr"], tgrad.Tensor) and ours[1].get_last_lr()[0] is not group["lr"]


@pytest.mark.parametrize("name", SCHEDULES)
def test_loading_a_state_goes_on(torch: ModuleType, name: str) -> None:
    for T in (tgrad, torch):
        whole = trace(T, name, steps=40)[2]
        optimizer, schedule, _ = trace(T, name, steps=17)
        fresh = optimizer_of(T)
        other = SCHEDULES[name](T.optim.lr_scheduler, fresh)
        state = schedule.state_dict()
        other.load_state_dict(copy.deepcopy(state) if "Cyclic" in name else state)
        fresh.load_state_dict(optimizer.state_dict())
        seen = []
        for _ in range(23):
            seen.append(plain(other.get_last_lr()))
            fresh.step()
            other.step()
        assert seen == [plain(s[1]) for s in whole[17:40]]


@pytest.mark.parametrize("name", CLOSED)
def test_an_epoch_by_number(torch: ModuleType, name: str) -> None:
    logs = []
    for T in (tgrad, torch):
        optimizer = optimizer_of(T)
        schedule = SCHEDULES[name](T.optim.lr_scheduler, optimizer)
        optimizer.step()
        log: list[Any] = []
        for epoch in (1, 5, 3, 12, 40):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                schedule.step(epoch)
            log.append([plain(schedule.get_last_lr()), [(w.category.__name__, str(w.message)) for w in caught]])
        logs.append(log)
    for a, b in zip(*logs, strict=True):
        assert a[0] == pytest.approx(b[0], rel=1e-15) and a[1] == b[1]


@pytest.mark.parametrize("name", ["StepLR", "CosineAnnealingLR", "ExponentialLR", "LinearLR", "CyclicLR", "OneCycleLR"])
def test_resuming_by_last_epoch(torch: ModuleType, name: str) -> None:
    make: dict[str, Callable[..., Any]] = {
        "StepLR": lambda S, o, n: S.StepLR(o, 3, last_epoch=n),
        "CosineAnnealingLR": lambda S, o, n: S.CosineAnnealingLR(o, 10, last_epoch=n),
        "ExponentialLR": lambda S, o, n: S.ExponentialLR(o, 0.9, last_epoch=n),
        "LinearLR": lambda S, o, n: S.LinearLR(o, total_iters=20, last_epoch=n),
        "CyclicLR": lambda S, o, n: S.CyclicLR(o, 0.01, 0.1, step_size_up=4, last_epoch=n),
        "OneCycleLR": lambda S, o, n: S.OneCycleLR(o, 0.1, total_steps=40, last_epoch=n),
    }
    logs = []
    for T in (tgrad, torch):
        S = T.optim.lr_scheduler
        optimizer = optimizer_of(T)
        schedule = make[name](S, optimizer, -1)
        for _ in range(6):
            optimizer.step()
            schedule.step()
        fresh = optimizer_of(T)
        fresh.load_state_dict(optimizer.state_dict())
        again = make[name](S, fresh, schedule.last_epoch)
        log = [plain(again.get_last_lr())]
        for _ in range(5):
            fresh.step()
            again.step()
            log.append(plain(again.get_last_lr()))
        with pytest.raises(KeyError) as caught:
            make[name](S, optimizer_of(T), 3)
        logs.append([log, str(caught.value)])
    assert logs[0] == logs[1]


PLATEAUS: list[dict[str, Any]] = [
    {}, {"mode": "max", "patience": 2}, {"factor": 0.5, "patience": 0, "cooldown": 2}, {"threshold": 0.1, "patience": 1},
    {"threshold": 0.1, "threshold_mode": "abs", "patience": 1}, {"mode": "max", "threshold": 0.1, "threshold_mode": "abs", "patience": 1},
    {"min_lr": 0.1, "patience": 0}, {"min_lr": [0.05, 0.1], "patience": 0}, {"eps": 0.2, "patience": 0},
]  # fmt: skip


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateaus(torch: ModuleType, options: dict[str, Any]) -> None:
    losses = [
        3.0,
        2.0,
        2.5,
        2.5,
        1.95,
        1.9,
        2.0,
        2.1,
        2.2,
        float("nan"),
        1.0,
        1.0,
        1.0,
        1.0,
        0.999,
        0.5,
        0.6,
        0.6,
        0.6,
    ] * 2
    logs = []
    for T in (tgrad, torch):
        optimizer = optimizer_of(T)
        schedule = T.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        log: list[Any] = []
        for i, loss in enumerate(losses):
            schedule.step(T.tensor(loss, dtype=T.float64) if i % 2 else loss)
            log.append(plain([schedule.get_last_lr(), schedule.in_cooldown, schedule.state_dict()]))
            if i == 20:
                other = T.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max")
                other.load_state_dict(schedule.state_dict())
                schedule = other
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            schedule.step(1.0, epoch=7)
        log += [schedule.last_epoch, str(caught[0].message)]
        optimizer.add_param_group({"params": [T.ones(2, requires_grad=True)], "lr": 0.7})
        try:
            for _ in range(30):
                schedule.step(1e9 if schedule.mode == "min" else -1e9)
            log.append(plain(schedule.get_last_lr()))
        except RuntimeError as e:
            log.append(str(e))
        logs.append(repr(log))  # nan equals itself
    assert logs[0] == logs[1]


def said(T: Any, call: Callable[[Any], Any]) -> list[Any]:
    """Type and text of the error or the warnings of a call."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call(T)
        except Exception as e:
            return [type(e).__name__, str(e).replace("tgrad.", "torch.")]
    return [(w.category.__name__, str(w.message)) for w in caught]


def overridden(T: Any) -> None:
    optimizer = optimizer_of(T)
    schedule = T.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step = lambda: None
    schedule.step()


SAYINGS: list[Callable[[Any], Any]] = [
    lambda T: T.optim.lr_scheduler.StepLR(3, 1),
    lambda T: T.optim.lr_scheduler.CyclicLR(3, 1, 2),
    lambda T: T.optim.lr_scheduler.OneCycleLR(3, 1),
    lambda T: T.optim.lr_scheduler.ReduceLROnPlateau(3),
    lambda T: T.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(T), factor=1.0),
    lambda T: T.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(T), mode="x"),
    lambda T: T.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(T), threshold_mode="x"),
    lambda T: T.optim.lr_scheduler.ReduceLROnPlateau(optimizer_of(T), min_lr=[1]),
    lambda T: T.optim.lr_scheduler.LambdaLR(optimizer_of(T), [len]),
    lambda T: T.optim.lr_scheduler.MultiplicativeLR(optimizer_of(T), [len, len, len]),
    lambda T: T.optim.lr_scheduler.MultiplicativeLR(optimizer_of(T), 0.5),
    lambda T: T.optim.lr_scheduler.ConstantLR(optimizer_of(T), 2),
    lambda T: T.optim.lr_scheduler.LinearLR(optimizer_of(T), 0),
    lambda T: T.optim.lr_scheduler.LinearLR(optimizer_of(T), 1, 2),
    lambda T: T.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer_of(T), 0),
    lambda T: T.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer_of(T), 1, 0),
    lambda T: T.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer_of(T), 1, 1, "a"),
    lambda T: T.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer_of(T), 1).step(-1),
    lambda T: T.optim.lr_scheduler.CyclicLR(optimizer_of(T), [1], 2),
    lambda T: T.optim.lr_scheduler.CyclicLR(optimizer_of(T), 1, [2]),
    lambda T: T.optim.lr_scheduler.CyclicLR(optimizer_of(T), 1, 2, mode="x"),
    lambda T: T.optim.lr_scheduler.CyclicLR(T.optim.Rprop([T.ones(2, requires_grad=True)]), 1, 2),
    lambda T: T.optim.lr_scheduler.OneCycleLR(T.optim.Rprop([T.ones(2, requires_grad=True)]), 1, 2),
    lambda T: T.optim.lr_scheduler.OneCycleLR(optimizer_of(T), 1),
    lambda T: T.optim.lr_scheduler.OneCycleLR(optimizer_of(T), 1, 0),
    lambda T: T.optim.lr_scheduler.OneCycleLR(optimizer_of(T), 1, epochs=0, steps_per_epoch=1),
    lambda T: T.optim.lr_scheduler.OneCycleLR(optimizer_of(T), 1, epochs=1, steps_per_epoch=0),
    lambda T: T.optim.lr_scheduler.OneCycleLR(optimizer_of(T), 1, 10, pct_start=2.0),
    lambda T: T.optim.lr_scheduler.OneCycleLR(optimizer_of(T), 1, 10, anneal_strategy="x"),
    lambda T: [s := T.optim.lr_scheduler.OneCycleLR(optimizer_of(T), 1, 2), *(s.step() for _ in range(4))],
    lambda T: T.optim.lr_scheduler.SequentialLR(optimizer_of(T), [], []),
    lambda T: (lambda o: T.optim.lr_scheduler.SequentialLR(o, [3], []))(optimizer_of(T)),
    lambda T: (lambda o, S: S.SequentialLR(o, [S.ReduceLROnPlateau(o)], []))(optimizer_of(T), T.optim.lr_scheduler),
    lambda T: (lambda o, S: S.SequentialLR(o, [S.StepLR(o, 1)], [1]))(optimizer_of(T), T.optim.lr_scheduler),
    lambda T: (lambda o, S: S.SequentialLR(o, [S.StepLR(T.optim.Rprop(o.param_groups[0]["params"]), 1)], []))(
        optimizer_of(T), T.optim.lr_scheduler
    ),
    lambda T: T.optim.lr_scheduler.ChainedScheduler([]),
    lambda T: (lambda o, S: S.ChainedScheduler([S.ReduceLROnPlateau(o)]))(optimizer_of(T), T.optim.lr_scheduler),
    lambda T: T.optim.lr_scheduler.ChainedScheduler([3], optimizer_of(T)),
    lambda T: T.optim.lr_scheduler.LRScheduler(optimizer_of(T)),
    # warnings
    lambda T: T.optim.lr_scheduler.StepLR(optimizer_of(T), 1).step(),
    lambda T: T.optim.lr_scheduler.StepLR(optimizer_of(T), 1).get_lr(),
    lambda T: (lambda o: (s := T.optim.lr_scheduler.StepLR(o, 1), o.step(), s.step()))(optimizer_of(T)),
    lambda T: (lambda o: (s := T.optim.lr_scheduler.StepLR(o, 1), o.step(), s.step(3)))(optimizer_of(T)),
    overridden,
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(SAYINGS)))
def test_errors_and_warnings(torch: ModuleType, i: int) -> None:
    assert said(tgrad, SAYINGS[i]) == said(torch, SAYINGS[i])


def test_signatures(torch: ModuleType) -> None:
    ours, theirs = tgrad.optim.lr_scheduler, torch.optim.lr_scheduler
    assert sorted(ours.__all__) == sorted(theirs.__all__)
    for name in theirs.__all__:
        a, b = getattr(ours, name), getattr(theirs, name)
        assert a.__module__ == b.__module__.replace("torch", "tgrad")
        for method in ("__init__", "step", "state_dict", "load_state_dict", "get_lr", "get_last_lr"):
            x, y = (inspect.signature(getattr(c, method)).parameters for c in (a, b))
            assert [(p.name, p.kind, p.default) for p in x.values()] == [
                (p.name, p.kind, p.default) for p in y.values()
            ], (
                name,
                method,
            )


def test_a_group_that_joins_and_copies() -> None:
    optimizer = optimizer_of(tgrad)
    schedule = tgrad.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    schedule.step()
    twin = copy.deepcopy(optimizer)
    twin.step()
    assert not hasattr(twin, "_opt_called") and optimizer._opt_called
    assert pickle.loads(pickle.dumps(tgrad.optim.lr_scheduler.StepLR)) is tgrad.optim.lr_scheduler.StepLR
