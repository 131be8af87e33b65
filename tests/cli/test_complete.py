"""Completion finds names in live objects and runs nothing on the way."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

import tgrad
import tgrad.nn
from tgrad.cli.complete import complete


def names(source: str, **namespace: Any) -> list[str]:
    return [match.text for match in complete(source, {"torch": tgrad, **namespace})]


class Trap:
    """Every way to run code while looking."""

    plain = 1

    @property
    def loud(self) -> Trap:
        raise AssertionError("a property was called")

    def __getattr__(self, name: str) -> Any:
        raise AssertionError("__getattr__ was called")

    def __getitem__(self, index: object) -> Any:
        raise AssertionError("__getitem__ was called")


def test_names() -> None:
    assert names("alph", alpha=1, alphabet=2) == ["alpha", "alphabet"]
    assert "range" in names("x = ran") and "return" in names("retu")


def test_attributes_of_modules() -> None:
    assert "zeros_like" in names("torch.zeros_")
    assert "Linear" in names("y = torch.nn.Lin")


def test_attributes_of_tensors() -> None:
    x = tgrad.ones(2, requires_grad=True)
    found = names("f(x.requires", x=x)
    assert found[0] == "requires_grad"
    assert all(not name.startswith("_") for name in names("x.", x=x))
    assert "_version" in names("x._v", x=x)


def test_in_place_forms_come_last() -> None:
    assert names("x.ad", x=Listing()) == ["add", "addmm", "add_"]


class Listing:
    def __dir__(self) -> list[str]:
        return ["add_", "addmm", "add"]


def test_a_property_is_not_called() -> None:
    assert names("t.loud.pl", t=Trap()) == ["plain"]  # what it returns is known from its annotation
    assert names("t.lo", t=Trap()) == ["loud"]
    assert names("t.missing.", t=Trap()) == []
    assert names("t[0].pl", t=Trap()) == []


def test_nothing_is_recorded() -> None:
    x = tgrad.ones(2, requires_grad=True)
    y = x * 2
    before = tgrad.get_rng_state()
    for source in ("y.grad_fn.", "y.T.", "(y + 1).", "y.mean().", "y.data.", "torch.rand(2).", "y[0]."):
        names(source, y=y)
    assert y.grad_fn.next_functions[0][0].variable is x
    assert tgrad.equal(before, tgrad.get_rng_state())


def test_parts_of_modules() -> None:
    net = tgrad.nn.Sequential(tgrad.nn.Linear(1, 2))
    holder = tgrad.nn.Module()
    holder.body = net
    holder.linear = tgrad.nn.Linear(1, 2)
    assert "out_features" in names("m.linear.out", m=holder)
    assert "requires_grad" in names("m.linear.weight.requires", m=holder)


def test_analysis_where_no_object_is_there() -> None:
    assert "upper" in names("'a'.strip().up")
    assert "bit_length" in names("n = 1\nn.bit_len")


def test_from_imports() -> None:
    assert "functional" in names("from torch.nn import func")
    assert "Linear" in names("from torch.nn import ReLU, Lin")
    importlib.import_module("tgrad.vision.transforms")
    assert "RandomCrop" in names("from torchvision.transforms import Random")


@pytest.mark.parametrize("source", ["'torch.ze", "x = 1  # torch.ze", '"""\ntorch.ze', "f'{a} torch.ze"])
def test_not_in_strings_and_comments(source: str) -> None:
    assert names(source) == []


def test_after_a_string_again() -> None:
    assert "zeros" in names("x = 'it'; torch.zer") and "zeros" in names("# note\ntorch.zer")


def test_commands(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").touch()
    (tmp_path / "data").mkdir()
    assert names(":") == ["chain", "dialect", "graph", "help", "quit", "run", "vars"]
    assert names(":dia") == ["dialect"]
    assert names(":dialect 0") == ["0.1", "0.4"]
    assert names(":chain o") == ["off", "on"]
    assert names(":graph a.svg los", loss=1) == ["loss"]
    assert names(":run ") == ["data/", "train.py"]
    assert names(":run missing/x") == []
