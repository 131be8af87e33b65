"""The names that a script gave its tensors: variables, items of lists, parameters of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_ITEMS = 1000  # of a list: `losses` may hold a million tensors, and no picture shows that many


class Modules:
    """The parameters and buffers of all modules in a namespace, under the names of their variables: ``net.fc.weight``.

    A module that is part of another one there is left out: its parameters have their names from the whole.
    """

    def __init__(self) -> None:
        self._found: dict[int, tuple[str, Any]] = {}

    def add(self, name: str, module: Any) -> None:
        self._found.setdefault(id(module), (name, module))

    def _whole(self) -> list[tuple[str, Any]]:
        parts = {id(part) for _, module in self._found.values() for part in module.modules() if part is not module}
        return [item for key, item in self._found.items() if key not in parts]

    def named_parameters(self) -> Iterator[tuple[str, Any]]:
        for variable, module in self._whole():
            for name, parameter in module.named_parameters():
                yield f"{variable}.{name}", parameter

    def named_buffers(self) -> Iterator[tuple[str, Any]]:
        for variable, module in self._whole():
            for name, buffer in module.named_buffers():
                yield f"{variable}.{name}", buffer


class Naming:
    """Collects names from namespaces, and tells a variable from an earlier one of the same name by its line."""

    def __init__(self, engine: Any) -> None:
        self._tensor: type = engine.Tensor
        self._module: type = engine.nn.Module
        self.tensors: dict[str, Any] = {}
        self.modules = Modules()
        self._lines: dict[str, int] = {}

    def add(self, namespace: Mapping[str, Any], line: int = 0) -> None:
        """Takes the tensors and modules of a namespace as they are at ``line``."""
        for name, value in list(namespace.items()):
            if name.startswith("_"):
                continue
            for label, tensor in self._tensors(name, value):
                self._name(label, tensor, line)
            for label, module in self._modules(name, value):
                self.modules.add(label, module)

    def _name(self, name: str, tensor: Any, line: int) -> None:
        before = self.tensors.get(name)
        if before is tensor:
            return
        if before is not None and self._lines[name] != line:
            self.tensors[f"{name} (line {self._lines[name]})"] = before
        elif before is not None:
            return  # an inner frame has taken the name already
        self.tensors[name] = tensor
        self._lines[name] = line

    def _tensors(self, name: str, value: Any) -> Iterable[tuple[str, Any]]:
        if isinstance(value, self._tensor):
            return [(name, value)]
        if isinstance(value, list | tuple) and len(value) <= _ITEMS:
            return [(f"{name}[{i}]", item) for i, item in enumerate(value) if isinstance(item, self._tensor)]
        if type(value) is dict and len(value) <= _ITEMS:
            return [(f"{name}[{key!r}]", item) for key, item in value.items() if isinstance(item, self._tensor)]
        return []

    def _modules(self, name: str, value: Any) -> Iterable[tuple[str, Any]]:
        if isinstance(value, self._module):
            return [(name, value)]
        # An object that holds the model: `self` of a trainer, whose attributes are as good as variables.
        held = getattr(value, "__dict__", None)
        if type(held) is dict and not isinstance(value, type) and type(value).__module__ == "__main__":
            return [(f"{name}.{key}", item) for key, item in held.items() if isinstance(item, self._module)]
        return []
