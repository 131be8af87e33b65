"""From elements to texts: how PyTorch writes the numbers of one tensor.

All texts of a tensor share one style, which its nonzero finite elements choose together: whole numbers are written
'2.', others with a fixed number of decimals, and scientific notation takes over where the range is too wide.
"""

from __future__ import annotations

from typing import Any

from .options import PrintOptions

# Scientific notation: largest over smallest magnitude above _WIDE, or a magnitude outside [_TINY, _HUGE].
_WIDE, _HUGE, _TINY = 1000.0, 1.0e8, 1.0e-4


def float_texts(values: list[float], options: PrintOptions) -> tuple[list[str], int]:
    """The text of each value and the width that shorter ones are padded to.

    Zeros, infinities and nans have no say in style or width, so they may come out narrower (padded) or wider (not).
    """
    # v - v is 0 exactly for finite v; the truth of v drops both zeros.
    telling = [v for v in values if v and v - v == 0.0]
    if not telling:
        return [_whole(v) for v in values], 1
    if options.sci_mode is None:
        magnitudes = [abs(v) for v in telling]
        low, high = min(magnitudes), max(magnitudes)
        scientific: Any = high / low > _WIDE or high > _HUGE or low < _TINY
    else:
        scientific = options.sci_mode
    if scientific:
        spec = f".{options.precision}e"
    elif all(v.is_integer() for v in telling):
        return [_whole(v) for v in values], max(len(f"{v:.0f}") for v in telling) + 1
    else:
        spec = f".{options.precision}f"
    return [format(v, spec) for v in values], max(len(format(v, spec)) for v in telling)


def _whole(value: float) -> str:
    text = f"{value:.0f}"
    return text + "." if value - value == 0.0 else text


def padded_texts(values: list[Any], kind: str, options: PrintOptions) -> tuple[list[str], int]:
    """The texts of Python numbers, padded to one width, and the width of one element for breaking lines.

    `kind` is 'f' for floats, 'c' for complex numbers, anything else for integers and bools.
    """
    if kind == "f":
        texts, width = float_texts(values, options)
        return [text.rjust(width) for text in texts], width
    if kind == "c":
        reals, real_width = float_texts([v.real for v in values], options)
        imags, imag_width = float_texts([v.imag for v in values], options)
        joined = []
        for real, imag in zip(reals, imags, strict=True):
            # The imaginary part gives up its padding to stand next to its sign.
            sign = "" if imag[0] == "-" else "+"
            joined.append(f"{real.rjust(real_width)}{sign}{imag}j")
        return joined, real_width + imag_width + 1
    texts = [str(v) for v in values]
    width = max(map(len, texts), default=1)
    return [text.rjust(width) for text in texts], width
