"""Exponential families, whose entropy follows from the derivative of the log normalizer."""

from __future__ import annotations

from typing import Any

from ..autograd import grad
from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Densities exp(<t(x), theta> - F(theta) + k(x)): theta are the `_natural_params`, F is `_log_normalizer`.

    `_mean_carrier_measure` is the expectation of k. The entropy is F - <theta, dF/dtheta> less that.
    """

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Any) -> Any:
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> float:
        raise NotImplementedError

    def entropy(self) -> Any:
        carrier = self._mean_carrier_measure
        params = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*params)
        slopes = grad(normalizer.sum(), params, create_graph=True)
        result = normalizer - carrier
        for p, slope in zip(params, slopes, strict=True):
            result = result - (p * slope).reshape(self._batch_shape + (-1,)).sum(-1)
        return result
