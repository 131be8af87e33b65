"""What the tests of optimizers share: options of all of them, and runs on gradients that do not depend on the library."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "SGD": [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"momentum": 0.9, "dampening": 0.3}, {"momentum": 1, "weight_decay": 1e-2}],
    "Adam": [{}, {"amsgrad": True}, {"betas": (0.4, 0.7), "eps": 1e-3}, {"decoupled_weight_decay": True, "weight_decay": 0.1}, {"betas": (0.0, 0.0)}],
    "AdamW": [{}, {"amsgrad": True, "weight_decay": 0.3}],
    "NAdam": [{}, {"decoupled_weight_decay": True, "weight_decay": 0.1}, {"momentum_decay": 0.1, "betas": (0.3, 0.9)}],
    "RAdam": [{}, {"betas": (0.4, 0.7)}, {"decoupled_weight_decay": True, "weight_decay": 0.1}],
    "Adamax": [{}, {"betas": (0.4, 0.7)}],
    "Adagrad": [{}, {"lr_decay": 0.1, "initial_accumulator_value": 0.2}],
    "Adadelta": [{}, {"rho": 0.5, "eps": 1e-3}],
    "RMSprop": [{}, {"momentum": 0.5}, {"centered": True}, {"momentum": 0.5, "centered": True, "alpha": 0.3}],
    "Rprop": [{}, {"etas": (0.3, 1.5), "step_sizes": (0.005, 0.02)}],
    "ASGD": [{}, {"t0": 5, "lambd": 0.1, "alpha": 0.5}],
    "Adafactor": [{}, {"weight_decay": 0.1, "d": 1.5}, {"eps": (1e-3, 1e-2), "beta2_decay": -0.5}],
    "Muon": [{}, {"nesterov": False}, {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3}],
}  # fmt: skip
EXTRAS: list[dict[str, Any]] = [
    {},
    {"maximize": True},
    {"weight_decay": 0.05},
    {"lr": 0.03},
    {"lr": "tensor"},
    {"foreach": True},
    {"fused": True},
]
REAL_ONLY = ("Adafactor", "Muon")
SHAPES: list[tuple[int, ...]] = [(3, 4), (7,), (), (5, 40), (0,), (2, 1, 3)]
MATRICES: list[tuple[int, ...]] = [(3, 4), (5, 20), (20, 6)]


def combined(parameters: Any, name: str) -> list[dict[str, Any]]:
    """The options of one optimizer, each with each of the extras that it has."""
    known = inspect.signature(parameters).parameters
    return [{**o, **e} for o in OPTIONS[name] for e in EXTRAS if all(k in known for k in e)]


def parameters(T: Any, name: str, dtype: str, seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)
    shapes = (
        MATRICES if name == "Muon" else [s for s in SHAPES if name != "Adafactor" or s != (0,)]
    )  # it divides by the size
    return [T.nn.Parameter(tensor(T, rng, s, dtype)) for s in shapes]


def tensor(T: Any, rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Any:
    a = np.asarray(rng.standard_normal(shape))
    if dtype.startswith("complex"):
        a = a + 1j * rng.standard_normal(shape)
    return T.from_numpy(np.array(a)).to(getattr(T, dtype))


def made(T: Any, name: str, params: Any, options: dict[str, Any]) -> Any:
    given = {k: T.tensor(0.013) if v == "tensor" else v for k, v in options.items()}
    return getattr(T.optim, name)(params, **given)


def steps(T: Any, optimizer: Any, dtype: str, count: int, seed: int = 1) -> None:
    """Steps along gradients that are the same in every library; one parameter has none for some steps."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        for group in optimizer.param_groups:
            for i, p in enumerate(group["params"]):
                grad = tensor(T, rng, tuple(p.shape), dtype)
                p.grad = None if i == 1 and k % 5 == 3 else grad
        optimizer.step()


def values(x: Any) -> np.ndarray:
    return np.array(x.detach().tolist())


def apart(ours: Any, theirs: Any) -> float:
    """How far two tensors are from each other, relative to the largest element."""
    a, b = values(ours), values(theirs)
    assert a.shape == b.shape
    same = np.isnan(a) == np.isnan(b)
    assert np.all(same)
    differ = ~((a == b) | np.isnan(b))
    if not differ.any():
        return 0.0
    return float(np.abs(a[differ] - b[differ]).max() / np.abs(b[np.isfinite(b)]).max())
