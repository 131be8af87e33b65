"""The echo of real tensors: the same lines on both libraries print the same text."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import tgrad

PROGRAMS = {
    "leaf": lambda t: t.ones(2, 2, requires_grad=True),
    "history": lambda t: t.ones(2, 2, requires_grad=True) + 2,
    "scalar history": lambda t: ((t.ones(2, 2, requires_grad=True) + 2) ** 2 * 3).mean(),
    "parameter": lambda t: t.nn.Parameter(t.arange(3.0)),
    "frozen parameter": lambda t: t.nn.Parameter(t.arange(3.0), requires_grad=False),
    "size": lambda t: t.zeros(2, 0, 3).shape,
    "empty": lambda t: t.zeros(2, 0, 3),
    "int": lambda t: t.arange(12).view(3, 4) - 5,
    "bool": lambda t: t.tensor([[True, False]]),
    "double": lambda t: t.tensor([1.5, -2.25], dtype=t.float64),
    "half": lambda t: t.tensor([1.5, -2.25], dtype=t.float16),
    "bfloat16": lambda t: t.tensor([1.5, -2.25], dtype=t.bfloat16) * 3,
    "complex": lambda t: t.tensor([1 + 2j, -0.5j]),
    "0-d": lambda t: t.tensor(3.14159),
    "0-d int": lambda t: t.tensor(7),
    "nan and inf": lambda t: t.tensor([float("nan"), float("inf"), -1.0]),
    "scientific": lambda t: t.tensor([1e-8, 1.0, 1e8]),
    "summarised": lambda t: t.arange(5000.0).view(50, 100),
    "transposed": lambda t: t.arange(6.0).view(2, 3).t(),
    "expanded": lambda t: t.tensor([[1.0], [2.0]]).expand(2, 3),
    "4-d": lambda t: t.arange(16.0).view(2, 2, 2, 2) / 3,
    "max": lambda t: t.tensor([[1.0, 5.0], [7.0, 2.0]], requires_grad=True).max(1),
    "sort": lambda t: t.tensor([3, 1, 2]).sort(),
    "in place on a view": lambda t: view_written(t),
    "dtype and device": lambda t: (t.float32, t.device("cpu"), t.device("cuda", 1), t.strided, t.contiguous_format),
    "finfo": lambda t: (t.finfo(t.float32), t.finfo(t.bfloat16), t.iinfo(t.int16)),
    "module": lambda t: t.nn.Sequential(t.nn.Linear(2, 3), t.nn.ReLU(), t.nn.Linear(3, 1, bias=False)),
    "state": lambda t: t.manual_seed(3) and t.nn.Linear(2, 2).state_dict(),
    "optimizer": lambda t: t.optim.Adam([t.ones(2, requires_grad=True)]),
    "random": lambda t: t.manual_seed(0) and t.randn(4, 5),
}


def view_written(t: ModuleType) -> Any:
    x = t.zeros(2, 3, requires_grad=True) * 1
    x[0] += 2
    return x, x[0], x[:, 1]


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=list(PROGRAMS))
def test_same_text(torch: ModuleType, program: Any) -> None:
    ours, theirs = program(tgrad), program(torch)
    assert repr(ours) == repr(theirs)
    assert str(ours) == str(theirs)


@pytest.mark.parametrize("spec", ["", ".3f", "8.2f", "e", "d", "x"])
def test_format(torch: ModuleType, spec: str) -> None:
    def text(t: ModuleType, value: Any) -> Any:
        try:
            return format(t.tensor(value), spec)
        except (TypeError, ValueError) as error:
            return type(error), str(error)

    for value in (3.14159, 7, True, [1.0, 2.0]):
        assert text(tgrad, value) == text(torch, value)


@pytest.mark.changes_global_state
def test_print_options_reach_tensors(torch: ModuleType) -> None:
    for options in (
        {"precision": 2},
        {"sci_mode": True},
        {"linewidth": 30},
        {"threshold": 5, "edgeitems": 1},
        {"profile": "full"},
    ):
        for t in (tgrad, torch):
            t.set_printoptions(profile="default")
            t.set_printoptions(**options)
        try:
            assert repr(tgrad.arange(20.0) / 7) == repr(torch.arange(20.0) / 7)
        finally:
            for t in (tgrad, torch):
                t.set_printoptions(profile="default")
