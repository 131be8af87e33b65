"""Every module of `torch.nn` next to PyTorch's, on the samples of PyTorch's own module database and on some of ours.

For each sample: the text, the attributes, the initial values for a seed, the results in training and in evaluation, the gradients of inputs
and parameters, the buffers afterwards, the state both ways, and a pickled copy.
"""

from __future__ import annotations

import importlib
import pickle
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from module_samples import Sample, samples
from twins import array, outcome

# Tested in files of their own, with what they need.
ELSEWHERE = {
    "RNN",
    "LSTM",
    "GRU",
    "RNNCell",
    "LSTMCell",
    "GRUCell",
    "MultiheadAttention",
    "Transformer",
    "AdaptiveLogSoftmaxWithLoss",
}
ELSEWHERE |= {f"Transformer{part}{layer}" for part in ("Encoder", "Decoder") for layer in ("", "Layer")} | {
    "RNNBase",
    "RNNCellBase",
}
# They hold other modules, parameters or options and compute nothing themselves: see test_containers.py.
HOLDERS = {
    "Module",
    "Container",
    "Sequential",
    "ModuleList",
    "ModuleDict",
    "ParameterList",
    "ParameterDict",
    "LinearCrossEntropyOptions",
}
PER_MODULE = 10


@pytest.fixture(scope="module")
def database(torch: ModuleType) -> Any:
    found = pytest.importorskip("torch.testing._internal.common_modules").module_db
    return {m.name.removeprefix("nn."): m for m in found}


def of_database(torch: Any, info: Any, dtype: Any, training: bool) -> Iterator[Sample]:
    torch.manual_seed(0)
    found = info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)
    every = max(1, len(found) // PER_MODULE)  # of many samples some, from everywhere in the list
    for one in found[::every]:
        made, given = one.constructor_input, one.forward_input
        if given is None or given.kwargs:
            continue
        yield made.args, made.kwargs, given.args


def ours(torch: Any, name: str, dtype: Any) -> list[Sample]:
    torch.manual_seed(0)
    return samples(torch, lambda *shape: torch.randn(*shape, dtype=dtype).requires_grad_()).get(name, [])


def moved(value: Any, T: Any) -> Any:
    """A structure of torch's objects as one of T's."""
    if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
        return type(value)(moved(v, T) for v in value)
    if isinstance(value, dict):
        return {k: moved(v, T) for k, v in value.items()}
    kind = type(value)
    if kind.__module__.startswith("torch"):
        if kind.__name__ in ("Tensor", "Parameter"):
            if T is not tgrad:
                return value.detach().clone().requires_grad_(value.requires_grad)
            out = tgrad.tensor(value.tolist(), dtype=getattr(tgrad, str(value.dtype)[6:])).reshape(tuple(value.shape))
            return out.requires_grad_(value.requires_grad)
        if kind.__name__ == "Size":
            return T.Size(value)
        if kind.__name__ in ("dtype", "memory_format"):
            return getattr(T, str(value)[6:])
        if kind.__name__ == "device":
            return T.device(str(value))
        if kind.__name__ == "LinearCrossEntropyOptions":
            return T.nn.LinearCrossEntropyOptions(
                **{w: moved(getattr(value, w), T) for w in value.__dataclass_fields__}
            )
        raise TypeError(f"what is {kind} in {T.__name__}?")
    return value(T) if getattr(value, "__name__", "") == "distance" else value


def close(mine: Any, theirs: Any, tolerance: float, what: str) -> None:
    if isinstance(theirs, (tuple, list)):
        for a, b in zip(mine, theirs, strict=True):
            close(a, b, tolerance, what)
    elif theirs is None:
        assert mine is None, what
    else:
        assert str(mine.dtype) == str(theirs.dtype) and tuple(mine.shape) == tuple(theirs.shape), what
        assert mine.requires_grad == theirs.requires_grad, what
        np.testing.assert_allclose(array(mine), array(theirs), rtol=tolerance, atol=tolerance, err_msg=what)


def weighted(T: Any, out: Any) -> Any:
    """A number that depends on all results in different ways."""
    parts = [p for p in (out if isinstance(out, (tuple, list)) else [out]) if p.requires_grad]
    return (
        sum((p * T.arange(1, p.numel() + 1, dtype=p.dtype).reshape(p.shape).cos()).sum() for p in parts)
        if parts
        else None
    )


class Pair:
    """The same module in both libraries, from the same seed."""

    def __init__(self, torch: Any, name: str, sample: Sample, dtype: str, training: bool) -> None:
        self.torch, self.name = torch, name
        args, kwargs, self.inputs = sample
        self.both = []
        for T in (tgrad, torch):
            T.manual_seed(3)
            module = getattr(T.nn, name)(*moved(args, T), **moved(kwargs, T))
            self.both.append(module.to(getattr(T, dtype)).train(training))
        self.tolerance = 1e-9 if dtype == "float64" else 2e-4

    def text(self) -> None:
        mine, theirs = self.both
        assert repr(mine) == repr(theirs)
        assert sorted(mine.__dict__) == sorted(theirs.__dict__)
        assert type(mine).__name__ == type(theirs).__name__

    def initial_values(self) -> None:
        mine, theirs = self.both
        a, b = mine.state_dict(), theirs.state_dict()
        assert list(a) == list(b) and a._metadata == b._metadata
        for key in b:
            if not (self.name.startswith("Lazy") and repr(b[key]).startswith("<Uninit")):
                assert np.array_equal(array(a[key]), array(b[key])), key
                assert a[key].stride() == b[key].stride(), key

    def run(self) -> None:
        results = []
        for T, module in zip((tgrad, self.torch), self.both):
            T.manual_seed(4)
            inputs = moved(self.inputs, T)
            out = module(*inputs)
            total = weighted(T, out)
            if total is not None:
                total.backward()
            first = out[0] if isinstance(out, (tuple, list)) else out
            node = first.grad_fn.name() if first.grad_fn is not None else None
            leaves = [x for x in inputs if hasattr(x, "requires_grad") and x.requires_grad]
            results.append(
                {
                    "result": out,
                    "gradients of inputs": [x.grad for x in leaves],
                    "gradients of parameters": [p.grad for p in module.parameters()],
                    "state": list(module.state_dict().values()),
                    "node": node,
                }
            )
        mine, theirs = results
        assert mine.pop("node") == theirs.pop("node")
        for what, value in theirs.items():
            close(mine[what], value, self.tolerance, what)

    def state_both_ways(self) -> None:
        mine, theirs = self.both
        there = theirs.load_state_dict(
            {
                k: self.torch.tensor(v.tolist(), dtype=getattr(self.torch, str(v.dtype)[6:]))
                for k, v in mine.state_dict().items()
            }
        )
        back = mine.load_state_dict({k: moved(v, tgrad) for k, v in theirs.state_dict().items()})
        assert repr(there) == repr(back) == "<All keys matched successfully>"

    def pickled(self) -> None:
        mine, _ = self.both
        again = pickle.loads(pickle.dumps(mine))
        assert repr(again) == repr(mine) and type(again) is type(mine)
        for a, b in zip(again.state_dict().values(), mine.state_dict().values(), strict=True):
            assert np.array_equal(array(a), array(b))


def names() -> list[str]:
    return sorted(n for n in tgrad.nn.modules.__all__ if n not in ELSEWHERE | HOLDERS)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", names())
def test_module(torch: ModuleType, database: Any, name: str) -> None:
    checked = 0
    for dtype, training in (("float64", True), ("float64", False), ("float32", True)):
        real = getattr(torch, dtype)
        info = database.get(name)
        given = list(of_database(torch, info, real, training)) if info is not None else []
        given += ours(torch, name, real)
        for i, sample in enumerate(given):
            if dtype == "float32" and i >= 3:
                break
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pair = Pair(torch, name, sample, dtype, training)
                pair.text()
                pair.initial_values()
                pair.run()
                pair.text()
                pair.state_both_ways()
                if "distance_function" not in sample[1]:
                    pair.pickled()
            checked += 1
    assert checked >= 2, "no samples"


@pytest.mark.filterwarnings("ignore")
def test_errors(torch: ModuleType, database: Any) -> None:
    """The database's own misuses: the same kind of error with the same first line."""

    def tried(T: Any, name: str, made: Any, given: Any) -> Any:
        def act() -> None:
            module = getattr(T.nn, name)(*moved(made.args, T), **moved(made.kwargs, T))
            module(*moved(given.args, T), **moved(given.kwargs, T))

        return outcome(act)

    checked = 0
    for name, info in database.items():
        if name in ELSEWHERE or info.module_error_inputs_func is None:
            continue
        options = {"device": "cpu", "dtype": torch.float32, "requires_grad": False, "training": True}
        for one in info.module_error_inputs_func(info, **options):
            made, given = one.module_error_input.constructor_input, one.module_error_input.forward_input
            if given is None:
                given = type(made)()
            mine, theirs = tried(tgrad, name, made, given), tried(torch, name, made, given)
            assert mine[0] == theirs[0] and mine[1].split("\n")[0] == theirs[1].split("\n")[0], (name, checked)
            checked += 1
    assert checked > 25


def test_nothing_is_left_out(torch: ModuleType) -> None:
    """All public modules are tested here or said to be tested elsewhere, and stand where PyTorch has them."""
    theirs = set(torch.nn.modules.__all__)
    assert set(tgrad.nn.modules.__all__) <= theirs
    assert theirs - set(names()) - HOLDERS - ELSEWHERE == set()
    for name in names():
        kind = getattr(torch.nn, name)
        mine = getattr(importlib.import_module("tgrad" + kind.__module__.removeprefix("torch")), name)
        assert mine is getattr(tgrad.nn, name)
        assert mine.__module__ == "tgrad" + kind.__module__.removeprefix("torch")
        bases = [b.__name__ for b in kind.__mro__ if b.__name__ in theirs]
        assert [b.__name__ for b in mine.__mro__ if b.__name__ in theirs] == bases
