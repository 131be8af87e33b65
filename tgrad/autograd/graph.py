"""`torch.autograd.graph`: nodes, hooks on saved tensors and on several gradients at once, edges to differentiate by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..graph.edges import GradientEdge, get_gradient_edge, increment_version, register_multi_grad_hook
from ..graph.node import Node
from ..graph.saved import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks


class _Mutations:
    """The copies that stand for what was saved while mutation was allowed."""

    def __init__(self) -> None:
        self.alive = True

    def clear(self) -> None:
        """Forgets the copies; graphs recorded in this context can no longer be walked."""
        self.alive = False


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Mutations]:
    """Inside, tensors that a graph has saved may be changed in place: the backward pass uses them as they were. It must run inside,
    too (AssertionError).

    >>> import tgrad as torch
    >>> with torch.autograd.graph.allow_mutation_on_saved_tensors():
    ...     a = torch.ones(2, requires_grad=True)
    ...     b = a.clone()
    ...     out = (b**2).sum()
    ...     b.sin_()
    ...     out.backward()
    tensor([0.8415, 0.8415], grad_fn=<SinBackward0>)
    >>> a.grad
    tensor([2., 2.])
    """
    context = _Mutations()

    def pack(t: Any) -> Any:
        # A copy, whether it will be needed or not: nobody tells later that somebody writes.
        return t.detach().clone(), t

    def unpack(kept: Any) -> Any:
        assert context.alive, (
            "Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the graph was originally recorded."
        )
        copied, original = kept
        if original._version == 0 and not original.requires_grad:
            return original
        return copied._alias(
            original._node if original._node is not None else original if original.requires_grad else None
        )

    with saved_tensors_hooks(pack, unpack):
        try:
            yield context
        finally:
            context.clear()


__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]
