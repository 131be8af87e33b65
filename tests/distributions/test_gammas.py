"""Gamma and Dirichlet numbers and how they move with their parameters, in every region that has a formula of its own."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

from .test_distributions import outcome, same


def tensors(torch: ModuleType, a: np.ndarray) -> list[Any]:
    return [lib.tensor(a.tolist(), dtype=getattr(lib, a.dtype.name)) for lib in (tgrad, torch)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_are_the_same_bits(torch: ModuleType, dtype: str) -> None:
    alphas = np.random.default_rng(0).uniform(0.01, 20, 2000).astype(dtype)
    alphas[:500] /= 20
    alphas[7] = 0
    seen = []
    for lib, a in zip((tgrad, torch), tensors(torch, alphas), strict=True):
        lib.manual_seed(3)
        lib.randn(3)  # leaves one normal number of a pair waiting
        a.requires_grad_()
        gammas, simplex = lib._standard_gamma(a), lib._sample_dirichlet(a.detach().reshape(-1, 4))
        (slope,) = lib.autograd.grad(gammas.sum(), a)
        seen.append(
            (gammas.detach().numpy(), simplex.numpy(), lib.randn(3).numpy(), lib.rand(2).numpy(), slope.numpy())
        )
    for mine, theirs in zip(seen[0][:-1], seen[1][:-1], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_allclose(seen[0][-1], seen[1][-1], rtol=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("low, high", [(0.01, 1.0), (0.5, 9.0), (7.0, 300.0)])
def test_slopes_of_gamma_numbers(torch: ModuleType, low: float, high: float) -> None:
    rng = np.random.default_rng(1)
    alphas = rng.uniform(low, high, 4000)
    drawn = np.abs(rng.normal(alphas, np.sqrt(alphas))) + 1e-3
    pairs = zip(*(tensors(torch, x) for x in (alphas, drawn)), strict=True)
    mine, theirs = (lib._standard_gamma_grad(*args) for lib, args in zip((tgrad, torch), pairs, strict=True))
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-8)


@pytest.mark.parametrize("low, high", [(0.01, 1.0), (0.5, 9.0), (7.0, 300.0)])
def test_slopes_of_dirichlet_numbers(torch: ModuleType, low: float, high: float) -> None:
    rng = np.random.default_rng(2)
    alphas = rng.uniform(low, high, 4000)
    totals = alphas + rng.uniform(low, high, 4000)
    drawn = np.clip(rng.normal(alphas / totals, 0.1), 1e-3, 1 - 1e-3)
    drawn[:1000] = (alphas / totals)[:1000] + 1e-4
    triples = zip(*(tensors(torch, x) for x in (drawn, alphas, totals)), strict=True)
    mine, theirs = (lib._dirichlet_grad(*args) for lib, args in zip((tgrad, torch), triples, strict=True))
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-8)


ERRORS = {
    "integers": lambda T: T._standard_gamma(T.tensor([1])),
    "half": lambda T: T._standard_gamma(T.ones(2, dtype=T.float16)),
    "dirichlet of integers": lambda T: T._sample_dirichlet(T.tensor([1])),
    "dirichlet backward": lambda T: T._sample_dirichlet(T.ones(2, requires_grad=True)).sum().backward(),
    "second derivative": lambda T: twice(T),
}


def twice(T: Any) -> None:
    a = T.tensor([1.5, 2.5], requires_grad=True)
    (slope,) = T.autograd.grad(T._standard_gamma(a).sum(), a, create_graph=True)
    slope.sum().backward()


@pytest.mark.parametrize("name", ERRORS)
def test_errors(torch: ModuleType, name: str) -> None:
    mine, theirs = (outcome(lambda lib=lib: ERRORS[name](lib)) for lib in (tgrad, torch))
    assert isinstance(theirs, tuple)
    same(mine, theirs, 0)


def test_a_generator_of_ones_own(torch: ModuleType) -> None:
    drawn = []
    for lib in (tgrad, torch):
        a = lib.full((5,), 1.5)
        drawn += [lib._standard_gamma(a, generator=lib.Generator().manual_seed(4)).tolist()]
        drawn += [lib._sample_dirichlet(a, generator=lib.Generator().manual_seed(4)).tolist()]
    assert drawn[:2] == drawn[2:]


def test_nodes_have_their_names(torch: ModuleType) -> None:
    """The nodes' names: of the row, and of the custom function that Dirichlet uses."""
    for lib in (tgrad, torch):
        a = lib.ones(3, requires_grad=True)
        assert lib._standard_gamma(a).grad_fn.name() == "StandardGammaBackward0"
        assert lib.distributions.Dirichlet(a).rsample().grad_fn.name() == "_DirichletBackward"
