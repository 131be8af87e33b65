"""Parameters that are given either as probabilities or as logits; the other form is computed when asked for."""

from __future__ import annotations

from typing import Any

from .utils import lazy_property, logits_to_probs, probs_to_logits


def require_one(probs: Any, logits: Any) -> None:
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")


class Either:
    """`probs`, `logits`, and `_param`, the one that was given. `_binary`: of two outcomes each, rather than of several."""

    _binary = True

    @lazy_property
    def logits(self) -> Any:
        """The parameter as logits."""
        return probs_to_logits(self.probs, is_binary=self._binary)

    @lazy_property
    def probs(self) -> Any:
        """The parameter as probabilities."""
        return logits_to_probs(self.logits, is_binary=self._binary)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return self._param.size()

    _param: Any

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._param.new(*args, **kwargs)


class OfCategorical:
    """The same for what is made of a categorical distribution, `_categorical`."""

    _categorical: Any

    @property
    def logits(self) -> Any:
        """The parameter as normalized logits."""
        return self._categorical.logits

    @property
    def probs(self) -> Any:
        """The parameter as probabilities."""
        return self._categorical.probs

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter."""
        return self._categorical.param_shape

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._categorical._new(*args, **kwargs)
