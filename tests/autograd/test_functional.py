"""Jacobians, Hessians and their products, held against PyTorch's."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import tgrad

from .parity import Cases, leaf, transcript

cases = Cases()


def matrix(t: ModuleType) -> Any:
    return t.tensor([[1.0, 2.0], [3.0, 4.0]])


def vector(t: ModuleType) -> Any:
    return t.tensor([5.0, 6.0])


def rows(x: Any) -> Any:
    return (x * x * x).sum(1)


def pair(x: Any, y: Any) -> Any:
    return x @ y, x.sum() * y


def cube(x: Any) -> Any:
    return (x**3).sum()


def joint(x: Any, y: Any) -> Any:
    return (x @ y).pow(2).sum()


def call(name: str, *args: Any, **options: Any) -> None:
    """A case that calls a function of torch.autograd.functional; 'm' and 'v' stand for the matrix and the vector."""

    def fill(t: ModuleType, x: Any) -> Any:
        if isinstance(x, tuple):
            return tuple(fill(t, part) for part in x)
        return matrix(t) if x == "m" else vector(t) if x == "v" else x

    def case(t: ModuleType) -> Any:
        return getattr(t.autograd.functional, name)(*[fill(t, a) for a in args], **options)

    cases.add(f"{name}_{len(cases.listed)}", case)


call("vjp", rows, "m", "v")
call("vjp", rows, "m")
call("vjp", rows, "m", "v", create_graph=True)
call("vjp", pair, ("m", "v"), ("v", "v"))
call("vjp", pair, ("m", "v"), ("v",))
call("vjp", pair, ("m", "v"), ("v", "m"))
call("vjp", rows, 3)
call("vjp", rows, ("m", 3))
call("vjp", lambda x: (x, 3), "m", "v")
call("vjp", rows, "m", "m")
call("vjp", cube, "v")
call("vjp", lambda x: x.detach().sum(), "v", strict=True)
call("vjp", lambda x, y: x.sum(), ("v", "v"), strict=True)
call("jvp", rows, "m", "m")
call("jvp", pair, ("m", "v"), ("m", "v"))
call("jvp", pair, ("m", "v"))
call("jvp", lambda x: x * 2, "v", "v", strict=True)
call("jacobian", rows, "m")
call("jacobian", pair, ("m", "v"))
call("jacobian", rows, "m", create_graph=True)
call("jacobian", pair, ("m", "v"), vectorize=True)
call("jacobian", pair, ("m", "v"), strategy="sideways")
call("jacobian", pair, ("m", "v"), strategy="forward-mode")
call("jacobian", pair, ("m", "v"), strategy="forward-mode", vectorize=True, create_graph=True)
call("jacobian", pair, ("m", "v"), strategy="forward-mode", vectorize=True, strict=True)
call("jacobian", pair, ("m", "v"), strict=True, vectorize=True)
call("jacobian", lambda x, y: x, ("m", "v"))
call("jacobian", lambda x, y: x, ("m", "v"), strict=True)
call("jacobian", lambda x: x.detach(), "v")
call("jacobian", lambda x: x.detach(), "v", strict=True)
call("hessian", cube, "v")
call("hessian", joint, ("m", "v"))
call("hessian", joint, ("m", "v"), vectorize=True)
call("hessian", rows, "m")
call("hessian", lambda x: (x.sum(),), "v")
call("hessian", lambda x: x.sum(), "v")
call("hessian", lambda x: x.sum(), "v", strict=True)
call("hessian", cube, "v", outer_jacobian_strategy="sideways")
call("vhp", cube, "v", "v")
call("vhp", joint, ("m", "v"), ("m", "v"))
call("vhp", cube, "v")
call("vhp", lambda x: x.sum(), "v", "v", strict=True)
call("vhp", rows, "m", "m")
call("hvp", cube, "v", "v")
call("hvp", joint, ("m", "v"), ("m", "v"))
call("hvp", rows, "m", "m")
call("hvp", lambda x: x.sum(), "v", "v", strict=True)


@cases
def history_goes_on(t: ModuleType) -> Any:
    """With create_graph, the result leads back to the caller's graph; without, it does not."""
    x = leaf(t)
    j = t.autograd.functional.jacobian(lambda v: v**2, x * 3, create_graph=True)
    cut = t.autograd.functional.jacobian(lambda v: v**2, x)
    return j.requires_grad, cut.requires_grad, t.autograd.grad(j.sum(), x)


@cases
def linear_and_strict(t: ModuleType) -> Any:
    return t.autograd.functional.jacobian(lambda v: v * 2, leaf(t), strict=True, create_graph=True)


@pytest.mark.parametrize(**cases.params())
def test_as_in_pytorch(case: Any, torch: ModuleType) -> None:
    assert transcript(tgrad, case) == transcript(torch, case)


def test_columns_are_rows() -> None:
    """The forward-mode strategy goes column by column, and gives the same (as do all calls under no_grad)."""
    f = tgrad.autograd.functional
    a, b = matrix(tgrad), vector(tgrad)
    with tgrad.no_grad():
        by_rows, by_columns = (
            f.jacobian(pair, (a, b)),
            f.jacobian(pair, (a, b), vectorize=True, strategy="forward-mode"),
        )
    for one, other in zip(by_rows, by_columns, strict=True):
        assert [t.tolist() for t in one] == [t.tolist() for t in other]
    hessians = [
        f.hessian(joint, (a, b), vectorize=True, outer_jacobian_strategy=s) for s in ("forward-mode", "reverse-mode")
    ]
    assert [[t.tolist() for t in row] for row in hessians[0]] == [[t.tolist() for t in row] for row in hessians[1]]
