"""Parametrizations, weight norm, spectral norm and fusion next to PyTorch's."""

from __future__ import annotations

import copy
import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from twins import array, outcome


def filled(T: Any, module: Any) -> Any:
    """The module in float64, with the same numbers in both libraries."""
    module = module.double()
    rng = np.random.default_rng(3)
    with T.no_grad():
        for t in [*module.parameters(), *module.buffers()]:
            if t.is_floating_point():
                t.copy_(T.tensor(rng.uniform(0.2, 1.5, tuple(t.shape)).tolist(), dtype=t.dtype))
    return module


def linear(T: Any) -> Any:
    return filled(T, T.nn.Linear(3, 4))


def x(T: Any, *shape: int) -> Any:
    return T.tensor(np.random.default_rng(1).standard_normal(shape).tolist(), dtype=T.float64)


def shown(module: Any, *extra: Any) -> Any:
    """A module's text, class, state and the values in it."""
    state = {k: array(v).round(9).tolist() for k, v in module.state_dict().items()}
    return repr(module), type(module).__name__, repr(state), [n for n, _ in module.named_parameters()], *extra


def kinds(T: Any) -> dict[str, Any]:
    M = T.nn.Module

    class Symmetric(M):
        def forward(self, X: Any) -> Any:
            return X.triu() + X.triu(1).transpose(-1, -2)

        def right_inverse(self, A: Any) -> Any:
            return A.triu()

    class Double(M):
        def forward(self, X: Any) -> Any:
            return 2 * X

    class Both(M):
        def forward(self, a: Any, b: Any) -> Any:
            return a * b

        def right_inverse(self, X: Any) -> Any:
            return X.abs().sqrt(), X.abs().sqrt()

    class Wider(M):
        def forward(self, X: Any) -> Any:
            return T.cat([X, X])

    class AsFloat(M):
        def forward(self, X: Any) -> Any:
            return X.float()

    class Text(M):
        def forward(self, X: Any) -> Any:
            return "text"

    class BackFloat(Double):
        def right_inverse(self, X: Any) -> Any:
            return X.float()

    class BackShort(Double):
        def right_inverse(self, X: Any) -> Any:
            return X[:1]

    class BackText(Double):
        def right_inverse(self, X: Any) -> Any:
            return 3

    class BackTexts(Both):
        def right_inverse(self, X: Any) -> Any:
            return [X, 3]

    class Missing(Double):
        def right_inverse(self, X: Any) -> Any:
            raise NotImplementedError

    class Once(Both):
        calls = 0

        def right_inverse(self, X: Any) -> Any:
            self.calls += 1
            return ([X, X], X, [X], [X, X.float()])[self.calls - 1]

    return {k: v for k, v in locals().items() if k not in ("T", "M")}


def parametrized(T: Any, *names: str, square: bool = False, **kwargs: Any) -> Any:
    module = filled(T, T.nn.Linear(3, 3)) if square else linear(T)
    for name in names:
        T.nn.utils.parametrize.register_parametrization(module, "weight", kinds(T)[name](), **kwargs)
    return module


def assigned(module: Any, value: Any) -> Any:
    module.weight = value
    return shown(module, array(module.weight).tolist())


def removed(T: Any, module: Any, **kwargs: Any) -> Any:
    T.nn.utils.parametrize.remove_parametrizations(module, "weight", **kwargs)
    return shown(module)


def transferred(T: Any, source: Any, target: Any, *name: str) -> Any:
    T.nn.utils.parametrize.transfer_parametrizations_and_params(source, target, *name)
    return shown(target, [type(p).__name__ for _, p in target.named_parameters()])


P: Callable[[Any], Any] = lambda T: T.nn.utils.parametrize

PARAMETRIZE: list[Callable[[Any], Any]] = [
    lambda T: shown(parametrized(T, "Symmetric", square=True)),
    lambda T: shown(parametrized(T, "Double")),
    lambda T: shown(parametrized(T, "Double", "Missing")),
    lambda T: shown(parametrized(T, "Both")),
    lambda T: shown(parametrized(T, "Both", "Double")),
    lambda T: shown(parametrized(T, "Missing")),
    lambda T: parametrized(T, "Wider"),
    lambda T: shown(parametrized(T, "Wider", unsafe=True)),
    lambda T: parametrized(T, "AsFloat"),
    lambda T: parametrized(T, "Text"),
    lambda T: parametrized(T, "BackFloat"),
    lambda T: parametrized(T, "BackShort"),
    lambda T: parametrized(T, "BackText"),
    lambda T: parametrized(T, "BackTexts"),
    lambda T: parametrized(T, "Double", "Wider"),
    lambda T: parametrized(T, "Double", "AsFloat"),
    lambda T: parametrized(T, "Double", "Text"),
    lambda T: parametrized(T, "Double", "BackFloat"),
    lambda T: parametrized(T, "Double", "BackShort"),
    lambda T: parametrized(T, "Double", "BackText"),
    lambda T: P(T).register_parametrization(linear(T), "nothing", kinds(T)["Double"]()),
    lambda T: P(T).register_parametrization(linear(T), "in_features", kinds(T)["Double"]()),
    lambda T: P(T).ParametrizationList([], T.ones(2)),
    lambda T: assigned(parametrized(T, "Symmetric", square=True), x(T, 3, 3)),
    lambda T: assigned(parametrized(T, "Both"), x(T, 4, 3)),
    lambda T: assigned(parametrized(T, "Double"), x(T, 4, 3)),
    lambda T: assigned(parametrized(T, "Once"), x(T, 4, 3)),
    lambda T: assigned(parametrized(T, "Missing"), x(T, 4, 3)),
    lambda T: removed(T, parametrized(T, "Symmetric", square=True)),
    lambda T: removed(T, parametrized(T, "Symmetric", square=True), leave_parametrized=False),
    lambda T: removed(T, parametrized(T, "Both")),
    lambda T: removed(T, parametrized(T, "Both"), leave_parametrized=False),
    lambda T: removed(T, linear(T)),
    lambda T: transferred(T, parametrized(T, "Double"), linear(T)),
    lambda T: transferred(T, parametrized(T, "Both"), linear(T)),
    lambda T: transferred(T, parametrized(T, "Double"), T.nn.ReLU(), "weight"),
    lambda T: transferred(T, linear(T), T.nn.ReLU()),
    lambda T: (P(T).is_parametrized(linear(T)), P(T).is_parametrized(parametrized(T, "Double")), P(T).is_parametrized(parametrized(T, "Double"), "bias")),
    lambda T: (P(T).type_before_parametrizations(parametrized(T, "Double")).__name__, P(T).type_before_parametrizations(linear(T)).__name__),
    lambda T: pickle.dumps(parametrized(T, "Double")),
    lambda T: shown(copy.deepcopy(parametrized(T, "Both"))),
    lambda T: [m.weight is m.weight for m in [parametrized(T, "Double")]],
    lambda T: shown(T.nn.utils.parametrizations.weight_norm(linear(T))),
    lambda T: shown(T.nn.utils.parametrizations.weight_norm(linear(T), dim=None)),
    lambda T: shown(T.nn.utils.parametrizations.weight_norm(linear(T), dim=1)),
    lambda T: shown(T.nn.utils.parametrizations.weight_norm(linear(T), "nothing")),
    lambda T: T.nn.utils.parametrizations.spectral_norm(linear(T), "nothing"),
    lambda T: T.nn.utils.parametrizations.spectral_norm(linear(T), n_power_iterations=0),
    lambda T: T.nn.utils.parametrizations.spectral_norm(linear(T), dim=2),
    lambda T: T.nn.utils.parametrizations.orthogonal(linear(T), "nothing"),
    lambda T: T.nn.utils.parametrizations.orthogonal(linear(T), "bias"),
    lambda T: T.nn.utils.parametrizations.orthogonal(linear(T), orthogonal_map="other"),
    lambda T: T.nn.utils.parametrizations.orthogonal(T.nn.Linear(2, 2, dtype=T.complex64), orthogonal_map="householder"),
    lambda T: assigned(T.nn.utils.parametrizations.orthogonal(linear(T), orthogonal_map="cayley", use_trivialization=False), x(T, 4, 3)),
    lambda T: assigned(T.nn.utils.parametrizations.orthogonal(linear(T)), x(T, 3, 3)),
    lambda T: T.nn.utils.weight_norm(T.nn.utils.weight_norm(linear(T))),
    lambda T: T.nn.utils.weight_norm(T.nn.LazyLinear(3)),
    lambda T: T.nn.utils.remove_weight_norm(linear(T)),
    lambda T: shown(T.nn.utils.weight_norm(linear(T))),
    lambda T: shown(T.nn.utils.weight_norm(linear(T), dim=None)),
    lambda T: shown(T.nn.utils.remove_weight_norm(T.nn.utils.weight_norm(linear(T)))),
    lambda T: T.nn.utils.spectral_norm(T.nn.utils.spectral_norm(linear(T))),
    lambda T: T.nn.utils.spectral_norm(T.nn.LazyLinear(3)),
    lambda T: T.nn.utils.spectral_norm(T.nn.Linear(2, 2, bias=False), "bias"),
    lambda T: T.nn.utils.spectral_norm(linear(T), n_power_iterations=0),
    lambda T: T.nn.utils.remove_spectral_norm(linear(T)),
    lambda T: shown(T.nn.utils.remove_spectral_norm(spectral(T)), spectral(T).state_dict()._metadata),
    lambda T: T.nn.utils.skip_init(T.nn.Linear, 3, 4),
    lambda T: T.nn.utils.skip_init(T.nn.ReLU),
    lambda T: T.nn.utils.skip_init(dict),
    lambda T: T.nn.utils.fuse_conv_bn_eval(T.nn.Conv1d(2, 3, 1), T.nn.BatchNorm1d(3)),
    lambda T: T.nn.utils.fuse_conv_bn_eval(T.nn.Conv1d(2, 3, 1).eval(), T.nn.BatchNorm1d(3, track_running_stats=False).eval()),
    lambda T: T.nn.utils.fuse_linear_bn_eval(T.nn.Linear(2, 3).eval(), T.nn.BatchNorm1d(4).eval()),
    lambda T: T.nn.utils.convert_conv2d_weight_memory_format(T.nn.Sequential(T.nn.Conv2d(2, 3, 2), T.nn.Conv1d(1, 1, 1)), T.channels_last)[0].weight.stride(),
    lambda T: T.nn.utils.convert_conv3d_weight_memory_format(T.nn.ConvTranspose3d(2, 3, 2), T.channels_last_3d).weight.stride(),
]  # fmt: skip


def spectral(T: Any) -> Any:
    T.manual_seed(0)
    module = T.nn.utils.spectral_norm(linear(T))
    return module


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("i", range(len(PARAMETRIZE)))
def test_case(torch: ModuleType, i: int) -> None:
    mine, theirs = outcome(lambda: PARAMETRIZE[i](tgrad)), outcome(lambda: PARAMETRIZE[i](torch))
    assert mine == theirs


NORMED: dict[str, Callable[[Any], Any]] = {
    "weight_norm": lambda T: T.nn.utils.parametrizations.weight_norm(linear(T)),
    "weight_norm of all": lambda T: T.nn.utils.parametrizations.weight_norm(linear(T), dim=None),
    "weight_norm of a convolution": lambda T: T.nn.utils.parametrizations.weight_norm(filled(T, T.nn.Conv1d(3, 4, 2)), dim=1),
    "spectral_norm": lambda T: T.nn.utils.parametrizations.spectral_norm(linear(T), n_power_iterations=2),
    "spectral_norm of a convolution": lambda T: T.nn.utils.parametrizations.spectral_norm(filled(T, T.nn.ConvTranspose1d(3, 4, 2))),
    "spectral_norm of a vector": lambda T: T.nn.utils.parametrizations.spectral_norm(linear(T), "bias"),
    "older weight_norm": lambda T: T.nn.utils.weight_norm(linear(T)),
    "older spectral_norm": lambda T: T.nn.utils.spectral_norm(linear(T), n_power_iterations=3),
    "older spectral_norm of a convolution": lambda T: T.nn.utils.spectral_norm(filled(T, T.nn.ConvTranspose1d(3, 4, 2))),
    "matrix_exp": lambda T: T.nn.utils.parametrizations.orthogonal(linear(T), orthogonal_map="matrix_exp"),
    "cayley": lambda T: T.nn.utils.parametrizations.orthogonal(linear(T), orthogonal_map="cayley"),
    "householder": lambda T: T.nn.utils.parametrizations.orthogonal(linear(T)),
    "square": lambda T: T.nn.utils.parametrizations.orthogonal(filled(T, T.nn.Linear(3, 3))),
    "wide": lambda T: T.nn.utils.parametrizations.orthogonal(filled(T, T.nn.Linear(3, 2))),
    "matrix_exp from X": lambda T: T.nn.utils.parametrizations.orthogonal(linear(T), orthogonal_map="matrix_exp", use_trivialization=False),
    "cayley from X": lambda T: T.nn.utils.parametrizations.orthogonal(linear(T), orthogonal_map="cayley", use_trivialization=False),
    "householder from X": lambda T: T.nn.utils.parametrizations.orthogonal(linear(T), use_trivialization=False),
}  # fmt: skip


def trained(T: Any, make: Callable[[Any], Any]) -> list[Any]:
    """Everything that comes of a few steps of training, a look in evaluation, and a state_dict."""
    T.manual_seed(5)
    module = make(T)
    given = x(T, 2, 3, 5) if "Conv" in type(module).__name__ else x(T, 2, 3)
    out: list[Any] = []
    for _ in range(3):
        result = module(given)
        module.zero_grad()
        (result.sin() * 2).sum().backward()
        out += [result, module.weight, *[p.grad for p in module.parameters() if p.grad is not None]]
        with T.no_grad():
            for p in module.parameters():
                if p.grad is not None:
                    p.sub_(p.grad, alpha=0.1)
    module.eval()
    out += [module(given), *module.state_dict().values()]
    if T.nn.utils.parametrize.is_parametrized(module, "weight"):
        T.nn.utils.parametrize.remove_parametrizations(module, "weight")
        out += list(module.state_dict().values())
    return out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NORMED)
def test_training(torch: ModuleType, name: str) -> None:
    mine, theirs = trained(tgrad, NORMED[name]), trained(torch, NORMED[name])
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(array(a), array(b), rtol=1e-8, atol=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NORMED)
def test_state_both_ways(torch: ModuleType, name: str) -> None:
    tgrad.manual_seed(1)
    mine, theirs = NORMED[name](tgrad), NORMED[name](torch)
    assert repr(mine) == repr(theirs) and list(mine.state_dict()) == list(theirs.state_dict())
    state = {k: torch.tensor(v.tolist(), dtype=torch.float64) for k, v in mine.state_dict().items()}
    assert repr(theirs.load_state_dict(state)) == "<All keys matched successfully>"
    np.testing.assert_allclose(array(mine.eval().weight), array(theirs.eval().weight), rtol=1e-9, atol=1e-9)
    assert repr(mine.load_state_dict(mine.state_dict())) == "<All keys matched successfully>"


def test_states_of_older_forms(torch: ModuleType) -> None:
    results = []
    for T in (tgrad, torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old = T.nn.utils.weight_norm(linear(T)).state_dict()
        new = T.nn.utils.parametrizations.weight_norm(T.nn.Linear(3, 4).double())
        found = repr(new.load_state_dict(old))
        # A state of spectral_norm from before version 1 holds the weight, and no v.
        module = spectral(T)
        module(x(T, 2, 3))
        state = module.state_dict()
        before = module.eval()(x(T, 2, 3)).detach()
        state["weight"] = module.weight.detach()
        del state["weight_v"]
        state._metadata[""].pop("spectral_norm")
        again = spectral(T).eval()
        again.load_state_dict(state)
        results.append([found, array(new.weight), array(again(x(T, 2, 3))) - array(before)])
    assert results[0][0] == results[1][0]
    for a, b in zip(results[0][1:], results[1][1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7)


def test_cached(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        module = parametrized(T, "Double")
        with T.nn.utils.parametrize.cached():
            first = module.weight
            with T.nn.utils.parametrize.cached():
                assert module.weight is first
            assert module.weight is first
        assert module.weight is not first


@pytest.mark.parametrize("transpose", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_fusion(torch: ModuleType, transpose: bool, affine: bool, bias: bool) -> None:
    results = []
    for T in (tgrad, torch):
        kind = T.nn.ConvTranspose2d if transpose else T.nn.Conv2d
        conv, bn = filled(T, kind(3, 4, 2, bias=bias)).eval(), filled(T, T.nn.BatchNorm2d(4, affine=affine)).eval()
        fused = T.nn.utils.fuse_conv_bn_eval(conv, bn, transpose)
        given = x(T, 2, 3, 5, 5)
        np.testing.assert_allclose(array(fused(given)), array(bn(conv(given))), rtol=1e-9)
        results.append([fused.weight, fused.bias])
        if affine:
            first, second = filled(T, T.nn.Linear(3, 4, bias=bias)).eval(), filled(T, T.nn.BatchNorm1d(4)).eval()
            both = T.nn.utils.fuse_linear_bn_eval(first, second)
            np.testing.assert_allclose(array(both(x(T, 2, 3))), array(second(first(x(T, 2, 3)))), rtol=1e-9)
            results[-1] += [both.weight, both.bias]
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(array(a), array(b), rtol=1e-12)
        assert a.requires_grad == b.requires_grad


def test_second_derivative_of_weight_norm() -> None:
    """PyTorch's fused kernel leaves out, in second derivatives, that the norms depend on v; finite differences do not."""
    for dim in (0, 1, 2):
        v = x(tgrad, 3, 4, 2).requires_grad_()
        g = tgrad.norm_except_dim(v, 2, dim).detach().requires_grad_()
        assert tgrad.autograd.gradcheck(lambda v, g, dim=dim: tgrad._weight_norm(v, g, dim), (v, g))
        assert tgrad.autograd.gradgradcheck(lambda v, g, dim=dim: tgrad._weight_norm(v, g, dim), (v, g))
