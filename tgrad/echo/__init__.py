"""What a tensor looks like when it is printed.

`tensor_repr`, `parameter_repr` and `tensor_format` are behind `repr(t)`, `repr(parameter)` and `format(t, spec)`. They
ask of a tensor only `_a` (its elements as a numpy array), `dtype`, `shape`, `device`, `requires_grad` and `grad_fn`.

>>> import tgrad
>>> tensor_repr(tgrad.tensor([1.0, 2.5]))
'tensor([1.0000, 2.5000])'
>>> with dialect("0.1"):
...     print(tensor_repr(tgrad.ones(2, 2)), end="")
<BLANKLINE>
 1  1
 1  1
[torch.FloatTensor of size 2x2]
"""

from __future__ import annotations

from typing import Any

from . import current, v0_1, v0_4
from .dialect import DIALECTS, dialect, get_dialect, set_dialect
from .options import PRINT_OPTS, PrintOptions, get_printoptions, printoptions, set_printoptions

__all__ = [
    "DIALECTS",
    "PRINT_OPTS",
    "PrintOptions",
    "dialect",
    "get_dialect",
    "get_printoptions",
    "parameter_repr",
    "printoptions",
    "set_dialect",
    "set_printoptions",
    "tensor_format",
    "tensor_repr",
]


def tensor_repr(t: Any, *, tensor_contents: str | None = None) -> str:
    """The text of a tensor in the dialect in force.

    `tensor_contents` stands for the elements, as `Tensor.__repr__(tensor_contents=...)` has it; like a complex, a meta
    or a subclassed tensor, it is a matter of today's dialect only.
    """
    spoken = get_dialect()
    if spoken == "current" or not _had_that(t, tensor_contents):
        return current.tensor_repr(t, tensor_contents=tensor_contents)
    return v0_4.tensor_repr(t) if spoken == "0.4" else v0_1.tensor_repr(t)


def parameter_repr(t: Any) -> str:
    """The text of an `nn.Parameter`: 'Parameter containing:', a line break, and the tensor.

    >>> import tgrad
    >>> print(parameter_repr(tgrad.nn.Parameter(tgrad.zeros(2))))
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """
    if get_dialect() == "0.1" and _had_that(t, None):
        return "Parameter containing:" + v0_1.data_repr(t)
    return "Parameter containing:\n" + tensor_repr(t)


def tensor_format(t: Any, spec: str) -> str:
    """The text of `format(t, spec)`.

    A 0-d Tensor is formatted as the Python number that it holds. Anything else (more dimensions, a Parameter, another
    subclass, a meta tensor) prints as `str(t)` for an empty spec and raises TypeError for any other.

    >>> import tgrad
    >>> tensor_format(tgrad.tensor(3.14159), ".2f")
    '3.14'
    """
    kind = type(t)
    if not t.shape and kind.__name__ == "Tensor" and current.is_plain(kind) and t.device.type != "meta":
        return format(t.detach().item(), spec)
    return object.__format__(t, spec)


def _had_that(t: Any, tensor_contents: str | None) -> bool:
    """Whether a tensor like `t` could be printed before 0.4.1."""
    plain = current.is_plain(type(t)) or current.is_parameter(t)
    return tensor_contents is None and plain and not t.dtype.is_complex and t.device.type != "meta"
