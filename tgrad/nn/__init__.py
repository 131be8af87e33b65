"""`torch.nn`: modules, parameters, losses and initial values.

>>> import tgrad as torch
>>> torch.nn.Linear(2, 1)
Linear(in_features=2, out_features=1, bias=True)
"""

from typing import Any

from . import attention, functional, grad, init, modules, parallel, parameter, utils
from .modules import *  # noqa: F403
from .modules import __all__ as _modules
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "DataParallel",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "attention",
    "factory_kwargs",
    "functional",
    "grad",
    "init",
    "modules",
    "parallel",
    "parameter",
    "utils",
    *_modules,
]


def factory_kwargs(kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """The arguments device, dtype and memory_format of a module, as factories take them; TypeError for others.

    A module that has such an argument of its own may be given those for factories as a dict, `factory_kwargs`.

    >>> torch.nn.factory_kwargs({"dtype": torch.float64})
    {'dtype': torch.float64}
    """
    if kwargs is None:
        return {}
    simple = {"device", "dtype", "memory_format"}
    if not kwargs.keys() <= simple | {"factory_kwargs"}:
        raise TypeError(f"unexpected kwargs {kwargs.keys() - (simple | {'factory_kwargs'})}")
    out = dict(kwargs.get("factory_kwargs", {}))
    for word in simple & kwargs.keys():
        if word in out:
            raise TypeError(f"{word} specified twice, in **kwargs and in factory_kwargs")
        out[word] = kwargs[word]
    return out
