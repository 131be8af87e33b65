"""The von Mises distribution."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .. import functions as F
from ..dtype import bool_ as bool_dtype
from ..dtype import float64
from ..graph.modes import no_grad
from ..shape import Size
from . import constraints
from .distribution import Distribution
from .utils import SCALAR, lazy_property

__all__ = ["VonMises"]


# Polynomials for the modified Bessel functions of order 0 and 1, up to 3.75 and beyond (Abramowitz and Stegun, 9.8.1 to 9.8.4).
_SMALL = (
    (1.0, 3.5156229, 3.0899424, 1.2067492, 0.2659732, 0.360768e-1, 0.45813e-2),
    (0.5, 0.87890594, 0.51498869, 0.15084934, 0.2658733e-1, 0.301532e-2, 0.32411e-3),
)
_LARGE = (
    (
        0.39894228,
        0.1328592e-1,
        0.225319e-2,
        -0.157565e-2,
        0.916281e-2,
        -0.2057706e-1,
        0.2635537e-1,
        -0.1647633e-1,
        0.392377e-2,
    ),
    (
        0.39894228,
        -0.3988024e-1,
        -0.362018e-2,
        0.163801e-2,
        -0.1031555e-1,
        0.2282967e-1,
        -0.2895312e-1,
        0.1787654e-1,
        -0.420059e-2,
    ),
)


def _polynomial(y: Any, coefficients: tuple[float, ...]) -> Any:
    result: Any = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        result = c + y * result
    return result


def _log_modified_bessel_fn(x: Any, order: int = 0) -> Any:
    """log I_order(x) for positive x, to about seven digits."""
    if order not in (0, 1):
        raise AssertionError(f"order must be 0 or 1, got {order}")
    ratio = x / 3.75
    small = _polynomial(ratio * ratio, _SMALL[order])
    small = (x.abs() * small if order == 1 else small).log()
    large = x - 0.5 * x.log() + _polynomial(3.75 / x, _LARGE[order]).log()
    return F.where(x < 3.75, small, large)


class VonMises(Distribution):
    """A normal distribution wound round the circle, nearly: angles around `loc`, the closer the larger `concentration`.

    Drawn in float64 by the rejection method of Best and Fisher (1979).

    >>> torch.distributions.VonMises(torch.tensor([1.0]), torch.tensor([1.0])).mean
    tensor([1.])
    """

    arg_constraints: ClassVar[Any] = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False
    loc: Any
    concentration: Any

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        super().__init__(self._broadcast(loc=loc, concentration=concentration), Size(), validate_args)

    def log_prob(self, value: Any) -> Any:
        result = self.concentration * F.cos(self._checked(value) - self.loc)
        return result - math.log(2 * math.pi) - _log_modified_bessel_fn(self.concentration, order=0)

    @lazy_property
    def _loc(self) -> Any:
        return self.loc.to(float64)

    @lazy_property
    def _concentration(self) -> Any:
        return self.concentration.to(float64)

    @lazy_property
    def _proposal_r(self) -> Any:
        kappa = self._concentration
        tau = 1 + (1 + 4 * kappa**2).sqrt()
        rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
        return F.where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        with no_grad():
            shape, r = self._extended_shape(sample_shape), self._proposal_r
            x = F.empty(shape, dtype=float64)
            done = F.zeros(shape, dtype=bool_dtype)
            while not done.all():
                # All places are proposed anew in each round; accepted ones may change again, as in PyTorch.
                u1, u2, u3 = F.rand((3, *shape), dtype=float64).unbind()
                z = F.cos(math.pi * u1)
                f = (1 + r * z) / (r + z)
                c = self._concentration * (r - f)
                accept = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
                x = F.where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
            return ((x + math.pi + self._loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        validate_args = self.__dict__.get("_validate_args")
        return type(self)(
            self.loc.expand(batch_shape), self.concentration.expand(batch_shape), validate_args=validate_args
        )

    @property
    def mean(self) -> Any:
        """The direction of the mean."""
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @lazy_property
    def variance(self) -> Any:
        """The circular variance."""
        kappa = self.concentration
        return 1 - (_log_modified_bessel_fn(kappa, order=1) - _log_modified_bessel_fn(kappa, order=0)).exp()
