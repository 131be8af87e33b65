"""Hooks: on tensors, leaves, nodes, several tensors at once; held against PyTorch's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import tgrad

from .parity import Cases, leaf, transcript

cases = Cases()


@cases
def order_on_leaves_and_others(t: ModuleType) -> Any:
    log: list[Any] = []
    x = leaf(t)
    y = x * 2
    z = y * 3
    x.register_hook(lambda g: log.append(("x first", g.tolist())))
    x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: log.append(("x last", g.tolist())))
    handle = y.register_hook(lambda g: log.append(("y", g.tolist())))
    y.retain_grad()
    y.register_hook(lambda g: g + 1)
    z.register_hook(lambda g: log.append(("z", g.tolist())))
    x.register_post_accumulate_grad_hook(lambda p: log.append(("after", p.grad.tolist())))
    z.sum().backward(retain_graph=True)
    handle.remove()
    handle.remove()
    z.sum().backward()
    return log, x.grad, y.grad


@cases
def on_nodes(t: ModuleType) -> Any:
    log: list[Any] = []
    x = leaf(t)
    y = x * 2
    node = y.grad_fn
    node.register_prehook(lambda gs: log.append(("before", gs)))
    node.register_hook(lambda gi, go: log.append(("after", gi, go)))
    node.register_hook(lambda gi, go: (gi[0] * 5, None))
    end = node.next_functions[0][0]
    end.register_prehook(lambda gs: (gs[0] + 1,))
    end.register_hook(lambda gi, go: log.append(("end", gi, go)))
    y.sum().backward()
    return log, x.grad, end.variable is x, end.name()


@cases
def leaf_used_several_times(t: ModuleType) -> Any:
    log: list[Any] = []
    x = leaf(t)
    x.register_hook(lambda g: log.append(g.tolist()))
    (x * x + 3 * x).sum().backward()
    return log, x.grad


@cases
def post_accumulate_steps_at_once(t: ModuleType) -> Any:
    """The hook of a leaf runs as soon as the leaf is done, not at the end of the pass."""
    log: list[str] = []
    a, b = leaf(t), leaf(t)
    mid = a * 2
    mid.register_hook(lambda g: log.append("mid"))
    b.register_post_accumulate_grad_hook(lambda p: log.append("b done"))
    a.register_post_accumulate_grad_hook(lambda p: log.append("a done"))
    (mid * b).sum().backward()
    return sorted(log[:2]), log[2]


@cases
def post_accumulate_may_free(t: ModuleType) -> Any:
    x = leaf(t)

    def step(p):
        with t.no_grad():
            p.sub_(p.grad)
        p.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * x).sum().backward()
    return x, x.grad


@cases
def in_place_after_hooks(t: ModuleType) -> Any:
    """Hooks stay with the history they were put on; retain_grad follows the tensor."""
    log: list[Any] = []
    x = leaf(t)
    y = x * 2
    y.register_hook(lambda g: log.append(("before", g.tolist())))
    y.retain_grad()
    y.mul_(3)
    y.register_hook(lambda g: log.append(("after", g.tolist())))
    y.sum().backward()
    return log, y.grad, x.grad, y.retains_grad


@cases
def several_tensors_all(t: ModuleType) -> Any:
    log: list[Any] = []
    a, b = leaf(t), leaf(t)
    c, d = a * b, a * b
    handle = t.autograd.graph.register_multi_grad_hook((a, b, c, d), lambda gs: log.append([g is not None for g in gs]))
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=(a,), retain_graph=True)
    (c + d).sum().backward(retain_graph=True)
    handle.remove()
    c.sum().backward()
    return log


@cases
def several_tensors_any(t: ModuleType) -> Any:
    log: list[Any] = []
    a, b = leaf(t), leaf(t)
    c = a * b
    handle = t.autograd.graph.register_multi_grad_hook((a, b, c), lambda g: log.append(g.tolist()), mode="any")
    c.sum().backward(retain_graph=True)
    c.sum().backward(retain_graph=True)
    handle.remove()
    c.sum().backward()
    return log


cases.add(
    "several_tensors_bad_mode", lambda t: t.autograd.graph.register_multi_grad_hook((leaf(t),), print, mode="some")
)


@cases
def retain_grad(t: ModuleType) -> Any:
    x = leaf(t)
    y = x * 2
    before = y.retains_grad
    y.retain_grad()
    y.retain_grad()
    (y * y).sum().backward()
    return before, y.retains_grad, y.grad, x.retain_grad(), x.retains_grad


@cases
def hooks_and_autograd_grad(t: ModuleType) -> Any:
    log: list[Any] = []
    x = leaf(t)
    y = x * 2
    x.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g * 100)
    y.grad_fn.register_prehook(lambda gs: (gs[0] + 1000,))
    x.register_post_accumulate_grad_hook(lambda p: log.append("never"))
    z = (y * y).sum()
    return t.autograd.grad(z, y, retain_graph=True), t.autograd.grad(z, [x, y]), log, x.grad


@cases
def recorded_hooks(t: ModuleType) -> Any:
    """With create_graph, what a hook does is differentiated as well."""
    x = leaf(t)
    y = x * 1
    y.register_hook(lambda g: g * x)
    (g,) = t.autograd.grad((y * y).sum(), x, create_graph=True)
    return g, t.autograd.grad(g.sum(), x)


@cases
def pass_inside_a_hook(t: ModuleType) -> Any:
    x, inner = leaf(t), leaf(t)
    y = x * 2

    def hook(g):
        with t.enable_grad():
            loss = (inner * inner * g).sum()
        return g + t.autograd.grad(loss, inner)[0]

    y.register_hook(hook)
    y.sum().backward()
    return x.grad, inner.grad


@cases
def multiple_outputs(t: ModuleType) -> Any:
    log: list[Any] = []
    x = leaf(t, 1.0, 2.0, 3.0)
    a, b, _ = (x * 1).unbind()
    b.register_hook(lambda g: g * 10)
    a.grad_fn.register_prehook(lambda gs: log.append(gs))
    (a + b).backward()
    return log, x.grad


def hooked(t: ModuleType, hook: Any, on: str = "leaf") -> Any:
    x = leaf(t)
    y = x * 2
    if on == "leaf":
        x.register_hook(hook)
    elif on == "tensor":
        y.register_hook(hook)
    elif on == "node":
        y.grad_fn.register_hook(hook)
    else:
        y.grad_fn.register_prehook(hook)
    y.sum().backward()
    return x.grad


def named(g: Any) -> Any:
    return g[0]


WRONG = {
    "number": ("leaf", lambda g: 3),
    "shape": ("leaf", named),
    "shape_of_non_leaf": ("tensor", lambda g: g[0]),
    "dtype": ("leaf", lambda g: g.double()),
    "too_few": ("node", lambda gi, go: (gi[0],)),
    "no_tuple": ("node", lambda gi, go: gi[0]),
    "too_many_before": ("before", lambda go: (go[0], go[0])),
    "no_tuple_before": ("before", lambda go: go[0]),
    "shape_in_tuple": ("node", lambda gi, go: (gi[0][0], None)),
}
for name, (on, hook) in WRONG.items():
    cases.add("returns_wrong_" + name, lambda t, hook=hook, on=on: hooked(t, hook, on))
cases.add(
    "post_hook_may_return",
    lambda t: [x := leaf(t), x.register_post_accumulate_grad_hook(lambda p: 3), x.sum().backward()],
)
cases.add("without_grad", lambda t: t.ones(2).register_hook(print))
cases.add("post_without_grad", lambda t: t.ones(2).register_post_accumulate_grad_hook(print))
cases.add("post_on_non_leaf", lambda t: (leaf(t) * 2).register_post_accumulate_grad_hook(print))
cases.add("retain_without_grad", lambda t: t.ones(2).retain_grad())


@cases
def handle_as_context(t: ModuleType) -> Any:
    x = leaf(t)
    with x.register_hook(lambda g: g * 10):
        x.sum().backward()
    x.sum().backward()
    return x.grad


@cases
def writing_into_the_gradient(t: ModuleType) -> Any:
    """A hook may write into what it is shown, even into the one of a scalar loss."""
    x = leaf(t, 3.0)[0]
    y = x * 1
    seen = []
    y.register_hook(lambda g: seen.append(g.mul_(2).item()))
    y.backward()
    y2 = x * 1
    y2.register_hook(lambda g: seen.append(g.item()))
    y2.backward()
    return seen


@pytest.mark.parametrize(**cases.params())
def test_as_in_pytorch(case: Any, torch: ModuleType) -> None:
    assert transcript(tgrad, case) == transcript(torch, case)
