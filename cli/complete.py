"""Completion that runs nothing: Tab must not print, wait, or add a node to a graph.

Attributes of live objects are read from dictionaries and slots only. A property is not called; where its function says
what it returns, that class is offered instead. What the objects cannot tell is left to jedi's analysis of the text.
"""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
import sys
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .commands import commands, is_command
from .dialects import DIALECTS

_ATTRIBUTE = re.compile(r"(?<![\w.\])}\"'])([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\.([A-Za-z_]\w*)?$")
_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+import\s+(?:[\w, ]*,\s*)?(\w*)$")
_NAME = re.compile(r"[A-Za-z_]\w*$")
_UNKNOWN = object()
_HARMLESS = (types.ModuleType, type, types.FunctionType, types.BuiltinFunctionType, str, int, float, complex, bytes)


@dataclass(frozen=True)
class Match:
    """``text`` replaces the last ``length`` characters before the cursor."""

    text: str
    length: int


def complete(source: str, namespace: Mapping[str, Any], engine: str = "tgrad") -> list[Match]:
    """What can stand at the end of ``source``, in a session with ``namespace``."""
    if is_command(source):
        return _command(source, namespace)
    line = source.rsplit("\n", 1)[-1]
    if _inside_text(source):
        return []
    imported = _FROM.match(line)
    if imported:
        return _imported(imported[1], imported[2], engine)
    attribute = _ATTRIBUTE.search(line)
    if attribute:
        found = look_up(namespace, attribute[1].split("."))
        if found is not _UNKNOWN:
            return _matches(_names_of(found), attribute[2] or "")
        return _by_analysis(source, namespace)
    word = _NAME.search(line)
    analysed = _by_analysis(source, namespace)
    if word is None or line[: word.start()].rstrip().endswith((".", "import")):
        return analysed
    names = _matches([*namespace, *dir(builtins), *keyword.kwlist], word[0])
    seen = {match.text for match in names}
    return names + [match for match in analysed if match.text not in seen]


def look_up(namespace: Mapping[str, Any], path: list[str]) -> Any:
    """The object that a dotted path means, or ``Class`` of it; ``_UNKNOWN`` where only running code could tell."""
    if path[0] in namespace:
        found = namespace[path[0]]
    elif hasattr(builtins, path[0]):
        found = getattr(builtins, path[0])
    else:
        return _UNKNOWN
    for name in path[1:]:
        found = _step(found, name)
        if found is _UNKNOWN:
            break
    return found


@dataclass(frozen=True)
class Instance:
    """Some object of a class: all that is known of a property that was not called."""

    cls: type


def _step(found: Any, name: str) -> Any:
    if isinstance(found, types.ModuleType):
        return vars(found).get(name, _UNKNOWN)
    holder = found.cls if isinstance(found, Instance) else found
    try:
        static = inspect.getattr_static(holder, name)
    except AttributeError:
        return _UNKNOWN if isinstance(found, Instance) else _in_module(found, name)
    if isinstance(static, property):
        return _returned(static.fget)
    if isinstance(static, types.MemberDescriptorType) and not isinstance(found, Instance):
        try:
            return static.__get__(found)  # a slot: reading it calls nothing
        except AttributeError:
            return _UNKNOWN
    if isinstance(static, staticmethod | classmethod):
        return static.__func__
    if hasattr(type(static), "__get__") and not isinstance(static, types.FunctionType | types.BuiltinFunctionType):
        return _UNKNOWN
    return static


def _in_module(found: Any, name: str) -> Any:
    """``net.fc1``: an nn.Module keeps its parts in dictionaries and finds them by ``__getattr__``."""
    held = getattr(found, "__dict__", {})
    for place in ("_modules", "_parameters", "_buffers"):
        part = held.get(place)
        if isinstance(part, dict) and name in part:
            return part[name]
    return _UNKNOWN


def _returned(function: Any) -> Any:
    annotation = getattr(function, "__annotations__", {}).get("return")
    if isinstance(annotation, str):
        first = annotation.split("|")[0].strip()
        annotation = function.__globals__.get(first, getattr(builtins, first, None))
    return Instance(annotation) if isinstance(annotation, type) else _UNKNOWN


def _names_of(found: Any) -> Iterable[str]:
    return dir(found.cls) if isinstance(found, Instance) else dir(found)


def _matches(names: Iterable[str], prefix: str) -> list[Match]:
    """Those that begin so; private names only for who asks for them, plain ones first."""
    fitting = {name for name in names if name.startswith(prefix) and (prefix.startswith("_") or name[:1] != "_")}
    return [Match(name, len(prefix)) for name in sorted(fitting, key=lambda name: (name.endswith("_"), name.lower()))]


def _imported(module: str, prefix: str, engine: str) -> list[Match]:
    """After ``from torch.nn import``: names of a module that is loaded; none is imported for a Tab."""
    top = module.split(".")[0]
    ours = {"torch": engine, "torchvision": f"{engine}.vision" if engine == "tgrad" else "torchvision"}.get(top, top)
    name = ours + module[len(top) :]
    loaded = sys.modules.get(name)
    return _matches(dir(loaded), prefix) if loaded is not None else []


def _by_analysis(source: str, namespace: Mapping[str, Any]) -> list[Match]:
    """jedi, kept from running anything.

    It asks the objects that it is given for attributes, which is code of theirs; so it gets definitions and plain
    values only. Everything else is dealt with before.
    """
    import jedi

    jedi.settings.allow_unsafe_interpreter_executions = False
    known = {name: value for name, value in namespace.items() if isinstance(value, _HARMLESS)}
    completions = jedi.Interpreter(source, [known]).complete()
    private = bool(re.search(r"(?:^|\W)_\w*$", source))
    return [
        Match(c.name_with_symbols, c.get_completion_prefix_length())
        for c in completions
        if private or not c.name.startswith("_")
    ]


def _inside_text(source: str) -> bool:
    """Whether the cursor is inside a string or a comment, where names mean nothing."""
    quote = ""
    i = 0
    while i < len(source):
        if quote:
            if source[i] == "\\":
                i += 1
            elif source.startswith(quote, i):
                i += len(quote) - 1
                quote = ""
            elif source[i] == "\n" and len(quote) == 1:
                quote = ""
        elif source[i] in "\"'":
            quote = source[i] * 3 if source.startswith(source[i] * 3, i) else source[i]
            i += len(quote) - 1
        elif source[i] == "#":
            end = source.find("\n", i)
            if end < 0:
                return True
            i = end
        i += 1
    return bool(quote)


def _command(source: str, namespace: Mapping[str, Any]) -> list[Match]:
    words = source.lstrip()[1:].split(" ")
    last = words[-1]
    if len(words) == 1:
        return _matches(commands(), last)
    if words[0] == "dialect":
        return _matches(DIALECTS[1:], last)
    if words[0] == "chain":
        return _matches(("on", "off"), last)
    if words[0] == "graph" and len(words) > 2:
        return _matches(namespace, last)
    if words[0] in {"run", "graph"}:
        return _paths(last)
    return []


def _paths(prefix: str) -> list[Match]:
    folder, _, stem = prefix.rpartition("/")
    place = Path(folder + "/" if folder else ("/" if prefix.startswith("/") else "."))
    try:
        found = sorted(place.iterdir())
    except OSError:
        return []
    names = [entry.name + "/" if entry.is_dir() else entry.name for entry in found]
    return [Match(name, len(stem)) for name in names if name.startswith(stem) and (stem or name[0] != ".")]
