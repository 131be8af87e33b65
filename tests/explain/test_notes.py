"""The note under each kind of error: golden texts, with the names and lines of programs written the way people write them.

`pytest tests/explain --overwrite` would hide mistakes: texts are changed by hand here, after a look at them.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tgrad
from tgrad.interop import torch_alias

SCRIPTS = Path(__file__).with_name("scripts.py")
NAMES = [node.name for node in ast.parse(SCRIPTS.read_text()).body if isinstance(node, ast.FunctionDef)]
GOLDEN = Path(__file__).with_name("notes.txt")


def load(library: str) -> ModuleType:
    """The scripts as a module of their own, on one of the two libraries."""
    spec = importlib.util.spec_from_file_location(f"scripts_{library}", SCRIPTS)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def scripts() -> ModuleType:
    with torch_alias.installed():
        return load("tgrad")


@pytest.fixture(scope="module")
def golden() -> dict[str, str]:
    found = re.split(r"^== (\w+)\n", GOLDEN.read_text(), flags=re.MULTILINE)
    return dict(zip(found[1::2], (text.rstrip("\n") for text in found[2::2]), strict=True))


def error_of(script: Any) -> BaseException:
    with pytest.raises((RuntimeError, ValueError)) as caught:
        script()
    return caught.value


def shown(error: BaseException) -> str:
    """The notes, with line numbers relative to nothing: the script's file name only."""
    return (
        "\n".join(getattr(error, "__notes__", []))
        .replace(str(SCRIPTS), "scripts.py")
        .replace("tests/explain/scripts.py", "scripts.py")
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.changes_global_state
def test_note(name: str, scripts: ModuleType, golden: dict[str, str]) -> None:
    with tgrad.provenance():
        error = error_of(getattr(scripts, name))
    assert shown(error) == golden[name]


@pytest.mark.parametrize("name", NAMES)
def test_without_provenance(name: str, scripts: ModuleType) -> None:
    """There are notes then, too; where a line is not known, they say how to get it."""
    text = shown(error_of(getattr(scripts, name)))
    assert "what:" in text
    assert "tgrad could not explain" not in text


@pytest.mark.parametrize("name", NAMES)
def test_first_line_is_pytorchs(name: str, scripts: ModuleType) -> None:
    pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")
    ours, theirs = error_of(getattr(scripts, name)), error_of(getattr(load("torch"), name))
    assert type(ours) is type(theirs)
    assert str(ours).splitlines()[0] == str(theirs).splitlines()[0]


def test_a_broken_explanation_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from tgrad.explain import notes

    def broken(**facts: Any) -> Any:
        raise KeyError("oops")

    monkeypatch.setitem(notes.KINDS, "leaf written", broken)
    x = tgrad.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad") as caught:
        x.add_(1)
    assert "could not explain" in caught.value.__notes__[0]
