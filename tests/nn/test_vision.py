"""Modules that resize images, look up bags and compare labels, next to PyTorch's: outputs and gradients of their weights."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from twins import array, message, node, pair, same

IMAGE, LINE = (2, 3, 4, 5), (2, 3, 5)
FORWARD: dict[str, tuple[tuple[int, ...], Callable[[Any], Any]]] = {
    "upsample by": (IMAGE, lambda nn: nn.Upsample(scale_factor=2)),
    "upsample to": (IMAGE, lambda nn: nn.Upsample((3, 7), mode="bilinear")),
    "upsample line": (LINE, lambda nn: nn.Upsample(scale_factor=(1.5,), mode="linear", align_corners=True)),
    "upsample recomputed": (IMAGE, lambda nn: nn.Upsample(scale_factor=1.7, mode="bicubic", recompute_scale_factor=True)),
    "nearest": (IMAGE, lambda nn: nn.UpsamplingNearest2d(scale_factor=2)),
    "bilinear": (IMAGE, lambda nn: nn.UpsamplingBilinear2d((6, 3))),
}  # fmt: skip


@pytest.mark.parametrize("name", FORWARD)
def test_resampling(torch: ModuleType, name: str) -> None:
    shape, make = FORWARD[name]
    modules, xs = (make(tgrad.nn), make(torch.nn)), pair(torch, *shape)
    assert repr(modules[0]) == repr(modules[1])
    outs = [m(x) for m, x in zip(modules, xs, strict=True)]
    same(*outs)
    assert node(outs[0]) == node(outs[1])
    for out in outs:
        (out * out).sum().backward()
    np.testing.assert_allclose(array(xs[0].grad), array(xs[1].grad), rtol=1e-12, atol=1e-12)


BAGS: dict[str, dict[str, Any]] = {
    "mean": {},
    "sum": dict(mode="sum"),
    "max": dict(mode="max"),
    "padding": dict(padding_idx=-1),
    "last offset": dict(include_last_offset=True, mode="sum"),
    "short": dict(max_norm=0.5),
    "frequent": dict(scale_grad_by_freq=True),
}


@pytest.mark.parametrize("name", BAGS)
def test_bags(torch: ModuleType, name: str) -> None:
    outs, weights = [], []
    for T in (tgrad, torch):
        T.manual_seed(3)
        bag = T.nn.EmbeddingBag(5, 4, **BAGS[name])
        out = bag(T.tensor([0, 2, 2, 4, 1, 3]), T.tensor([0, 2, 2, 6]))
        out.sum().backward()
        outs.append(out)
        weights.append(bag.weight)
    same(*outs, tolerance=1e-5)
    np.testing.assert_allclose(array(weights[0]), array(weights[1]), rtol=1e-5)
    np.testing.assert_allclose(array(weights[0].grad), array(weights[1].grad), rtol=1e-5, atol=1e-6)


def test_bags_of_given_rows(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        rows = T.tensor([[1.0, 2.0], [3.0, 5.0]])
        bag = T.nn.EmbeddingBag.from_pretrained(rows, mode="sum")
        assert not bag.weight.requires_grad
        weights = T.tensor([[2.0, 0.5]])
        assert bag(T.tensor([[0, 1]]), per_sample_weights=weights).tolist() == [[3.5, 6.5]]


LABELS: dict[str, Callable[[Any, Any], Any]] = {
    "multi margin": lambda T, x: T.nn.MultiMarginLoss(2, 0.7, T.tensor([1.0, 2.0, 0.5, 1.0]).double())(x, T.tensor([0, 3, 1])),
    "multilabel margin": lambda T, x: T.nn.MultiLabelMarginLoss(reduction="sum")(x, T.tensor([[0, 2, -1, 1]] * 3)),
    "ctc": lambda T, x: T.nn.CTCLoss(blank=2)(x.log_softmax(1), T.tensor([1, 0]), T.tensor(3), T.tensor(2)),
    "ctc impossible": lambda T, x: T.nn.CTCLoss(zero_infinity=True, reduction="none")(
        x.log_softmax(1).unsqueeze(1), T.tensor([[1, 1, 2]]), (3,), (3,)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LABELS)
def test_losses(torch: ModuleType, name: str) -> None:
    xs = pair(torch, 3, 4)
    outs = [LABELS[name](T, x) for T, x in zip((tgrad, torch), xs, strict=True)]
    same(*outs)
    assert node(outs[0]) == node(outs[1])
    for out in outs:
        out.sum().backward()
    np.testing.assert_allclose(array(xs[0].grad), array(xs[1].grad), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("wrong", [
    lambda nn, T: nn.EmbeddingBag(3, 2, padding_idx=3),
    lambda nn, T: nn.EmbeddingBag(3, 2, _weight=T.ones(2, 2)),
    lambda nn, T: nn.EmbeddingBag.from_pretrained(T.ones(2)),
    lambda nn, T: nn.MultiMarginLoss(3),
    lambda nn, T: nn.MultiMarginLoss(weight=T.ones(2, 2)),
])  # fmt: skip
def test_errors(torch: ModuleType, wrong: Callable[[Any, Any], Any]) -> None:
    assert message(lambda: wrong(tgrad.nn, tgrad)) == message(lambda: wrong(torch.nn, torch))


CHUNKS: dict[str, dict[str, Any]] = {
    "auto": {},
    "by size": dict(batch_chunk_size=2),
    "by ratio": dict(chunking_method="aspect_ratio:3"),
    "together": dict(chunking_method=None),
    "kept": dict(allow_retain_graph=True),
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", CHUNKS)
def test_linear_cross_entropy_in_chunks(torch: ModuleType, name: str, reduction: str) -> None:
    outs, leaves = [], []
    for T, x, w, b in zip(
        (tgrad, torch), pair(torch, 9, 3), pair(torch, 6, 3, seed=1), pair(torch, 6, seed=2), strict=True
    ):
        options = T.nn.LinearCrossEntropyOptions(**CHUNKS[name])
        target = T.tensor([0, 5, 1, 2, -100, 3, 4, 0, 1])
        weight = T.tensor([1.0, 2.0, 0.5, 1.0, 1.0, 3.0]).double()
        out = T.nn.functional.linear_cross_entropy(
            x, w, target, linear_bias=b, weight=weight, reduction=reduction, options=options
        )
        (out * 2).sum().backward()
        outs.append(out)
        leaves.append((x, w, b))
    same(*outs)
    assert node(outs[0]) == node(outs[1])
    for mine, theirs in zip(*leaves, strict=True):
        np.testing.assert_allclose(array(mine.grad), array(theirs.grad), rtol=1e-10, atol=1e-12)


def test_a_chunked_loss_is_differentiated_once(torch: ModuleType) -> None:
    texts = []
    for T in (tgrad, torch):
        x, w, target = T.ones(2, 3, requires_grad=True), T.ones(4, 3), T.tensor([0, 3])
        loss = T.nn.functional.linear_cross_entropy(x, w, target, options=T.nn.LinearCrossEntropyOptions())
        loss.backward(retain_graph=True)
        texts.append(message(loss.backward))
    assert texts[0] == texts[1]


@pytest.mark.parametrize("wrong", [
    dict(batch_chunk_size=0), dict(acc_policy="x"), dict(chunking_method="x"), dict(chunking_method="aspect_ratio:0"),
    dict(batch_chunk_size=7, chunking_method="aspect_ratio"),
])  # fmt: skip
def test_chunk_errors(torch: ModuleType, wrong: dict[str, Any]) -> None:
    def call(T: Any) -> Any:
        options = T.nn.LinearCrossEntropyOptions(**wrong)
        return T.nn.functional.linear_cross_entropy(T.ones(8, 3), T.ones(4, 3), T.tensor([0] * 8), options=options)

    assert message(lambda: call(tgrad)) == message(lambda: call(torch))


def test_linear_cross_entropy_module(torch: ModuleType) -> None:
    outs = []
    for T, x in zip((tgrad, torch), pair(torch, 4, 3), strict=True):
        T.manual_seed(2)
        loss = T.nn.LinearCrossEntropyLoss(3, 5, out_features=(2,), bias=True, label_smoothing=0.1).double()
        outs.append(loss(x, T.tensor([[0, 1], [4, 2], [3, 3], [1, 0]])))
    same(*outs)
