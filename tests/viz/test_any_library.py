"""What a library may tell beyond PyTorch's fields, and that nothing beyond PyTorch's fields is needed.

The library here is a few lines long: whatever has these public fields can be drawn.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

from tgrad import viz


class Tensor:
    _version = 0
    output_nr = 0

    def __init__(self, shape: tuple[int, ...] = (2,), grad_fn: Any = None, requires_grad: bool = True) -> None:
        self.shape, self.dtype, self.grad_fn = shape, "torch.float32", grad_fn
        self.requires_grad = requires_grad
        self.is_leaf = grad_fn is None


class Node:
    def __init__(self, name: str, *inputs: Any, **fields: Any) -> None:
        self._name = name
        self.next_functions = tuple((source, 0) for source in inputs)
        vars(self).update(fields)

    def name(self) -> str:
        return self._name


def leaf(tensor: Tensor) -> Node:
    return Node("torch::autograd::AccumulateGrad", variable=tensor)


def last(fn: Node, **options: Any) -> viz.Node:
    return viz.graph(Tensor(grad_fn=fn), **options).nodes[-1]


def test_public_fields_are_enough() -> None:
    x = Tensor()
    graph = viz.graph(Tensor(grad_fn=Node("AddBackward0", leaf(x), None)), names={"x": x})
    assert [(n.kind, n.op, n.name) for n in graph.nodes] == [("leaf", "", "x"), ("op", "add", "")]
    assert "autograd graph of add" in graph.svg()


def test_scalar_arguments_that_no_derivative_needs() -> None:
    fn = Node("AddBackward0", leaf(Tensor()), None, scalar_args={"other": 2, "alpha": 0.5})
    assert last(fn).constant == "2 alpha=0.5"


def test_shapes_of_intermediate_results() -> None:
    inner = Node("MaxBackward0", leaf(Tensor()), output_meta=(((3,), "float32"), ((3,), "int64")))
    graph = viz.graph(Tensor((), Node("SumBackward0", inner)))
    assert (graph.nodes[1].shape, graph.nodes[1].outputs[1]) == ((3,), ((3,), "int64"))
    assert "f32[3], i64[3]" in graph.dot()


def test_in_place_writes() -> None:
    fn = Node("AddBackward0", leaf(Tensor()), None, in_place=True)
    y = Tensor(grad_fn=fn)
    y._version = 2
    node = viz.graph(y, names={"y": y}).nodes[-1]
    assert (node.kind, node.op, node.version) == ("inplace", "add_", 2)
    graph = viz.graph(Tensor(grad_fn=Node("ExpBackward0", fn)), names={"y": y})
    assert "in-place&#160;&#160;v2" in graph.dot()


def test_what_was_written_into_a_view() -> None:
    write = Node("MulBackward0", None, None, _saved_other=3)
    silent = last(Node("CopySlices", leaf(Tensor())))
    assert (silent.op, silent.kind) == ("copy_slices", "inplace")
    told = last(Node("CopySlices", leaf(Tensor()), None, fn=write))
    assert (told.op, told.constant, told.kind, told.fn_name) == ("mul_", "3", "inplace", "CopySlices")


def test_a_node_with_a_hostile_name() -> None:
    name = '<b>"&\\N</b>'
    root = ElementTree.fromstring(viz.graph(Tensor(grad_fn=Node(name, leaf(Tensor())))).svg())
    assert name.lower() in ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]
