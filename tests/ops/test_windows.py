"""Windows in the small dtypes: every step rounds, and in PyTorch's order. The rest is in samples_signal.py."""

from __future__ import annotations

import pytest

import tgrad

from .oracle import compare, torch


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hann", "kaiser"])
def test_every_bit(name: str, dtype: str) -> None:
    for n in (1, 2, 3, 7, 8, 31, 64, 257):
        for periodic in (True, False):
            ours, theirs = (getattr(m, f"{name}_window")(n, periodic, dtype=getattr(m, dtype)) for m in (tgrad, torch))
            compare(ours, theirs, exact=True, note=f"{name} {n} {periodic}")
