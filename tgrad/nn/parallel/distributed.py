"""Modules in several processes at once."""

from __future__ import annotations

from typing import Any

from ..modules.module import Module


class DistributedDataParallel(Module):
    """Averages gradients over the processes of a group. There are no groups here: ValueError, as PyTorch has it without one."""

    def __init__(self, module: Module, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")


__all__ = ["DistributedDataParallel"]
