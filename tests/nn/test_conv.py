"""Convolutions against PyTorch: values, gradients to second order, names, errors; by products and compiled."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.kernels import convolve, native

torch = pytest.importorskip("torch")

SIZES, KERNEL = (9, 7, 6), (3, 2, 2)
CASES = [
    (dims, transposed, stride, padding, dilation, groups)
    for dims, transposed, stride, padding, dilation, groups in itertools.product(
        (1, 2, 3), (False, True), (1, 2, 3), (0, 1), (1, 2), (1, 2, 4)
    )
    if dims == 2 or (stride < 3 and groups < 4)
]
TIERS = ["products", "compiled"]


@pytest.fixture(params=TIERS)
def tier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each way to compute, forced: everything is large enough for a kernel, or nothing is."""
    monkeypatch.setattr(native.Jit, "mode", "eager" if request.param == "compiled" else "off")
    monkeypatch.setattr(convolve, "LARGE", 0)
    yield request.param


def made(dims: int, transposed: bool, groups: int, dtype: Any, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (4, 8 // groups) if transposed else (8, 4 // groups)
    return [
        rng.random((2, 4, *SIZES[:dims])).astype(dtype),
        rng.random((*shape, *KERNEL[:dims])).astype(dtype),
        rng.random(8).astype(dtype),
    ]


def outcome(
    T: Any, name: str, arrays: list[np.ndarray], keywords: dict[str, Any], second: bool
) -> tuple[list[np.ndarray], str]:
    leaves = [T.tensor(a, requires_grad=True) for a in arrays]
    out = getattr(T.nn.functional, name)(*leaves, **keywords)
    weights = np.random.default_rng(1).random(out.shape).astype(arrays[0].dtype)
    g = T.tensor(weights, requires_grad=second)
    first = T.autograd.grad(out, leaves, g, create_graph=second)
    found = [out, *first]
    if second:
        found += T.autograd.grad(sum((t * t * t).sum() for t in first), [*leaves[:2], g])
    return [t.detach().numpy() for t in found], type(out.grad_fn).__name__


@pytest.mark.parametrize("case", CASES, ids=lambda c: "-".join(map(str, c)))
def test_values_and_gradients(tier: str, case: tuple[Any, ...]) -> None:
    dims, transposed, stride, padding, dilation, groups = case
    name = f"conv_transpose{dims}d" if transposed else f"conv{dims}d"
    keywords = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)
    if transposed and stride > 1:
        keywords["output_padding"] = 1
    for dtype, near in ((np.float64, 1e-11), (np.float32, 2e-5)):
        arrays = made(dims, transposed, groups, dtype)
        second = dtype is np.float64
        ours, theirs = (outcome(T, name, arrays, keywords, second) for T in (tgrad, torch))
        assert ours[1] == theirs[1]
        for a, b in zip(ours[0], theirs[0], strict=True):
            assert a.shape == b.shape and a.dtype == b.dtype
            assert np.abs(a - b).max() <= near * np.abs(b).max()
    if tier == "compiled":
        used = [k for k in native.KERNELS.values() if k.module == "conv" and k.state == native.READY]
        assert {"convolved", "packed", "weighed"} <= {k.function for k in used}


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (33, 2), (70, 70)])
def test_odd_sizes(tier: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.random((3, 5, *size)), rng.random((11, 5, 1, 1)), rng.random(11)
    ours, theirs = (outcome(T, "conv2d", [x, w, b], dict(padding=1), True) for T in (tgrad, torch))
    for a, c in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-11, atol=1e-11)


def test_output_padding_beyond_the_stride(tier: str) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.random((2, 2, 4, 4)), rng.random((2, 2, 4, 5)), rng.random(4)]
    keywords = dict(stride=(3, 2), padding=(1, 2), output_padding=(2, 3), groups=2, dilation=(4, 4))
    ours, theirs = (outcome(T, "conv_transpose2d", arrays, keywords, True) for T in (tgrad, torch))
    for a, c in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-10)


def test_infinite_input(tier: str) -> None:
    """An infinity reaches what its windows reach, and makes no nan elsewhere."""
    x, w, b = made(2, False, 1, np.float64)
    x[0, 0, 0, 0], x[1, 2, 3, 6] = np.inf, -np.inf
    ours, theirs = (outcome(T, "conv2d", [x, w, b], {}, False)[0] for T in (tgrad, torch))
    for a, c in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-11)


@pytest.mark.parametrize("kernel", [2, 3, (2, 5)])
def test_same(tier: str, kernel: Any) -> None:
    rng = np.random.default_rng(0)
    k = (kernel, kernel) if isinstance(kernel, int) else kernel
    x, w, b = rng.random((2, 3, 8, 9)), rng.random((4, 3, *k)), rng.random(4)
    for padding in ("same", "valid"):
        ours, theirs = (
            outcome(T, "conv2d", [x, w, b], dict(padding=padding, dilation=2), True) for T in (tgrad, torch)
        )
        for a, c in zip(ours[0], theirs[0], strict=True):
            np.testing.assert_allclose(a, c, rtol=1e-11)


def test_single_samples_and_layouts(tier: str) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.random((4, 8, 9)), rng.random((6, 4, 3, 3))
    for make in (lambda T: T.tensor(x), lambda T: T.tensor(x.transpose(2, 0, 1).copy()).permute(1, 2, 0)):
        a, b = (T.nn.functional.conv2d(make(T).requires_grad_(), T.tensor(w)) for T in (tgrad, torch))
        assert tuple(a.shape) == tuple(b.shape) and type(a.grad_fn).__name__ == type(b.grad_fn).__name__
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12)


def test_saved() -> None:
    nodes = []
    for T in (tgrad, torch):
        x, w = T.ones(1, 2, 5, 5, requires_grad=True), T.ones(4, 1, 3, 3, requires_grad=True)
        nodes.append(T.nn.functional.conv2d(x, w, groups=2, padding=1).grad_fn)
    for word in ("stride", "padding", "dilation", "groups", "transposed", "output_padding"):
        assert getattr(nodes[0], "_saved_" + word) == getattr(nodes[1], "_saved_" + word)
    assert nodes[0]._saved_input.shape == (1, 2, 5, 5) and nodes[0]._saved_weight.shape == (4, 1, 3, 3)


@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv_transpose2d", "conv3d"])
@pytest.mark.parametrize("with_bias", [False, True])
def test_complex(name: str, with_bias: bool) -> None:
    """Three real convolutions: values, what is recorded, and gradients of both orders."""
    rng = np.random.default_rng(0)
    n = int(name[-2])
    shapes = ((2, 4, *(5,) * n), (4, 4, *(2,) * n), (4,))
    arrays = [rng.standard_normal(s) + 1j * rng.standard_normal(s) for s in shapes[: 3 if with_bias else 2]]
    sides = []
    for T in (tgrad, torch):
        leaves = [T.tensor(a).requires_grad_() for a in arrays]
        out = getattr(T.nn.functional, name)(*leaves, stride=2)
        grads = T.autograd.grad((out * out.conj()).real.sum(), leaves, create_graph=True)
        again = T.autograd.grad(sum((g * g.conj()).real.sum() for g in grads), leaves)
        sides.append((out.grad_fn.name(), [out, *grads, *again]))
    assert sides[0][0] == sides[1][0]
    for mine, theirs in zip(sides[0][1], sides[1][1], strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-10)


WRONG = {
    "channels": lambda F, x, w, b: F.conv2d(x, w[:, :2]),
    "bias size": lambda F, x, w, b: F.conv2d(x, w, b[:3]),
    "dimensions": lambda F, x, w, b: F.conv2d(x[0, 0], w),
    "kernel too large": lambda F, x, w, b: F.conv2d(x[:, :, :2, :2], w),
    "weight dtype": lambda F, x, w, b: F.conv2d(x, w.double()),
    "bias dtype": lambda F, x, w, b: F.conv2d(x, w, b.double()),
    "no stride": lambda F, x, w, b: F.conv2d(x, w, stride=0),
    "negative padding": lambda F, x, w, b: F.conv2d(x, w, padding=-1),
    "same with stride": lambda F, x, w, b: F.conv2d(x, w, padding="same", stride=2),
    "unknown padding": lambda F, x, w, b: F.conv2d(x, w, padding="foo"),
    "groups": lambda F, x, w, b: F.conv2d(x, w, groups=3),
    "uneven groups": lambda F, x, w, b: F.conv2d(x, w[:5, :2], groups=2),
    "no groups": lambda F, x, w, b: F.conv2d(x, w, groups=0),
    "too many strides": lambda F, x, w, b: F.conv2d(x, w, stride=(1, 2, 3)),
    "no dilation": lambda F, x, w, b: F.conv2d(x, w, dilation=0),
    "weight dimensions": lambda F, x, w, b: F.conv2d(x, w[0]),
    "empty": lambda F, x, w, b: F.conv2d(x[:, :, :0], w),
    "transposed channels": lambda F, x, w, b: F.conv_transpose2d(x, w),
    "transposed bias": lambda F, x, w, b: F.conv_transpose2d(x, w.transpose(0, 1), b[:3]),
    "flat weight": lambda F, x, w, b: F.conv2d(x, w[0, 0]),
    "dimensions of same": lambda F, x, w, b: F.conv2d(x, w[0], padding="same"),
    "one stride, other dimensions": lambda F, x, w, b: F.conv2d(x, w[0], stride=(2,), padding=(1,)),
    "weight dtype, one sample": lambda F, x, w, b: F.conv2d(x[:1], w.double()),
    "no dilation, one sample": lambda F, x, w, b: F.conv2d(x[:1], w, dilation=(1, 0)),
    "no kernel, one sample": lambda F, x, w, b: F.conv2d(x[:1], w[:, :, :0]),
    "bools": lambda F, x, w, b: F.conv2d(x.bool(), w.bool()),
    "stride of another kind": lambda F, x, w, b: F.conv2d(x, w, stride=1.5),
    "groups of another kind": lambda F, x, w, b: F.conv_transpose2d(x, w.transpose(0, 1), groups=1.5),
    "no weight": lambda F, x, w, b: F.conv2d(x, None),
    "no transposed weight": lambda F, x, w, b: F.conv_transpose2d(x, None),
    "complex weight": lambda F, x, w, b: F.conv2d(x.to(w.new_zeros(()).cfloat().dtype), w),
    "transposed dilation": lambda F, x, w, b: F.conv_transpose2d(x[:1], w.transpose(0, 1), dilation=(0, 1)),
    "nothing left": lambda F, x, w, b: F.conv_transpose2d(x[:1], w.transpose(0, 1), padding=9),
    "negative output padding": lambda F, x, w, b: F.conv_transpose2d(x, w.transpose(0, 1), output_padding=-1),
    "output padding of one dimension": lambda F, x, w, b: F.conv_transpose1d(
        x[0], w[0].transpose(0, 1), stride=2, output_padding=2
    ),
    "output padding": lambda F, x, w, b: F.conv_transpose2d(x, w.transpose(0, 1), stride=2, output_padding=2),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name: str) -> None:
    texts = []
    for T in (tgrad, torch):
        x, w, b = T.ones(2, 4, 8, 8), T.ones(6, 4, 3, 3), T.ones(6)
        with pytest.raises(Exception) as caught:
            WRONG[name](T.nn.functional, x, w, b)
        texts.append(f"{caught.type.__name__}: {str(caught.value).splitlines()[0]}")
    assert texts[0] == texts[1]


def test_gradcheck() -> None:
    x = tgrad.rand(1, 2, 5, 4, dtype=tgrad.float64, requires_grad=True)
    w = tgrad.rand(3, 2, 2, 3, dtype=tgrad.float64, requires_grad=True)
    f = tgrad.nn.functional.conv2d
    assert tgrad.autograd.gradcheck(lambda x, w: f(x, w, stride=2, padding=1), (x, w))
    assert tgrad.autograd.gradgradcheck(lambda x, w: f(x, w, stride=2, padding=1), (x, w))
