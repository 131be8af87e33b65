"""Tensors to data: which cards and arrows a graph has."""

from __future__ import annotations

import re
from collections import Counter
from types import ModuleType
from typing import Any

import pytest

from tgrad import viz


def draw(program: Any, lib: ModuleType, **changes: Any) -> viz.Graph:
    tensors, options = program(lib)
    return viz.graph(*tensors, **{**options, **changes})


def test_seed_example(lib: ModuleType) -> None:
    x = lib.ones(2, 2, requires_grad=True)
    y = x + 2
    z = y * y * 3
    out = z.mean()
    graph = viz.graph(out, names={"x": x, "y": y, "z": z, "out": out})
    assert [(n.id, n.kind, n.op, n.name, n.shape, n.fn_name) for n in graph.nodes if n.id != "n2"] == [
        ("n0", "leaf", "", "x", (2, 2), "AccumulateGrad"),
        ("n1", "op", "add", "y", (2, 2), "AddBackward0"),
        ("n3", "op", "mul", "z", (2, 2), "MulBackward0"),
        ("n4", "op", "mean", "out", (), "MeanBackward0"),
    ]
    assert [(e.src, e.dst, e.input_index, e.output_nr) for e in graph.edges] == [
        ("n0", "n1", 0, 0),
        ("n1", "n2", 0, 0),
        ("n1", "n2", 1, 0),
        ("n2", "n3", 0, 0),
        ("n3", "n4", 0, 0),
    ]
    assert graph.outputs == ("n4",)
    assert [n.is_output for n in graph.nodes] == [False] * 4 + [True]
    assert graph.nodes[3].constant == "3"
    assert repr(graph) == "<Graph of out: 5 nodes, 5 edges>"


def test_same_structure_as_pytorch(program: Any, tgrad: ModuleType, torch: ModuleType) -> None:
    # What a node saves is the engine's own affair: two derivatives of one function may need different values. And only
    # tgrad's nodes tell of a whole tensor that it was written in place.
    ours, theirs = (draw(program, lib, show_saved=False) for lib in (tgrad, torch))

    def told(n: viz.Node) -> tuple[Any, ...]:
        kind = "op" if n.kind == "inplace" and n.fn_name != "CopySlices" else n.kind
        return n.fn_name, kind, n.name, n.is_output

    assert [told(n) for n in ours.nodes] == [told(n) for n in theirs.nodes]
    assert ours.edges == theirs.edges
    assert ours.outputs == theirs.outputs
    for mine, other in zip(ours.nodes, theirs.nodes, strict=True):
        assert mine.shape is not None, "tgrad's nodes know the shape of their result"
        if mine.fn_name != "CopySlices":  # PyTorch does not tell what was written
            assert mine.op.removesuffix("_") == other.op
        if other.shape is not None:
            assert (mine.shape, mine.dtype) == (other.shape, other.dtype)


def test_ids_put_inputs_first(program: Any, lib: ModuleType) -> None:
    graph = draw(program, lib)
    assert [n.id for n in graph.nodes] == [f"n{i}" for i in range(len(graph.nodes))]
    assert all(int(e.src[1:]) < int(e.dst[1:]) for e in graph.edges)


def test_raw_is_next_functions_exactly(lib: ModuleType) -> None:
    x = lib.ones(2, requires_grad=True)
    out = (x * lib.ones(2)).sum() + x.sum()
    graph = viz.graph(out, raw=True)
    want: Counter[tuple[str, str, int, int]] = Counter()
    stack, seen = [out.grad_fn], set()
    while stack:
        fn = stack.pop()
        if fn in seen:
            continue
        seen.add(fn)
        for index, (source, number) in enumerate(fn.next_functions):
            if source is not None:
                want[source.name(), fn.name(), index, number] += 1
                stack.append(source)
    by_id = {n.id: "torch::autograd::AccumulateGrad" if n.is_leaf else n.op for n in graph.nodes}
    assert Counter((by_id[e.src], by_id[e.dst], e.input_index, e.output_nr) for e in graph.edges) == want
    assert len(graph.nodes) == len(seen)


def test_kinds(lib: ModuleType) -> None:
    norm = lib.nn.BatchNorm1d(3)
    x, w = lib.ones(4, 3), lib.ones(3, 2, requires_grad=True)
    y = (norm(x) @ w).t()
    graph = viz.graph(y, names={"x": x, "w": w}, params=norm)
    kinds = {n.name or n.op: n.kind for n in graph.nodes}
    assert kinds == {
        "x": "input", "w": "leaf", "weight": "param", "bias": "param", "running_mean": "buffer",
        "running_var": "buffer", "native_batch_norm": "op", "mm": "op", "t": "view",
    }  # fmt: skip


def test_params_as_module_mapping_or_pairs(lib: ModuleType) -> None:
    layer = lib.nn.Linear(2, 2)
    out = layer(lib.ones(1, 2))
    for params in (layer, dict(layer.named_parameters()), list(layer.named_parameters())):
        graph = viz.graph(out, params=params)
        assert sorted(n.name for n in graph.nodes if n.kind == "param") == ["bias", "weight"]


def test_unnamed_parameters_are_still_parameters(lib: ModuleType) -> None:
    graph = viz.graph(lib.nn.Linear(2, 2)(lib.ones(1, 2)))
    assert [n.kind for n in graph.nodes if n.is_leaf and n.requires_grad] == ["param", "param"]


def test_names_ignore_what_is_not_a_tensor(lib: ModuleType) -> None:
    class Odd:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError("nobody may look at this")

    x = lib.ones(2, requires_grad=True)
    graph = viz.graph(x * 2, names={"odd": Odd(), "lib": lib, "n": 3, "x": x, "also": x})
    assert graph.nodes[0].name == "x, also"


def test_two_variables_one_node(lib: ModuleType) -> None:
    x = lib.ones(2, 3, requires_grad=True)
    a, b = x.unbind(0)
    graph = viz.graph(a + b, names={"a": a, "b": b})
    unbind = graph.nodes[1]
    assert (unbind.op, unbind.name, unbind.outputs) == ("unbind", "a, b", (((3,), "float32"),) * 2)
    assert [(e.input_index, e.output_nr) for e in graph.edges if e.src == unbind.id] == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (lambda x: x * 3, "3"),
        (lambda x: x / 0.25, "0.25"),
        (lambda x: x**2, "2"),
        (lambda x: x.clamp(-1, 1), "min=-1 max=1"),
        (lambda x: x.softmax(-1), "dim=-1"),
        (lambda x: x.sum(dim=(0, 1)), "dim=(0, 1)"),
        (lambda x: x * x, ""),
        (lambda x: x.exp(), ""),
    ],
)
def test_constants(lib: ModuleType, make: Any, shown: str) -> None:
    assert viz.graph(make(lib.ones(2, 2, requires_grad=True))).nodes[-1].constant == shown


def test_an_operand_without_gradient_gets_a_card(lib: ModuleType) -> None:
    w, mask = lib.ones(3, requires_grad=True), lib.zeros(3)
    graph = viz.graph(w * mask + w * mask, names={"mask": mask})
    card = next(n for n in graph.nodes if n.name == "mask")
    assert (card.kind, card.requires_grad, card.is_leaf) == ("input", False, True)
    assert [(e.kind, e.field, e.input_index) for e in graph.edges if e.src == card.id] == [("const", "other", None)] * 2


def test_what_the_operation_made_itself_gets_no_card(lib: ModuleType) -> None:
    x = lib.ones(3, 3, requires_grad=True)
    assert len(viz.graph(x.max(dim=0)[0]).nodes) == 2  # the indices are saved, but nobody passed them in


def test_frozen_parameter(lib: ModuleType) -> None:
    layer = lib.nn.Linear(2, 2, bias=False)
    layer.weight.requires_grad = False
    x = lib.ones(1, 2, requires_grad=True)
    graph = viz.graph((x * layer.weight).sum(), params=layer)
    weight = next(n for n in graph.nodes if n.name == "weight")
    assert (weight.kind, weight.requires_grad) == ("param", False)


def test_saved_tensors_on_request(lib: ModuleType) -> None:
    x = lib.ones(2, requires_grad=True)
    y = x.exp()
    assert not [n for n in viz.graph(y).nodes if n.kind == "saved"]
    graph = viz.graph(y, names={"y": y}, show_saved=True)
    (card,) = [n for n in graph.nodes if n.kind == "saved"]
    assert (card.op, card.name, card.shape) == ("result", "y", (2,))
    assert [e.kind for e in graph.edges] == ["data", "saved"]


def test_freed_and_overwritten_values_are_said_so(lib: ModuleType) -> None:
    x = lib.ones(2, requires_grad=True)
    y = x.exp()
    y.sum().backward()
    assert [(s.field, s.text) for s in viz.graph(y).nodes[-1].saved] == [("result", "freed")]
    a = x * 1
    b = a.sin()
    a.add_(1)
    assert ("self", "overwritten in place") in [(s.field, s.text) for s in viz.graph(b).nodes[-1].saved]


def test_source_line_from_anomaly_mode(lib: ModuleType) -> None:
    with lib.autograd.set_detect_anomaly(True):
        y = lib.ones(2, requires_grad=True).exp()
    source = viz.graph(y).nodes[-1].source
    assert re.search(r"test_walk\.py:\d+  y = lib\.ones\(2, requires_grad=True\)\.exp\(\)$", source)


def test_leaf_and_tensor_without_graph(lib: ModuleType) -> None:
    leaf, plain = lib.ones(2, requires_grad=True), lib.ones(2)
    graph = viz.graph(leaf, plain)
    assert [(n.kind, n.is_output) for n in graph.nodes] == [("leaf", True), ("input", True)]


def test_picture_keeps_no_tensor_alive(lib: ModuleType) -> None:
    import gc
    import weakref

    x = lib.ones(2, requires_grad=True)
    y = x.exp()
    graph = viz.graph(y, names={"x": x})
    gone = weakref.ref(x)
    del x, y
    gc.collect()
    assert gone() is None
    assert len(graph.nodes) == 2


def test_deep_chain_does_not_recurse(tgrad: ModuleType) -> None:
    # Not on PyTorch: 2.13 crashes when it frees a chain this long of which each node has been looked at from Python.
    y = x = tgrad.ones(2, requires_grad=True)
    for _ in range(100_000):
        y = y * 1.5
    graph = viz.graph(y, names={"x": x})
    assert len(graph.nodes) == 100_001
    assert len(graph.edges) == 100_000
    with pytest.raises(viz.LayoutError, match=r"100,001 nodes is too large"):
        graph.svg()


def test_wide_sharing_is_walked_once(lib: ModuleType) -> None:
    y = lib.ones(2, requires_grad=True)
    for _ in range(200):  # 2 ** 200 paths
        y = y + y
    assert len(viz.graph(y).nodes) == 201


def test_errors(lib: ModuleType) -> None:
    with pytest.raises(TypeError, match="at least one tensor"):
        viz.graph()
    with pytest.raises(TypeError, match="not of int"):
        viz.graph(3)
