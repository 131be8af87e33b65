"""Edges that users hold, hooks on several gradients at once, and version counters bumped by hand."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from ..tensor import Tensor
from .engine import current_pass
from .history import edge
from .hooks import RemovableHandle
from .node import Node, shown_edge
from .register import register_hook


class GradientEdge(NamedTuple):
    """Where the gradient of a tensor arrives: a node and the number of its output.

    It stands in for the tensor in `autograd.grad(..., inputs=edge)` and `backward(edge, gradient)`, and needs not keep
    the tensor's memory alive.
    """

    node: Node
    output_nr: int
    ownership_token: Node | None = None

    @property
    def edge(self) -> Any:
        """The edge as nodes hold it."""
        return (self.node, self.output_nr) if self.output_nr else self.node


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge at which the gradient of `tensor` arrives: of its grad_fn, or of the AccumulateGrad of a leaf.

    RuntimeError for a tensor that does not require grad.

    >>> import tgrad as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> e = torch.autograd.graph.get_gradient_edge(x * 2)
    >>> e.node.name(), e.output_nr
    ('MulBackward0', 0)
    """
    e = edge(tensor)
    if e is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node, nr = shown_edge(e)
    assert node is not None
    return GradientEdge(node, nr)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Notes a write into a tensor's (or several tensors') memory that tgrad cannot have seen.

    Afterwards a backward pass that needs the old values raises, as after an in-place operation.
    """
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        if not t.is_inference():
            t._bump()


class _Handles(RemovableHandle):
    """One handle for the hooks on several tensors."""

    def __init__(self, handles: tuple[RemovableHandle, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


class _Collector:
    """Gathers the gradients of several tensors per pass, and calls `fn` once all that will come are there."""

    def __init__(self, tensors: Sequence[Tensor], fn: Callable[[list[Tensor | None]], None]) -> None:
        self.fn, self.n = fn, len(tensors)
        self.targets = [edge(t) for t in tensors]
        self.lock = threading.Lock()
        self.running: dict[int, tuple[list[Tensor | None], list[int]]] = {}  # per pass: what came, how many will come

    def hook(self, i: int) -> Callable[[Tensor], None]:
        def arrived(g: Tensor) -> None:
            job = current_pass()
            assert job is not None, "expected this hook to be called inside a backward call"
            with self.lock:
                if id(job) not in self.running:
                    self.running[id(job)] = ([None] * self.n, [sum(job.will_reach(e) for e in self.targets)])
                came, left = self.running[id(job)]
                came[i] = g
                left[0] -= 1
                if left[0]:
                    return
                del self.running[id(job)]
            self.fn(came)

        return arrived


def register_multi_grad_hook(
    tensors: Sequence[Tensor],
    fn: Callable[..., None],
    *,
    mode: str = "all",
) -> RemovableHandle:
    """Calls `fn` when the gradients of several tensors have been computed in a backward pass.

    mode "all": `fn(grads)` once, with a gradient per tensor (None where the pass computes none). mode "any": `fn(grad)`
    with the first gradient that arrives. Returns a handle whose `remove()` takes the hook away.

    >>> import tgrad as torch
    >>> a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    >>> _ = torch.autograd.graph.register_multi_grad_hook((a, b), lambda grads: print(len(grads)))
    >>> (a * b).sum().backward()
    2
    """
    modes = ("all", "any")
    if mode not in modes:
        raise ValueError(f"Expects mode to be one of {modes} but got {mode}")
    if mode == "all":
        collector = _Collector(tensors, fn)
        return _Handles(tuple([register_hook(t, collector.hook(i)) for i, t in enumerate(tensors)]))
    last: list[int] = [-1]
    lock = threading.Lock()

    @functools.wraps(fn)
    def first_only(g: Tensor) -> None:
        job = current_pass()
        assert job is not None, "expected this hook to be called inside a backward call"
        with lock:
            if last[0] == job.number:
                return
            last[0] = job.number
        fn(g)

    return _Handles(tuple([register_hook(t, first_only) for t in tensors if t.requires_grad]))


__all__ = ["GradientEdge", "get_gradient_edge", "increment_version", "register_multi_grad_hook"]
