"""The door's fast paths: what an elementwise op on small float tensors costs is mostly Python, so here is as little of it
as there can be.

`fast_unary` and `fast_binary` make, per row, a closure with the common case in front (float tensors of one dtype, no
observers) which otherwise calls the general path it is given. They do what `dispatch.pointwise` does, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .dispatch import simplest
from .graph.history import edge
from .graph.modes import state
from .graph.node import SCALAR, next_seq, node_class
from .graph.places import cut, draws_numbers, log
from .kernels.blocks import Sizes
from .kernels.quiet import quiet
from .kernels.straight import binary, unary
from .ops.spec import BOOL as TRUTH
from .ops.spec import Row
from .storage import laid_out
from .tensor import FAST, Tensor

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
ndarray = np.ndarray


def fast_binary(row: Row, general: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """`row` for two operands, one function call deep when both are float tensors of one dtype (or one is a number)."""
    ufunc: Any = row.ufunc
    cls: Any = node_class(row)
    self_words = row.grad["self"].words if "self" in row.grad else ()
    other_words = row.grad["other"].words if "other" in row.grad else ()
    slots = set(cls.saved_words)
    simple = slots <= {"self", "other"} and bool(row.grad)
    other_for_self, self_for_self = "other" in self_words, "self" in self_words
    other_for_other, self_for_other = "other" in other_words, "self" in other_words
    keeps_self, keeps_other = "self" in slots, "other" in slots
    fixed = {w: p.default for w in slots for p in row.params if p.name == w and w not in ("self", "other")}
    if row.ufunc is None or not row.grad or not slots - set(fixed) <= {"self", "other"}:
        return general
    del simple
    fixed_items = [("s_" + w, v) for w, v in fixed.items()]
    new, T, nd = object.__new__, Tensor, ndarray
    enter, leave, silent = quiet.fast
    sizes, noted = Sizes, log
    straight = binary(ufunc)

    def fast(self: Any, other: Any) -> Any:
        t = type(other)
        if state.slow or type(self) not in FAST:
            return general(self, other)
        a = self._a
        dt = a.dtype
        if dt is not F32 and dt is not F64:
            return general(self, other)
        if t in FAST:
            b = other._a
            if b.dtype is not dt:
                return general(self, other)
            tensor = True
        elif t is float or t is int:
            b = other
            tensor = False
        else:
            return general(self, other)
        if a.size > sizes.large:
            r = straight(a, b)
            if r is None:
                return general(self, other)
        else:
            token = enter(silent)
            try:
                r = ufunc(a, b)
            except (ValueError, OverflowError):
                r = None
            finally:
                leave(token)
            if r is None:
                return general(self, other)
        if type(r) is not nd:
            r = np.asarray(r)
        elif tensor and other is not self and (r.strides != a.strides or r.size != a.size):
            r = laid_out(r, (a, b))  # where the operands disagree about the order of dimensions, the first one decides
        out = new(T)
        out._a = r
        out._vc = None
        out._grad = None
        out._x = None
        if tensor:
            if (self._rg or other._rg or self._x is not None or other._x is not None) and state.grad:
                e0 = self._node or (self if self._rg else None) if self._x is None else edge(self)
                e1 = other._node or (other if other._rg else None) if other._x is None else edge(other)
            else:
                out._node = None
                out._rg = False
                if noted.on:
                    cut(row.name, out, (self, other))
                return out
        else:
            e1 = None
            if (self._rg or self._x is not None) and state.grad:
                e0 = self._node or self if self._x is None else edge(self)
            else:
                e0 = None
        if e0 is None and e1 is None:
            out._node = None
            out._rg = False
            if noted.on:
                cut(row.name, out, (self, other))
            return out
        out._rg = True
        out._node = node = cls()
        node.edges = (e0, e1)
        node.seq = next_seq()
        node.extra = None
        node.plain = True
        node.shape = r.shape
        node.dt = dt
        if not tensor:
            node.notes = other
        if keeps_other:
            if (other_for_self and e0 is not None) or (other_for_other and e1 is not None):
                node.s_other = other
                if tensor:
                    vc = other._vc
                    node.v_other = 0 if vc is None else vc.n
                else:
                    node.v_other = SCALAR
            else:
                node.s_other = None
                node.v_other = SCALAR
        if keeps_self:
            if (self_for_self and e0 is not None) or (self_for_other and e1 is not None):
                node.s_self = self
                vc = self._vc
                node.v_self = 0 if vc is None else vc.n
            else:
                node.s_self = None
                node.v_self = SCALAR
        for w, v in fixed_items:
            setattr(node, w, v)
        return out

    return fast


def fast_unary(row: Row, general: Callable[..., Any]) -> Callable[[Any], Any]:
    """`row` for one float tensor; as `fast_binary`."""
    if not row.grad:
        return general
    array: Any = row.quick or row.array
    cls: Any = node_class(row)
    slots = set(cls.saved_words)
    if not slots <= {"self", "result"}:
        return general
    keeps_self, keeps_result = "self" in slots, "result" in slots
    new, T, nd = object.__new__, Tensor, ndarray
    enter, leave, silent = quiet.fast
    sizes, noted = Sizes, log
    straight = unary(simplest(row, {})[0])

    def fast(self: Any) -> Any:
        if state.slow or type(self) not in FAST:
            return general(self)
        a = self._a
        dt = a.dtype
        if dt is not F32 and dt is not F64:
            return general(self)
        if a.size > sizes.large:
            r = straight(a)
            if r is None:
                return general(self)
        else:
            token = enter(silent)
            try:
                r = array(a)
            finally:
                leave(token)
        if type(r) is not nd:
            r = np.asarray(r, dt)
        out = new(T)
        out._a = r
        out._vc = None
        out._grad = None
        out._x = None
        if (self._rg or self._x is not None) and state.grad:
            e0 = self._node or self if self._x is None else edge(self)
            if e0 is not None:
                out._rg = True
                out._node = node = cls()
                node.edges = (e0,)
                node.seq = next_seq()
                node.extra = None
                node.plain = True
                node.shape = r.shape
                node.dt = dt
                if keeps_self:
                    node.s_self = self
                    vc = self._vc
                    node.v_self = 0 if vc is None else vc.n
                if keeps_result:
                    node.s_result = out._alias()
                    node.v_result = 0
                return out
        out._node = None
        out._rg = False
        if noted.on:
            cut(row.name, out, (self,))
        return out

    return fast


def fast_row(row: Row, general: Callable[..., Any]) -> Callable[..., Any]:
    """Any elementwise row, called with its tensors and then its other arguments, all by position; as `fast_binary`.

    Written out per row, like Note [Prepared rows]. The promoted operands must be float tensors of one dtype (all but the first may be
    numbers), the others (a condition) bool tensors; everything else goes to `general`, which is called with the same arguments.
    """
    words = row.tensors
    own = [p.name for p in row.params if p.name not in words]
    floats = [w for w in words if w in row.promoted]
    first, rest, conditions = floats[0], floats[1:], [w for w in words if w not in row.promoted]
    cls: Any = node_class(row) if row.grad else None
    again = f"return general({', '.join([*words, *own])})"
    lines = [f"if state.slow or {' or '.join(f'type({w}) not in FAST' for w in [first, *conditions])}: {again}"]
    lines += [f"a_{w} = {w}._a" for w in [first, *conditions]] + [f"dt = a_{first}.dtype"]
    tests = ["(dt is not F32 and dt is not F64)", f"a_{first}.size > sizes.large"]
    tests += [f"a_{w}.dtype is not BOOL" for w in conditions]
    lines.append(f"if {' or '.join(tests)}: {again}")
    for w in rest:
        lines += [
            f"t_{w} = type({w}) in FAST",
            f"if t_{w}:",
            f"    a_{w} = {w}._a",
            f"    if a_{w}.dtype is not dt: {again}",
        ]
        lines += [f"elif type({w}) is float or type({w}) is int: a_{w} = {w}", f"else: {again}"]
    arrays = ", ".join([*(f"a_{w}" for w in words), *(f"{p}={p}" for p in own)])
    lines += ["token = enter(silent)", f"try: r = array({arrays})", "except (ValueError, OverflowError): r = None"]
    lines += ["finally: leave(token)", f"if r is None: {again}"]
    truth = row.kind == TRUTH
    lines += [f"if type(r) is not nd: r = asarray(r, {'BOOL' if truth else 'dt'})"]
    if len(words) > 1:
        given = "".join(f"a_{w}, " for w in words)
        lines.append(f"elif r.strides != a_{first}.strides or r.size != a_{first}.size:" if not truth else "else:")
        lines.append(f"    r = laid_out(r, [a for a in ({given}) if type(a) is nd])")
    lines += [f"if r.dtype is not {'BOOL' if truth else 'dt'}: {again}"]
    lines += ["out = new(T)", "out._a = r", "out._vc = None", "out._grad = None", "out._x = None"]
    if cls is not None:
        lines += _recorded(row, cls, words, rest, own)
    lines += ["out._node = None", "out._rg = False"]
    lines += [f"if noted.on: cut(row.name, out, ({''.join(w + ', ' for w in words)}))", "return out"]
    source = "\n".join([f"def fast({', '.join([*words, *own])}):", *("    " + line for line in lines)])
    enter, leave, silent = quiet.fast
    scope: dict[str, Any] = {
        "state": state,
        "FAST": FAST,
        "F32": F32,
        "F64": F64,
        "BOOL": np.dtype(np.bool_),
        "sizes": Sizes,
    }
    scope.update(general=general, enter=enter, leave=leave, silent=silent, array=row.quick or row.array, nd=ndarray)
    scope.update(
        asarray=np.asarray,
        laid_out=laid_out,
        SCALAR=SCALAR,
        new=object.__new__,
        T=Tensor,
        edge=edge,
        cls=cls,
    )
    draws_numbers(scope)
    scope.update(noted=log, cut=cut, row=row)
    exec(compile(source, f"<fast {row.name}>", "exec"), scope)
    return scope["fast"]


def _recorded(row: Row, cls: Any, words: Sequence[str], rest: Sequence[str], own: Sequence[str]) -> list[str]:
    """The lines that hang a node on `out` where one is wanted."""
    diff = [w for w in words if any(w in f.targets for f in row.grad.values())]
    at = {w: i for i, w in enumerate(diff)}
    given = {w: f"t_{w} and " if w in rest else "" for w in words}
    live = " or ".join(f"({given[w]}({w}._rg or {w}._x is not None))" for w in diff)
    lines = [f"if ({live}) and state.grad:"]
    for w in diff:
        own_edge = f"({w}._node or ({w} if {w}._rg else None)) if {w}._x is None else edge({w})"
        lines.append(f"    e{at[w]} = ({own_edge})" + (f" if t_{w} else None" if w in rest else ""))
    lines.append(f"    if {' or '.join(f'e{i} is not None' for i in range(len(diff)))}:")
    body = [
        "out._rg = True",
        "out._node = node = cls()",
        f"node.edges = ({''.join(f'e{i}, ' for i in range(len(diff)))})",
    ]
    body += ["node.seq = next_seq()", "node.extra = None", "node.plain = True", "node.shape = r.shape", "node.dt = dt"]
    for w in cls.saved_words:
        if w == "result":
            body += ["node.s_result = out._alias()", "node.v_result = 0"]
        elif w in words:
            users = sorted({at[t] for f in row.grad.values() if w in f.words for t in f.targets})
            take = f"node.s_{w} = {w}; node.v_{w} = 0 if {w}._vc is None else {w}._vc.n"
            if w in rest:
                body += [f"if not t_{w}: node.s_{w} = {w}; node.v_{w} = SCALAR"]
                body += [f"elif {' or '.join(f'e{i} is not None' for i in users)}: {take}"]
            else:
                body += [f"if {' or '.join(f'e{i} is not None' for i in users)}: {take}"]
            body += [f"else: node.s_{w} = None; node.v_{w} = SCALAR"]
        else:
            body.append(f"node.s_{w} = {w}")
    if rest:
        numbers = ", ".join(f"({w!r}, {w}, t_{w})" for w in rest)
        body += [f"if not ({' and '.join('t_' + w for w in rest)}):"]
        body += [f"    node.notes = {{'scalars': {{w: x for w, x, t in ({numbers},) if not t}}}}"]
    return lines + ["        " + line for line in body + ["return out"]]


draws_numbers(globals())
