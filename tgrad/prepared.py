"""Per-row functions with everything known about the row folded in: the general path `dispatch.run`, unrolled.

Note [Prepared rows]
`dispatch.run` finds out at each call what its row is like: which inputs there are, what their formulas need saved, how
many outputs come back. None of that changes from call to call, so `prepare` writes it down once, as a Python function.
For `cumsum(self, dim, *, dtype=None)`, whose derivative uses the words grad and dim:

    def record(self, dim, *, dtype=None):
        if state.slow or type(self) not in FAST:
            return run(row, (self,), {'dim': dim, 'dtype': dtype})
        token = enter(silent)
        try:
            r = array(self._a, dim, dtype=dtype)
        except RuntimeError as error:
            raise because(error, 'operands', row=row, inputs=(self,))
        finally:
            leave(token)
        if type(r) is not nd: r = asarray(r)
        out = new(T)
        out._a = r; out._vc = None; out._grad = None; out._x = None
        if (self._rg or self._x is not None) and state.grad and r.dtype.kind not in 'biu':
            e0 = (self._node or (self if self._rg else None)) if self._x is None else edge(self)
            if e0 is not None:
                node = cls()
                node.edges = (e0,)
                ...
                node.s_dim = dim
                out._node = node; out._rg = True
                return out
        out._node = None; out._rg = False
        return out

A list of tensors (`cat`) is taken apart in place. Observers (`state.slow`), tensor subclasses, and views with several
outputs take the general path.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .dispatch import no_complex_derivative, no_derivative, pointwise, run
from .graph.history import edge, geometry
from .graph.modes import state
from .graph.node import SCALAR, node_class
from .graph.places import cut, draws_numbers, log
from .graph.reasons import because
from .kernels.bands import large
from .kernels.blocks import Sizes
from .kernels.quiet import quiet
from .kernels.table import EAGER, FORMS, MIDDLE
from .ops.spec import REQUIRED, Param, Row, signature_of
from .tensor import FAST, Tensor, shown


def prepare(row: Row) -> Callable[..., Any]:
    """The row called with its array function's own arguments, over Tensors."""
    params = signature_of(row.array) if hasattr(row.array, "__code__") else list(row.params)
    if row.family in ("pointwise", "pieces") or (many(row) and len(row.tensors) > 1):
        return general(row, params)
    return _Writer(row, params).function()


def many(row: Row) -> bool:
    """Whether an input is a list of tensors."""
    return any(t.endswith("*") for t in row.tensors)


def _header(params: list[Param]) -> str:
    parts, keyword = [], False
    for i, p in enumerate(params):
        if p.keyword and not keyword:
            parts.append("*")
            keyword = True
        parts.append(p.name if p.default is REQUIRED else f"{p.name}=defaults[{i}]")
    return ", ".join(parts)


def _general_call(row: Row, params: list[Param]) -> str:
    tensors = [t.rstrip("*") for t in row.tensors]
    words = [p.name for p in params]
    packed = "{" + ", ".join(f"{w!r}: {w}" for w in words if w not in tensors) + "}"
    inputs = "(" + "".join(f"{t}, " for t in tensors) + ")"
    return f"{'pointwise' if row.family == 'pointwise' else 'run'}(row, {inputs}, {packed})"


def general(row: Row, params: list[Param]) -> Callable[..., Any]:
    """A plain call of the general path."""
    return _compiled(row, params, [f"    return {_general_call(row, params)}"])


def _compiled(row: Row, params: list[Param], body: list[str]) -> Callable[..., Any]:
    source = "\n".join([f"def record({_header(params)}):", *body])
    enter, leave, silent = quiet.fast
    scope: dict[str, Any] = {"row": row, "run": run, "pointwise": pointwise, "defaults": [p.default for p in params]}
    scope.update(state=state, FAST=FAST, T=Tensor, new=object.__new__, nd=np.ndarray, asarray=np.asarray, edge=edge)
    scope.update(enter=enter, leave=leave, silent=silent, array=row.array, geometry=geometry)
    scope.update(sizes=Sizes, spread=functools.partial(large, row))
    scope.update(no_derivative=no_derivative, no_complex_derivative=no_complex_derivative)
    draws_numbers(scope)
    scope.update(noted=log, cut=cut, because=because)
    scope.update(shown=shown, LISTS={list, tuple}, cls=node_class(row) if row.grad else None)
    exec(compile(source, f"<record {row.name}>", "exec"), scope)
    return scope["record"]


class _Writer:
    """Writes the body for one row, line by line."""

    def __init__(self, row: Row, params: list[Param]) -> None:
        self.row, self.params, self.many = row, params, many(row)
        self.tensors = [t.rstrip("*") for t in row.tensors]
        self.optional = {p.name for p in params if p.default is not REQUIRED and p.name in self.tensors}
        self.lines: list[str] = []

    def function(self) -> Callable[..., Any]:
        row = self.row
        self.guard()
        self.compute()
        if row.outputs:
            self.many_outputs()
        else:
            self.one_output()
        return _compiled(row, self.params, self.lines)

    def add(self, *lines: str) -> None:
        self.lines += ["    " + line for line in lines]

    def guard(self) -> None:
        if self.many:
            self.walk(self.tensors[0])
            return
        absent = {t: f" and {t} is not None" if t in self.optional else "" for t in self.tensors}
        tests = ["state.slow", *(f"type({t}) not in FAST{absent[t]}" for t in self.tensors)]
        self.add(f"if {' or '.join(tests)}:", f"    return {_general_call(self.row, self.params)}")

    def walk(self, name: str) -> None:
        """One walk over a list of tensors takes out its arrays and sees whether one of them has a history."""
        general = _general_call(self.row, self.params)
        self.add(f"if state.slow or type({name}) not in LISTS: return {general}", "arrays = []", "live = False")
        self.add(f"for t in {name}:", f"    if type(t) not in FAST: return {general}", "    arrays.append(t._a)")
        self.add("    if t._rg or t._x is not None: live = True")

    def compute(self) -> None:
        args = []
        for p in self.params:
            value = p.name
            if p.name in self.tensors:
                value = "arrays" if self.many else p.name + "._a"
                if p.name in self.optional:
                    value = f"None if {p.name} is None else {value}"
            args.append(f"{p.name}={value}" if p.keyword else value)
        for w in self.row.fixed():
            self.add(f"if {w} is not None and {w}._rg and state.grad: raise no_derivative(row, {w!r})")
        call = f"r = array({', '.join(args)})"
        if self.row.bands is not None or self.row.parts is not None or self.row.name in FORMS:
            gate = "middle" if self.row.name in MIDDLE else "large"
            call = f"r = (array if {self.tensors[0]}._a.size <= sizes.{gate} else spread)({', '.join(args)})"
        if self.row.name in EAGER:
            call = f"r = spread({', '.join(args)})"
        operands = "(" + "".join(t + ", " for t in self.tensors) + ")" if not self.many else f"list({self.tensors[0]})"
        explained = [
            "except RuntimeError as error:",
            f"    raise because(error, 'operands', row=row, inputs={operands})",
        ]
        if self.row.family == "view":  # nothing is computed that numpy could warn of
            self.add("try:", f"    {call}", *explained)
        else:
            self.add("token = enter(silent)", "try:", f"    {call}", *explained, "finally:", "    leave(token)")

    def tensor(self, name: str, value: str) -> None:
        self.add(
            f"{name} = new(T)",
            f"{name}._a = {value}",
            f"{name}._vc = None",
            f"{name}._grad = None",
            f"{name}._x = None",
        )

    def diff(self) -> list[str]:
        targets = [t for f in self.row.grad.values() for t in f.targets]
        return [t for t in self.tensors if t in targets]

    def open_node(self, out: str, kind: str) -> None:
        """The lines up to the new node with its edges, at three levels of indentation."""
        diff = self.diff()
        if self.many:
            name = diff[0]
            self.add(f"if live and state.grad and {kind}.dtype.kind not in 'biu':")
            self.add(f"    edges = tuple([edge(t) for t in {name}])", "    if any([e is not None for e in edges]):")
            self.real(kind)
            self.add("        node = cls()", "        node.edges = edges")
            self.head(out)
            self.saves(diff)
            return
        live = " or ".join(f"{self.given(t)}({t}._rg or {t}._x is not None)" for t in diff)
        self.add(f"if ({live}) and state.grad and {kind}.dtype.kind not in 'biu':")
        for i, t in enumerate(diff):
            own = f"({t}._node or ({t} if {t}._rg else None)) if {t}._x is None else edge({t})"
            if len(self.tensors) > 1:  # one of several inputs may be an integer tensor
                own = f"({own}) if {self.given(t)}({t}._rg or {t}._x is not None) else None"
            self.add(f"    e{i} = {own}")
        some = " or ".join(f"e{i} is not None" for i in range(len(diff)))
        self.add(f"    if {some}:")
        self.real(kind)
        self.add("        node = cls()")
        edges = "".join(f"e{i}, " for i in range(len(diff)))
        self.add(f"        node.edges = ({edges})")
        self.head(out)
        self.saves(diff)

    def given(self, t: str) -> str:
        return f"{t} is not None and " if t in self.optional else ""

    def real(self, kind: str) -> None:
        if self.row.real_grad:
            self.add(f"        if {kind}.dtype.kind == 'c': raise no_complex_derivative(row)")

    def head(self, out: str) -> None:
        self.add("        node.seq = next_seq()", "        node.extra = None", "        node.plain = True")
        self.add(f"        {out}._node = node", f"        {out}._rg = True")

    def saves(self, diff: list[str]) -> None:
        at = {t: i for i, t in enumerate(diff)}
        for w in node_class(self.row).saved_words:
            if w.startswith("result"):
                continue
            if w in self.tensors and self.many:
                self.add(
                    f"        node.s_{w} = list({w})",
                    f"        node.v_{w} = [0 if t._vc is None else t._vc.n for t in {w}]",
                )
            elif w in self.tensors:
                users = sorted({at[t] for f in self.row.grad.values() if w in f.words for t in f.targets})
                version = f"0 if {w}._vc is None else {w}._vc.n"
                if w in self.optional:
                    version = f"{SCALAR} if {w} is None else {version}"
                take = [f"node.s_{w} = {w}", f"node.v_{w} = {version}"]
                if users == list(range(len(diff))):
                    self.add(*("        " + line for line in take))
                else:
                    test = " or ".join(f"e{i} is not None" for i in users)
                    self.add(f"        if {test}:", *("            " + line for line in take))
                    self.add("        else:", f"            node.s_{w} = None", f"            node.v_{w} = {SCALAR}")
            elif w.endswith("_sizes") and w[:-6] in self.tensors and self.many:
                self.add(f"        node.s_{w} = [t._a.shape for t in {w[:-6]}]")
            elif w.endswith("_sizes") and w[:-6] in self.tensors:
                self.add(f"        node.s_{w} = {w[:-6]}._a.shape")
            elif w.endswith("_turned") and w[:-7] in self.tensors:
                self.add(f"        node.s_{w} = {w[:-7]}._a.flags.f_contiguous")
            elif w.endswith("_geometry") and w[:-9] in self.tensors:
                self.add(f"        node.s_{w} = geometry({w[:-9]}._a)")
            else:
                self.add(f"        node.s_{w} = {w}")

    def results(self, names: list[str]) -> None:
        for w in node_class(self.row).saved_words:
            if w.startswith("result"):
                out = names[int(w[6:]) if w[6:] else 0]
                self.add(f"        node.s_{w} = {out}._alias()", f"        node.v_{w} = 0")

    def one_output(self) -> None:
        if self.row.family == "view":
            self.pieces()
            self.add(f"out = shown({self.tensors[0]}, r, None if state.grad else 'no_grad')")
        else:
            self.add("if type(r) is not nd: r = asarray(r)")
            self.tensor("out", "r")
            self.add("out._node = None", "out._rg = False")
        if self.row.grad:
            self.open_node("out", "r")
            self.add("        node.shape = r.shape", "        node.dt = r.dtype")
            self.results(["out"])
        self.cut("out")
        self.add("return out")

    def cut(self, out: str) -> None:
        """What comes here was not recorded."""
        sources = self.tensors[0] if self.many else "(" + "".join(t + ", " for t in self.tensors) + ")"
        self.add(f"if noted.on: cut(row.name, {out}, {sources})")

    def pieces(self) -> None:
        """Views with several outputs (split, unbind) share a node."""
        first = self.tensors[0]
        general = _general_call(self.row, self.params)
        self.add("if type(r) is list:", f"    if {first}._x is not None and {first}._x.inference: return {general}")
        self.add(
            "    creation = 'multi' if state.grad else 'no_grad'",
            f"    outs = [shown({first}, a, creation) for a in r]",
        )
        if self.row.grad:
            self.add(
                f"    if ({first}._rg or {first}._x is not None) and state.grad and {first}._a.dtype.kind not in 'biu':",
                f"        e0 = edge({first})",
                "        if e0 is not None:",
                "            node = cls()",
                "            node.edges = (e0,)",
                "            node.seq = next_seq()",
                "            node.extra = None",
                "            node.plain = False",
                "            node.shape = [a.shape for a in r]",
                "            node.dt = [a.dtype for a in r]",
            )
            before, self.lines = self.lines, []
            self.saves(self.diff())
            self.lines = before + ["    " + line for line in self.lines]
            self.add("            for k, out in enumerate(outs): out._node = (node, k); out._rg = True")
        self.add("    return outs")

    def many_outputs(self) -> None:
        names = [f"o{i}" for i in range(len(self.row.outputs))]
        for i, n in enumerate(names):
            self.add(f"a{i} = r[{i}]", f"if type(a{i}) is not nd: a{i} = asarray(a{i})")
            self.tensor(n, f"a{i}")
            self.add(f"{n}._node = None", f"{n}._rg = False")
        if self.row.grad:
            graded = [i for i, o in enumerate(self.row.outputs) if o not in self.row.undiff]
            self.open_node(names[graded[0]], f"a{graded[0]}")
            for k, i in enumerate(graded[1:], 1):
                self.add(f"        {names[i]}._node = (node, {k})", f"        {names[i]}._rg = True")
            if len(graded) > 1:
                shapes, dts = ", ".join(f"a{i}.shape" for i in graded), ", ".join(f"a{i}.dtype" for i in graded)
                self.add(f"        node.shape = [{shapes}]", f"        node.dt = [{dts}]")
            else:
                self.add(f"        node.shape = a{graded[0]}.shape", f"        node.dt = a{graded[0]}.dtype")
            self.results(names)
        self.cut(names[0])
        self.add(f"return [{', '.join(names)}]")
