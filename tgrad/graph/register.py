"""Registering hooks: on tensors, on leaves after accumulation, and on nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from . import hooks
from .engine import Flags
from .history import edge
from .node import AccumulateGrad, Node


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> hooks.RemovableHandle:
    """Calls `hook(grad)` each time this tensor's gradient is computed; what it returns, if anything, takes its place.

    RuntimeError on a tensor that does not require grad. Returns a handle whose `remove()` takes the hook away.

    >>> x = torch.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda grad: 10 * grad)
    >>> x.sum().backward()
    >>> x.grad
    tensor([10., 10.])
    """
    e = edge(self)
    if e is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if e is self:
        meta = self._meta()
        if meta.hooks is None:
            meta.hooks = {}
        Flags.leaf_hooks = True
        return hooks.add(meta.hooks, hook)
    node, nr = e if type(e) is tuple else (e, 0)
    return hooks.add(node.extras().tensor_pre.setdefault(nr, {}), hook)


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> hooks.RemovableHandle:
    """Calls `hook(param)` after a gradient was added into this leaf's `.grad`.

    RuntimeError on a tensor that does not require grad or is not a leaf.
    """
    e = edge(self)
    if e is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if e is not self:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    meta = self._meta()
    if meta.post_hooks is None:
        meta.post_hooks = {}
    Flags.leaf_hooks = True
    return hooks.add(meta.post_hooks, hook)


def node_register_hook(self: Node, fn: Callable[..., Any]) -> hooks.RemovableHandle:
    """Calls `fn(grad_inputs, grad_outputs)` after this node ran; a returned tuple replaces grad_inputs."""
    _keep(self)
    return hooks.add(self.extras().post, fn)


def node_register_prehook(self: Node, fn: Callable[..., Any]) -> hooks.RemovableHandle:
    """Calls `fn(grad_outputs)` before this node runs; a returned tuple replaces grad_outputs."""
    _keep(self)
    return hooks.add(self.extras().pre, fn)


def _keep(node: Node) -> None:
    """An AccumulateGrad with hooks must live as long as its leaf: the leaf refers to it only weakly otherwise."""
    if isinstance(node, AccumulateGrad):
        Flags.leaf_hooks = True
        node.variable._meta().accumulator = lambda: node


Node.register_hook = node_register_hook  # type: ignore[attr-defined]
Node.register_prehook = node_register_prehook  # type: ignore[attr-defined]

__all__ = ["node_register_hook", "node_register_prehook", "register_hook", "register_post_accumulate_grad_hook"]
