"""The same thing made in tgrad and in PyTorch."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
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


def outcome(call: Any) -> Any:
    """What a call gives as text, or the type and text of its error, so that both libraries can be compared."""
    try:
        return _text(call())
    except Exception as e:
        return type(e).__name__, _text(str(e))


def _text(value: Any) -> Any:
    """Places of objects and the libraries' own names taken out."""
    if isinstance(value, (tuple, list)):
        return tuple(_text(v) for v in value)
    return re.sub(r"0x[0-9a-f]+", "0x", repr(value) if not isinstance(value, str) else value).replace(
        "tgrad.", "torch."
    )


def noting(T: Any, act: Callable[[Any], Any]) -> Any:
    """The warnings of an action, and what it gives."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        out = act(T)
    return [(w.category.__name__, str(w.message)) for w in seen], out


class Log(list):  # type: ignore[type-arg]
    def note(self, *what: Any) -> None:
        self.append([w.tolist() if hasattr(w, "tolist") else w for w in what])
