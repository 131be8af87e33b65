"""Handles of hooks, where PyTorch has them."""

from ..graph.hooks import RemovableHandle
from ..nn.modules.hooks import BackwardHook

__all__ = ["BackwardHook", "RemovableHandle"]
