"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ... import functions as fn
from ...tensor import Tensor
from ..modules.names import typename


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements of all parameters, one after the other."""
    return fn.cat([p.view(-1) for p in parameters])  # type: ignore[attr-defined]


def vector_to_parameters(vec: Any, parameters: Iterable[Tensor]) -> None:
    """Gives the parameters the values of a vector, each its own slice."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    at = 0
    for p in parameters:
        n = p.numel()
        p.data = vec[at : at + n].view_as(p).data  # type: ignore[index]
        at += n


__all__ = ["parameters_to_vector", "vector_to_parameters"]
