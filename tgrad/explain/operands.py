"""Notes for operations whose operands do not fit: what they are called, their shapes under one another, and in which module it was."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ..graph import places
from ..ops.spec import Row
from ..tensor import Tensor
from .naming import name_of, user_frames, view_name
from .notes import Line, explains

_WORDS = {"self": "input", "mat1": "mat1", "mat2": "mat2", "other": "other"}


def module_path() -> str:
    """The module in whose forward this runs, as a path from the outermost one: "net.fc1"; "" outside of modules."""
    inside: list[Any] = []
    f: Any = sys._getframe(1)
    while f is not None:
        of = f.f_locals.get("self") if f.f_code.co_name == "forward" else None
        if of is not None and hasattr(type(of), "named_modules"):
            inside.append(of)
        f = f.f_back
    if not inside:
        return ""
    root = inside[-1]
    name = places.name_of(root) or type(root).__name__
    path = next((path for path, part in root.named_modules() if part is inside[0]), "")
    return f"{name}.{path}" if path else name


def shown_shape(t: Tensor) -> str:
    return "[" + ", ".join(map(str, t._a.shape)) + "]"


def label(t: Tensor, word: str) -> str:
    return f"`{name_of(t) or view_name(t) or word}`"


def aligned(tensors: Sequence[tuple[str, Tensor]]) -> list[str]:
    """Shapes under one another, last dimensions first, with a mark under those that do not fit.

    `scores`  [4, 3, 5]
    `bias`       [2, 5]
                  ^
    """
    ndim = max(t._a.ndim for _, t in tensors)
    cells = [[""] * (ndim - t._a.ndim) + [str(n) for n in t._a.shape] for _, t in tensors]
    wide = [max(len(row[i]) for row in cells) for i in range(ndim)]
    names = max(len(name) for name, _ in tensors)
    lines = []
    for (name, t), row in zip(tensors, cells, strict=True):
        first = ndim - t._a.ndim
        text = "".join(
            (" " * (wide[i] + 2))
            if i < first
            else ("[" if i == first else " ") + row[i].rjust(wide[i]) + ("]" if i == ndim - 1 else ",")
            for i in range(ndim)
        )
        lines.append(f"{name.ljust(names)}  {text if t._a.ndim else '[]'}")
    marks = ""
    for i in range(ndim):
        sizes = {row[i] for row in cells if row[i] not in ("", "1")}
        marks += " " + ("^" * wide[i] if len(sizes) > 1 else " " * wide[i]) + " "
    if "^" in marks:
        lines.append(" " * (names + 2) + marks.rstrip())
    return lines


def _where() -> Iterator[Line]:
    frame = next(user_frames(), None)
    path = module_path()
    if frame is not None:
        place = places.Place(frame.f_code, frame.f_lasti, None)
        inside = f", in {place.function}" if place.function != "<module>" else ""
        yield "where", f"`{place.text}` ({place}{inside}{', module ' + path if path else ''})"


@explains("operands")
def operands(row: Row, inputs: Sequence[Any]) -> Iterator[Line]:
    words = [w.rstrip("*") for w in row.tensors]
    given: list[tuple[str, Tensor]] = []
    for i, x in enumerate(inputs):
        word = words[i] if i < len(words) else f"tensors[{i}]"
        if len(words) == 1 and len(inputs) > 1:
            word = f"tensors[{i}]"
        if isinstance(x, Tensor):
            given.append((label(x, _WORDS.get(word, word)), x))
        elif isinstance(x, (list, tuple)):
            given += [(label(t, f"{word}[{j}]"), t) for j, t in enumerate(x) if isinstance(t, Tensor)]
    if not given:
        return
    kinds = {t.dtype for _, t in given}
    if row.family == "pointwise" and len(given) > 1:
        first, *rest = aligned(given)
        yield "what", first
        yield from (("", line) for line in rest)
        yield from _where()
        yield (
            "why",
            "dimensions are matched from the last one on: each pair must be equal, or one of the two 1 (or missing)",
        )
        sizes = [t._a.shape for _, t in given]
        turned = _fitting_view(sizes)
        if turned:
            yield "try", turned.format(*[name.strip("`") for name, _ in given])
        return
    for i, (name, t) in enumerate(given):
        yield ("what" if i == 0 else ""), f"{name}  {t.dtype.name} {shown_shape(t)}"
    yield from _where()
    if len(kinds) > 1 and row.name in ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot", "linear"):
        yield "why", "a matrix product takes operands of one dtype"
        yield "try", f"{given[-1][0].strip('`')}.to({given[0][1].dtype}), or the input in the dtype of the parameters"
    elif row.name in ("mm", "addmm"):
        a, b = given[-2][1]._a.shape, given[-1][1]._a.shape
        if len(a) == 2 and len(b) == 2 and a[1] != b[0]:
            yield "why", f"the columns of the first ({a[1]}) must be as many as the rows of the second ({b[0]})"
            if a[1] == b[1]:
                yield "try", f"{given[-1][0].strip('`')}.T, whose rows are {b[1]}"


def _fitting_view(shapes: Sequence[tuple[int, ...]]) -> str | None:
    """A way to make a vector fit along the one dimension of the other operand that has its length."""
    if len(shapes) != 2:
        return None
    for i in (1, 0):
        big, small = shapes[1 - i], shapes[i]
        at = [d for d, n in enumerate(big) if n == small[0]] if len(small) == 1 else []
        if len(at) == 1:
            sizes = ", ".join([str(small[0]), *["1"] * (len(big) - at[0] - 1)])
            return f"{{{i}}}.view({sizes}), if it is meant to go along dimension {at[0]}"
    return None


@explains("module")
def module(module: Any, inputs: Sequence[Any]) -> Iterator[Line]:
    tensors = [(f"`{name_of(t) or 'input'}`", t) for t in inputs if isinstance(t, Tensor)]
    if not tensors:
        return
    text = repr(module)
    yield (
        "what",
        f"{text if chr(10) not in text else type(module).__name__} was called with "
        + ", ".join(f"{name} ({t.dtype.name} {shown_shape(t)})" for name, t in tensors),
    )
    own = [f"{name} {shown_shape(p)}" for name, p in module.named_parameters(recurse=False)]
    if own:
        yield "", "its parameters: " + ", ".join(own)
    yield from _where()


__all__ = ["aligned", "module", "module_path", "operands"]
