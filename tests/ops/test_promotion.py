"""Which dtype comes out: every pair of dtypes, as tensors with dimensions, 0-d tensors, Python and numpy numbers."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np
import pytest

import tgrad

from .oracle import DTYPES, caught, compare, dtype_name, first_line, same_outcome, torch, twin, values

NUMBERS = {"bool": True, "int": 3, "negative": -2, "float": 1.5, "complex": 1 + 2j}
OPERATIONS: dict[str, Any] = {
    "add": lambda lib, a, b: a + b,
    "sub": lambda lib, a, b: a - b,
    "mul": lambda lib, a, b: a * b,
    "div": lambda lib, a, b: a / b,
    "pow": lambda lib, a, b: a**b,
    "eq": lambda lib, a, b: a == b,
    "lt": lambda lib, a, b: a < b,
    "floordiv": lambda lib, a, b: a // b,
    "mod": lambda lib, a, b: a % b,
    "and": lambda lib, a, b: a & b,
    "where": lambda lib, a, b: lib.where(lib.tensor([True, False]), a, b),
    "maximum": lambda lib, a, b: lib.maximum(a, b),
    "atan2": lambda lib, a, b: lib.atan2(a, b),
    "clamp": lambda lib, a, b: lib.clamp(a, max=b),
    "fmod": lambda lib, a, b: lib.fmod(a, b),
    "result_type": lambda lib, a, b: lib.result_type(a, b),
}


def operand(kind: str, dtype: str, seed: int) -> Any:
    if kind == "tensor":
        return values((2,), dtype, 1, 3, seed)
    return values((), dtype, 1, 3, seed)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("first", DTYPES)
def test_pairs_of_dtypes(name: str, first: str) -> None:
    fn = OPERATIONS[name]
    for second in DTYPES:
        if {first, second} & {"float16"} and {first, second} & {"complex64", "complex128"}:
            continue  # PyTorch answers with complex32, which has no numpy dtype; here it is complex64
        for kinds in itertools.product(("tensor", "0-d"), repeat=2):
            a, b = operand(kinds[0], first, 1), operand(kinds[1], second, 2)
            (ours_a, theirs_a), (ours_b, theirs_b) = twin(a), twin(b)
            same_outcome(
                lambda x=ours_a, y=ours_b: fn(tgrad, x, y),
                lambda x=theirs_a, y=theirs_b: fn(torch, x, y),
                note=f"{name} of {first} {kinds[0]} and {second} {kinds[1]}",
                scale=20,
            )


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers(name: str, dtype: str) -> None:
    fn = OPERATIONS[name]
    for kind, (label, number), flipped in itertools.product(("tensor", "0-d"), NUMBERS.items(), (False, True)):
        ours, theirs = twin(operand(kind, dtype, 1))
        note = f"{name} of {dtype} {kind} and {label}{' first' if flipped else ''}"
        if dtype == "float16" and label == "complex":
            continue
        if flipped:
            if name == "clamp":
                continue
            same_outcome(
                lambda x=ours, n=number: fn(tgrad, n, x),
                lambda x=theirs, n=number: fn(torch, n, x),
                note=note,
                scale=20,
            )
        else:
            same_outcome(
                lambda x=ours, n=number: fn(tgrad, x, n),
                lambda x=theirs, n=number: fn(torch, x, n),
                note=note,
                scale=20,
            )


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bfloat16"])
def test_numpy_numbers_and_arrays(dtype: str) -> None:
    """Arrays on the right. On the left numpy's own operator comes first, and PyTorch leaves it to that."""
    ours, theirs = twin(values((2,), dtype, 1, 3))
    for other in (
        np.float32(1.5),
        np.int64(2),
        np.bool_(True),
        np.float64(2.5),
        np.asarray(2),
        np.arange(2) + 1,
        np.ones(2),
    ):
        for name in ("add", "mul", "eq"):
            fn = OPERATIONS[name]
            error = caught(lambda f=fn, o=other: f(torch, theirs, o))
            if error is None:
                got, want = fn(tgrad, ours, other), fn(torch, theirs, other)
                compare(got, want, note=f"{name} of {dtype} and {other!r}", scale=4)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_integers_wrap_round(dtype: str) -> None:
    x = torch.tensor([0, 1, 100, 127, -1 if dtype != "uint8" else 255], dtype=getattr(torch, dtype))
    for number in (300, -1, 2**31, -(2**40), 255, 128, 2**63 - 1):
        for fn in (operator.add, operator.sub, operator.mul, operator.eq, operator.lt, operator.floordiv):
            ours, theirs = twin(x)
            same_outcome(lambda f=fn, n=number, o=ours: f(o, n), lambda f=fn, n=number, t=theirs: f(t, n),
                         note=f"{fn.__name__} {dtype} {number}")  # fmt: skip
    ours, theirs = twin(x)
    compare(ours * ours, theirs * theirs)
    compare(-ours, -theirs)
    compare(ours.abs(), theirs.abs())


@pytest.mark.parametrize("other", ["a", None, [1], (1, 2), {}, object(), b"x"])
@pytest.mark.parametrize("name", ["add", "mul", "div", "pow", "eq", "lt", "maximum", "fmod", "where", "clamp", "atan2"])
def test_foreign_operands(name: str, other: Any) -> None:
    fn = OPERATIONS[name]
    ours, theirs = twin(values((2,), "float32"))
    if name == "eq":
        assert fn(tgrad, ours, other) == fn(torch, theirs, other)
        return
    same_outcome(lambda: fn(tgrad, ours, other), lambda: fn(torch, theirs, other), note=f"{name} with {other!r}")


CALLS = """
add(x, y, foo=1) | mul(x) | mul(x, y, z=1) | sigmoid() | sigmoid(x, foo=1) | sigmoid([1]) | exp(3) | maximum(x)
maximum(x, 1) | maximum(x, y, 3) | eq(x) | eq(1, x) | eq([1], x) | fmod(x) | remainder(x, 'a') | pow(x) | pow('a', x)
clamp(x) | clamp(x, y, 2) | clamp('a', 2) | lerp(x, y) | lerp(x, 1, .5) | where(x, 1, 2) | where(1, 1, 2) | where(x > 0, 'a', 2)
masked_fill(x, x, 1) | masked_fill(x, 1, 1) | masked_fill(x, x > 0, y) | addcmul(x, y, 1) | addcdiv(i, i, i) | sum('a')
sum(x, 'a') | sum(x, 0, foo=1) | sum(x, 5) | sum(x, (0, 0)) | mean(i) | mean(x, 'a') | max('a') | max(x, 5) | prod(x, (0,))
amax('a') | argmax(x, 'a') | argmax(x > 0) | all('a') | any(x, 5) | cumsum(x) | cumsum(x, 3) | std(i) | var_mean(i) | norm(i)
logsumexp(x) | softmax(i, 0) | softmax(x) | softmax(x, 3) | neg(x > 0) | sub(x > 0, 1) | rsub(x > 0, 1) | bitwise_and(x, x)
bitwise_and(i, 1.5) | bitwise_and(2, 3) | bitwise_not(x) | sign(c) | floor(c) | round(c) | round(i, decimals=1) | ceil(x > 0)
abs(x > 0) | frac(i) | lt(c, c) | atan2(c, c) | fmod(c, 1) | erf(c) | max(c) | logit(c) | isposinf(c) | signbit(c) | fmod(i, 0)
remainder(i, 0) | pow(i, -1) | add(i, 1, alpha=1.5) | add(x, 1, alpha=1j) | add(x, 1, alpha=True) | div(x, y, rounding_mode='foo')
isclose(x, 1) | isclose(x, y.double()) | allclose(x, y, rtol=-1) | equal(x, 1) | isin(x, 'a') | quantile(x, 1.5) | quantile(i, .5)
median(x[:0].reshape(0, 2), 0) | max(x[:0]) | amax(x[:0]) | argmin(x[:0]) | aminmax(x[:0]) | heaviside(x, y.double()) | gcd(x, y)
hypot(i, i) | logaddexp(i, i) | xlogy(1, 2) | copysign(x, 'a') | nextafter(i, i) | polar(x, 1) | complex(x, y.double())
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("text", [c.strip() for c in CALLS if c.strip()])
def test_errors(text: str) -> None:
    """The type and the first line of what PyTorch raises."""
    both = []
    for lib in (tgrad, torch):
        names = {
            "x": lib.tensor([1.0, 2.0]),
            "y": lib.tensor([3.0, 4.0]),
            "i": lib.tensor([1, 2]),
            "c": lib.tensor([1j, 2.0]),
        }
        names["lib"] = lib
        both.append(caught(lambda n=names: eval(f"lib.{text}", {}, n)))
    got, want = both
    assert want is not None, f"PyTorch accepts {text}"
    assert (type(got).__name__, got and first_line(got)) == (type(want).__name__, first_line(want))


def test_names_of_dtypes() -> None:
    for a, b in itertools.product(DTYPES, repeat=2):
        got = tgrad.promote_types(getattr(tgrad, a), getattr(tgrad, b))
        want = torch.promote_types(getattr(torch, a), getattr(torch, b))
        assert dtype_name(got) == dtype_name(want), (a, b)
        got_cast = tgrad.can_cast(getattr(tgrad, a), getattr(tgrad, b))
        assert got_cast == torch.can_cast(getattr(torch, a), getattr(torch, b)), (a, b)
