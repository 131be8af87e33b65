"""`torch.nn`: modules, parameters, losses and initial values.

>>> import tgrad as torch
>>> torch.nn.Linear(2, 1)
Linear(in_features=2, out_features=1, bias=True)
"""

from . import functional, init, modules, parameter, utils
from .modules import *  # noqa: F403
from .modules import __all__ as _modules
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "functional",
    "init",
    "modules",
    "parameter",
    "utils",
    *_modules,
]
