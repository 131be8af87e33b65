"""Compiled attention (kernels/attention.py) beside PyTorch's: values and gradients, with masks, odd sizes and layouts."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.kernels import attention, bands, native, table

pytestmark = pytest.mark.usefixtures("compiled_tier")
SIZES = [
    (2, 3, 64, 64, 32),
    (1, 1, 1, 1, 1),
    (1, 2, 5, 9, 7),
    (2, 1, 33, 70, 48),
    (1, 2, 100, 37, 64),
    (3, 2, 8, 8, 33),
    (1, 1, 257, 300, 16),
]


def outcome(T: Any, arrays: list[np.ndarray], turn: bool, mask: Any, **options: Any) -> list[np.ndarray]:
    leaves = [T.from_numpy(a).requires_grad_() for a in arrays]
    given = [x.transpose(1, 2) for x in leaves] if turn else leaves
    mask = None if mask is None else T.from_numpy(mask)
    out = T.nn.functional.scaled_dot_product_attention(*given, mask, **options)
    weights = np.random.default_rng(9).standard_normal(tuple(out.shape)).astype(arrays[0].dtype)
    out.backward(T.from_numpy(weights))
    return [out.detach().numpy(), *(x.grad.numpy() for x in leaves)]


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    find = table.find

    def watched(forms: dict[str, str], name: str) -> Any:
        form = find(forms, name)

        def call(*args: Any) -> Any:
            r = form(*args)
            if r is not None:
                seen.append("back" if form is attention.attention_backward else "forward")
            return r

        return call if form in (attention.attention, attention.attention_backward) else form

    monkeypatch.setattr(bands, "find", watched)
    return seen


def masks(rng: np.random.Generator, sizes: tuple[int, ...], dtype: str) -> list[Any]:
    N, H, L, S, _ = sizes
    some = rng.standard_normal((L, S)).astype(dtype)
    some[rng.random((L, S)) < 0.3] = -np.inf
    some[0] = -np.inf
    whole = rng.standard_normal((N, H, L, S)).astype(dtype)
    return [
        None,
        some,
        rng.random((L, S)) < 0.7,
        whole,
        rng.standard_normal((N, 1, 1, S)).astype(dtype),
        whole.swapaxes(0, 1).copy().swapaxes(0, 1),
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", SIZES)
def test_against_pytorch(torch: ModuleType, used: list[str], sizes: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(3)
    N, H, L, S, W = sizes
    near = 2e-5 if dtype == "float32" else 1e-12
    for turn in (False, True):
        shapes = [(N, n, H, W) if turn else (N, H, n, W) for n in (L, S, S)]
        arrays = [rng.standard_normal(s).astype(dtype) for s in shapes]
        for mask in masks(rng, sizes, dtype):
            used.clear()
            ours, theirs = (outcome(T, arrays, turn, mask) for T in (tgrad, torch))
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, b, rtol=near, atol=near * max(1, np.abs(b).max()), err_msg=f"{turn}")
            assert used == ["forward", "back"] or sizes == (1, 1, 1, 1, 1)  # too small for a kernel
        for options in ({"is_causal": True}, {"scale": -0.7}):
            ours, theirs = (outcome(T, arrays, turn, None, **options) for T in (tgrad, torch))
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(a, b, rtol=near, atol=near * max(1, np.abs(b).max()), err_msg=f"{options}")


def test_no_room_for_all_weights() -> None:
    """A length of 30,000 would need 3.6 GB for one head's weights; here 64 KiB a row of 32 rows."""
    n = 30_000
    q = tgrad.rand(1, 1, 64, 32)
    k = tgrad.rand(1, 1, n, 32)
    out = tgrad.nn.functional.scaled_dot_product_attention(q, k, k)
    tgrad.cpu.empty_cache()
    before = tgrad.cpu.memory_stats()["peak_allocated_bytes"]
    long = tgrad.nn.functional.scaled_dot_product_attention(k, k[:, :, :2000], k[:, :, :2000])
    assert tgrad.cpu.memory_stats()["peak_allocated_bytes"] - before < 40 << 20
    assert out.shape == q.shape and long.shape == k.shape


def test_second_order(torch: ModuleType) -> None:
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal((2, 2, 6, 8)) for _ in range(3)]
    got = []
    for T in (tgrad, torch):
        leaves = [T.from_numpy(a).requires_grad_() for a in arrays]
        p = (
            leaves[0] @ leaves[1].transpose(-1, -2) / 8**0.5 + T.triu(T.full((6, 6), -T.inf, dtype=T.float64), 1)
        ).softmax(-1) @ leaves[2]
        if T is tgrad:
            p = T.nn.functional.scaled_dot_product_attention(*leaves, is_causal=True)
        first = T.autograd.grad((p * p).sum(), leaves, create_graph=True)
        second = T.autograd.grad(sum((g * g).sum() for g in first), leaves)
        got.append([g.numpy() for g in second])
    for a, b in zip(*got, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    assert native.Jit.mode != "off"
