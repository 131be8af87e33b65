"""Prints the coefficients of tgrad/kernels/compiled/scalar.py: polynomials by Chebyshev interpolation at 60 digits.

    python tools/coefficients.py

Each line: a name, the function that is approximated, its interval, the largest absolute error, and the coefficients, the
highest power first. Needs mpmath.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

mp.mp.dps = 60


def limit(f: Callable[[Any], Any], at_zero: Any) -> Callable[[Any], Any]:
    """`f`, with its limit where it divides zero by zero."""
    return lambda x: at_zero if abs(x) < mp.mpf(10) ** -18 else f(x)


def tail(u: Any) -> Any:
    """(1 + 2 x) exp(x²) erfc(x) in the same."""
    return (1 + 2 * (3 + 2 * u) / (1 - u)) * erfcx(u)


def erfcx(u: Any) -> Any:
    """exp(x²) erfc(x) in u = (x - 3)/(x + 2)."""
    x = (3 + 2 * u) / (1 - u)
    return mp.exp(x * x) * mp.erfc(x)


less_one = limit(lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1, 2 / mp.sqrt(mp.pi) - 1)
HALF = mp.log(2) / 2
THIN = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2
QUARTER = (mp.pi / 4) ** 2
LOW, HIGH = mp.mpf(-2) / 3, (mp.mpf(28) - 3) / 30

FITS: list[tuple[str, str, Callable[[Any], Any], Any, Any, int, int]] = [
    ("EXP", "(exp(r) - 1 - r)/r²", limit(lambda r: (mp.exp(r) - 1 - r) / r**2, mp.mpf(1) / 2), -HALF, HALF, 5, 10),
    ("LOG", "(2 atanh(s) - 2 s)/s³ in s²", limit(lambda z: (2 * mp.atanh(mp.sqrt(z)) - 2 * mp.sqrt(z)) / mp.sqrt(z) ** 3, mp.mpf(2) / 3), mp.mpf(0), THIN, 3, 7),
    ("SIN", "(sin(r) - r)/r³ in r²", limit(lambda z: (mp.sin(mp.sqrt(z)) - mp.sqrt(z)) / mp.sqrt(z) ** 3, -mp.mpf(1) / 6), mp.mpf(0), QUARTER, 3, 7),
    ("COS", "(cos(r) - 1 + r²/2)/r⁴ in r²", limit(lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, mp.mpf(1) / 24), mp.mpf(0), QUARTER, 3, 7),
    ("ERF", "erf(x)/x - 1 in x², x to 7/8", less_one, mp.mpf(0), mp.mpf("0.766"), 6, 0),
    ("ERF", "erf(x)/x - 1 in x²", less_one, mp.mpf(0), mp.mpf(1), 0, 13),
    ("ERFLOG", "-log(erfc(x))/x", lambda x: -mp.log(mp.erfc(x)) / x, mp.mpf("0.875"), mp.mpf(4), 9, 0),
    ("ERFCX", "exp(x²) erfc(x) in (x - 3)/(x + 2), x from 0 to 28", erfcx, mp.mpf(-3) / 2, HIGH, 12, 0),
    ("TAIL", "(1 + 2 x) exp(x²) erfc(x) in (x - 3)/(x + 2), x from 1/2 to 28", tail, mp.mpf(-1), HIGH, 0, 24),
]  # fmt: skip


def main() -> None:
    for name, what, f, low, high, single, double in FITS:
        for kind, n in (("32", single), ("64", double)):
            if not n:
                continue
            poly, error = mp.chebyfit(f, [low, high], n, error=True)
            print(f"# {what}: error {mp.nstr(error, 2)}")
            print(f"{name}{kind} = ({', '.join(repr(float(c)) for c in poly)})")
            print(f"# what the last one lost: {float(poly[-1] - mp.mpf(float(poly[-1])))!r}")


if __name__ == "__main__":
    main()
