"""gradcheck: agrees with PyTorch's on what passes and on every text; and catches what is only a little wrong."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import tgrad

from .parity import Cases, leaf, transcript

cases = Cases()


def real(t: ModuleType) -> Any:
    return leaf(t, 0.3, -1.2, 2.0, dtype=t.float64)


def grid(t: ModuleType) -> Any:
    return t.tensor([[0.3, -1.2, 2.0]] * 2, dtype=t.float64, requires_grad=True)


def complex_(t: ModuleType) -> Any:
    return t.tensor([0.3 + 1j, -1.2 - 0.5j], dtype=t.complex128, requires_grad=True)


RIGHT = {
    "sin": lambda t: (t.sin, real(t)),
    "two_of_each": lambda t: (lambda a, b: (a * b, a + b), (real(t), grid(t))),
    "holomorphic": lambda t: (lambda a: a * a.exp(), complex_(t)),
    "complex_to_real": lambda t: (t.abs, complex_(t)),
    "real_to_complex": lambda t: (lambda a: a * (1 + 2j), real(t)),
    "one_input_without_grad": lambda t: (lambda a, b: a * b, (real(t), t.ones(3, dtype=t.float64))),
    "integer_output": lambda t: (lambda a: (a * 2, (a > 0).long()), real(t)),
    "empty": lambda t: (lambda a: a * 2, t.zeros(0, dtype=t.float64, requires_grad=True)),
    "scalar": lambda t: (lambda a: a * a, leaf(t, 3.0, dtype=t.float64)[0].detach().requires_grad_()),
    "constant": lambda t: (lambda a: t.ones(2, dtype=t.float64), real(t)),
    "single_precision": lambda t: (t.sin, leaf(t)),
    "no_grad_at_all": lambda t: (t.sin, t.ones(2)),
    "repeated_memory": lambda t: (t.sin, t.ones(1, dtype=t.float64).expand(3).requires_grad_()),
    "detached": lambda t: (lambda a: a.detach(), real(t)),
}
for name, make in RIGHT.items():
    for fast in (False, True):
        if name in ("constant", "detached", "single_precision") and fast:
            continue  # random directions: the texts hold random numbers
        mode = "_fast" if fast else ""
        cases.add(name + mode, lambda t, m=make, fast=fast: t.autograd.gradcheck(*m(t), fast_mode=fast))
for name in ("sin", "two_of_each", "holomorphic", "complex_to_real"):
    for fast in (False, True):
        cases.add(
            f"second_{name}{'_fast' if fast else ''}",
            lambda t, m=RIGHT[name], fast=fast: t.autograd.gradgradcheck(*m(t), fast_mode=fast),
        )
cases.add("batched", lambda t: t.autograd.gradcheck(t.sin, real(t), check_batched_grad=True))
cases.add(
    "second_with_given_grads",
    lambda t: t.autograd.gradgradcheck(t.sin, real(t), t.ones(3, dtype=t.float64).requires_grad_()),
)
cases.add("nothing_to_check", lambda t: t.autograd.gradcheck(t.sin, real(t), check_backward_ad=False))
cases.add("scattered", lambda t: t.autograd.gradgradcheck(t.sin, real(t), gen_non_contig_grad_outputs=True))


def custom(t: ModuleType, forward: Any, backward: Any) -> Any:
    methods = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Custom", (t.autograd.Function,), methods).apply


def square(t: ModuleType, factor: float = 2.0) -> Any:
    """x * x whose derivative is `factor` times x."""

    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    return custom(t, forward, lambda ctx, g: g * factor * ctx.saved_tensors[0])


def drifting(t: ModuleType) -> Any:
    runs = iter(range(1000))
    return custom(t, lambda ctx, x: x * 2, lambda ctx, g: g * (2 + next(runs) * 1e-7))


def several(t: ModuleType, backward: Any, materialize: bool = True) -> Any:
    def forward(ctx, x):
        ctx.set_materialize_grads(materialize)
        return x.clone(), x * 2

    return custom(t, forward, backward)


cases.add("wrong", lambda t: t.autograd.gradcheck(square(t, 2.002), real(t)))
cases.add("wrong_quietly", lambda t: t.autograd.gradcheck(square(t, 2.002), real(t), raise_exception=False))
cases.add("no_conjugate", lambda t: t.autograd.gradcheck(square(t), complex_(t)))
cases.add("drifting", lambda t: t.autograd.gradcheck(drifting(t), real(t)))
cases.add("drifting_within_tolerance", lambda t: t.autograd.gradcheck(drifting(t), real(t), nondet_tol=1e-3))
cases.add(
    "gradient_ignored",
    lambda t: t.autograd.gradcheck(custom(t, lambda c, x: x.clone(), lambda c, g: t.ones_like(g)), real(t)),
)
cases.add("not_zero_for_zero", lambda t: t.autograd.gradcheck(several(t, lambda c, g, h: g + 2 * h + 1e-9), real(t)))
cases.add("cannot_bear_none", lambda t: t.autograd.gradcheck(several(t, lambda c, g, h: g + 2 * h, False), real(t)))
cases.add(
    "need_not_bear_none",
    lambda t: t.autograd.gradcheck(several(t, lambda c, g, h: g + 2 * h, False), real(t), check_undefined_grad=False),
)


@cases
def full_text(t: ModuleType) -> Any:
    try:
        t.autograd.gradcheck(lambda a, b: (a * b, square(t, 2.002)(b)), (real(t), real(t)))
    except RuntimeError as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize(**cases.params())
def test_as_in_pytorch(case: Any, torch: ModuleType) -> None:
    assert transcript(tgrad, case) == transcript(torch, case)


@pytest.mark.parametrize("fast", [False, True])
def test_a_thousandth_is_caught(fast: bool) -> None:
    """The checker itself: a formula wrong by 0.1 % must not pass, in either mode, for real and complex inputs."""
    check = tgrad.autograd.gradcheck
    for wrong in (2.0 * 1.0011, 2.0 / 1.0011):
        with pytest.raises(
            tgrad.autograd.GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"
        ):
            check(square(tgrad, wrong), real(tgrad), fast_mode=fast, atol=1e-7)
        assert not check(square(tgrad, wrong), real(tgrad), fast_mode=fast, atol=1e-7, raise_exception=False)
    assert check(square(tgrad), real(tgrad), fast_mode=fast)


def test_a_wrong_second_derivative_is_caught() -> None:
    def backward(ctx: Any, g: Any) -> Any:
        # right in value, wrong as a function: the derivative of x.detach() is zero
        return g * 2 * ctx.saved_tensors[0].detach()

    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    fn = custom(tgrad, forward, backward)
    assert tgrad.autograd.gradcheck(fn, real(tgrad))
    assert not tgrad.autograd.gradgradcheck(fn, real(tgrad), raise_exception=False)


def test_inputs_are_left_as_they_were() -> None:
    x = real(tgrad)
    before, version = x.tolist(), x._version
    tgrad.autograd.gradcheck(tgrad.sin, x)
    assert (x.tolist(), x._version, x.grad) == (before, version, None)
