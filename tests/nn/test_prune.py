"""Pruning next to PyTorch's: every function and class, what it leaves in the module, and its errors."""

from __future__ import annotations

import copy
import importlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from twins import array, outcome


def P(T: Any) -> Any:
    return importlib.import_module(f"{T.__name__}.nn.utils.prune")


def conv(T: Any) -> Any:
    module = T.nn.Conv2d(3, 4, 2).double()
    with T.no_grad():
        for p in module.parameters():
            p.copy_(T.tensor(np.random.default_rng(p.dim()).standard_normal(tuple(p.shape)).tolist()))
    return module


def scores(T: Any, *shape: int) -> Any:
    return T.tensor(np.random.default_rng(9).standard_normal(shape).tolist(), dtype=T.float64)


def shown(module: Any) -> Any:
    state = {k: array(v).round(9).tolist() for k, v in module.state_dict().items()}
    hooks = [type(h).__name__ for h in module._forward_pre_hooks.values()]
    return repr(module), repr(state), hooks, array(module.weight).tolist(), type(module.weight).__name__


def step(T: Any, act: Callable[[Any], Any], then: Callable[[Any], Any] = shown) -> Any:
    """The module after an action, from the same seed in both libraries."""
    T.manual_seed(11)
    module = conv(T)
    act(module)
    return then(module)


def twice(T: Any, first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Any:
    def act(m: Any) -> None:
        first(m)
        second(m)

    return step(T, act)


def custom(T: Any, kind: str) -> Any:
    class Half(P(T).BasePruningMethod):
        PRUNING_TYPE = kind

        def compute_mask(self, t: Any, default_mask: Any) -> Any:
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    return Half


def over_both(T: Any, **kwargs: Any) -> Any:
    T.manual_seed(11)
    a, b = conv(T), T.nn.Linear(2, 3).double()
    with T.no_grad():
        b.weight.copy_(scores(T, 3, 2))
    P(T).global_unstructured([(a, "weight"), (b, "weight"), (a, "bias")], **kwargs)
    return shown(a), shown(b)


CASES: list[Callable[[Any], Any]] = [
    lambda T: step(T, lambda m: P(T).identity(m, "weight")),
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "weight", 5)),
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "weight", 0.3)),
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "weight", 0.3, scores(T, 4, 3, 2, 2))),
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "weight", 0.3, scores(T, 4))),
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "weight", 0)),
    lambda T: step(T, lambda m: P(T).random_unstructured(m, "weight", 0.4)),
    lambda T: step(T, lambda m: P(T).random_structured(m, "weight", 2, 0)),
    lambda T: step(T, lambda m: P(T).random_structured(m, "weight", 0.5, -1)),
    lambda T: step(T, lambda m: P(T).random_structured(m, "weight", 0, 1)),
    lambda T: step(T, lambda m: P(T).ln_structured(m, "weight", 2, 2, 0)),
    lambda T: step(T, lambda m: P(T).ln_structured(m, "weight", 0.4, 1, 1)),
    lambda T: step(T, lambda m: P(T).ln_structured(m, "weight", 1, float("inf"), -1)),
    lambda T: step(T, lambda m: P(T).ln_structured(m, "weight", 1, -float("inf"), 0, scores(T, 4, 3, 2, 2))),
    lambda T: step(T, lambda m: P(T).ln_structured(m, "weight", 2, "fro", 0)),
    lambda T: step(T, lambda m: P(T).custom_from_mask(m, "weight", scores(T, 4, 3, 2, 2) > 0)),
    lambda T: step(T, lambda m: P(T).custom_from_mask(m, "weight", T.ones(3))),
    lambda T: step(T, lambda m: P(T).custom_from_mask(m, "nothing", T.ones(3))),
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "bias", 9)),
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "bias", -1)),
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "bias", 1.5)),
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "bias", "x")),
    lambda T: step(T, lambda m: P(T).ln_structured(m, "bias", 1, 2, 0)),
    lambda T: step(T, lambda m: P(T).random_structured(m, "weight", 1, 4)),
    lambda T: step(T, lambda m: P(T).random_structured(m, "weight", 9, 0)),
    lambda T: twice(T, lambda m: P(T).l1_unstructured(m, "weight", 7), lambda m: P(T).l1_unstructured(m, "weight", 0.5)),
    lambda T: twice(T, lambda m: P(T).ln_structured(m, "weight", 1, 2, 0), lambda m: P(T).ln_structured(m, "weight", 1, 2, 1)),
    lambda T: twice(T, lambda m: P(T).random_structured(m, "weight", 1, 0), lambda m: P(T).random_unstructured(m, "weight", 0.5)),
    lambda T: twice(T, lambda m: P(T).identity(m, "weight"), lambda m: P(T).custom_from_mask(m, "weight", scores(T, 4, 3, 2, 2) > 0)),
    lambda T: twice(T, lambda m: P(T).l1_unstructured(m, "weight", 7), lambda m: custom(T, "structured").apply(m, "weight")),
    lambda T: twice(T, lambda m: P(T).l1_unstructured(m, "weight", 7), lambda m: custom(T, "global").apply(m, "weight")),
    lambda T: twice(T, lambda m: P(T).l1_unstructured(m, "weight", 7), lambda m: custom(T, "unstructured").apply(m, "weight")),
    lambda T: twice(T, lambda m: P(T).l1_unstructured(m, "weight", 7), lambda m: custom(T, "other").apply(m, "weight")),
    lambda T: twice(T, lambda m: P(T).l1_unstructured(m, "weight", 7), lambda m: P(T).remove(m, "weight")),
    lambda T: step(T, lambda m: P(T).remove(m, "weight")),
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "weight", 3), lambda m: (P(T).is_pruned(m), P(T).is_pruned(T.nn.Sequential(m)))),
    lambda T: P(T).is_pruned(conv(T)),
    lambda T: over_both(T, pruning_method=P(T).L1Unstructured, amount=0.4),
    lambda T: over_both(T, pruning_method=P(T).RandomUnstructured, amount=7),
    lambda T: over_both(T, pruning_method=P(T).LnStructured, amount=7, n=2),
    lambda T: P(T).global_unstructured(3, P(T).L1Unstructured, amount=1),
    lambda T: P(T).global_unstructured([], P(T).L1Unstructured, importance_scores=3, amount=1),
    lambda T: P(T).BasePruningMethod(),
    lambda T: P(T).PruningContainer().add_pruning_method(3),
    lambda T: [array(P(T).L1Unstructured(3).prune(scores(T, 2, 4))).tolist()],
    lambda T: [array(P(T).L1Unstructured(3).prune(scores(T, 2, 4), importance_scores=T.ones(3))).tolist()],
    lambda T: [array(P(T).LnStructured(1, 2, 0).prune(scores(T, 3, 4), default_mask=T.ones(3, 4))).tolist()],
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "weight", 3), lambda m: shown(copy.deepcopy(m))),
    lambda T: step(T, lambda m: P(T).l1_unstructured(m, "weight", 3), lambda m: shown(pickle.loads(pickle.dumps(m)))),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(CASES)))
def test_case(torch: ModuleType, i: int) -> None:
    assert outcome(lambda: CASES[i](tgrad)) == outcome(lambda: CASES[i](torch))


def test_methods_of_one_parameter(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        module = conv(T)
        P(T).l1_unstructured(module, "weight", 2)
        P(T).random_unstructured(module, "weight", 2)
        (container,) = module._forward_pre_hooks.values()
        assert isinstance(container, P(T).PruningContainer) and len(container) == 2
        assert [type(m).__name__ for m in container] == ["L1Unstructured", "RandomUnstructured"]
        assert type(container[0]).__name__ == "L1Unstructured"
        other = P(T).L1Unstructured(1)
        other._tensor_name = "bias"
        with pytest.raises(ValueError, match="Can only add pruning methods acting on the parameter named 'weight'"):
            container.add_pruning_method(other)


def test_gradients_reach_what_is_left(torch: ModuleType) -> None:
    grads = []
    for T in (tgrad, torch):
        T.manual_seed(2)
        module = conv(T)
        P(T).random_unstructured(module, "weight", 0.5)
        module(scores(T, 1, 3, 4, 4)).sin().sum().backward()
        grads.append(array(module.weight_orig.grad))
        assert not grads[-1][array(module.weight_mask) == 0].any()
    np.testing.assert_allclose(*grads, rtol=1e-10)
