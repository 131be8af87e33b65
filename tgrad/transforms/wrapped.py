"""Tensors that stand for more than they show, one kind per level of `vmap` and `jvp`.

Note [Levels]
Each running `vmap` or forward-mode transform is a level; a deeper one has a larger number. Its tensors wrap tensors of
lower levels:

    Batched     one value that stands for a whole batch: `value` is a tensor with the batch in front
    Dual        a value (`primal`) and the direction in which it moves (`tangent`)

What a wrapper shows as `_a` has the shape, dtype and strides of the single value, so that public functions decide as ever what to
do. When a row is run (dispatch.run and its kin), the wrappers of the highest level among its inputs take over: a `Batched` runs the
row's batching rule over the tensors inside, a `Dual` runs the row over the primals and its derivative over the tangents. What is
inside may be wrapped again, by a lower level, and ends at plain tensors, where rows compute and are recorded. Reverse mode needs no
wrapper of its own: the recorded graph lies at the bottom, and `differentiate` finds its way down to it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .. import dispatch
from ..composite.overriding import _disabled_torch_function_impl
from ..graph.engine import run_backward
from ..graph.modes import state
from ..graph.node import Node
from ..levels import Hooks
from ..ops.spec import Row
from ..tensor import Tensor, wrap


class Level:
    """One running transform."""

    kind: type | None = None  # the class of its batched tensors, where it is not Batched itself

    def __init__(self, number: int, size: int = -1, randomness: str = "error") -> None:
        self.number, self.size, self.randomness = number, size, randomness


NO_BACKWARD = (
    "backward() called inside a functorch transform. This is not supported, please use functorch.grad or functorch.vjp instead or call "
    "backward() outside of functorch transforms."
)


class _Running(threading.local):
    def __init__(self) -> None:
        self.levels: list[Level] = []
        self.passes = 0  # backward passes that `differentiate` is in


RUNNING = _Running()


@contextmanager
def level(size: int = -1, randomness: str = "error") -> Iterator[Level]:
    """A new innermost level: of vmap over `size` samples, or of forward mode (-1)."""
    made = Level(len(RUNNING.levels) + 1, size, randomness)
    RUNNING.levels.append(made)
    state.levels += 1
    state.transforms += 1
    state.hooked += 1
    try:
        yield made
    finally:
        RUNNING.levels.remove(made)
        state.levels -= 1
        state.transforms -= 1
        state.hooked -= 1


class Wrapped(Tensor):
    """Base of both kinds. `_level` says whose it is."""

    _level: Level

    __torch_function__ = _disabled_torch_function_impl  # to programs with overrides these are plain tensors

    def parts(self) -> tuple[Any, ...]:
        """The tensors inside."""
        raise TypeError(f"{type(self).__name__} holds nothing")

    def again(self, *parts: Any) -> Any:
        """A wrapper of the same kind and level around other tensors."""
        raise TypeError(f"{type(self).__name__} holds nothing")

    def become(self, other: Any) -> None:
        """Takes over what another wrapper of the same level holds: how views are made in place."""
        raise TypeError(f"{type(self).__name__} holds nothing")

    @property
    def requires_grad(self) -> bool:
        return any(p is not None and p.requires_grad for p in self.parts())

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        """What is asked of one sample has no effect outside the transform: nothing to do."""

    def detach(self) -> Any:
        return self.again(*[None if p is None else p.detach() for p in self.parts()])

    @property  # type: ignore[misc]
    def data(self) -> Any:
        """The same memory without history."""
        return self.again(*[None if p is None else p.data for p in self.parts()])

    @property
    def is_leaf(self) -> bool:
        return all(p is None or p.is_leaf for p in self.parts())

    @property
    def grad_fn(self) -> Any:
        return self.parts()[0].grad_fn

    def backward(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(NO_BACKWARD)


def _view_in_place(name: str) -> Any:
    def view(self: Any, *args: Any, **kwargs: Any) -> Any:
        self.become(getattr(self, name)(*args, **kwargs))
        return self

    return view


for _name in ("squeeze", "unsqueeze", "transpose", "t", "swapaxes", "swapdims"):
    setattr(Wrapped, _name + "_", _view_in_place(_name))


def found(inputs: Any) -> Wrapped | None:
    """The wrapper of the highest level among tensors, lists of them, and other things."""
    best: Wrapped | None = None
    for x in inputs:
        if isinstance(x, (list, tuple)):
            x = found(x)
        if isinstance(x, Wrapped) and (best is None or x._level.number > best._level.number):
            best = x
    return best


def run(how: str, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """`row` over inputs of which some are wrapped; NotImplemented if none is. `how` is the way at the door: "run", "pointwise"
    or "inplace"."""
    top = found(inputs)
    if top is None:
        return NotImplemented
    return top.transform(how, row, inputs, params)  # type: ignore[attr-defined]


def mapped(fn: Any, free: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function without a row over inputs of which some are wrapped; NotImplemented if none is."""
    top = found([*args, *kwargs.values()])
    return NotImplemented if top is None else top.map(fn, free, args, kwargs)  # type: ignore[attr-defined]


Hooks.transformed, Hooks.mapped = staticmethod(run), staticmethod(mapped)  # type: ignore[assignment]


def call(how: str, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """`row` in that way at the door, over whatever the inputs are."""
    return getattr(dispatch, how)(row, inputs, params)


# ---- reverse mode over wrappers


def lifted(x: Tensor, levels: Sequence[Level]) -> Tensor:
    """`x` as one that has its own value in each sample of these vmap levels: expanded where it had not."""
    if not levels:
        return x
    last = levels[-1]
    if isinstance(x, Wrapped) and x._level.number > last.number:
        return x.again(*[None if p is None else lifted(p, levels) for p in x.parts()])
    if isinstance(x, Wrapped) and x._level is last:
        return x.again(lifted(x.parts()[0], levels[:-1]))
    from .batched import Batched

    inner = lifted(x, levels[:-1])
    return Batched(inner.expand(last.size, *inner.shape), last)


def variable(x: Tensor) -> Tensor:
    """A new tensor equal to `x` that can be differentiated by: with its own value in each sample of the vmaps that are running, and
    still connected to the history of `x`."""
    return alias(lifted(x, [v for v in RUNNING.levels if v.size >= 0]))


def alias(x: Tensor) -> Tensor:
    if isinstance(x, Wrapped):
        first, *rest = x.parts()
        return x.again(alias(first), *rest)
    if x.requires_grad:
        return x.view_as(x)
    made = x.detach()
    made._rg = x._a.dtype.kind in "fcV"
    return made


def differentiate(
    outs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor | None], create: bool
) -> list[Tensor | None]:
    """The gradients of `outs`, weighted by `cotangents`, with respect to `inputs`; None where there is no dependence.

    For outputs and inputs that are duals (p, t), with cotangents (w, u): the gradient by the primal of <p, w> is the primal of the
    gradient, and that of <t, w> + <p, u> its tangent, since t is the derivative of p in the direction at hand.
    """
    top = found([*outs, *inputs])
    if top is None:
        live = [(o, c) for o, c in zip(outs, cotangents, strict=True) if c is not None and o.requires_grad]
        wanted = [i for i, x in enumerate(inputs) if x.requires_grad]
        result: list[Tensor | None] = [None] * len(inputs)
        if live and wanted:
            ours = found([c for _, c in live]) is not None  # they go through the graph as tensors
            RUNNING.passes += 1
            try:
                ends, weights = [o for o, _ in live], [c for _, c in live]
                got = run_backward(ends, weights, True, create or ours, [inputs[i] for i in wanted], True, False)
            finally:
                RUNNING.passes -= 1
            for i, g in zip(wanted, got, strict=True):
                result[i] = g if create else detached(g)
        return result
    return top.differentiate(outs, inputs, cotangents, create)  # type: ignore[attr-defined]


def bottom(x: Any) -> Iterator[Tensor]:
    """The plain tensors inside."""
    if isinstance(x, Wrapped):
        for p in x.parts():
            if p is not None:
                yield from bottom(p)
    elif isinstance(x, Tensor):
        yield x


def depends_on_more(outs: Sequence[Any], inputs: Sequence[Any]) -> bool:
    """Whether the history of `outs` leads to anything besides `inputs`, fresh variables made by `variable`."""
    own: set[Any] = set()
    for t in (t for x in inputs for t in bottom(x)):
        if t._node is not None:
            return True  # it goes on into an outer history itself
        own.add(t)
    seen: set[Node] = set()
    stack: list[Any] = [_edge(t) for x in outs for t in bottom(x)]
    while stack:
        e = stack.pop()
        e = e[0] if type(e) is tuple else e
        if isinstance(e, Tensor):
            if e not in own:
                return True
        elif isinstance(e, Node) and e not in seen:
            seen.add(e)
            stack += [x for x in e.edges if x is not None]
            if hasattr(e, "variable") and e.variable not in own:
                return True
    return False


def _edge(t: Tensor) -> Any:
    from ..graph.history import edge

    return edge(t)


def detached(x: Any) -> Any:
    """Without history, at all levels."""
    if isinstance(x, Wrapped):
        return x.again(*[None if p is None else detached(p) for p in x.parts()])
    return x.detach() if isinstance(x, Tensor) else x


def zeros(x: Tensor) -> Tensor:
    """Zeros like `x`, wrapped as it is batched."""
    from .batched import Batched

    if isinstance(x, Batched):
        return x.again(zeros(x.value))
    if isinstance(x, Wrapped):
        return zeros(x.parts()[0])
    import numpy as np

    return wrap(np.zeros_like(x._a))


__all__ = [
    "RUNNING",
    "Level",
    "Wrapped",
    "call",
    "depends_on_more",
    "detached",
    "differentiate",
    "found",
    "level",
    "lifted",
    "variable",
    "zeros",
]
