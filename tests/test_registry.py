"""Completeness: what follows from a row must be there, for every row. No op is listed here by hand."""

from __future__ import annotations

import inspect
import re

import pytest

import tgrad
import tgrad.fft
import tgrad.nn
import tgrad.special
from tgrad import functions
from tgrad.graph.node import Node, node_class
from tgrad.ops import ROWS, Row
from tgrad.ops.spec import REQUIRED

rows = pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))


def base(row: Row) -> str:
    """`sum.dim` -> `sum`: the public name that an overload stands behind."""
    return row.name.partition(".")[0]


def public(row: Row) -> object:
    """The function or method that users call for a row, or None for rows that only serve derivatives."""
    name = base(row)
    for owner in (functions, tgrad.Tensor, tgrad.nn.functional):
        for spelled in (name, name.lstrip("_"), name + "_", name.removeprefix("linalg_").removeprefix("native_")):
            if hasattr(owner, spelled):
                return getattr(owner, spelled)
    return None


def used_by_others(row: Row) -> bool:
    """Whether another module of the package refers to the row's object (a derivative, a composite)."""
    for module in loaded():
        for value in vars(module).values():
            if value is row or (isinstance(value, dict) and value is not ROWS and row in value.values()):
                return True
    return row.name.endswith("_backward") and row.name.removesuffix("_backward") in ROWS


HOLDERS = ("tgrad.ops", "tgrad.composite", "tgrad.nn", "tgrad.special", "tgrad.fft")


def loaded() -> list[object]:
    import sys

    return [m for n, m in list(sys.modules.items()) if n.startswith(HOLDERS) and m]


@rows
def test_a_row_can_be_called(row: Row) -> None:
    assert row.record is not None, "tgrad.methods has not seen this row: it was made after the rows were hung"
    assert public(row) is not None or used_by_others(row), "nobody can reach this row"


@rows
def test_forms_follow_the_row(row: Row) -> None:
    if "." in row.name or row.name.startswith("_"):
        return
    for name in (row.name, *row.aliases):
        if row.function:
            assert callable(getattr(functions, name, None)), f"no function {name}"
        if row.method:
            assert hasattr(tgrad.Tensor, name), f"no method {name}"
        if row.inplace:
            assert hasattr(tgrad.Tensor, name + "_"), f"no in-place method {name}_"


@rows
def test_formulas_use_known_words(row: Row) -> None:
    tensors = {t.rstrip("*") for t in row.tensors}
    known = {"grad", "grads", "needs"} | tensors | {p.name for p in row.params}
    known |= {t + word for t in tensors for word in ("_sizes", "_geometry", "_turned")}
    known |= {"result"} | {f"result{i}" for i in range(len(row.outputs))}
    if hasattr(row.array, "__code__"):
        code = row.array.__code__
        known |= set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    for key, formula in row.grad.items():
        assert set(key.split()) <= tensors, f"a derivative for {key!r}, which is no input"
        assert set(formula.words) <= known, f"unknown words {set(formula.words) - known}"


@rows
def test_node_class(row: Row) -> None:
    if not row.grad:
        return
    cls = node_class(row)
    assert issubclass(cls, Node)
    assert re.fullmatch(r"\w+Backward\d*(_copy)?|CopyBackwards|NotImplemented", cls.__name__), cls.__name__
    for name in ("apply", "apply_t", "release"):
        assert name in vars(cls)
    assert not hasattr(cls, "__dict__") or "__dict__" not in vars(cls), "nodes are slots only"


@rows
def test_public_names_are_pytorchs(row: Row) -> None:
    torch = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")
    if public(row) is None:
        return
    name = base(row).lstrip("_")
    spelled = {base(row), name, name.removeprefix("linalg_").removeprefix("native_"), name + "_"}
    owners = (torch, torch.Tensor, torch.nn.functional, torch.linalg, torch.special, torch._C._nn)
    assert any(hasattr(o, s) for o in owners for s in spelled), f"PyTorch has no {name}"


@rows
def test_docstring(row: Row) -> None:
    found = public(row)
    if found is None:
        return
    text = inspect.getdoc(found) or ""
    assert len(text) > 20, f"{base(row)} has no docstring"


def test_defaults_are_plain_values() -> None:
    """A default is shared by all calls and printed in signatures."""
    for row in ROWS.values():
        for p in row.params:
            assert p.default is REQUIRED or isinstance(p.default, (type(None), bool, int, float, str, tuple)), row.name
