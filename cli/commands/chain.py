"""``:chain``, and the line that it switches."""

from __future__ import annotations

from typing import Any

from ..naming import Naming
from ..session import Session
from . import CommandError, Desk, command


def chain_of(session: Session, value: Any) -> str | None:
    """``MeanBackward0 ← MulBackward0 ← x [2, 2]`` for a tensor that has a graph, None for anything else."""
    if not isinstance(value, session.engine.Tensor) or value.grad_fn is None:
        return None
    from tgrad import viz

    naming = Naming(session.engine)
    naming.add(session.namespace)
    return viz.chain(value, naming.tensors, naming.modules)


@command("chain", "on|off", "shows or hides the chain of grad_fns under an echo")
def switch(desk: Desk, words: list[str]) -> str:
    if words in (["on"], ["off"]):
        desk.chain = words == ["on"]
    elif words:
        raise CommandError("usage: :chain on|off")
    return f"chain: {'on' if desk.chain else 'off'}"
