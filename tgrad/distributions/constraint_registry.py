"""From the whole space onto where a constraint holds: `biject_to` one to one, `transform_to` perhaps not.

>>> torch.distributions.transform_to(torch.distributions.constraints.positive)(torch.tensor(0.0))
tensor(1.)
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

from . import constraints, transforms

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Which transform leads onto a constraint. `register(constraint, factory)` adds one, as a decorator too."""

    def __init__(self) -> None:
        self._registry: dict[type, Callable[[Any], Any]] = {}

    def register(self, constraint: Any, factory: Any = None) -> Any:
        """Registers `factory`, a function of the constraint, for a constraint's class (or that of an instance)."""
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        if isinstance(constraint, constraints.Constraint):
            constraint = type(constraint)
        if not isinstance(constraint, type) or not issubclass(constraint, constraints.Constraint):
            raise TypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}")
        self._registry[constraint] = factory
        return factory

    def __call__(self, constraint: Any) -> Any:
        try:
            factory = self._registry[type(constraint)]
        except KeyError:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints") from None
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _is(bound: Any, number: int) -> bool:
    return isinstance(bound, Number) and bound == number


def _onto_interval(c: Any) -> Any:
    if _is(c.lower_bound, 0) and _is(c.upper_bound, 1):
        return transforms.SigmoidTransform()
    stretch = transforms.AffineTransform(c.lower_bound, c.upper_bound - c.lower_bound)
    return transforms.ComposeTransform([transforms.SigmoidTransform(), stretch])


def _half_line(bound: str, direction: int) -> Callable[[Any], Any]:
    def onto(c: Any) -> Any:
        move = transforms.AffineTransform(getattr(c, bound), direction)
        return transforms.ComposeTransform([transforms.ExpTransform(), move])

    return onto


def _parts_by(registry: ConstraintRegistry) -> dict[Any, Callable[[Any], Any]]:
    """Of constraints that are made of others: by the same registry."""
    return {
        constraints.independent: lambda c: transforms.IndependentTransform(
            registry(c.base_constraint), c.reinterpreted_batch_ndims
        ),
        constraints.cat: lambda c: transforms.CatTransform([registry(part) for part in c.cseq], c.dim, c.lengths),
        constraints.stack: lambda c: transforms.StackTransform([registry(part) for part in c.cseq], c.dim),
    }


_BOTH: dict[Any, Callable[[Any], Any]] = {
    constraints.real: lambda c: transforms.identity_transform,
    constraints.positive: lambda c: transforms.ExpTransform(),
    constraints.nonnegative: lambda c: transforms.ExpTransform(),
    constraints.greater_than: _half_line("lower_bound", 1),
    constraints.greater_than_eq: _half_line("lower_bound", 1),
    constraints.less_than: _half_line("upper_bound", -1),
    constraints.interval: _onto_interval,
    constraints.half_open_interval: _onto_interval,
    constraints.corr_cholesky: lambda c: transforms.CorrCholeskyTransform(),
}
# `positive` and `nonnegative` are half lines of a class that is registered again: like PyTorch, the later one counts.
for _registry in (biject_to, transform_to):
    for _constraint, _factory in {**_BOTH, **_parts_by(_registry)}.items():
        _registry.register(_constraint, _factory)
biject_to.register(constraints.simplex, lambda c: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda c: transforms.SoftmaxTransform())
transform_to.register(constraints.lower_cholesky, lambda c: transforms.LowerCholeskyTransform())
transform_to.register(constraints.positive_definite, lambda c: transforms.PositiveDefiniteTransform())
transform_to.register(constraints.positive_semidefinite, lambda c: transforms.PositiveDefiniteTransform())
