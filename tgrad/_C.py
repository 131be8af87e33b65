"""PyTorch's module of compiled code, as far as files and programs ask for names in it."""

from __future__ import annotations

from .composite.overriding import DisableTorchFunction, DisableTorchFunctionSubclass, _disabled_torch_function_impl
from .device import device
from .dtype import dtype
from .rng import Generator
from .shape import Size
from .tensor import Tensor as TensorBase
from .tensor import layout

_VariableFunctionsClass = TensorBase  # never called: pickles name it as the owner of functions such as relu

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "Generator",
    "Size",
    "TensorBase",
    "_disabled_torch_function_impl",
    "device",
    "dtype",
    "layout",
]
