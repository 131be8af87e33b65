"""Transforms, constraints and the registries between them, next to PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import tgrad

from .cases import A, C, L, P, R, V
from .test_distributions import compare_gradients, gradients, outcome, same

SQUARE = [[0.3, -1.0, 0.2], [1.2, 0.5, 0.1], [-0.4, 0.8, -0.6]]
TRANSFORMS: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "exp": (lambda D, t: D.ExpTransform(), R),
    "power": (lambda D, t: D.PowerTransform(t(-1.5)), A),
    "sigmoid": (lambda D, t: D.SigmoidTransform(), R),
    "softplus": (lambda D, t: D.SoftplusTransform(), R),
    "tanh": (lambda D, t: D.TanhTransform(), R),
    "tanh cached": (lambda D, t: D.TanhTransform(cache_size=1), R),
    "abs": (lambda D, t: D.AbsTransform(), R),
    "affine": (lambda D, t: D.AffineTransform(1.0, -2.0), R),
    "affine tensors": (lambda D, t: D.AffineTransform(t([1.0, 2.0, 3.0]), t(A), event_dim=1), R),
    "affine zero": (lambda D, t: D.AffineTransform(t(0.5), 3), R),
    "softmax": (lambda D, t: D.SoftmaxTransform(), R),
    "stick": (lambda D, t: D.StickBreakingTransform(), R),
    "cholesky": (lambda D, t: D.LowerCholeskyTransform(), SQUARE),
    "definite": (lambda D, t: D.PositiveDefiniteTransform(), SQUARE),
    "correlation": (lambda D, t: D.CorrCholeskyTransform(), R),
    "reshape": (lambda D, t: D.ReshapeTransform((2, 3), (3, 2)), R),
    "independent": (lambda D, t: D.IndependentTransform(D.ExpTransform(), 1), R),
    "cat": (lambda D, t: D.CatTransform([D.ExpTransform(), D.TanhTransform()], dim=1, lengths=[1, 2]), R),
    "cat events": (lambda D, t: D.CatTransform([D.ExpTransform(), D.AffineTransform(0.0, 2.0, event_dim=1)], dim=0), R),
    "stack": (lambda D, t: D.StackTransform([D.ExpTransform(), D.TanhTransform(), D.SigmoidTransform()], dim=1), R),
    "compose": (lambda D, t: D.ComposeTransform([D.AffineTransform(0.0, t(0.5)), D.StickBreakingTransform()]), R),
    "compose nothing": (lambda D, t: D.ComposeTransform([]), R),
    "compose cached": (lambda D, t: D.ComposeTransform([D.TanhTransform(), D.ExpTransform()], cache_size=1), R),
    "cumulative": (lambda D, t: D.CumulativeDistributionTransform(D.Normal(t(0.5), t(2.0))), R),
    "inverse": (lambda D, t: D.SigmoidTransform().inv, P),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(torch: ModuleType, name: str) -> None:
    make, values = TRANSFORMS[name]
    seen = []
    for lib in (tgrad, torch):
        leaves: list[Any] = []

        def tensor(v: Any, lib: Any = lib, leaves: list[Any] = leaves) -> Any:
            leaves.append(lib.tensor(v, dtype=lib.float64).requires_grad_())
            return leaves[-1]

        transform, x = make(lib.distributions, tensor), tensor(values)
        y = transform(x)
        jacobian = outcome(lambda f=transform, x=x, y=y: f.log_abs_det_jacobian(x, y))
        back = outcome(lambda f=transform, y=y: f.inv(y))
        tensors = [v for v in (y, jacobian, back) if hasattr(v, "grad_fn") and v.requires_grad]
        grads = [g for v in tensors for g in lib.autograd.grad(v.sum(), leaves, allow_unused=True, retain_graph=True)]
        plain = [
            outcome(lambda f=transform, n=n: getattr(f, n))
            for n in ("domain", "codomain", "bijective", "sign", "event_dim", "_cache_size")
        ]  # fmt: skip
        more = [
            repr(transform), repr(transform.inv), transform == transform.with_cache(transform._cache_size),
            transform == lib.distributions.ExpTransform(), transform.inv.inv is transform,
            outcome(lambda f=transform, x=x: f.forward_shape(x.shape)), outcome(lambda f=transform, y=y: f.inverse_shape(y.shape)),
            outcome(lambda f=transform: f.with_cache(1)._cache_size),
        ]  # fmt: skip
        seen.append((y, jacobian, back, grads, plain, more, gradients(lib, y, leaves)))
    mine, theirs = seen
    for a, b in zip(mine[:3], theirs[:3], strict=True):
        same(a, b, 1e-9, name)
    compare_gradients(mine[3], theirs[3], 1e-8, name)
    for a, b in zip(mine[4], theirs[4], strict=True):
        same(a, b, 1e-12, name)
    assert [repr(v).replace("tgrad", "torch") for v in mine[5]] == [repr(v) for v in theirs[5]]
    compare_gradients(mine[6], theirs[6], 1e-8, name)


CONSTRAINTS: dict[str, Callable[[Any], Any]] = {
    name: (lambda c, name=name: getattr(c, name))
    for name in (
        "boolean one_hot nonnegative_integer positive_integer real real_vector positive nonnegative unit_interval simplex lower_triangular "
        "lower_cholesky corr_cholesky square symmetric positive_semidefinite positive_definite"
    ).split()
} | {
    "integer_interval": lambda c: c.integer_interval(0, 2),
    "greater_than": lambda c: c.greater_than(0.5),
    "greater_than_eq": lambda c: c.greater_than_eq(1),
    "less_than": lambda c: c.less_than(1),
    "interval": lambda c: c.interval(-1, 1.5),
    "half_open_interval": lambda c: c.half_open_interval(0, 1.0),
    "multinomial": lambda c: c.multinomial(3),
    "independent": lambda c: c.independent(c.positive, 2),
    "mixture": lambda c: c.MixtureSameFamilyConstraint(c.real),
    "cat": lambda c: c.cat([c.positive, c.real], dim=-1, lengths=[1, 2]),
    "stack": lambda c: c.stack([c.positive, c.real, c.boolean], dim=-1),
    "integer_less": lambda c: c._IntegerLessThan(1),
}  # fmt: skip
SAMPLES = [
    [[0.5, 0.50001], [0.5, 0.5000001]],
    R,
    A,
    V,
    C,
    L,
    SQUARE,
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    [[0.0, 2.0, 1.0]],
    [[float("nan"), 1.0, 0.0]],
]


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(torch: ModuleType, name: str) -> None:
    mine, theirs = (CONSTRAINTS[name](lib.distributions.constraints) for lib in (tgrad, torch))
    if name not in ("cat", "stack"):  # PyTorch's shows nothing of them but the class
        assert repr(mine) == repr(theirs)
    assert (mine.is_discrete, mine.event_dim) == (theirs.is_discrete, theirs.event_dim)
    for values in SAMPLES:
        checks = [
            outcome(lambda c=c, lib=lib, values=values: c.check(lib.tensor(values, dtype=lib.float64)))
            for c, lib in ((mine, tgrad), (theirs, torch))
        ]
        if isinstance(checks[1], tuple):
            assert isinstance(checks[0], tuple) and checks[0][0] == checks[1][0]
        else:
            same(*checks, 0)


@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
def test_registries(torch: ModuleType, registry: str) -> None:
    for name, make in CONSTRAINTS.items():
        shown = []
        for lib in (tgrad, torch):
            D = lib.distributions
            found = outcome(lambda D=D, make=make: getattr(D, registry)(make(D.constraints)))
            shown.append(repr(found))
            if not isinstance(found, tuple) and name not in ("corr_cholesky", "cat", "stack"):
                square = registry == "transform_to" and name in (
                    "lower_cholesky",
                    "positive_definite",
                    "positive_semidefinite",
                )
                shown.append(
                    outcome(lambda f=found, lib=lib, s=square: f(lib.tensor(SQUARE if s else R, dtype=lib.float64)))
                )
        assert len(shown) % 2 == 0
        half = len(shown) // 2
        assert shown[0] == shown[half], name
        if half == 2:
            same(shown[1], shown[3], 1e-10, name)


def test_caches_give_back_the_input() -> None:
    t = tgrad.distributions.TanhTransform(cache_size=1)
    x = tgrad.tensor([40.0])
    assert t.inv(t(x)) is x
    assert tgrad.distributions.TanhTransform().inv(tgrad.tanh(x)).item() == float("inf")
