"""Jacobians and slopes of functions, from finite differences and from backward: what gradcheck compares.

A Jacobian here is a matrix with a row per element of the input and a column per element of the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..tensor import Tensor, wrap
from .entry import grad

Func = Callable[..., Any]


class GradcheckError(RuntimeError):
    """The derivatives of a function do not agree with finite differences (or are not well-behaved)."""


NONDETERMINISTIC = """\n
NOTE: If your op relies on non-deterministic operations i.e., it is listed here:
https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
this failure might be expected.

If you are adding a new operator, please file an issue and then use one of the
workarounds. The workaround depends on how your test invokes gradcheck/gradgradcheck.
If the test
- manually invokes gradcheck/gradgradcheck, then call gradcheck/gradgradcheck
  with `nondet_tol=<tol>` as a keyword argument.
- is OpInfo-based (e.g., in test_ops_gradients.py), then modify the OpInfo for the test
  to have `gradcheck_nondet_tol=<tol>`.
- is a Module test (e.g., in common_nn.py), then modify the corresponding
  module_test entry to have `gradcheck_nondet_tol=<tol>`
"""


class Settings:
    """The tolerances of one check."""

    def __init__(
        self, eps: float, atol: float, rtol: float, nondet_tol: float, check_grad_dtypes: bool, fast: bool
    ) -> None:
        self.eps, self.atol, self.rtol = eps, atol, rtol
        self.nondet_tol, self.check_grad_dtypes, self.fast = nondet_tol, check_grad_dtypes, fast


def as_tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else tuple(x) if isinstance(x, list) else (x,)


def inexact(x: Any) -> bool:
    return isinstance(x, Tensor) and x.dtype.category >= 2


def differentiable(outs: Any) -> tuple[Tensor, ...]:
    return tuple([o for o in as_tuple(outs) if o.requires_grad])


def _wanting(inputs: Sequence[Any]) -> list[tuple[int, Tensor]]:
    """Position and tensor of the inputs to differentiate by."""
    return [(i, t) for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]


# ---- finite differences


def _difference(
    call: Callable[[], Sequence[Tensor]], block: np.ndarray, step: Any, norm: float, where: str
) -> list[np.ndarray]:
    """(f(x + step) - f(x - step)) / 2 norm for every output, flat. `block` is the input's own memory (or a part of it)."""
    before = block.copy()
    try:
        block[...] = before - step
        low = [o.detach().clone() for o in call()]
        block[...] = before + step
        high = [o.detach().clone() for o in call()]
    finally:
        block[...] = before
    columns = []
    for a, b in zip(low, high, strict=True):
        for what, one, other in (("shape", a.shape, b.shape), ("dtype", a.dtype, b.dtype)):
            if one != other:
                raise AssertionError(
                    f"Expected `func` to return outputs with the same {what} when inputs are perturbed {where}, but got: "
                    f"{what}s {one} and {other}."
                )
        columns.append(((b._a - a._a) / (2 * norm)).reshape(-1))
    return columns


def numerical_jacobian(func: Func, inputs: tuple[Any, ...], target: Tensor, eps: float) -> list[Tensor]:
    """The Jacobian of every floating output with respect to `target`, element by element."""

    def call() -> Sequence[Tensor]:
        return as_tuple(func(*inputs))

    outs = [o.detach() for o in call()]
    keep = [k for k, o in enumerate(outs) if inexact(o)]
    a = target._a
    kind = a.dtype if a.dtype.kind == "c" else None
    made = [np.zeros((a.size, outs[k]._a.size), kind or outs[k]._a.dtype) for k in keep]
    for row, at in enumerate(np.ndindex(a.shape)):
        one = a[at] if a.ndim == 0 else a[(*at, Ellipsis)]
        part = np.asarray(one) if a.ndim else a
        where = f"on index {at} by {eps}"
        along = _difference(call, part, eps, eps, where)
        across = _difference(call, part, eps * 1j, eps, where) if kind is not None else along
        for jac, k in zip(made, keep, strict=True):
            jac[row] = along[k] + 1j * across[k] if kind is not None else along[k]
    return [wrap(jac) for jac in made]


def numerical_slope(func: Func, inputs: tuple[Any, ...], target: Tensor, u: Any, eps: float) -> list[Tensor]:
    """The derivative of every floating output along the direction u (a pair of real ones, for a complex target)."""

    def call() -> Sequence[Tensor]:
        return as_tuple(func(*inputs))

    outs = call()
    a = target._a
    where = f"by {eps}"
    if a.dtype.kind != "c":
        columns = _difference(call, a, u._a.reshape(a.shape) * eps, eps, where)
    else:
        along = _difference(call, a, u[0]._a.reshape(a.shape) * eps, eps, where)
        across = _difference(call, a, u[1]._a.reshape(a.shape) * (eps * 1j), eps, where)
        columns = [x + 1j * y for x, y in zip(along, across, strict=True)]
    return [wrap(c) for c, o in zip(columns, outs, strict=True) if inexact(o)]


# ---- derivatives from backward


def _rows(output: Tensor, targets: Sequence[Tensor], vectors: Iterable[Tensor]) -> list[list[Tensor | None]]:
    """For each target, its gradients when each of the vectors arrives at the output."""
    made: list[list[Tensor | None]] = [[] for _ in targets]
    for v in vectors:
        got = grad(output, targets, v, retain_graph=True, allow_unused=True)
        for column, g in zip(made, got, strict=True):
            column.append(None if g is None else g.detach().clone())
    return made


def _basis(output: Tensor) -> Iterable[Tensor]:
    for at in np.ndindex(output._a.shape):
        v = np.zeros(output._a.shape, output._a.dtype)
        v[at] = 1
        yield wrap(v)


def analytical_jacobian(inputs: Sequence[Any], output: Tensor, s: Settings, v: Tensor | None = None) -> list[Tensor]:
    """The Jacobian of an output with respect to each input (with `v`: the one column v J), computed twice and checked."""
    targets = [t for _, t in _wanting(inputs)]

    def once() -> tuple[list[np.ndarray], bool, bool]:
        vectors = _basis(output) if v is None else [v.reshape(output.shape)]
        types, sizes = True, True
        made = []
        for t, column in zip(targets, _rows(output, targets, vectors), strict=True):
            jac = np.zeros((t._a.size, output._a.size if v is None else 1), t._a.dtype)
            for j, g in enumerate(column):
                if g is None:
                    continue
                if g._a.shape != t._a.shape:
                    sizes = False
                elif g._a.dtype != t._a.dtype:
                    types = False
                if g._a.size != t._a.size:
                    raise AssertionError(
                        f"Expected out_jacobian column to have {g._a.size} elements, but got {t._a.size}"
                    )
                jac[:, j] = g._a.reshape(-1)
            made.append(jac)
        return made, types, sizes

    first, types, sizes = once()
    second, _, _ = once()
    if not types and s.check_grad_dtypes:
        raise GradcheckError("Gradient has dtype mismatch")
    if not sizes:
        raise GradcheckError("Analytical gradient has incorrect size")
    for a, b in zip(first, second, strict=True):
        if a.size and np.abs(a - b).max() > s.nondet_tol:
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                "different values, although analytical gradient matches numerical gradient."
                f"The tolerance for nondeterminism was {s.nondet_tol}." + NONDETERMINISTIC
            )
    return [wrap(a) for a in first]
