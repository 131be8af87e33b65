"""The watch for nan and inf: stops at the first operation, forward or backward, whose output turns bad, and shows its inputs' ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import dispatch
from ..graph import places
from ..graph.modes import state
from ..graph.node import Node
from ..graph.reasons import because
from ..levels import Hooks
from ..ops.spec import Row
from ..tensor import Tensor
from .naming import name_of
from .notes import Line, explains, line_of, op_of


class Watch:
    """Stands at the door as a profiler does (see graph/profiling.py), and looks at what comes out instead of timing it."""

    passing = False

    def __init__(self, outer: Any) -> None:
        self.outer = outer

    def door(self, how: str, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        if self.passing:
            self.passing = False
            return Hooks.transformed(how, row, inputs, params) if state.levels else NotImplemented
        self.passing = True
        before = [_ranges(x) for x in inputs] if how == "inplace" else None
        try:
            out = getattr(dispatch, how)(row, inputs, params)
        finally:
            self.passing = False
        if row.family in ("view", "pieces") or row.name.startswith(("empty", "new_empty")):
            return out
        for i, t in enumerate(out if isinstance(out, (list, tuple)) else (out,)):
            if isinstance(t, Tensor) and t._a.dtype.kind in "fcV" and bad_at(t._a) is not None:
                name = row.name.partition(".")[0].strip("_")
                kind = _kind(t._a)
                text = f"Function '{name}' returned {kind} values in its {i}th output."
                raise because(RuntimeError(text), "bad output", row=row, inputs=inputs, out=t, ranges=before)
        return out

    def node(self, node: Node, apply: Callable[[Any], Any], g: Any) -> Any:
        return apply(g)

    def leaf(self, leaf: Tensor | None) -> None:
        """Nothing to look at: what arrives was looked at where it was made."""


def start() -> None:
    """Puts a watch at the door of this thread; RuntimeError while a profiler runs there."""
    if state.profiler is not None and not isinstance(state.profiler, Watch):
        raise RuntimeError("detect_anomaly(forward=True) cannot watch while a profiler runs in this thread")
    state.profiler = Watch(state.profiler)
    state.hooked += 1
    state.refresh()


def stop() -> None:
    """Takes the innermost watch away."""
    state.profiler = state.profiler.outer
    state.hooked -= 1
    state.refresh()


# ---- what is bad, and where


def _plain(a: np.ndarray) -> np.ndarray:
    return a.astype(np.float32) if a.dtype.kind == "V" or a.dtype.name == "bfloat16" else a


def bad_at(a: np.ndarray) -> tuple[int, ...] | None:
    """The index of the first nan or inf; None where all is finite."""
    fine = np.isfinite(_plain(a))
    if fine.all():
        return None
    return tuple(int(i) for i in np.unravel_index(int(np.argmin(fine)), a.shape))


def _kind(a: np.ndarray) -> str:
    return "nan" if np.isnan(_plain(a)).any() else "inf"


def _ranges(x: Any) -> str:
    """`from -1 to 3`, with how many are nan, inf or zero."""
    if not isinstance(x, Tensor):
        return repr(x)
    a = _plain(x._a)
    if a.dtype.kind not in "fiu" or not a.size:
        return f"{x.dtype.name} {list(a.shape)}"
    fine = a[np.isfinite(a)] if a.dtype.kind == "f" else a.reshape(-1)
    parts = [f"from {fine.min():.4g} to {fine.max():.4g}" if fine.size else "nothing finite"]
    zeros = int((a == 0).sum())
    if zeros:
        parts.append(f"{zeros} zero" + ("s" if zeros > 1 else ""))
    if a.dtype.kind == "f":
        for word, count in (("nan", int(np.isnan(a).sum())), ("inf", int(np.isinf(a).sum()))):
            if count:
                parts.append(f"{count} {word}")
    return ", ".join(parts)


def _element(x: Any, at: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """The element of an input that an elementwise operation used for its output at `at`; None where it is not one to one."""
    if not isinstance(x, Tensor):
        return x
    try:
        return np.broadcast_to(_plain(x._a), shape)[at]
    except ValueError:
        return None


@explains("bad output")
def bad_output(row: Row, inputs: Sequence[Any], out: Tensor, ranges: Any) -> Iterator[Line]:
    from .operands import _where

    at = bad_at(out._a)
    assert at is not None
    words = [w.rstrip("*") for w in row.tensors]
    shown, guilty = [], []
    for i, x in enumerate(inputs):
        word = words[i] if i < len(words) else "input"
        name = (name_of(x) if isinstance(x, Tensor) else None) or word
        shown.append(f"`{name}` {ranges[i] if ranges else _ranges(x)}")
        if row.family == "pointwise" and not ranges:
            value = _element(x, at, out._a.shape)
            if value is not None:
                guilty.append(
                    f"{name} = {value:.6g}" if isinstance(value, (float, np.floating)) else f"{name} = {value}"
                )
        elif isinstance(x, Tensor) and x._a.dtype.kind in "fcV" and bad_at(x._a) is not None:
            guilty.append(f"{name} holds {_kind(x._a)} already, so the cause is earlier")
    yield "what", f"{_kind(out._a)} first at {list(at)}" + (f", from {', '.join(guilty)}" if guilty else "")
    yield from _where()
    yield "why", "; ".join(shown)


@explains("bad gradient")
def bad_gradient(node: Node, arrived: Any, sent: Any, index: int) -> Iterator[Line]:
    made = places.made(node)
    array = sent._a if isinstance(sent, Tensor) else sent
    at = bad_at(array)
    yield "what", f"the derivative of {op_of(node)} for its input {index} is {_kind(array)}, first at {list(at or ())}"
    if made is not None:
        yield "where", f"the operation is in {line_of(made)}"
    came = [
        g._a if isinstance(g, Tensor) else g for g in (arrived if isinstance(arrived, (list, tuple)) else [arrived])
    ]
    if any(g is not None and bad_at(g) is not None for g in came):
        yield "why", "what arrived from above was not finite already: the cause is nearer to the loss"
    else:
        kept = []
        for word in node.saved_words:
            value = getattr(node, "s_" + word, None)
            if isinstance(value, Tensor):
                kept.append(f"`{(name_of(value) if word != 'result' else None) or word}` {_ranges(value)}")
        yield "why", "what arrived was finite; it was computed with " + ("; ".join(kept) or "nothing that was saved")


__all__ = ["Watch", "bad_at", "start", "stop"]
