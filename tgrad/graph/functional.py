"""Jacobians, Hessians and their products with vectors, from reverse-mode passes alone.

Note [Double-backward trick]
A pass gives w J for a vector w at the outputs, and that is linear in w. Recording it and differentiating it once more
with respect to w, with v arriving, gives J v: a forward-mode product out of two reverse passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import functions as F
from ..tensor import Tensor
from .entry import grad
from .modes import enable_grad, set_grad_enabled, state

Func = Callable[..., Any]
Tensors = tuple[Tensor, ...]


def _tuple(x: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """(whether it was a tuple, as a tuple)"""
    several = isinstance(x, tuple)
    made = x if several else (x,)
    for i, t in enumerate(made):
        if not isinstance(t, Tensor):
            which = f"value at index {i}" if several else f"given {what}"
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the {which} has type {type(t)}."
            )
    return several, made


OUTPUTS = "outputs of the user-provided function"


def _inputs(given: Tensors, create_graph: bool, tracked: bool = True) -> Tensors:
    """New tensor objects for the inputs, so that uses inside the function are told from captured ones. Their history
    goes on into the caller's graph only with `create_graph`."""
    return tuple(
        [t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_(tracked) for t in given]  # type: ignore[attr-defined]
    )


def _result(x: Any, create_graph: bool, *several: bool) -> Any:
    """What is returned: cut off its history unless it was asked for, and out of tuples that nobody asked for."""
    if isinstance(x, Tensor):
        return x if create_graph else x.detach()  # type: ignore[attr-defined]
    inner = [_result(t, create_graph, *several[1:]) for t in x]
    return tuple(inner) if several[0] else inner[0]


def _check_vector(v: Tensors, like: Tensors, several: bool) -> None:
    if len(v) != len(like):
        if several:
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}.")
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (a, b) in enumerate(zip(v, like, strict=True)):
        if a.shape != b.shape:
            prefix = f"Entry {i} in " if several else ""
            raise RuntimeError(f"{prefix}v has invalid size: should be {b.size()} but got {a.size()}.")


_INDEPENDENT = {
    "hessian": (
        "The hessian of the user-provided function with respect to input {i} is independent of the input. This is not allowed "
        "in strict mode. You should ensure that your function is thrice differentiable and that the hessian depends on the "
        "inputs."
    ),
    "jacobian": (
        "While computing the hessian, found that the jacobian of the user-provided function with respect to input {i} is "
        "independent of the input. This is not allowed in strict mode. You should ensure that your function is twice "
        "differentiable and that the jacobian depends on the inputs (this would be violated by a linear function for example)."
    ),
    "grad_inputs": (
        "The gradient with respect to input {i} is independent of the inputs of the user-provided function. This is not "
        "allowed in strict mode."
    ),
    "outputs": (
        "Output {i} of the user-provided function does not require gradients. The outputs must be computed in a "
        "differentiable manner from the input when running in strict mode."
    ),
}
_NO_GRADIENT = {
    "back": "The output of the user-provided function is independent of input {i}. This is not allowed in strict mode.",
    "back_trick": (
        "The gradient with respect to the input is independent of entry {i} in the grad_outputs when using the double backward "
        "trick to compute forward mode gradients. This is not allowed in strict mode."
    ),
    "double_back": (
        "The jacobian of the user-provided function is independent of input {i}. This is not allowed in strict mode."
    ),
    "double_back_trick": (
        "The hessian of the user-provided function is independent of entry {i} in the grad_jacobian. This is not allowed in "
        "strict mode as it prevents from using the double backward trick to replace forward mode AD."
    ),
}


def _demand_history(tensors: Sequence[Tensor | None], what: str, strict: bool) -> None:
    """In strict mode, everything must depend on the inputs."""
    for i, t in enumerate(tensors if strict else ()):
        if t is None:
            raise RuntimeError(_NO_GRADIENT["back"].format(i=i))
        if not t.requires_grad:
            raise RuntimeError(_INDEPENDENT[what].format(i=i))


def _grads(
    outs: Sequence[Any], inputs: Tensors, gs: Any = None, create_graph: bool = False, retain: bool | None = None
) -> Any:
    """`grad` that leaves out outputs without history."""
    pairs = zip(outs, gs if gs is not None else (None,) * len(outs), strict=True)
    live = [(o, g) for o, g in pairs if o is not None and o.requires_grad]
    if not live:
        return (None,) * len(inputs)
    outs, given = zip(*live, strict=True)
    return grad(outs, inputs, given, allow_unused=True, create_graph=create_graph, retain_graph=retain)


def _filled(grads: Sequence[Tensor | None], like: Tensors, strict: bool, create_graph: bool, stage: str) -> Tensors:
    """Zeros where there is no gradient; in strict mode an error."""
    made = []
    for i, (g, t) in enumerate(zip(grads, like, strict=True)):
        if g is None:
            if strict:
                raise RuntimeError(_NO_GRADIENT[stage].format(i=i))
            g = F.zeros_like(t)  # type: ignore[attr-defined]
        elif strict and create_graph and not g.requires_grad:
            what = "hessian" if "double" in stage else "jacobian"
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. This is not allowed in strict mode "
                "when create_graph=True."
            )
        made.append(g)
    return tuple(made)


def _recording(create_graph: bool) -> set_grad_enabled:
    return set_grad_enabled(True if create_graph else state.grad)


def _vector(v: Any, like: Tensors, several: bool, name: str, create_graph: bool, missing: str) -> Tensors | None:
    """The vector given, checked; None stands for a single one, where there is a single element."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(missing)
        return None
    made = _inputs(_tuple(v, "v", name)[1], create_graph, tracked=False)
    _check_vector(made, like, several)
    return made


def vjp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(func(inputs), v J): the vector-Jacobian product with `v` of the outputs' shapes (None for one scalar output).

    `inputs`: a tensor or a tuple of them. With `create_graph` both results have a history. With `strict`, an output that
    does not depend on some input is an error instead of zeros.

    >>> import tgrad as torch
    >>> torch.autograd.functional.vjp(lambda x: x.exp().sum(), torch.zeros(2))
    (tensor(2.), tensor([1., 1.]))
    """
    with enable_grad():
        several, ins = _tuple(inputs, "inputs", "vjp")
        ins = _inputs(ins, create_graph)
        out_several, outs = _tuple(func(*ins), OUTPUTS, "vjp")
        _demand_history(outs, "outputs", strict)
        missing = (
            "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
        )
        vector = _vector(v, outs, out_several, "vjp", create_graph, missing)
    with _recording(create_graph):
        got = _filled(_grads(outs, ins, vector, create_graph), ins, strict, create_graph, "back")
    return _result(outs, create_graph, out_several), _result(got, create_graph, several)


def jvp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(func(inputs), J v): the Jacobian-vector product with `v` of the inputs' shapes (None for one scalar input).

    Computed by Note [Double-backward trick]; arguments as for `vjp`.

    >>> import tgrad as torch
    >>> torch.autograd.functional.jvp(lambda x: x**2, torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        several, ins = _tuple(inputs, "inputs", "jvp")
        ins = _inputs(ins, create_graph)
        missing = "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
        vector = _vector(v, ins, several, "jvp", create_graph, missing)
        out_several, outs = _tuple(func(*ins), OUTPUTS, "jvp")
        _demand_history(outs, "outputs", strict)
        w = tuple([F.zeros_like(o, requires_grad=True) for o in outs])  # type: ignore[attr-defined]
        first = _grads(outs, ins, w, create_graph=True)
        _demand_history(first, "grad_inputs", strict)
    with _recording(create_graph):
        got = _grads(first, w, vector, create_graph)
        made = _filled(got, outs, strict, create_graph, "back_trick")
    return _result(outs, create_graph, out_several), _result(made, create_graph, out_several)


def jacobian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian: for output of shape O and input of shape I, a tensor of shape O + I (tuples of tuples of them, with
    outputs outside, where there are several). One pass per element of the outputs.

    `vectorize` asks for all rows at once; `strategy="forward-mode"` needs it, and builds columns instead of rows.

    >>> import tgrad as torch
    >>> torch.autograd.functional.jacobian(lambda x: x**2, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than '
            'inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                'torch.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are not supported '
                'together (yet). Please either set `create_graph=False` or `strategy="reverse-mode"`.'
            )
        if strict:
            raise RuntimeError(
                'torch.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not supported together '
                '(yet). Please either set `strict=False` or `strategy="reverse-mode"`.'
            )
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
            )
    if vectorize and strict:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please either "
            "set `strict=False` or `vectorize=False`."
        )
    if strategy == "forward-mode":
        return _columns(func, inputs)
    with enable_grad():
        several, ins = _tuple(inputs, "inputs", "jacobian")
        ins = _inputs(ins, create_graph)
        out_several, outs = _tuple(func(*ins), OUTPUTS, "jacobian")
        _demand_history(outs, "outputs", strict)
        made = tuple([_rows(o, i, ins, create_graph, strict) for i, o in enumerate(outs)])
    return _result(made, create_graph, out_several, several)


def _rows(out: Tensor, i: int, ins: Tensors, create_graph: bool, strict: bool) -> Tensors:
    """The Jacobian of one output with respect to all inputs, one row per element."""
    rows: list[list[Tensor]] = [[] for _ in ins]
    for element in out.reshape(-1).unbind():  # type: ignore[attr-defined]
        for k, (g, t) in enumerate(zip(_grads((element,), ins, None, create_graph, True), ins, strict=True)):
            if g is None:
                if strict:
                    raise RuntimeError(
                        f"Output {i} of the user-provided function is independent of input {k}. This is not allowed in strict "
                        "mode."
                    )
                g = F.zeros_like(t)  # type: ignore[attr-defined]
            elif strict and create_graph and not g.requires_grad:
                raise RuntimeError(
                    f"The jacobian of the user-provided function is independent of input {k}. This is not allowed in strict "
                    "mode when create_graph=True."
                )
            rows[k].append(g)
    shape = tuple(out.shape)
    return tuple(
        [
            F.stack(r).view(shape + tuple(t.shape)) if r else t.new_zeros(shape + tuple(t.shape))  # type: ignore[attr-defined]
            for r, t in zip(rows, ins, strict=True)
        ]
    )


def _columns(func: Func, inputs: Any) -> Any:
    """The Jacobian from one `jvp` per element of the inputs."""
    several, ins = _tuple(inputs, "inputs", "jacobian")
    zeros = [F.zeros_like(t).detach() for t in ins]  # type: ignore[attr-defined]
    out_several, outs = _tuple(func(*ins), OUTPUTS, "jacobian")
    blocks: list[list[Tensor]] = [[] for _ in outs]
    for k, t in enumerate(ins):
        columns: list[list[Tensor]] = [[] for _ in outs]
        for j in range(t.numel()):
            v = list(zeros)
            v[k] = zeros[k].clone()  # type: ignore[attr-defined]
            v[k].view(-1)[j] = 1  # type: ignore[attr-defined]
            _, product = jvp(func, ins, tuple(v))
            for column, p in zip(columns, product if out_several else (product,), strict=True):
                column.append(p)
        for block, column, o in zip(blocks, columns, outs, strict=True):
            shape = tuple(o.shape) + tuple(t.shape)
            made = F.stack(column, -1).reshape(shape) if column else o.new_zeros(shape)  # type: ignore[attr-defined]
            block.append(made)
    return _result(tuple([tuple(b) for b in blocks]), False, out_several, several)


def _scalar(out: Any, name: str, strict: bool) -> tuple[Tensor]:
    several, outs = _tuple(out, OUTPUTS, name)
    _demand_history(outs, "outputs", strict)
    if several:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outs[0].numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    return (outs[0],)


def hessian(
    func: Func,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a function with one element: for input of shape I, a tensor of shape I + I (tuples of tuples of
    them, where there are several inputs). Arguments as for `jacobian`.

    >>> import tgrad as torch
    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    several, ins = _tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def scalar(*args: Tensor) -> Tensor:
        return _scalar(func(*args), "hessian", strict)[0].squeeze()  # type: ignore[attr-defined]

    def slope(*args: Tensor) -> Tensors:
        if outer_jacobian_strategy == "forward-mode":
            args = tuple([t.requires_grad_() for t in args])
        made = jacobian(scalar, args, create_graph=True)
        _demand_history(made, "jacobian", strict)
        return made

    made = jacobian(slope, ins, create_graph, strict, vectorize, outer_jacobian_strategy)
    return _result(made, True, several, several)


_NO_VECTOR = (
    "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
)


def vhp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(func(inputs), v H): the product of `v`, of the inputs' shapes, with the Hessian of a function with one element.

    >>> import tgrad as torch
    >>> torch.autograd.functional.vhp(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        several, ins = _tuple(inputs, "inputs", "vhp")
        ins = _inputs(ins, create_graph)
        vector = _vector(v, ins, several, "vhp", create_graph, _NO_VECTOR)
        outs = _scalar(func(*ins), "vhp", strict)
        slope = _grads(outs, ins, create_graph=True)
        _demand_history(slope, "jacobian", strict)
    with _recording(create_graph):
        got = _filled(_grads(slope, ins, vector, create_graph), ins, strict, create_graph, "double_back")
    return _result(outs, create_graph, False), _result(got, create_graph, several)


def hvp(func: Func, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(func(inputs), H v): the product of the Hessian of a function with one element and `v`, of the inputs' shapes.

    By Note [Double-backward trick]; `vhp` gives the same for twice continuously differentiable functions, and is faster.

    >>> import tgrad as torch
    >>> torch.autograd.functional.hvp(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        several, ins = _tuple(inputs, "inputs", "hvp")
        ins = _inputs(ins, create_graph)
        vector = _vector(v, ins, several, "hvp", create_graph, _NO_VECTOR)
        outs = _scalar(func(*ins), "hvp", strict)
        slope = _grads(outs, ins, create_graph=True)
        _demand_history(slope, "jacobian", strict)
        w = tuple([F.zeros_like(t, requires_grad=True) for t in ins])  # type: ignore[attr-defined]
        twice = _grads(slope, ins, w, create_graph=True)
        _demand_history(slope, "hessian", strict)
    with _recording(create_graph):
        got = _filled(_grads(twice, w, vector, create_graph), ins, strict, create_graph, "double_back_trick")
    return _result(outs, create_graph, False), _result(got, create_graph, several)


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
