"""Programs whose graphs are drawn, on tgrad and on the real PyTorch, and the switch that rewrites golden files.

`pytest tests/viz --overwrite-golden` writes what is drawn now to tests/viz/golden; look at the difference before you
commit it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest


def seed(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    x = lib.ones(2, 2, requires_grad=True)
    y = x + 2
    z = y * y * 3
    out = z.mean()
    return [out], {"names": {"x": x, "y": y, "z": z, "out": out}}


def mlp(lib: Any, **options: Any) -> tuple[list[Any], dict[str, Any]]:
    model = lib.nn.Sequential(lib.nn.Linear(4, 8), lib.nn.ReLU(), lib.nn.Linear(8, 3))
    x = lib.ones(32, 4)
    target = lib.zeros(32, dtype=lib.int64)
    logits = model(x)
    loss = lib.nn.functional.cross_entropy(logits, target)
    return [loss], {"names": {"x": x, "target": target, "logits": logits, "loss": loss}, "params": model, **options}


def mlp_saved(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    return mlp(lib, show_saved=True)


def mlp_raw(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    return mlp(lib, raw=True)


def constants(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    x = lib.ones(3, requires_grad=True)
    y = (x / 4) ** 2
    z = lib.nn.functional.leaky_relu(y.clamp(0, 1), 0.1)
    out = z.sum(dim=0)
    return [out], {"names": {"x": x, "y": y, "out": out}}


def no_grad_operand(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    w = lib.ones(3, requires_grad=True)
    mask = lib.zeros(3)
    factor = lib.tensor(2.0)
    out = w * mask * lib.ones(3) * factor * lib.tensor(3.0)
    return [out], {"names": {"w": w, "mask": mask, "factor": factor}}


def two_outputs(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    a = lib.ones(2, requires_grad=True)
    b = lib.ones(2, requires_grad=True)
    s = a + b
    return [s, s.exp()], {"names": {"a": a, "b": b, "s": s}}


def views(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    x = lib.ones(2, 3, requires_grad=True)
    a, b = x.t().reshape(2, 3).unbind(0)
    return [a * b], {"names": {"x": x, "a": a, "b": b}}


def in_place(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    x = lib.ones(2, 2, requires_grad=True)
    y = x.clone()
    y[0] = 3.0
    y.mul_(2)
    return [y.sum()], {"names": {"x": x, "y": y}}


def custom_function(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    class Swish(lib.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * lib.sigmoid(x)

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            (x,) = ctx.saved_tensors
            s = lib.sigmoid(x)
            return grad * (s + x * s * (1 - s))

    x = lib.ones(3, requires_grad=True)
    y = Swish.apply(x)
    return [y.sum()], {"names": {"x": x, "y": y}}


def buffers(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    norm = lib.nn.BatchNorm1d(4)
    x = lib.ones(8, 4)
    return [norm(x).sum()], {"names": {"x": x}, "params": norm}


def residual(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    x = lib.ones(4, 4, requires_grad=True)
    w = lib.nn.Parameter(lib.ones(4, 4))
    h = x
    for _ in range(2):
        h = h + lib.tanh(h @ w)
    return [h], {"names": {"x": x, "w": w}}


def double_backward(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    x = lib.ones(2, requires_grad=True)
    (g,) = lib.autograd.grad((x * x.exp()).sum(), x, create_graph=True)
    return [g], {"names": {"x": x, "g": g}}


def unnamed(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    return [lib.ones(2, requires_grad=True) * lib.nn.Parameter(lib.ones(2))], {}


def only_a_leaf(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    x = lib.ones(2, requires_grad=True)
    return [x], {"names": {"x": x}}


HOSTILE_NAMES = [
    '</script><img src=x onerror="alert(1)">',
    'quote " backslash \\ \\N \\" end',
    "line\nbreak\ttab\x00nul\x1b[31m",
    "right\u202eleft\u2066 \u200f",
    "&amp; &lt;b&gt; &#60; ]]>",
    "변수 変数 متغير é ∂",
    "a" * 300,
]


def hostile(lib: Any) -> tuple[list[Any], dict[str, Any]]:
    y = x = lib.ones(2, requires_grad=True)
    names = {HOSTILE_NAMES[0] + " leaf": x}
    for name in HOSTILE_NAMES:
        y = y.exp()
        names[name] = y
    return [y], {"names": names}


Program = Callable[[Any], tuple[list[Any], dict[str, Any]]]
PROGRAMS: dict[str, Program] = {
    program.__name__: program
    for program in (
        seed, mlp, mlp_saved, mlp_raw, constants, no_grad_operand, two_outputs, views, in_place, custom_function,
        buffers, residual, double_backward, unnamed, only_a_leaf, hostile,
    )
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--overwrite-golden", action="store_true", help="rewrite the golden files of tests/viz")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "program" in metafunc.fixturenames:
        metafunc.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())


@pytest.fixture
def programs() -> dict[str, Program]:
    return PROGRAMS


@pytest.fixture
def hostile_names() -> list[str]:
    return HOSTILE_NAMES


@pytest.fixture
def overwrite_golden(request: pytest.FixtureRequest) -> bool:
    # Absent where pytest was started above this folder: conftest files found later add no options.
    return bool(request.config.getoption("--overwrite-golden", False))


@pytest.fixture(params=["tgrad", "torch"])
def lib(request: pytest.FixtureRequest) -> ModuleType:
    """The library that the graph is recorded by: pictures need nothing but PyTorch's public fields."""
    if request.param == "torch":
        return pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")
    return pytest.importorskip("tgrad")


@pytest.fixture
def tgrad() -> ModuleType:
    return pytest.importorskip("tgrad")
