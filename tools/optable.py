"""`python tools/optable.py`: writes docs/OPS.md, the table of all public operations and what each can do.

Nothing in the table is kept by hand. Names are those that programs can reach; what stands behind them is read from the registry of
rows, from the table of compiled kernels, and from the code of composite functions (the rows that it names). What an operation is able to
do is tried: it is called with small tensors, and its result is differentiated once and twice. `--check` only says whether the page
is up to date. tests/test_optable.py does that, too, and tries the same calls in PyTorch.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import itertools
import os
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "OPS.md"
os.environ.setdefault("TGRAD_JIT", "off")
sys.path[:0] = [folder for folder in (str(ROOT), str(ROOT / "tools")) if folder not in sys.path]

import numpy as np  # noqa: E402
from opcalls import ARGUMENTS, CALLS, FLOATS  # noqa: E402

import tgrad  # noqa: E402
import tgrad.nn.functional  # noqa: E402
from tgrad.kernels.expr import BOOL, F32, Number, Opaque, Symbol, trace  # noqa: E402
from tgrad.kernels.table import DERIVATIVES, FORMS  # noqa: E402
from tgrad.ops import ROWS, Row  # noqa: E402
from tgrad.ops.spec import REQUIRED  # noqa: E402

YES, NO, PART, NONE = "yes", "no", "some", "-"

# ---- what an op is able to do: it is tried

SHAPES = ("(2, 2)", "(2,)", "(1, 2, 2)", "(1, 1, 4, 4)", "(1, 1, 4, 4, 4)", "()")


class Trial:
    """One call of an op over tensors of a dtype, `order` times differentiated; it raises where the op does not go."""

    def __init__(self, op: Callable[..., Any], call: str, dtype: str, order: int, library: Any = tgrad) -> None:
        self.library, self.dtype, self.order = library, getattr(library, dtype), order
        self.live: list[Any] = []
        self.differentiated = False
        scope = dict(
            f=self.f, s=lambda *n: self.f(*n, live=False), d=self.dtype, op=op, i=self.i, n=self.n, m=self.m, c=self.c
        )
        scope.update(k=self.k, o=self.o, e=self.e)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.differentiate(eval(f"op({call})", scope))

    def f(self, *shape: int, live: bool = True, dtype: Any = None) -> Any:
        shape = shape[0] if shape and isinstance(shape[0], tuple) else shape  # type: ignore[assignment]
        n = max(1, self.library.zeros(shape).numel())
        x = (
            (self.library.arange(1, n + 1, dtype=self.library.float64) / (2 * n + 1))
            .reshape(shape)
            .to(dtype or self.dtype)
            .clone()
        )
        if live and self.order and (x.is_floating_point() or x.is_complex()):
            self.live.append(x.requires_grad_())
        return x

    def i(self, *shape: Any) -> Any:
        return self.library.zeros(*shape, dtype=self.library.int64)

    def n(self, *shape: Any) -> Any:
        return self.library.ones(*shape, dtype=self.library.int64)

    def m(self, *shape: Any) -> Any:
        return self.library.ones(*shape, dtype=self.library.bool)

    def c(self, *shape: int) -> Any:
        return self.f(*shape, dtype=self.library.complex128)

    def k(self, *shape: int) -> Any:
        wide = self.dtype.to_complex()
        return self.f(*shape, dtype=wide)

    def o(self, n: int) -> Any:
        return self.library.arange(1, n + 1, dtype=self.library.int32)

    def e(self, n: int) -> Any:
        return self.library.eye(n, dtype=self.dtype)

    def differentiate(self, outputs: Any) -> None:
        for k in range(self.order):
            # A loss of squares has a derivative that depends on the inputs, unless it is zero: one that does not cannot be
            # differentiated again.
            outs = [o for o in flat(outputs) if isinstance(o, self.library.Tensor) and (k or o.requires_grad)]
            live = [o for o in outs if o.requires_grad]
            total = sum((((o.real if o.is_complex() else o) ** 2).sum() for o in live), self.library.zeros(()))
            outputs = [None for _ in self.live]
            if live:
                outputs = self.library.autograd.grad(total, self.live, create_graph=True, allow_unused=True)
            some = any(g is not None for g in outputs)
            self.differentiated = self.differentiated or some
            if k and not some and any(bool((o != 0).any()) for o in outs):
                raise RuntimeError("the derivative is not recorded")


def flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (tuple, list)):
        for v in value:
            yield from flat(v)
    else:
        yield value


def attempt(
    op: Callable[..., Any], call: str, dtype: str = "float64", order: int = 0, library: Any = tgrad
) -> Trial | None:
    try:
        return Trial(op, call, dtype, order, library)
    except Exception:  # whatever it raises, it does not go
        return None


def candidates(required: list[tuple[str, str]]) -> Iterator[str]:
    """Calls that might go, for arguments (name, kind), where the kind f is a tensor and * several."""
    for shape in SHAPES:
        choices = []
        for name, kind in required:
            word = ARGUMENTS.get(name) or ("f" if kind or name in FLOATS else "1 0.5")
            if kind == "s" and word == "f":
                word = "s"
            options = [word] if word[0] == "[" else word.split()
            choices.append(
                [
                    f"{o}({shape})"
                    if o in ("f", "s", "i", "m")
                    else f"[f({shape}), f({shape})]"
                    if o == "[f, f]"
                    else o
                    for o in options
                ]
            )
            if kind == "*":
                choices[-1] = [f"[{c}]" if c[0] != "[" else c for c in choices[-1]]
        for values in itertools.islice(itertools.product(*choices), 12):
            yield ", ".join(values)
    for shape in ("(2,)", "(2, 2)"):  # integers
        yield ", ".join([f"n({shape})" if kind or ARGUMENTS.get(name) == "f" else "1" for name, kind in required])


class Ability:
    """What an op can do, found out by trying `call`; without one, nothing is known of it."""

    def __init__(self, op: Callable[..., Any], call: str, library: Any = tgrad) -> None:
        go = functools.partial(attempt, op, call, library=library)
        self.call = call
        self.grad, self.second, self.complex = ("?", "?", "?") if not call else (NO, NONE, NO)
        once = go(order=1) if call else None
        if once is not None and once.differentiated:
            self.grad, self.second = YES, YES if go(order=2) else NO
        if call and ("f(" in call or "c(" in call) and go("complex128"):
            wide = go("complex128", order=1)
            self.complex = YES if self.grad != YES or (wide is not None and wide.differentiated) else "no gradient"


def call_of(name: str, op: Callable[..., Any], required: list[tuple[str, str]]) -> str:
    """A call that goes: with a gradient, if the op has one."""
    tries = [CALLS[name]] if name in CALLS else list(candidates(required))
    for order in (1, 0):
        for call in tries:
            if attempt(op, call, order=order):
                return call
    return ""


def ability(name: str, fn: Any, title: str) -> Ability:
    required = []
    row = getattr(fn, "row", None)
    if row is not None:
        tensors = {t.rstrip("*"): "*" if t.endswith("*") else "f" for t in row.tensors}
        live = {t for f in row.grad.values() for t in f.targets}
        for p in row.params:
            kind = tensors.get(p.name, "")
            if p.default is REQUIRED:
                required.append((p.name, "s" if kind == "f" and live and p.name not in live else kind))
    else:
        for p in inspect.signature(inspect.unwrap(fn)).parameters.values():
            if p.kind is p.VAR_POSITIONAL and p.name in ("tensors", "matrices"):
                required.append((p.name, "*"))
            elif p.default in (p.empty, REQUIRED) and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
                required.append((p.name, ""))
    own = f"{ {'nn.functional': 'F'}.get(title, title) }.{name}"
    return Ability(fn, call_of(own if own in CALLS else name, fn, required))


# ---- which kernels there are


def traces(fn: Callable[..., Any], operands: int, params: dict[str, Any], as_it_is: bool = False) -> bool:
    """Whether a formula over floats is an expression, which is what kernels are rendered from (Note [Tracing]); with `as_it_is`, one
    that hands an operand on counts, too."""
    for kinds in ((F32,) * operands, (BOOL, *(F32,) * (operands - 1)), (BOOL,) * operands):
        symbols = [Symbol("in", (i,), kind) for i, kind in enumerate(kinds)]
        try:
            found = trace(fn, symbols, params)
        except Opaque:
            continue
        if all(isinstance(x, Symbol) and (as_it_is or x.word not in ("in", "const")) for x in found):
            return True
    return False


def plain(row: Row) -> dict[str, Any]:
    tensors = {t.rstrip("*") for t in row.tensors}
    return {
        p.name: Number("in", (9,), F32) if p.default is REQUIRED else p.default
        for p in row.params
        if p.name not in tensors
    }


@functools.cache
def numba(row: Row) -> str:
    """The compiled forms on the CPU: of the row, of its gradient, or both."""
    forward = row.name in FORMS or (row.family == "pointwise" and traces(row.array, len(row.tensors), plain(row)))
    if row.name in DERIVATIVES:
        backward = True
    elif row.family == "pointwise":
        backward = bool(row.grad) and all(formula_traces(row, f) for f in row.grad.values())
    else:
        backward = any(r.name in FORMS for f in row.grad.values() for r in rows_of(f.fn))
    return ", ".join(word for word, there in (("forward", forward), ("gradient", backward)) if there) or NONE


def formula_traces(row: Row, f: Any) -> bool:
    known = plain(row)
    operands = [w for w in f.words if w not in known]

    def formula(*args: Any) -> Any:
        given = dict(zip(operands, args, strict=True))
        return f.fn(*[given.get(w, known.get(w)) for w in f.words])

    return traces(formula, len(operands), {}, as_it_is=True)


def cuda(row: Row) -> str:
    """The compiled forms on a GPU."""
    return NONE


# ---- which rows a function is made of


# Where functions are made of rows; what lies below (the door, the graph) calls rows for its own purposes.
ABOVE_THE_DOOR = (
    "tgrad.composite.",
    "tgrad.nn.",
    "tgrad.ops.",
    *(f"tgrad.{name}" for name in ("linalg", "fft", "special")),
)


# Methods that can only be a tensor's: no array, list, text or table has one of that name.
METHODS = set(dir(tgrad.Tensor)) - {n for t in (np.ndarray, list, str, dict, set) for n in dir(t)}


@functools.cache
def definitions(file: str) -> dict[int, ast.AST]:
    found: dict[int, ast.AST] = {}
    for node in ast.walk(ast.parse(Path(file).read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef):
            found[min([node.lineno, *(d.lineno for d in node.decorator_list)])] = node
        elif isinstance(node, ast.Lambda):
            found.setdefault(node.lineno, node)
    return found


def names_of(fn: types.FunctionType) -> dict[str, Any]:
    """What the free names in a function's body stand for."""
    cells = zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True)
    known = {**fn.__globals__, **{n: c.cell_contents for n, c in cells if c != types.CellType()}}
    return {n: v for n, v in known.items() if n not in fn.__code__.co_varnames}


def resolved(node: ast.AST, names: dict[str, Any]) -> Any:
    """The row, function or table of them that an expression names, as far as that can be seen without running it."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        base = resolved(node.value, names)
        return getattr(base, node.attr, None) if isinstance(base, types.ModuleType) else None
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        base = resolved(node.value, names)
        return base.get(node.slice.value) if base is ROWS else None
    return None


def chosen(table: dict[Any, Any], name: str) -> list[Any]:
    """What a table of rows or functions holds for an operation: where its keys are names of operations, only what is under its own."""
    named = any(isinstance(key, str) and (key in ROWS or hasattr(tgrad.nn.functional, key)) for key in table)
    return [value for key, value in table.items() if not named or key == name]


def rows_of(fn: Any, seen: set[int] | None = None, name: str = "") -> list[Row]:
    """The rows that a function calls, directly or through other functions of tgrad, in the order in which its code names them."""
    seen = set() if seen is None else seen
    name = name or getattr(fn, "__name__", "")
    if isinstance(getattr(fn, "row", None), Row):
        return [fn.row]
    fn = inspect.unwrap(fn)
    if isinstance(fn, functools.partial):
        fn = fn.func
    if not isinstance(fn, types.FunctionType) or id(fn) in seen or not str(fn.__module__).startswith(ABOVE_THE_DOOR):
        return []
    seen.add(id(fn))
    body = definitions(fn.__code__.co_filename).get(fn.__code__.co_firstlineno)
    names = names_of(fn)
    found: dict[Row, None] = {}
    nodes = list(ast.walk(body)) if body is not None else []
    for node in nodes:
        value = resolved(node, names)
        table = isinstance(value, dict) and value is not ROWS and value is not fn.__globals__
        for one in chosen(value, name) if table else (value,):
            if isinstance(one, Row):
                found[one] = None
            elif isinstance(one, (types.FunctionType, functools.partial)):
                found.update(dict.fromkeys(rows_of(one, seen, name)))
    for node in [] if found else nodes:  # it may be made of methods alone
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Attribute) and called.attr in METHODS and resolved(called.value, names) is None:
            found.update(dict.fromkeys(rows_of(getattr(tgrad.Tensor, called.attr), seen, name)))
    return list(found)


# ---- the page

GROUPS: dict[str, Any] = {"Functions and methods": tgrad, "nn.functional": tgrad.nn.functional}
for _name in ("linalg", "fft", "special"):
    _spec = importlib.util.find_spec(f"tgrad.{_name}")
    if _spec is not None and (_spec.origin or "").startswith(str(ROOT)):  # another tgrad may be installed, too
        GROUPS[_name] = importlib.import_module(f"tgrad.{_name}")


def public(owner: Any) -> dict[str, Any]:
    names = getattr(owner, "__all__", None) or [n for n in dir(owner) if not n.startswith("_")]
    if owner is tgrad:
        names = [n for n in names if n not in tgrad._SUBMODULES]
    found = {n: getattr(owner, n) for n in names}
    return {n: v for n, v in found.items() if callable(v) and not isinstance(v, (type, types.ModuleType))}


def together(words: list[str]) -> str:
    """One word for the kernels of several rows."""
    return NONE if not words else words[0] if len(set(words)) == 1 else PART


def takes_a_tensor(fn: Any) -> bool:
    """Whether a function's first argument is a tensor: others ask or set something, which nobody wants to be tried."""
    first = next(iter(inspect.signature(inspect.unwrap(fn)).parameters), "")
    return first in ("input", "self", "tensors", "condition", "tensor", "x1", "input1")


def line(name: str, fn: Any, forms: str, title: str) -> str | None:
    rows = rows_of(fn)
    if not rows and not takes_a_tensor(fn):
        return None
    able = ability(name, fn, title)
    if not rows and able.grad != YES:
        return None
    grad = able.grad
    if rows and getattr(fn, "row", None) is rows[0]:
        forward = {"pointwise": "elementwise", "view": "view"}.get(rows[0].family, "arrays")
        grad = ", ".join(rows[0].grad) if grad == YES else grad
    else:
        forward = (
            "composite"
            + ": " * bool(rows)
            + ", ".join(f"`{r.name}`" for r in rows[:6])
            + (", …" if len(rows) > 6 else "")
        )
    kernels = (together([over(r) for r in rows]) for over in (numba, cuda))
    return f"| `{name}` | {forms} | {forward} | {grad} | {able.second} | {able.complex} | " + " | ".join(kernels) + " |"


HEAD = """| name | forms | forward | gradient | second | complex | CPU kernel | CUDA kernel |
|---|---|---|---|---|---|---|---|"""


def operations() -> Iterator[tuple[str, str, Any]]:
    """Every public operation that has rows: group, name, function; without in-place forms of others."""
    for title, owner in GROUPS.items():
        functions = public(owner)
        methods = public(tgrad.Tensor) if owner is tgrad else {}
        for name in sorted({*functions, *methods}):
            if not (name.endswith("_") and name[:-1] in {*functions, *methods}):
                fn = functions.get(name, methods.get(name))
                if rows_of(fn):
                    yield title, name, fn


def section(title: str, owner: Any) -> tuple[list[str], list[str]]:
    lines, apart = [f"## {title}", "", HEAD], []
    functions = public(owner)
    methods = public(tgrad.Tensor) if owner is tgrad else {}
    names = sorted({*functions, *methods})
    for name in names:
        if name.endswith("_") and name[:-1] in names:
            continue  # an in-place form
        forms = [
            w
            for w, there in (("f", functions), ("m", methods), ("i", {**methods, **functions}))
            if (name + "_" if w == "i" else name) in there
        ]
        made = line(name, functions.get(name, methods.get(name)), " ".join(forms), title)
        if made is None:
            apart.append(name)
        else:
            lines.append(made)
    return lines, apart


def page() -> str:
    out = [
        "# Operations",
        "",
        "Made by `python tools/optable.py` from the registry of rows, the table of compiled kernels and the code of composite functions; do",
        "not edit. What an operation can do was tried on small tensors.",
        "",
        "- **forms**: f a function, m a method of tensors, i an in-place form (a trailing underscore)",
        "- **forward**: `elementwise`, `view` and `arrays` are rows; a composite lists the rows that its code names",
        "- **gradient**: the inputs that have one (of a composite: whether it has one); **second**: whether that can be differentiated again",
        "- **complex**: whether complex tensors go, with their gradients",
        "- **CPU kernel**: what runs compiled by numba for large tensors of floats: elementwise formulas because they can be rendered, others",
        "  because there is a kernel by hand (`some`: for some of a composite's rows); **CUDA kernel**: the same on a GPU",
        "- `-`: there is nothing; `?`: no arguments were found to try it with",
        "",
    ]
    for title, owner in GROUPS.items():
        lines, apart = section(title, owner)
        out += lines
        if apart:
            named = ", ".join(f"`{n}`" for n in apart)
            out += [
                "",
                f"Without rows of their own (they make tensors, ask or set something, or only call methods): {named}.",
            ]
        out.append("")
    return "\n".join(out).rstrip() + "\n"


def main() -> int:
    text = page()
    if "--check" in sys.argv:
        fresh = PAGE.exists() and PAGE.read_text("utf-8") == text
        print("docs/OPS.md is up to date" if fresh else "docs/OPS.md is out of date: run python tools/optable.py")
        return 0 if fresh else 1
    PAGE.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
