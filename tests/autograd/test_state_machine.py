"""Random programs of views, in-place writes and backward passes, run with PyTorch and tgrad side by side.

After each step all living tensors are compared: values, versions, flags, names of their histories; errors must be the
same error. Gradients are compared after each pass.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import tgrad

torch = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")


def apart(x: Any, y: Any) -> Any:
    """`y`, or a copy where it shares memory with `x` without being it: writing then depends on the order of elements."""
    same = x.untyped_storage().data_ptr() == y.untyped_storage().data_ptr()
    return y.clone() if same and x is not y else y


UNARY: dict[str, Callable[[Any], Any]] = {
    "exp": lambda x: (x * 0.125).exp(),
    "sin": lambda x: x.sin(),
    "scaled": lambda x: x * 3,
    "shifted": lambda x: x + 1,
    "squared": lambda x: x * x,
    "clone": lambda x: x.clone(),
    "detach": lambda x: x.detach(),
    "sum": lambda x: x.sum(),
}
VIEWS: dict[str, Callable[[Any], Any]] = {
    "first": lambda x: x[0],
    "last": lambda x: x[-1],
    "head": lambda x: x[:1],
    "tail": lambda x: x[1:],
    "flat": lambda x: x.view(-1),
    "transposed": lambda x: x.t(),
    "lifted": lambda x: x.unsqueeze(0),
    "same": lambda x: x[...],
}
INPLACE: dict[str, Callable[[Any], Any]] = {
    "mul_": lambda x: x.mul_(2),
    "add_": lambda x: x.add_(1),
    "sin_": lambda x: x.sin_(),
    "zero_": lambda x: x.zero_(),
    "square_": lambda x: x.mul_(x),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    # Contiguous: how a result lies in memory when its operands disagree is not what is tested here.
    "add": lambda x, y: x.contiguous() + y.contiguous(),
    "mul": lambda x, y: x.contiguous() * y.contiguous(),
    "sub": lambda x, y: x.contiguous() - y.contiguous(),
    "add_": lambda x, y: x.add_(apart(x, y)),
    "mul_": lambda x, y: x.mul_(apart(x, y)),
    "copy_": lambda x, y: x.copy_(apart(x, y)),
}
PLACE = st.integers(0, 30)


def name(fn: Any) -> str | None:
    return None if fn is None else fn.name()


def look(x: Any) -> tuple[Any, ...]:
    """All that must agree about a tensor but its elements."""
    try:
        history = x.requires_grad, x.is_leaf, name(x.grad_fn), x.output_nr
    except RuntimeError as error:  # a view whose history cannot be rebuilt says so when it is looked at
        history = (plain(error),)
    place = (tuple(x.stride()), x.storage_offset()) if x.numel() else ()
    return (tuple(x.shape), *place, x._version, x._is_view(), *history)


def plain(error: BaseException) -> str:
    text = (str(error) or " ").splitlines()[0]
    return f"{type(error).__name__}: {re.sub('0x[0-9a-f]+', '0x', text)}"


def close(a: Any, b: Any) -> bool:
    return bool(torch.allclose(a.detach(), torch.from_numpy(b.detach().numpy()), rtol=1e-9, atol=1e-9, equal_nan=True))


class Program(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[tuple[Any, Any]] = []
        self.leaves: list[tuple[Any, Any]] = []

    @initialize()
    def start(self) -> None:
        self.make(True, 2)
        self.make(False, 3)

    def both(self, fn: Callable[..., Any], *places: int) -> list[Any]:
        """Runs a step in both libraries; the results, or the same error in both (then nothing)."""
        chosen = [self.pairs[p % len(self.pairs)] for p in places]
        results: list[Any] = []
        for k, t in enumerate((torch, tgrad)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    results.append(fn(t, *[pair[k] for pair in chosen]))
                except (RuntimeError, IndexError, TypeError, ValueError) as error:
                    results.append(error)
        failed = [isinstance(r, BaseException) for r in results]
        if any(failed):
            assert all(failed), results
            assert plain(results[0]) == plain(results[1])
            return []
        return results

    def keep(self, results: list[Any]) -> None:
        if results and not any(results[0] is a for a, _ in self.pairs):
            self.pairs.append((results[0], results[1]))
            del self.pairs[:-12]

    @rule(requires_grad=st.booleans(), rows=st.integers(1, 3))
    def make(self, requires_grad: bool, rows: int) -> None:
        values = [[0.5 * i - j for j in range(2)] for i in range(rows)]
        pair = [t.tensor(values, dtype=t.float64, requires_grad=requires_grad) for t in (torch, tgrad)]
        self.pairs.append((pair[0], pair[1]))
        if requires_grad:
            self.leaves.append((pair[0], pair[1]))

    @rule(op=st.sampled_from(sorted(UNARY)), at=PLACE)
    def compute(self, op: str, at: int) -> None:
        self.keep(self.both(lambda t, x: UNARY[op](x), at))

    @rule(op=st.sampled_from(sorted(VIEWS)), at=PLACE)
    def look_through_a_view(self, op: str, at: int) -> None:
        self.keep(self.both(lambda t, x: VIEWS[op](x), at))

    @rule(op=st.sampled_from(sorted(BINARY)), at=PLACE, other=PLACE)
    def combine(self, op: str, at: int, other: int) -> None:
        self.keep(self.both(lambda t, x, y: BINARY[op](x, y), at, other))

    @rule(op=st.sampled_from(sorted(INPLACE)), at=PLACE)
    def write(self, op: str, at: int) -> None:
        self.both(lambda t, x: INPLACE[op](x), at)

    @rule(op=st.sampled_from(sorted(INPLACE)), at=PLACE)
    def write_unrecorded(self, op: str, at: int) -> None:
        def step(t: Any, x: Any) -> Any:
            with t.no_grad():
                return INPLACE[op](x)

        self.both(step, at)

    @rule(op=st.sampled_from(sorted(VIEWS)), at=PLACE, then=st.sampled_from(sorted(INPLACE)))
    def view_unrecorded(self, op: str, at: int, then: str) -> None:
        """A view made without recording: its flags, and a recorded write into it."""

        def step(t: Any, x: Any) -> Any:
            with t.no_grad():
                view = VIEWS[op](x)
            return look(view), INPLACE[then](view)

        results = self.both(step, at)
        if results:
            assert results[0][0] == results[1][0]

    @rule(at=PLACE)
    def retain_grad(self, at: int) -> None:
        self.both(lambda t, x: x.retain_grad(), at)

    @precondition(lambda self: self.leaves)
    @rule(at=PLACE, retain=st.booleans(), weight=st.integers(1, 3))
    def backward(self, at: int, retain: bool, weight: int) -> None:
        self.both(lambda t, x: (x * weight).sum().backward(retain_graph=retain), at)
        for k, (a, b) in enumerate(self.leaves + self.pairs):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ga, gb = a.grad, b.grad
            assert (ga is None) == (gb is None), k
            assert ga is None or close(ga, gb), (k, ga, gb)

    @precondition(lambda self: self.leaves)
    @rule(at=PLACE, to=PLACE)
    def grad(self, at: int, to: int) -> None:
        def step(t: Any, x: Any, y: Any) -> Any:
            return t.autograd.grad((x * x).sum(), y, allow_unused=True, retain_graph=True)[0]

        results = self.both(step, at, to)
        if results:
            assert (results[0] is None) == (results[1] is None)
            assert results[0] is None or close(*results)

    @invariant()
    def nothing_differs(self) -> None:
        for a, b in self.pairs:
            assert close(a, b), (a, b)
            assert look(a) == look(b)


Program.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)
TestProgram = Program.TestCase
