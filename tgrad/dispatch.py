"""The one door: every op on tensors runs through here, which promotes, checks, computes and records.

Note [The door]
`pointwise` and `run` are the general paths for the two kinds of forward: elementwise (inputs promoted and broadcast) and
everything else (arrays go in as they are). `inplace` and `into` serve the in-place and `out=` forms of all families. Two
modules shorten the way without changing it: `tgrad.fast` (closures for elementwise ops on small float tensors) and
`tgrad.prepared` (the general path written out per row). Nothing else makes nodes for rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtype as dtypes
from . import levels
from .graph import node as nodes
from .graph.anomaly import remember
from .graph.history import check_inplace, edge, rebase
from .graph.modes import state
from .graph.node import SCALAR, Node, next_seq, node_class
from .graph.places import cut, draws_numbers, log
from .graph.reasons import because
from .graph.saved import keep
from .kernels import blocks
from .kernels.bands import compiled
from .kernels.quiet import quiet
from .kernels.table import FORMS
from .ops.halves import HALVES
from .ops.spec import REAL, REQUIRED, Row
from .promotion import as_number, compute_and_result, converted, forward, refuse, result_type, widened
from .shape import broadcast_shapes
from .storage import INFERENCE, laid_out, overlap_partly, overlaps_itself
from .tensor import Tensor, _cpp, make, mark_view, wrap

ndarray = np.ndarray

_HALVES = (dtypes.float16, dtypes.bfloat16)
nodes.as_tensor = wrap
NUMBERS = (bool, int, float, complex)


# ---- arguments


def bad_argument(row_name: str, position: int, word: str, value: Any, want: str = "Tensor") -> TypeError:
    word = "input" if word == "self" else word
    return TypeError(f"{row_name}(): argument '{word}' (position {position}) must be {want}, not {_type_name(value)}")


def no_overload(name: str, *args: Any, **kwargs: Any) -> TypeError:
    """The error of an operation with several signatures, none of which takes these arguments."""
    got = [_type_name(a) for a in args if a is not REQUIRED]
    named = [f"{k}={_type_name(v)}" for k, v in kwargs.items() if v is not None]
    shown = ", ".join(got + named) + (", " if named and not got else "")  # PyTorch's way of joining them
    return TypeError(f"{name}() received an invalid combination of arguments - got ({shown}), but expected one of:")


def _type_name(value: Any) -> str:
    """What PyTorch calls the type of an argument."""
    t = type(value)
    if t.__module__.partition(".")[0] == "tgrad" and t.__name__ in (
        "device",
        "dtype",
        "layout",
        "memory_format",
        "Size",
    ):
        return f"torch.{t.__name__}"
    return f"{t.__module__}.{t.__name__}" if t.__module__.startswith("numpy") else t.__name__


# ---- recording


def needs_grad(tensors: Sequence[Any]) -> bool:
    if not state.grad or state.inference:  # inference mode records nothing, whatever enable_grad says
        return False
    for t in tensors:
        if isinstance(t, Tensor):
            if t._x is not None:
                edge(t)
            if t._rg:
                return True
    return False


def no_derivative(row: Row, word: str) -> RuntimeError:
    return RuntimeError(
        f"The function '{row.name.partition('.')[0]}' is not differentiable with respect to argument '{word}'. This input "
        "cannot have requires_grad True."
    )


def no_complex_derivative(row: Row) -> RuntimeError:
    return RuntimeError(
        f"{row.name.partition('.')[0]} does not support automatic differentiation for outputs with complex dtype."
    )


def check_fixed(row: Row, inputs: Sequence[Any]) -> None:
    """See Row.fixed."""
    for word in row.fixed():
        t = inputs[row.tensors.index(word)]
        if isinstance(t, Tensor) and needs_grad((t,)):
            raise no_derivative(row, word)


def _edge_of(t: Any) -> Any:
    return edge(t) if isinstance(t, Tensor) and t.dtype.category >= 2 else None


def new_node(row: Row, inputs: dict[str, Any], params: dict[str, Any]) -> Node:
    """A node for one run of a row, with what its live formulas will need saved. `inputs`: the row's tensor words (a list
    for a `*` word); `params`: all others. The caller adds outputs (`finish`)."""
    cls = node_class(row)
    node = cls()
    live: set[str] = set()
    edges: list[Any] = []
    for word in row.tensors:
        word = word.rstrip("*")
        if not any(word in f.targets for f in row.grad.values()):
            continue
        value = inputs[word]
        got = [_edge_of(t) for t in value] if isinstance(value, (list, tuple)) else [_edge_of(value)]
        if any(e is not None for e in got):
            live.add(word)
        edges += got
    node.edges, node.seq, node.extra, node.plain = tuple(edges), next_seq(), None, False
    needed = {w for f in row.grad.values() if live & set(f.targets) for w in f.words}
    for word in cls.saved_words:
        if word in inputs:
            value = inputs[word] if word in needed else None
            if isinstance(value, (list, tuple)):
                pairs = [save(node, t) for t in value]
                setattr(node, "s_" + word, [p[0] for p in pairs])
                setattr(node, "v_" + word, [p[1] for p in pairs])
            else:
                s, v = save(node, value)
                setattr(node, "s_" + word, s)
                setattr(node, "v_" + word, v)
        elif word.startswith("result"):
            setattr(node, "s_" + word, None)
            setattr(node, "v_" + word, SCALAR)
        elif word.endswith("_sizes") and word[:-6] in inputs:
            value = inputs[word[:-6]]
            many = isinstance(value, (list, tuple))
            setattr(node, "s_" + word, [tuple(t._a.shape) for t in value] if many else tuple(value._a.shape))
        elif word.endswith("_turned") and word[:-7] in inputs:
            setattr(node, "s_" + word, inputs[word[:-7]]._a.flags.f_contiguous)
        elif word.endswith("_geometry") and word[:-9] in inputs:
            from .graph.history import geometry

            setattr(node, "s_" + word, geometry(inputs[word[:-9]]._a))
        else:
            setattr(node, "s_" + word, params[word])
    node_needed = needed & set(cls.saved_words)
    if any(w.startswith("result") for w in node_needed):
        _PENDING[node] = [w for w in node_needed if w.startswith("result")]
    trace(node)
    return node


_PENDING: dict[Node, list[str]] = {}  # nodes between `new_node` and `finish` that wait for their output


def save(node: Node, value: Any) -> tuple[Any, int]:
    """What a node keeps for a tensor it needs in backward: (value, version)."""
    if not isinstance(value, Tensor):
        return value, SCALAR
    return keep(value)


def finish(row: Row, node: Node, outs: Sequence[Tensor]) -> None:
    """Ties a node to the outputs that it differentiates."""
    k = 0
    several = node.n_outputs > 1
    shapes, dts = [], []
    names = row.outputs or ("result",)
    for name, out in zip(names, outs, strict=False):
        if name in row.undiff:
            continue
        out._node = (node, k) if k else node
        out._rg = True
        shapes.append(out._a.shape)
        dts.append(out._a.dtype)
        k += 1
    node.shape, node.dt = (shapes, dts) if several else (shapes[0], dts[0])
    waiting = _PENDING.pop(node, None)
    if waiting:
        for word in waiting:
            i = int(word[6:]) if word[6:] else 0
            out = outs[i]
            if state.slow and state.saved_hooks:
                s, v = save(node, out)
            else:
                s, v = out._alias(), out._counter().n
            setattr(node, "s_" + word, s)
            setattr(node, "v_" + word, v)


def trace(node: Node) -> None:
    if state.anomaly:
        remember(node)


# ---- the general paths


def promote(row: Row, inputs: Sequence[Any]) -> tuple[list[Any], dtypes.dtype]:
    """Arrays of the inputs in the dtype to compute in, and the result's dtype."""
    words = row.tensors
    if len(row.promoted) == len(words):
        common = result_type(inputs)
    else:
        common = result_type([x for w, x in zip(words, inputs, strict=False) if w in row.promoted])
    compute, result = compute_and_result(row, common)
    if row.lacks:
        refuse(row, compute)
    if compute in _HALVES and not row.narrow:
        return widened(row, inputs, compute), result
    np_math = compute.np
    arrays: list[Any] = []
    for w, x in zip(words, inputs, strict=False):
        if isinstance(x, Tensor):
            a = x._a
            if a.dtype is not np_math and w in row.promoted:
                a = converted(a, np_math)
            arrays.append(a)
        else:
            arrays.append(as_number(x, compute))
    return arrays, result


def check_inputs(row: Row, inputs: Sequence[Any]) -> None:
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) and not isinstance(x, NUMBERS):
            if isinstance(x, np.generic):
                continue
            name = row.name.partition(".")[0]
            raise no_overload(name, *inputs) if row.overloads else bad_argument(name, i + 1, row.tensors[i], x)


def plain_numbers(inputs: Sequence[Any]) -> list[Any]:
    """numpy scalars as Python numbers; numpy's bool counts as a float, as in PyTorch."""
    return [plain_number(x) if isinstance(x, np.generic) else x for x in inputs]


def plain_number(x: np.generic) -> Any:
    return float(x) if isinstance(x, np.bool_) else x.item()


def pointwise(row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """Runs and records an elementwise row on tensors and Python numbers."""
    check_inputs(row, inputs)
    inputs = plain_numbers(inputs)
    if row.check is not None:
        row.check(inputs, params)
    if state.hooked and (got := levels.hooked("pointwise", row, inputs, params)) is not NotImplemented:
        return got
    r = compute_pointwise(row, inputs, params)
    out = wrap(r)
    if row.grad and state.grad and r.dtype.kind not in "biu" and needs_grad(inputs):
        if row.real_grad and r.dtype.kind == "c":
            raise no_complex_derivative(row)
        record_pointwise(row, inputs, params, out)
    elif state.inference:
        mark_inference(out)
    elif log.on:
        cut(row.name, out, inputs)
    return out


def compute_pointwise(row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> np.ndarray:
    arrays, result = promote(row, inputs)
    try:
        with quiet:
            r = None
            if (result not in _HALVES or row.name not in HALVES) and any(
                [type(a) is ndarray and a.size > blocks.Sizes.large for a in arrays]
            ):
                fn, given = simplest(row, params)
                r = blocks.pointwise(fn, arrays, given, result.np)
            if r is None:
                r = forward(row, inputs, result)(*arrays, **params)
    except ValueError:
        fitting_shapes(row, inputs)  # raises PyTorch's text
        raise
    if type(r) is not ndarray:
        r = np.asarray(r)
    if r.dtype is not result.np:
        with quiet:
            r = r.astype(result.np, copy=False)
    if row.contiguous:
        return r if r.flags.c_contiguous else r.copy(order="C")
    if r.ndim > 1 and len(inputs) > 1:
        r = laid_out(r, [x._a for x in inputs if isinstance(x, Tensor)])
    return r


def fitting_shapes(row: Row, inputs: Sequence[Any]) -> tuple[int, ...]:
    """The common shape of the operands; an error, with notes on what they are, where there is none."""
    try:
        return broadcast_shapes(*[x._a.shape for x in inputs if isinstance(x, Tensor)])
    except RuntimeError as error:
        raise because(error, "operands", row=row, inputs=inputs) from None


def simplest(row: Row, params: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The row's array function with its arguments, or the bare ufunc where that is all it is (`add` without alpha)."""
    own = [p for p in row.params if p.name not in row.tensors]
    if row.ufunc is not None and all(params.get(p.name, p.default) == p.default for p in own):
        return row.ufunc, {}
    return row.array, params


def record_pointwise(row: Row, inputs: Sequence[Any], params: dict[str, Any], out: Tensor) -> Node:
    words = dict(zip(row.tensors, inputs, strict=False))
    node = new_node(row, words, params)
    finish(row, node, (out,))
    dt = out._a.dtype
    node.plain = (
        dt.kind == "f"
        and dt.itemsize >= 4
        and all(not isinstance(x, Tensor) or w not in row.promoted or x._a.dtype is dt for w, x in words.items())
    )
    scalars = {w: x for w, x in words.items() if not isinstance(x, Tensor)}
    if scalars:
        node.notes = {"scalars": scalars}
    return node


def mark_inference(out: Tensor) -> None:
    out._meta().inference = True
    out._vc = INFERENCE


def run(row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """Runs and records any other row. `inputs` follow `row.tensors` (lists for `*` words, None for absent ones)."""
    if state.hooked and (got := levels.hooked("run", row, inputs, params)) is not NotImplemented:
        return got
    arrays: list[Any] = []
    tensors: list[Any] = []
    for i, x in enumerate(inputs):
        if isinstance(x, Tensor):
            arrays.append(x._a)
            tensors.append(x)
        elif x is None:
            arrays.append(None)
        elif isinstance(x, (list, tuple)):
            for j, t in enumerate(x):
                if not isinstance(t, Tensor) and not (t is None and row.tensors[i] == "indices*"):
                    raise TypeError(f"expected Tensor as element {j} in argument {i}, but got {type(t).__name__}")
            arrays.append([None if t is None else t._a for t in x])
            tensors += x
        else:
            raise bad_argument(row.name, i + 1, row.tensors[i].rstrip("*"), x)
    given = dict(zip([t.rstrip("*") for t in row.tensors], arrays, strict=True)) | params
    with quiet:
        r = None
        if row.name in FORMS and row.elsewhere(row, arrays) is not None:  # type: ignore[misc]
            r = compiled(row, given)
        if r is None:
            r = row.array(**given)
    recorded = bool(row.grad) and state.grad and needs_grad(tensors)
    if recorded:
        check_fixed(row, inputs)
        if row.real_grad and (r[0] if isinstance(r, (list, tuple)) else r).dtype.kind == "c":
            raise no_complex_derivative(row)
    if row.family in ("view", "pieces"):
        return _views(row, inputs, params, r, recorded)
    outs = [wrap(a) for a in r] if row.outputs else [wrap(r)]
    if recorded and (outs[0]._a.dtype.kind not in "biu"):
        words = {w.rstrip("*"): x for w, x in zip(row.tensors, inputs, strict=True)}
        finish(row, new_node(row, words, params), outs)
    elif state.inference:
        for out in outs:
            mark_inference(out)
    elif log.on:
        cut(row.name, outs[0], tensors)
    return outs if row.outputs else outs[0]


def _views(row: Row, inputs: Sequence[Any], params: dict[str, Any], r: Any, recorded: bool) -> Any:
    of = inputs[0]
    many = isinstance(r, (list, tuple))
    outs = [wrap(a) for a in r] if many else [wrap(r)]
    if of._x is not None and of._x.inference:
        for out in outs:
            mark_inference(out)
        return outs if many else outs[0]
    if row.family == "view":
        creation = ("multi" if many else None) if state.grad else "inference" if state.inference else "no_grad"
        for out in outs:
            mark_view(out, of, creation)
    if recorded and of._a.dtype.kind not in "biu":
        node = new_node(row, {row.tensors[0]: of}, params)
        if many:
            node.shape, node.dt = [o._a.shape for o in outs], [o._a.dtype for o in outs]
            for k, out in enumerate(outs):
                out._node, out._rg = (node, k), True
        else:
            finish(row, node, outs)
    return outs if many else outs[0]


# ---- in-place and out= forms


def inplace(row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Tensor:
    """Runs a row into its first input, counts the write and rebases the history."""
    target = inputs[0]
    if not isinstance(target, Tensor):
        raise bad_argument(row.name + "_", 1, "self", target)
    if state.hooked and (got := levels.hooked("inplace", row, inputs, params)) is not NotImplemented:
        return got
    recording = state.grad and (needs_grad(inputs) if row.grad else edge(target) is not None)
    check_writable(target, recording or (state.grad and target._rg), row.name in CONSTANT)
    if row.family == "pointwise":
        check_inputs(row, inputs)
        inputs = plain_numbers(inputs)
        if row.check is not None:
            row.check(inputs, params)
        r = _pointwise_into(row, inputs, params, target)
    else:
        arrays = [x._a if isinstance(x, Tensor) else x for x in inputs]
        with quiet:
            r = row.array(**dict(zip(row.tensors, arrays, strict=True)), **params)
        if row.inplace:
            check_fits(target, r)
    node = None
    if recording and row.grad:
        node = inplace_node(row, inputs, params)
    with quiet:
        target._a[...] = r
    commit(target, node, row)
    return target


def check_fits(target: Tensor, r: Any) -> None:
    """A result that is not the target's shape and dtype cannot be written into it."""
    r = np.asarray(r)
    if r.ndim and r.shape != target._a.shape:
        raise RuntimeError(
            f"Bad in-place call: input tensor size {list(target._a.shape)} and output tensor size {list(r.shape)} should match"
        )
    if r.ndim and r.dtype != target._a.dtype:
        names = [dtypes.from_np(a.dtype).legacy.lower() for a in (target._a, r)]
        raise RuntimeError(
            f"Bad in-place call: input tensor dtype {names[0]} and output tensor dtype {names[1]} should match"
        )


def _pointwise_into(row: Row, inputs: Sequence[Any], params: dict[str, Any], target: Tensor) -> np.ndarray:
    arrays, result = promote(row, inputs)
    own = target.dtype
    if row.kind == REAL and own.is_complex:
        raise RuntimeError(f"In-place {row.name} is not supported for complex tensors.")
    if not dtypes.can_cast(result, own):
        raise RuntimeError(f"result type {result.legacy} can't be cast to the desired output type {own.legacy}")
    shape = fitting_shapes(row, inputs)
    if shape != target._a.shape:
        raise RuntimeError(f"output with shape {list(target._a.shape)} doesn't match the broadcast shape {list(shape)}")
    for x in inputs[1:]:
        if isinstance(x, Tensor) and overlap_partly(target._a, x._a):
            raise RuntimeError(PARTIAL_OVERLAP)
    with quiet:
        return forward(row, inputs, result)(*arrays, **params)


PARTIAL_OVERLAP = (
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. "
    "Please clone() the tensor before performing the operation."
)


CONSTANT = frozenset(("fill_.Scalar", "fill_.Tensor", "zero"))  # write one value: overlapping memory is no matter


def check_writable(target: Tensor, recording: bool, overlap: bool = False) -> None:
    meta = target._x
    if meta is not None and meta.base is not None and meta.base._rg and state.grad:
        recording = True  # a view made without recording counts, too
    check_inplace(target, recording)
    if meta is not None and meta.inference and not state.inference:
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal "
            "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
        )
    if not overlap and overlaps_itself(target._a):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )


def inplace_node(row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Node:
    """The node of an in-place run. What it saves of the target is saved as a copy: the write is about to change it."""
    words = {w.rstrip("*"): x for w, x in zip(row.tensors, inputs, strict=False)}
    node = _inplace_node(row, words, inputs[0], params)
    node.notes = {"in_place": True, "scalars": {w: x for w, x in words.items() if isinstance(x, NUMBERS)}}
    return node


def _inplace_node(row: Row, words: dict[str, Any], target: Any, params: dict[str, Any]) -> Node:
    first = row.tensors[0]
    if any(first in f.words for key, f in row.grad.items()):
        kept = make(Tensor, target._a.copy())
        kept._node, kept._rg = edge(target), target._rg
        if kept._node is target:
            kept._node = None
        node = new_node(row, words, params)
        if getattr(node, "s_" + first) is target:
            setattr(node, "s_" + first, kept)
            setattr(node, "v_" + first, 0)
        return node
    return new_node(row, words, params)


def commit(target: Tensor, node: Node | None, row: Row | None = None) -> None:
    """Counts a write into `target` that has just happened and hangs `node` into its history."""
    meta = target._x
    if not (meta is not None and meta.inference):
        target._bump()
    if node is None:
        return
    node.shape, node.dt = target._a.shape, target._a.dtype
    dt = node.dt
    node.plain = dt.kind == "f" and dt.itemsize >= 4 and row is not None and row.family != "pointwise"
    waiting = _PENDING.pop(node, None)
    rebase(target, node)
    for word in waiting or ():
        setattr(node, "s_" + word, target._alias())
        setattr(node, "v_" + word, target._counter().n)


def exact_into(out: Any, result: Tensor, name: str = "") -> Tensor:
    """`into` for the ops that convert nothing on the way out."""
    if isinstance(out, Tensor) and out._a.dtype != result._a.dtype:
        raise RuntimeError(f"Found dtype {out.dtype.legacy} but expected {result.dtype.legacy}")
    return into(out, result, name)


WRONG_OUT = "Expected out tensor to have dtype {want}, but got {got} instead"


def typed_into(out: Any, result: Tensor, name: str = "", text: str = WRONG_OUT) -> Tensor:
    """`into` for the ops that compute straight into the caller's tensor: its dtype must be the result's.

    In `text`, {want} and {got} are the dtypes' names in C++, {Want} and {Got} PyTorch's own.
    """
    if isinstance(out, Tensor) and out._a.dtype != result._a.dtype:
        want, got = result.dtype, out.dtype
        raise RuntimeError(text.format(want=_cpp(want), got=_cpp(got), Want=want.legacy, Got=got.legacy))
    return into(out, result, name)


def into(out: Any, result: Tensor, name: str = "") -> Tensor:
    """Writes a result into the caller's `out=` tensor, resized if its shape differs."""
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if result._rg or (state.grad and out.requires_grad):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments "
            "requires grad."
        )
    if not dtypes.can_cast(result.dtype, out.dtype):
        raise RuntimeError(
            f"result type {result.dtype.legacy} can't be cast to the desired output type {out.dtype.legacy}"
        )
    if out._a.shape != result._a.shape:
        if out._a.size:
            import warnings

            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out._a.shape)}, which does not "
                f"match the required output shape {list(result._a.shape)}. This behavior is deprecated, and in a future PyTorch "
                "release outputs will not be resized unless they have zero elements. You can explicitly reuse an out tensor t "
                "by resizing it, inplace, to zero elements with t.resize_(0).",
                UserWarning,
                stacklevel=3,
            )
        out._a = np.empty(result._a.shape, out._a.dtype)
    else:
        check_writable(out, False)
    with quiet:
        out._a[...] = result._a
    out._bump()
    return out


__all__ = [
    "as_number", "bad_argument", "check_writable", "commit", "exact_into", "inplace", "inplace_node", "into", "mark_inference", "needs_grad",
    "no_overload", "pointwise", "result_type", "run", "typed_into",
]  # fmt: skip

draws_numbers(globals())
