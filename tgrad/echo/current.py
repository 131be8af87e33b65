"""Tensors as PyTorch 2.13 prints them: `tensor([[2., 2.]], grad_fn=<MulBackward0>)`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtype import get_default_dtype
from .layout import bracketed, visible
from .numbers import padded_texts
from .options import PRINT_OPTS

# The names under which the classes that print as plain 'tensor(' may live.
_PACKAGES = (__name__.partition(".")[0], "torch")
_PLAIN_NAMES = ("Tensor", "Parameter", "Dual")
_plain: dict[type, bool] = {}


def is_plain(kind: type) -> bool:
    """Whether tensors of this very class print as 'tensor(': Tensor and Parameter do, their subclasses do not."""
    known = _plain.get(kind)
    if known is None:
        known = kind.__name__ in _PLAIN_NAMES and kind.__module__.partition(".")[0] in _PACKAGES
        _plain[kind] = known
    return known


def is_parameter(t: Any) -> bool:
    """Whether `t` counts as an `nn.Parameter`: by its class, or by the mark that a subclassed tensor carries."""
    return getattr(t, "_is_param", False) or any(k.__name__ == "Parameter" and is_plain(k) for k in type(t).__mro__)


def tensor_repr(t: Any, *, tensor_contents: str | None = None) -> str:
    """The text of `repr(t)`; `tensor_contents` replaces the elements, the suffixes stay.

    >>> import tgrad
    >>> print(tensor_repr(tgrad.ones(2, 2, requires_grad=True)))
    tensor([[1., 1.],
            [1., 1.]], requires_grad=True)
    """
    plain = is_plain(type(t))
    prefix = "tensor(" if plain else type(t).__name__ + "("
    indent = len(prefix)
    dtype = t.dtype
    suffixes = []
    device = t.device.type
    if device != "cpu":
        suffixes.append(f"device='{t.device}'")
    shape = tuple(t.shape)
    bare = True
    if device == "meta":
        suffixes.append(f"size={shape}")
        contents = "..."
    elif 0 in shape:
        if len(shape) != 1:
            suffixes.append(f"size={shape}")
        contents = "[]"
    else:
        bare, contents = False, ""
        if not PRINT_OPTS.edgeitems:
            suffixes.append(f"size={shape}")
        if tensor_contents is None:
            contents = elements(t._a if device == "cpu" else t.detach().cpu()._a, indent)
    if not _is_implied(dtype, bare=bare):
        suffixes.append(f"dtype={dtype}")
    suffixes += _graph_suffix(t)
    text = _joined(prefix + (contents if tensor_contents is None else tensor_contents), suffixes, indent)
    return text if plain or not is_parameter(t) else f"Parameter({text})"


def elements(array: np.ndarray, indent: int) -> str:
    """The bracketed elements of a tensor that has some, `indent` columns from the left."""
    options = PRINT_OPTS
    shown = visible(array, options)
    if shown is None:
        return "[...]"
    array, dots = shown
    kind = array.dtype.kind
    if kind == "V" or array.dtype.name == "bfloat16":
        # numpy sees bfloat16 as an opaque type; float32 holds all of its values.
        array, kind = array.astype(np.float32), "f"
    texts, width = padded_texts(array.ravel().tolist(), kind, options)
    per_line = 1
    if array.ndim:
        room = options.linewidth - (indent + array.ndim - 1)
        per_line = max(1, math.floor(room / (width + 2)))
    return bracketed(texts, array.shape, dots, indent, per_line)


def _is_implied(dtype: Any, *, bare: bool) -> bool:
    """Whether a reader knows the dtype without being told; `bare` when there are no elements to tell int64 or bool."""
    default = get_default_dtype().name
    if dtype.name == default:
        return True
    if bare:
        return False
    return dtype.name in ("int64", "bool", "complex128" if default == "float64" else "complex64")


def _graph_suffix(t: Any) -> list[str]:
    try:
        node = t.grad_fn
    except RuntimeError:
        # A view made and changed in place without grad mode has a history that cannot be rebuilt.
        return ["grad_fn=<Invalid>"]
    tangent = getattr(t, "moving", None)
    direction = [] if tangent is None else [f"tangent={tangent!r}"]
    if node is not None:
        return [f"grad_fn=<{type(node).__name__}>", *direction]
    return ["requires_grad=True", *direction] if t.requires_grad else direction


def _joined(text: str, suffixes: list[str], indent: int) -> str:
    """The elements and what follows them, each suffix on a line of its own where the line would get too long."""
    # PyTorch counts two more than the last line has (the line break before it, and one to spare).
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > PRINT_OPTS.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"
