"""Pooling, fold and unfold next to PyTorch's: values, layout, names in the graph, gradients of two orders, errors."""

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
from twins import array, pair

SHAPES = {1: (2, 3, 9), 2: (2, 3, 9, 8), 3: (2, 2, 5, 6, 4)}
LARGEST: list[dict[str, Any]] = [
    dict(kernel_size=2),
    dict(kernel_size=3, stride=1),
    dict(kernel_size=3, stride=2, padding=1),
    dict(kernel_size=2, stride=3, ceil_mode=True),
    dict(kernel_size=2, stride=2, padding=1, dilation=2, ceil_mode=True),
]
MEANS: list[dict[str, Any]] = [
    dict(kernel_size=2),
    dict(kernel_size=3, stride=1),
    dict(kernel_size=3, stride=2, padding=1),
    dict(kernel_size=3, stride=2, padding=1, count_include_pad=False),
    dict(kernel_size=2, stride=3, ceil_mode=True),
    dict(kernel_size=2, stride=2, padding=1, ceil_mode=True),
]


def cases() -> dict[str, tuple[int, Callable[[Any, Any], Any]]]:
    """A name for each call: the dimensions of its input, and the call with (F, x)."""
    made: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {}

    def add(name: str, n: int, *args: Any, **options: Any) -> None:
        text = " ".join(map(str, [*args, *(f"{k}={v}" for k, v in options.items())]))
        made[f"{name}{n}d {text}"] = (n, lambda F, x: getattr(F, f"{name}{n}d")(x, *args, **options))

    for n in (1, 2, 3):
        for options in LARGEST:
            add("max_pool", n, **options)
        for options in MEANS:
            add("avg_pool", n, **options)
        for size in (1, 2, 3, 4, 11):
            add("adaptive_avg_pool", n, size)
            add("adaptive_max_pool", n, size)
        for options in (dict(), dict(stride=1), dict(ceil_mode=True)):
            add("lp_pool", n, 3, 2, **options)
        add("lp_pool", n, float("inf"), 2)
        add("lp_pool", n, float("-inf"), 2)
    add("max_pool", 2, (3, 2), (2, 1), (1, 0), (1, 2))
    add("avg_pool", 2, (3, 2), (2, 1), (1, 0), divisor_override=5)
    add("avg_pool", 3, (3, 2, 1), (2, 1, 1), (1, 0, 0), divisor_override=-3)
    add("adaptive_avg_pool", 2, (None, 3))
    add("adaptive_max_pool", 3, (2, None, 3))
    for options in (dict(), dict(dilation=2), dict(padding=1, stride=(2, 1))):
        made[f"unfold {options}"] = (2, lambda F, x, o=options: F.unfold(x, 2, **o))
        made[f"fold {options}"] = (2, lambda F, x, o=options: F.fold(F.unfold(x, 2, **o), (9, 8), 2, **o))
    return made


CASES = cases()


def chain(t: Any, most: int = 10) -> list[str]:
    """The names of the nodes behind a tensor, along the first edges."""
    names, node = [], t.grad_fn
    while node is not None and len(names) < most:
        names.append(node.name().rpartition("::")[2])
        node = node.next_functions[0][0] if node.next_functions else None
    return names


def agree(mine: Any, theirs: Any, tolerance: float = 1e-12, nodes: int = 10) -> None:
    assert str(mine.dtype) == str(theirs.dtype)
    assert tuple(mine.shape) == tuple(theirs.shape)
    assert mine.stride() == theirs.stride()
    assert chain(mine, nodes) == chain(theirs, nodes)
    np.testing.assert_allclose(array(mine), array(theirs), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_like_pytorch(torch: ModuleType, name: str) -> None:
    n, case = CASES[name]
    mine, theirs = pair(torch, *SHAPES[n])
    a, b = case(tgrad.nn.functional, mine), case(torch.nn.functional, theirs)
    agree(a, b)
    agree(case(tgrad.nn.functional, mine[0]), case(torch.nn.functional, theirs[0]))
    u, v = pair(torch, *a.shape, seed=1)
    (g,) = tgrad.autograd.grad((a * u).sum(), mine, create_graph=True)
    (h,) = torch.autograd.grad((b * v).sum(), theirs, create_graph=True)
    agree(g, h, 1e-11, nodes=0 if "MeanBackward1" in chain(b) else 1)
    p, q = pair(torch, *g.shape, seed=2, grad=False)
    again = tgrad.autograd.grad((g * p).sum(), (mine, u), allow_unused=True, materialize_grads=True)
    once = torch.autograd.grad((h * q).sum(), (theirs, v), allow_unused=True, materialize_grads=True)
    for x, y in zip(again, once, strict=True):
        np.testing.assert_allclose(array(x), array(y), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", [c for c in CASES if "lp_pool" not in c and "inf" not in c])
def test_other_floats(torch: ModuleType, name: str, dtype: str) -> None:
    n, case = CASES[name]
    if "avg_pool3d" in name and "adaptive" not in name and dtype != "float32":
        return
    rough = 2e-6 if dtype == "float32" else 2e-2 if dtype == "bfloat16" else 4e-3
    mine, theirs = pair(torch, *SHAPES[n], dtype=dtype)
    a, b = case(tgrad.nn.functional, mine), case(torch.nn.functional, theirs)
    assert str(a.dtype) == str(b.dtype)
    np.testing.assert_allclose(array(a.float()), array(b.float()), rtol=rough, atol=rough)
    a.sum().backward()
    b.sum().backward()
    np.testing.assert_allclose(array(mine.grad.float()), array(theirs.grad.float()), rtol=rough, atol=rough)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("options", LARGEST, ids=str)
def test_indices_and_back(torch: ModuleType, n: int, options: dict[str, Any]) -> None:
    """Few different values, so that there are many ties."""
    found = []
    for T in (tgrad, torch):
        F = T.nn.functional
        x = T.tensor(np.random.default_rng(3).integers(0, 3, SHAPES[n]).tolist(), dtype=T.float64, requires_grad=True)
        values, indices = getattr(F, f"max_pool{n}d")(x, **options, return_indices=True)
        v, i = getattr(F, f"adaptive_max_pool{n}d")(x, 3, return_indices=True)
        pair_ = [values, indices, v, i]
        if "dilation" not in options:
            usual = {k: w for k, w in options.items() if k != "ceil_mode"}
            y, at = getattr(F, f"max_pool{n}d")(x, **usual, return_indices=True)
            back = getattr(F, f"max_unpool{n}d")(y, at, **usual, output_size=x.shape)
            (g,) = T.autograd.grad(back.pow(3).sum(), y, create_graph=True)
            pair_ += [back, g, T.autograd.grad(g.sum(), x)[0]]
        found.append(pair_)
    for a, b in zip(*found, strict=True):
        agree(a, b, nodes=2)


def test_ties_nans_and_infinities(torch: ModuleType) -> None:
    nan, inf = float("nan"), float("inf")
    rows = [[1, nan, 3, nan, 1], [1, 1, 1, 1, 1], [0, -0.0, 5, 5, -inf], [0, 0, -inf, -inf, -inf], [nan, 2, 2, 1, inf]]
    found = []
    for T in (tgrad, torch):
        F = T.nn.functional
        x = T.tensor([rows], requires_grad=True)
        outs: list[Any] = []
        for options in ((2,), (3, 1), (3, 2, 1), (2, 1, 1, 2), (5,)):
            outs += F.max_pool2d(x, *options, return_indices=True)
        for size in (1, 2, 3, 5, 7):
            outs += F.adaptive_max_pool2d(x, size, return_indices=True)
        outs.append(F.max_pool1d(x[0], 2))
        (outs[0].sum() + outs[2].sum()).backward()
        found.append([*outs, x.grad])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(array(a), array(b))


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_integers(torch: ModuleType, dtype: str) -> None:
    found = []
    for T in (tgrad, torch):
        x = (T.arange(-24, 24).reshape(1, 2, 4, 6) * 7 % 11 - 5).to(getattr(T, dtype))
        F = T.nn.functional
        outs = [*F.max_pool2d(x, 2, 2, 1, return_indices=True), F.max_pool3d(x, 2)]
        if dtype == "int64":
            outs += [F.avg_pool2d(x, 2, 2, 1), F.avg_pool3d(x, 2, divisor_override=-3)]
        found.append(outs)
    for a, b in zip(*found, strict=True):
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_array_equal(array(a), array(b))


@pytest.mark.parametrize(
    "name", ["max_pool2d", "avg_pool2d", "adaptive_max_pool2d", "adaptive_avg_pool2d", "max_pool3d", "avg_pool3d"]
)
def test_channels_last(torch: ModuleType, name: str) -> None:
    found = []
    for T, x in zip((tgrad, torch), pair(torch, 2, 3, 4, 6, 4), strict=True):
        image = x.permute(0, 4, 1, 2, 3) if name.endswith("3d") else x.reshape(2, 3, 4, 24).permute(0, 3, 1, 2)
        image = image.detach().clone().requires_grad_()
        out = getattr(T.nn.functional, name)(image, 2)
        (g,) = T.autograd.grad(out.sum(), image)
        found.append((out, g))
    for a, b in zip(*found, strict=True):
        agree(a, b)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("n", [2, 3])
def test_fractional(torch: ModuleType, n: int, dtype: str) -> None:
    """The windows lie at random distances: the same for the same seed."""
    found: list[Any] = []
    for T, x in zip((tgrad, torch), pair(torch, *SHAPES[n], dtype=dtype), strict=True):
        T.manual_seed(4)
        pool = getattr(T.nn.functional, f"fractional_max_pool{n}d")
        module = getattr(T.nn, f"FractionalMaxPool{n}d")
        outs = [pool(x, 2, 1), pool(x, 2, (2,) * n), pool(x[0], 2, output_ratio=(0.6,) * n)]
        outs += pool(x, (2, 3, 1)[:n], output_ratio=(0.5,) * n, return_indices=True)
        outs.append(module(2, output_ratio=0.5)(x))
        (g,) = T.autograd.grad(outs[1].pow(2).sum() + outs[3].sum(), x, create_graph=True)
        (h,) = T.autograd.grad(pool(x, 1, 2).pow(2).sum(), x, create_graph=True)
        found.append([*outs, g, T.autograd.grad(h.sum(), x)[0], repr(module(2, 2))])
    for a, b in zip(*found, strict=True):
        if isinstance(a, str):
            assert a == b
        else:
            agree(a, b, 1e-2 if dtype == "float16" else 1e-6, nodes=1)


def test_saved_values(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        x = T.ones(1, 1, 4, 4, requires_grad=True)
        node = T.nn.functional.max_pool2d(x, 2).grad_fn
        assert (node._saved_kernel_size, node._saved_stride, node._saved_padding) == ((2, 2), (), (0, 0))
        assert (node._saved_dilation, node._saved_ceil_mode) == ((1, 1), False)
        assert node._saved_self is x and tuple(node._saved_result1.shape) == (1, 1, 2, 2)
        mean = T.nn.functional.avg_pool2d(x, 2, 1, divisor_override=3).grad_fn
        assert (mean._saved_stride, mean._saved_divisor_override, mean._saved_count_include_pad) == ((1, 1), 3, True)


def test_names_in_torch_itself(torch: ModuleType) -> None:
    for n in (1, 2, 3):
        a, b = pair(torch, *SHAPES[n])
        agree(getattr(tgrad, f"max_pool{n}d")(a, 2), getattr(torch, f"max_pool{n}d")(b, 2))
    a, b = pair(torch, *SHAPES[1])
    agree(tgrad.avg_pool1d(a, 2), torch.avg_pool1d(b, 2))
    agree(tgrad.adaptive_avg_pool1d(a, 2), torch.adaptive_avg_pool1d(b, 2))
    for mine, theirs in zip(tgrad.adaptive_max_pool1d(a, 2), torch.adaptive_max_pool1d(b, 2), strict=True):
        agree(mine, theirs)
    for mine, theirs in zip(tgrad.max_pool1d_with_indices(a, 2), torch.max_pool1d_with_indices(b, 2), strict=True):
        agree(mine, theirs)
    a, b = pair(torch, *SHAPES[2])
    agree(tgrad._adaptive_avg_pool2d(a, 1), torch._adaptive_avg_pool2d(b, 1))


MODULES = [
    f"{kind}{n}d({arguments})"
    for n in (1, 2, 3)
    for kind, arguments in (
        ("MaxPool", "2"),
        ("MaxPool", "3, 2, 1, ceil_mode=True"),
        ("MaxPool", "2, dilation=2, return_indices=True"),
        ("AvgPool", "2"),
        ("AvgPool", "3, stride=1, padding=1, ceil_mode=True, count_include_pad=False"),
        ("LPPool", "2, 2"),
        ("LPPool", "1.5, 2, stride=1, ceil_mode=True"),
        ("AdaptiveAvgPool", "3"),
        ("AdaptiveMaxPool", "3"),
        ("AdaptiveMaxPool", "2, return_indices=True"),
    )
] + [
    "AvgPool2d((2, 3), divisor_override=4)",
    "AdaptiveAvgPool2d((None, 3))",
    "Unfold(2)",
    "Unfold((2, 3), 2, 1, (1, 2))",
]


@pytest.mark.parametrize("source", MODULES)
def test_modules(torch: ModuleType, source: str) -> None:
    n = next((int(c) for c in source.partition("(")[0] if c.isdigit()), 2)
    found, texts = [], []
    for T, x in zip((tgrad, torch), pair(torch, *SHAPES[n]), strict=True):
        module = eval(f"nn.{source}", {"nn": T.nn})
        texts.append(repr(module))
        out = module(x.abs() if "LPPool" in source else x)
        found.append(out if isinstance(out, tuple) else (out,))
    assert texts[0] == texts[1]
    for a, b in zip(*found, strict=True):
        agree(a, b)


def test_modules_that_go_back(torch: ModuleType) -> None:
    found, texts = [], []
    for T, *inputs in zip((tgrad, torch), *(pair(torch, *SHAPES[n]) for n in (1, 2, 3)), strict=True):
        outs = []
        for n, x in enumerate(inputs, 1):
            back = getattr(T.nn, f"MaxUnpool{n}d")(3, 2, 1)
            texts.append(repr(back))
            outs.append(back(*getattr(T.nn, f"MaxPool{n}d")(3, 2, 1, return_indices=True)(x), output_size=x.size()))
        fold = T.nn.Fold((9, 8), (2, 3), padding=1)
        texts.append(repr(fold))
        outs.append(fold(T.nn.Unfold((2, 3), padding=1)(inputs[1])))
        found.append(outs)
    assert texts[:4] == texts[4:]
    for a, b in zip(*found, strict=True):
        agree(a, b)


ERRORS = [
    *(
        f"F.{kind}_pool{n}d(x{n}, {arguments})"
        for n in (1, 2, 3)
        for kind in ("max", "avg")
        for arguments in (
            "0", "-1", "100", "2, 0", "2, -1", "2, 2, 2", "2, 2, -1", "(2, 2, 2, 2)", "2, (1, 1, 1, 1)", "2, 2, (0, 0, 0, 0)", "2.0",
            "'a'", "None", "True", "(2, 'a', 2)", "(1.5, 2)", "()", "2, 1.5",
        )
    ),
    *(f"F.max_pool{n}d(x{n}, 2, 2, 0, {d})" for n in (1, 2, 3) for d in ("0", "(1, 1, 1, 1)")),
    *(f"F.max_pool{n}d(x{n}, 3, 1, 2, 3)" for n in (1, 2, 3)),
    *(f"F.avg_pool{n}d(x{n}, 2, divisor_override={d})" for n in (2, 3) for d in ("0", "1.5")),
    *(
        f"F.{kind}_pool{n}d({x}, 2)"
        for n in (1, 2, 3)
        for kind in ("max", "avg", "adaptive_max", "adaptive_avg")
        for x in (
            "torch.ones(())", "torch.ones(3)", "torch.ones(2, 3, 4, 4, 4, 4)", "torch.ones(2, 0, 8)", "torch.ones(2, 3, 0, 8)",
            "torch.ones(2, 3, 8, 0, 8)", "[1.0]", f"x{n}.bool()", f"x{n}.to(torch.int32)", f"x{n}.to(torch.complex64)",
        )
        if not (kind.startswith("adaptive") and x == "[1.0]")
    ),
    *(
        f"F.adaptive_{kind}_pool{n}d(x{n}, {size})"
        for n in (1, 2, 3)
        for kind in ("max", "avg")
        for size in ("-1", "(2, 2, 2, 2)", "(2, 2)", "None", "2.0", "'a'", "()", "(2, 'a')", "(None, 2)")
    ),
    *(
        f"F.max_unpool{n}d(*F.max_pool{n}d(x{n}, 2, return_indices=True), {arguments})"
        for n in (1, 2, 3)
        for arguments in ("2, output_size=(1,) * 4", "2, output_size=(20,) * 3", "2, output_size=(20,) * 2", "2.0", "(2, 2, 2, 2)")
    ),
    *(f"F.max_unpool{n}d(torch.ones(2, 1, 1, 1), torch.ones(2, 1, 1, 1).{t}(), 2)" for n in (1, 2, 3) for t in ("int", "long")),
    "F.max_unpool2d(torch.ones(1, 1, 1), torch.full((1, 1, 1), 9), 2)",
    "F.max_unpool2d(torch.ones(1, 2, 1), torch.full((1, 1, 1), 0), 2)",
    "F.max_unpool3d(torch.ones(1, 2, 2, 2), torch.zeros((1, 2, 2, 2), dtype=torch.int64), 2, 0)",
    *(
        f"F.fractional_max_pool{n}d(x{n}, {arguments})"
        for n in (2, 3)
        for arguments in (
            "2", "2, (3,)", "2, 100", "100, 2", "2, -1", "2.0, 2", "2, 2.0", "2, output_ratio=0.5", "2, output_ratio=(0.5,) * 4",
            "(2,) * 4, 2", "2, 3", "2, 4", "2, 2, _random_samples=torch.rand(2, 3, 4)", "2, 2, _random_samples=torch.rand(2, 1, 2)",
            "2, 2, _random_samples=torch.rand(3, 2)",
        )
    ),
    *(f"F.fractional_max_pool{n}d({x}, 2, 2)" for n in (2, 3) for x in ("torch.ones(3)", "torch.ones(2, 0, 4, 4)", f"x{n}.long()")),
    *(f"torch.nn.FractionalMaxPool{n}d(2{a})(x{n})" for n in (2, 3) for a in ("", ", 3, 0.5", ", output_ratio=2")),
    "F.lp_pool1d(x1, 2, (2, 2))",
    "F.lp_pool3d(x3, 2, (2, 2))",
    *(f"F.unfold(x2, {arguments})" for arguments in ("9", "0", "2, 0", "2, 1, -1", "2, 1, 0, 0", "(2, 2, 2)", "2.0", "'a'")),
    *(f"F.unfold({x}, 2)" for x in ("torch.ones(3)", "torch.ones(2, 3)", "torch.ones(2, 0, 3, 3)", "x2.long()", "None")),
    *(
        f"F.fold(torch.ones(2, 12, 56), {arguments})"
        for arguments in ("9, 2", "(9, 8), 5", "(9, 8), 2, 0", "(9, 8), 2, 1, -1", "(9, 8, 7), 2", "8.0, 2", "(9, 8), (2, 2, 2)", "0, 2")
    ),
    "F.fold(torch.ones(4), 2, 2)",
    "F.avg_pool2d(x2)",
    "torch.max_pool2d(x2)",
    "torch.adaptive_avg_pool1d(x1)",
    "torch.nn.MaxPool2d(2)(x1[0])",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("source", ERRORS)
def test_errors(torch: ModuleType, source: str) -> None:
    found: list[Any] = []
    for T in (tgrad, torch):
        names = {"torch": T, "F": T.nn.functional, **{f"x{n}": T.ones(SHAPES[n]) for n in SHAPES}}
        try:  # a few of them are accepted, by both
            found.append((tuple(eval(source, names).shape), ""))
        except Exception as e:
            found.append((type(e).__name__, str(e).split("\n")[0]))
    assert found[0] == found[1]
