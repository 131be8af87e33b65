"""Compiled pooling against PyTorch: values, places and gradients, with nan and infinities, over windows of all kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.kernels import bands, blocks, native

torch = pytest.importorskip("torch")

WINDOWS = [
    dict(kernel_size=2),
    dict(kernel_size=3, stride=2, padding=1),
    dict(kernel_size=3, stride=1, padding=1, ceil_mode=True),
    dict(kernel_size=(2, 3, 2), stride=3),
]


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native.Jit, "mode", "eager")
    monkeypatch.setattr(blocks.Sizes, "large", 16)
    monkeypatch.setattr(blocks.Sizes, "middle", 16)
    monkeypatch.setattr(bands, "OFTEN", 0)


def data(dims: int, dtype: str) -> np.ndarray:
    a = np.random.default_rng(0).random((2, 3, *(9, 8, 7)[:dims])).astype(dtype)
    a[0, 0, 2, 3], a[1, 1, 1, 1], a[0, 1] = np.nan, np.inf, -np.inf
    return a


def outcome(T: Any, name: str, a: np.ndarray, keywords: dict[str, Any]) -> list[np.ndarray]:
    x = T.tensor(a, requires_grad=True)
    got = getattr(T.nn.functional, name)(x, **keywords)
    outs = got if isinstance(got, tuple) else (got,)
    weights = T.tensor(np.random.default_rng(1).random(tuple(outs[0].shape)).astype(a.dtype))
    return [t.detach().numpy() for t in (*outs, *T.autograd.grad(outs[0], x, weights))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("window", WINDOWS, ids=lambda w: "-".join(f"{k}={v}" for k, v in w.items()))
def test_pooling(window: dict[str, Any], dims: int, dtype: str) -> None:
    a, size = data(dims, dtype), window["kernel_size"]
    window = window | {"kernel_size": size[:dims] if isinstance(size, tuple) else size}
    for dilation in (1, 2):
        keywords = window | dict(dilation=dilation, return_indices=True)
        for ours, theirs in zip(*(outcome(T, f"max_pool{dims}d", a, keywords) for T in (tgrad, torch)), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    for more in ({}, dict(count_include_pad=False), dict(divisor_override=3)):
        keywords = window | more
        for ours, theirs in zip(*(outcome(T, f"avg_pool{dims}d", a, keywords) for T in (tgrad, torch)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=2e-6)
    ready = {k.function for k in native.KERNELS.values() if k.state == native.READY}
    assert {"max_pooled", "max_unpooled", "sums_pooled", "sums_unpooled"} <= ready
