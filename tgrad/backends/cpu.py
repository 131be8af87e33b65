"""torch.backends.cpu: what the processor can do."""

from __future__ import annotations

from numpy._core import _multiarray_umath  # type: ignore[attr-defined]


def get_cpu_capability() -> str:
    """The widest vectors that numpy's loops and the compiled kernels can use here: "AVX512", "AVX2", "SVE256" or "DEFAULT"."""
    has = _multiarray_umath.__cpu_features__
    for feature, name in (("AVX512_SKX", "AVX512"), ("AVX512F", "AVX512"), ("AVX2", "AVX2"), ("SVE", "SVE256")):
        if has.get(feature):
            return name
    return "DEFAULT"
