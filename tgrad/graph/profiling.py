"""What times operations: the recorder behind `autograd.profiler` and `profiler`.

Note [What is timed]
A recorder belongs to a thread (`state.profiler`). While it is there, `state.slow` sends all rows through the general paths of the door,
which ask it first (`levels.hooked`); the backward pass does so for nodes and leaves. Without a recorder none of this costs anything: the
door asks questions that it asks anyway.

Two kinds of work do not pass the door as tensors. Derivatives run over arrays call rows as `Row.__call__`; public functions made of
several rows (`matmul`, `randn`) are plain Python. Both are exchanged while some thread profiles: the first as an attribute of the class,
the second by giving each function the code of a stand-in, so that the names under which somebody has imported it do not matter.

    before      matmul.__code__ = <code matmul>
    profiling   matmul.__code__ = <code stand_in>, whose constant is a _Timed that holds a copy of the function with <code matmul>
"""

from __future__ import annotations

import functools
import sys
import threading
import time
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dispatch, functions
from ..codes import copied, standing_in
from ..levels import Hooks
from ..methods import COMPOSITES
from ..ops.spec import Row, TensorBase
from ..tensor import Tensor
from .modes import state
from .node import Node

# at::RecordScope, as events show it
FUNCTION, BACKWARD, USER = 0, 1, 7

# Public Python functions that are no operations in PyTorch, besides those that ask and set something.
NOT_OPS = frozenset(
    """apply_ as_subclass backward as_tensor asarray can_cast dim nelement ndimension numel promote_types requires_grad_
    result_type size stride tensor broadcast_shapes cond eig from_dlpack from_numpy frombuffer initial_seed lstsq manual_seed map_
    matrix_rank new_tensor numpy register_post_accumulate_grad_hook seed set_ share_memory_ solve storage symeig to_dlpack tolist
    type unravel_index untyped_storage""".split()
)
ASKS = ("_", "are_", "get_", "is_", "register_", "set_", "use_")
CONVERSIONS = frozenset(
    "bool byte char short int long half bfloat16 float double chalf cfloat cdouble cpu cuda".split()
)


class Raw:
    """One timed range, as it was recorded."""

    __slots__ = ("bytes", "end", "fwd", "name", "numbers", "parent", "scope", "seq", "shapes", "stack", "start")

    def __init__(self, name: str, parent: Raw | None, scope: int, seq: int) -> None:
        self.name, self.parent, self.scope, self.seq = name, parent, scope, seq
        self.start = self.end = 0
        self.bytes = 0
        self.shapes: list[Any] = []
        self.numbers: tuple[Any, ...] = ()
        self.stack: list[str] = []


class Recorder:
    """Collects the ranges of one thread from `start` to `stop`."""

    def __init__(
        self, shapes: bool = False, stack: bool = False, memory: bool = False, flops: bool = False, cpu: bool = True
    ) -> None:
        self.shapes, self.stack, self.memory, self.flops, self.cpu = shapes, stack, memory, flops, cpu
        self.ranges: list[Raw] = []
        self.open: list[Raw] = []
        self.passing = False  # the row that is being timed is about to come to the door again
        self.origin = 0

    def start(self) -> None:
        if state.profiler is not None:
            raise RuntimeError("Profiler is already enabled on this thread.")
        _exchange(1)
        self.origin = time.perf_counter_ns()
        state.profiler = self
        state.hooked += 1
        state.refresh()

    def stop(self) -> None:
        if state.profiler is not self:
            return
        self.leave(None)
        state.profiler = None
        state.hooked -= 1
        state.refresh()
        _exchange(-1)

    # -- ranges
    def enter(self, name: str, scope: int = FUNCTION, seq: int = -1) -> Raw:
        made = Raw(name, self.open[-1] if self.open else None, scope, seq)
        self.ranges.append(made)
        self.open.append(made)
        if self.stack:
            made.stack = _frames()
        made.start = time.perf_counter_ns()
        return made

    def leave(self, one: Raw | None) -> None:
        """Closes a range and, where an error left them open, those inside it; None closes all."""
        now = time.perf_counter_ns()
        while self.open:
            top = self.open.pop()
            top.end = now
            if top is one:
                break

    def note(self, one: Raw, args: Sequence[Any]) -> None:
        if self.shapes:
            one.shapes = [_shape(a) for a in args]
        if self.flops:
            one.numbers = tuple(args)

    # -- what asks
    def door(self, how: str, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        """A row at the door, in the way "run", "pointwise" or "inplace"."""
        if self.passing:
            self.passing = False
            return Hooks.transformed(how, row, inputs, params) if state.levels else NotImplemented
        one = self.enter(_name(row, how))
        self.passing = True
        try:
            self.note(one, [*inputs, *params.values()])
            out = getattr(dispatch, how)(row, inputs, params)
        finally:
            self.passing = False
            self.leave(one)
        one.seq = _sequence(out)
        if self.memory and how != "inplace" and row.family not in ("view", "pieces"):
            one.bytes = _bytes(out)
        return out

    def arrays(self, row: Row, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A row over arrays, inside a derivative or another row."""
        one = self.enter(_name(row))
        try:
            self.note(one, [*args, *kwargs.values()])
            out = _call(row, *args, **kwargs)
        finally:
            self.leave(one)
        if self.memory and row.family not in ("view", "pieces"):
            one.bytes = _bytes(out)
        return out

    def function(self, name: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A public function made of others. `args` as given; what was left out counts as an argument without a shape."""
        one = self.enter(name)
        try:
            self.note(one, _bound(fn, args, kwargs))
            out = fn(*args, **kwargs)
        finally:
            self.leave(one)
        one.seq = _sequence(out)
        if self.memory and self.ranges[-1] is one and not any([out is a for a in args]):
            one.bytes = _bytes(out)  # it computed by itself
        return out

    def node(self, node: Node, apply: Callable[[Any], Any], g: Any) -> Any:
        """A node's derivative in the backward pass."""
        name = node.name()
        outer = self.enter(f"autograd::engine::evaluate_function: {name}", FUNCTION, node.seq)
        inner = self.enter(name, BACKWARD, node.seq)
        try:
            self.note(inner, g if type(g) is list else [g])
            return apply(g)
        finally:
            self.leave(inner)
            self.leave(outer)

    def leaf(self, leaf: Tensor | None) -> None:
        """A leaf takes its gradient; None: it has."""
        name = "torch::autograd::AccumulateGrad"
        if leaf is not None:
            self.enter(f"autograd::engine::evaluate_function: {name}")
            self.note(self.enter(name, BACKWARD), [leaf])
        elif len(self.open) > 1 and self.open[-1].name == name:
            self.leave(self.open[-1])
            self.leave(self.open[-1])


# ---- what a range shows


@functools.cache
def _row_name(name: str) -> str:
    first, _, rest = name.partition(".")
    return f"aten::special_{rest.partition('.')[0]}" if first == "special" else f"aten::{first}"


def _name(row: Row, how: str = "") -> str:
    name = _row_name(row.name)
    return name + "_" if how == "inplace" and not name.endswith("_") else name


def _shape(a: Any) -> list[int]:
    return list(a._a.shape) if isinstance(a, Tensor) else list(a.shape) if isinstance(a, np.ndarray) else []


def _results(out: Any) -> Sequence[Any]:
    return out if isinstance(out, (list, tuple)) else (out,)


def _sequence(out: Any) -> int:
    """The number of the node that an operation recorded."""
    for t in _results(out):
        if isinstance(t, Tensor) and t._node is not None:
            node: Any = t._node[0] if type(t._node) is tuple else t._node
            return node.seq
    return -1


def _bytes(out: Any) -> int:
    arrays = [x._a if isinstance(x, Tensor) else x for x in _results(out)]
    return sum([a.nbytes for a in arrays if isinstance(a, np.ndarray)])


def _bound(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    inner: Any = getattr(fn, "__wrapped__", fn)
    code = getattr(inner, "__code__", None)
    if code is None:
        return [*args, *kwargs.values()]
    rest = code.co_varnames[len(args) : code.co_argcount]
    return [*args, *[kwargs.get(w) for w in rest]]


def _frames() -> list[str]:
    """The lines that the program is at, innermost first, without the door's own."""
    frame, lines = sys._getframe(2), []
    here = __file__.rpartition("graph")[0]
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        inside = file.startswith(here) and not file.startswith((here + "nn", here + "optim", here + "utils"))
        if not inside and (not file.startswith("<") or file in ("<stdin>", "<string>")):  # rows' functions have no file
            lines.append(f"{file}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back  # type: ignore[assignment]
    return lines


# ---- what is exchanged while a thread profiles; see Note [What is timed]

_call = Row.__call__
_lock = threading.Lock()
_count = 0
_changed: list[tuple[Any, types.CodeType]] = []


def _row_call(row: Row, *args: Any, **kwargs: Any) -> Any:
    recorder = state.profiler
    if recorder is not None and not any([isinstance(a, (TensorBase, list, tuple)) for a in args]):
        return recorder.arrays(row, args, kwargs)
    return _call(row, *args, **kwargs)


class _Timed:
    """What a stand-in calls: the function itself, timed where this thread has a recorder."""

    def __init__(self, fn: types.FunctionType) -> None:
        self.name = "aten::" + ("to" if fn.__name__ in CONVERSIONS else fn.__name__)
        self.plain = copied(fn)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recorder = state.profiler
        if recorder is None:
            return self.plain(*args, **kwargs)
        return recorder.function(self.name, self.plain, args, kwargs)


def _public() -> list[types.FunctionType]:
    """Public functions and methods that are made of others."""
    found: dict[int, types.FunctionType] = {}
    for name, fn in [*vars(functions).items(), *vars(Tensor).items(), *[(f.__name__, f) for f in COMPOSITES]]:
        if not isinstance(fn, types.FunctionType) or name.startswith("_") or hasattr(fn, "row"):
            continue
        if fn.__name__ not in NOT_OPS and not fn.__name__.startswith(ASKS) and fn.__name__.isidentifier():
            found[id(fn)] = fn
    return list(found.values())


def _exchange(by: int) -> None:
    global _count
    with _lock:
        _count += by
        if by == 1 and _count == 1:
            Row.__call__ = _row_call  # type: ignore
            for fn in _public():
                _changed.append((fn, fn.__code__))
                fn.__code__ = standing_in(fn, _Timed(fn))
        elif _count == 0:
            Row.__call__ = _call  # type: ignore[method-assign]
            for fn, code in _changed:
                fn.__code__ = code
            _changed.clear()


__all__ = ["BACKWARD", "FUNCTION", "USER", "Raw", "Recorder"]
