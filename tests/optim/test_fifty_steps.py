"""Every optimizer with every option over 50 steps next to PyTorch's: parameters, states, how they print, resuming in either library."""

from __future__ import annotations

import copy
from types import ModuleType
from typing import Any

import pytest

import tgrad

from . import cases

LIMITS = {
    "float64": 5e-15,
    "float32": 1.5e-6,
    "complex128": 5e-15,
    "complex64": 3e-6,
    "bfloat16": 3e-2,
    "float16": 1e-2,
}


def limit(name: str, options: dict[str, Any], dtype: str) -> float:
    if name == "Muon":  # its products are in bfloat16 whatever the parameter is
        return 1e-2 if dtype in ("bfloat16", "float16") else 1e-4
    if name == "ASGD" and options.get("lr") == "tensor" and dtype in ("float64", "complex128"):
        return 1e-8  # the rates are powers of float32 tensors, which are not rounded alike
    if name == "ASGD" and "foreach" in options:
        return max(LIMITS[dtype], 1e-7) * 3
    if dtype in ("bfloat16", "float16") and ("fused" in options or "foreach" in options):
        return 0.1  # PyTorch rounds at other places there
    return LIMITS[dtype] * (5 if name == "RMSprop" else 1)  # centred, it takes the difference of near numbers


def both(torch: Any, name: str, options: dict[str, Any], dtype: str, count: int) -> list[tuple[Any, list[Any]]]:
    out = []
    for T in (tgrad, torch):
        params = cases.parameters(T, name, dtype)
        optimizer = cases.made(T, name, params, options)
        cases.steps(T, optimizer, dtype, count)
        out.append((optimizer, params))
    return out


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("name", cases.OPTIONS)
def test_fifty_steps(torch: ModuleType, name: str, dtype: str) -> None:
    if dtype.startswith("complex") and name in cases.REAL_ONLY:
        return
    everything = cases.combined(getattr(torch.optim, name), name)
    for options in everything if dtype in ("float64", "float32") else everything[::2]:
        if ("fused" in options and dtype.startswith("complex")) or ("foreach" in options and dtype == "float16"):
            continue  # refused; and of numbers so small that PyTorch's roundings give nan
        count = 50 if dtype == "float64" else 9
        (ours, ps), (theirs, qs) = both(torch, name, options, dtype, count)
        bound = limit(name, options, dtype)
        for p, q in zip(ps, qs, strict=True):
            assert cases.apart(p, q) <= bound, (options, p, q)
        assert repr(ours) == repr(theirs)
        mine, other = ours.state_dict(), theirs.state_dict()
        assert mine["state"].keys() == other["state"].keys()
        for key, state in other["state"].items():
            assert list(mine["state"][key]) == list(state), options
            for word, value in state.items():
                if value is not None:
                    assert str(mine["state"][key][word].dtype) == str(value.dtype), (options, word)
                    if dtype in ("float64", "complex128") and name != "Muon":
                        assert cases.apart(mine["state"][key][word], value) <= max(
                            20 * bound, 1e-7 * (word in ("eta", "mu_product"))
                        )


def carried(T: Any, state: dict[str, Any]) -> dict[str, Any]:
    """A state of one library with the tensors of another."""

    def over(x: Any) -> Any:
        if isinstance(x, dict):
            return {k: over(v) for k, v in x.items()}
        if isinstance(x, (list, tuple)):
            return type(x)(over(v) for v in x)
        return (
            T.tensor(x.tolist(), dtype=getattr(T, str(x.dtype)[6:])).reshape(tuple(x.shape))
            if hasattr(x, "tolist")
            else x
        )

    return over(state)


@pytest.mark.parametrize("name", cases.OPTIONS)
def test_a_state_goes_on_in_the_other_library(torch: ModuleType, name: str) -> None:
    for options in cases.OPTIONS[name]:
        (ours, ps), (theirs, qs) = both(torch, name, options, "float64", 7)
        for T, from_state, params in ((tgrad, theirs, qs), (torch, ours, ps)):
            copies = [T.nn.Parameter(carried(T, {"p": p.detach()})["p"]) for p in params]
            again = cases.made(T, name, copies, options)
            again.load_state_dict(carried(T, from_state.state_dict()))
            assert list(again.state_dict()["param_groups"][0]) == list(from_state.state_dict()["param_groups"][0])
            cases.steps(T, again, "float64", 9, seed=5)
            lib = torch if T is tgrad else tgrad
            cases.steps(lib, from_state, "float64", 9, seed=5)
            bound = 1e-4 if name == "Muon" else 1e-7 if name == "NAdam" else 1e-14
            for a, b in zip(copies, params, strict=True):
                assert cases.apart(a, b) <= bound, options


@pytest.mark.parametrize("name", cases.OPTIONS)
def test_saved_and_loaded_it_goes_on_as_before(name: str) -> None:
    for options in cases.OPTIONS[name]:
        whole = cases.parameters(tgrad, name, "float64")
        cases.steps(tgrad, a := cases.made(tgrad, name, whole, options), "float64", 6)
        cases.steps(tgrad, a, "float64", 6, seed=3)
        params = cases.parameters(tgrad, name, "float64")
        cases.steps(tgrad, b := cases.made(tgrad, name, params, options), "float64", 6)
        other = cases.made(tgrad, name, params, {})
        other.load_state_dict(copy.deepcopy(b.state_dict()))
        cases.steps(tgrad, other, "float64", 6, seed=3)
        for x, y in zip(
            whole, params, strict=True
        ):  # NAdam's count of products is loaded in the parameter's dtype, as in PyTorch
            assert cases.apart(y, x) <= (1e-8 if name == "NAdam" else 0)


@pytest.mark.parametrize("name", cases.OPTIONS)
def test_old_files_count_in_numbers(torch: ModuleType, name: str) -> None:
    if name in ("SGD", "Muon"):
        return
    states = []
    for T in (tgrad, torch):
        params = cases.parameters(T, name, "float64")
        cases.steps(T, optimizer := cases.made(T, name, params, {}), "float64", 3)
        state = optimizer.state_dict()
        for entry in state["state"].values():
            for word in ("step", "mu_product", "eta", "mu"):
                if word in entry:
                    entry[word] = entry[word].item()
        for word in (
            "maximize",
            "foreach",
            "fused",
            "capturable",
            "differentiable",
            "amsgrad",
            "decoupled_weight_decay",
        ):
            if name != "Adafactor" or word == "foreach":
                state["param_groups"][0].pop(word, None)
        again = cases.made(T, name, params, {})
        again.load_state_dict(state)
        cases.steps(T, again, "float64", 3)
        states.append((again.state_dict(), params))
    (ours, ps), (theirs, qs) = states
    assert ours["param_groups"] == theirs["param_groups"]
    for key, state in theirs["state"].items():
        assert [(w, str(v.dtype)) for w, v in ours["state"][key].items()] == [
            (w, str(v.dtype)) for w, v in state.items()
        ]
    for p, q in zip(ps, qs, strict=True):
        assert cases.apart(p, q) <= 1e-7
