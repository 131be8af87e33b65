"""The docstrings of data loading and of tgrad.vision: all public names have one, and their examples print what they say."""

from __future__ import annotations

import doctest
import importlib
import inspect
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

import tgrad
from tgrad.interop import torch_alias

# Their examples run in PyTorch as well.
SHARED = ("utils.data", "utils.data._utils.collate", "utils.data._utils.worker", "multiprocessing")
OURS = ("utils.datasets", "utils.progress", "vision", "vision.transforms", "vision.transforms.functional", "vision.datasets", "vision.utils", "vision.io")  # fmt: skip


def documented(module: str) -> Iterator[tuple[str, Any]]:
    """The module, and what it has that is ours, with methods of classes."""
    owner = importlib.import_module(f"tgrad.{module}")
    yield module, owner
    for name in getattr(owner, "__all__", None) or [n for n in dir(owner) if not n.startswith("_")]:
        found = getattr(owner, name)
        if isinstance(found, types.ModuleType) or not str(getattr(found, "__module__", "")).startswith("tgrad"):
            continue
        if callable(found):
            yield f"{module}.{name}", found


NAMES = {name: value for module in (*SHARED, *OURS) for name, value in documented(module)}
EXAMPLES = [name for name, value in NAMES.items() if ">>>" in (inspect.getdoc(value) or "")]


def test_every_public_name_says_what_it_is() -> None:
    private = {"_DatasetKind"}
    lacking = [n for n, v in NAMES.items() if len(inspect.getdoc(v) or "") < 8 and n.rpartition(".")[2] not in private]
    assert not lacking


def run(name: str, library: Any) -> None:
    library.manual_seed(0)
    home = getattr(NAMES[name], "__module__", None)
    scope: dict[str, Any] = dict(vars(sys.modules[home])) if home and name.startswith(OURS) else {}
    scope["torch"] = library
    report: list[str] = []
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(NAMES[name]) or "", scope, name, None, 0)
    result = doctest.DocTestRunner(verbose=False).run(example, out=report.append)
    assert result.attempted and not result.failed, "".join(report)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str) -> None:
    if name.startswith("vision"):
        pytest.importorskip("PIL", reason="Pillow is not installed")
    with torch_alias.installed():
        run(name, tgrad)


@pytest.mark.parametrize("name", [n for n in EXAMPLES if n.startswith(SHARED) and not n.startswith(OURS)])
def test_example_in_pytorch(name: str, torch: Any) -> None:
    run(name, torch)


def test_pillow_and_rich_are_loaded_when_they_are_needed() -> None:
    import subprocess

    code = (
        "import sys, tgrad.utils.data, tgrad.utils.datasets, tgrad.utils.progress, tgrad.multiprocessing\n"
        "import tgrad.vision.transforms, tgrad.vision.datasets, tgrad.vision.utils, tgrad.vision.io\n"
        "print([n for n in ('PIL', 'rich', 'torch', 'scipy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
