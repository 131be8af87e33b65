"""Custom functions, held against PyTorch's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import tgrad

from .parity import Cases, leaf, transcript

cases = Cases()


def double(t: ModuleType, **methods: Any) -> Any:
    """A Function called Double; `methods` take the place of its own."""
    body = {"forward": lambda ctx, x: x * 2, "backward": lambda ctx, g: g * 2, **methods}
    return type("Double", (t.autograd.Function,), {k: staticmethod(v) for k, v in body.items()})


def scaled(t: ModuleType, returned: Any) -> Any:
    """x * k whose backward returns what `returned(grad)` gives; the gradient of x afterwards."""
    x = leaf(t)
    fn = double(t, forward=lambda ctx, x, k: x * k, backward=lambda ctx, g: returned(g))
    fn.apply(x, 2.0).sum().backward()
    return x.grad


RETURNS = {
    "too_few": lambda t, g: (),
    "one_of_two": lambda t, g: g,
    "extra_none": lambda t, g: (g, None, None),
    "extra_gradient": lambda t, g: (g, None, g),
    "gradient_of_a_number": lambda t, g: (g, g),
    "no_tensor": lambda t, g: (1.0, None),
    "wrong_shape": lambda t, g: (t.ones(3), None),
    "larger_shape": lambda t, g: (t.ones(3, 2), None),
    "smaller_shape": lambda t, g: (t.ones(1), None),
    "integers": lambda t, g: (t.ones(2, dtype=t.int64), None),
    "doubles": lambda t, g: (t.ones(2, dtype=t.float64), None),
    "complex": lambda t, g: (t.ones(2, dtype=t.complex64), None),
    "list": lambda t, g: [g, None],
    "nothing": lambda t, g: (None, None),
}
for name, returned in RETURNS.items():
    cases.add("returns_" + name, lambda t, r=returned: scaled(t, lambda g: r(t, g)))


@cases
def what_users_see(t: ModuleType) -> Any:
    y = double(t).apply(leaf(t))
    node = y.grad_fn
    return y, node, node.name(), [n.name() for n, _ in node.next_functions], node.needs_input_grad, node.metadata


@cases
def keyword_arguments(t: ModuleType) -> Any:
    return double(t, forward=lambda ctx, x, k: x * k).apply(leaf(t), k=3.0)


cases.add("instance", lambda t: double(t)() and None)
cases.add("legacy_call", lambda t: double(t)()(leaf(t)))
cases.add("no_forward", lambda t: type("F", (t.autograd.Function,), {}).apply(leaf(t)))
cases.add(
    "no_backward",
    lambda t: (
        type("F", (t.autograd.Function,), {"forward": staticmethod(lambda c, x: x * 2)}).apply(leaf(t)).sum().backward()
    ),
)
cases.add("backward_and_vjp", lambda t: double(t, vjp=lambda ctx, g: g).apply(leaf(t)).sum().backward())


@cases
def vjp_instead_of_backward(t: ModuleType) -> Any:
    x = leaf(t)
    methods = {"forward": staticmethod(lambda c, x: x * 2), "vjp": staticmethod(lambda c, g: g * 7)}
    type("F", (t.autograd.Function,), methods).apply(x).sum().backward()
    return x.grad


def saving(t: ModuleType, *seen: Any) -> Any:
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * x
            ctx.save_for_backward(x, y, None)
            return y

        @staticmethod
        def backward(ctx, g):
            x, y, nothing = ctx.saved_tensors
            assert nothing is None
            return 2 * x * g + 0 * y

    return Square


@cases
def saved_tensors(t: ModuleType) -> Any:
    x = leaf(t)
    y = saving(t).apply(x)
    kept = y.grad_fn.saved_tensors
    y.sum().backward()
    return kept, kept[0] is x, kept[1].grad_fn is y.grad_fn, x.grad


@cases
def saved_is_freed(t: ModuleType) -> Any:
    y = saving(t).apply(leaf(t)).sum()
    y.backward()
    y.backward()


@cases
def saved_kept_for_a_second_pass(t: ModuleType) -> Any:
    x = leaf(t)
    y = saving(t).apply(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


@cases
def saved_input_modified(t: ModuleType) -> Any:
    z = leaf(t) * 2
    y = saving(t).apply(z)
    z.add_(1)
    y.sum().backward()


@cases
def saved_output_modified(t: ModuleType) -> Any:
    y = saving(t).apply(leaf(t))
    y.add_(1)
    y.sum().backward()


@cases
def second_derivative(t: ModuleType) -> Any:
    x = leaf(t)
    (first,) = t.autograd.grad(saving(t).apply(x).pow(2).sum(), x, create_graph=True)
    return first, t.autograd.grad(first.sum(), x)


cases.add(
    "saves_a_number", lambda t: double(t, forward=lambda c, x: (c.save_for_backward(x, 1), x * 2)[1]).apply(leaf(t))
)


@cases
def in_forward(t: ModuleType) -> Any:
    seen = []

    def forward(ctx, x):
        ctx.save_for_backward(x)
        seen.append((ctx.saved_tensors, ctx.to_save, ctx.needs_input_grad, t.is_grad_enabled(), x.requires_grad))
        return x * 2

    fn = double(t, forward=forward)
    fn.apply(leaf(t))
    with t.no_grad():
        y = fn.apply(leaf(t))
    fn.apply(t.ones(2))
    return seen, y


@cases
def setup_context(t: ModuleType) -> Any:
    seen = []

    class Scale(t.autograd.Function):
        @staticmethod
        def forward(x, k=3):
            return x * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            seen.append((inputs, output, t.is_grad_enabled()))
            ctx.k = inputs[1]
            ctx.save_for_backward(output)

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.saved_tensors)
            return g * ctx.k, None

    x = leaf(t)
    Scale.apply(x).sum().backward()
    Scale.apply(x, k=5).sum().backward()
    return seen, x.grad


@cases
def outputs_of_all_kinds(t: ModuleType) -> Any:
    seen = []

    def forward(ctx, x):
        plain = x * 3
        ctx.mark_non_differentiable(plain)
        return x * 2, plain, t.tensor([1, 2]), "text", None

    x = leaf(t)
    outs = double(t, forward=forward, backward=lambda ctx, *gs: (seen.append(gs), gs[0])[1]).apply(x)
    outs[0].sum().backward()
    return outs, seen, x.grad


@cases
def unmaterialized(t: ModuleType) -> Any:
    seen = []

    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    double(t, forward=forward, backward=lambda ctx, *gs: (seen.append(gs), gs[1])[1]).apply(leaf(t))[1].sum().backward()
    return seen


# ---- in place


def doubling_in_place(t: ModuleType, result: Any = lambda x: x) -> Any:
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return result(x.mul_(2))

    return double(t, forward=forward)


@cases
def dirty(t: ModuleType) -> Any:
    x = leaf(t)
    y = x * 1
    z = doubling_in_place(t).apply(y)
    same, name, version = z is y, y.grad_fn.name(), y._version
    (y * y).sum().backward()
    return same, name, version, x.grad


@cases
def dirty_view(t: ModuleType) -> Any:
    x = leaf(t)
    base = x * 1
    view = base[:1]
    same = doubling_in_place(t).apply(view) is view
    names = base.grad_fn.name(), view.grad_fn.name()
    (base * t.tensor([3.0, 5.0])).sum().backward()
    return same, names, x.grad


cases.add("dirty_leaf", lambda t: doubling_in_place(t).apply(leaf(t)))
cases.add("dirty_view_of_leaf", lambda t: doubling_in_place(t).apply(leaf(t)[:1]))
cases.add("dirty_without_grad", lambda t: doubling_in_place(t).apply(t.ones(2)))
cases.add("dirty_but_not_returned", lambda t: doubling_in_place(t, lambda x: x.clone()).apply(leaf(t) * 1))
cases.add("dirty_view_and_another", lambda t: doubling_in_place(t, lambda x: (x, x * 2)).apply((leaf(t) * 1)[:1]))
cases.add(
    "dirty_but_no_input", lambda t: double(t, forward=lambda c, x: (y := x * 2, c.mark_dirty(y))[0]).apply(leaf(t))
)


# ---- inputs and views of them as outputs


def identity(t: ModuleType) -> Any:
    return double(t, forward=lambda ctx, x: x, backward=lambda ctx, g: g * 10)


@cases
def input_as_output(t: ModuleType) -> Any:
    x = leaf(t)
    y = identity(t).apply(x)
    y.sum().backward()
    return y is x, y._base is x, y._is_view(), y.grad_fn.name(), y.data_ptr() == x.data_ptr(), x.grad


@cases
def input_as_output_without_grad(t: ModuleType) -> Any:
    p, x = t.ones(2), leaf(t)
    a = identity(t).apply(p)
    with t.no_grad():
        b = identity(t).apply(x)
    return a is p, a._base is p, a.requires_grad, b is x, b._base is x, b.requires_grad, b.grad_fn


def written(t: ModuleType, forward: Any, which: Any) -> Any:
    c = leaf(t) * 1
    out = double(t, forward=forward, backward=lambda ctx, *gs: None).apply(c)
    which(c, out).add_(1)
    return (out[0] if isinstance(out, tuple) else out).grad_fn


cases.add("write_into_identity", lambda t: written(t, lambda c, x: x, lambda c, y: y))
cases.add("write_into_base_of_identity", lambda t: written(t, lambda c, x: x, lambda c, y: c))
cases.add("write_into_view", lambda t: written(t, lambda c, x: x[:1], lambda c, y: y))
cases.add("write_into_one_of_two_views", lambda t: written(t, lambda c, x: (x[:1], x[1:]), lambda c, y: y[1]))


@cases
def views_of_inputs(t: ModuleType) -> Any:
    x = leaf(t)
    c = x * 1
    a, b = double(t, forward=lambda ctx, x: (x[:1], x[1:]), backward=lambda ctx, g, h: t.cat([g, h * 5])).apply(c)
    (a + b).sum().backward()
    return a._base is c, a.grad_fn.name(), a.output_nr, b.output_nr, x.grad


# ---- the rest


@cases
def once_differentiable(t: ModuleType) -> Any:
    fn = double(t, backward=t.autograd.function.once_differentiable(lambda ctx, g: g * 2))
    x = leaf(t)
    z = x * 3
    (g,) = t.autograd.grad(fn.apply(z).pow(2).sum(), x, create_graph=True)
    names = g.grad_fn.name(), g.grad_fn.next_functions[0][0].name()
    plain = t.autograd.grad(fn.apply(x).sum(), x)
    try:
        g.sum().backward()
    except RuntimeError as error:
        return names, plain, str(error)


@cases
def recomputing_in_backward(t: ModuleType) -> Any:
    """A nested pass inside a pass: what checkpointing does."""

    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        with t.enable_grad():
            x = x.detach().requires_grad_()
            t.autograd.backward(x * x * x, g)
        return x.grad

    x = leaf(t)
    (double(t, forward=forward, backward=backward).apply(x * 2) ** 2).sum().backward()
    return x.grad


@cases
def hooks_on_its_node(t: ModuleType) -> Any:
    seen = []
    x = leaf(t)
    y = double(t).apply(x)
    y.grad_fn.register_prehook(lambda gs: seen.append(("pre", gs)))
    y.grad_fn.register_hook(lambda gi, go: seen.append(("post", gi, go)))
    y.register_hook(lambda g: seen.append(("tensor", g)))
    y.sum().backward()
    return seen


@cases
def own_attributes(t: ModuleType) -> Any:
    x = leaf(t)
    y = double(t, forward=lambda ctx, x: setattr(ctx, "note", "kept") or x * 2).apply(x)
    y.sum().backward()
    return y.grad_fn.note


@cases
def error_in_backward(t: ModuleType) -> Any:
    def backward(ctx, g):
        raise KeyError("mine")

    double(t, backward=backward).apply(leaf(t)).sum().backward()


@cases
def unused_attribute(t: ModuleType) -> Any:
    return double(t).apply(leaf(t)).grad_fn.absent


@pytest.mark.parametrize(**cases.params())
def test_as_in_pytorch(case: Any, torch: ModuleType) -> None:
    assert transcript(tgrad, case) == transcript(torch, case)


def test_node_is_a_node() -> None:
    y = double(tgrad).apply(leaf(tgrad))
    assert isinstance(y.grad_fn, tgrad.autograd.graph.Node)
