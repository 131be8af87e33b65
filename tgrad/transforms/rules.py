"""Batching rules of rows whose arguments' names do not tell them. See Note [Batching rules].

A rule gets the level, the row, its inputs (batched or not) and its other arguments, and gives the result with the batch in front.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import functions as F
from ..ops.spec import Row
from ..tensor import Tensor
from .batched import by_names, full, inside, of
from .wrapped import Level, call

Rule = Callable[[Level, Row, Sequence[Any], dict[str, Any]], Any]
RULES: dict[str, Rule] = {}


def rule(names: str) -> Callable[[Rule], Rule]:
    """Decorator: the rule of these rows."""

    def keep(fn: Rule) -> Rule:
        for name in names.split():
            RULES[name] = fn
        return fn

    return keep


def by(names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: rows that a function of batches computes, called with the tensors (all expanded) and then the other arguments."""

    def keep(fn: Callable[..., Any]) -> Callable[..., Any]:
        for name in names.split():
            RULES[name] = lambda lvl, row, inputs, params: fn(*[full(x, lvl) for x in inputs], **params)
        return fn

    return keep


@rule("leading frexp.row one_hot.fill _safe_softmax constant_pad_nd pixel_shuffle pixel_unshuffle tril triu")
def leading(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """Rows that leave leading dimensions alone."""
    return call("run", row, [full(x, lvl) for x in inputs], params)


# ---- over everything: over all dimensions but the batch's


def _all(x: Tensor) -> tuple[int, ...]:
    return tuple(range(1, x.ndim))


def _whole(name: str) -> Rule:
    def run(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        x = inputs[0].value
        dims = _all(x)
        fn = getattr(F, name)
        return fn(x, dims, **params) if dims else (fn(x.unsqueeze(1), 1, **params))

    return run


RULES["sum.all"], RULES["mean.all"] = _whole("sum"), _whole("mean")
RULES["max.all"], RULES["min.all"] = _whole("amax"), _whole("amin")


@by("prod.all")
def _prod(x: Any, dtype: Any = None) -> Any:
    return x.flatten(1).prod(1, dtype=dtype) if x.ndim > 1 else x.unsqueeze(1).prod(1, dtype=dtype)


@by("median.all")
def _median(x: Any) -> Any:
    return x.reshape(x.shape[0], -1).median(1).values


@by("nanmedian.all")
def _nanmedian(x: Any) -> Any:
    return x.reshape(x.shape[0], -1).nanmedian(1).values


@rule("aminmax.row")
def _aminmax(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    if params.get("dim") is not None:
        return by_names(lvl, row, inputs, params)
    x = inputs[0].value
    dims = _all(x) or (1,)
    x = x if x.ndim > 1 else x.unsqueeze(1)
    keep = params.get("keepdim", False) and x.ndim > 1
    return [F.amin(x, dims, keepdim=keep), F.amax(x, dims, keepdim=keep)]  # type: ignore[attr-defined]


@rule("argmax argmin")
def _arg(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    if params.get("dim") is not None:
        return by_names(lvl, row, inputs, params)
    x = inputs[0].value
    out = call("run", row, [x.reshape(x.shape[0], -1)], {"dim": 1, "keepdim": False})
    return out.reshape(x.shape[:1] + (1,) * (x.ndim - 1)) if params.get("keepdim") else out


@by("trace")
def _trace(x: Any) -> Any:
    return x.diagonal(0, 1, 2).sum(-1)


@by("dist.row")
def _dist(x: Any, y: Any, p: float = 2.0) -> Any:
    n = max(x.ndim, y.ndim)
    x, y = (t.reshape(t.shape[:1] + (1,) * (n - t.ndim) + t.shape[1:]) for t in (x, y))
    return (x - y).reshape(x.shape[0], -1).norm(p, 1) if n > 1 else (x - y).unsqueeze(1).norm(p, 1)


@rule("flip")
def _flip(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    dims = params["dims"]
    return inputs[0].value.clone() if not dims else by_names(lvl, row, inputs, params)


@rule("roll")
def _roll(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    if params.get("dims"):
        return by_names(lvl, row, inputs, params)
    x = inputs[0].value
    return x.reshape(x.shape[0], -1).roll(params["shifts"], 1).reshape(x.shape)


@rule("rot90")
def _rot90(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    return F.rot90(inputs[0].value, params["k"], [d % inputs[0].ndim + 1 for d in params["dims"]])  # type: ignore[attr-defined]


@rule("diag_embed")
def _diag_embed(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    n = inputs[0].ndim + 1
    given = params | {k: params[k] % n + 1 for k in ("dim1", "dim2")}
    return call("run", row, [inputs[0].value], given)


@rule("diagonal diagonal_copy")
def _diagonal(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    n = inputs[0].ndim
    return call("run", row, [inputs[0].value], params | {k: params[k] % n + 1 for k in ("dim1", "dim2")})


@rule("diagonal_backward")
def _diagonal_backward(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    n = len(params["input_sizes"])
    given = (
        params | {k: params[k] % n + 1 for k in ("dim1", "dim2")} | {"input_sizes": (lvl.size, *params["input_sizes"])}
    )
    return call("run", row, [full(inputs[0], lvl)], given)


@rule("select_backward slice_backward unfold_backward")
def _view_backward(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    n = len(params["input_sizes"])
    given = params | {"dim": params["dim"] % n + 1, "input_sizes": (lvl.size, *params["input_sizes"])}
    return call("run", row, [full(inputs[0], lvl)], given)


@rule("_fft_c2c _fft_r2c _fft_c2r _fft_inner_twice")
def _fft(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    dim = params["dim"]  # counted from the front already
    moved = tuple(d + 1 for d in dim) if isinstance(dim, tuple) else dim + 1
    return call("run", row, [inputs[0].value], params | {"dim": moved})


# ---- dimensions


@by("t t_copy")
def _t(x: Any) -> Any:
    return x.transpose(1, 2) if x.ndim == 3 else x.view(x.shape)


@rule("squeeze.all squeeze_copy.all")
def _squeeze(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x = inputs[0].value
    return x.squeeze(tuple(d for d in range(1, x.ndim) if x.shape[d] == 1))


@rule("squeeze.dim squeeze.dims squeeze_copy.dim squeeze_copy.dims")
def _squeeze_dims(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, n = inputs[0].value, inputs[0].ndim
    dims = params["dim"] if isinstance(params["dim"], (tuple, list)) else (params["dim"],)
    return x.squeeze(tuple(d % n + 1 for d in dims) if n else ())


@rule("as_strided as_strided_copy")
def _as_strided(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """Each sample in its own stretch of memory."""
    x = inputs[0].value
    start = params.get("storage_offset")
    at = x.storage_offset() + (start if start is not None else 0)
    return x.as_strided((lvl.size, *params["size"]), (x.stride(0), *params["stride"]), at)


@rule("as_strided_scatter")
def _as_strided_scatter(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    out, source = full(inputs[0], lvl).contiguous().clone(), full(inputs[1], lvl)
    start = params.get("storage_offset")
    part = out.as_strided((lvl.size, *params["size"]), (out.stride(0), *params["stride"]), start or 0)
    part.copy_(source.reshape(part.shape))
    return out


@rule("fill.Tensor")
def _fill(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, value = full(inputs[0], lvl), full(inputs[1], lvl)
    return (x * 0).copy_(value.reshape(-1, *(1,) * (x.ndim - 1)))


@rule("repeat")
def _repeat(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, repeats = inputs[0].value, tuple(params["repeats"])
    extra = len(repeats) - inputs[0].ndim
    return x.reshape(x.shape[:1] + (1,) * extra + x.shape[1:]).repeat((1, *repeats))


@rule("view _unsafe_view view_copy _reshape_alias")
def _view(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    from ..shape import infer_size

    x = inputs[0].value
    size = (lvl.size, *infer_size(tuple(params["size"]), inputs[0]._a.size))
    return x.reshape(size)


@rule("cat")
def _cat(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    tensors = inputs[0]
    n = max(t.ndim for t in tensors)
    kept = [full(t, lvl) for t in tensors if t._a.shape != (0,) or n == 1]
    return F.cat(kept, params["dim"] % n + 1)  # type: ignore[attr-defined]


# ---- products


def _matmul(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """One product of batches of matrices; a matrix that is the same for all samples is not repeated."""
    a, b = inputs
    x, y = inside(a, lvl), inside(b, lvl)
    if row.name in ("dot", "vdot"):
        x = x.conj() if row.name == "vdot" and x.is_complex() else x
        return (x * y).sum(-1)
    if row.name == "mv":
        return (x @ y.unsqueeze(-1)).squeeze(-1)
    if row.name == "mm" and of(a, lvl) and not of(b, lvl) and not y.requires_grad:
        return (x.reshape(-1, x.shape[-1]) @ y).reshape(*x.shape[:-1], y.shape[-1])
    return x @ y


for _name in ("mm", "bmm", "mv", "dot", "vdot"):
    RULES[_name] = _matmul


def _scaled(x: Any, factor: Any) -> Any:
    return x if factor == 1 else x * factor


@by("addmm baddbmm")
def _addmm(self: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    product = _scaled(a @ b, alpha)
    if beta == 0:
        return product
    self = self.reshape(self.shape[:1] + (1,) * (product.ndim - self.ndim) + self.shape[1:])
    return _scaled(self, beta) + product


@by("addmv")
def _addmv(self: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    product = _scaled((a @ b.unsqueeze(-1)).squeeze(-1), alpha)
    return product if beta == 0 else _scaled(self.reshape(self.shape[0], -1), beta) + product


@by("addbmm")
def _addbmm(self: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    product = _scaled((a @ b).sum(1), alpha)
    self = self.reshape(self.shape[:1] + (1,) * (product.ndim - self.ndim) + self.shape[1:])
    return product if beta == 0 else _scaled(self, beta) + product


@by("addr")
def _addr(self: Any, a: Any, b: Any, beta: Any = 1, alpha: Any = 1) -> Any:
    product = _scaled(a.unsqueeze(-1) * b.unsqueeze(-2), alpha)
    self = self.reshape(self.shape[:1] + (1,) * (product.ndim - self.ndim) + self.shape[1:])
    return product if beta == 0 else _scaled(self, beta) + product


@rule("renorm")
def _renorm(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, d = inputs[0].value, params["dim"] % inputs[0].ndim + 1
    moved = x.movedim(d, 1)
    out = call("run", row, [moved.reshape(moved.shape[0] * moved.shape[1], -1)], params | {"dim": 0})
    return out.reshape(moved.shape).movedim(1, d)


@rule("block_diag")
def _block_diag(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    blocks = [full(t, lvl) for t in inputs[0]]
    blocks = [t.reshape(t.shape[0], 1, -1) if t.ndim < 3 else t for t in blocks]
    width, left, out = sum(t.shape[2] for t in blocks), 0, []
    for t in blocks:
        out.append(F.constant_pad_nd(t, (left, width - left - t.shape[2])))  # type: ignore[attr-defined]
        left += t.shape[2]
    return F.cat(out, 1)  # type: ignore[attr-defined]


@rule("unfold unfold_copy")
def _unfold(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    n = inputs[0].ndim
    x = inputs[0].value if n else inputs[0].value.unsqueeze(1)
    return call("run", row, [x], params | {"dimension": params["dimension"] % max(1, n) + 1})


__all__ = ["RULES"]
