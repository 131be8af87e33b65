"""Takes a picture of each graph that ``backward()`` is called on, while the script runs.

It has to be taken before backward frees what the nodes saved. A training loop calls backward a thousand times from one
line, and its graphs look alike: only the first call from each line is drawn, so that watching costs next to nothing.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from .naming import Naming
from .session import Session
from .tracebacks import user_frames

Callback = Callable[[tuple[Any, ...]], None]


class Watch:
    """Called with the roots of each backward; ``picture`` is the graph of the first call from each line."""

    def __init__(self, session: Session, show_saved: bool = False) -> None:
        self.session = session
        self.show_saved = show_saved
        self.calls = 0
        self.roots: dict[tuple[str, int], tuple[Any, ...]] = {}
        self.naming = Naming(session.engine)
        self.picture: Any = None

    def __call__(self, roots: tuple[Any, ...]) -> None:
        from tgrad import viz

        self.calls += 1
        frames = user_frames(sys._getframe(1), (self.session.folder,))
        place = (frames[0].f_code.co_filename, frames[0].f_lineno) if frames else ("", 0)
        if place in self.roots:
            return
        self.roots[place] = tuple(roots)
        for frame in frames:
            self.naming.add(frame.f_locals, place[1])
        self.naming.add(self.session.namespace, place[1])
        drawn = [root for group in self.roots.values() for root in group]
        names, modules = self.naming.tensors, self.naming.modules
        self.picture = viz.graph(*drawn, names=names, params=modules, show_saved=self.show_saved)


@contextlib.contextmanager
def watch_backward(engine: ModuleType, callback: Callback) -> Iterator[None]:
    """While it is open, ``callback`` gets the roots of every backward pass, before the pass begins."""
    hooks = getattr(getattr(getattr(engine, "graph", None), "engine", None), "on_backward", None)
    if hooks is not None:
        hooks.append(callback)
        try:
            yield
        finally:
            hooks.remove(callback)
        return
    # The real PyTorch has no such list, but Tensor.backward() goes through this one function.
    autograd: Any = engine.autograd
    original = autograd.backward

    def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
        callback((tensors,) if isinstance(tensors, engine.Tensor) else tuple(tensors))
        return original(tensors, *args, **kwargs)

    autograd.backward = backward
    try:
        yield
    finally:
        autograd.backward = original


def last_results(session: Session) -> list[Any]:
    """The tensors of a namespace that have a graph and go into no other of them: what the script ended in."""
    naming = Naming(session.engine)
    naming.add(session.namespace)
    results = [tensor for tensor in naming.tensors.values() if tensor.grad_fn is not None]
    seen: set[int] = set()
    kept: list[Any] = []
    alive: list[Any] = []  # an id means something only while its node lives
    for tensor in results:
        stack = [fn for fn, _ in tensor.grad_fn.next_functions]
        while stack:
            fn = stack.pop()
            if fn is None or id(fn) in seen:
                continue
            seen.add(id(fn))
            alive.append(fn)
            stack += [inner for inner, _ in fn.next_functions]
    for tensor in results:
        if id(tensor.grad_fn) not in seen and all(tensor is not other for other in kept):
            kept.append(tensor)
    return kept
