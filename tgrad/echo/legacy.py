"""How PyTorch before 0.4.1 chose the look of numbers: one format, one width and one scale for a whole tensor.

Bool and complex tensors did not exist: a bool tensor shows as the uint8 tensor that a comparison gave then, a complex
one has no old look and is echoed as today.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .options import PRINT_OPTS

# The power of ten of the smallest positive float64: no scale may go below it.
_LEAST_SCALE = math.ceil(math.log10(5e-324))


class Style(NamedTuple):
    """The shared look: a format spec, the factor taken out of all numbers, the width, and what follows a number."""

    spec: str
    scale: float
    width: int
    tail: str = ""

    def texts(self, values: Iterable[float]) -> list[str]:
        """The text of each Python number."""
        if self.scale == 1:
            return [format(v, self.spec) + self.tail for v in values]
        return [format(v / self.scale, self.spec) + self.tail for v in values]

    def scale_line(self) -> str:
        """The line '1.00000e+05 *' that stands above scaled numbers; empty where nothing was taken out."""
        return "" if self.scale == 1 else f"{self.scale:.5e} *\n"


def numeric(array: np.ndarray) -> np.ndarray:
    """The elements as the types that existed: bool becomes uint8, bfloat16 float32."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def choose_style(array: np.ndarray, least_width: int, *, point: bool = False) -> Style:
    """The style for a numeric array, from all of its elements, summarised or not.

    `least_width` is a floor for the width; with `point`, whole floats end in a point.
    """
    magnitudes = np.abs(array.astype(np.float64)).ravel()
    usable = magnitudes[np.isfinite(magnitudes)]
    least_width = max(least_width, 2 if usable.size == magnitudes.size else 3)
    if not usable.size:
        usable = np.zeros(1)
    low, high = _digits(float(usable.min())), _digits(float(usable.max()))
    precision = PRINT_OPTS.precision
    if bool((usable == np.ceil(usable)).all()):
        if high > precision + 1:
            return Style(f"11.{precision}e", 1, max(least_width, 7 + precision))
        width = max(least_width, high + 1)
        return Style(f"{width}.0f", 1, width + 1, ".") if point else Style(f"{width}.0f", 1, width)
    if high - low > precision:
        # A third digit in the exponent asks for one column more.
        width = max(least_width, 7 + precision + (abs(high) > 99 or abs(low) > 99))
        return Style(f"{width}.{precision}e", 1, width)
    if high > precision + 1 or high < 0:
        width = max(least_width, 7)
        return Style(f"{width}.{precision}f", math.pow(10, max(high - 1, _LEAST_SCALE)), width)
    width = max(least_width, 7 if high == 0 else high + 6)
    return Style(f"{width}.{precision}f", 1, width)


def _digits(magnitude: float) -> int:
    """Digits before the decimal point; zero or negative for numbers below 1, and 1 for zero itself."""
    return math.floor(math.log10(magnitude)) + 1 if magnitude else 1


def host_array(t: Any) -> np.ndarray:
    """The elements of `t` on the CPU."""
    return t._a if t.device.type == "cpu" else t.detach().cpu()._a
