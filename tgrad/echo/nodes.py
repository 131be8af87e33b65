"""How graph nodes print: `<MulBackward0 object at 0x7f...>`, or by the module and class that they had in PyTorch 0.1."""

from __future__ import annotations

from ..graph.node import Node
from .dialect import get_dialect

# The classes of 0.1's torch.autograd._functions, by the node's name without "Backward0". With a number (or anything
# else that needs no gradient) as the second operand, arithmetic had classes of its own: Mul and MulConstant.
_ARITHMETIC = {"Add": "Add", "Sub": "Sub", "Mul": "Mul", "Div": "Div", "Pow": "Pow"}
_CLASSES = {
    "blas": "Addmm Addbmm Baddbmm Addmv Addr Dot",
    "basic_ops": "Neg",
    "pointwise": "Exp Log Log1p Tanh Sigmoid Sinh Cosh Abs Clamp Sqrt Sin Cos Tan Asin Acos Atan Reciprocal Floor Ceil Frac "
    "Fmod Lerp Rsqrt Addcmul Addcdiv Atan2",
    "reduce": "Sum Prod Mean Var Std Norm Median Mode Max Min",
    "tensor": "Clone View Expand Transpose Permute Squeeze Unsqueeze Index Cat Gather Scatter Repeat Cumsum Unfold Sort "
    "Topk Chunk Split Diag Tril Triu Trace Cross",
}
_RENAMED = {
    "Mm": "blas.Addmm",
    "Mv": "blas.Addmv",
    "Bmm": "blas.Baddbmm",
    "T": "tensor.Transpose",
    "Neg": "basic_ops.Negate",
}
_MODULE = {name: module for module, names in _CLASSES.items() for name in names.split()}


def old_name(node: Node) -> str:
    """The class that recorded such an operation in 0.1; the node's own name where there was none."""
    own = type(node).__name__
    name = own.partition("Backward")[0]
    if name in _ARITHMETIC:
        constant = "Constant" if len(node.edges) < 2 or node.edges[1] is None else ""
        return f"torch.autograd._functions.basic_ops.{name}{constant}"
    if name in _RENAMED:
        return f"torch.autograd._functions.{_RENAMED[name]}"
    return f"torch.autograd._functions.{_MODULE[name].lower()}.{name}" if name in _MODULE else own


def node_repr(node: Node) -> str:
    """The text of `repr(node)` in the dialect in force."""
    if get_dialect() == "0.1":
        return f"<{old_name(node)} at {id(node):#x}>"
    return object.__repr__(node)


__all__ = ["node_repr", "old_name"]
