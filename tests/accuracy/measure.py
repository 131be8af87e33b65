"""How far compiled elementary functions are from the truth, in units in the last place (ulp), and numpy's or scipy's beside them.

    python -m tests.accuracy               # some millions of arguments for each function and dtype
    python -m tests.accuracy --exhaustive  # every float32 there is (half an hour), and more of float64
    python -m tests.accuracy --markdown    # as docs/ACCURACY.md has it

The truth: float64 for float32; 80-bit numbers (numpy's longdouble) for float64, and mpmath at 50 digits for some thousands of arguments
where the C library has no such function. An error of 0.5 is what correct rounding leaves at most. Arguments are bit patterns, so that
all sizes have their turn, denormal numbers and huge ones too, and stretches where a function is delicate. Special values (0.0, -0.0,
inf, -inf, nan) must come out exactly.

Two are measured in part. `1 / (1 + exp(-x))` gives 0 where exp overflows, though the result would be a denormal number; so does PyTorch's,
and such results are left out. gelu is x/2 (1 + erf(x/sqrt(2))), which loses places where erf comes near -1, as PyTorch's; its error is
given in units of the last place of x.
"""

from __future__ import annotations

import argparse
import functools
import platform
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tgrad.kernels import formulas, native
from tgrad.kernels.render import HEAD

ndarray = np.ndarray
F32, F64, WIDE = np.dtype(np.float32), np.dtype(np.float64), np.longdouble
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan]


class Function:
    """A function under test. `truth` and `usual` take arrays; `stretches` are intervals that get arguments of their own."""

    def __init__(
        self, name: str, truth: Callable[..., Any], usual: Callable[..., Any], stretches: Any = (), *, kinds: Any = (F32, F64),
        exact: Callable[[Any], Any] | None = None, compiled: Callable[..., Any] | None = None, of_x: bool = False, normal: bool = False,
    ) -> None:  # fmt: skip
        self.name, self.truth, self.usual, self.stretches, self.kinds = name, truth, usual, stretches, kinds
        self.exact, self.by_formula = exact, compiled  # exact: of mpmath, for float64
        self.of_x, self.normal = of_x, normal  # units of x; only results that are normal numbers

    def compiled(self, x: ndarray) -> ndarray:
        if self.by_formula is not None:
            r = formulas.compiled(self.by_formula, [x], {}, None)
        else:
            r = np.empty_like(x)
            code = "f4" if x.dtype == F32 else "f8"
            body = f"def kernel(x, out, lo, hi):\n    for i in range(lo, hi):\n        out[i] = {self.name}(x[i])\n"
            run = native.rendered(HEAD + body, f"{code}* {code}* i8 i8").get()
            assert run is not None
            run(x.ctypes.data, r.ctypes.data, 0, x.size)
        assert r is not None, f"{self.name} was not compiled"
        return r


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _scipy(name: str) -> Callable[..., Any]:
    import scipy.special

    return getattr(scipy.special, name)


@functools.cache
def functions() -> dict[str, Function]:
    import mpmath as mp

    from tgrad.ops.spec import ROWS

    mp.mp.dps = 50
    erf, erfc, gelu, half = _scipy("erf"), _scipy("erfc"), ROWS["gelu"].array, mp.sqrt(mp.mpf(1) / 2)
    turns = [(k * np.pi / 2 - 1e-4, k * np.pi / 2 + 1e-4) for k in (1, 2, 3, 4, 1000, 123456)] + [
        (-50, 50),
        (4e5, 6e5),
        (9e7, 1.1e8),
    ]
    powers: list[Any] = [
        ("x ** 2.5", lambda x: x**2.5, [(0, 4), (0, 1e15)]),
        ("x ** -3.25", lambda x: x**-3.25, [(0, 4), (0, 1e11)]),
        ("1.375 ** x", lambda x: 1.375**x, [(-1, 1), (-320, 279)]),
        ("x ** x", lambda x: x**x, [(0, 3), (0, 27), (-30, 0)]),
    ]
    found = [
        Function("exp", np.exp, np.exp, [(-1, 1), (-104, -86), (88, 89), (-746, -707), (709, 710)]),
        Function("expm1", np.expm1, np.expm1, [(-1, 1), (-40, 40), (0.3, 0.4), (-0.4, -0.3), (1e-5, 1e-3)]),
        Function("exp2", np.exp2, np.exp2, [(-1, 1), (-150, -120), (127, 128.5)], kinds=(F32,)),
        Function("log", np.log, np.log, [(0.5, 2), (0.99, 1.01), (1 - 1e-6, 1 + 1e-6)]),
        Function("log1p", np.log1p, np.log1p, [(-0.99, 2), (-1, -0.9), (-0.3, 0.5), (-1e-3, 1e-3)]),
        Function("log2", np.log2, np.log2, [(0.5, 2), (0.99, 1.01)], kinds=(F32,)),
        Function("log10", np.log10, np.log10, [(0.5, 2), (0.99, 1.01)], kinds=(F32,)),
        Function("tanh", np.tanh, np.tanh, [(-1, 1), (-22, 22), (0.1, 0.7), (1e-5, 1e-2)]),
        Function("sigmoid", _sigmoid, _sigmoid, [(-40, 40), (-87, -80), (-708, -700)], normal=True),
        Function("sin", np.sin, np.sin, turns, compiled=np.sin),
        Function("cos", np.cos, np.cos, turns, compiled=np.cos),
        Function("erf", erf, erf, [(-7, 7), (0.9, 1.1), (-0.1, 0.1)], exact=mp.erf),
        Function("erfc", erfc, erfc, [(-7, 28), (0.4, 1.1), (26, 27.3), (9, 10.1)], exact=mp.erfc),
        *(Function(name, f, f, around, kinds=(F32,), compiled=f) for name, f, around in powers),
        Function("sigmoid, the row", _sigmoid, _sigmoid, [(-40, 40)], compiled=ROWS["sigmoid"].array, normal=True),
        Function("gelu, the row", lambda x: x * (erfc(-x * np.sqrt(0.5)) / 2), lambda x: 0.5 * x * (1 + erf(x * np.sqrt(0.5).astype(x.dtype))),
                 [(-6, 6), (-1, 1)], compiled=lambda x: gelu(x), exact=lambda x: x / 2 * mp.erfc(-x * half), of_x=True),
    ]  # fmt: skip
    return {f.name: f for f in found}


# ---- arguments


def bit_patterns(kind: np.dtype, count: int, seed: int = 1) -> ndarray:
    rng = np.random.default_rng(seed)
    whole = np.uint32 if kind == F32 else np.uint64
    return rng.integers(0, np.iinfo(whole).max, count, dtype=whole, endpoint=True).view(kind)


def arguments(f: Function, kind: np.dtype, count: int) -> Iterator[ndarray]:
    special = np.array(
        [
            *SPECIAL,
            *(
                s * v
                for v in (1, 2, np.finfo(kind).max, np.finfo(kind).tiny, np.finfo(kind).smallest_subnormal)
                for s in (1, -1)
            ),
        ]
    )
    yield special.astype(kind)
    yield bit_patterns(kind, count)
    for low, high in f.stretches:
        yield np.random.default_rng(2).uniform(low, high, count // 8).astype(kind)


def every_float32() -> Iterator[ndarray]:
    step = 1 << 22
    for first in range(0, 1 << 32, step):
        yield np.arange(first, first + step, dtype=np.uint64).astype(np.uint32).view(F32)


# ---- errors


def ulps(got: ndarray, truth: ndarray, of: ndarray | None = None) -> ndarray:
    """|got - truth| in units in the last place of the truth (or of `of`), rounded to got's dtype; inf where one is nan or infinite and the
    other not."""
    with np.errstate(all="ignore"):
        near = truth.astype(got.dtype)
        unit = np.spacing(np.abs(np.where(np.isfinite(near), near if of is None else of, 1)))
        error = (np.abs(got.astype(truth.dtype) - truth) / unit.astype(truth.dtype)).astype(float)
        same = (got == near) & ~np.isfinite(near) | (np.isnan(got) & np.isnan(near))
        odd = ~np.isfinite(got) | ~np.isfinite(near)
    # the largest number and infinity are neighbours
    largest = np.finfo(got.dtype).max
    edge = (np.abs(got) == largest) & np.isinf(near) | np.isinf(got) & (np.abs(near) == largest)
    error = np.where(odd, np.where(same, 0, np.where(edge, 1, np.inf)), error)
    return error


def agree(got: ndarray, usual: ndarray) -> bool:
    return bool(
        np.array_equal(got, usual, equal_nan=True)
        and np.array_equal(np.signbit(got[got == 0]), np.signbit(usual[usual == 0]))
    )


class Worst:
    def __init__(self) -> None:
        self.ulp, self.where = 0.0, 0.0

    def see(self, error: ndarray, x: ndarray) -> None:
        k = int(np.argmax(error)) if error.size else 0
        if error.size and error[k] > self.ulp:
            self.ulp, self.where = float(error[k]), float(x[k])


def measure(f: Function, kind: np.dtype, count: int, exhaustive: bool = False) -> tuple[Worst, Worst, bool]:
    """(ours, numpy's or scipy's, whether special values are right)"""
    ours, others = Worst(), Worst()
    by_hand = kind == F64 and f.exact is not None
    chunks = (
        every_float32()
        if exhaustive and kind == F32
        else arguments(f, kind, 20000 if by_hand and not exhaustive else count)
    )
    with np.errstate(all="ignore"):
        for x in chunks:
            x = np.ascontiguousarray(x)
            got, usual = f.compiled(x), np.asarray(f.usual(x), kind)
            if by_hand:
                x, got, usual, truth = _by_mpmath(f, x, got, usual)
            else:
                truth = np.asarray(f.truth(x.astype(F64 if kind == F32 else WIDE)))
            keep = np.abs(truth) >= np.finfo(kind).tiny if f.normal else slice(None)
            x, got, usual, truth = x[keep], got[keep], usual[keep], truth[keep]
            ours.see(ulps(got, truth, x if f.of_x else None), x)
            others.see(ulps(usual, truth, x if f.of_x else None), x)
        x = np.array(SPECIAL, kind)
        return ours, others, agree(f.compiled(x), np.asarray(f.usual(x), kind))


def _by_mpmath(f: Function, x: ndarray, got: ndarray, usual: ndarray) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    import mpmath as mp

    keep = np.isfinite(x) & (np.abs(x) < 40) & (np.abs(x) > 1e-300)
    x, got, usual = x[keep][:3000], got[keep][:3000], usual[keep][:3000]
    assert f.exact is not None
    truth = np.empty(x.size, WIDE)
    for i, v in enumerate(x):
        t = f.exact(mp.mpf(float(v)))
        high = float(t)
        truth[i] = WIDE(high) + WIDE(float(t - mp.mpf(high)))
    return x, got, usual, truth


# ---- the table


def machine() -> str:
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            name = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), name)
    except OSError:
        pass
    import numba
    import scipy

    return f"{name}, Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, numba {numba.__version__}"


def main(args: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.accuracy", description="Errors of compiled functions, in ulp."
    )
    parser.add_argument(
        "--exhaustive", action="store_true", help="every float32, and ten times as many float64 arguments"
    )
    parser.add_argument("--markdown", action="store_true", help="the table as docs/ACCURACY.md has it")
    parser.add_argument("-k", default="", help="only functions whose name contains this")
    told = parser.parse_args(args)
    native.Jit.mode = "eager"
    print(machine() + "\n")
    columns = ("function", "dtype", "worst", "at", "numpy/scipy", "at", "special values")
    line = "| {} | {} | {} | {} | {} | {} | {} |" if told.markdown else "{:<18} {:<8} {:>8} {:>24} {:>12} {:>24}  {}"
    print(line.format(*columns))
    if told.markdown:
        print("|---|---|---|---|---|---|---|")
    for f in functions().values():
        for kind in f.kinds if told.k in f.name else ():
            ours, others, right = measure(f, kind, 20_000_000 if told.exhaustive else 2_000_000, told.exhaustive)
            numbers = f"{ours.ulp:.3f}", f"{ours.where!r}", f"{others.ulp:.3f}", f"{others.where!r}"
            print(line.format(f.name, kind.name, *numbers, "exact" if right else "DIFFER"), flush=True)
