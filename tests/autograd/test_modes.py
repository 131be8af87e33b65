"""Grad modes, saved-tensor hooks and anomaly mode, held against PyTorch's."""

from __future__ import annotations

import threading
import warnings
from types import ModuleType
from typing import Any

import pytest

import tgrad

from .parity import Cases, leaf, transcript

cases = Cases()


@cases
def decorators(t: ModuleType) -> Any:
    def state():
        return t.is_grad_enabled(), t.is_inference_mode_enabled()

    with t.no_grad():
        inner = t.enable_grad()(state)()
    made = [
        t.no_grad()(state),
        t.no_grad(state),
        t.enable_grad()(state),
        t.inference_mode()(state),
        t.inference_mode(state),
    ]
    off = t.set_grad_enabled(False)(state)
    return inner, [f() for f in made], off(), state(), made[0].__name__


@cases
def generators(t: ModuleType) -> Any:
    inside = []

    @t.no_grad()
    def gen():
        for i in range(2):
            got = yield t.is_grad_enabled(), i
            inside.append((got, t.is_grad_enabled()))
        return "end"

    it = gen()
    seen = [next(it), t.is_grad_enabled(), it.send(5)]
    try:
        next(it)
    except StopIteration as stop:
        seen.append(stop.value)
    it = gen()
    next(it)
    it.close()
    return seen, inside, t.is_grad_enabled()


@cases
def generator_with_an_error(t: ModuleType) -> Any:
    @t.no_grad()
    def gen():
        try:
            yield 1
        except KeyError:
            yield t.is_grad_enabled()

    it = gen()
    next(it)
    return it.throw(KeyError("x")), t.is_grad_enabled()


@cases
def classes(t: ModuleType) -> Any:
    class Plain:
        def __init__(self):
            self.inside = t.is_grad_enabled()

        def method(self):
            return t.is_grad_enabled()

    made = t.no_grad()(Plain)()
    return made.inside, made.method()


@cases
def threads_have_their_own(t: ModuleType) -> Any:
    seen = []
    with t.no_grad():
        thread = threading.Thread(target=lambda: seen.append(t.is_grad_enabled()))
        thread.start()
        thread.join()
        seen.append(t.is_grad_enabled())
    return seen


@cases
def switching(t: ModuleType) -> Any:
    seen = [t.set_grad_enabled(False) and None, t.is_grad_enabled()]
    t.set_grad_enabled(True)
    with t.set_grad_enabled(False):
        seen.append(t.is_grad_enabled())
    seen.append(t.is_grad_enabled())
    with t.no_grad(), t.enable_grad():
        x = leaf(t)
        y = x * 2
    return seen, y.requires_grad


@cases
def left_by_an_error(t: ModuleType) -> Any:
    try:
        with t.no_grad():
            raise KeyError
    except KeyError:
        return t.is_grad_enabled()


cases.add("mode_is_no_bool", lambda t: t.set_grad_enabled("x"))


# ---- hooks on saved tensors


@cases
def packing_and_unpacking(t: ModuleType) -> Any:
    log: list[Any] = []

    def pack(v):
        log.append(("pack", v.tolist(), v.requires_grad, v.grad_fn is None, t.is_grad_enabled()))
        return v * 1

    def unpack(v):
        log.append(("unpack", v.tolist()))
        return v

    x = leaf(t, 1.0, 4.0)
    with t.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = x * x
        z = y.sqrt()
        w = z * 2
    w.sum().backward(retain_graph=True)
    return log, x.grad, z.grad_fn._saved_result.grad_fn is z.grad_fn


@cases
def innermost_hooks_count(t: ModuleType) -> Any:
    hooks = t.autograd.graph.saved_tensors_hooks
    x = leaf(t)
    with hooks(lambda v: v.detach().numpy(), t.from_numpy):
        with hooks(lambda v: (v.detach() * 2,), lambda v: v[0]):
            y = x * x
        z = y * y
    z.sum().backward()
    return x.grad


@cases
def unpacked_to_a_number(t: ModuleType) -> Any:
    x = leaf(t)
    with t.autograd.graph.saved_tensors_hooks(lambda v: v, lambda v: 3):
        y = x * x
    y.sum().backward()


@cases
def packing_in_place(t: ModuleType) -> Any:
    x = leaf(t) * 1
    with t.autograd.graph.saved_tensors_hooks(lambda v: v.mul_(2), lambda v: v):
        return x * x


@cases
def disabled(t: ModuleType) -> Any:
    hooks = t.autograd.graph
    with hooks.disable_saved_tensors_hooks("not here"):
        x = leaf(t)
        (x * x).sum().backward()
        with hooks.saved_tensors_hooks(lambda v: v, lambda v: v):
            return x.grad


@cases
def disabled_too_late(t: ModuleType) -> Any:
    hooks = t.autograd.graph
    with hooks.saved_tensors_hooks(lambda v: v, lambda v: v), hooks.disable_saved_tensors_hooks("not here"):
        return leaf(t) * 2


@cases
def save_on_cpu(t: ModuleType) -> Any:
    x = leaf(t)
    with t.autograd.graph.save_on_cpu():
        y = x * x.exp()
    y.sum().backward()
    return x.grad


@cases
def hooks_on_one_saved_tensor(t: ModuleType) -> Any:
    x = leaf(t)
    y = x * x
    saved = y.grad_fn._raw_saved_self
    saved.register_hooks(lambda v: v * 2, lambda v: v * 1)
    y.sum().backward()
    return x.grad


def hooked(t: ModuleType, pack: Any, twice: bool = False) -> Any:
    y = leaf(t) * leaf(t)
    y.grad_fn._raw_saved_self.register_hooks(pack, lambda v: v)
    if twice:
        y.grad_fn._raw_saved_self.register_hooks(pack, lambda v: v)


cases.add("hooked_twice", lambda t: hooked(t, lambda v: v, True))
cases.add("hooked_and_written", lambda t: hooked(t, lambda v: v.mul_(2)))


@cases
def hooked_after_free(t: ModuleType) -> Any:
    y = leaf(t).exp()
    y.sum().backward()
    y.grad_fn._raw_saved_result.register_hooks(lambda v: v, lambda v: v)


@cases
def hooks_in_a_custom_function(t: ModuleType) -> Any:
    class Twice(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 2
            ctx.save_for_backward(x, y, None)
            return y

        @staticmethod
        def backward(ctx, g):
            x, y, _ = ctx.saved_tensors
            return g * x + 0 * y

    log: list[Any] = []
    x = leaf(t)
    with t.autograd.graph.saved_tensors_hooks(lambda v: (log.append(v.tolist()), v * 1)[1], lambda v: v):
        y = Twice.apply(x)
    raw = [type(s).__name__ for s in y.grad_fn._raw_saved_tensors]
    y.sum().backward()
    return raw, log, x.grad


# ---- anomaly mode


def failing(t: ModuleType) -> Any:
    class Fails(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise ValueError("mine")

    return Fails


@cases
def nan_found(t: ModuleType) -> Any:
    with t.autograd.detect_anomaly():
        leaf(t, -1.0, 1.0).sqrt().sum().backward()


@cases
def nan_without_trace(t: ModuleType) -> Any:
    y = leaf(t, -1.0, 1.0).sqrt()
    with t.autograd.detect_anomaly():
        y.sum().backward()


@cases
def nan_not_looked_for(t: ModuleType) -> Any:
    x = leaf(t, -1.0, 1.0)
    with t.autograd.detect_anomaly(check_nan=False):
        x.sqrt().sum().backward()
        return x.grad, t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()


@cases
def other_errors(t: ModuleType) -> Any:
    with t.autograd.set_detect_anomaly(True):
        failing(t).apply(leaf(t)).sum().backward()


@cases
def modified_in_anomaly_mode(t: ModuleType) -> Any:
    with t.autograd.set_detect_anomaly(True):
        y = leaf(t).exp()
        y.add_(1)
        y.sum().backward()


@cases
def anomaly_switches(t: ModuleType) -> Any:
    seen = [t.is_anomaly_enabled()]
    t.autograd.set_detect_anomaly(True)
    seen.append(t.is_anomaly_enabled())
    t.autograd.set_detect_anomaly(False)
    with t.autograd.set_detect_anomaly(True, False):
        seen += [t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()]
    return seen, t.is_anomaly_enabled(), t.is_anomaly_check_nan_enabled()


@cases
def infinities_are_no_anomaly(t: ModuleType) -> Any:
    with t.autograd.set_detect_anomaly(True):
        x = leaf(t, 0.0, 1.0)
        x.sqrt().sum().backward()
        return x.grad


@pytest.mark.parametrize(**cases.params())
def test_as_in_pytorch(case: Any, torch: ModuleType) -> None:
    assert transcript(tgrad, case) == transcript(torch, case)


@pytest.mark.parametrize("op", [lambda x: x.sqrt(), lambda x: failing(tgrad).apply(x)], ids=["row", "custom"])
def test_trace_ends_in_the_users_line(op: Any) -> None:
    with tgrad.autograd.set_detect_anomaly(True), warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        y = op(leaf(tgrad, -1.0))  # this line
        with pytest.raises((RuntimeError, ValueError)):
            y.backward()
    last = str(seen[-1].message).rstrip().splitlines()
    assert "test_modes.py" in last[-2]
    assert isinstance(y.grad_fn.metadata["traceback_"], list)


def test_reentering_a_mode() -> None:
    """PyTorch forgets what was before when one no_grad object is entered twice; here each exit undoes its own entry."""
    off = tgrad.no_grad()
    with off, off:
        pass
    assert tgrad.is_grad_enabled()
