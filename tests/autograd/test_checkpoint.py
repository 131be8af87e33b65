"""Checkpointing in both ways, held against PyTorch's."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import pytest

import tgrad

from .parity import Cases, leaf, transcript

cases = Cases()


def module(t: ModuleType) -> Any:
    return importlib.import_module(t.__name__ + ".utils.checkpoint")


def cube(x: Any) -> Any:
    return x * x * x


def gradient(t: ModuleType, **options: Any) -> Any:
    x = leaf(t)
    y = module(t).checkpoint(cube, x * 2, **options)
    (y * y).sum().backward()
    return y, x.grad


cases.add("reentrant", lambda t: gradient(t, use_reentrant=True))
cases.add("not_reentrant", lambda t: gradient(t, use_reentrant=False))
cases.add("unsaid", lambda t: gradient(t))
cases.add("keywords_reentrant", lambda t: gradient(t, use_reentrant=True, k=3))
cases.add("no_grad_inputs", lambda t: module(t).checkpoint(cube, t.ones(2), use_reentrant=True))
for way in (True, False):
    cases.add(
        f"grad_{way}",
        lambda t, w=way: t.autograd.grad(module(t).checkpoint(cube, x := leaf(t), use_reentrant=w).sum(), x),
    )
    cases.add(
        f"sequential_{way}",
        lambda t, w=way: [
            x := leaf(t),
            module(t).checkpoint_sequential([cube, cube, lambda v: v + 1], 2, x, use_reentrant=w).sum().backward(),
            x.grad,
        ],
    )
cases.add("sequential_unsaid", lambda t: module(t).checkpoint_sequential([cube, cube], 2, leaf(t)))


@cases
def keywords(t: ModuleType) -> Any:
    x = leaf(t)
    module(t).checkpoint(lambda a, *, k: a * a * k, x, use_reentrant=False, k=3).sum().backward()
    return x.grad


@cases
def several_passes(t: ModuleType) -> Any:
    runs: list[int] = []

    def counted(a):
        runs.append(1)
        return a.exp().log() * a

    x = leaf(t)
    y = module(t).checkpoint(counted, x, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad, len(runs)


@cases
def stops_early(t: ModuleType) -> Any:
    seen: list[str] = []

    def noisy(a):
        b = a * a
        seen.append("after the last saved tensor")
        return b + 1

    module(t).checkpoint(noisy, leaf(t), use_reentrant=False).sum().backward()
    return seen


@cases
def nested(t: ModuleType) -> Any:
    check = module(t).checkpoint
    x = leaf(t)
    check(lambda a: check(cube, a, use_reentrant=False) * a, x, use_reentrant=False).sum().backward()
    return x.grad


def changing(t: ModuleType, second: Any) -> Any:
    runs: list[int] = []

    def fn(a):
        runs.append(1)
        return cube(a) if len(runs) == 1 else second(a)

    module(t).checkpoint(fn, leaf(t), use_reentrant=False).sum().backward()


cases.add("second_run_saves_less", lambda t: changing(t, lambda a: a + 1))
cases.add("second_run_saves_other_shapes", lambda t: changing(t, lambda a: cube(a[:1])))
cases.add("unrecorded", lambda t: [t.set_grad_enabled(False), gradient_free(t), t.set_grad_enabled(True)][1])


def gradient_free(t: ModuleType) -> Any:
    return module(t).checkpoint(cube, leaf(t), use_reentrant=False)


@pytest.mark.parametrize(**cases.params())
def test_as_in_pytorch(case: Any, torch: ModuleType) -> None:
    assert transcript(tgrad, case) == transcript(torch, case)


@pytest.mark.parametrize("way", [True, False])
def test_random_numbers_are_drawn_again(way: bool) -> None:
    """Both runs of a dropout-like function draw the same numbers, and the generator goes on where it was."""
    tgrad.manual_seed(1)
    x = tgrad.ones(50, requires_grad=True)
    y = module(tgrad).checkpoint(lambda a: a * (tgrad.rand(50) > 0.5) * a, x, use_reentrant=way)
    after = tgrad.get_rng_state()
    y.sum().backward()
    assert x.grad.tolist() == [2 * v for v in y.tolist()]
    assert tgrad.get_rng_state().tolist() == after.tolist()
