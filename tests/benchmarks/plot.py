"""The ratios as a picture: a bar for each case on a logarithmic scale, tgrad faster to the left of 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from .compare import Result

LINE, LEFT, WIDTH, TOP = 18, 300, 520, 52
LOW, HIGH = 0.05, 8.0
TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5)


def _at(ratio: float) -> float:
    share = math.log(min(max(ratio, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
    return LEFT + share * WIDTH


def picture(results: Sequence[Result], facts: Mapping[str, str]) -> str:
    """An SVG of the results; the thin line on each bar spans the quartiles."""
    height = TOP + LINE * len(results) + 30
    told = ", ".join(f"{k} {v}" for k, v in facts.items())
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 60}" height="{height}" role="img" '
        'font-family="sans-serif" font-size="12">',
        "<title>tgrad / PyTorch, time of one call</title>",
        f"<desc>{escape(told)}</desc>",
        f'<rect width="100%" height="{height}" fill="#fff"/>',
        '<text x="8" y="18" font-weight="bold">Time of one call, tgrad / PyTorch (below 1: tgrad is faster)</text>',
        f'<text x="8" y="34" fill="#666" font-size="10">{escape(told)}</text>',
    ]
    for tick in TICKS:
        x = _at(tick)
        colour, width = ("#333", 1.5) if tick == 1 else ("#ddd", 1)
        out.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height - 26}" stroke="{colour}" stroke-width="{width}"/>'
        )
        out.append(f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle">{tick:g}</text>')
    for i, result in enumerate(results):
        y, one, x = TOP + i * LINE, _at(1), _at(result.ratio)
        low, high = (_at(q) for q in result.spread)
        colour = "#2a7" if result.ratio <= 1 else "#c63"
        out.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(result.case)}</text>')
        out.append(
            f'<rect x="{min(one, x):.1f}" y="{y + 2}" width="{max(1.0, abs(one - x)):.1f}" height="{LINE - 5}" fill="{colour}">'
            f"<title>{escape(result.case)}: {result.ratio:.3g}</title></rect>"
        )
        out.append(
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y + 8.5}" y2="{y + 8.5}" stroke="#000" stroke-opacity="0.5"/>'
        )
        out.append(f'<text x="{LEFT + WIDTH + 8}" y="{y + 12}">{result.ratio:.2f}</text>')
    return "\n".join([*out, "</svg>", ""])
