"""Containers next to PyTorch's, method by method and error by error."""

from __future__ import annotations

import copy
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tgrad

sys.path.insert(0, str(Path(__file__).parent))
from twins import outcome


def seq(T: Any) -> Any:
    return T.nn.Sequential(T.nn.ReLU(), T.nn.Tanh(), T.nn.Sigmoid())


def named(T: Any) -> Any:
    return T.nn.Sequential(OrderedDict([("a", T.nn.ReLU()), ("b", T.nn.Tanh())]))


def many(T: Any) -> Any:
    return T.nn.ModuleList([T.nn.ReLU(), T.nn.Tanh(), T.nn.Sigmoid()])


def table(T: Any) -> Any:
    return T.nn.ModuleDict({"b": T.nn.ReLU(), "a": T.nn.Tanh()})


def params(T: Any) -> Any:
    return T.nn.ParameterList([T.ones(2), T.nn.Parameter(T.zeros(3, 2)), 5, "text"])


def pdict(T: Any) -> Any:
    return T.nn.ParameterDict({"b": T.ones(2), "a": T.zeros(3, 2), "c": 5})


def do(thing: Any, act: Callable[[Any], Any]) -> Any:
    """What an action returns, and the thing after it."""
    return act(thing), thing


CASES: list[Callable[[Any], Any]] = [
    # Sequential
    lambda T: seq(T)[-1],
    lambda T: seq(T)[3],
    lambda T: seq(T)[-4],
    lambda T: seq(T)["a"],
    lambda T: seq(T)[1.5],
    lambda T: seq(T)[::2],
    lambda T: named(T)[0:1],
    lambda T: do(seq(T), lambda s: s.__setitem__(-1, T.nn.GELU())),
    lambda T: do(named(T), lambda s: s.__setitem__(0, T.nn.GELU())),
    lambda T: do(seq(T), lambda s: s.__setitem__(0, 3)),
    lambda T: do(seq(T), lambda s: s.__delitem__(1)),
    lambda T: do(seq(T), lambda s: s.__delitem__(slice(0, 2))),
    lambda T: do(named(T), lambda s: s.__delitem__(1)),
    lambda T: do(seq(T), lambda s: s.__delitem__(5)),
    lambda T: do(seq(T), lambda s: s.pop(0)),
    lambda T: do(named(T), lambda s: s.pop(slice(0, 1))),
    lambda T: seq(T) + named(T),
    lambda T: seq(T) + [T.nn.ReLU()],
    lambda T: do(seq(T), lambda s: s.__iadd__(named(T))),
    lambda T: do(named(T), lambda s: s.__iadd__(named(T))),
    lambda T: do(seq(T), lambda s: s.__iadd__([1])),
    lambda T: seq(T) * 2,
    lambda T: 2 * seq(T),
    lambda T: seq(T) * 0,
    lambda T: seq(T) * 1.5,
    lambda T: do(seq(T), lambda s: s.__imul__(2)),
    lambda T: do(seq(T), lambda s: s.__imul__(-1)),
    lambda T: do(seq(T), lambda s: s.__imul__("a")),
    lambda T: do(seq(T), lambda s: s.append(T.nn.GELU()) is s),
    lambda T: do(seq(T), lambda s: s.append(3)),
    lambda T: do(seq(T), lambda s: s.insert(0, T.nn.GELU()) is s),
    lambda T: do(seq(T), lambda s: s.insert(-1, T.nn.GELU())),
    lambda T: do(seq(T), lambda s: s.insert(9, T.nn.GELU())),
    lambda T: do(seq(T), lambda s: s.insert(0, 3)),
    lambda T: do(seq(T), lambda s: s.extend(named(T))),
    lambda T: do(seq(T), lambda s: s.extend([T.nn.GELU()])),
    lambda T: (len(seq(T)), [type(m).__name__ for m in seq(T)], "0" in dir(seq(T))),
    lambda T: T.nn.Sequential(3),
    lambda T: T.nn.Sequential(OrderedDict([(3, T.nn.ReLU())])),
    lambda T: T.nn.Sequential({"a": T.nn.ReLU()}),
    lambda T: T.nn.Sequential()(3),
    lambda T: seq(T)(T.ones(2), 3),
    # ModuleList
    lambda T: many(T)[-1],
    lambda T: many(T)[3],
    lambda T: many(T)["a"],
    lambda T: many(T)[1:],
    lambda T: many(T)[::-1],
    lambda T: do(many(T), lambda s: s.__setitem__(-1, T.nn.GELU())),
    lambda T: do(many(T), lambda s: s.__setitem__(7, T.nn.GELU())),
    lambda T: do(many(T), lambda s: s.__setitem__(0, 3)),
    lambda T: do(many(T), lambda s: s.__delitem__(0)),
    lambda T: do(many(T), lambda s: s.__delitem__(slice(None, None, 2))),
    lambda T: do(many(T), lambda s: s.pop(-1)),
    lambda T: do(many(T), lambda s: s.insert(1, T.nn.GELU())),
    lambda T: do(many(T), lambda s: s.insert(-1, T.nn.GELU())),
    lambda T: do(many(T), lambda s: s.append(T.nn.GELU()) is s),
    lambda T: do(many(T), lambda s: s.append(3)),
    lambda T: do(many(T), lambda s: s.extend(3)),
    lambda T: do(many(T), lambda s: s.extend(T.nn.ReLU())),
    lambda T: do(many(T), lambda s: s.extend([T.nn.GELU()]) is s),
    lambda T: do(many(T), lambda s: s.__iadd__([T.nn.GELU()])),
    lambda T: many(T) + [T.nn.GELU()],
    lambda T: many(T)(3),
    lambda T: T.nn.ModuleList([3]),
    lambda T: T.nn.ModuleList(),
    lambda T: T.nn.ModuleList([None]),
    lambda T: T.nn.ModuleList([many(T), many(T), seq(T)]),
    lambda T: "0" in dir(many(T)),
    # ModuleDict
    lambda T: table(T),
    lambda T: table(T)["c"],
    lambda T: do(table(T), lambda d: d.__setitem__("c", T.nn.GELU())),
    lambda T: do(table(T), lambda d: d.__setitem__("c", 3)),
    lambda T: do(table(T), lambda d: d.__setitem__(3, T.nn.GELU())),
    lambda T: do(table(T), lambda d: d.__setitem__("x.y", T.nn.GELU())),
    lambda T: do(table(T), lambda d: d.__setitem__("training", T.nn.GELU())),
    lambda T: do(table(T), lambda d: d.__delitem__("a")),
    lambda T: do(table(T), lambda d: d.__delitem__("z")),
    lambda T: do(table(T), lambda d: d.pop("a")),
    lambda T: do(table(T), lambda d: d.pop("z")),
    lambda T: do(table(T), lambda d: d.clear()),
    lambda T: do(table(T), lambda d: d.update({"z": T.nn.GELU(), "c": T.nn.ELU()})),
    lambda T: do(table(T), lambda d: d.update(table(T))),
    lambda T: do(table(T), lambda d: d.update([("z", T.nn.GELU())])),
    lambda T: do(table(T), lambda d: d.update(3)),
    lambda T: do(table(T), lambda d: d.update([3])),
    lambda T: do(table(T), lambda d: d.update([(1, 2, 3)])),
    lambda T: (list(table(T)), list(table(T).keys()), [k for k, _ in table(T).items()], len(list(table(T).values()))),
    lambda T: ("a" in table(T), "z" in table(T), len(table(T))),
    lambda T: table(T)(3),
    # ParameterList
    lambda T: params(T),
    lambda T: (params(T)[-1], params(T)[2], type(params(T)[0]).__name__, len(params(T))),
    lambda T: params(T)[9],
    lambda T: params(T)[1:],
    lambda T: do(params(T), lambda p: p.__setitem__(0, T.zeros(4))),
    lambda T: do(params(T), lambda p: p.__setitem__(0, 3)),
    lambda T: do(params(T), lambda p: p.__setitem__(2, T.zeros(4))),
    lambda T: do(params(T), lambda p: p.append(T.zeros(1)) is p),
    lambda T: do(params(T), lambda p: p.extend([T.zeros(1), 7]) is p),
    lambda T: do(params(T), lambda p: p.extend(3)),
    lambda T: do(params(T), lambda p: p.extend(T.ones(3))),
    lambda T: do(params(T), lambda p: p.__iadd__([1])),
    lambda T: params(T)(3),
    lambda T: [n for n, _ in params(T).named_parameters()],
    lambda T: (list(params(T).state_dict()), "0" in dir(params(T))),
    lambda T: T.nn.ParameterList(),
    lambda T: T.nn.ParameterList([T.tensor([1])]),
    # ParameterDict
    lambda T: pdict(T),
    lambda T: pdict(T)["z"],
    lambda T: pdict(T)[3],
    lambda T: do(pdict(T), lambda p: p.__setitem__(3, T.ones(1))),
    lambda T: do(pdict(T), lambda p: p.__delitem__("a")),
    lambda T: do(pdict(T), lambda p: p.__delitem__("z")),
    lambda T: do(pdict(T), lambda p: p.pop("a")),
    lambda T: do(pdict(T), lambda p: p.popitem()),
    lambda T: do(pdict(T), lambda p: p.setdefault("z", T.ones(3))),
    lambda T: do(pdict(T), lambda p: p.setdefault("a", T.ones(3))),
    lambda T: do(pdict(T), lambda p: p.clear()),
    lambda T: (pdict(T).get("z"), pdict(T).get("c"), pdict(T).get("z", 4)),
    lambda T: pdict(T).fromkeys(["x", "y"], T.ones(1)),
    lambda T: pdict(T).fromkeys("xy"),
    lambda T: pdict(T).copy(),
    lambda T: pdict(T) | T.nn.ParameterDict({"b": T.zeros(1), "z": 3}),
    lambda T: do(pdict(T), lambda p: p.__ior__(T.nn.ParameterDict({"z": T.zeros(1)}))),
    lambda T: do(pdict(T), lambda p: p.update([("z", T.ones(1)), ("y", 3)])),
    lambda T: do(pdict(T), lambda p: p.update(OrderedDict([("z", T.ones(1)), ("y", 3)]))),
    lambda T: do(pdict(T), lambda p: p.update({"z": T.ones(1), "y": 3})),
    lambda T: do(pdict(T), lambda p: p.update(3)),
    lambda T: do(pdict(T), lambda p: p.update([3])),
    lambda T: do(pdict(T), lambda p: p.update([(1, 2, 3)])),
    lambda T: (
        list(pdict(T)),
        list(reversed(pdict(T))),
        list(pdict(T).keys()),
        [k for k, _ in pdict(T).items()],
        "a" in pdict(T),
    ),
    lambda T: pdict(T)(3),
    lambda T: T.nn.ParameterDict(),
    lambda T: [n for n, _ in pdict(T).named_parameters()],
]


@pytest.mark.parametrize("i", range(len(CASES)))
def test_case(torch: ModuleType, i: int) -> None:
    assert outcome(lambda: CASES[i](tgrad)) == outcome(lambda: CASES[i](torch))


@pytest.mark.parametrize("make", [seq, named, many, table, params, pdict])
def test_copies(torch: ModuleType, make: Callable[[Any], Any]) -> None:
    for again in (copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))):
        mine, theirs = again(make(tgrad)), again(make(torch))
        assert repr(mine) == repr(theirs) and list(mine.__dict__) == list(theirs.__dict__)
