"""Maps onto the simplex."""

from __future__ import annotations

from typing import Any

from .. import functions as F
from ..dtype import finfo
from ..nn.functional import logsigmoid, pad
from . import constraints
from ._mapping import Transform, require_dims


def _clipped_sigmoid(x: Any) -> Any:
    info = finfo(x.dtype)
    return F.clamp(F.sigmoid(x), min=info.tiny, max=1.0 - info.eps)


class SoftmaxTransform(Transform):
    """Softmax over the last dimension. It is no bijection: its inverse is the logarithm."""

    domain = constraints.real_vector
    codomain = constraints.simplex

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftmaxTransform)

    __hash__ = None  # type: ignore[assignment]

    def _call(self, x: Any) -> Any:
        weights = (x - x.max(-1, True)[0]).exp()
        return weights / weights.sum(-1, True)

    def _inverse(self, y: Any) -> Any:
        return y.log()

    def forward_shape(self, shape: Any) -> Any:
        require_dims(shape, 1)
        return shape

    def inverse_shape(self, shape: Any) -> Any:
        require_dims(shape, 1)
        return shape


def _left(template: Any, count: int, start: int) -> Any:
    """start - 1, start - 2, ...: into how many parts what is left of the stick would be broken evenly."""
    return start - template.new_ones(count).cumsum(-1)


class StickBreakingTransform(Transform):
    """From K numbers to K + 1 that add up to 1: each breaks its share off what is left of a stick. 0 gives equal shares."""

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StickBreakingTransform)

    __hash__ = None  # type: ignore[assignment]

    def _call(self, x: Any) -> Any:
        n = x.shape[-1]
        share = _clipped_sigmoid(x - _left(x, n, n + 1).log())
        return pad(share, [0, 1], value=1) * pad((1 - share).cumprod(-1), [1, 0], value=1)

    def _inverse(self, y: Any) -> Any:
        parts = y[..., :-1]
        rest = F.clamp(1 - parts.cumsum(-1), min=finfo(y.dtype).tiny)
        return parts.log() - rest.log() + _left(y, parts.shape[-1], y.shape[-1]).log()

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        n = x.shape[-1]
        x = x - _left(x, n, n + 1).log()
        return (-x + logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        require_dims(shape, 1)
        return shape[:-1] + (shape[-1] + 1,)

    def inverse_shape(self, shape: Any) -> Any:
        require_dims(shape, 1)
        return shape[:-1] + (shape[-1] - 1,)
