"""Elementwise operations compiled (kernels/formulas.py), beside the same on numpy: values, shapes, strides and dtypes, with gradients.

Here every tensor counts as large and the compiler is waited for; `Watch` says whether a kernel was really what ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.kernels import formulas, native, straight
from tgrad.nn import functional as F

from .test_large import LAYOUTS, data, names

pytestmark = pytest.mark.usefixtures("compiled_tier")


class Watch:
    """What became of each formula since `clear`: whether a kernel computed it."""

    def __init__(self) -> None:
        self.forward: list[bool] = []
        self.backward: list[bool] = []

    def clear(self) -> None:
        self.forward.clear()
        self.backward.clear()


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    w = Watch()

    def spy(fn: Callable[..., Any], seen: list[bool]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            r = fn(*args)
            if native.Jit.mode != "off":
                seen.append(r is not None)
            return r

        return call

    monkeypatch.setattr(formulas, "compiled", spy(formulas.compiled, w.forward))
    monkeypatch.setattr(formulas, "compiled_together", spy(formulas.compiled_together, w.backward))
    monkeypatch.setattr(straight, "_filled", spy(straight._filled, w.forward))
    yield w


# Rows that are expressions, and whose derivatives are. The others stay with numpy, which is tested in test_large.py.
FORWARD = set(
    "abs add angle ceil cos deg2rad eq erf erfc exp exp2 expm1 floor fmax fmin frac ge gt hardshrink heaviside isfinite isinf isnan "
    "isneginf isposinf le log log10 log1p log2 logit lt maximum minimum mul nan_to_num ne neg rad2deg reciprocal relu rsqrt "
    "sigmoid signbit sin sinc sqrt sub tanh trunc xlogy".split()
)
BACKWARD = set(
    "acos acosh add asin asinh atan atan2 atanh cos deg2rad digamma erf erfc erfinv exp exp2 expm1 fmax fmin frac hypot log log10 log1p "
    "log2 logaddexp logit maximum minimum mul nan_to_num neg rad2deg reciprocal relu rsqrt sigmoid sin sinc sqrt sub tan tanh "
    "xlogy".split()
)
DOUBLE_BY_NUMPY = {"exp2", "log2", "log10", "x ** 2.5", "2 ** x", "x ** y"}  # float64 in numpy
# No function with a rounding of its own: not a bit may differ.
EXACT = set(
    "abs add ceil eq floor fmax fmin frac ge gt hardshrink heaviside isfinite isinf isnan isneginf isposinf le lt maximum minimum mul "
    "nan_to_num ne neg reciprocal relu rsqrt signbit sqrt sub trunc deg2rad rad2deg".split()
)
# PyTorch's own answer, -0.0 or 0.0, depends on where the element lies.
EITHER_ZERO = set("relu maximum minimum fmax fmin relu6 clamp hardtanh".split())
LOOSE = {"erfc": 1000}  # scipy's is off by some hundred units in the last place of a float64; see docs/ACCURACY.md

NAN, INF = float("nan"), float("inf")
ODD = [
    0.0,
    -0.0,
    NAN,
    INF,
    -INF,
    1.0,
    -1.0,
    0.5,
    1e-40,
    -1e-42,
    1e-310,
    1.2e-38,
    3e38,
    -3e38,
    89.0,
    -88.0,
    -104.0,
    710.0,
    -745.0,
    17.5,
    1e10,
]


def odd_data(dtype: str = "float32") -> tgrad.Tensor:
    """Numbers of all sizes, and those that formulas treat apart."""
    rng = np.random.default_rng(5)
    a = rng.standard_normal(960) * 10.0 ** rng.integers(-6, 4, 960)
    a[::7] = np.resize(ODD, len(a[::7]))
    with np.errstate(over="ignore"):
        return tgrad.from_numpy(a.astype(dtype).reshape(24, 40))


def outcome(fn: Callable[..., Any], inputs: list[Any]) -> list[np.ndarray] | str:
    """The result and all gradients, or the error."""
    leaves = [
        x.detach().requires_grad_(x.dtype.is_floating_point) if isinstance(x, tgrad.Tensor) else x for x in inputs
    ]
    try:
        out = fn(*leaves)
        if not out.requires_grad:
            return [out.numpy()]
        tgrad.manual_seed(1)
        with native_off():
            weights = tgrad.rand(out.shape, dtype=out.dtype)
        wanted = [x for x in leaves if isinstance(x, tgrad.Tensor) and x.requires_grad]
        grads = tgrad.autograd.grad(out, wanted, weights, allow_unused=True)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return [out.detach().numpy(), *(g.numpy() for g in grads if g is not None)]


class native_off:
    def __enter__(self) -> None:
        self.mode, native.Jit.mode = native.Jit.mode, "off"

    def __exit__(self, *exc: object) -> None:
        native.Jit.mode = self.mode


def both_ways(watch: Watch, fn: Callable[..., Any], inputs: list[Any], name: str, note: str, eps: float = 0) -> None:
    with native_off():
        plain = outcome(fn, inputs)
    watch.clear()
    compiled = outcome(fn, inputs)
    if isinstance(plain, str) or isinstance(compiled, str):
        assert plain == compiled, note
        return
    for k, (a, b) in enumerate(zip(compiled, plain, strict=True)):
        assert (a.dtype, a.shape, a.strides) == (b.dtype, b.shape, b.strides), note
        # A derivative such as 1 - tanh² loses places, and they are not the same ones
        near = 0 if a.dtype.kind != "f" else (8 if k else eps) * np.finfo(a.dtype).eps
        same(a, b, name, f"{note}, {'gradient' if k else 'result'}", near)
        if a.dtype.kind == "f" and name not in EITHER_ZERO:
            zero = (a == 0) & (b == 0)
            np.testing.assert_array_equal(np.signbit(a[zero]), np.signbit(b[zero]), note)


def same(a: np.ndarray, b: np.ndarray, name: str, note: str, near: float) -> None:
    if name in EXACT or a.dtype.kind != "f":
        np.testing.assert_array_equal(a, b, note)
    else:
        eps, least = np.finfo(a.dtype).eps, np.finfo(a.dtype).smallest_subnormal
        np.testing.assert_allclose(a, b, rtol=LOOSE.get(name, 16) * eps, atol=4 * least + near, err_msg=note)


def check_used(watch: Watch, forward: bool, backward: bool, note: str) -> None:
    assert not forward or watch.forward[:1] == [True], f"{note}: the result was not compiled"
    assert not backward or watch.backward[:1] == [True], f"{note}: the gradient was not compiled"


@pytest.mark.parametrize("name", names(1))
def test_one_operand(watch: Watch, name: str) -> None:
    fn = getattr(tgrad, name)
    for dtype in ("float32", "float64"):
        by_numpy = dtype == "float64" and name in DOUBLE_BY_NUMPY
        for layout, take in LAYOUTS.items():
            if dtype == "float64" and layout != "rows":
                continue
            for make in (data, odd_data):
                note = f"{name} of {make.__name__}, {layout}, {dtype}"
                x = take(make(dtype))
                both_ways(watch, fn, [x], name, note)
                if layout != "expanded":
                    check_used(watch, name in FORWARD and not by_numpy, name in BACKWARD and not by_numpy, note)


@pytest.mark.parametrize("name", names(2))
def test_two_operands(watch: Watch, name: str) -> None:
    fn = getattr(tgrad, name)
    row, column = data(low=0.3)[0], data(low=0.3)[:, :1]
    pairs = {
        "rows": (odd_data(), data(low=0.3)),
        "a row": (odd_data(), row),
        "a column": (odd_data(), column),
        "0-d": (odd_data(), row[0]),
    }
    pairs |= {k: (take(odd_data()), take(data(low=0.3))) for k, take in LAYOUTS.items()}
    pairs |= {
        "itself": (x := odd_data(), x),
        "a column before": (column, odd_data()),
        "a row turned": (odd_data().t(), row[:24]),
    }
    pairs |= {"rows and columns": (odd_data(), data().t().contiguous().t())}
    pairs |= {"float64": (data("float64"), odd_data("float64").flip(0))}
    if name not in ("mul", "xlogy", "maximum", "lt"):  # one of each kind is taken through all layouts
        pairs = {k: pairs[k] for k in ("rows", "columns", "a row", "0-d", "itself", "float64")}
    for what, (x, y) in pairs.items():
        note = f"{name} of {what}"
        both_ways(watch, fn, [x, y], name, note)
        if what != "expanded":
            check_used(watch, name in FORWARD, name in BACKWARD and what != "0-d", note)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "x + 1": lambda x, y: x + 1,
    "2 - x": lambda x, y: 2 - x,
    "x * 0.3": lambda x, y: x * 0.3,
    "x / 3": lambda x, y: x / 3,
    "1 / x": lambda x, y: 1 / x,
    "x / y": lambda x, y: x / y,
    "x ** 2": lambda x, y: x**2,
    "x ** 3": lambda x, y: x**3,
    "x ** 0.5": lambda x, y: x**0.5,
    "x ** -1": lambda x, y: x**-1,
    "x ** 2.5": lambda x, y: x**2.5,
    "2 ** x": lambda x, y: 2**x,
    "x ** y": lambda x, y: x**y,
    "alpha": lambda x, y: x.add(y, alpha=3).sub(y, alpha=0.7),
    "rsub": lambda x, y: tgrad.rsub(x, y, alpha=2),
    "square": lambda x, y: x.square(),
    "clamp": lambda x, y: x.clamp(0.2, 0.7),
    "clamp min": lambda x, y: x.clamp(min=0.2),
    "clamp max 0": lambda x, y: x.clamp(max=0),
    "clamp tensor": lambda x, y: x.clamp(y, y + 0.5),
    "where": lambda x, y: tgrad.where(x > 0.5, x, y),
    "where number": lambda x, y: tgrad.where(x > 0.5, x, 0.0),
    "masked_fill": lambda x, y: x.masked_fill(y < 0.5, -INF),
    "lerp": lambda x, y: tgrad.lerp(x, y, 0.3),
    "lerp tensor": lambda x, y: tgrad.lerp(x, y, y),
    "addcmul": lambda x, y: tgrad.addcmul(x, y, x, value=0.5),
    "addcdiv": lambda x, y: tgrad.addcdiv(x, y, x, value=0.5),
    "compare": lambda x, y: (x > 0.5) & (x <= y) | ~(x == y),
    "div floor": lambda x, y: tgrad.div(x, y, rounding_mode="floor"),
    "div trunc": lambda x, y: tgrad.div(x, y, rounding_mode="trunc"),
    "remainder": lambda x, y: x % 0.3,
    "fmod": lambda x, y: x.fmod(y),
    "copysign": lambda x, y: x.copysign(-0.0),
    "copysign tensor": lambda x, y: x.copysign(y - 0.5),
    "round": lambda x, y: x.round(),
    "round decimals": lambda x, y: x.round(decimals=1),
    "logit eps": lambda x, y: x.logit(0.2),
    "nan_to_num": lambda x, y: x.nan_to_num(1.0, 2.0, -3.0),
    "logaddexp": tgrad.logaddexp,
    "float_power": lambda x, y: x.float_power(2),
    "gelu": lambda x, y: F.gelu(x),
    "gelu tanh": lambda x, y: F.gelu(x, approximate="tanh"),
    "silu": lambda x, y: F.silu(x),
    "mish": lambda x, y: F.mish(x),
    "elu": lambda x, y: F.elu(x, 0.7),
    "selu": lambda x, y: F.selu(x),
    "celu": lambda x, y: F.celu(x, 0.7),
    "softplus": lambda x, y: F.softplus(x, 2, 10),
    "logsigmoid": lambda x, y: F.logsigmoid(x),
    "softsign": lambda x, y: F.softsign(x),
    "tanhshrink": lambda x, y: F.tanhshrink(x),
    "softshrink": lambda x, y: F.softshrink(x, 0.2),
    "hardshrink": lambda x, y: F.hardshrink(x, 0.2),
    "hardtanh": lambda x, y: F.hardtanh(x, -0.5, 0.6),
    "hardsigmoid": lambda x, y: F.hardsigmoid(x),
    "hardswish": lambda x, y: F.hardswish(x),
    "relu6": lambda x, y: F.relu6(x),
    "leaky_relu": lambda x, y: F.leaky_relu(x, 0.1),
    "threshold": lambda x, y: F.threshold(x, 0.4, 20.0),
    "prelu": lambda x, y: F.prelu(x, y[0, :1]),
    "mse": lambda x, y: F.mse_loss(x, y, reduction="none"),
    "l1": lambda x, y: F.l1_loss(x, y, reduction="none"),
    "smooth_l1": lambda x, y: F.smooth_l1_loss(x, y, reduction="none", beta=0.3),
    "huber": lambda x, y: F.huber_loss(x, y, reduction="none", delta=0.3),
    "with logits": lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"),
    "cross entropy of two": lambda x, y: F.binary_cross_entropy(x.sigmoid(), y, reduction="none"),
    "double": lambda x, y: x.double() * y.double(),
    "other dtypes": lambda x, y: x * y.double() + x.to(tgrad.int64) * y,
    "in place": lambda x, y: (x * 1).mul_(y).add_(x).exp_(),
    "in place, itself": lambda x, y: (z := x * 1).mul_(z).sub_(z[:, :1]),
    "out": lambda x, y: tgrad.mul(x.detach(), y.detach(), out=tgrad.zeros_like(x.detach())),
}  # fmt: skip
# Those that no kernel computes, yet or for good: a power that is not a whole number, a remainder, a formula that asks for the layout.
NO_FORWARD = set(
    "clamp;clamp min;clamp max 0;div floor;remainder;fmod;float_power;logit eps;"
    "logaddexp;mish;threshold;smooth_l1;huber;with logits;mse".split(";")
)
NO_BACKWARD = set(
    "x ** 0.5;x ** -1;x ** 2.5;x ** y;x ** 3;compare;div floor;div trunc;copysign tensor;round;round decimals;celu;mish;elu;selu;"
    "softshrink;hardshrink;hardtanh;hardswish;l1;smooth_l1;huber;with logits;cross entropy of two;other dtypes;in place, itself;out;mse;"
    "relu6".split(";")
)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(watch: Watch, name: str) -> None:
    fn = FUNCTIONS[name]
    for x, y in ((data(low=-0.3), data()), (odd_data(), data(low=0.3)), (odd_data("float64"), data("float64"))):
        both_ways(watch, fn, [x, y], name, name, eps=8)
        by_numpy = x.dtype == tgrad.float64 and name in DOUBLE_BY_NUMPY
        check_used(watch, name not in NO_FORWARD and not by_numpy, name not in NO_BACKWARD, name)


def test_numbers_are_arguments_of_one_kernel_and_each_has_its_own_value(watch: Watch) -> None:
    x = odd_data()
    before = len(native.KERNELS)
    for k in range(12):
        both_ways(watch, lambda x, k: x * k + (k - 0.5), [x, k], "mul", f"{k}")
        both_ways(watch, lambda x, k: F.leaky_relu(x, k), [x, k / 8], "mul", f"{k}")
        both_ways(watch, lambda x, k: F.elu(x, k), [x, 1 + k / 8], "elu", f"{k}")
        both_ways(watch, lambda x, k: x.nan_to_num(k), [x, float(k)], "nan_to_num", f"{k}")
    assert len(native.KERNELS) - before <= 16
    for k in (0.0, -0.0, NAN, INF, 2**53 + 2, True, 1e300, 1e-300):
        both_ways(watch, lambda x, k: x * k, [x, k], "mul", f"{k}")
        both_ways(watch, lambda x, k: x.nan_to_num(k), [x, float(k)], "nan_to_num", f"{k}")
        both_ways(watch, lambda x, k: x.copysign(k), [x, k], "mul", f"{k}")
        both_ways(watch, lambda x, k: tgrad.where(x > 0, x, k), [x, k], "mul", f"{k}")
        both_ways(watch, lambda x, k: x < k, [x, k], "mul", f"{k}")


def test_a_result_in_another_dtype_than_the_formula_does_not_change_later_ones() -> None:
    a = np.linspace(0.1, 0.9, 100)
    want = np.exp(a)
    for dtype in (np.float32, np.float64, np.float32, None):
        got = formulas.compiled(np.exp, [a], {}, None if dtype is None else np.dtype(dtype))
        assert got is not None and got.dtype == (dtype or np.float64)
        np.testing.assert_allclose(got, want.astype(got.dtype), rtol=2 * np.finfo(got.dtype).eps)


def _unaligned(a: np.ndarray) -> np.ndarray:
    raw = np.empty(a.nbytes + 1, np.uint8)
    made = raw[1:].view(a.dtype).reshape(a.shape)
    made[...] = a
    return made


def _read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "backwards": lambda a: a[::-1],
    "rows backwards": lambda a: a[:, ::-1],
    "both": lambda a: a[::-1, ::-2],
    "not aligned": _unaligned,
    "read only": _read_only,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "one row": lambda a: a[:1],
    "one column": lambda a: a[:, 3:4],
    "nothing": lambda a: a[:, :0],
    "no rows": lambda a: a[:0],
    "windows": lambda a: np.lib.stride_tricks.sliding_window_view(a, 5, axis=1),
    "repeated rows": lambda a: np.broadcast_to(a[0], (30, 40)),
    "repeated columns": lambda a: np.broadcast_to(a[:, :1], (24, 90)),
    "a field of records": lambda a: np.rec.fromarrays([a.astype(np.int8), a], names="n,x")["x"],
    "three dimensions": lambda a: a.reshape(4, 6, 40).transpose(2, 0, 1)[::3, :, ::-1],
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_that_lie_oddly(name: str, dtype: str) -> None:
    a = ARRAYS[name](data(dtype).numpy())
    b = np.ascontiguousarray(a[..., ::-1])
    for operands in ([a, 2.5], [a, b], [b, a], [a, a[..., :1]], [a[..., :1], a], [a, a]):
        got = formulas.compiled(np.multiply, operands, {}, None)
        want = operands[0] * operands[1]
        if got is not None:
            assert got.dtype == want.dtype and got.flags.writeable
            np.testing.assert_array_equal(got, want)
            assert not any(np.shares_memory(got, x) for x in operands if isinstance(x, np.ndarray) and x.size)
    both = formulas.compiled_together([lambda g, y: g * y, lambda g, x: g * x], [[a, b], [a, a]], [False, False])
    if both is not None:
        np.testing.assert_array_equal(both[0], a * b)
        np.testing.assert_array_equal(both[1], a * a)
