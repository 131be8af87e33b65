"""vmap and forward mode of every op that has samples: over a batch as over its samples, and tangents as PyTorch's."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import tgrad
from tgrad.transforms import tree

from .oracle import compare, to_tgrad, torch
from .samples import SAMPLES
from .specs import Sample
from .test_rows import Failures, main_form

pytestmark = pytest.mark.filterwarnings("ignore")

# What vmap refuses, by the beginning of its text: results whose shape depends on values, values asked for as Python numbers, and
# functions that look at values and have no rule, as PyTorch's have none.
REFUSED = {
    "vmap: We do not support batching operators that can": {"argwhere", "combinations", "masked_scatter", "masked_select", "nonzero"},
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent": {"F.gaussian_nll_loss", "cov"},
    "Batch norm got a batched tensor": {"F.batch_norm", "native_batch_norm", "_native_batch_norm_legit"},
    "vmap: this operation looks at the values": {
        "hash_tensor", "histc", "histogram", "histogramdd", "nonzero", "unique", "unique_consecutive", "quantile", "nanquantile", "scatter",
    },
}  # fmt: skip
RANDOM = (
    "rand",
    "normal",
    "bernoulli",
    "dropout",
    "multinomial",
    "poisson",
    "exponential",
    "cauchy",
    "geometric",
    "uniform",
    "rrelu",
)
ONLY_LOOPS = {
    "index_add", "index_copy", "index_fill", "index_reduce", "F.fractional_max_pool2d", "F.fractional_max_pool3d", "embedding_bag", "F.embedding_bag", "histogram",
    "histogramdd",
    "_chunk_cat", "_unsafe_masked_index", "_unsafe_masked_index_put_accumulate",
}  # fmt: skip


# Of symmetric and triangular matrices half is read; PyTorch's forward formulas let the other half of a tangent in.
HALVES = {"linalg.cholesky", "linalg.cholesky_ex", "cholesky_inverse", "triangular_solve"}


def tensors_of(out: Any) -> list[Any]:
    return [t for t in tree.flatten(out)[0] if isinstance(t, tgrad.Tensor)]


def wanted(name: str) -> bool:
    return not name.endswith("_") and not any(r in name for r in RANDOM)


def floats(t: Any) -> bool:
    return isinstance(t, torch.Tensor) and t.is_floating_point()


names = pytest.mark.parametrize("name", [n for n in SAMPLES if wanted(n)])


def batch(t: Any) -> Any:
    """Three values like `t`, the first of them `t` itself."""
    return tgrad.stack([to_tgrad(t), to_tgrad(t * 0.5), to_tgrad(t * 0.9)])


@names
def test_over_a_batch(name: str) -> None:
    """Batched by its first tensor, and by all of them."""
    fn = main_form(tgrad, name)
    with Failures() as failures:
        for sample in SAMPLES[name]:
            made = sample.tensors()
            if not made or not floats(made[0]) or made[0].numel() == 0:
                continue
            for which in ({0}, {i for i, t in enumerate(made) if floats(t)}):
                with failures.check(f"{name}{sample} by {sorted(which)}"):
                    over_a_batch(fn, name, sample, made, which)


def over_a_batch(fn: Any, name: str, sample: Sample, made: list[Any], which: set[int]) -> None:
    plain = [to_tgrad(t) for t in made]
    stacked = [batch(t) if i in which else None for i, t in enumerate(made)]

    def run(*values: Any) -> Any:
        args, kwargs = sample.filled(list(values), tgrad)
        return tensors_of(fn(*args, **kwargs))

    try:
        each = [run(*[p if s is None else s[i].clone() for p, s in zip(plain, stacked, strict=True)]) for i in range(3)]
    except Exception:
        return
    if not each[0] or len({tuple(t.shape for t in e) for e in each}) > 1:
        return
    given = [p if s is None else s for p, s in zip(plain, stacked, strict=True)]
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            got = tgrad.vmap(run, in_dims=tuple(None if s is None else 0 for s in stacked))(*given)
        except RuntimeError as error:
            if any(str(error).startswith(text) and name in those for text, those in REFUSED.items()):
                return
            raise
    for g, column in zip(got, zip(*each, strict=True), strict=True):
        want = tgrad.stack(list(column))
        assert g.shape == want.shape and g.dtype is want.dtype, (g.shape, want.shape)
        assert tgrad.allclose(g, want, 1e-9, 1e-9, equal_nan=True) if g.is_floating_point() else g.equal(want), (
            g,
            want,
        )
    if which == {0}:
        assert name in ONLY_LOOPS or not any("performance drop" in str(w.message) for w in seen), "one sample at a time"


@names
def test_tangents(name: str) -> None:
    ours, theirs = main_form(tgrad, name), main_form(torch, name)
    if name in HALVES:
        pytest.skip("see test_linalg.py")
    with Failures() as failures:
        for sample in SAMPLES[name]:
            if sample.order == 0:
                continue
            made = sample.tensors()
            moving = [i for i, t in enumerate(made) if floats(t) and sample.live()[i]]
            if not moving:
                continue
            if "scatter_reduce" in name and "prod" in sample.args:
                continue  # PyTorch's forward derivative is zero there, which finite differences refute
            with failures.check(f"{name}{sample}"):
                tangents_agree(ours, theirs, sample, made, moving)


def tangents_agree(ours: Any, theirs: Any, sample: Sample, made: list[Any], moving: list[int]) -> None:
    steps = [torch.linspace(-1, 1, made[i].numel(), dtype=made[i].dtype).reshape(made[i].shape) for i in moving]

    def pushed(library: Any, fn: Any, values: list[Any], moves: list[Any]) -> Any:
        def run(*some: Any) -> Any:
            full = list(values)
            for i, v in zip(moving, some, strict=True):
                full[i] = v
            args, kwargs = sample.filled(full, library)
            out = fn(*args, **kwargs)
            return [
                t for t in (out if isinstance(out, (list, tuple)) else [out]) if t.is_floating_point() or t.is_complex()
            ]

        return library.func.jvp(run, tuple(values[i] for i in moving), tuple(moves))[1]

    try:
        want = pushed(torch, theirs, list(made), steps)
    except Exception:
        return  # PyTorch has no forward derivative here
    got = pushed(tgrad, ours, [to_tgrad(t) for t in made], [to_tgrad(t) for t in steps])
    compare([t.contiguous() for t in got], [t.contiguous() for t in want], scale=64)
