"""A batch shared out among devices: among none, where there is only the CPU."""

from __future__ import annotations

from typing import Any

from ..modules.module import Module


class DataParallel(Module):
    """Wraps a module as `module`. PyTorch shares each batch out among CUDA devices; without them, as here, it calls the module.

    >>> nn.DataParallel(nn.Linear(2, 1)).state_dict().keys()
    odict_keys(['module.weight', 'module.bias'])
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module, inputs: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0, module_kwargs: Any = None
) -> Any:  # fmt: skip
    """RuntimeError, as in PyTorch where there is no accelerator."""
    raise RuntimeError("device type could not be determined")


__all__ = ["DataParallel", "data_parallel"]
