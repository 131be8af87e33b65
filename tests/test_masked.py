"""`torch.masked` beside PyTorch's: values, dtypes, nodes and gradients, over masks of several shapes and over none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tgrad

from .ops.oracle import caught, compare, same_error, torch, twin

pytestmark = pytest.mark.filterwarnings("ignore")
REDUCED = "sum prod amax amin logsumexp mean var std".split()
ALONG = "cumsum cumprod softmax log_softmax softmin".split()
MASKS: dict[str, Any] = {
    "none": None,
    "whole": [[True, False, True], [False, False, False], [True, True, True]],
    "row": [True, False, True],
    "column": [[True], [False], [True]],
    "numbers": [[1, 0, 2]],
}


def calls() -> dict[str, Callable[[Any, Any, Any], Any]]:
    """A name for each call with (library, input, mask)."""
    made: dict[str, Callable[[Any, Any, Any], Any]] = {}
    for name in REDUCED:
        for args in ({}, dict(dim=1), dict(dim=(0, -1), keepdim=True), dict(dim=()), dict(dim=0, dtype="float64")):
            if name == "logsumexp" and "dtype" in args:
                continue  # of integers computed in float32, whatever the dtype
            made[f"{name} {args}"] = lambda T, x, m, n=name, a=args: getattr(T.masked, n)(x, **typed(T, a), mask=m)
    for name in ALONG:
        for args in (dict(dim=1), dict(dim=-2), dict(dim=0, dtype="float64")):
            made[f"{name} {args}"] = lambda T, x, m, n=name, a=args: getattr(T.masked, n)(x, **typed(T, a), mask=m)
    for name in ("argmax", "argmin"):
        for args in ({}, dict(dim=1), dict(dim=0, keepdim=True)):
            made[f"{name} {args}"] = lambda T, x, m, n=name, a=args: getattr(T.masked, n)(x, **a, mask=m)
    made["median"] = lambda T, x, m: T.masked.median(x, 1, mask=m)
    made["median keepdim"] = lambda T, x, m: T.masked.median(x, 0, keepdim=True, mask=m)
    made["logaddexp"] = lambda T, x, m: T.masked.logaddexp(x, x * 2, input_mask=m)
    made["logaddexp both"] = lambda T, x, m: T.masked.logaddexp(x, x * 2, input_mask=m, other_mask=m)
    for order in (1, 2.0, 3, float("inf"), float("-inf"), 0):
        made[f"norm {order}"] = lambda T, x, m, p=order: T.masked.norm(x, p, 1, mask=m)
    made["norm of all"] = lambda T, x, m: T.masked.norm(x, mask=m)
    made["normalize"] = lambda T, x, m: T.masked.normalize(x, 2.0, 1, mask=m)
    made["var biased"] = lambda T, x, m: T.masked.var(x, 1, False, mask=m)
    made["std correction"] = lambda T, x, m: T.masked.std(x, 1, correction=2, mask=m)
    return made


def typed(library: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    return {k: getattr(library, v) if k == "dtype" else v for k, v in arguments.items()}


CALLS = calls()


def sides(name: str, dtype: str, mask: str, grad: bool) -> tuple[Any, Any, Any, Any]:
    values = np.array([[1, -2, 3], [0, 5, -1], [2, 2, 4]])
    x = torch.tensor(values, dtype=getattr(torch, dtype)) * (0.5 if dtype.startswith("float") else 1)
    mine, real = twin(x, grad)
    m = None if MASKS[mask] is None else (tgrad.tensor(MASKS[mask]), torch.tensor(MASKS[mask]))
    ours = lambda: CALLS[name](tgrad, mine, m and m[0])
    theirs = lambda: CALLS[name](torch, real, m and m[1])
    return ours, theirs, mine, real


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", CALLS)
def test_values(name: str, mask: str) -> None:
    for dtype in ("float64", "float32", "int64", "int8", "bool", "complex128"):
        ours, theirs, *_ = sides(name, dtype, mask, False)
        if caught(theirs) is not None:
            same_error(ours, theirs)
        else:
            compare(ours(), theirs(), scale=8)


@pytest.mark.parametrize("name", CALLS)
def test_gradients(name: str) -> None:
    for mask in ("none", "row"):
        ours, theirs, mine, real = sides(name, "float64", mask, True)
        a, b = ours(), theirs()
        if not b.requires_grad:
            assert not a.requires_grad
            continue
        assert a.grad_fn.name() == b.grad_fn.name()
        (a * tgrad.arange(1.0, a.numel() + 1).reshape(a.shape)).sum().backward()
        (b * torch.arange(1.0, b.numel() + 1).reshape(b.shape)).sum().backward()
        if real.grad is None:  # how many elements are not zero: no derivative
            assert mine.grad is None
            continue
        np.testing.assert_allclose(mine.grad.numpy(), real.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_errors() -> None:
    for call in (
        lambda T: T.masked.sum(T.ones(2, 3), 2),
        lambda T: T.masked.sum(T.ones(2, 3), (0, 0)),
        lambda T: T.masked.sum(T.ones(3), mask=T.ones(2, 3)),
        lambda T: T.masked.mean(T.ones(3, dtype=T.int64)),
        lambda T: T.masked.mean(T.ones(3), dtype=T.int64),
        lambda T: T.masked.var(T.ones(3), unbiased=True, correction=1),
        lambda T: T.masked.median(T.ones(3, dtype=T.int64), 0, mask=T.zeros(3)),
    ):
        same_error(lambda call=call: call(tgrad), lambda call=call: call(torch))
