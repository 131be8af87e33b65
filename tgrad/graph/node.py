"""Graph nodes: plain data with PyTorch's names and public fields, made from rows.

Note [Edges]
A node's `edges` hold, per input of its op, what receives the gradient:

    None          the input needs none
    Node          output 0 of the op that made the input (nearly always)
    (Node, nr)    output nr of an op with several outputs
    Tensor        a leaf: its gradient accumulates into `.grad`

Leaves stand in the edges themselves, so that no AccumulateGrad node has to be made for each use of each parameter;
`next_functions` shows one when somebody looks. A node only points at what was made before it, and its `seq` is larger
than theirs: descending `seq` is a topological order, and nothing needs to be counted before a backward pass.
"""

from __future__ import annotations

import itertools
import re
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.bands import derivative
from ..kernels.blocks import Sizes, together
from ..kernels.table import DERIVATIVES, MIDDLE
from ..ops.halves import BY_OPERATIONS, IN_FLOAT32, SLOPES, Halves
from ..ops.spec import Formula, Row, TensorBase, conj
from .modes import state
from .places import numbers
from .reasons import because
from .saved import PACKED, Packed, SavedTensor

next_seq = numbers(itertools.count().__next__)

SCALAR = -1  # the saved value is a plain Python value, not a tensor
FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


def gone() -> RuntimeError:
    """The error for saved tensors that a backward pass has freed."""
    return because(RuntimeError(FREED), "freed")


class Extra:
    """What few nodes have: hooks, metadata, the trace that anomaly mode keeps."""

    __slots__ = ("metadata", "post", "pre", "retains", "tensor_pre", "trace")

    def __init__(self) -> None:
        self.metadata: dict[Any, Any] | None = None
        self.pre: dict[int, Callable[..., Any]] = {}
        self.post: dict[int, Callable[..., Any]] = {}
        self.tensor_pre: dict[int, dict[int, Callable[..., Any]]] = {}
        self.retains: dict[int, weakref.ref[Any]] = {}
        self.trace: list[str] | None = None


class Node:
    """An operation that was recorded: what `Tensor.grad_fn` is.

    `shape` and `dt` describe output 0 (lists, for an op with several differentiable outputs); gradients that arrive are
    brought to them. `plain` says that all saved values have the gradient's own real dtype, so that formulas can run on
    them as they are.
    """

    __slots__ = ("__weakref__", "dt", "edges", "extra", "notes", "plain", "seq", "shape")

    row: Row | None = None
    n_outputs = 1
    saved_words: tuple[str, ...] = ()
    edges: tuple[Any, ...]
    seq: int
    extra: Extra | None
    plain: bool
    shape: Any
    dt: Any
    notes: Any  # what pictures show and backward does not need: the number `other`, or a dict; often unset

    def apply(self, grad: Any) -> Any:
        """Gradients of the inputs, from arrays to arrays."""
        raise RuntimeError(f"{type(self).__name__} has no derivative")

    def apply_t(self, grad: Any) -> Any:
        """The same from Tensors to Tensors, so that it is recorded itself."""
        raise RuntimeError(f"{type(self).__name__} has no derivative")

    def release(self) -> None:
        """Frees the saved tensors."""

    # -- what users see
    def name(self) -> str:
        """The node's name, e.g. 'AddBackward0'."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """For each input: the node that made it (AccumulateGrad for a leaf, None for one without gradient), and which
        of that node's outputs it is."""
        return tuple(shown_edge(e) for e in self.edges)

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dict for the user's own notes on this node."""
        extra = self.extras()
        if extra.metadata is None:
            extra.metadata = {}
            if extra.trace is not None:
                extra.metadata["traceback_"] = extra.trace
        return extra.metadata

    @property
    def output_meta(self) -> tuple[tuple[tuple[int, ...], str], ...]:
        """(shape, dtype name) of each output."""
        if self.n_outputs == 1 and not isinstance(self.shape, list):
            return ((tuple(self.shape), self.dt.name),)
        return tuple((tuple(s), d.name) for s, d in zip(self.shape, self.dt, strict=True))

    @property
    def scalar_args(self) -> dict[str, Any]:
        """The Python numbers that the op was called with, by argument name."""
        notes = getattr(self, "notes", {})
        return notes.get("scalars", {}) if isinstance(notes, dict) else {"other": notes}

    @property
    def in_place(self) -> bool:
        """Whether the op wrote into its first input."""
        notes = getattr(self, "notes", None)
        return isinstance(notes, dict) and "in_place" in notes

    def extras(self) -> Extra:
        if self.extra is None:
            self.extra = Extra()
        return self.extra

    def _sequence_nr(self) -> int:
        return self.seq

    def __getattr__(self, key: str) -> Any:
        if key.startswith("_saved_"):
            return self._saved(key[7:])
        if key.startswith("_raw_saved_") and key[11:] in self.saved_words:
            return SavedTensor(self, key[11:])
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{key}'")

    def _saved(self, word: str) -> Any:
        name = word if word in self.saved_words else word.replace("_sym_sizes", "_sizes")
        outputs = () if self.row is None else self.row.outputs
        if name not in self.saved_words and word in outputs:
            name = f"result{outputs.index(word)}"
        if name not in self.saved_words:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '_saved_{word}'")
        value: Any = getattr(self, "s_" + name, ABSENT)
        if value is ABSENT:
            return None
        version = getattr(self, "v_" + name, None)
        if version is None:
            return value
        if isinstance(version, list):
            return tuple(lift(s, v) for s, v in zip(value, version, strict=True))
        if name.startswith("result"):
            return lift_result(self, value, version, 0 if self.row is None else output_number(self.row, name))
        return lift(value, version)

    def saved_slot(self, word: Any) -> tuple[Any, int]:
        """What is kept for a saved tensor, and its version."""
        return getattr(self, "s_" + word), getattr(self, "v_" + word)

    def set_saved_slot(self, word: Any, value: Any, version: int) -> None:
        setattr(self, "s_" + word, value)
        setattr(self, "v_" + word, version)

    def saved_value(self, word: Any) -> Any:
        """The saved tensor as backward sees it."""
        return self._saved(word)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *("_saved_" + w for w in self.saved_words)]


ABSENT = object()


class AccumulateGrad(Node):
    """The end of an edge at a leaf: adds what arrives into `variable.grad`."""

    __slots__ = ("variable",)

    variable: Any

    n_outputs = 0  # gradients for it go to its variable

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"


AccumulateGrad.__module__ = "builtins"


def shown_edge(e: Any) -> tuple[Node | None, int]:
    if e is None:
        return None, 0
    if type(e) is tuple:
        return e
    if isinstance(e, Node):
        return (e, 0) if e.seq >= 0 else (None, 0)
    return accumulator(e), 0


_LAST = 2**64 - 1  # AccumulateGrad takes no number from the ops' sequence


def accumulator(leaf: Any) -> AccumulateGrad:
    """The AccumulateGrad node of a leaf; the same one as long as somebody holds it."""
    meta = leaf._meta()
    ref = meta.accumulator
    node = ref() if ref is not None else None
    if node is None:
        node = AccumulateGrad()
        node.variable, node.edges, node.seq, node.extra = leaf, (), _LAST, None
        node.shape, node.dt, node.plain = leaf._a.shape, leaf._a.dtype, True
        meta.accumulator = weakref.ref(node)
    return node


# ---- saved values


def load(s: Any, v: int) -> Any:
    """The array of a saved tensor, refused when freed or changed since."""
    if v == SCALAR:
        return s
    if s is None:
        raise gone()
    if v == PACKED:
        return s.unpack()._a
    vc = s._vc
    if vc is not None and vc.n != v:
        raise changed(s, v)
    return s._a


def load_result(node: Node, s: Any, v: int) -> Any:
    """The array of a saved output."""
    if v == SCALAR:
        return s
    if s is None:
        raise gone()
    if v == PACKED:
        return s.unpack()._a
    vc = s._vc
    if vc is not None and vc.n != v:
        raise changed(s, v, node)
    return s._a


def lift(s: Any, v: int) -> Any:
    """The saved tensor itself, for a backward that is recorded."""
    if v == SCALAR:
        return s
    if s is None:
        raise gone()
    if v == PACKED:
        return s.unpack()
    vc = s._vc
    if vc is not None and vc.n != v:
        raise changed(s, v)
    return s


def output_number(row: Row, word: str) -> int | None:
    """Which output of the node `result0`, `result1` ... is; None for one that is not differentiated."""
    if not row.outputs:
        return 0
    at = int(word[6:])
    if row.outputs[at] in row.undiff:
        return None
    return at - sum(name in row.undiff for name in row.outputs[:at])


def lift_result(node: Node, s: Any, v: int, nr: int | None = 0) -> Any:
    """A saved output got back its history: what is saved is an alias without one (no reference cycle)."""
    if v != SCALAR and s is not None and v != PACKED and s._vc is not None and s._vc.n != v:
        raise changed(s, v, node)
    t = lift(s, v)
    if v == SCALAR or nr is None:
        return t
    return t._alias(((node, nr) if nr else node) if t._node is None else t._node)


_HINT_MODE = (
    "enable anomaly detection to find the operation that failed to compute its gradient, with "
    "torch.autograd.set_detect_anomaly(True, check_nan=False)."
)
_HINT_TRACE = (
    "the backtrace further above shows the operation that failed to compute its gradient. The variable in question was "
    "changed in there or anywhere later. Good luck!"
)


def changed(s: Any, v: int, node: Any = None) -> RuntimeError:
    """The error for a saved tensor that was written into since; `node` made it (default: its own history tells)."""
    # the property, not the slot: a view whose base was written into has a new history by now
    from_: Any = s.grad_fn if node is None else node
    from_, nr = (from_, s.output_nr) if type(from_) is not tuple else from_
    shape = "[" + ", ".join(map(str, s._a.shape)) + "]"
    # PyTorch names the op here, without the node's "Backward0".
    which = f", which is output {nr} of {re.sub('Backward[0-9]*$', '', from_.name())}," if from_ is not None else ""
    error = RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{_type(s)} {shape}]{which} is at version {s._vc.n}; expected version {v} instead. Hint: "
        + (_HINT_TRACE if state.anomaly else _HINT_MODE)
    )
    return because(error, "changed", saved=s, expected=v, maker=node)


def _type(s: Any) -> str:
    """A tensor's type as these texts have it: complex tensors have no legacy name."""
    return f"CPU{s.dtype.legacy}Type" if s.is_complex() else s.type()


# ---- classes made from rows

_CLASSES: dict[str, type[Node]] = {}


def node_class(row: Row) -> type[Node]:
    """The node class of a row. Rows that share a node name (two overloads in PyTorch) get a class each.

    What is generated for `mul`, whose derivatives are `grad * other` and `grad * self`:

        def apply(node, grad):
            e = node.edges
            r0 = f0(grad, load(node.s_other, node.v_other)) if e[0] is not None else None
            r1 = f1(grad, load(node.s_self, node.v_self)) if e[1] is not None else None
            return r0, r1
    """
    cls = _CLASSES.get(row.name)
    if cls is None:
        cls = _CLASSES[row.name] = _make(row)
    return cls


def _make(row: Row) -> type[Node]:
    words: list[str] = []
    for f in row.grad.values():
        words += [w for w in f.words if w not in ("grad", "grads", "needs") and w not in words]
    tensors = {t.rstrip("*") for t in row.tensors}
    saved = [w for w in words if w in tensors or w.startswith("result")]
    slots = ["s_" + w for w in words] + ["v_" + w for w in saved]
    body: dict[str, Any] = {
        "__slots__": tuple(slots),
        "__module__": "builtins",
        "__doc__": f"The recorded op `{row.name}`.",
        "row": row,
        "saved_words": tuple(words),
        "materialize": row.materialize,
        "n_outputs": len(row.outputs) - len(row.undiff) if row.outputs else 1,
    }
    source, scope = _source(row)
    exec(compile(source, f"<node {row.node} of {row.name}>", "exec"), scope)
    for name in ("apply", "apply_t", "release"):
        body[name] = scope[name]
    if row.node == "CopyBackwards":  # written by hand in PyTorch, it shows its C++ namespace
        body["name"] = lambda node: "torch::autograd::CopyBackwards"
    elif "::" in row.node:
        body["name"] = lambda node: row.node
    return type(row.node.rpartition("::")[2], (Node,), body)


def _source(row: Row) -> tuple[str, dict[str, Any]]:
    scope: dict[str, Any] = {"load": load, "lift": lift, "lift_result": lift_result}
    scope.update(
        load_result=load_result,
        careful=careful,
        careful_t=careful_t,
        half=_half,
        by_operations=_by_operations,
        in_float32=_in_float32,
        flat=_flat,
        sizes=Sizes,
        spread=spread,
    )
    tensors = [t.rstrip("*") for t in row.tensors]
    lists = {t.rstrip("*") for t in row.tensors if t.endswith("*")}
    keys = list(row.grad)
    edge_names = [t for f in row.grad.values() for t in f.targets]
    order = [t for t in tensors if t in edge_names]
    position = {t: i for i, t in enumerate(order)}
    released: list[str] = []
    out = []
    for fn, take in (("apply", "load"), ("apply_t", "lift")):
        lines = [f"def {fn}(node, grad):", "    e = node.edges"]
        if row.family == "pointwise":
            lines.append(f"    if not node.plain: return careful{'_t' if take == 'lift' else ''}(node, grad)")
            if fn == "apply":
                lines += ["    if grad.size > sizes.large:", "        r = spread(node, grad)", "        if r: return r"]
        if fn == "apply" and row.name in BY_OPERATIONS | IN_FLOAT32:
            test = "half(grad)" if row.outputs else "grad.dtype.itemsize == 2"
            how = "by_operations" if row.name in BY_OPERATIONS else "in_float32"
            lines.append(f"    if {test}: return {how}(node, grad)")
        results = {}
        for k, key in enumerate(keys):
            f = row.grad[key]
            scope[f"f{k}"] = f.fn
            args = []
            for w in f.words:
                if w in ("grad", "grads"):
                    args.append("grad")
                elif w == "needs":
                    args.append("(" + "".join(f"e[{position[t]}] is not None, " for t in f.targets) + ")")
                elif w.startswith("result"):
                    own = "" if fn == "apply" else f", {output_number(row, w)}"
                    args.append(f"{take}_result(node, node.s_{w}, node.v_{w}{own})")
                elif w in tensors and w not in lists:
                    args.append(f"{take}(node.s_{w}, node.v_{w})")
                elif w in lists:
                    args.append(f"[{take}(s, v) for s, v in zip(node.s_{w}, node.v_{w})]")
                else:
                    args.append(f"node.s_{w}")
                if (w in tensors or w.startswith("result")) and w not in released:
                    released.append(w)
            call = f"f{k}({', '.join(args)})"
            in_bands = row.bands == "dim" and {"grad", "dim"} <= set(f.words) <= {"grad", "result", "self", "dim"}
            if fn == "apply" and (in_bands or row.name in DERIVATIVES):
                scope[f"large{k}"] = derivative(row.name, f.fn, f.words.index("dim") if in_bands else None)
                size = "grad" if "grad" in f.words else "grad[0]"
                gate = "middle" if row.name in MIDDLE else "large"
                call = f"(large{k}({', '.join(args)}) if {size}.size > sizes.{gate} else {call})"
            if lists & set(f.targets):
                lines.append(f"    return flat(e, {call})")
                break
            names = [f"r{position[t]}" for t in f.targets]
            results.update({position[t]: n for t, n in zip(f.targets, names, strict=True)})
            live = " or ".join(f"e[{position[t]}] is not None" for t in f.targets)
            if len(names) == 1:
                lines.append(f"    {names[0]} = {call} if {live} else None")
            else:
                nothing = ", ".join("None" for _ in names)
                lines.append(f"    {', '.join(names)} = {call} if {live} else ({nothing})")
        else:
            lines.append("    return " + "".join(f"{results[i]}, " for i in sorted(results)))
        out += lines
    out.append("def release(node):")
    for w in released:
        if w in lists:
            out.append(f"    node.s_{w} = [None] * len(node.s_{w})")
        else:
            # numbers are freed like tensors; what was not saved (None, SCALAR) is not marked as freed
            out.append(f"    if node.s_{w} is not None: node.s_{w}, node.v_{w} = None, 0")
    out.append("    return None")
    return "\n".join(out), scope


def _flat(edges: tuple[Any, ...], grads: Any) -> list[Any]:
    """Gradients of a list input, None where nobody wants them."""
    return [None if e is None else g for e, g in zip(edges, grads, strict=True)]


# ---- formulas over mixed dtypes

_HALF = {"float16", "bfloat16"}
# Derivatives that PyTorch computes in one kernel, in float32 for halves. It makes all others of operations that round one by one.
ONE_KERNEL = frozenset(
    """sigmoid tanh gelu silu mish softplus hardswish hardsigmoid hardtanh leaky_relu log_sigmoid softshrink hardshrink
    threshold relu rrelu_with_noise _prelu_kernel""".split()
)
OWN_WAY = frozenset(("elu", "celu"))  # formulas that round halves by themselves


def careful(node: Node, grad: Any) -> tuple[Any, ...]:
    """Pointwise formulas over arrays when dtypes are mixed, half precision or complex.

    Saved inputs are brought to the gradient's dtype (an integer tensor must not lift float32 to float64), halves are
    computed in float32 where PyTorch does so, and complex values are conjugated: for a holomorphic f with formula `grad * f'(words)`, the
    gradient by PyTorch's convention is `grad * conj(f'(words))`, which is `grad * f'(conj words)`.
    """
    dt, half = grad.dtype, None
    if dt.name in _HALF and node.row is not None:
        name = node.row.name.partition(".")[0]
        if name in ONE_KERNEL:
            half, dt = Halves(dt, ()), np.dtype(np.float32)
            grad = grad.astype(dt)
        elif name not in OWN_WAY:
            return _by_operations(node, grad)

    def fit(value: Any, flip: bool) -> Any:
        wide = dt if dt.kind == "c" or value.dtype.kind != "c" else value.dtype
        value = value.astype(wide, copy=False)
        return conj(value) if flip else value

    return _run(node, grad, load, load_result, fit, half)


# Set by tgrad.dispatch: an array as a Tensor.
as_tensor: Any = None


def _by_operations(node: Node, grad: Any) -> tuple[Any, ...]:
    """Over halves: each step of a formula is an operation on tensors, which knows how PyTorch rounds it."""
    before = state.grad
    state.grad = False
    try:
        if node.row.family == "pointwise":  # type: ignore[union-attr]
            got = careful_t(node, as_tensor(grad))
        else:
            got = node.apply_t(
                [g if g is None else as_tensor(g) for g in grad] if isinstance(grad, list) else as_tensor(grad)
            )
    finally:
        state.grad = before
    return tuple([g._a if isinstance(g, TensorBase) else g for g in got])  # type: ignore[attr-defined]


def _half(grads: Any) -> bool:
    return any(
        g is not None and g.dtype.name in _HALF for g in (grads if isinstance(grads, (list, tuple)) else (grads,))
    )


def _in_float32(node: Node, grad: Any) -> tuple[Any, ...]:
    """Over halves that PyTorch computes in one kernel; the engine rounds what comes out."""

    def fit(value: Any, flip: bool) -> Any:
        return value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype.name in _HALF else value

    grad = [fit(g, False) for g in grad] if isinstance(grad, (list, tuple)) else fit(grad, False)
    return _run(node, grad, load, load_result, fit)


def careful_t(node: Node, grad: Any) -> tuple[Any, ...]:
    """The same over Tensors."""

    def fit(value: Any, flip: bool) -> Any:
        if value.dtype.category < 2 or (flip and grad.is_complex() and not value.is_complex()):
            value = value.to(grad.dtype)  # real to complex before conj: -0j is the other side of a branch cut
        return conj(value) if flip else value

    return _run(node, grad, lift, lift_result, fit)


def spread(node: Node, grad: Any) -> tuple[Any, ...] | None:
    """The live formulas of a pointwise node over large arrays, all of them block by block; None where that cannot be."""
    row = node.row
    assert row is not None
    order, live = _live(node)
    words = []
    for f in live:
        args: list[Any] = []
        for w in f.words:
            if w == "grad":
                args.append(grad)
            elif w == "needs":
                args.append(tuple([node.edges[order.index(t)] is not None for t in f.targets]))
            else:
                value, v = getattr(node, "s_" + w), getattr(node, "v_" + w, None)
                if v is not None:
                    value = load_result(node, value, v) if w.startswith("result") else load(value, v)
                args.append(value)
        words.append(args)
    got = together([f.fn for f in live], words, [len(f.targets) > 1 for f in live])
    if got is None:
        return None
    out = dict(zip([t for f in live for t in f.targets], got, strict=True))
    return tuple([out.get(t) for t in order])


def _live(node: Node) -> tuple[list[str], list[Formula]]:
    """The differentiable inputs in the order of the edges, and the formulas that somebody wants."""
    assert node.row is not None
    formulas = node.row.grad.values()
    order = [t for t in node.row.tensors if any(t in f.targets for f in formulas)]
    return order, [f for f in formulas if any(node.edges[order.index(t)] is not None for t in f.targets)]


def _run(
    node: Node,
    grad: Any,
    take: Callable[..., Any],
    take_result: Callable[..., Any],
    fit: Callable[..., Any],
    half: Halves | None = None,
) -> tuple[Any, ...]:
    """The live formulas of a node, with its saved words taken out by `take` and made to `fit`."""
    row = node.row
    assert row is not None
    flip = row.holomorphic

    def fetch(w: str) -> Any:
        value = getattr(node, "s_" + w)
        v = getattr(node, "v_" + w, None)
        if v is not None:
            value = take_result(node, value, v) if w.startswith("result") else take(value, v)
        if v is None or v == SCALAR:  # a plain Python value
            return conj(value) if flip else value
        return fit(value, flip) if w in row.promoted or w.startswith("result") else value

    order, formulas = _live(node)
    out: dict[str, Any] = {}
    for f in formulas:
        live = tuple(node.edges[order.index(t)] is not None for t in f.targets)
        args = [grad if w in ("grad", "grads") else live if w == "needs" else fetch(w) for w in f.words]
        slope = None if half is None else SLOPES.get(row.name)
        got = f.fn(*args) if slope is None else slope(half, *args)
        out.update(zip(f.targets, got if len(f.targets) > 1 else (got,), strict=True))
    return tuple(out.get(t) for t in order)


__all__ = [
    "PACKED",
    "AccumulateGrad",
    "Extra",
    "Formula",
    "Node",
    "Packed",
    "lift",
    "load",
    "node_class",
]
