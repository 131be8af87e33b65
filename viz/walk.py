"""From tensors to plain data: follow ``grad_fn`` and ``next_functions`` to the leaves, without recursion.

Only public fields are read, so tensors and nodes of any library with PyTorch's attributes will do.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .data import Edge, Meta, Node, Saved
from .graph import Graph
from .names import Names, meta_of, op_kind, op_name, short_name, tensor_class, written_by
from .saved import SavedFields, saved_field_names


def walk(
    tensors: Sequence[Any],
    names: Mapping[str, Any] | None = None,
    params: Any = None,
    show_saved: bool = False,
    raw: bool = False,
) -> Graph:
    """Take the graph behind ``tensors`` down as data; ``raw`` shows ``next_functions`` exactly as they are."""
    if not tensors:
        raise TypeError("graph() needs at least one tensor")
    types = {tensor_class(tensor) for tensor in tensors}
    if len(types) > 1:
        raise TypeError("all tensors of one graph must come from the same library")
    tensor_type = types.pop()
    known = Names(tensor_type, names, params)
    order = functions_in_order([tensor.grad_fn for tensor in tensors])
    builder = (_RawBuilder if raw else _Builder)(tensor_type, known, tensors)
    return builder.build(order, show_saved)


def functions_in_order(roots: Sequence[Any]) -> list[Any]:
    """Every node reachable from ``roots``, each once, inputs first, in an order that depends on the graph only.

    The list also keeps the nodes alive: some libraries make the Python object of a node on demand, and its ``id()``
    means something only as long as the object exists.
    """
    order: list[Any] = []
    seen: dict[int, Any] = {}
    for root in roots:
        if root is None or id(root) in seen:
            continue
        seen[id(root)] = root
        stack = [(root, iter(root.next_functions))]
        while stack:
            fn, inputs = stack[-1]
            for source, _ in inputs:
                if source is not None and id(source) not in seen:
                    seen[id(source)] = source
                    stack.append((source, iter(source.next_functions)))
                    break
            else:
                stack.pop()
                order.append(fn)
    return order


_FRAME = re.compile(r'File "([^"\n]+)", line (\d+), in [^\n]*(?:\n    ([^\n]*))?')


class _Builder:
    """Makes cards out of nodes: ``AccumulateGrad`` becomes its leaf, inputs without gradient get cards too."""

    def __init__(self, tensor_type: type, names: Names, tensors: Sequence[Any]) -> None:
        self.tensor_type = tensor_type
        self.names = names
        self.tensors = tensors
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self.ids: dict[int, str] = {}  # id() of a grad_fn or of a leaf tensor (all kept alive) -> n0, n1, …
        self.seen_meta: dict[tuple[int, int], Meta] = {}
        self.output_keys = {id(tensor if tensor.grad_fn is None else tensor.grad_fn) for tensor in tensors}
        self._field_names: dict[tuple[type, str], tuple[str, ...]] = {}

    def build(self, order: list[Any], show_saved: bool) -> Graph:
        fields = [self._saved_fields(fn) for fn in order]
        self._learn_metas(fields)
        for fn, saved in zip(order, fields, strict=True):
            self._add_function(fn, saved)
            if show_saved:
                self._add_saved(fn, saved)
        for tensor in self.tensors:
            if tensor.grad_fn is None and id(tensor) not in self.ids:
                self._add_leaf(tensor, "")
        outputs = dict.fromkeys(self.ids[id(t if t.grad_fn is None else t.grad_fn)] for t in self.tensors)
        return Graph(tuple(self.nodes), tuple(self.edges), tuple(outputs))

    def _saved_fields(self, fn: Any) -> SavedFields:
        key = type(fn), fn.name()
        if key not in self._field_names:
            self._field_names[key] = saved_field_names(fn)
        return SavedFields(fn, self._field_names[key])

    def _learn_metas(self, fields: list[SavedFields]) -> None:
        """A node need not know the shape of its result; the tensors asked for, named ones and saved ones do."""
        tensors = [*self.tensors, *self.names.holders.values()]
        tensors += [tensor for saved in fields for _, tensor in saved.tensors(self.tensor_type)]
        for tensor in tensors:
            if tensor.grad_fn is not None:
                self.seen_meta.setdefault((id(tensor.grad_fn), tensor.output_nr), meta_of(tensor))

    def _next_id(self) -> str:
        return f"n{len(self.nodes)}"

    def _add_function(self, fn: Any, saved: SavedFields) -> None:
        variable = getattr(fn, "variable", None)
        if variable is not None:
            # Two nodes for one leaf exist where a tensor was an input, then became a leaf again.
            self.ids[id(fn)] = self.ids.get(id(variable)) or self._add_leaf(variable, short_name(fn))
            return
        constants = saved.operands_without_grad(fn, self.tensor_type, self.names)
        for _, tensor in constants:
            if id(tensor) not in self.ids:
                self._add_leaf(tensor, "")
        self._add_operation(fn, saved)
        for field, tensor in constants:
            self.edges.append(Edge(self.ids[id(tensor)], self.ids[id(fn)], None, 0, "const", field))

    def _add_leaf(self, tensor: Any, fn_name: str) -> str:
        shape, dtype = meta_of(tensor)
        node = Node(
            id=self._next_id(),
            kind=self.names.leaf_kind(tensor),
            name=self.names.of_leaf(tensor),
            shape=shape,
            dtype=dtype,
            fn_name=fn_name,
            is_output=id(tensor) in self.output_keys,
            version=tensor._version,
            requires_grad=tensor.requires_grad,
        )
        self.nodes.append(node)
        self.ids[id(tensor)] = node.id
        return node.id

    def _add_operation(self, fn: Any, saved: SavedFields) -> None:
        fn_name = short_name(fn)
        written = written_by(fn)
        if written is None:
            op, constants = op_name(fn_name), saved
        else:
            op, constants = op_name(short_name(written)), self._saved_fields(written)
        kind = op_kind(fn, fn_name, op)
        self._append_function(
            fn,
            kind=kind,
            op=op + "_" if kind == "inplace" and not op.endswith(("_", "slices")) else op,
            fn_name=fn_name,
            constant="" if kind == "custom" else constants.constant(fn, self.tensor_type, self.names),
            saved=saved.describe(self.tensor_type, self.names),
        )

    def _append_function(self, fn: Any, **facts: Any) -> None:
        outputs = self._outputs(fn)
        shape, dtype = outputs[0] or (None, None)
        named = [self.names.of_output(fn, number) for number in range(len(outputs))]
        holder = self.names.holders.get((id(fn), 0))
        self.nodes.append(
            Node(
                id=self._next_id(),
                name=", ".join(name for name in named if name),
                shape=shape,
                dtype=dtype,
                is_output=id(fn) in self.output_keys,
                outputs=outputs if len(outputs) > 1 else (),
                version=None if holder is None else holder._version,
                source=_source_line(fn),
                **facts,
            )
        )
        self.ids[id(fn)] = self.nodes[-1].id
        for index, (source, number) in enumerate(fn.next_functions):
            if source is not None:
                self.edges.append(Edge(self.ids[id(source)], self.ids[id(fn)], index, number))

    def _outputs(self, fn: Any) -> tuple[Meta | None, ...]:
        declared = getattr(fn, "output_meta", None)
        if declared:
            return tuple((tuple(shape), dtype) for shape, dtype in declared)
        metas: list[Meta | None] = []
        while (meta := self.seen_meta.get((id(fn), len(metas)))) is not None:
            metas.append(meta)
        return tuple(metas) or (None,)

    def _add_saved(self, fn: Any, saved: SavedFields) -> None:
        owner = self.ids[id(fn)]
        drawn_already = {id(t) for _, t in saved.operands_without_grad(fn, self.tensor_type, self.names)}
        for field, tensor in saved.tensors(self.tensor_type):
            if id(tensor) in drawn_already or not tensor.shape:
                continue
            shape, dtype = meta_of(tensor)
            holds = Saved(field, self.names.of_tensor(tensor), (shape, dtype))
            node = Node(self._next_id(), "saved", op=field, name=holds.text, shape=shape, dtype=dtype, saved=(holds,))
            self.nodes.append(node)
            self.edges.append(Edge(owner, node.id, None, 0, "saved", field))


class _RawBuilder(_Builder):
    """One card per node and one arrow per entry of ``next_functions``, with the engine's own names."""

    def _add_function(self, fn: Any, saved: SavedFields) -> None:
        fn_name = short_name(fn)
        variable = getattr(fn, "variable", None)
        if variable is None:
            kind = op_kind(fn, fn_name, op_name(fn_name))
            described = saved.describe(self.tensor_type, self.names)
            self._append_function(fn, kind=kind, op=fn_name, fn_name=fn_name, saved=described)
            return
        shape, dtype = meta_of(variable)
        node = Node(
            id=self._next_id(),
            kind=self.names.leaf_kind(variable),
            op=fn_name,
            name=self.names.of_leaf(variable),
            shape=shape,
            dtype=dtype,
            fn_name=fn_name,
            is_output=id(fn) in self.output_keys or id(variable) in self.output_keys,
            version=variable._version,
        )
        self.nodes.append(node)
        self.ids[id(fn)] = self.ids[id(variable)] = node.id


def _source_line(fn: Any) -> str:
    """Where the user's code made a node, from the traceback that anomaly mode keeps in its metadata; else empty."""
    trace = (getattr(fn, "metadata", None) or {}).get("traceback_")
    if not trace:
        return ""
    frames = _FRAME.findall(trace if isinstance(trace, str) else "".join(map(str, trace)))
    folders = tuple(_library_folders())
    own = [frame for frame in frames if not frame[0].startswith(folders)] or frames
    if not own:
        return ""
    file, line, code = own[-1]
    return f"{file}:{line}  {code.strip()}".rstrip()


def _library_folders() -> Iterator[str]:
    """Folders of the libraries that record graphs: their own frames say nothing about the user's code."""
    for name in ("tgrad", "torch"):
        for folder in getattr(sys.modules.get(name), "__path__", ()):
            yield folder + os.sep
