"""A weight from its direction and its magnitudes: what weight normalisation computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .spec import in_rows, op


def _rest(v: Any, dim: int) -> tuple[int, ...]:
    return tuple(d for d in range(v.ndim) if d != dim)


def _norms(v: np.ndarray, dim: int) -> np.ndarray:
    wide = v.astype(np.float32) if v.dtype.itemsize == 2 else v
    return np.sqrt(np.add.reduce(wide * wide, axis=_rest(v, dim), keepdims=True))


def _grad(grad: Any, v: Any, g: Any, dim: int, result1: Any, needs: Any) -> tuple[Any, Any]:
    """Through w = v g / |v|. Over Tensors the norms are computed again, so that they know that they depend on v."""
    grad = grad[0] if isinstance(grad, (list, tuple)) else grad
    rest = _rest(v, dim)
    if isinstance(v, np.ndarray):
        norms = result1
        along = np.add.reduce(grad * v, axis=rest, keepdims=True)
    else:
        norms = (v * v).sum(rest, keepdim=True).sqrt()
        along = (grad * v).sum(rest, keepdim=True)
    return (
        (g / norms) * (grad - v * (along / (norms * norms))) if needs[0] else None,
        along / norms if needs[1] else None,
    )


@op(
    "_weight_norm_interface",
    grad={"v g": lambda grad, v, g, dim, result1, needs: _grad(grad, v, g, dim, result1, needs)},
    tensors="v g",
    outputs="w norms",
    undiff="norms",
    node="WeightNormInterfaceBackward0",
    function=False,
    method=False,
)
def weight_norm_interface(v, g, dim=0):
    norms = _norms(v, dim)
    w = v * (g.astype(norms.dtype, copy=False) / norms)
    return in_rows(w.astype(v.dtype, copy=False)), norms
