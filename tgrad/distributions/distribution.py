"""The base of all distributions.

Note [Expanding]
A distribution names its parameters once, in `_expands`: name -> how many of the last dimensions belong to one event (none for a
normal's `loc`, one for a categorical's `logits`). `expand` is made from that: each parameter that is there is expanded (another
distribution among them by its own `expand`), what `_keeps` names is handed on, and no argument is checked again.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from .. import functions as F
from ..graph.modes import no_grad
from ..shape import Size
from ..tensor import Tensor
from .constraints import is_dependent
from .utils import SCALAR, all_true, broadcast_all, lazy_property

__all__ = ["Distribution"]


class Distribution:
    """A batch of distributions: `batch_shape` independent ones, each over events of `event_shape`.

    With `validate_args` (the default, unless Python runs with -O) parameters and values are checked against
    `arg_constraints` and `support`: ValueError.
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    _validate_args: bool = __debug__
    _expands: ClassVar[Any] = {}
    _keeps: tuple[str, ...] = ()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether arguments are checked where a constructor does not say."""
        if value not in [True, False]:
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = SCALAR, event_shape: Any = SCALAR, validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = batch_shape, event_shape
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()

    def _check_parameters(self) -> None:
        try:
            constraints = self.arg_constraints
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize the "
                "distribution with `validate_args=False` to turn off validation.",
                stacklevel=4,
            )
            return
        for name, constraint in constraints.items():
            if is_dependent(constraint):
                continue
            if name not in self.__dict__ and isinstance(getattr(type(self), name), lazy_property):
                continue  # made of another parameter, which is checked
            value = getattr(self, name)
            if not all_true(constraint.check(value)):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution {self!r} "
                    f"to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def _broadcast(self, **parameters: Any) -> Any:
        """Keeps parameters, brought to one shape, under their names; returns that shape."""
        tensors = broadcast_all(*parameters.values())
        for name, value in zip(parameters, tensors, strict=True):
            setattr(self, name, value)
        return tensors[0].size()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution for a larger batch, without copies. See Note [Expanding]."""
        if not self._expands:
            raise NotImplementedError
        owner = next(c for c in type(self).__mro__ if c.__module__.startswith(__package__ or ""))
        new = self._get_checked_instance(owner, _instance)
        batch_shape = Size(batch_shape)
        for name, last in self._expands.items():
            if name in self.__dict__:
                value = self.__dict__[name]
                shape = value.batch_shape if isinstance(value, Distribution) else value.shape
                setattr(new, name, value.expand(batch_shape + shape[len(shape) - last :]))
        for name in self._keeps:
            setattr(new, name, self.__dict__[name])
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def batch_shape(self) -> Any:
        """The shape of the batch of distributions."""
        return self._batch_shape

    @property
    def event_shape(self) -> Any:
        """The shape of one value of one of them."""
        return self._event_shape

    @property
    def arg_constraints(self) -> Any:
        """The constraint of each parameter, by its name."""
        raise NotImplementedError

    @property
    def support(self) -> Any:
        """The constraint that values satisfy."""
        raise NotImplementedError

    @property
    def mean(self) -> Any:
        """The expectation."""
        raise NotImplementedError

    @property
    def mode(self) -> Any:
        """The most probable value."""
        raise NotImplementedError(f"{self.__class__} does not implement mode")

    @property
    def variance(self) -> Any:
        """The variance of each component."""
        raise NotImplementedError

    @property
    def stddev(self) -> Any:
        """The square root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        """Values of the shape sample_shape + batch_shape + event_shape, without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = SCALAR) -> Any:
        """The same, differentiable with respect to the parameters."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Any:
        """Deprecated: `sample((n,))`."""
        warnings.warn("`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", FutureWarning, stacklevel=2)
        return self.sample(Size((n,)))

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density, or of the probability, of values."""
        raise NotImplementedError

    def cdf(self, value: Any) -> Any:
        """The probability of values up to `value`."""
        raise NotImplementedError

    def icdf(self, value: Any) -> Any:
        """The inverse of `cdf`."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values of a discrete distribution, along a new first dimension."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """The expectation of -log_prob."""
        raise NotImplementedError

    def perplexity(self) -> Any:
        """exp(entropy)."""
        return F.exp(self.entropy())

    def _extended_shape(self, sample_shape: Any = SCALAR) -> Any:
        return Size(Size(sample_shape) + self._batch_shape + self._event_shape)

    def _enumerated(self, values: Any, expand: bool) -> Any:
        """Values of a scalar, one for each place of a new first dimension in front of the batch."""
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values

    def _checked(self, value: Any) -> Any:
        """Checks a value, where arguments are checked."""
        if self._validate_args:
            self._validate_sample(value)
        return value

    def _validate_sample(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        actual, event = value.size(), self._event_shape
        if actual[len(actual) - len(event) :] != event:
            raise ValueError(f"The right-most size of value must match event_shape: {actual} vs {event}.")
        expected = self._batch_shape + event
        for i, j in zip(reversed(actual), reversed(expected), strict=False):
            if i != 1 and j != 1 and i != j:
                raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {actual} vs {expected}.")
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `support` to enable sample validation. Please initialize the distribution with "
                "`validate_args=False` to turn off validation.",
                stacklevel=3,
            )
            return
        if support is None:
            raise AssertionError("support is unexpectedly None")
        if not all_true(support.check(value)):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the support "
                f"({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        if _instance is not None:
            return _instance
        if type(self).__init__ != cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method "
                "must also define a custom .expand() method."
            )
        return self.__new__(type(self))

    def __repr__(self) -> str:
        own = [(n, self.__dict__[n]) for n in self.arg_constraints if n in self.__dict__]
        shown = ", ".join(f"{n}: {v if v.numel() == 1 else v.size()}" for n, v in own)
        return f"{type(self).__name__}({shown})"
