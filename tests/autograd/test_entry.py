"""backward() and grad(): what they take, what they refuse, what they leave in `.grad`; held against PyTorch's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import tgrad

from .parity import Cases, leaf, transcript

cases = Cases()

# ---- refused
cases.add("leaf_no_scalar", lambda t: leaf(t).backward())
cases.add("no_scalar", lambda t: (leaf(t) * 2).backward())
cases.add("one_element_is_enough", lambda t: [x := leaf(t, 3.0), (x * 2).backward(), x.grad])
cases.add("gradient_shape", lambda t: (leaf(t) * 2).backward(t.ones(3)))
cases.add("grad_outputs_shape", lambda t: t.autograd.grad(leaf(t), leaf(t), t.ones(3)))
cases.add("no_history", lambda t: t.ones(()).backward())
cases.add("no_history_no_scalar", lambda t: t.ones(2).backward())
cases.add("gradient_is_a_number", lambda t: (leaf(t) * 2).backward(3))
cases.add("gradients_are_numbers", lambda t: t.autograd.grad(leaf(t) * 2, leaf(t), [3]))
cases.add("complex_scalar", lambda t: (t.ones((), dtype=t.complex64, requires_grad=True) * 2).backward())
cases.add("complex_gradient", lambda t: (leaf(t) * 2).backward(t.ones(2, dtype=t.complex64)))
cases.add("fewer_gradients", lambda t: t.autograd.backward([leaf(t).sum(), leaf(t).sum()], [t.tensor(1.0)]))
cases.add("more_gradients", lambda t: t.autograd.backward([leaf(t).sum()], [t.tensor(1.0)] * 2))
cases.add("no_inputs", lambda t: t.autograd.backward(leaf(t).sum(), inputs=[]))
cases.add("no_inputs_of_grad", lambda t: t.autograd.grad(leaf(t).sum(), []))
cases.add("input_without_grad", lambda t: t.autograd.backward(leaf(t).sum(), inputs=[t.ones(2)]))
cases.add("input_of_grad_without_grad", lambda t: t.autograd.grad(leaf(t).sum(), [t.ones(2)]))
cases.add("neither_requires_grad", lambda t: t.autograd.grad(t.ones(()), [t.ones(2)]))
cases.add("unused", lambda t: t.autograd.grad(leaf(t).sum(), leaf(t)))
cases.add("second_unused", lambda t: t.autograd.grad((x := leaf(t)).sum(), (x, leaf(t))))
cases.add("unused_allowed", lambda t: t.autograd.grad(leaf(t).sum(), leaf(t), allow_unused=True))
cases.add("unused_materialized", lambda t: t.autograd.grad(leaf(t).sum(), leaf(t), materialize_grads=True))
cases.add(
    "materialized_but_not_allowed",
    lambda t: t.autograd.grad(leaf(t).sum(), leaf(t), materialize_grads=True, allow_unused=False),
)
cases.add("unused_in_backward", lambda t: t.autograd.backward(leaf(t).sum(), inputs=leaf(t)))
cases.add("only_inputs", lambda t: t.autograd.grad((x := leaf(t)).sum(), x, only_inputs=False))
cases.add("grad_variables", lambda t: t.autograd.backward(leaf(t).sum(), grad_variables=t.tensor(2.0)))
cases.add("both_names", lambda t: t.autograd.backward(leaf(t).sum(), t.tensor(2.0), grad_variables=t.tensor(2.0)))
cases.add("edge_without_grad", lambda t: t.autograd.graph.get_gradient_edge(t.ones(2)))
cases.add("dict_of_inputs", lambda t: t.autograd.grad((x := leaf(t)).sum() * 2, {"a": x}))


# ---- inputs
@cases
def intermediate_inputs(t: ModuleType) -> Any:
    x = leaf(t)
    y = x * 2
    z = (y * y).sum()
    grad = t.autograd.grad
    return grad(z, [y, x, y], retain_graph=True), grad(z, y, retain_graph=True), grad(z, z), x.grad


@cases
def backward_into_intermediate(t: ModuleType) -> Any:
    x = leaf(t)
    y = x * 2
    (y * y).sum().backward(inputs=[y])
    return x.grad, y.grad, y.retains_grad


@cases
def backward_into_some(t: ModuleType) -> Any:
    x, w, other = leaf(t), leaf(t), leaf(t)
    (x * 2 * x * w * other).sum().backward(inputs=[w, x])
    (x * w).sum().backward(inputs=x)
    return x.grad, w.grad, other.grad


@cases
def leaf_as_root(t: ModuleType) -> Any:
    x = leaf(t)
    x.backward(t.ones(2))
    return x.grad, t.autograd.grad(x, x, t.ones(2))


@cases
def several_roots(t: ModuleType) -> Any:
    x = leaf(t)
    y = x * 2
    t.autograd.backward([y.sum(), (y * y).sum(), y], [None, t.tensor(3.0), t.ones(2)])
    return x.grad


@cases
def edges(t: ModuleType) -> Any:
    x = leaf(t)
    y = x * 2
    z = (y * y).sum()
    get = t.autograd.graph.get_gradient_edge
    ey, ex = get(y), get(x)
    names = ey.node.name(), ey.output_nr, ex.node.name()
    a = t.autograd.grad(z, [ey, ex], retain_graph=True)
    b = t.autograd.grad(get(z), x, retain_graph=True)
    t.autograd.backward(z, inputs=ex, retain_graph=True)
    t.autograd.backward(get(y * 1), t.ones(2))
    return names, a, b, x.grad


@cases
def batched(t: ModuleType) -> Any:
    x = leaf(t)
    return t.autograd.grad(x**2, x, t.eye(2), is_grads_batched=True)


cases.add("batched_shape", lambda t: t.autograd.grad((x := leaf(t)) ** 2, x, t.ones(2, 3), is_grads_batched=True))

# ---- freed graphs


@cases
def twice(t: ModuleType) -> Any:
    y = leaf(t).exp().sum()
    y.backward()
    y.backward()


@cases
def twice_with_nothing_saved(t: ModuleType) -> Any:
    x = leaf(t)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    return x.grad


@cases
def retained(t: ModuleType) -> Any:
    x = leaf(t)
    y = x.exp().log().sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad


@cases
def freed_value(t: ModuleType) -> Any:
    y = leaf(t).exp()
    y.sum().backward()
    return y.grad_fn._saved_result


@cases
def part_of_a_freed_graph(t: ModuleType) -> Any:
    x = leaf(t)
    y = x.exp()
    t.autograd.grad(y.sum(), x)
    return t.autograd.grad((y * y).sum(), x)


# ---- higher derivatives, accumulation


@cases
def three_times(t: ModuleType) -> Any:
    x = leaf(t)
    (g,) = t.autograd.grad((x**3).sum(), x, create_graph=True)
    (h,) = t.autograd.grad(g.sum(), x, create_graph=True)
    return g, h, t.autograd.grad(h.sum(), x)


@cases
def recorded_accumulation(t: ModuleType) -> Any:
    x = leaf(t)
    t.autograd.backward((x**2).sum(), create_graph=True)
    g = x.grad
    g.sum().backward()
    return g, x.grad is g


@cases
def accumulates_in_place(t: ModuleType) -> Any:
    x = leaf(t)
    (x * 2).sum().backward()
    g, at, version = x.grad, x.grad.data_ptr(), x.grad._version
    (x * 3).sum().backward()
    return x.grad is g, g.data_ptr() == at, g._version - version, x.grad


@cases
def accumulates_recorded_into_a_new_one(t: ModuleType) -> Any:
    x = leaf(t)
    x.grad = t.ones(2)
    g = x.grad
    t.autograd.backward((x * 3).sum(), create_graph=True)
    return x.grad is g, x.grad, g


@cases
def gradients_share_no_memory(t: ModuleType) -> Any:
    x, y, w, given = leaf(t), leaf(t), t.ones(2), t.ones(2)
    ((x + y) * w).sum().backward()
    x.grad.mul_(5)
    z = leaf(t)
    z.backward(given)
    z.grad.mul_(3)
    return x.grad, y.grad, w, given


cases.add(
    "gradient_lies_as_the_leaf",
    lambda t: [x := t.ones(2, 3).t().requires_grad_(), (x * 2).sum().backward(), x.grad.stride()][-1],
)


@cases
def half_and_integers_on_the_way(t: ModuleType) -> Any:
    x = leaf(t)
    (x.double() * t.tensor([1, 2])).sum().backward()
    return x.grad, x.grad.dtype


@cases
def metadata(t: ModuleType) -> Any:
    y = leaf(t) * 2
    y.grad_fn.metadata["note"] = 1
    return (
        y.grad_fn.metadata,
        y.grad_fn,
        y.grad_fn.next_functions,
        (y * 3).grad_fn._sequence_nr() - y.grad_fn._sequence_nr(),
    )


@pytest.mark.parametrize(**cases.params())
def test_as_in_pytorch(case: Any, torch: ModuleType) -> None:
    assert transcript(tgrad, case) == transcript(torch, case)


def test_create_graph_warns_once(torch: ModuleType) -> None:
    """PyTorch warns of the cycle once per process, so this cannot be a case: which test comes first is not fixed."""
    from tgrad.graph import entry

    def run(t: ModuleType) -> Any:
        x = leaf(t)
        t.autograd.backward((x**2).sum(), create_graph=True)
        x.grad = None

    entry._Once.warned = False
    first, second = transcript(tgrad, run), transcript(tgrad, run)
    assert first[1].startswith("UserWarning: Using backward() with create_graph=True will create a reference cycle")
    assert len(second) == 1
