"""tgrad: a tensor engine with PyTorch's API, semantics and echo that can be looked into.

>>> import tgrad as torch
>>> x = torch.ones(2, 2, requires_grad=True)
>>> (x + 2).mean()
tensor(3., grad_fn=<MeanBackward0>)
"""

from __future__ import annotations

import builtins as _builtins
import math as _math

from . import composite as _composite
from . import dtype as _dtypes
from . import functions as _functions
from .device import device, get_default_device, set_default_device
from .dtype import dtype, finfo, iinfo
from .echo import set_printoptions
from .graph.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .shape import Size
from .tensor import Tensor, layout
from .tensor import strided_layout as strided
from .version import __version__

for _d in _dtypes.ALL:
    globals()[_d.name] = _d
globals().update(_dtypes.ALIASES)
for _name, _f in _composite.convert.FORMATS.items():
    globals()[_name] = _f
memory_format = _composite.convert.memory_format
globals().update({k: v for k, v in vars(_functions).items() if not k.startswith("_") and k not in ("annotations", "Any")})

inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
newaxis = None
