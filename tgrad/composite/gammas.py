"""Gamma and Dirichlet numbers, which `torch.distributions` is made of."""

from __future__ import annotations

from typing import Any

from ..levels import drawing
from ..ops import gammas as rows
from .random import gen


def _standard_gamma(self, generator=None):
    """A gamma number of rate 1 for each concentration in `self` (float32 or float64), differentiable with respect to it.

    >>> _ = torch.manual_seed(0)
    >>> torch._standard_gamma(torch.tensor([2.0, 0.5])).shape
    torch.Size([2])
    """
    return rows.standard_gamma.record(self, gen(generator).gamma(self._a))


def _sample_dirichlet(self, generator=None):
    """Numbers that add up to 1 along the last dimension, for the concentrations in `self` (float32 or float64).

    >>> torch._sample_dirichlet(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return rows.sample_dirichlet.record(self, gen(generator).dirichlet(self._a))


def _standard_gamma_grad(self, output):
    """How gamma numbers `output` move with the concentrations `self` that they were drawn for."""
    return rows.standard_gamma_grad.record(self, output)


def _dirichlet_grad(x, alpha, total):
    """How Beta numbers `x` move with `alpha`, divided by 1 - x; `total` is the sum of the two parameters."""
    return rows.dirichlet_grad.record(x, alpha, total)


NAMES: dict[str, Any] = {
    "_standard_gamma": drawing(_standard_gamma),
    "_sample_dirichlet": drawing(_sample_dirichlet),
    "_standard_gamma_grad": _standard_gamma_grad,
    "_dirichlet_grad": _dirichlet_grad,
}
