"""The backward pass: walks nodes in descending order of creation and adds gradients up.

Note [The pass]
Gradients travel as bare arrays; with `create_graph` as Tensors, whose operations are recorded in turn. `pending` maps each
node to what has arrived for it so far. The node with the largest `seq` is next: everything that could still send it a
gradient was made later and has run (see Note [Edges]). What arrives for leaves is collected and delivered at the end, once
per leaf; where a leaf has hooks, its uses are counted first, so that it is delivered as soon as PyTorch would do it.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush, heappushpop
from types import MappingProxyType
from typing import Any

import numpy as np

from ..kernels.blocks import Sizes
from ..kernels.quiet import quiet
from ..kernels.table import FORMS, find
from ..ops.view import sum_to
from ..pool import alone
from ..storage import dense
from ..tensor import FAST, Tensor, wrap
from .history import Nowhere, edge
from .modes import state
from .node import AccumulateGrad, Extra, Node, accumulator
from .places import MASK as PLACES
from .places import here, log
from .reasons import because

ndarray = np.ndarray

# Called with the tuple of root tensors before each backward pass: how tools see the graph while its buffers still live.
on_backward: list[Callable[[tuple[Tensor, ...]], None]] = []


_numbers = itertools.count()


def current_pass() -> Pass | None:
    """The backward pass that this thread is in, the innermost of nested ones."""
    return state.running


class Flags:
    leaf_hooks = False  # some leaf somewhere has (had) a hook: passes count the uses of leaves


class Pass:
    """One backward pass."""

    captured: Any = ()
    wanted: Mapping[Any, list[int]] = MappingProxyType({})  # (node, nr) or leaf -> positions among `captured`
    only: set[Node] | None = None  # with given inputs: the nodes that lead to them
    uses: dict[Tensor, int] | None = None
    ends: frozenset[Node] = frozenset()

    def __init__(self, retain: bool, create: bool, accumulate: bool = True, roots: Sequence[Any] = ()) -> None:
        self.retain, self.create, self.accumulate, self.roots = retain, create, accumulate, roots
        self.number = next(_numbers)
        self.reach: set[Any] | None = None
        self.pending: dict[Node, Any] = {}
        self.heap: list[tuple[int, Node]] = []
        self.leaves: dict[Tensor, Any] = {}

    def will_reach(self, e: Any) -> bool:
        """Whether this pass brings a gradient to an edge."""
        if self.reach is None:
            self.reach = set(_count_leaf_uses(self.roots, self.only))
            if self.only is not None:
                self.reach = {leaf for leaf in self.reach if leaf in self.wanted}
            self.reach |= {n for n in _reachable(self.roots) if self.only is None or n in self.only}
        to = e[0] if type(e) is tuple else e
        return (to.variable if isinstance(to, AccumulateGrad) else to) in self.reach

    # -- values: arrays, or Tensors when the pass is recorded
    def fit(self, g: Any, shape: tuple[int, ...], dt: np.dtype) -> Any:
        """Brings a gradient to the shape and dtype of what it is a gradient of."""
        if self.create:
            if tuple(g._a.shape) != shape:
                g = sum_to(g, shape)
            if g._a.dtype != dt:
                g = _cast_tensor(g, dt)
            return g
        if type(g) is not ndarray:
            g = np.asarray(g)
        if g.shape != shape:
            g = sum_to(g, shape)
        if g.dtype is not dt and g.dtype != dt:
            g = (g.real if g.dtype.kind == "c" and dt.kind != "c" else g).astype(dt)
        return g

    def send(self, e: Any, g: Any) -> None:
        """Adds a gradient to what has arrived at an edge."""
        if type(e) is tuple:
            node, nr = e
        elif isinstance(e, Node):
            if e.n_outputs == 1:
                if self.only is not None and e not in self.only:
                    return
                a = g._a if self.create else g
                if type(a) is not ndarray or a.shape != e.shape or a.dtype is not e.dt:
                    g = self.fit(g, e.shape, e.dt)
                pending = self.pending
                if e in pending:
                    pending[e] = pending[e] + g
                else:
                    pending[e] = g
                    heappush(self.heap, (-e.seq, e))
                return
            node, nr = e, 0
        else:
            self.send_leaf(e, g)
            return
        if self.only is not None and node not in self.only:
            return
        if isinstance(node, AccumulateGrad):
            self.send_leaf(node.variable, g)
            return
        if node.n_outputs == 1 and not isinstance(node.shape, list):
            self.send(node, g)
            return
        slots = self.pending.get(node)
        if slots is None:
            slots = self.pending[node] = [None] * len(node.shape)
            heappush(self.heap, (-node.seq, node))
        g = self.fit(g, tuple(node.shape[nr]), node.dt[nr])
        slots[nr] = g if slots[nr] is None else slots[nr] + g

    def send_leaf(self, leaf: Tensor, g: Any) -> None:
        if self.only is not None and leaf not in self.wanted:
            return
        g = self.fit(g, leaf._a.shape, leaf._a.dtype)
        before = self.leaves.get(leaf)
        self.leaves[leaf] = g if before is None else before + g
        if self.uses is not None:
            self.uses[leaf] = left = self.uses[leaf] - 1
            if left == 0:
                self.deliver(leaf, self.leaves.pop(leaf))

    # -- the walk
    def run(self) -> None:
        pending, heap, create, retain = self.pending, self.heap, self.create, self.retain
        send, take, observed = self.send, pending.pop, bool(self.wanted) or state.anomaly
        watched = state.profiler is not None or state.anomaly
        leaves = self.leaves
        freed, where = (log.freed, here()) if log.on and not retain else (None, 0)
        if log.on:
            log.passes.append((here(), [weakref.ref(e[0] if type(e) is tuple else e) for e in self.roots]))
        plain = not create and self.only is None and self.uses is None and self.accumulate
        ready: Node | None = (
            None  # the newest node that something arrived for, kept out of the heap: often the only one
        )
        while heap or ready is not None:
            if ready is None:
                node = heappop(heap)[1]
            elif not heap or heap[0][0] > -ready.seq:
                node, ready = ready, None
            else:
                node, ready = heappushpop(heap, (-ready.seq, ready))[1], None
            g = take(node)
            extra = node.extra
            if observed and self.wanted:
                if node in self.ends:
                    self.capture(node, g if extra is None else self.arrive(extra, g))
                    continue
                self.capture(node, g)  # as it came: only where the pass ends do hooks come first
            if extra is not None:
                g = self.arrive(extra, g)
            if extra is not None and extra.pre:
                g = self.before(node, g)
            if type(g) is list:
                g = self.materialized(node, g)
            if watched:
                grads = self.watched(node, g)
            else:
                grads = node.apply_t(g) if create else node.apply(g)
            if not retain:
                node.release()
                if freed is not None:
                    freed[node.seq & PLACES] = where
            if extra is not None and extra.post:
                grads = self.after(node, grads, g)
            for e, gi in zip(node.edges, grads):
                if gi is None or e is None:
                    continue
                # `send`, unrolled for the usual case: a bare array that fits, for a node with one output or a leaf
                if plain and type(gi) is ndarray:
                    if type(e) in FAST:
                        a = e._a
                        if gi.dtype is a.dtype and gi.shape == a.shape:
                            leaves[e] = leaves[e] + gi if e in leaves else gi
                            continue
                    elif isinstance(e, Node) and e.n_outputs == 1 and gi.dtype is e.dt and gi.shape == e.shape:
                        if e in pending:
                            pending[e] = pending[e] + gi
                        else:
                            pending[e] = gi
                            if ready is None:
                                ready = e
                            else:
                                heappush(heap, (-e.seq, e))
                        continue
                send(e, gi)
        grads = gi = None  # `_own` asks who else holds a gradient
        for leaf in list(leaves):
            if (
                plain and not watched and leaf._x is None and leaf._grad is None
            ):  # `deliver`, where there is nothing else to it
                g = leaves.pop(leaf)
                leaf._grad = wrap(_own(g, leaf._a))
            else:
                self.deliver(leaf, leaves.pop(leaf))

    def materialized(self, node: Node, g: list[Any]) -> list[Any]:
        """Zeros for the outputs that nothing arrived for."""
        if not getattr(node, "materialize", True):
            return g
        if self.create:
            return [wrap(np.zeros(s, d)) if x is None else x for x, s, d in zip(g, node.shape, node.dt, strict=True)]
        return [np.zeros(s, d) if x is None else x for x, s, d in zip(g, node.shape, node.dt, strict=True)]

    # -- hooks
    def shown(self, g: Any) -> Any:
        """A gradient as hooks see it. Hooks may write into it, so the shared one of a 0-d loss is copied first."""
        if g is None or self.create:
            return g
        return wrap(g if g.flags.writeable else g.copy())

    def taken(self, t: Any) -> Any:
        return t if t is None or self.create else t._a

    def arrive(self, extra: Extra, g: Any) -> Any:
        """What tensors' own hooks make of the gradients that arrived for a node's outputs, and `retain_grad`."""
        values = list(g) if type(g) is list else [g]
        for nr, found in sorted(extra.tensor_pre.items()):
            for hook in list(found.values()):
                if values[nr] is not None:
                    values[nr] = self.taken(call_tensor_hook(hook, self.shown(values[nr])))
        for nr, ref in list(extra.retains.items()):
            t = ref()
            if t is None or values[nr] is None:
                continue
            kept = self.shown(values[nr])
            if t._grad is not None:
                t._grad = t._grad + kept
            else:
                t._grad = kept if self.create else wrap(_own(kept._a))
        return values if type(g) is list else values[0]

    def before(self, node: Node, g: Any) -> Any:
        """What a node's pre-hooks make of all that arrived."""
        assert node.extra is not None
        values = tuple([self.shown(v) for v in (g if type(g) is list else [g])])
        for hook in list(node.extra.pre.values()):
            values = call_node_hook(hook, values, (values,))
        taken = [self.taken(v) for v in values]
        return taken if type(g) is list else taken[0]

    def after(self, node: Node, grads: Any, g: Any) -> Any:
        """What a node's hooks make of what it sends on."""
        assert node.extra is not None
        arrived = tuple([self.shown(v) for v in (g if type(g) is list else [g])])
        pairs = zip(node.edges, grads, strict=True)
        sent = tuple([None if e is None else self.shown(_as_value(x)) for e, x in pairs])
        for hook in list(node.extra.post.values()):
            sent = call_node_hook(hook, sent, (sent, arrived))
        return [self.taken(s) for s in sent]

    def capture(self, node: Node, g: Any) -> None:
        for nr, value in enumerate(g if type(g) is list else [g]):
            for i in self.wanted.get((node, nr), ()):
                if value is not None:
                    self.captured[i] = self.shown(value)

    # -- leaves
    def deliver(self, leaf: Tensor, g: Any) -> None:
        """Runs a leaf's hooks and adds the gradient into `.grad` (or hands it to autograd.grad)."""
        meta = leaf._x
        extra = None
        if meta is not None:
            if meta.hooks:
                for hook in list(meta.hooks.values()):
                    g = self.taken(call_tensor_hook(hook, self.shown(g)))
            node = meta.accumulator() if meta.accumulator is not None else None
            extra = node.extra if node is not None else None
        if self.only is not None and not self.accumulate:
            for i in self.wanted[leaf]:
                self.captured[i] = self.shown(g)  # type: ignore[index]
            return
        if state.profiler is not None:
            state.profiler.leaf(leaf)
        if extra is not None and extra.pre:
            for hook in list(extra.pre.values()):
                g = self.taken(call_node_hook(hook, (self.shown(g),), ((self.shown(g),),))[0])
        grad = leaf._grad
        if self.create:
            leaf._grad = _recorded_copy(g, leaf._a) if grad is None else grad + g
        elif grad is None:
            leaf._grad = wrap(_own(g, leaf._a))
        else:
            np.add(grad._a, g, out=grad._a)
            grad._bump()
        if extra is not None and extra.post:
            for hook in list(extra.post.values()):
                call_node_hook(hook, (), ((), (self.shown(g),)))
        if state.profiler is not None:
            state.profiler.leaf(None)
        if meta is not None and meta.post_hooks:
            for hook in list(meta.post_hooks.values()):
                out = hook(leaf)
                if out is not None and not isinstance(out, Tensor):
                    raise TypeError(f"expected Variable, but hook returned '{type(out).__name__}'")

    # -- anomaly mode and profilers
    def watched(self, node: Node, g: Any) -> Any:
        apply = node.apply_t if self.create else node.apply
        try:
            grads = apply(g) if state.profiler is None else state.profiler.node(node, apply, g)
        except Exception:
            if state.anomaly:
                _warn_trace(node)
            raise
        if state.anomaly and state.check_nan:
            for i, x in enumerate(grads):
                a = x._a if isinstance(x, Tensor) else x
                if a is not None and np.isnan(a).any():
                    _warn_trace(node)
                    text = f"Function '{node.name()}' returned nan values in its {i}th output."
                    raise because(RuntimeError(text), "bad gradient", node=node, arrived=g, sent=x, index=i)
        return grads


def call_tensor_hook(hook: Callable[..., Any], grad: Tensor) -> Tensor:
    """What a hook makes of a gradient: the same, or one of the same shape and dtype in its place."""
    return _checked(hook, hook(grad), grad)


def call_node_hook(hook: Callable[..., Any], values: tuple[Any, ...], args: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a node's hook, called with `args`, makes of `values`: the same, or as many others in their place."""
    out = hook(*args)
    if out is None:
        return values
    if not isinstance(out, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(out).__name__}'")
    if len(out) != len(values):
        raise RuntimeError(
            f"hook '{_hook_name(hook)}' has returned an incorrect number of values (got {len(out)}, but expected {len(values)})"
        )
    return tuple([_checked(hook, new, old) for new, old in zip(out, values, strict=True)])


def _hook_name(hook: Any) -> str:
    return getattr(hook, "__name__", None) or repr(hook)


def _checked(hook: Any, new: Any, old: Any) -> Any:
    if new is None or old is None:
        return old
    if not isinstance(new, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
    if new._a.dtype != old._a.dtype:
        raise RuntimeError(
            f"hook '{_hook_name(hook)}' has changed the type of value (was {old.type()} got {new.type()})"  # type: ignore[attr-defined]
        )
    if new._a.shape != old._a.shape:
        raise RuntimeError(f"hook '{_hook_name(hook)}' has changed the size of value")
    return new


def _warn_trace(node: Node) -> None:
    import warnings

    trace = node.extra.trace if node.extra is not None else None
    if trace is None:
        text = " No forward pass information available. Enable detect anomaly during forward pass for more information."
    else:
        text = " Traceback of forward call that caused the error:\n" + "".join(trace)
    warnings.warn(f"Error detected in {node.name()}.{text}", UserWarning, stacklevel=4)


def _as_value(x: Any) -> Any:
    return x if x is None or isinstance(x, Tensor) else np.asarray(x)


def _recorded_copy(g: Tensor, like: np.ndarray) -> Any:
    """A leaf's first gradient in a recorded pass: a copy that is itself recorded, laid out in memory as the leaf is."""
    if not dense(like):
        return g.clone()  # type: ignore[attr-defined]
    return wrap(np.empty_like(like, dtype=g._a.dtype)).copy_(g)  # type: ignore[attr-defined]


def _own(g: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
    """A gradient that may be kept: a copy, unless it is a dense block of its own that nobody else can see."""
    fits = like is None or g.strides == like.strides or not dense(like)
    if fits and (g.base is None or alone(g)) and dense(g) and _getrefcount(g) <= _ALONE:
        return g
    if not fits:
        assert like is not None
        turn = find(FORMS, "contiguous.copy") if g.size > Sizes.large and like.flags.c_contiguous else None
        turned = None if turn is None else turn(g)
        if turned is not None:
            return turned
        out = np.empty_like(like, dtype=g.dtype)
        out[...] = g
        return out
    return g.copy(order="K" if dense(g) else "C")


def _probe() -> int:
    """How many references an array has when `deliver` alone holds it, as seen from inside `_own`."""

    class Seen:
        count = 0

    def own(g: np.ndarray) -> None:
        Seen.count = _getrefcount(g)

    def deliver(g: np.ndarray) -> None:
        own(g)

    leaves = {0: np.zeros(1)}
    deliver(leaves.pop(0))
    return Seen.count


from sys import getrefcount as _getrefcount  # noqa: E402

_ALONE = _probe()


def _cast_tensor(g: Tensor, dt: np.dtype) -> Any:
    from ..dtype import from_np

    if g._a.dtype.kind == "c" and dt.kind != "c":
        g = g.real  # type: ignore[attr-defined]
    return g.to(from_np(dt))  # type: ignore[attr-defined]


def run_backward(
    outputs: Sequence[Tensor],
    grads: Sequence[Any],
    retain_graph: bool,
    create_graph: bool,
    inputs: Sequence[Any] = (),
    allow_unused: bool = False,
    accumulate: bool = True,
) -> list[Any]:
    """One pass from `outputs`. With `inputs`, only what leads to them runs; their gradients are returned (or, with
    `accumulate`, added into `.grad`)."""
    roots = []
    for i, out in enumerate(outputs):
        e = edge(out) if isinstance(out, Tensor) else out.edge
        if e is None or isinstance(e, Nowhere):
            text = f"element {i} of tensors does not require grad and does not have a grad_fn"
            raise because(RuntimeError(text), "no history", tensor=out)
        roots.append(e)
    for notice in on_backward:
        notice(tuple([t for t in outputs if isinstance(t, Tensor)]))
    job = Pass(retain_graph, create_graph, accumulate, roots)
    if inputs:
        _aim(job, roots, inputs)
    if Flags.leaf_hooks:
        job.uses = _count_leaf_uses(roots, job.only)
    before, outer = state.grad, state.running
    state.grad, state.running = create_graph, job
    enter, leave, silent = quiet.fast
    token = enter(silent)
    try:
        for e, g in zip(roots, grads, strict=True):
            value = g if create_graph else g._a
            job.send(e, value)
        job.run()
    finally:
        leave(token)
        state.grad, state.running = before, outer
    if accumulate:
        return []
    if not allow_unused and any(g is None for g in job.captured):
        i = next(i for i, g in enumerate(job.captured) if g is None)
        text = (
            f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is "
            "the desired behavior."
        )
        raise because(RuntimeError(text), "unused", tensor=inputs[i], outputs=outputs)
    return list(job.captured)


_ONE: dict[np.dtype, np.ndarray] = {}


def ones(shape: tuple[int, ...], dt: np.dtype) -> np.ndarray:
    """Ones; for the usual 0-d loss a shared constant, which nothing may keep or write into."""
    if shape:
        return np.ones(shape, dt)
    one = _ONE.get(dt)
    if one is None:
        one = _ONE[dt] = np.ones((), dt)
        one.flags.writeable = False
    return one


def run_scalar(out: Tensor, retain: bool) -> bool:
    """`loss.backward()` on a real 0-d loss that nobody watches, without the checks that the general call needs; False
    (and nothing done) where it is something else."""
    node, a = out._node, out._a
    if node is None or type(node) is tuple or a.ndim or a.dtype.kind != "f" or out._x is not None:
        return False
    if on_backward or Flags.leaf_hooks or state.anomaly:
        return False
    job = Pass(retain, False, True, (node,))
    job.pending[node] = ones((), a.dtype)
    job.heap.append((-node.seq, node))
    before, outer = state.grad, state.running
    state.grad, state.running = False, job
    enter, leave, silent = quiet.fast
    token = enter(silent)
    try:
        job.run()
    finally:
        leave(token)
        state.grad, state.running = before, outer
    return True


def _aim(job: Pass, roots: Sequence[Any], inputs: Sequence[Any]) -> None:
    """Restricts a pass to the nodes that lead to the given inputs."""
    job.captured, job.wanted = [None] * len(inputs), {}
    targets: set[Any] = set()
    for i, t in enumerate(inputs):
        e = edge(t) if isinstance(t, Tensor) else t.edge
        if isinstance(e, Nowhere):
            continue
        if e is None:
            text = "One of the differentiated Tensors does not require grad"
            raise because(RuntimeError(text), "no history", tensor=t)
        key = e if isinstance(e, Tensor) else e if type(e) is tuple else (e, 0)
        if type(key) is tuple and isinstance(key[0], AccumulateGrad):
            key = key[0].variable
        job.wanted.setdefault(key, []).append(i)  # type: ignore[attr-defined]
        targets.add(key if isinstance(key, Tensor) else key[0])
    nodes = _reachable(roots)
    useful: set[Node] = {t for t in targets if isinstance(t, Node)}
    through: set[Node] = set()
    for node in sorted(nodes, key=lambda n: n.seq):
        for e in node.edges:
            to = e[0] if type(e) is tuple else e
            if isinstance(to, AccumulateGrad):
                to = to.variable
            if to is not None and (to in useful or to in targets):
                through.add(node)
                useful.add(node)
                break
    job.only = useful
    job.ends = frozenset(useful - through)


def _reachable(roots: Sequence[Any]) -> set[Node]:
    seen: set[Node] = set()
    stack = [e[0] if type(e) is tuple else e for e in roots]
    while stack:
        node = stack.pop()
        if not isinstance(node, Node) or node in seen:
            continue
        seen.add(node)
        for e in node.edges:
            to = e[0] if type(e) is tuple else e
            if isinstance(to, Node) and to not in seen:
                stack.append(to)
    return seen


def _count_leaf_uses(roots: Sequence[Any], only: set[Node] | None) -> dict[Tensor, int]:
    uses: dict[Tensor, int] = {}
    for node in _reachable(roots):
        if only is not None and node not in only:
            continue
        for e in node.edges:
            to = e[0] if type(e) is tuple else e
            if isinstance(to, AccumulateGrad):
                to = to.variable
            if isinstance(to, Tensor):
                uses[to] = uses.get(to, 0) + 1
    for e in roots:
        if isinstance(e, Tensor):
            uses[e] = uses.get(e, 0) + 1
    return uses


__all__ = ["accumulator", "current_pass", "on_backward", "run_backward"]
