"""The names under which PyTorch's files ask for tensors to be made again."""

from __future__ import annotations

from .composite.pickling import (
    _get_obj_state,
    _rebuild_device_tensor_from_cpu_tensor,
    _rebuild_device_tensor_from_numpy,
    _rebuild_meta_tensor_no_storage,
    _rebuild_nested_tensor,
    _rebuild_qtensor,
    _rebuild_sparse_tensor,
    _rebuild_tensor,
    _rebuild_tensor_v2,
    _rebuild_tensor_v3,
    _rebuild_wrapper_subclass,
    _set_obj_state,
)
from .nn.parameter import _rebuild_parameter, _rebuild_parameter_with_state

_rebuild_xla_tensor = _rebuild_device_tensor_from_numpy

__all__ = [
    "_get_obj_state", "_rebuild_device_tensor_from_cpu_tensor", "_rebuild_device_tensor_from_numpy", "_rebuild_meta_tensor_no_storage",
    "_rebuild_nested_tensor", "_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_qtensor", "_rebuild_sparse_tensor",
    "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_wrapper_subclass", "_rebuild_xla_tensor",
    "_set_obj_state",
]  # fmt: skip
