"""Compiled attention (kernels/attention.py) beside PyTorch's: values and gradients, with masks, odd sizes and layouts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.kernels import attention, bands, table

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


LONG = """
import pathlib, resource, sys
import tgrad as torch
from tgrad.kernels import cache, native
cache.folder = lambda: pathlib.Path(sys.argv[1])
q, k, v = (torch.randn(1, 1, 16384, 16, requires_grad=True) for _ in range(3))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
out = torch.nn.functional.scaled_dot_product_attention(q, k, v)
out.backward(torch.ones_like(out))
ready = [name for (name, _), kernel in native.KERNELS.items() if kernel.state == native.READY]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, "attend.attended_back" in ready)
"""


def test_no_room_for_all_weights_backward(kernel_folder: Path) -> None:
    """In a process of its own, whose memory is looked at from outside; machine code is loaded from this run's cache, which takes some of it."""
    told, folder = os.environ | {"TGRAD_JIT": "eager"}, str(kernel_folder)
    run = subprocess.run([sys.executable, "-c", LONG, folder], capture_output=True, text=True, check=True, env=told)
    used, compiled = run.stdout.split()
    assert int(used) < 200 and compiled == "True"


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


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_heads_that_share_keys(torch: ModuleType, used: list[str], dtype: str) -> None:
    """Each head of keys for several of queries; masks of bools, with steps and broadcast; causal and a mask at once."""
    rng = np.random.default_rng(5)
    near = {"float16": 4e-3, "float32": 2e-5, "float64": 1e-12}[dtype]
    arrays = [rng.standard_normal(s).astype(dtype) for s in ((2, 6, 40, 20), (2, 2, 50, 20), (2, 2, 50, 20))]
    bools = rng.random((50, 40)) < 0.7
    options: list[dict[str, Any]] = [
        {"mask": None},
        {"mask": None, "is_causal": True},
        {"mask": bools.T},
        {"mask": (rng.random((2, 6, 40, 50)) < 0.7)[:, :, :, ::-1].copy(), "is_causal": True},
        {"mask": rng.random((2, 1, 1, 50)) < 0.5},
        {"mask": rng.standard_normal((1, 6, 40, 1)).astype(dtype)},
        {"mask": np.zeros((40, 50), bool)},
    ]
    for given in options:
        used.clear()
        ours, theirs = (outcome(T, arrays, False, enable_gqa=True, **given) for T in (tgrad, torch))
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=near, atol=near * max(1, np.abs(b).max()))
        assert used == ["forward", "back"]


def test_layouts(torch: ModuleType, used: list[str]) -> None:
    """Results lie as PyTorch's do: like queries, and gradients by length first."""
    strides = []
    for T in (tgrad, torch):
        for turn in (False, True):
            shape = (2, 33, 3, 40) if turn else (2, 3, 33, 40)
            x = T.ones(*shape)
            q = (x.transpose(1, 2) if turn else x).detach().requires_grad_()
            out = T.nn.functional.scaled_dot_product_attention(q, q.detach(), q.detach())
            strides += [out.stride(), T.autograd.grad(out.sum(), q)[0].stride()]
    assert strides[:4] == strides[4:]
    assert used == ["forward", "back"] * 2
