"""What distributions share: parameters brought to one shape, probabilities and logits, values that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from numbers import Number
from typing import Any

from .. import functions as F
from ..dtype import finfo, get_default_dtype
from ..graph.modes import enable_grad
from ..nn import functional
from ..shape import Size
from ..tensor import Tensor

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "tril_matrix_to_vec", "vec_to_tril_matrix",
]  # fmt: skip

SCALAR = Size()
euler_constant = 0.57721566490153286060


def broadcast_all(*values: Any) -> tuple[Any, ...]:
    """The values as tensors of one shape. Numbers take the dtype of the first tensor, or the default dtype if there is none.

    Anything but numbers and tensors is a ValueError.

    >>> torch.distributions.utils.broadcast_all(0.5, torch.zeros(2))
    (tensor([0.5000, 0.5000]), tensor([0., 0.]))
    """
    tensors = [hasattr(type(v), "__torch_function__") for v in values]
    if not all(t or isinstance(v, Number) for t, v in zip(tensors, values, strict=True)):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    if not all(tensors):
        dtype = next((v.dtype for v in values if isinstance(v, Tensor)), get_default_dtype())
        values = tuple(v if t else F.tensor(v, dtype=dtype) for t, v in zip(tensors, values, strict=True))
    return tuple(F.broadcast_tensors(*values))


def all_true(valid: Any) -> bool:
    """Whether all are true; inside `vmap` that means all samples, so that arguments can be checked there, too."""
    while hasattr(valid, "_level"):
        (valid,) = valid.parts()[:1]
    return bool(valid.all())


def _standard_normal(shape: Any, dtype: Any, device: Any) -> Any:
    return F.empty(shape, dtype=dtype, device=device).normal_()


def _sum_rightmost(value: Any, dim: int) -> Any:
    """Summed over the last `dim` dimensions."""
    if dim == 0:
        return value
    return value.reshape(value.shape[:-dim] + (-1,)).sum(-1)


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """Probabilities of logits: a sigmoid of each where `is_binary`, else a softmax over the last dimension.

    >>> torch.distributions.utils.logits_to_probs(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """
    return F.sigmoid(logits) if is_binary else functional.softmax(logits, dim=-1)


def clamp_probs(probs: Any) -> Any:
    """Probabilities moved off 0 and 1 by the dtype's resolution, so that their logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """Logits of probabilities: log(p / (1 - p)) where `is_binary`, else log(p); 0 and 1 are clamped first.

    >>> torch.distributions.utils.probs_to_logits(torch.tensor([0.5]), is_binary=True)
    tensor([0.])
    """
    p = clamp_probs(probs)
    return F.log(p) - F.log1p(-p) if is_binary else F.log(p)


class lazy_property:
    """Decorator: an attribute that is computed when first read, with gradients recorded, and kept."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, obj_type: Any = None) -> Any:
        if instance is None:
            return _lazy_property_and_property(self.wrapped)
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


class _lazy_property_and_property(lazy_property, property):
    """What a class shows for a lazy property: documentation tools know it for a property."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        property.__init__(self, wrapped)


def _below(n: int, diag: int) -> Any:
    """Which places of an n x n matrix lie on the diagonal `diag` or below it."""
    column = F.arange(n)
    return column < column.view(-1, 1) + (diag + 1)


def tril_matrix_to_vec(mat: Any, diag: int = 0) -> Any:
    """The entries on and below a diagonal of matrices [..., n, n], row by row: [..., k].

    >>> torch.distributions.utils.tril_matrix_to_vec(torch.tensor([[1.0, 0.0], [2.0, 3.0]]))
    tensor([1., 2., 3.])
    """
    n = mat.shape[-1]
    if diag < -n or diag >= n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    return mat[..., _below(n, diag)]


def vec_to_tril_matrix(vec: Any, diag: int = 0) -> Any:
    """The inverse of `tril_matrix_to_vec`: [..., k] to [..., n, n], zeros above the diagonal.

    >>> torch.distributions.utils.vec_to_tril_matrix(torch.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 0.],
            [2., 3.]])
    """
    # The positive root of the quadratic equation for n that the number of entries gives.
    odd = 1 + 2 * diag
    n = (-odd + (odd**2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) - n > finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {vec.shape[-1]} which cannot be expressed as "
            "the lower triangular part of a square D x D matrix."
        )
    n = round(n)
    mat = vec.new_zeros(vec.shape[:-1] + Size((n, n)))
    mat[..., _below(n, diag)] = vec
    return mat
