"""`torch.autograd`: differentiation by walking the recorded graph backwards.

>>> import tgrad as torch
>>> x = torch.tensor(3.0, requires_grad=True)
>>> torch.autograd.grad(x**2, x)
(tensor(6.),)
"""

from __future__ import annotations

from ..graph import entry as _entry
from ..graph.entry import backward, grad
from . import anomaly_mode, function, functional, grad_mode, graph, variable
from . import gradcheck as _gradcheck
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from .gradcheck import GradcheckError, gradgradcheck
from .variable import Variable

# As in PyTorch, the package's attribute is the function, and the module is found by `import`.
gradcheck = _gradcheck.gradcheck


def _all_rows(*args):
    from ..transforms.mapping import backward_rows  # vmap's machinery is loaded when first needed

    return backward_rows(*args)


_entry.all_rows = _all_rows


def __getattr__(name: str):
    """`forward_ad` and the profiler, imported when first looked at."""
    if name in ("forward_ad", "profiler", "profiler_util"):
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'torch.autograd' has no attribute {name!r}")


__all__ = [
    "Function",
    "GradcheckError",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "variable",
]
