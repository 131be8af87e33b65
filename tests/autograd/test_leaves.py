"""Leaves and their flags: `.grad`, `requires_grad`, detaching, views, versions, inference tensors; held against PyTorch's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import tgrad

from .parity import Cases, leaf, transcript

cases = Cases()


def assigned(t: ModuleType, value: Any) -> Any:
    x = leaf(t)
    x.grad = value(x)
    return x.grad


GRADS = {
    "number": lambda t, x: 3,
    "text": lambda t, x: "a",
    "none": lambda t, x: None,
    "other_shape": lambda t, x: t.ones(3),
    "double": lambda t, x: t.ones(2, dtype=t.float64),
    "long": lambda t, x: t.ones(2, dtype=t.int64),
    "itself": lambda t, x: x,
}
for name, value in GRADS.items():
    cases.add("grad_is_" + name, lambda t, v=value: assigned(t, lambda x: v(t, x)))
cases.add("delete_grad", lambda t: [x := leaf(t), x.sum().backward(), delattr(x, "grad"), x.grad])
cases.add("grad_of_non_leaf", lambda t: (leaf(t) * 2).grad)


def changed(make: Any, value: Any) -> Any:
    x = make()
    x.requires_grad = value
    return x.requires_grad


cases.add("switch_off_non_leaf", lambda t: changed(lambda: leaf(t) * 2, False))
cases.add("switch_on_non_leaf", lambda t: changed(lambda: leaf(t) * 2, True))
cases.add("switch_off_leaf", lambda t: changed(lambda: leaf(t), False))
cases.add("switch_to_a_number", lambda t: changed(lambda: leaf(t), 3))
cases.add("integers_cannot", lambda t: changed(lambda: t.tensor([1, 2]), True))
cases.add("complex_can", lambda t: changed(lambda: t.ones(2, dtype=t.complex64), True))
cases.add("requires_grad_", lambda t: t.ones(2).requires_grad_())
cases.add("requires_grad_off_non_leaf", lambda t: (leaf(t) * 2).requires_grad_(False))
cases.add("requires_grad_integers", lambda t: t.tensor([1]).requires_grad_())
cases.add("requires_grad_number", lambda t: t.ones(2).requires_grad_(1))


@cases
def leaf_flags(t: ModuleType) -> Any:
    x, plain = leaf(t), t.ones(2)
    y = x * 2
    return [
        (v.is_leaf, v.requires_grad, v.retains_grad, v.output_nr, v.grad_fn) for v in (x, plain, y, y.detach(), x[0])
    ]


@cases
def outputs_are_numbered(t: ModuleType) -> Any:
    return [v.output_nr for v in (leaf(t) * 1).unbind()]


@cases
def detach_(t: ModuleType) -> Any:
    y = leaf(t) * 2
    return y.detach_() is y, y.requires_grad, y.is_leaf, y.grad_fn


cases.add("detach_view", lambda t: (leaf(t) * 2)[0].detach_())
cases.add("detach_leaf", lambda t: leaf(t).detach_())


@cases
def detached_shares_memory_and_version(t: ModuleType) -> Any:
    x = t.ones(2)
    d, data = x.detach(), x.data
    d.mul_(2)
    data.mul_(3)
    return x, x._version, d._version, data._version, x[0]._version, d.requires_grad


# ---- writing in place
cases.add("write_into_leaf", lambda t: leaf(t).add_(1))
cases.add("write_into_view_of_leaf", lambda t: leaf(t)[0].add_(1))


@cases
def write_into_leaf_unrecorded(t: ModuleType) -> Any:
    x = leaf(t)
    with t.no_grad():
        x.add_(1)
        x[0].mul_(2)
    return x, x._version


@cases
def write_into_one_of_several_views(t: ModuleType) -> Any:
    (leaf(t) * 1).unbind()[0].mul_(2)


@cases
def view_made_without_recording(t: ModuleType) -> Any:
    y = leaf(t) * 1
    with t.no_grad():
        v = y[0]
    return v, v.requires_grad, v.grad_fn, v.is_leaf, v._is_view()


@cases
def write_into_view_made_without_recording(t: ModuleType) -> Any:
    y = leaf(t) * 1
    with t.no_grad():
        v = y[0]
    v.mul_(2)


@cases
def copy_slices(t: ModuleType) -> Any:
    x = leaf(t)
    y = x * 1
    v = y[:1]
    v.mul_(5)
    names = y.grad_fn, y.grad_fn.name(), v.grad_fn.name(), [n.name() for n, _ in y.grad_fn.next_functions if n]
    (y * t.tensor([1.0, 10.0])).sum().backward()
    return names, x.grad


SAVING = ("exp", "tanh", "sqrt", "reciprocal")
for op in SAVING:

    def modified(t: ModuleType, op: str = op) -> Any:
        y = getattr(leaf(t) * 1, op)()
        y.add_(1)
        y.sum().backward()

    cases.add("modified_result_of_" + op, modified)


@cases
def modified_input(t: ModuleType) -> Any:
    x = leaf(t) * 1
    z = x * x
    x.add_(1)
    z.sum().backward()


@cases
def modified_base_of_saved_view(t: ModuleType) -> Any:
    w = leaf(t)
    z = w[:1] * leaf(t, 3.0)
    with t.no_grad():
        w.add_(1)
    z.sum().backward()


@cases
def modified_through_data_goes_unnoticed(t: ModuleType) -> Any:
    x = leaf(t)
    z = x * x
    x.data.mul_(10)
    z.sum().backward()
    return x.grad


@cases
def increment_version(t: ModuleType) -> Any:
    y = leaf(t) * 2
    z = y.pow(2)
    t.autograd.graph.increment_version(y)
    t.autograd.graph.increment_version([t.ones(2)])
    z.sum().backward()


# ---- inference tensors


def inferred(t: ModuleType) -> Any:
    with t.inference_mode():
        return t.ones(2)


INFERENCE = {
    "version": lambda t, i: i._version,
    "requires_grad": lambda t, i: i.requires_grad_(),
    "saved": lambda t, i: i * leaf(t),
    "not_saved": lambda t, i: i + leaf(t),
    "written": lambda t, i: i.add_(1),
    "view_written": lambda t, i: i.view(-1).add_(1),
    "kinds": lambda t, i: [v.is_inference() for v in (i, i[0], i.clone(), i * 2, i.detach(), i.data)],
    "read_into_another": lambda t, i: t.ones(2).add_(i),
    "copied": lambda t, i: (leaf(t) * 1).copy_(i),
}
for name, use in INFERENCE.items():
    cases.add("inference_tensor_" + name, lambda t, use=use: use(t, inferred(t)))


@cases
def inference_view_of_a_normal_tensor(t: ModuleType) -> Any:
    x = leaf(t) * 1
    with t.inference_mode():
        v = x[0]
        before = v.is_inference(), v.requires_grad
    try:
        v.add_(1)
    except RuntimeError as error:
        return before, str(error)


@cases
def inside_inference_mode(t: ModuleType) -> Any:
    x = leaf(t)
    with t.inference_mode():
        y = x * 2
        seen = [y.requires_grad, y.is_inference(), t.is_grad_enabled(), t.is_inference_mode_enabled()]
        y.add_(1)
        with t.inference_mode(False):
            seen += [t.is_grad_enabled(), t.ones(2).is_inference(), (x * 1).requires_grad]
        with t.enable_grad():
            seen += [t.is_grad_enabled(), (x * 1).requires_grad]
    return seen, y


# ---- the legacy Variable


@cases
def variables(t: ModuleType) -> Any:
    made = t.autograd.Variable
    x = t.ones(2)
    v = made(x, requires_grad=True)
    v.data.add_(1)
    return made(x), v, made(x, True).requires_grad, v is x, x, made(leaf(t) * 2).requires_grad, made(), v._version


cases.add("variable_is_tensor", lambda t: isinstance(t.ones(2), t.autograd.Variable))
cases.add("variable_is_no_number", lambda t: isinstance(3, t.autograd.Variable))
cases.add("variable_volatile", lambda t: t.autograd.Variable(t.ones(2), volatile=True))
cases.add("variable_of_a_number", lambda t: t.autograd.Variable(3))
cases.add("variable_of_a_list", lambda t: t.autograd.Variable([1.0]))
cases.add("volatile", lambda t: leaf(t).volatile)
cases.add("set_volatile", lambda t: setattr(leaf(t), "volatile", True))


@pytest.mark.parametrize(**cases.params())
def test_as_in_pytorch(case: Any, torch: ModuleType) -> None:
    assert transcript(tgrad, case) == transcript(torch, case)


def test_variables_and_their_gradients_in_the_old_echo() -> None:
    with tgrad.echo.dialect("0.1"):
        x = tgrad.autograd.Variable(tgrad.ones(2), requires_grad=True)
        y = x * 3
        y.sum().backward()
        assert repr(tgrad.autograd.Variable(tgrad.ones(1))).startswith("Variable containing:")
        assert repr(x.grad).startswith("Variable containing:")
        assert repr(x.data).startswith("\n 1\n 1\n[torch.FloatTensor of size 2]")
        assert repr(y.creator).startswith("<torch.autograd._functions.basic_ops.MulConstant at 0x")
        assert repr((y + y).creator).startswith("<torch.autograd._functions.basic_ops.Add at 0x")
    assert repr(y.grad_fn).startswith("<MulBackward0 object at 0x")
    assert repr(x.grad) == "tensor([3., 3.])"
