"""Which of several equal elements comes first: the indices of sort, topk, kthvalue and mode are PyTorch's, however they are found.

See Note [The order of equals] in ops/equals.py. What is compared is exact; rows hold few different values, so that nearly all have equals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tgrad
from tgrad.kernels import native, ordering
from tgrad.ops import equals, introsort

from .oracle import FLOATS, INTEGERS, to_array, to_tgrad, torch

DTYPES = (*FLOATS, *INTEGERS, "bool")
ROWS = [((n,), 0) for n in (1, 5, 16, 17, 64, 100, 1000)]
DIMS = [((130, 3), 0), ((2, 40, 3), 1), ((4, 300), -1)]
WAYS = ["steps", "levels", "compiled", "compiled, in pieces"]
# All dtypes go one way and some go all: from a certain point on, elements are numbers of one kind.
EACH = [(w, d) for w in WAYS for d in DTYPES if w == "levels" or d in ("float32", "bfloat16", "int64", "bool")]
NUMBERS = [(w, d) for w, d in EACH if d != "bool"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One step after the other, all ranges of a level at once, or compiled; that with long rows given to several threads as well."""
    monkeypatch.setattr(equals, "SMALL", 1 << 30 if request.param == "steps" else 0)
    monkeypatch.setattr(equals, "PART", 1500)
    if request.param.startswith("compiled"):
        request.getfixturevalue("compiled_tier")
        monkeypatch.setattr("tgrad.kernels.bands.OFTEN", 0)
        monkeypatch.setattr(ordering, "SHARED", 90 if "pieces" in request.param else 1 << 30)
    yield request.param


def some(dtype: str, shape: tuple[int, ...], different: int, nan: float = 0.0, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, different, shape).astype(np.float64)
    if dtype in FLOATS:
        a *= rng.choice([1.0, -1.0], shape)  # 0.0 and -0.0 are equal
        a[rng.random(shape) < nan] = math.nan
    return torch.tensor(a).to(getattr(torch, dtype))


def inputs(dtype: str, cases: Any = (*ROWS, *DIMS)) -> Iterator[tuple[Any, Any, int]]:
    for shape, d in cases:
        for different, nan in ((2, 0.0), (40, 0.0), (3000, 0.0), (7, 0.2)):
            if not nan or dtype in FLOATS:
                x = some(dtype, shape, different, nan)
                yield x, to_tgrad(x), d


def assert_same(ours: Any, theirs: Any, note: Any) -> None:
    for a, b in zip(ours, theirs, strict=True):
        a, b = to_array(a), to_array(b)
        assert a.shape == b.shape, note
        np.testing.assert_array_equal(a, b, err_msg=str(note))
        if a.dtype.kind == "f":
            real = a == a
            np.testing.assert_array_equal(np.signbit(a[real]), np.signbit(b[real]), err_msg=str(note))


def ranks(n: int) -> list[int]:
    return sorted({k for k in (1, n // 64, n // 64 + 1, n // 3, n) if 0 < k <= n})


@pytest.mark.parametrize(("way", "dtype"), EACH, indirect=["way"])
def test_sort(way: str, dtype: str) -> None:
    for theirs, ours, d in inputs(dtype, [*ROWS, *DIMS, ((5000,), 0)]):
        for down in (False, True):
            note = dtype, tuple(theirs.shape), d, down
            assert_same(ours.sort(d, down), theirs.sort(d, down), note)
            for stable in (False, True):
                words = dict(dim=d, descending=down, stable=stable)
                assert_same(ours.sort(**words), theirs.sort(**words), note)
                assert_same([ours.argsort(**words)], [theirs.argsort(**words)], note)
        assert_same([ours.msort()], [theirs.msort()], dtype)


@pytest.mark.parametrize(("way", "dtype"), NUMBERS, indirect=["way"])
def test_topk_and_kthvalue(way: str, dtype: str) -> None:
    for theirs, ours, d in inputs(dtype):
        for k in ranks(theirs.shape[d]):
            note = dtype, tuple(theirs.shape), d, k
            for largest in (False, True):
                for ordered in (False, True):
                    words = dict(k=k, dim=d, largest=largest, sorted=ordered)
                    assert_same(ours.topk(**words), theirs.topk(**words), (*note, words))
            assert_same(ours.kthvalue(k, d), theirs.kthvalue(k, d), note)


@pytest.mark.parametrize(("way", "dtype"), EACH, indirect=["way"])
def test_mode_and_median(way: str, dtype: str) -> None:
    for theirs, ours, d in inputs(dtype):
        assert_same(ours.mode(d), theirs.mode(d), (dtype, tuple(theirs.shape)))
        if dtype != "bool":
            assert_same(ours.median(d), theirs.median(d), (dtype, tuple(theirs.shape)))
            assert_same(ours.nanmedian(d), theirs.nanmedian(d), (dtype, tuple(theirs.shape)))


@pytest.mark.parametrize("way", WAYS[1:], indirect=True)
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
@pytest.mark.parametrize("n", [32767, 32768])
def test_many_integers_are_sorted_by_their_digits(way: str, dtype: str, n: int) -> None:
    x = some(dtype, (n,), 5)
    for theirs in (x, x[None], torch.stack([x, x], -1)[:, 0]):
        ours = to_tgrad(theirs)
        for down in (False, True):
            assert_same(ours.sort(-1, down), theirs.sort(-1, down), (dtype, n, down))


def test_a_number_that_stands_for_a_row(way: str) -> None:
    theirs = torch.tensor([[2.0], [1.0]]).expand(2, 90)
    ours = to_tgrad(theirs)
    for down in (False, True):
        assert_same(ours.sort(-1, down), theirs.sort(-1, down), down)
    assert_same(ours.topk(9), theirs.topk(9), "topk")
    assert_same(ours.mode(), theirs.mode(), "mode")


def test_patterns(way: str) -> None:
    for n in (90, 333, 2000):
        i = np.arange(n)
        for a in (
            i // 3,
            i[::-1] // 3,
            np.minimum(i, i[::-1]),
            i % 10,
            np.append(i[: n // 2], i[: n - n // 2]),
            np.zeros(n),
        ):
            theirs = torch.tensor(a.astype(np.float32))
            ours = to_tgrad(theirs)
            assert_same(ours.sort(), theirs.sort(), n)
            assert_same(ours.sort(descending=True), theirs.sort(descending=True), n)
            for k in ranks(n):
                assert_same(ours.topk(k, sorted=False), theirs.topk(k, sorted=False), (n, k))
                assert_same(ours.kthvalue(k), theirs.kthvalue(k), (n, k))


def worst(n: int) -> np.ndarray:
    """A row on which introsort's pivots are all as bad as can be (McIlroy 1999, "A Killer Adversary for Quicksort"): elements get their values
    while they are compared, the smallest left, each time to the one that is not the pivot."""
    values: dict[int, int] = {}
    candidate = 0

    class Gas:
        def __init__(self, i: int) -> None:
            self.i = i

        def __lt__(self, other: Gas) -> bool:
            nonlocal candidate
            a, b = self.i, other.i
            if a not in values and b not in values:
                values[a if a == candidate else b] = len(values)
            if a not in values:
                candidate = a
            elif b not in values:
                candidate = b
            return values.get(a, n) < values.get(b, n)

    introsort.sort([(Gas(i), i) for i in range(n)], 0, n)
    return np.array([values.get(i, n) for i in range(n)])


@pytest.fixture
def heaps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of the ranges for which introsort has given up its pivots."""
    seen: list[int] = []
    select = introsort.heap_select

    def watched(a: Any, first: int, middle: int, last: int) -> None:
        seen.append(last - first)
        select(a, first, middle, last)

    monkeypatch.setattr(introsort, "heap_select", watched)
    return seen


def test_rows_on_which_pivots_fail(way: str, heaps: list[int]) -> None:
    for n in (200, 1000):
        row = worst(n)
        assert heaps and max(heaps) > 100  # the row does what it is for
        for a in (row, row // 2, -(row // 2), np.append(row // 2, row // 2), np.minimum(row, 30), np.minimum(row, 24)):
            theirs = torch.tensor(a)
            ours = to_tgrad(theirs)
            for down in (False, True):
                assert_same(ours.sort(-1, down), theirs.sort(-1, down), (n, down))
            for k in ranks(a.size):
                assert_same(ours.topk(k, sorted=False), theirs.topk(k, sorted=False), (n, k))
                assert_same(ours.topk(k, largest=False), theirs.topk(k, largest=False), (n, k))


def test_gradients_go_where_the_indices_say(way: str) -> None:
    theirs = some("float64", (3, 200), 5).requires_grad_()
    ours = to_tgrad(theirs)
    weight = torch.arange(600.0, dtype=torch.float64).reshape(3, 200)
    for fn in (lambda x: x.sort(1)[0], lambda x: x.msort(), lambda x: x.topk(200)[0]):
        for x, w in ((theirs, weight), (ours, to_tgrad(weight))):
            x.grad = None
            (fn(x) * w).sum().backward()
        assert_same([ours.grad], [theirs.grad], "gradient")


@pytest.mark.usefixtures("compiled_tier")
def test_compiled_code_is_what_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> Any:
        raise AssertionError("numpy was asked")

    for name in ("introsorted", "chosen", "kth"):
        monkeypatch.setattr(equals, name, none)
    monkeypatch.setattr("tgrad.kernels.bands.OFTEN", 0)
    for dtype in ("float32", "float64", "int64", "bool", "bfloat16"):
        x = to_tgrad(some(dtype, (3, 300), 5))
        x.sort()
        x.mode()
        if dtype != "bool":
            x.topk(20)
            x.kthvalue(20)


def test_where_numpy_would_take_seconds_the_compiler_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(native.cache, "folder", lambda: tmp_path)
    monkeypatch.setattr(native.Jit, "mode", "background")
    monkeypatch.setattr(native, "KERNELS", {})
    asked: list[Any] = []
    plain = equals.introsorted
    monkeypatch.setattr(equals, "introsorted", lambda *args: asked.append(args) or plain(*args))
    values = np.random.default_rng(0).integers(0, 3, (1, 400))
    order = np.argsort(values, -1, kind="stable")
    same = equals.neighbours(np.take_along_axis(values, order, -1))
    monkeypatch.setattr(ordering, "PATIENCE", 400)
    waited = ordering.introsorted(order, same)
    assert not asked
    assert [k.state for k in native.KERNELS.values()] == [native.READY]
    monkeypatch.setattr(native.Jit, "mode", "off")
    np.testing.assert_array_equal(ordering.introsorted(order, same), waited)
    assert asked


def test_functions_with_indices_have_them_in_int64() -> None:
    x = tgrad.randint(0, 3, (2, 100))
    for indices in (x.sort()[1], x.argsort(), x.topk(5)[1], x.kthvalue(5)[1], x.mode()[1]):
        assert indices.dtype is tgrad.int64
