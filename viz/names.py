"""Names: of operations (``MulBackward0`` is ``mul``), and of the variables that hold a value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from .data import Kind, Meta

# Operations whose result is another view of the same memory.
VIEW_OPS = frozenset(
    {
        "alias",
        "as_strided",
        "chunk",
        "detach",
        "diagonal",
        "expand",
        "expand_as",
        "imag",
        "movedim",
        "narrow",
        "permute",
        "real",
        "reshape_alias",
        "select",
        "slice",
        "split",
        "split_with_sizes",
        "squeeze",
        "swapaxes",
        "swapdims",
        "t",
        "transpose",
        "unbind",
        "unflatten",
        "unfold",
        "unsafe_view",
        "unsqueeze",
        "values",
        "view",
        "view_as",
        "view_as_complex",
        "view_as_real",
    }
)

_BACKWARD = re.compile(r"Backwards?\d*$")
_DIMENSION_LETTER = re.compile(r"(\d)([CDPR])(?=[A-Z]|$)")
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def short_name(fn: Any) -> str:
    """The node's name without its C++ namespace: ``AccumulateGrad``, ``MulBackward0``."""
    return fn.name().rpartition("::")[2]


@cache
def op_name(fn_name: str) -> str:
    """The operation behind a node's name.

    >>> op_name("LogSoftmaxBackward0"), op_name("MaxPool2DWithIndicesBackward0"), op_name("FftR2CBackward0")
    ('log_softmax', 'max_pool2d_with_indices', 'fft_r2c')
    """
    if fn_name == "CopyBackwards":  # the only operation that exists in place only and whose name hides it
        return "copy_"
    if is_custom(fn_name):
        return fn_name.removesuffix("Backward")
    stem = _BACKWARD.sub("", fn_name)
    stem = _DIMENSION_LETTER.sub(lambda match: match[1] + match[2].lower(), stem)
    return _WORD_START.sub("_", stem).lower()


def is_custom(fn_name: str) -> bool:
    """Whether the name is that of a user's ``autograd.Function``: built-in nodes end in a number."""
    return fn_name.endswith("Backward")


def op_kind(fn: Any, fn_name: str, op: str) -> Kind:
    """The kind of an operation's card. A node may say by an attribute ``in_place`` that it wrote into its input."""
    if is_custom(fn_name):
        return "custom"
    if fn_name in ("CopySlices", "CopyBackwards") or getattr(fn, "in_place", False):
        return "inplace"
    return "view" if op in VIEW_OPS else "op"


def written_by(fn: Any) -> Any:
    """Behind ``CopySlices``, the history of a tensor one of whose views was written: the node of the write itself.

    None for other nodes, and where the library does not tell.
    """
    return getattr(fn, "fn", None) if short_name(fn) == "CopySlices" else None


def dtype_name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.").removeprefix("tgrad.")


def meta_of(tensor: Any) -> Meta:
    return tuple(int(n) for n in tensor.shape), dtype_name(tensor.dtype)


def tensor_class(value: Any) -> type:
    """The class ``Tensor`` that a value is an instance of; raises TypeError for anything else."""
    found = None
    for cls in type(value).__mro__:
        if cls.__name__ in ("Tensor", "TensorBase"):
            found = cls
    if found is None:
        raise TypeError(f"a graph is drawn of tensors, not of {type(value).__name__}")
    return found


class Names:
    """Finds the names of a value by identity: of the tensor for leaves, of grad_fn and output number for the others.

    ``names`` maps names to values and may hold anything, a namespace for example: only tensors are looked at.
    ``params`` is a module, a mapping, or pairs as ``named_parameters()`` gives them; its names win over ``names``.
    """

    def __init__(self, tensor_type: type, names: Mapping[str, Any] | None, params: Any) -> None:
        self._leaves: dict[int, list[str]] = {}
        self._interior: dict[tuple[int, int], list[str]] = {}
        self._alive: list[Any] = []  # an id stays a name only while its object lives
        self.params: set[int] = set()
        self.buffers: set[int] = set()
        self.holders: dict[tuple[int, int], Any] = {}
        for name, tensor in _named(params, "named_parameters"):
            self.params.add(id(tensor))
            self._add(name, tensor)
        if hasattr(params, "named_buffers"):
            for name, tensor in params.named_buffers():
                self.buffers.add(id(tensor))
                self._add(name, tensor)
        from_params = frozenset(self._leaves)
        for name, value in (names or {}).items():
            if isinstance(value, tensor_type) and id(value) not in from_params:
                self._add(name, value)

    def _add(self, name: str, tensor: Any) -> None:
        fn = tensor.grad_fn
        self._alive.append((tensor, fn))
        if fn is None:
            known = self._leaves.setdefault(id(tensor), [])
        else:
            key = id(fn), tensor.output_nr
            known = self._interior.setdefault(key, [])
            self.holders.setdefault(key, tensor)
        if name not in known:
            known.append(name)

    def of_leaf(self, tensor: Any) -> str:
        return ", ".join(self._leaves.get(id(tensor), ()))

    def of_output(self, fn: Any, output_nr: int) -> str:
        return ", ".join(self._interior.get((id(fn), output_nr), ()))

    def of_tensor(self, tensor: Any) -> str:
        fn = tensor.grad_fn
        return self.of_leaf(tensor) if fn is None else self.of_output(fn, tensor.output_nr)

    def leaf_kind(self, tensor: Any) -> Kind:
        if id(tensor) in self.buffers:
            return "buffer"
        if id(tensor) in self.params or any(cls.__name__ == "Parameter" for cls in type(tensor).__mro__):
            return "param"
        return "leaf" if tensor.requires_grad else "input"


def _named(source: Any, method: str) -> Iterable[tuple[str, Any]]:
    if source is None:
        return ()
    if hasattr(source, method):
        return getattr(source, method)()
    return source.items() if isinstance(source, Mapping) else source
