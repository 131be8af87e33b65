"""torch.distributions, next to PyTorch's: numbers for a seed, densities, moments, gradients, texts and errors."""

from __future__ import annotations

import inspect
import pickle
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

from .cases import CASES, made

ATTRIBUTES = (
    "mean",
    "mode",
    "variance",
    "stddev",
    "support",
    "batch_shape",
    "event_shape",
    "has_rsample",
    "has_enumerate_support",
)
METHODS = ("entropy", "perplexity", "enumerate_support")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def outcome(call: Any) -> Any:
    """What a call gives, or its error's type and text."""
    try:
        return call()
    except Exception as e:
        return type(e).__name__, str(e).split("\n")[0]


def same(mine: Any, theirs: Any, tolerance: float, what: str = "") -> None:
    if hasattr(theirs, "detach"):
        assert hasattr(mine, "detach"), (what, mine)
        assert str(mine.dtype) == str(theirs.dtype), what
        assert tuple(mine.shape) == tuple(theirs.shape), what
        assert mine.requires_grad == theirs.requires_grad, what
        if str(theirs.dtype) == "torch.float32":
            tolerance = max(tolerance, 2e-5)
        a, b = mine.detach().numpy(), theirs.detach().numpy()
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=what)
    elif isinstance(theirs, tuple) and theirs and isinstance(theirs[0], str):
        strip = lambda e: (e[0], e[1].replace("tgrad.", "torch."))
        assert isinstance(mine, tuple) and strip(mine) == theirs, (what, mine)
    else:
        assert repr(mine) == repr(theirs), what


def both(torch: ModuleType, name: str, **kw: Any) -> Any:
    return [made(lib, name, **kw) for lib in (tgrad, torch)]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_samples(torch: ModuleType, name: str, dtype: str) -> None:
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    for draw, shape in (("sample", ()), ("sample", (3, 2)), ("rsample", (9,))):
        results = []
        for lib in (tgrad, torch):
            lib.manual_seed(5)
            d, _ = made(lib, name, dtype)
            results.append(outcome(lambda d=d, shape=shape, draw=draw: getattr(d, draw)(shape)))
            results.append(lib.rand(2))
        same(results[0], results[2], tolerance, draw)
        assert results[1].tolist() == results[3].tolist(), "another number of random numbers was used"


@pytest.mark.parametrize("name", CASES)
def test_properties(torch: ModuleType, name: str) -> None:
    (mine, _), (theirs, _) = both(torch, name)
    assert repr(mine) == repr(theirs)
    for attribute in ATTRIBUTES:
        same(
            outcome(lambda a=attribute: getattr(mine, a)),
            outcome(lambda a=attribute: getattr(theirs, a)),
            1e-9,
            attribute,
        )
    for method in METHODS:
        same(outcome(lambda m=method: getattr(mine, m)()), outcome(lambda m=method: getattr(theirs, m)()), 1e-9, method)
    for word in (
        "probs",
        "logits",
        "_param",
        "param_shape",
        "covariance_matrix",
        "precision_matrix",
        "scale_tril",
        "df",
        "concentration1",
    ):
        if hasattr(theirs, word):
            same(getattr(mine, word), getattr(theirs, word), 1e-9, word)


def values(torch: ModuleType, name: str) -> tuple[Any, Any]:
    """Values that PyTorch drew, for both."""
    torch.manual_seed(11)
    value = made(torch, name)[0].sample((4,))
    return tgrad.tensor(value.tolist(), dtype=getattr(tgrad, str(value.dtype).split(".")[1])), value


def gradients(lib: Any, result: Any, leaves: list[Any]) -> Any:
    weights = lib.linspace(0.5, 1.5, result.numel(), dtype=result.dtype).reshape(result.shape)
    return lib.autograd.grad((result * weights).sum(), leaves, allow_unused=True)


def compare_gradients(mine: Any, theirs: Any, tolerance: float, what: str = "") -> None:
    if theirs and isinstance(theirs[0], str):  # an error
        same(mine, theirs, tolerance, what)
        return
    for g, h in zip(mine, theirs, strict=True):
        same(g, h, tolerance, what)


@pytest.mark.parametrize("name", CASES)
def test_densities_and_their_gradients(torch: ModuleType, name: str) -> None:
    for method in ("log_prob", "cdf", "icdf", "log_cdf"):
        pairs = []
        for lib, value in zip((tgrad, torch), values(torch, name), strict=True):
            d, leaves = made(lib, name)
            if method == "icdf":
                value = (
                    lib.linspace(0.05, 0.95, 4, dtype=value.dtype if value.is_floating_point() else lib.float64)
                    .reshape(4, *[1] * (value.dim() - 1))
                    .expand(value.shape)
                )
            value = value.clone()
            if value.is_floating_point():
                leaves.append(value.requires_grad_())
            if not hasattr(d, method):
                continue
            result = outcome(lambda d=d, value=value, method=method: getattr(d, method)(value))
            if hasattr(result, "grad_fn") and result.requires_grad:
                grads = outcome(lambda lib=lib, result=result, leaves=leaves: gradients(lib, result, leaves))
            else:
                grads = ()
            pairs.append((result, grads))
        if pairs:
            (mine, mine_grads), (theirs, their_grads) = pairs
            same(mine, theirs, 1e-8, method)
            compare_gradients(mine_grads, their_grads, 1e-7, method + " gradient")


@pytest.mark.parametrize("name", [n for n in CASES if "Wishart" not in n and "LKJ" not in n])
def test_gradients_of_samples(torch: ModuleType, name: str) -> None:
    found = []
    for lib in (tgrad, torch):
        lib.manual_seed(2)
        d, leaves = made(lib, name)
        if not d.has_rsample:
            return
        x = d.rsample((5,))
        node = x.grad_fn.name() if x.grad_fn is not None else None
        grads = gradients(lib, x, leaves) if leaves else ()
        found.append((node, grads))
    assert found[0][0] == found[1][0]
    compare_gradients(found[0][1], found[1][1], 1e-9)


@pytest.mark.parametrize("name", CASES)
def test_expand(torch: ModuleType, name: str) -> None:
    pairs = []
    for lib, value in zip((tgrad, torch), values(torch, name), strict=True):
        d, _ = made(lib, name)
        d = d.expand((4, *d.batch_shape))
        lib.manual_seed(3)
        pairs.append(
            (d, d.sample((2,)), outcome(lambda d=d, value=value: d.log_prob(value)), outcome(lambda d=d: d.mean))
        )
    mine, theirs = pairs
    assert repr(mine[0]) == repr(theirs[0])
    assert type(mine[0]).__name__ == type(theirs[0]).__name__
    for a, b in zip(mine[1:], theirs[1:], strict=True):
        same(a, b, 1e-8)


KINDS = (
    "Bernoulli probs", "Beta", "Binomial", "Categorical probs", "Cauchy", "ContinuousBernoulli", "Dirichlet", "Exponential", "Gamma",
    "Geometric", "Gumbel", "HalfNormal", "Independent", "Laplace", "LowRankMultivariateNormal", "LowRankMultivariateNormal one",
    "MultivariateNormal", "MultivariateNormal covariance",
    "MultivariateNormal precision", "Normal", "OneHotCategorical", "Pareto", "Poisson", "Uniform", "LogNormal", "Chi2", "Wishart",
)  # fmt: skip


def test_divergences(torch: ModuleType) -> None:
    """All pairs of one of each, registered or not, with the gradients."""
    done = set()
    for p in KINDS:
        for q in KINDS:
            found = []
            for lib in (tgrad, torch):
                (a, mine), (b, theirs) = made(lib, p), made(lib, q)
                result = outcome(lambda lib=lib, a=a, b=b: lib.distributions.kl_divergence(a, b))
                finite = hasattr(result, "grad_fn") and result.requires_grad
                leaves = [x for x in mine + theirs if x.requires_grad]
                grads = lib.autograd.grad(result.sum(), leaves, allow_unused=True) if finite else ()
                found.append((result, grads))
                if lib is torch and hasattr(result, "shape"):
                    done.add((type(a).__name__, type(b).__name__))
            if isinstance(found[1][0], tuple) and "number of sizes provided" in found[1][0][1]:
                # PyTorch forgets the diagonal's batch here; the same distribution with its whole covariance tells the answer.
                (a, _), (b, _) = made(torch, p, grad=False), made(torch, q, grad=False)
                whole = torch.distributions.MultivariateNormal(a.loc, a.covariance_matrix)
                same(found[0][0].detach(), torch.distributions.kl_divergence(whole, b), 1e-8, f"{p}, {q}")
                continue
            same(found[0][0], found[1][0], 1e-8, f"{p}, {q}")
            compare_gradients(found[0][1], found[1][1], 1e-7, f"{p}, {q}")
    registered = {(a.__name__, b.__name__) for a, b in torch.distributions.kl._KL_REGISTRY}
    bases = {"ExponentialFamily", "TransformedDistribution"}
    assert not {pair for pair in registered - done if not bases & set(pair)}
    assert registered == {(a.__name__, b.__name__) for a, b in tgrad.distributions.kl._KL_REGISTRY}


ERRORS = {
    "loc": lambda D, T: D.Normal(T.tensor(float("nan")), 1.0),
    "scale": lambda D, T: D.Normal(T.zeros(2), T.tensor([1.0, -1.0])),
    "low": lambda D, T: D.Uniform(2.0, 1.0),
    "both": lambda D, T: D.Categorical(T.ones(2), T.ones(2)),
    "none": lambda D, T: D.Bernoulli(),
    "scalar": lambda D, T: D.Categorical(T.tensor(1.0)),
    "simplex": lambda D, T: D.Categorical(T.tensor([-1.0, 2.0])),
    "types": lambda D, T: D.Normal("a", 1.0),
    "value": lambda D, T: D.Exponential(1.0).log_prob(T.tensor(-1.0)),
    "value shape": lambda D, T: D.Normal(T.zeros(2), 1.0).log_prob(T.zeros(3)),
    "event shape": lambda D, T: D.Dirichlet(T.ones(2)).log_prob(T.ones(3) / 3),
    "no tensor": lambda D, T: D.Normal(0.0, 1.0).log_prob(0.5),
    "integers": lambda D, T: D.Poisson(1.0).log_prob(T.tensor(0.5)),
    "geometric": lambda D, T: D.Geometric(0.0),
    "geometric batch": lambda D, T: D.Geometric(T.tensor([0.0, 0.5])),
    "total": lambda D, T: D.Multinomial(T.tensor([3]), T.ones(2)),
    "covariance": lambda D, T: D.MultivariateNormal(T.zeros(2), T.tensor([[1.0, 2.0], [2.0, 1.0]])),
    "two matrices": lambda D, T: D.MultivariateNormal(T.zeros(2), T.eye(2), T.eye(2)),
    "matrix": lambda D, T: D.MultivariateNormal(T.zeros(2), scale_tril=T.ones(2)),
    "low rank": lambda D, T: D.LowRankMultivariateNormal(T.zeros(2), T.ones(3, 1), T.ones(2)),
    "low rank batch": lambda D, T: D.LowRankMultivariateNormal(T.zeros(3, 2), T.ones(4, 2, 1), T.ones(2)),
    "mixture": lambda D, T: D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(T.zeros(2), 1.0)),
    "mixture count": lambda D, T: D.MixtureSameFamily(D.Categorical(T.ones(3)), D.Normal(T.zeros(2), 1.0)),
    "independent": lambda D, T: D.Independent(D.Normal(0.0, 1.0), 1),
    "transforms": lambda D, T: D.TransformedDistribution(D.Normal(0.0, 1.0), [1]),
    "lkj": lambda D, T: D.LKJCholesky(1),
    "wishart": lambda D, T: D.Wishart(T.tensor(0.5), T.eye(2)),
    "mode": lambda D, T: D.Multinomial(2, T.ones(2)).mode,
    "kl": lambda D, T: D.kl_divergence(D.Normal(0.0, 1.0), D.StudentT(1.0)),
    "subclass": lambda D, T: type("Mine", (D.Normal,), {"__init__": lambda self: D.Normal.__init__(self, 0.0, 1.0)})().expand((2,)),
    "bare": lambda D, T: D.Distribution().log_prob(T.ones(1)),
    "default": lambda D, T: D.Distribution.set_default_validate_args("x"),
    "biject": lambda D, T: D.biject_to(D.constraints.boolean),
    "register": lambda D, T: D.biject_to.register(3, 4),
    "cache": lambda D, T: D.ExpTransform(cache_size=2),
    "reshape": lambda D, T: D.ReshapeTransform((2, 3), (5,)),
    "reshape shape": lambda D, T: D.ReshapeTransform((2, 3), (6,)).forward_shape((3, 2)),
    "cat": lambda D, T: D.CatTransform([D.ExpTransform()] * 2)(T.ones(3)),
    "vec": lambda D, T: D.utils.vec_to_tril_matrix(T.ones(4)),
    "tril": lambda D, T: D.utils.tril_matrix_to_vec(T.ones(2, 2), 3),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors(torch: ModuleType, name: str) -> None:
    mine, theirs = (outcome(lambda lib=lib: ERRORS[name](lib.distributions, lib)) for lib in (tgrad, torch))
    assert isinstance(theirs, tuple)
    same(mine, theirs, 0)


def test_checks_can_be_turned_off() -> None:
    d = tgrad.distributions.Normal(0.0, -1.0, validate_args=False)
    assert d.expand((2,))._validate_args is False
    for name in CASES:
        d = made(tgrad, name)[0]
        assert d.expand((2, *d.batch_shape))._validate_args is True, name
    tgrad.distributions.Distribution.set_default_validate_args(False)
    try:
        tgrad.distributions.Exponential(-1.0)
    finally:
        tgrad.distributions.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="Expected parameter rate"):
        tgrad.distributions.Exponential(-1.0)


def _public(module: Any) -> dict[str, Any]:
    return {n: getattr(module, n) for n in module.__all__}


@pytest.mark.parametrize("place", ["", "constraints", "transforms", "utils", "kl", "constraint_registry"])
def test_names_and_signatures(torch: ModuleType, place: str) -> None:
    mine, theirs = (getattr(lib.distributions, place) if place else lib.distributions for lib in (tgrad, torch))
    assert set(mine.__all__) == set(theirs.__all__)
    for name, theirs_thing in _public(theirs).items():
        thing = getattr(mine, name)
        if not callable(theirs_thing):
            assert repr(thing) == repr(theirs_thing)
            continue
        if inspect.isclass(theirs_thing):
            assert [c.__name__ for c in theirs_thing.__mro__ if c.__module__.startswith("torch")][-1] in [
                c.__name__ for c in thing.__mro__
            ], name
            for attribute in vars(theirs_thing):
                if not attribute.startswith("__") and attribute not in ("_is_protocol",):
                    assert (
                        hasattr(thing, attribute) or attribute in ("_get_checked_instance",) or attribute[0] == "_"
                    ), (name, attribute)
            members = [
                n for n, f in vars(theirs_thing).items() if inspect.isfunction(f) and (n[0] != "_" or n == "__init__")
            ]
            for member in members:
                ours, other = (inspect.signature(getattr(c, member)).parameters for c in (thing, theirs_thing))
                kinds = lambda s: [(p.name, p.kind, repr(p.default)) for p in s.values()]
                assert kinds(ours) == kinds(other), (name, member)


def test_pickles() -> None:
    for name in ("Normal", "Gumbel", "Multinomial", "TransformedDistribution", "LKJCholesky"):
        d, _ = made(tgrad, name, grad=False)
        again = pickle.loads(pickle.dumps(d))
        assert repr(again) == repr(d)
        tgrad.manual_seed(0)
        x = d.sample()
        tgrad.manual_seed(0)
        assert tgrad.equal(again.sample(), x)


class Bare:
    """Classes that a user writes, over either library."""

    def __init__(self, lib: Any) -> None:
        D = lib.distributions

        class Untold(D.Distribution):
            pass

        class NoSupport(D.Distribution):
            arg_constraints = {}  # noqa: RUF012

            def log_prob(self, value: Any) -> Any:
                self._validate_sample(value)

        class Mine(D.Normal):
            pass

        class Other(D.Normal):
            pass

        D.register_kl(Mine, D.Normal)(lambda p, q: 1)
        D.register_kl(D.Normal, Other)(lambda p, q: 2)
        self.calls = {
            "constraints": lambda: Untold(),
            "support": lambda: NoSupport().log_prob(lib.ones(())),
            "sample_n": lambda: D.Normal(0.0, 1.0).sample_n(2),
            "ambiguous": lambda: D.kl_divergence(Mine(0.0, 1.0), Other(0.0, 1.0)),
            "inherited": lambda: type(Mine(lib.zeros(2), 1.0).expand((3, 2))).__name__,
            "df": lambda: D.Wishart(lib.tensor(1.5), lib.eye(2)),
        }


@pytest.mark.parametrize("name", ["constraints", "support", "sample_n", "ambiguous", "inherited", "df"])
def test_warnings(torch: ModuleType, name: str) -> None:
    seen = []
    for lib in (tgrad, torch):
        calls = Bare(lib).calls
        registry = lib.distributions.kl._KL_REGISTRY
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = calls[name]()
        finally:
            for pair in [p for p in registry if {"Mine", "Other"} & {c.__name__ for c in p}]:
                del registry[pair]
            lib.distributions.kl._KL_MEMOIZE.clear()
        seen.append(
            (result if isinstance(result, (int, str)) else None, [(w.category, str(w.message)) for w in caught])
        )
    assert seen[0] == seen[1]
    assert seen[0][1] or name == "inherited"


def test_arguments_are_checked_inside_vmap(torch: ModuleType) -> None:
    for lib in (tgrad, torch):
        D = lib.distributions
        found = lib.vmap(lambda a, D=D: D.Normal(a, 1.0).log_prob(a + 1))(lib.zeros(3))
        assert [round(x, 4) for x in found.tolist()] == [-1.4189] * 3
        with pytest.raises((RuntimeError, ValueError)):
            lib.vmap(lambda a, D=D: D.Exponential(a).mean)(lib.tensor([1.0, -1.0]))
