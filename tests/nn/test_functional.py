"""Functions of nn.functional next to PyTorch's: values, node names, gradients and gradients of gradients."""

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
from twins import message, node, pair, same

Case = Callable[[Any, Any, Any], Any]

ACTIVATIONS: dict[str, Case] = {
    name: lambda T, F, x, name=name: getattr(F, name)(x)
    for name in (
        "relu relu6 leaky_relu elu selu celu gelu silu mish softplus hardtanh hardsigmoid hardswish logsigmoid softsign "
        "hardshrink softshrink tanhshrink sigmoid tanh"
    ).split()
}
ACTIVATIONS |= {
    "glu": lambda T, F, x: F.glu(x, 1),
    "gelu tanh": lambda T, F, x: F.gelu(x, approximate="tanh"),
    "elu alpha": lambda T, F, x: F.elu(x, 0.3),
    "celu alpha": lambda T, F, x: F.celu(x, 0.3),
    "softplus beta": lambda T, F, x: F.softplus(x, 3.0, 2.0),
    "threshold": lambda T, F, x: F.threshold(x, 0.1, -2.0),
    "softmax": lambda T, F, x: F.softmax(x, 1),
    "softmin": lambda T, F, x: F.softmin(x, 0),
    "log_softmax": lambda T, F, x: F.log_softmax(x, -1),
    "prelu": lambda T, F, x: F.prelu(x, T.full((6,), 0.2, dtype=T.float64)),
    "rrelu eval": lambda T, F, x: F.rrelu(x),
    "layer_norm": lambda T, F, x: F.layer_norm(x, (6,)),
    "layer_norm two": lambda T, F, x: F.layer_norm(x, (4, 6), T.ones(4, 6, dtype=T.float64) * 2),
    "rms_norm": lambda T, F, x: F.rms_norm(x, (6,)),
    "batch_norm": lambda T, F, x: F.batch_norm(x, None, None, training=True),
    "batch_norm eval": lambda T, F, x: F.batch_norm(x, T.ones(6).double(), T.ones(6).double() * 3),
    "group_norm": lambda T, F, x: F.group_norm(x.reshape(2, 4, 3), 2),
    "instance_norm": lambda T, F, x: F.instance_norm(x.reshape(2, 4, 3)),
    "normalize": lambda T, F, x: F.normalize(x),
    "pad": lambda T, F, x: F.pad(x, (1, -1, 2, 0), value=3.0),
    "pad reflect": lambda T, F, x: F.pad(x, (1, 2), mode="reflect"),
    "pad replicate": lambda T, F, x: F.pad(x.reshape(1, 2, 2, 6), (1, 2, 0, 1), mode="replicate"),
    "pad circular": lambda T, F, x: F.pad(x, (1, 2), mode="circular"),
    "pixel_shuffle": lambda T, F, x: F.pixel_shuffle(x.reshape(4, 2, 3), 2),
    "embedding": lambda T, F, x: F.embedding(T.tensor([[0, 1], [3, 1]]), x, padding_idx=1),
    "linear": lambda T, F, x: F.linear(x, T.ones(2, 6, dtype=T.float64), T.ones(2, dtype=T.float64)),
    "dropout": lambda T, F, x: F.dropout(x, 0.3, training=False) * 1,
    "attention": lambda T, F, x: F.scaled_dot_product_attention(*[x.reshape(2, 4, 3)] * 3),
    "attention masked": lambda T, F, x: F.scaled_dot_product_attention(
        *[x.reshape(2, 4, 3)] * 3, attn_mask=T.ones(4, 4, dtype=T.bool).tril()
    ),
}
LOSSES: dict[str, Case] = {
    name: lambda T, F, x, name=name: getattr(F, name)(x, x.detach().flip(0) * 0.7)
    for name in "mse_loss l1_loss smooth_l1_loss huber_loss soft_margin_loss poisson_nll_loss".split()
}
LOSSES |= {
    f"{name} {how}": lambda T, F, x, name=name, how=how: getattr(F, name)(x, x.detach().flip(0) * 0.7, reduction=how)
    for name in "mse_loss l1_loss smooth_l1_loss huber_loss".split()
    for how in ("none", "sum")
}
LOSSES |= {
    "cross_entropy": lambda T, F, x: F.cross_entropy(x, T.tensor([0, 5, 2, 1])),
    "cross_entropy sum": lambda T, F, x: F.cross_entropy(x, T.tensor([0, 5, 2, 1]), reduction="sum"),
    "cross_entropy ignoring": lambda T, F, x: F.cross_entropy(x, T.tensor([0, -100, 2, 1])),
    "cross_entropy weighted": lambda T, F, x: F.cross_entropy(
        x, T.tensor([0, 5, 2, 1]), T.arange(1, 7, dtype=T.float64), label_smoothing=0.2
    ),
    "cross_entropy smoothed": lambda T, F, x: F.cross_entropy(x, T.tensor([0, 5, 2, 1]), label_smoothing=0.1),
    "cross_entropy soft": lambda T, F, x: F.cross_entropy(x, F.softmax(x.detach().flip(0), 1)),
    "cross_entropy places": lambda T, F, x: F.cross_entropy(
        x.reshape(2, 4, 3), T.tensor([[0, 1, 3], [2, 2, 1]]), reduction="none"
    ),
    "nll_loss": lambda T, F, x: F.nll_loss(x, T.tensor([0, 5, 2, 1])),
    "nll_loss 2d": lambda T, F, x: F.nll_loss(x.reshape(1, 4, 2, 3), T.tensor([[[0, 1, 3], [2, 2, 1]]])),
    "bce": lambda T, F, x: F.binary_cross_entropy(F.sigmoid(x), F.sigmoid(x.detach().flip(0))),
    "bce logits": lambda T, F, x: F.binary_cross_entropy_with_logits(x, F.sigmoid(x.detach().flip(0))),
    "bce pos_weight": lambda T, F, x: F.binary_cross_entropy_with_logits(
        x, F.sigmoid(x.detach().flip(0)), pos_weight=T.arange(1, 7, dtype=T.float64)
    ),
    "kl_div": lambda T, F, x: F.kl_div(F.log_softmax(x, 1), F.softmax(x.detach().flip(0), 1), reduction="batchmean"),
    "cosine_similarity": lambda T, F, x: F.cosine_similarity(x, x.detach().flip(0)),
    "pairwise_distance": lambda T, F, x: F.pairwise_distance(x, x.detach().flip(0)),
    "cosine_embedding_loss": lambda T, F, x: F.cosine_embedding_loss(x, x.detach().flip(0), T.tensor([1, -1, 1, 1])),
    "triplet_margin_loss": lambda T, F, x: F.triplet_margin_loss(x, x.detach().flip(0), x.detach() * 2),
    "margin_ranking_loss": lambda T, F, x: F.margin_ranking_loss(x, x.detach().flip(0), T.ones(4, 6).double()),
    "gaussian_nll_loss": lambda T, F, x: F.gaussian_nll_loss(x, x.detach().flip(0), T.ones(4, 6).double() * 0.5),
    "hinge_embedding_loss": lambda T, F, x: F.hinge_embedding_loss(x, T.ones(4, 6).double()),
    "multilabel_soft_margin_loss": lambda T, F, x: F.multilabel_soft_margin_loss(x, (x.detach() > 0).double()),
}

# Linear where they are: here nothing is recorded, where PyTorch records what comes out as zeros.
NO_SECOND = {"prelu", "rrelu eval", "batch_norm eval", "pad reflect", "pad replicate", "nll_loss", "nll_loss 2d"}
# Where PyTorch has none and says so.
NOT_THERE = {"hardsigmoid"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*ACTIVATIONS, *LOSSES])
def test_like_pytorch(torch: ModuleType, name: str) -> None:
    case = (ACTIVATIONS | LOSSES)[name]
    mine, theirs = pair(torch, 4, 6)
    a, b = case(tgrad, tgrad.nn.functional, mine), case(torch, torch.nn.functional, theirs)
    same(a, b)
    assert node(a) == node(b)
    weights = pair(torch, *a.shape, seed=1, grad=False)
    (g,) = tgrad.autograd.grad((a * weights[0]).sum(), mine, create_graph=True)
    (h,) = torch.autograd.grad((b * weights[1]).sum(), theirs, create_graph=True)
    same(g, h)
    if not h.requires_grad or name in NOT_THERE:
        return
    if name in NO_SECOND:
        # PyTorch says that there is a second derivative, and that it is zero.
        assert not g.requires_grad
        return
    again = pair(torch, 4, 6, seed=2, grad=False)
    (gg,) = tgrad.autograd.grad((g * again[0]).sum(), mine, allow_unused=True, materialize_grads=True)
    (hh,) = torch.autograd.grad((h * again[1]).sum(), theirs, allow_unused=True, materialize_grads=True)
    same(gg, hh + 0 * theirs.detach(), 1e-10)


@pytest.mark.parametrize("name", "relu relu6 leaky_relu elu selu celu silu mish hardtanh hardsigmoid hardswish".split())
def test_inplace(torch: ModuleType, name: str) -> None:
    results = []
    for T, x in zip((tgrad, torch), pair(torch, 3, 4), strict=True):
        y = x * 1
        out = getattr(T.nn.functional, name)(y, inplace=True)
        assert out is y
        out.sum().backward()
        results.append((out, x.grad))
    same(results[0][0], results[1][0])
    same(results[0][1], results[1][1])
    assert node(results[0][0]) == node(results[1][0])


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_dropout_draws_the_same_numbers(torch: ModuleType, p: float) -> None:
    outs = []
    for T in (tgrad, torch):
        T.manual_seed(3)
        x = T.ones(5, 7, dtype=T.float64, requires_grad=True)
        outs.append([T.nn.functional.dropout(x, p), T.nn.functional.alpha_dropout(x, p, True)])
    for a, b in zip(*outs, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        assert node(a) == node(b)
        assert abs(float(a.mean()) - float(b.mean())) < 1.0


def test_running_statistics(torch: ModuleType) -> None:
    mine, theirs = pair(torch, 5, 3, 4, dtype="float32")
    kept = []
    for T, x in ((tgrad, mine), (torch, theirs)):
        mean, var = T.zeros(3), T.ones(3)
        T.nn.functional.batch_norm(x, mean, var, training=True)
        T.nn.functional.batch_norm(x, mean, var, training=True, momentum=0.5)
        kept.append((mean, var))
    same(kept[0][0], kept[1][0], 1e-6)
    same(kept[0][1], kept[1][1], 1e-6)


ERRORS: list[Case] = [
    lambda T, F, x: F.nll_loss(T.ones(3), T.tensor([1, 2])),
    lambda T, F, x: F.nll_loss(T.ones(3, 4), T.tensor([1, 2])),
    lambda T, F, x: F.nll_loss(T.ones(2, 4), T.tensor([1, 7])),
    lambda T, F, x: F.nll_loss(T.ones(2, 4), T.tensor([1.0, 2.0])),
    lambda T, F, x: F.nll_loss(T.ones(2, 4, 3), T.tensor([1, 2])),
    lambda T, F, x: F.nll_loss(T.ones(2, 3, 4, 5), T.zeros(2, 4, 4, dtype=T.long)),
    lambda T, F, x: F.cross_entropy(T.ones(2, 4), T.tensor([1, 2, 3])),
    lambda T, F, x: F.cross_entropy(T.ones(2, 4), T.ones(2, 3)),
    lambda T, F, x: F.cross_entropy(T.ones(2, 4), T.tensor([1, 2]), weight=T.ones(3)),
    lambda T, F, x: F.cross_entropy(T.ones(2, 4), T.tensor([1, 2]), label_smoothing=2.0),
    lambda T, F, x: F.cross_entropy(T.ones(2, 4), T.tensor([1, 2]), reduction="x"),
    lambda T, F, x: F.cross_entropy(T.ones(2, 4, dtype=T.long), T.ones(2, 4, dtype=T.long)),
    lambda T, F, x: F.mse_loss(T.ones(3, dtype=T.long), T.ones(3, dtype=T.long)),
    lambda T, F, x: F.mse_loss(T.ones(3), 1),
    lambda T, F, x: F.smooth_l1_loss(T.ones(3), T.ones(3), beta=-1),
    lambda T, F, x: F.huber_loss(T.ones(3), T.ones(3), delta=-1),
    lambda T, F, x: F.binary_cross_entropy(T.ones(3) * 2, T.ones(3)),
    lambda T, F, x: F.binary_cross_entropy(T.ones(3), T.ones(3) * 2),
    lambda T, F, x: F.binary_cross_entropy(T.ones(3), T.ones(4)),
    lambda T, F, x: F.binary_cross_entropy(T.ones(3), T.ones(3, dtype=T.long)),
    lambda T, F, x: F.binary_cross_entropy_with_logits(T.ones(3), T.ones(4)),
    lambda T, F, x: F.relu(3),
    lambda T, F, x: F.relu(T.ones(3, dtype=T.bool)),
    lambda T, F, x: F.elu(T.ones(3, dtype=T.long)),
    lambda T, F, x: F.gelu(T.ones(3), approximate="z"),
    lambda T, F, x: F.celu(T.ones(3), alpha=0),
    lambda T, F, x: F.glu(T.ones(3)),
    lambda T, F, x: F.softshrink(T.ones(3), -1),
    lambda T, F, x: F.dropout(T.ones(3), 2),
    lambda T, F, x: F.hardtanh(T.ones(3), 2, 1),
    lambda T, F, x: F.prelu(T.ones(3, 4), T.ones(3)),
    lambda T, F, x: F.layer_norm(T.ones(3, 4), (3,)),
    lambda T, F, x: F.layer_norm(T.ones(3, 4), (4,), T.ones(3)),
    lambda T, F, x: F.layer_norm(T.ones(3, 4), ()),
    lambda T, F, x: F.batch_norm(T.ones(1, 4), None, None, training=True),
    lambda T, F, x: F.batch_norm(T.ones(2, 4), None, None),
    lambda T, F, x: F.batch_norm(T.ones(2, 4), T.ones(3), T.ones(3)),
    lambda T, F, x: F.group_norm(T.ones(2, 4), 3),
    lambda T, F, x: F.group_norm(T.ones(1, 4), 4),
    lambda T, F, x: F.embedding(T.tensor([9]), T.ones(3, 2)),
    lambda T, F, x: F.embedding(T.tensor([1.0]), T.ones(3, 2)),
    lambda T, F, x: F.embedding(T.tensor([1]), T.ones(3)),
    lambda T, F, x: F.embedding(T.tensor([1]), T.ones(3, 2), padding_idx=7),
    lambda T, F, x: F.one_hot(T.tensor([1, -1])),
    lambda T, F, x: F.one_hot(T.tensor([1, 3]), 2),
    lambda T, F, x: F.one_hot(T.tensor([1.0])),
    lambda T, F, x: F.scaled_dot_product_attention(
        T.ones(1, 2, 3), T.ones(1, 2, 3), T.ones(1, 2, 3), attn_mask=T.ones(2, 2), is_causal=True
    ),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("i", range(len(ERRORS)))
def test_errors(torch: ModuleType, i: int) -> None:
    mine = message(lambda: ERRORS[i](tgrad, tgrad.nn.functional, None))
    assert mine == message(lambda: ERRORS[i](torch, torch.nn.functional, None))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name", ["elu", "selu", "celu", "hardtanh", "relu6", "hardswish", "softshrink", "hardshrink", "elu_", "leaky_relu"]
)
def test_the_gradient_at_nan_and_at_the_corners_follows_the_layout(name: str, dtype: str, torch: ModuleType) -> None:
    """PyTorch's vectorised and scalar loops answer differently; see Note [nan and the two loops] in ops/activation.py."""
    layouts = {
        "a row": lambda x: x,
        "every other": lambda x: x[::2],
        "columns": lambda x: x.view(3, -1).t(),
        "0-d": lambda x: x[0],
    }
    numbers = [float("nan"), 3.0, -3.0, 1.0, -1.0, 0.5, -0.5, 0.0, 6.0, -7.0, 2.0] * 12
    for layout, take in layouts.items():
        got = []
        for m in (tgrad, torch):
            x = m.tensor(numbers, dtype=getattr(m, dtype), requires_grad=True)
            y = take(x) if not name.endswith("_") else take(x).clone()
            y = getattr(m.nn.functional, name)(y)
            got.append(m.autograd.grad(y, x, m.ones_like(y))[0].numpy())
        bit = 1e-7 if dtype == "float32" else 0  # of 1: where exp(x) - 1 is near -1, and libraries round it differently
        np.testing.assert_allclose(*got, rtol=1e-6, atol=bit, err_msg=layout)
