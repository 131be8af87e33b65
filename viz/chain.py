"""One line for the terminal: the way from a result back to a leaf."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .dot import visible
from .names import VIEW_OPS, Names, op_name, short_name, tensor_class

_LOOKED_AT = 20_000  # nodes: a line printed after every command must not cost more than its reader's patience
_OTHER_LEAVES = 4
_VIEWS_IN_A_ROW = 4


def chain(tensor: Any, names: Mapping[str, Any] | None = None, params: Any = None, max_length: int = 8) -> str:
    """The path from ``tensor`` back to a leaf, as in ``MeanBackward0 ← AddBackward0 ← x [2, 2] (+ w [2])``.

    The path follows the first input that is more than a leaf or a view of one, so it shows the operations rather than
    the nearest weight. ``(+1)`` behind a node counts further such inputs; the other leaves stand in parentheses at the
    end. Of a path longer than ``max_length`` nodes the middle is counted, not shown.
    Raises TypeError if ``tensor`` is not a tensor and ValueError if ``max_length`` is below 3.
    """
    if max_length < 3:
        raise ValueError(f"max_length must be at least 3, not {max_length}")
    known = Names(tensor_class(tensor), names, params)
    if tensor.grad_fn is None:
        return f"{_leaf_text(tensor, known)} ({'leaf' if tensor.requires_grad else 'no grad'})"
    path, last = _main_path(tensor.grad_fn)
    parts = _fold([*path, _leaf_text(last, known)] if last is not None else path, max_length, last is None)
    return " ← ".join(parts) + _others(tensor.grad_fn, last, known)


def _main_path(fn: Any) -> tuple[list[str], Any]:
    """Names of the nodes on the path, and the leaf at its end (None where the path is cut or ends without one)."""
    path: list[str] = []
    while len(path) < _LOOKED_AT:
        inputs = list({id(source): source for source, _ in fn.next_functions if source is not None}.values())
        nodes = [source for source in inputs if getattr(source, "variable", None) is None]
        operations = [source for source in nodes if not _is_view_of_leaf(source)]
        extra = f"(+{len(operations) - 1})" if len(operations) > 1 else ""
        path.append(visible(short_name(fn)) + extra)
        if not nodes:
            return path, inputs[0].variable if inputs else None
        fn = (operations or nodes)[0]
    return path, None


def _is_view_of_leaf(fn: Any) -> bool:
    """Whether a node only turns or reshapes a leaf, as every linear layer does with its weight."""
    for _ in range(_VIEWS_IN_A_ROW):
        if getattr(fn, "variable", None) is not None:
            return True
        if len(fn.next_functions) != 1 or op_name(short_name(fn)) not in VIEW_OPS:
            return False
        fn = fn.next_functions[0][0]
    return False


def _fold(parts: list[str], max_length: int, cut: bool) -> list[str]:
    if len(parts) <= max_length:
        return parts
    tail = 0 if cut else max(max_length // 2 - 1, 1)
    head = max_length - tail - 1
    more = f"… {len(parts) - head - tail:,}{'+' if len(parts) >= _LOOKED_AT else ''} more …"
    return [*parts[:head], more, *parts[len(parts) - tail :]]


def _others(root: Any, main: Any, known: Names) -> str:
    """The leaves that the path does not end in, nearest to the result first."""
    leaves: dict[int, Any] = {}
    seen = {id(root): root}
    level = [root]
    while level and len(seen) < _LOOKED_AT:
        below = []
        for fn in level:
            for source, _ in fn.next_functions:
                if source is None or id(source) in seen:
                    continue
                seen[id(source)] = source
                variable = getattr(source, "variable", None)
                if variable is None:
                    below.append(source)
                elif variable is not main:
                    leaves[id(variable)] = variable
        level = below
    texts = [_leaf_text(leaf, known) for leaf in list(leaves.values())[:_OTHER_LEAVES]]
    if len(leaves) > _OTHER_LEAVES:
        texts.append(f"{len(leaves) - _OTHER_LEAVES}{'+' if level else ''} more")
    elif level:
        texts.append("…")
    return f" (+ {', '.join(texts)})" if texts else ""


def _leaf_text(tensor: Any, known: Names) -> str:
    name = visible(known.of_leaf(tensor)) or {"input": "tensor"}.get(kind := known.leaf_kind(tensor), kind)
    return f"{name} {list(tensor.shape)}"
