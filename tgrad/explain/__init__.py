"""What tgrad knows about errors and gradients beyond PyTorch's sentences: notes under tracebacks, `why`, `provenance`."""

from typing import Any

from ..graph import places
from ..graph.node import Node
from .grads import check_grads
from .live import live
from .profile import profile
from .switch import provenance
from .why import why


def place(x: Any) -> places.Place | None:
    """Where a tensor (or a node) was made; None where that is not known: it is a leaf, or provenance was off."""
    node = x if isinstance(x, Node) else x.grad_fn
    return None if node is None else places.made(node)


__all__ = ["check_grads", "live", "place", "profile", "provenance", "why"]
