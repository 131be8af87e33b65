"""`torch.func`: transforms of functions, which compose.

>>> import tgrad as torch
>>> torch.func.hessian(torch.sin)(torch.tensor(0.0))
tensor(-0.)
"""

from __future__ import annotations

from ..transforms.forward import hessian, jacfwd, jvp, linearize
from ..transforms.mapping import vmap
from ..transforms.reverse import grad, grad_and_value, jacrev, vjp
from .modules import debug_unwrap, functional_call, functionalize, replace_all_batch_norm_modules_, stack_module_state

__all__ = [
    "debug_unwrap", "functional_call", "functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "replace_all_batch_norm_modules_", "stack_module_state", "vjp", "vmap",
]  # fmt: skip
