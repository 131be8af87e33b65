"""The samples' derivatives held against finite differences: no oracle takes part, so an error shared with PyTorch shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import tgrad
from tgrad.autograd import gradcheck, gradgradcheck

from .oracle import twin
from .samples import SAMPLES
from .specs import Sample
from .test_rows import Failures, main_form, outputs, seeded

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

# Not the derivative of what is computed: PyTorch records one (zeros, or that of the stored norm) all the same.
DECLARED = {
    "renorm": "PyTorch leaves the factor of untouched rows out only by comparison with the norm",
    "uniform_ normal_ random_ bernoulli_ exponential_ cauchy_ log_normal_ geometric_ bernoulli normal": "drawn anew at each call",
    "bincount unique unique_consecutive detach_copy": "recorded without a derivative",
    "mode": "values that occur twice: moving one of them changes which is the most frequent",
    "as_strided_scatter": "PyTorch gives the input what the replaced part got",
    "copy_": "a copy into another dtype",
}
SKIPPED = {name for names in DECLARED for name in names.split()}


@pytest.mark.parametrize("name", [n for n in SAMPLES if n not in SKIPPED])
def test_derivatives(name: str) -> None:
    with Failures() as failures:
        for sample in SAMPLES[name]:
            found = checkable(name, sample)
            if found is None:
                continue
            fn, inputs = found
            with failures.check(f"{name}{sample}"):
                gradcheck(fn, inputs, eps=1e-6, atol=1e-5, rtol=1e-3)
            if sample.order > 1:
                with failures.check(f"{name}{sample}, second order"):
                    gradgradcheck(fn, inputs, eps=1e-6, atol=1e-4, rtol=1e-3, gen_non_contig_grad_outputs=False)


def checkable(name: str, sample: Sample) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    """A function of the tensors that may vary and their values, or None where nothing of float64 depends on them."""
    if sample.order == 0 or not sample.smooth or "dtype" in sample.kwargs:
        return None
    tensors, live = sample.tensors(), sample.live()
    varied = [
        t for t, v in zip(tensors, live, strict=True) if v and (t.is_floating_point() or t.is_complex()) and t.numel()
    ]
    inputs = tuple(twin(t, True)[0] for t in varied)
    ids = {id(t) for t in varied}

    def fn(*given: Any) -> Any:
        left = iter(given)
        args, kwargs = sample.filled([next(left) if id(t) in ids else twin(t)[0] for t in tensors], tgrad)
        r = outputs(seeded(main_form(tgrad, name), tgrad)(*args, **kwargs))
        return tuple(t for t in r if isinstance(t, tgrad.Tensor) and t.requires_grad)

    try:
        made = fn(*inputs)
    except (RuntimeError, TypeError):
        return None
    wide = all(t.dtype in (tgrad.float64, tgrad.complex128) for t in made)
    return (fn, inputs) if inputs and made and wide and all(t.numel() for t in made) else None
