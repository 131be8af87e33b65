"""Whole training runs: the loss curve is PyTorch's."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad


def attention_block(T: Any) -> Any:
    nn = T.nn

    class Block(nn.Module):
        def __init__(self, width: int = 8, heads: int = 2) -> None:
            super().__init__()
            self.heads = heads
            self.token = nn.Embedding(6, width)
            self.qkv = nn.Linear(width, 3 * width)
            self.out = nn.Linear(width, width)
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.mlp = nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Dropout(0.0), nn.Linear(16, 6))

        def forward(self, tokens: Any) -> Any:
            x = self.token(tokens)
            b, n, w = x.shape
            q, k, v = self.qkv(self.norm1(x)).reshape(b, n, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
            weights = T.softmax(q @ k.transpose(-2, -1) / math.sqrt(w // self.heads), dim=-1)
            x = x + self.out((weights @ v).transpose(1, 2).reshape(b, n, w))
            return self.mlp(self.norm2(x))

    return Block()


def curve(T: Any, kind: str, dtype: str, steps: int = 50) -> list[float]:
    T.manual_seed(0)
    d = getattr(T, dtype)
    if kind == "mlp":
        model = T.nn.Sequential(
            T.nn.Linear(3, 16), T.nn.Tanh(), T.nn.Linear(16, 16), T.nn.ReLU(), T.nn.Linear(16, 3)
        ).to(d)
        x, y = T.randn(20, 3, dtype=d), T.randint(0, 3, (20,))
    else:
        model = attention_block(T).to(d)
        x = T.randint(0, 6, (4, 5))
        y = x.flip(1)
    optimizer = T.optim.AdamW(model.parameters(), lr=0.01)
    schedule = T.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        out = model(x)
        loss = T.nn.functional.cross_entropy(out.reshape(-1, out.shape[-1]), y.reshape(-1))
        loss.backward()
        T.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("kind", ["mlp", "attention"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
def test_loss_curve(torch: ModuleType, kind: str, dtype: str, tolerance: float) -> None:
    mine, theirs = curve(tgrad, kind, dtype), curve(torch, kind, dtype)
    np.testing.assert_allclose(mine, theirs, rtol=tolerance)
    assert mine[-1] < mine[0]
