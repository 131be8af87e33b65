"""The same thing made in tgrad and in PyTorch."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

import tgrad


def pair(torch: ModuleType, *shape: int, seed: int = 0, dtype: str = "float64", grad: bool = True) -> tuple[Any, Any]:
    """(tgrad tensor, PyTorch tensor) with the same normal numbers."""
    a = np.random.default_rng(seed).standard_normal(shape)
    return (
        tgrad.tensor(a.tolist(), dtype=getattr(tgrad, dtype)).requires_grad_(grad),
        torch.tensor(a.tolist(), dtype=getattr(torch, dtype)).requires_grad_(grad),
    )


def array(t: Any) -> np.ndarray:
    return t.detach().numpy()


def same(mine: Any, theirs: Any, tolerance: float = 1e-12) -> None:
    """Equal values, dtype, shape and node name."""
    assert str(mine.dtype) == str(theirs.dtype)
    assert tuple(mine.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(array(mine), array(theirs), rtol=tolerance, atol=tolerance)


def node(t: Any) -> str | None:
    return t.grad_fn.name() if t.grad_fn is not None else None


def message(call: Any) -> tuple[str, str]:
    """The type and text of the error that a call raises."""
    try:
        call()
    except Exception as e:
        return type(e).__name__, str(e)
    raise AssertionError("no error")
