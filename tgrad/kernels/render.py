"""Expression trees as source text: the kernels that numba compiles (see kernels/compiled and Note [Tracing]).

A kernel of `a * b + c` over flat memory comes out as

    def kernel(x0, x1, x2, o0, lo, hi):
        for i in range(lo, hi):
            v0 = x0[i]
            v1 = x1[i]
            v2 = v0 * v1
            v3 = x2[i]
            v4 = v2 + v3
            o0[i] = v4

and one over operands that lie differently walks over lines: all dimensions but the last are counted off by `lo` to `hi`, and the
steps along the last one are written into the source (0: the same number all along; 1: neighbours; "s": any other step).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .expr import BOOL, F32, Symbol

CODE = {np.dtype(np.float32): "f4", np.dtype(np.float64): "f8", np.dtype(np.bool_): "u1"}
HEAD = "from tgrad.kernels.compiled.lang import *\nfrom tgrad.kernels.compiled.scalar import *\n\n\n"

INFIX = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}
FORMS = {
    "neg": "-{0}",
    "square": "{0} * {0}",
    "reciprocal": "{f}(1) / {0}",
    "no": "not {0}",
    "isnan": "{0} != {0}",
    "isfinite": "absolute({0}) < {f}(INF)",
    "isinf": "absolute({0}) == {f}(INF)",
    "signbit": "bits({0}) < 0",
    "sign": "select({0} != {0}, {0}, select({0} == {f}(0), {0}, copysign({f}(1), {0})))",
    "maximum": "select(either({0} >= {1}, {0} != {0}), {0}, {1})",
    "minimum": "select(either({0} <= {1}, {0} != {0}), {0}, {1})",
    "fmax": "select(either({0} >= {1}, {1} != {1}), {0}, {1})",
    "fmin": "select(either({0} <= {1}, {1} != {1}), {0}, {1})",
}
FAR = {"sin": "far_sin", "cos": "far_cos"}  # what serves arguments beyond the quick form's range

Key = tuple[Any, ...]


class _Body:
    """Statements for one element, each value computed once."""

    def __init__(self, load: Sequence[str]) -> None:
        self.load = load
        self.lines: list[str] = []
        self.beyond: list[str] = []
        self.names: dict[Key, str] = {}

    def value(self, x: Symbol, far: bool) -> str:
        """The name of a tree's value; the statements that make it are written before."""
        done: dict[int, str] = {}
        stack = [x]
        while stack:  # a loop: trees may be deep
            top = stack[-1]
            waiting = [a for a in top.args if isinstance(a, Symbol) and id(a) not in done]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            if id(top) not in done:
                done[id(top)] = self._name(top, [done[id(a)] for a in top.args if isinstance(a, Symbol)], far)
        return done[id(x)]

    def _name(self, x: Symbol, args: list[str], far: bool) -> str:
        f = CODE[x.dtype if x.dtype != BOOL or not x.args or not isinstance(x.args[0], Symbol) else x.args[0].dtype]
        if x.word == "const":
            v = x.args[0]
            return repr(v) if x.dtype == BOOL else f"{f}({constant(v)})"
        key: Key = (x.word, x.args[0] if x.word == "in" else None, f, *args)
        name = self.names.get(key)
        if name is None:
            name = self.names[key] = f"v{len(self.names)}"
            self.lines.append(f"{name} = {self._right(x, args, f, far)}")
        return name

    def _right(self, x: Symbol, args: list[str], f: str, far: bool) -> str:
        if x.word == "in":
            return self.load[x.args[0]]
        if x.word in INFIX:
            return f"{args[0]} {INFIX[x.word]} {args[1]}"
        if x.word in FORMS:
            return FORMS[x.word].format(*args, f=f)
        if x.word == "cast":
            return f"{CODE[x.dtype]}({args[0]})"
        if x.word in FAR:
            if far:
                return f"{FAR[x.word]}({args[0]})"
            self.beyond.append(f"beyond({args[0]})")
        return f"{x.word}({', '.join(args)})"


def constant(v: float) -> str:
    if v != v:
        return "NAN"
    if v in (float("inf"), float("-inf")):
        return "INF" if v > 0 else "-INF"
    return repr(v)


def _statements(
    results: Sequence[Symbol], load: Sequence[str], store: Sequence[str], far: bool
) -> tuple[list[str], list[str]]:
    body = _Body(load)
    for x, target in zip(results, store, strict=True):
        v = body.value(x, far)
        body.lines.append(f"{target} = u1({v})" if x.dtype == BOOL else f"{target} = {v}")
    return body.lines, body.beyond


def _loop(results: Sequence[Symbol], load: Sequence[str], store: Sequence[str], low: str, high: str) -> list[str]:
    """A loop over i. Where a word has a limited range, a second loop follows for stretches in which that was left."""
    lines, beyond = _statements(results, load, store, far=False)
    if not beyond:
        return [f"for i in range({low}, {high}):", *("    " + line for line in lines)]
    exact, _ = _statements(results, load, store, far=True)
    lines.append("out = either(out, " + _any(beyond) + ")")
    return [
        f"for b in range({low}, {high}, 1024):",
        f"    e = min(b + 1024, {high})",
        "    out = False",
        "    for i in range(b, e):",
        *("        " + line for line in lines),
        "    if out:",
        "        for i in range(b, e):",
        *("            " + line for line in exact),
    ]


def _any(tests: Sequence[str]) -> str:
    first, *rest = tests
    return f"either({first}, {_any(rest)})" if rest else first


def flat(results: Sequence[Symbol], inputs: Sequence[np.dtype], scalars: int, work: np.dtype) -> tuple[str, str]:
    """(source, signature) of a kernel over operands that lie alike: inputs, then numbers, outputs, and the bounds."""
    load, names, before = _operands(inputs, scalars, work, ["i"] * len(inputs))
    outs = [f"o{k}" for k in range(len(results))]
    body = before + _loop(results, load, [f"{o}[i]" for o in outs], "lo", "hi")
    return _source(names + outs + ["lo", "hi"], body), _signature(inputs, scalars, results, "i8 i8")


def lines(
    results: Sequence[Symbol], inputs: Sequence[np.dtype], scalars: int, work: np.dtype, steps: Sequence[str]
) -> tuple[str, str]:
    """The same over operands that lie in their own ways. `steps`: along the last dimension, of inputs and outputs.

    `g` holds the geometry: the number of outer dimensions, the length of a line, the outer sizes, then the strides of each operand
    in elements, outer ones first.
    """
    count = len(inputs) + len(results)
    at = {"0": "p{k}", "1": "p{k} + i", "s": "p{k} + i * t{k}"}
    places = [at[s].format(k=k) for k, s in enumerate(steps)]
    load, names, before = _operands(inputs, scalars, work, places[: len(inputs)])
    outs = [f"o{k}" for k in range(len(results))]
    head = ["d, n = g[0], g[1]"]
    head += [f"t{k} = g[2 + d + {k} * (d + 1) + d]" for k in range(count) if steps[k] == "s"]
    walk = [f"p{k} = 0" for k in range(count)] + ["rest = r", "for a in range(d - 1, -1, -1):"]
    walk += ["    size = g[2 + a]", "    c = rest % size", "    rest = rest // size"]
    walk += [f"    p{k} += c * g[2 + d + {k} * (d + 1) + a]" for k in range(count)]
    fixed = {k: f"c{k}" for k in range(len(inputs)) if steps[k] == "0"}
    walk += [f"{name} = {load[k]}" for k, name in fixed.items()]
    load = [fixed.get(k, text) for k, text in enumerate(load)]
    store = [f"{o}[{places[len(inputs) + k]}]" for k, o in enumerate(outs)]
    body = before + head + ["for r in range(lo, hi):"]
    body += ["    " + line for line in walk + _loop(results, load, store, "0", "n")]
    return _source(names + outs + ["g", "lo", "hi"], body), _signature(inputs, scalars, results, "i8* i8 i8")


def _operands(
    inputs: Sequence[np.dtype], scalars: int, work: np.dtype, places: Sequence[str]
) -> tuple[list[str], list[str], list[str]]:
    """(how each operand is read, names of arguments, statements before the loop)."""
    f = CODE[work]
    load = [
        f"x{k}[{at}]" + (" != 0" if dt == BOOL else "") for k, (dt, at) in enumerate(zip(inputs, places, strict=True))
    ]
    numbers = [f"n{k}" for k in range(scalars)]
    return (
        load + [f"s{k}" for k in range(scalars)],
        [f"x{k}" for k in range(len(inputs))] + numbers,
        [f"s{k} = {f}(n{k})" for k in range(scalars)],
    )


def _signature(inputs: Sequence[np.dtype], scalars: int, results: Sequence[Symbol], rest: str) -> str:
    parts = [CODE[dt] + "*" for dt in inputs] + ["f8"] * scalars + [CODE[x.dtype] + "*" for x in results]
    return " ".join([*parts, rest])


def _source(names: Sequence[str], body: Sequence[str]) -> str:
    return HEAD + "\n".join([f"def kernel({', '.join(names)}):", *("    " + line for line in body)]) + "\n"


__all__ = ["F32", "flat", "lines"]
