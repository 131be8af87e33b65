"""Broadcasting and chains of views on random shapes, beside PyTorch: values, strides, gradients to second order, errors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tgrad

from .mirror import torch

OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]


def outcome(run: Any) -> Any:
    """What a program gives: its results as plain data, or the error's type and first line."""
    try:
        return run()
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        return type(error).__name__, str(error).partition("\n")[0]


def look(t: Any) -> Any:
    steps = tuple(s for s, n in zip(t.stride(), t.shape) if n > 1) if t.numel() else ()
    name = t.grad_fn.name() if t.grad_fn is not None else None
    return tuple(t.shape), steps, t.requires_grad, name, np.asarray(t.detach().tolist())


def same(a: Any, b: Any) -> None:
    if isinstance(a, tuple) and a and isinstance(a[0], str):
        assert a == b
        return
    for x, y in zip(a, b, strict=True):
        assert x[:-1] == y[:-1]
        np.testing.assert_allclose(x[-1], y[-1], rtol=1e-12, atol=1e-12)


@st.composite
def broadcast(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Two shapes, nearly always broadcastable, and an order in memory for each."""
    full = draw(st.lists(st.sampled_from([0, 1, 2, 3]), max_size=4))

    def part() -> tuple[int, ...]:
        shape = [draw(st.sampled_from([n, n, 1])) for n in full[draw(st.integers(0, len(full))) :]]
        if shape and draw(st.integers(0, 9)) == 0:
            shape[0] += 2  # does not go
        return tuple(shape)

    a, b = part(), part()
    return a, b, tuple(draw(st.permutations(range(len(a))))), tuple(draw(st.permutations(range(len(b)))))


def leaf(lib: Any, shape: tuple[int, ...], order: tuple[int, ...], start: float) -> Any:
    """A leaf of a shape whose dimensions lie in memory in the given order."""
    dense = [shape[d] for d in order]
    count = int(np.prod(dense))
    back = [order.index(d) for d in range(len(order))]
    flat = lib.arange(count, dtype=lib.float64) / 7 + start
    return flat.view(dense).permute(back).requires_grad_()


@settings(max_examples=300, deadline=None)
@given(broadcast(), st.sampled_from(OPERATORS))
def test_broadcasting(case: Any, op: Any) -> None:
    a, b, order_a, order_b = case

    def run(lib: Any) -> Any:
        x, y = leaf(lib, a, order_a, 0.5), leaf(lib, b, order_b, 1.5)
        z = op(x, y)
        first = lib.autograd.grad((z * z).sum(), (x, y), create_graph=True)
        second = lib.autograd.grad(first[0].sum() + first[1].sum(), (x, y))
        return [look(z), *[(tuple(g.shape), np.asarray(g.detach().tolist())) for g in (*first, *second)]]

    same(outcome(lambda: run(tgrad)), outcome(lambda: run(torch)))


@settings(max_examples=200, deadline=None)
@given(broadcast())
def test_broadcasting_in_place(case: Any) -> None:
    a, b, order_a, order_b = case

    def run(lib: Any) -> Any:
        x, y = leaf(lib, a, order_a, 0.5), leaf(lib, b, order_b, 1.5)
        z = x * 1
        z += y
        z[...] *= 2
        grads = lib.autograd.grad((z * z).sum(), (x, y))
        return [look(z), *[(tuple(g.shape), np.asarray(g.tolist())) for g in grads]]

    same(outcome(lambda: run(tgrad)), outcome(lambda: run(torch)))


dim = st.integers(-5, 4)
STEPS = st.one_of(
    st.tuples(st.just("transpose"), dim, dim),
    st.tuples(st.just("unsqueeze"), dim),
    st.tuples(st.just("squeeze"), dim),
    st.tuples(st.just("select"), dim, st.integers(-3, 2)),
    st.tuples(st.just("narrow"), dim, st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("flatten"), dim, dim),
    st.tuples(st.just("view"), st.just(-1)),
    st.tuples(st.just("reshape"), st.sampled_from([(-1,), (2, -1), (1, -1, 1), (3, -1)])),
    st.tuples(st.just("expand"), st.sampled_from([(3,), (2, 3), (4, 1, 3)])),
    st.tuples(st.just("diagonal"), st.integers(-2, 2), dim, dim),
    st.tuples(st.just("unfold"), dim, st.integers(0, 3), st.integers(0, 2)),
    st.tuples(st.just("movedim"), dim, dim),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=4), st.lists(STEPS, min_size=1, max_size=4))
def test_chains_of_views(shape: list[int], steps: list[Any]) -> None:
    def run(lib: Any) -> Any:
        x = (lib.arange(int(np.prod(shape)), dtype=lib.float64) / 3).view(shape).requires_grad_()
        y = x * 1
        seen = []
        for name, *args in steps:
            y = getattr(y, name)(*args)
            seen.append(look(y))
        (g,) = lib.autograd.grad((y * y).sum(), x, create_graph=True)
        (h,) = lib.autograd.grad((g * g).sum(), x)
        return [*seen, look(g.detach()), look(h)]

    same(outcome(lambda: run(tgrad)), outcome(lambda: run(torch)))
