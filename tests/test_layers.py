"""Which way imports point: every import of every file, in-function ones too, held against one table.

The table is docs/ARCHITECTURE.md's picture in code. A lower rank never imports a higher one, except for type hints
under `if TYPE_CHECKING`. Importing inside a function does not help: that is still an arrow.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"tgrad": "tgrad", "cli": "tgrad.cli", "viz": "tgrad.viz"}

# Lowest first. A name stands for a module and what is inside it; `graph.*` for the rest of graph, `*` for all the rest.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("version", "dtype", "shape", "codes"),
    ("storage", "pool", "device", "rng"),
    ("ops",),
    ("kernels",),
    (
        "graph",
        "graph.node",
        "graph.saved",
        "graph.modes",
        "graph.history",
        "graph.anomaly",
        "graph.places",
        "graph.reasons",
    ),
    ("tensor",),
    ("promotion", "levels", "dispatch", "fast", "prepared"),
    ("methods", "functions", "prepared"),
    ("graph.*", "echo"),
    ("composite",),  # public functions made of rows
    ("*",),  # nn, optim, utils, autograd, linalg, fft, special, func, interop: PyTorch's names over public functions
    ("",),  # tgrad/__init__.py
)

# Only when first needed: each of them costs more than all of tgrad's own import.
HEAVY = {"numba", "llvmlite", "scipy", "jedi"}
COMPILED = (
    "tgrad.kernels.compiled"  # runs in the compiler's process, which has numba anyway, and is imported nowhere else
)
# The engine knows no terminal and no drawing library, and never the package that it stands in for.
NOT_IN_ENGINE = {"rich", "prompt_toolkit", "pygments", "graphviz", "graphviz_pure", "click", "jedi", "torch"}
# But for what draws in a terminal by its very nature, and does so only when it is used.
DRAWS = {("tgrad.utils.progress", "rich")}
# What cli and viz may import besides each other: tgrad itself and the modules that users import.
PUBLIC_RANKS = {len(LAYERS) - 1, len(LAYERS) - 2}
PUBLIC_EXTRA = {"tgrad.version", "tgrad.echo"}


@dataclass(frozen=True)
class Import:
    module: str  # the file that imports, as it is installed: tgrad.graph.engine
    target: str  # what it imports: a module, or a name in one where `name` is set
    name: str | None
    line: int
    in_function: bool


def module_name(path: Path) -> str:
    """tgrad/graph/node.py -> tgrad.graph.node; cli/main.py -> tgrad.cli.main."""
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    if rest[-1] == "__init__":
        rest.pop()
    return ".".join([FOLDERS[folder], *rest])


def is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def imports(source: str, module: str, is_package: bool, modules: set[str]) -> list[Import]:
    """Every import of one file. `from .a import b` means the module a.b where there is one, else the module a."""
    found = []

    def visit(node: ast.AST, in_function: bool) -> None:
        if isinstance(node, ast.If) and is_type_checking(node.test):
            for child in node.orelse:
                visit(child, in_function)
            return
        if isinstance(node, ast.Import):
            found.extend(Import(module, alias.name, None, node.lineno, in_function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, base] if base else parts)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                if full in modules:
                    found.append(Import(module, full, None, node.lineno, in_function))
                else:
                    found.append(Import(module, base, alias.name, node.lineno, in_function))
        inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(ast.parse(source), False)
    return found


RANKS = {name: level for level, names in enumerate(LAYERS) for name in names}


def rank(module: str) -> int:
    """The layer of an engine module, by its longest matching name in the table; ranks grow upward."""
    parts = module.split(".")[1:]
    candidates = [".".join(parts)]
    for depth in range(len(parts) - 1, 0, -1):
        parent = ".".join(parts[:depth])
        candidates += [f"{parent}.*", parent]
    candidates.append("*")
    return next(RANKS[name] for name in candidates if name in RANKS)


def side(module: str) -> str:
    """'cli', 'viz', 'engine', or 'outside' for what is not tgrad."""
    if module.split(".")[0] != "tgrad":
        return "outside"
    part = module.split(".")[1] if "." in module else ""
    return part if part in {"cli", "viz"} else "engine"


def complaint(one: Import) -> str | None:
    """Why this import is not allowed, or None."""
    here, there = side(one.module), side(one.target)
    top = one.target.split(".")[0]
    if there == "outside":
        if top in HEAVY and not one.in_function and not one.module.startswith(COMPILED):
            return f"{top} is imported on loading; import it where it is first needed"
        if here == "engine" and top in NOT_IN_ENGINE and not ((one.module, top) in DRAWS and one.in_function):
            return f"the engine imports {top}"
        return None
    if here == "engine":
        if there != "engine":
            return f"the engine imports {one.target}"
        if one.target.startswith(COMPILED) and not one.module.startswith(COMPILED):
            return f"{one.target} is for the compiler's process"
        if rank(one.target) > rank(one.module):
            return f"an arrow up: rank {rank(one.module)} imports {one.target}, rank {rank(one.target)}"
        return None
    if here == "viz" and there == "cli":
        return "viz imports cli"
    if there == "engine":
        if rank(one.target) not in PUBLIC_RANKS and one.target not in PUBLIC_EXTRA:
            return f"{one.target} is not public"
        private = [part for part in [*one.target.split("."), one.name or ""] if part.startswith("_")]
        if [part for part in private if not part.endswith("__")]:
            return f"{one.target} {one.name or ''} is private"
    return None


def source_files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def test_imports_point_down() -> None:
    files = source_files()
    modules = {module_name(path) for path in files}
    wrong = []
    for path in files:
        for one in imports(path.read_text("utf-8"), module_name(path), path.name == "__init__.py", modules):
            why = complaint(one)
            if why is not None:
                wrong.append(f"{path.relative_to(ROOT)}:{one.line}: {why}")
    assert not wrong, "\n" + "\n".join(wrong)


MODULES = {"tgrad", "tgrad.dtype", "tgrad.tensor", "tgrad.dispatch", "tgrad.graph", "tgrad.graph.node"}
MODULES |= {"tgrad.graph.engine", "tgrad.nn", "tgrad.nn.modules", "tgrad.methods", "tgrad.ops.spec", "tgrad.cli.main"}
MODULES |= {"tgrad.kernels", "tgrad.kernels.compiled", "tgrad.kernels.compiled.lang", "tgrad.kernels.compiled.rows"}


@pytest.mark.parametrize(
    ("module", "source", "words"),
    [
        ("tgrad.dtype", "from .tensor import Tensor", "arrow up"),
        ("tgrad.dtype", "from tgrad.tensor import Tensor", "arrow up"),
        ("tgrad.dtype", "import tgrad.tensor", "arrow up"),
        ("tgrad.tensor", "def f():\n    from .dispatch import call", "arrow up"),
        ("tgrad.tensor", "def f():\n    import tgrad", "arrow up"),
        ("tgrad.graph.node", "from . import engine", "arrow up"),
        ("tgrad.methods", "from .graph import engine", "arrow up"),
        (
            "tgrad.ops.spec",
            "try:\n    from .. import kernels\nfinally:\n    from ..tensor import T",
            "arrow up",
        ),
        ("tgrad.nn.modules", "from .. import tensor_from_the_top", "arrow up"),
        ("tgrad.nn.modules", "from tgrad.cli import main", "the engine imports tgrad.cli"),
        ("tgrad.graph.engine", "def f():\n    import rich.console", "the engine imports rich"),
        ("tgrad.utils.progress", "import rich.console", "the engine imports rich"),
        ("tgrad.dtype", "import scipy.special", "on loading"),
        ("tgrad.dtype", "class A:\n    import numba", "on loading"),
        ("tgrad.kernels.native", "def f():\n    from .compiled import lang", "compiler's process"),
        ("tgrad.viz.walk", "from tgrad.cli.main import main", "viz imports cli"),
        ("tgrad.cli.main", "from tgrad.dispatch import call", "not public"),
        ("tgrad.cli.main", "from tgrad import _secret", "private"),
    ],
)
def test_a_wrong_import_is_caught(module: str, source: str, words: str) -> None:
    reasons = [complaint(one) for one in imports(source, module, False, MODULES)]
    assert any(words in reason for reason in reasons if reason), reasons


@pytest.mark.parametrize(
    ("module", "is_package", "source"),
    [
        ("tgrad.tensor", False, "from .dtype import dtype\nfrom .graph.node import Node\nimport numpy as np"),
        ("tgrad.dtype", False, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .tensor import Tensor"),
        ("tgrad.graph.engine", False, "from ..methods import x\nfrom ..tensor import Tensor\nfrom .node import Node"),
        ("tgrad.graph", True, "from . import node"),
        ("tgrad.kernels.cpu", False, "def compile():\n    import numba"),
        ("tgrad.kernels.compiled.rows", False, "import numba\nfrom .lang import f8"),
        ("tgrad.nn", True, "from .modules import Linear\nfrom ..functions import add"),
        ("tgrad.utils.progress", False, "def draw():\n    import rich.console"),
        ("tgrad.nn.modules", False, "from ..functions import add"),
        ("tgrad", True, "from .tensor import Tensor\nfrom . import nn"),
        ("tgrad.cli.main", False, "import tgrad, rich\nfrom tgrad.viz import render\nfrom tgrad import nn"),
        ("tgrad.cli.main", False, "from tgrad.version import __version__"),
    ],
)
def test_a_right_import_passes(module: str, is_package: bool, source: str) -> None:
    assert [complaint(one) for one in imports(source, module, is_package, MODULES) if complaint(one)] == []


def test_ranks() -> None:
    order = "tgrad.dtype tgrad.storage tgrad.ops.pointwise tgrad.kernels.render tgrad.graph.node tgrad.tensor"
    order += " tgrad.dispatch tgrad.methods tgrad.graph.engine tgrad.composite.creation tgrad.nn.modules.linear tgrad"
    assert [rank(module) for module in order.split()] == list(range(len(LAYERS)))


def test_importing_tgrad_loads_nothing_heavy() -> None:
    """The same, measured: after `import tgrad` none of these are loaded, through whatever detour."""
    watched = sorted(HEAVY | NOT_IN_ENGINE)
    code = f"import sys, tgrad; print(*[name for name in {watched!r} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.split() == []
