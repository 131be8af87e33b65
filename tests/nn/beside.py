"""The same call in tgrad and in PyTorch, compared in all that can be seen of it."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

import tgrad


def part(T: Any, name: str) -> Any:
    return importlib.import_module(f"{T.__name__}.{name}")


def chain(node: Any) -> list[Any]:
    """The names of a graph, as nested lists."""
    if node is None:
        return []
    return [node.name(), *[chain(n) for n, _ in node.next_functions if n is not None]]


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives, or how it fails, with the warnings on the way."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            result = call()
        except Exception as error:
            text = str(error).partition("\n")[0]
            result = (type(error).__name__, text)
    said = [str(w.message) for w in seen if "nested tensors is in prototype" not in str(w.message)]
    return result, [s.partition(" (Triggered")[0] for s in said]


def facts(t: Any) -> Any:
    if not hasattr(t, "stride"):
        return tuple(facts(x) for x in t) if isinstance(t, (tuple, list)) else t
    # numpy has no strides of its own for arrays without elements
    return tuple(t.shape), t.stride() if t.numel() else (), str(t.dtype), chain(t.grad_fn)


def values(t: Any) -> list[np.ndarray]:
    if isinstance(t, (tuple, list)):
        return [a for x in t for a in values(x)]
    return [t.detach().double().numpy()] if hasattr(t, "stride") else []


def alike(torch: ModuleType, make: Callable[[Any], Any], near: float = 1e-12, graphs: bool = True) -> None:
    """The same from both libraries: shapes, strides, dtypes, graphs, values, gradients of all leaves, texts."""
    both = []
    for T in (tgrad, torch):
        T.manual_seed(5)
        leaves: list[Any] = []

        def leaf(*shape: int, dtype: str = "float64", grad: bool = True, T: Any = T, leaves: Any = leaves) -> Any:
            t = T.randn(*shape, dtype=getattr(T, dtype), requires_grad=grad)
            leaves.extend([t] if grad else [])
            return t

        T.leaf = leaf
        try:
            result, said = outcome(lambda T=T: make(T))
        finally:
            del T.leaf
        grads = []
        first = result[0] if isinstance(result, tuple) else result
        if hasattr(first, "grad_fn") and first.grad_fn is not None and leaves:
            up = T.arange(first.numel(), dtype=first.dtype).reshape(first.shape).cos()
            grads = T.autograd.grad(first, leaves, up, allow_unused=True)
        described = facts(result) if graphs else [x[:3] if isinstance(x, tuple) else x for x in [facts(result)]]
        both.append((described, said, values(result), [None if g is None else values(g)[0] for g in grads]))
    (a, said_a, values_a, grads_a), (b, said_b, values_b, grads_b) = both
    assert a == b
    assert said_a == said_b
    for x, y in zip(values_a + grads_a, values_b + grads_b, strict=True):
        assert (x is None) == (y is None)
        if x is not None:
            np.testing.assert_allclose(x, y, rtol=near, atol=near)


class Leaves:
    """A library with `leaf`."""

    def __init__(self, T: Any) -> None:
        self.T = T

    def __getattr__(self, name: str) -> Any:
        return getattr(self.T, name)

    def leaf(self, *shape: int, dtype: str = "float64", grad: bool = True) -> Any:
        return self.T.randn(*shape, dtype=getattr(self.T, dtype), requires_grad=grad)
