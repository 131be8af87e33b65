"""What is freed, when, and that depth does not matter."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import tgrad

from .parity import leaf


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The cycle collector is off: what is freed inside was not part of a cycle."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Keeps(tgrad.autograd.Function):
    """Saves its input and its output."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x * 2
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 2


OPS = {
    "exp": lambda x: x.exp(),
    "tanh": lambda x: x.tanh(),
    "sqrt": lambda x: x.sqrt(),
    "in place": lambda x: (x * 1).exp_(),
    "view written": lambda x: (y := x * 1, y[0].mul_(2))[0],
    "custom": Keeps.apply,
    "softmax": lambda x: x.softmax(0),
}


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_results_are_in_no_cycle(op: Any, no_collector: None) -> None:
    y = op(leaf(tgrad))
    seen = [weakref.ref(y), weakref.ref(y.grad_fn)]
    del y
    assert [r() for r in seen] == [None, None]


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
@pytest.mark.parametrize("with_inputs", [False, True])
def test_nothing_is_left_after_a_pass(op: Any, with_inputs: bool, no_collector: None) -> None:
    x = leaf(tgrad)
    y = op(x)
    loss = y.sum()
    seen = [weakref.ref(y), weakref.ref(y.grad_fn), weakref.ref(loss.grad_fn)]
    loss.backward(inputs=[x] if with_inputs else None)
    del y, loss
    assert [r() for r in seen] == [None, None, None]


def test_buffers_are_freed_as_the_pass_goes() -> None:
    x = leaf(tgrad)
    mid = x * 2
    late = (mid * mid) * 1
    ref = weakref.ref(mid)
    alive: list[bool] = []
    x.register_hook(lambda g: alive.append(ref() is not None))
    (late * late).sum().backward()
    del mid
    # `mid` was only kept by this frame: the node that had saved it let go before the leaf was reached.
    assert ref() is None
    assert alive == [True]


def test_intermediates_live_only_in_the_graph() -> None:
    x = leaf(tgrad)
    mid = x * 2
    ref = weakref.ref(mid)
    y = mid * mid
    del mid
    assert ref() is not None
    y.sum().backward()
    assert ref() is None


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_deep_graph(create_graph: bool) -> None:
    """Forward, backward and the freeing of a long chain: nothing recurses."""
    n = 20_000 if create_graph else 200_000
    x = tgrad.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(n):
        y = y + 1
    (g,) = tgrad.autograd.grad(y, x, create_graph=create_graph)
    assert g.item() == 1
    del y, g
    gc.collect()


def test_a_deep_chain_of_in_place_ops() -> None:
    x = tgrad.ones(2, requires_grad=True)
    y = x * 1
    for _ in range(20_000):
        y.mul_(1)
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]


def test_passes_in_several_threads() -> None:
    """Each thread has its own graph and mode; gradients into a shared leaf all arrive."""
    shared = tgrad.ones(100, requires_grad=True)
    failures: list[BaseException] = []

    def work(k: int) -> None:
        try:
            for _ in range(50):
                own = tgrad.full((100,), float(k), requires_grad=True)
                (own * own).sum().backward()
                assert own.grad.tolist() == [2.0 * k] * 100
                with tgrad.no_grad():
                    assert not (own * 2).requires_grad
                assert tgrad.is_grad_enabled()
                assert tgrad.autograd.grad((shared * own).sum(), shared)[0].tolist() == [float(k)] * 100
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
