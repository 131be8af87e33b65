"""Factories, ranges, data and conversions beside PyTorch, with what they refuse."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tgrad

from .oracle import DTYPES, caught, compare, first_line, layouts, same_outcome, torch, twin, values

CALLS = """
zeros(2, 3) | zeros((2, 3)) | zeros([2, 3]) | zeros(()) | zeros(2, dtype=lib.int64) | zeros(size=(2,)) | zeros(lib.Size([2]))
ones(2, 0) | ones(2, requires_grad=True) | full((2, 3), 1.5) | full((2,), 3) | full((2,), True) | full((), 2j) | full((2,), 7.9,
dtype=lib.int32) | full((2,), -1, dtype=lib.uint8) | full((2,), lib.tensor(3)) | full((1,), 70000.0, dtype=lib.float16)
zeros_like(x) | ones_like(x, dtype=lib.int8) | full_like(x, 2) | full_like(x, 2.7, dtype=lib.int64) | zeros_like(x.t())
arange(5) | arange(1, 4) | arange(1, 2.5, 0.5) | arange(5, 0, -2) | arange(0, 1, 0.3) | arange(end=4) | arange(start=1, end=4)
arange(1, 5, step=2) | arange(lib.tensor(3)) | arange(3, dtype=lib.float64) | arange(-5, 5, 2.5, dtype=lib.int32) | arange(0)
arange(0.5, 3.7, 1, dtype=lib.int64) | arange(4, dtype=lib.bfloat16) | linspace(0, 1, 5) | linspace(3, 10, 1) | linspace(0, 1, 0)
linspace(-10, 10, 7, dtype=lib.int32) | linspace(0, 1, 3, dtype=lib.complex64) | linspace(0, 1j, 3) | linspace(0, 10, 11,
dtype=lib.float16) | logspace(0, 2, 3) | logspace(-1, 1, 5, base=2) | logspace(0, 2, 3, dtype=lib.int32) | eye(3) | eye(2, 3)
eye(0) | eye(3, dtype=lib.int64) | tensor([1, 2]) | tensor([1.5, 2]) | tensor([[1, 2], [3, 4]]) | tensor(3) | tensor([])
tensor([True, 2, 3.5]) | tensor([1j, 2]) | tensor(2.5, dtype=lib.int64) | tensor([1, 2], dtype=lib.float16) | tensor((1, (2)))
scalar_tensor(3) | as_tensor([1, 2]) | asarray([1.0, 2.0]) | complex(x, x) | polar(x, x) | empty(2, 3).shape | empty_like(x).shape
x.new_zeros(2) | x.new_ones((2, 3)) | x.new_full((2,), 3) | x.new_tensor([1, 2]) | x.new_empty(2).shape | x.to(lib.int64)
x.to(lib.float64, copy=True) | x.double() | x.half() | x.bfloat16() | x.bool() | x.byte() | x.cfloat() | x.type(lib.int32)
x.type_as(lib.ones(1, dtype=lib.float64)) | x.type() | x[0, 0].item() | x.tolist() | x.to(x) | x.to(x.double()) | x.to('cpu')
empty_strided((2, 3), (1, 2)).stride() | empty_permuted((2, 3), (1, 0)).stride() | result_type(x, 1.5) | frombuffer(bytearray(8),
dtype=lib.int32)
zeros() | zeros('a') | zeros(2, 'a') | zeros(-1) | zeros(2.5) | zeros((2, 2.5)) | zeros(2, dtype='a') | zeros(True) | ones(-1)
zeros(2, dtype=lib.int64, requires_grad=True) | zeros(2, foo=1) | full() | full((2,)) | full((2,), 'a') | full(2, 1)
full((2,), 2**40, dtype=lib.int32) | full((2,), float('inf'), dtype=lib.int64) | full((2,), 1j, dtype=lib.float32)
full((2,), 300, dtype=lib.uint8) | full_like([1], 2) | full_like(x) | zeros_like() | zeros_like([1]) | x.new_zeros()
x.new_zeros('a') | x.new_full((2,), 'a') | arange() | arange('a') | arange(0, 5, 0) | arange(5, 0) | arange(float('nan'))
arange(1j) | linspace(0, 1) | linspace(0, 1, -1) | linspace(0, 1, 1.5) | linspace('a', 1, 3) | linspace(0, 1, 3, dtype=lib.bool)
linspace(lib.tensor([1.0]), 2, 3) | logspace(0, 1, -1) | logspace(0, 2, 3, base='a') | eye() | eye('a') | eye(-1) | eye(2, -1)
tensor('a') | tensor([1, [2]]) | tensor([[1, 2], [3]]) | tensor(None) | tensor([1, 'a']) | tensor(300, dtype=lib.uint8)
empty_strided((2,), (1, 1)) | empty_permuted((2, 3), (0, 0)) | empty_permuted((2,), (3,)) | complex(x, 1) | polar(x, x.double())
x.item() | x[:0].item() | x.to('a') | x.type('a') | x.double(3) | imag(x) | real(1) | conj(1)
""".replace("\n", " ").split("|")


def texts() -> list[str]:
    """The calls above, one each: a line break separates them unless a parenthesis is open."""
    out: list[str] = []
    for part in CALLS:
        depth, start = 0, 0
        for i, ch in enumerate(part):
            depth += (ch in "([") - (ch in ")]")
            if ch == " " and depth == 0 and part[start:i].strip():
                out.append(part[start:i].strip())
                start = i
        if part[start:].strip():
            out.append(part[start:].strip())
    return out


def evaluate(lib: Any, text: str) -> Any:
    x = lib.tensor([[1.25, -2.0], [0.0, 3.5]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(text if text.startswith("x") else f"lib.{text}", {}, {"lib": lib, "x": x})


@pytest.mark.parametrize("text", texts())
def test_call(text: str) -> None:
    """The same tensor, or the same type of error with the same first line."""
    error = caught(lambda: evaluate(torch, text))
    if error is None:
        compare(evaluate(tgrad, text), evaluate(torch, text), note=text)
        return
    got = caught(lambda: evaluate(tgrad, text))
    assert (type(got).__name__, got and first_line(got)) == (type(error).__name__, first_line(error))


@pytest.mark.parametrize("source", DTYPES)
def test_conversions(source: str) -> None:
    for target in DTYPES:
        for layout, x in layouts(source):
            ours, theirs = twin(x)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compare(
                    ours.to(getattr(tgrad, target)),
                    theirs.to(getattr(torch, target)),
                    note=f"{source} {target} {layout}",
                )


def test_conversions_are_recorded() -> None:
    ours, theirs = twin(values((2, 3)), True)
    for fn in (
        lambda t: t.double(),
        lambda t: t.half().float(),
        lambda t: t.clone(),
        lambda t: t.to(t.dtype, copy=True),
    ):
        compare(fn(ours), fn(theirs))
    (ours.double().sum()).backward()
    (theirs.double().sum()).backward()
    compare(ours.grad, theirs.grad)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bfloat16"])
def test_numpy_shares_memory(dtype: str) -> None:
    a = np.ones((2, 3), dtype)
    t = tgrad.from_numpy(a)
    a[0, 0] = 0
    assert not bool(t[0, 0])
    t.fill_(1)
    assert a.all()
    assert t.numpy().__array_interface__["data"] == a.__array_interface__["data"]


@pytest.mark.parametrize("size", [(3,), (2, 2)])
def test_out(size: tuple[int, ...]) -> None:
    for text in ("zeros({0}, out=o)", "ones({0}, out=o)", "full({0}, 2, out=o)", "arange(4, out=o)", "eye(2, out=o)",
                 "linspace(0, 1, 4, out=o)"):  # fmt: skip
        for out in (
            torch.empty(0),
            torch.empty(4),
            torch.empty(2, dtype=torch.int64),
            torch.empty(2, dtype=torch.float64),
        ):
            ours, theirs = twin(out)

            def run(lib: Any, o: Any, text: str = text) -> Any:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return eval("lib." + text.format(size), {}, {"lib": lib, "o": o})

            same_outcome(
                lambda r=run, o=ours: r(tgrad, o),
                lambda r=run, t=theirs: r(torch, t),
                note=f"{text} {size} {out.dtype}",
            )
