"""`torch.autograd.graph`: nodes, hooks on saved tensors and on several gradients at once, edges to differentiate by."""

from __future__ import annotations

from ..graph.edges import GradientEdge, get_gradient_edge, increment_version, register_multi_grad_hook
from ..graph.node import Node
from ..graph.saved import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]
