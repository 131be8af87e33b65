"""Padding: with a constant, or with elements of the tensor itself.

Padding by reflection or replication picks elements by index, one dimension after the other; its gradient adds what
arrives at each copy back to the element it came from.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .layout import laid_like
from .spec import op


def _widths(pad: Any, ndim: int) -> list[tuple[int, int]]:
    """PyTorch's flat list (last dimension first) as (before, after) per dimension."""
    out = [(0, 0)] * ndim
    for i in range(len(pad) // 2):
        out[ndim - 1 - i] = (pad[2 * i], pad[2 * i + 1])
    return out


@op("constant_pad_nd", grad=dict(self=lambda grad, pad: constant_pad_nd(grad, [-p for p in pad], 0)), tensors="self",
    node="ConstantPadNdBackward0", method=False)  # fmt: skip
def constant_pad_nd(self, pad, value=0):
    widths = _widths(pad, self.ndim)
    cut = self[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(self.shape, widths))]
    value = np.asarray(0 if value is None else value).astype(self.dtype)
    return laid_like(np.pad(cut, [(max(a, 0), max(b, 0)) for a, b in widths], constant_values=value), self)


def _sources(n: int, before: int, after: int, mode: str) -> np.ndarray:
    """For each place of a padded dimension, the index of the element that it shows."""
    at = np.arange(-before, n + after)
    if mode == "replicate":
        return np.clip(at, 0, n - 1)
    at = np.abs(at)
    return np.where(at >= n, 2 * (n - 1) - at, at)


def _pad(self: np.ndarray, pad: Any, mode: str) -> np.ndarray:
    out = self
    for d, (a, b) in enumerate(_widths(pad, self.ndim)):
        if a or b:
            out = np.take(out, _sources(self.shape[d], a, b, mode), axis=d)
    return out if out is not self else self.copy()


def _unpad(grad: np.ndarray, pad: Any, mode: str, shape: Any) -> np.ndarray:
    for d, (a, b) in enumerate(_widths(pad, len(shape))):
        if a or b:
            out = np.zeros((*grad.shape[:d], shape[d], *grad.shape[d + 1 :]), grad.dtype)
            at: Any = (*[slice(None)] * d, _sources(shape[d], a, b, mode))
            np.add.at(out, at, grad)
            grad = out
    return grad


def _mode(mode: str, word: str) -> dict[int, Any]:
    """The rows of one mode for 1, 2 and 3 padded dimensions; the derivative of the derivative is padding again."""
    rows: dict[int, Any] = {}
    for n in (1, 2, 3):
        node = f"{word}Pad{n}D"

        def forward(self: Any, padding: Any) -> Any:
            return _pad(self, padding, mode)

        def backward(grad_output: Any, padding: Any, shape: Any) -> Any:
            return _unpad(grad_output, padding, mode, shape)

        name = f"{word.lower()}_pad{n}d"
        back = op(
            name + "_backward",
            grad={"grad_output": _again(rows, n)},
            tensors="grad_output",
            node=node + "BackwardBackward0",
            function=False,
            method=False,
        )(backward)
        rows[n] = op(
            name,
            grad={"self": _grad_of(back)},
            tensors="self",
            node=node + "Backward0",
            function=False,
            method=False,
        )(forward)
    return rows


def _again(rows: dict[int, Any], n: int) -> Any:
    def again(grad, padding):  # type: ignore[no-untyped-def]
        return rows[n](grad, padding)

    return again


def _grad_of(back: Any) -> Any:
    def grad_of(grad, self_sizes, padding):  # type: ignore[no-untyped-def]
        return back(grad, padding, self_sizes)

    return grad_of


reflection = _mode("reflect", "Reflection")
replication = _mode("replicate", "Replication")
