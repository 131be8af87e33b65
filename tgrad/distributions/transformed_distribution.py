"""What becomes of a distribution when its values are transformed."""

from __future__ import annotations

from typing import Any, ClassVar

from ..graph.modes import no_grad
from ..shape import Size
from . import constraints
from .distribution import Distribution
from .independent import Independent
from .transforms import ComposeTransform, Transform
from .utils import SCALAR, _sum_rightmost

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    """y = t(x) with x of `base_distribution`, for one transform or a list of them, one after the other.

    log p(y) = log p(x) - log |dy/dx|.

    >>> normal = torch.distributions.Normal(0.0, 1.0)
    >>> torch.distributions.TransformedDistribution(normal, torch.distributions.ExpTransform()).log_prob(torch.tensor(1.0))
    tensor(-0.9189)
    """

    arg_constraints: ClassVar[Any] = {}

    def __init__(self, base_distribution: Any, transforms: Any, validate_args: bool | None = None) -> None:
        if isinstance(transforms, Transform):
            self.transforms = [transforms]
        elif isinstance(transforms, list):
            if not all(isinstance(t, Transform) for t in transforms):
                raise ValueError("transforms must be a Transform or a list of Transforms")
            self.transforms = transforms
        else:
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
        base = base_distribution
        shape, base_event = base.batch_shape + base.event_shape, len(base.event_shape)
        whole = ComposeTransform(self.transforms)
        taken, given = whole.domain.event_dim, whole.codomain.event_dim
        if len(shape) < taken:
            raise ValueError(f"base_distribution needs to have shape with size at least {taken}, but got {shape}.")
        # Parameters of the transforms may be batched more than the base, which is expanded then.
        out = whole.forward_shape(shape)
        wanted = whole.inverse_shape(out)
        if shape != wanted:
            base = base.expand(wanted[: len(wanted) - base_event])
        if taken > base_event:
            base = Independent(base, taken - base_event)
        self.base_dist = base
        event_dim = max(given, base_event + given - taken)
        if len(out) < event_dim:
            raise AssertionError(f"forward_shape length {len(out)} must be >= event_dim {event_dim}")
        cut = len(out) - event_dim
        super().__init__(out[:cut], out[cut:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        owner = next(c for c in type(self).__mro__ if c.__module__.startswith(__package__ or ""))
        new = self._get_checked_instance(owner, _instance)
        for name in self._expands:
            setattr(new, name, self.__dict__[name].expand(batch_shape))
        batch_shape = Size(batch_shape)
        shape = batch_shape + self.event_shape
        for t in reversed(self.transforms):
            shape = t.inverse_shape(shape)
        new.base_dist = self.base_dist.expand(shape[: len(shape) - len(self.base_dist.event_shape)])
        new.transforms = self.transforms
        Distribution.__init__(new, batch_shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        last = self.transforms[-1].codomain
        more = len(self.event_shape) - last.event_dim
        return constraints.independent(last, more) if more > 0 else last

    @property
    def has_rsample(self) -> Any:
        return self.base_dist.has_rsample

    def sample(self, sample_shape: Any = SCALAR) -> Any:
        with no_grad():
            return self._transformed(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = SCALAR) -> Any:
        return self._transformed(self.base_dist.rsample(sample_shape))

    def _transformed(self, x: Any) -> Any:
        for t in self.transforms:
            x = t(x)
        return x

    def log_prob(self, value: Any) -> Any:
        y, n, result = self._checked(value), len(self.event_shape), 0.0
        for t in reversed(self.transforms):
            x = t.inv(y)
            n += t.domain.event_dim - t.codomain.event_dim
            result = result - _sum_rightmost(t.log_abs_det_jacobian(x, y), n - t.domain.event_dim)
            y = x
        return result + _sum_rightmost(self.base_dist.log_prob(y), n - len(self.base_dist.event_shape))

    def _monotonize_cdf(self, value: Any) -> Any:
        """Probabilities turned round where the transforms together fall rather than grow."""
        sign: Any = 1
        for t in self.transforms:
            sign = sign * t.sign
        if isinstance(sign, int) and sign == 1:
            return value
        return sign * (value - 0.5) + 0.5

    def cdf(self, value: Any) -> Any:
        for t in reversed(self.transforms):
            value = t.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._monotonize_cdf(self.base_dist.cdf(value))

    def icdf(self, value: Any) -> Any:
        return self._transformed(self.base_dist.icdf(self._monotonize_cdf(value)))
