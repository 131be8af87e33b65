"""What a node keeps for its backward, read through its public ``_saved_*`` fields without ever failing."""

from __future__ import annotations

from typing import Any

from .data import Saved
from .names import Names, meta_of

_PREFIX = "_saved_"
_NUMBERS = (int, float, complex)
# Fields that hold an operand. Others (`result`, `indices`, a dropout mask) are made by the operation itself.
_OPERANDS = {
    "self",
    "other",
    "mat",
    "mat1",
    "mat2",
    "vec",
    "vec1",
    "vec2",
    "batch1",
    "batch2",
    "tensor1",
    "tensor2",
    "input",
    "weight",
    "target",
}
# Numbers worth a place on the card: bare where the reader expects them, with their name elsewhere.
_BARE = ("other", "exponent", "negative_slope")
_LABELLED = ("alpha", "dim", "min", "max")


class SavedFields:
    """The saved fields of one node: ``values`` by name, and in ``lost`` why others cannot be read any more."""

    __slots__ = ("lost", "values")

    def __init__(self, fn: Any, field_names: tuple[str, ...]) -> None:
        self.values: dict[str, Any] = {}
        self.lost: dict[str, str] = {}
        for name in field_names:
            try:
                self.values[name] = getattr(fn, _PREFIX + name)
            except RuntimeError as error:  # freed by backward(), or overwritten in place since
                self.lost[name] = "overwritten in place" if "inplace" in str(error) else "freed"
        custom = () if field_names else self._of_custom_function(fn)
        for index, tensor in enumerate(custom):
            self.values[str(index)] = tensor

    def _of_custom_function(self, fn: Any) -> tuple[Any, ...]:
        try:
            return tuple(getattr(fn, "saved_tensors", None) or ())
        except RuntimeError as error:
            self.lost["tensors"] = "overwritten in place" if "inplace" in str(error) else "freed"
            return ()

    def tensors(self, tensor_type: type) -> list[tuple[str, Any]]:
        """Every saved tensor with its field's name; tensors in a tuple are ``indices[0]``, ``indices[1]``, …"""
        found = []
        for field, value in self.values.items():
            if isinstance(value, tensor_type):
                found.append((field, value))
            elif isinstance(value, tuple | list):
                found += [(f"{field}[{i}]", item) for i, item in enumerate(value) if isinstance(item, tensor_type)]
        return found

    def constant(self, fn: Any, tensor_type: type, names: Names) -> str:
        """Scalar arguments as the card shows them: ``3``, ``dim=0``, ``min=0 max=1``."""
        given = {**self.values, **(getattr(fn, "scalar_args", None) or {})}
        bare = (_number(given.get(field), tensor_type, names) for field in _BARE)
        shown = [number_text(value) for value in bare if value is not None]
        for field in _LABELLED:
            value = given.get(field)
            if field == "alpha" and value == 1:
                continue
            if isinstance(value, tuple) and value and all(isinstance(item, int) for item in value):
                parts = ", ".join(map(number_text, value))
                shown.append(f"{field}={parts}" if len(value) == 1 else f"{field}=({parts})")
            elif isinstance(value, _NUMBERS):
                shown.append(f"{field}={number_text(value)}")
        return " ".join(shown)

    def operands_without_grad(self, fn: Any, tensor_type: type, names: Names) -> list[tuple[str, Any]]:
        """Tensors that went into the operation, take no gradient, and deserve a card of their own.

        A named tensor always does. An unnamed one does if it is an operand, is more than a number, and an input
        without gradient is there for it to be.
        """
        has_gap = any(source is None for source, _ in fn.next_functions)
        found = []
        for field, tensor in self.tensors(tensor_type):
            if tensor.requires_grad or tensor.grad_fn is not None:
                continue
            if names.of_leaf(tensor) or (has_gap and field in _OPERANDS and tensor.shape):
                found.append((field, tensor))
        return found

    def describe(self, tensor_type: type, names: Names) -> tuple[Saved, ...]:
        facts = []
        for field, tensor in self.tensors(tensor_type):
            facts.append(Saved(field, names.of_tensor(tensor), meta_of(tensor)))
        for field, reason in self.lost.items():
            facts.append(Saved(field, reason))
        return tuple(facts)


def saved_field_names(fn: Any) -> tuple[str, ...]:
    return tuple(sorted(name[len(_PREFIX) :] for name in dir(fn) if name.startswith(_PREFIX)))


def _number(value: Any, tensor_type: type, names: Names) -> Any:
    """The number that a scalar argument was, also where the library keeps it as a tensor; None for anything else."""
    if isinstance(value, tensor_type):
        tensor: Any = value
        is_number = not tensor.shape and not tensor.requires_grad and not names.of_tensor(tensor)
        return tensor.item() if is_number else None
    return value if isinstance(value, _NUMBERS) else None


def number_text(value: Any) -> str:
    """A number in at most six digits.

    >>> number_text(3), number_text(0.1), number_text(2**64 - 1), number_text(True)
    ('3', '0.1', '-1', 'True')
    """
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):  # PyTorch shows a negative dimension as an unsigned 64-bit number
        return str(value - 2**64 if 2**63 <= value < 2**64 else value)
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
