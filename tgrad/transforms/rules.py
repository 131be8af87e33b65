"""Batching rules of rows whose arguments' names do not tell them. See Note [Batching rules].

A rule gets the level, the row, its inputs (batched or not) and its other arguments, and gives the result with the batch in front.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import functions as F
from ..ops.spec import Row
from ..tensor import Tensor
from .batched import by_names, full, inside, of, one_by_one
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


# ---- what runs over any number of planes: the batch is folded into their first dimension


@rule(
    """max_pool2d_with_indices max_pool2d_with_indices_backward max_pool3d_with_indices max_pool3d_with_indices_backward adaptive_max_pool2d
    adaptive_max_pool2d_backward adaptive_max_pool3d adaptive_max_pool3d_backward avg_pool2d avg_pool2d_backward avg_pool3d
    avg_pool3d_backward _adaptive_avg_pool2d _adaptive_avg_pool2d_backward _adaptive_avg_pool3d _adaptive_avg_pool3d_backward max_unpool2d
    max_unpool3d reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d"""
)
def folded(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    values = [full(x, lvl) for x in inputs]
    shape = values[0].shape
    got = call("run", row, [v.flatten(0, 1) if isinstance(v, Tensor) else v for v in values], params)
    unfold = lambda t: t.unflatten(0, (shape[0], shape[1]))
    return [unfold(t) for t in got] if isinstance(got, (list, tuple)) else unfold(got)


@rule("im2col col2im channel_shuffle")
def _images(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    plain = {"im2col": 3, "col2im": 2, "channel_shuffle": 3}[row.name]
    if inputs[0].ndim == plain and row.name != "channel_shuffle":
        return call("run", row, [inputs[0].value], params)
    return folded(lvl, row, inputs, params)


@rule("convolution")
def _convolution(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, w, b = inputs
    if not of(w, lvl) and not of(b, lvl):
        v = x.value
        return call("run", row, [v.flatten(0, 1), w, b], params).unflatten(0, v.shape[:2])
    # Each sample has its own weights: the samples become groups of channels.
    v, u = full(x, lvl), full(w, lvl)
    out = call(
        "run",
        row,
        [v.transpose(0, 1).flatten(1, 2), u.flatten(0, 1), None],
        params | {"groups": params["groups"] * lvl.size},
    )
    out = out.unflatten(1, (lvl.size, -1)).transpose(0, 1)
    if b is None:
        return out
    c: Any = full(b, lvl)
    return out + c.reshape(c.shape[0], 1, c.shape[1], *[1] * (out.ndim - 3))


@rule("convolution_backward")
def _convolution_backward(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    g, x, w = (full(t, lvl) for t in inputs)
    given = params | {"groups": params["groups"] * lvl.size}
    gx, gw = call(
        "run", row, [g.transpose(0, 1).flatten(1, 2), x.transpose(0, 1).flatten(1, 2), w.flatten(0, 1)], given
    )
    return [gx.unflatten(1, (lvl.size, -1)).transpose(0, 1), gw.unflatten(0, (lvl.size, -1))]


# ---- normalisation: one statistic per sample; scale and shift afterwards


@rule("native_layer_norm")
def _layer_norm(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, w, b = (list(inputs) + [None, None])[:3]
    own = any(of(t, lvl) for t in (w, b))
    out, mean, rstd = call("run", row, [full(x, lvl), None if own else w, None if own else b], params)
    if own:
        n = out.ndim
        spread: Any = lambda t: full(t, lvl).reshape(lvl.size, *(1,) * (n - t.ndim - 1), *t.shape)
        out = out if w is None else out * spread(w)
        out = out if b is None else out + spread(b)
    return [out, mean, rstd]


@rule("native_group_norm")
def _group_norm(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, w, b = (list(inputs) + [None, None])[:3]
    own = any(of(t, lvl) for t in (w, b))
    v = full(x, lvl)
    given = params | {"N": params["N"] * lvl.size}
    got = call("run", row, [v.flatten(0, 1), None if own else w, None if own else b], given)
    out, mean, rstd = (t.unflatten(0, v.shape[:2]) for t in got)
    if own:
        spread: Any = lambda t: full(t, lvl).reshape(lvl.size, 1, t.shape[0], *(1,) * (out.ndim - 3))
        out = out if w is None else out * spread(w)
        out = out if b is None else out + spread(b)
    return [out, mean, rstd]


@rule("native_batch_norm")
def _batch_norm(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """The samples' channels are channels of one large batch norm."""
    x, *rest = inputs
    running = rest[2:4]
    if params.get("training") and any(isinstance(t, Tensor) and not of(t, lvl) for t in running):
        raise RuntimeError(
            "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in place, were not "
            "batched.\nIf you are using a module and do not need eval mode, please set `track_running_stats` to be False.If you are using "
            "a prebuilt module and do not need eval mode, please see the functorch website for resources on how to patch your module to work "
            "with vmap"
        )
    v = full(x, lvl)
    flat = [None if t is None else full(t, lvl).flatten() for t in rest]
    out, mean, rstd = call("run", row, [v.transpose(0, 1).flatten(1, 2), *flat], params)
    for t, f in zip(running, flat[2:4], strict=True):
        if params.get("training") and t is not None and f is not None:
            t.value.copy_(f.reshape(t.value.shape))
    split = lambda t: t.unflatten(0, (lvl.size, -1)) if t._a.size else t.expand(lvl.size, *t.shape)
    return [out.unflatten(1, (lvl.size, -1)).transpose(0, 1), split(mean), split(rstd)]


# ---- losses


@rule("mse_loss smooth_l1_loss huber_loss soft_margin_loss binary_cross_entropy binary_cross_entropy_with_logits")
def _loss(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    values = [full(x, lvl) for x in inputs]
    n = values[0].ndim
    values = [
        v.reshape(v.shape[:1] + (1,) * (n - v.ndim) + v.shape[1:]) if isinstance(v, Tensor) else v for v in values
    ]
    out = call("run", row, values, params | {"reduction": 0})
    if params["reduction"] == 0 or n == 1:
        return out
    dims = tuple(range(1, n))
    return out.mean(dims) if params["reduction"] == 1 else out.sum(dims)


@rule("nll_loss_forward nll_loss2d_forward")
def _nll(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, target, weight = full(inputs[0], lvl), full(inputs[1], lvl), inputs[2]
    ignored = target == params["ignore_index"]
    at = target.masked_fill(ignored, 0)
    classes = 1 if inputs[0].ndim == 1 else 2
    out = -x.gather(classes, at.unsqueeze(classes)).squeeze(classes)
    if weight is None:
        each = (~ignored).to(x.dtype)
    else:
        w = full(weight, lvl)
        each = w.gather(1, at.reshape(lvl.size, -1)).reshape(at.shape).masked_fill(ignored, 0)
    out = out * each
    if params["reduction"] == 0:
        return [out, x.new_zeros((lvl.size,))]
    dims = tuple(range(1, out.ndim))
    total = each.sum(dims) if dims else each
    out = out.sum(dims) if dims else out
    return [out / total if params["reduction"] == 1 else out, total]


# ---- places


@rule("embedding")
def _embedding(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    weight, at = inputs
    if not of(weight, lvl):
        return call("run", row, [weight, at.value], params)
    v, w = full(at, lvl), weight.value
    starts = F.arange(lvl.size).reshape(-1, *(1,) * (v.ndim - 1)) * w.shape[1]  # type: ignore[attr-defined]
    return call("run", row, [w.flatten(0, 1), v + starts], params | {"padding_idx": -1})


@rule("embedding_dense_backward")
def _embedding_backward(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    g, at = full(inputs[0], lvl), full(inputs[1], lvl)
    rows, width = params["weight_sizes"]
    skip = params["padding_idx"]
    if skip is not None and skip >= 0:
        g = g.masked_fill((at == skip).unsqueeze(-1), 0)
    starts = F.arange(lvl.size).reshape(-1, *(1,) * (at.ndim - 1)) * rows  # type: ignore[attr-defined]
    out = call("run", row, [g, at + starts], params | {"weight_sizes": (lvl.size * rows, width), "padding_idx": -1})
    return out.reshape(lvl.size, rows, width)


@rule("index_select")
def _index_select(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, at = inputs
    d = params["dim"] % max(1, x.ndim)
    if not of(at, lvl):
        v = x.value if x.ndim else x.value.unsqueeze(1)
        out = call("run", row, [v, at], params | {"dim": d + 1})
        return out if x.ndim else out.squeeze(1)
    v, i = full(x, lvl), at.value
    if i.ndim == 1:
        i = i.unsqueeze(1)
    if v.ndim == 1:
        return v.unsqueeze(1).gather(1, i).squeeze(1)
    shape = [lvl.size] + [1] * (v.ndim - 1)
    shape[d + 1] = i.shape[1]
    wide = list(v.shape)
    wide[d + 1] = i.shape[1]
    return v.gather(d + 1, i.reshape(shape).expand(wide))


@rule("index_select_backward select_add")
def _index_select_backward(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    g, at = full(inputs[0], lvl), full(inputs[1], lvl)
    sizes = tuple(params["input_sizes"])
    d = params["dim"] % max(1, len(sizes)) + 1
    if not sizes:
        return g.reshape(lvl.size)
    shape = [1] * g.ndim
    shape[0], shape[d] = lvl.size, g.shape[d]
    return g.new_zeros((lvl.size, *sizes)).scatter_add(d, at.reshape(shape).expand(g.shape), g)


@rule("index_add index_copy index_fill.scalar index_fill.tensor index_reduce.rows")
def _index_write(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    words = dict(zip(row.tensors, inputs, strict=True))
    if any(isinstance(words.get(w), Tensor) and of(words[w], lvl) for w in ("index", "value")):
        return one_by_one(lvl, row, inputs, params)
    n = inputs[0].ndim
    values = [x if w in ("index", "value") else full(x, lvl) for w, x in words.items()]
    if n == 0:
        values = [v.unsqueeze(1) if isinstance(v, Tensor) and w in ("self", "source") and v.ndim == 1 else v
                  for w, v in zip(words, values, strict=True)]  # fmt: skip
    if values[0].ndim and "index" in words and words["index"].ndim == 0:
        values = [v.unsqueeze(0) if w == "index" else v.unsqueeze(params["dim"] % max(1, n) + 1) if w == "source" and v.ndim < values[0].ndim else v
                  for w, v in zip(words, values, strict=True)]  # fmt: skip
    out = call("run", row, values, params | {"dim": params["dim"] % max(1, n) + 1})
    return out if n else out.squeeze(1)


@rule("gather scatter.src scatter.value scatter_add scatter_reduce.two gather_backward")
def _gather(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    n = len(params["input_sizes"]) if "input_sizes" in params else inputs[0].ndim
    values = [full(x, lvl) for x in inputs]
    if n == 0:
        values = [v.unsqueeze(1) if isinstance(v, Tensor) and v.ndim == 1 else v for v in values]
    given = params | {"dim": params["dim"] % max(1, n) + 1}
    if "input_sizes" in given:
        given["input_sizes"] = (lvl.size, *given["input_sizes"]) if n else (lvl.size, 1)
    out = call("run", row, values, given)
    return out.squeeze(1) if n == 0 and out.ndim == 2 and inputs[-1].ndim == 0 else out


@rule("take")
def _take(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, at = full(inputs[0], lvl), full(inputs[1], lvl)
    flat = x.reshape(lvl.size, -1)
    return flat.gather(1, _forward(at.reshape(lvl.size, -1), flat.shape[1])).reshape(at.shape)


def _forward(at: Any, n: int) -> Any:
    """Indices counted from the end, from the start."""
    return F.where(at < 0, at + n, at)  # type: ignore[attr-defined]


@rule("put")
def _put(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, at, source = (full(t, lvl) for t in inputs)
    flat = x.reshape(lvl.size, -1)
    at = _forward(at.reshape(lvl.size, -1), flat.shape[1])
    write = flat.scatter_add if params.get("accumulate") else flat.scatter
    return write(1, at, source.reshape(at.shape)).reshape(x.shape)


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


@rule("_scaled_dot_product_flash_attention_for_cpu")
def _attention(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    q, k, v = (full(t, lvl).flatten(0, 1) for t in inputs[:3])
    mask = inputs[3] if len(inputs) > 3 else params.get("attn_mask")
    if isinstance(mask, Tensor):
        m = full(mask, lvl)
        while m.ndim < 5:
            m = m.unsqueeze(1)
        mask = m.expand(lvl.size, inputs[0].shape[0], *m.shape[2:]).flatten(0, 1)
    rest = {k_: p for k_, p in params.items() if k_ != "attn_mask"}
    given = [q, k, v, mask] if len(inputs) > 3 else [q, k, v]
    out = call("run", row, given, rest if len(inputs) > 3 else rest | {"attn_mask": mask})
    return out.unflatten(0, (lvl.size, -1))


class _Places:
    """Index tensors of x[..., i, ..., j, ...] over a batch: the batch's own index first, all index dimensions behind it.

    The result of indexing with them has the shape (batch, *index dimensions, *the others); `back` moves the index dimensions to
    where they stand in the result for one sample.
    """

    def __init__(self, lvl: Level, indices: Sequence[Any], ndim: int) -> None:
        self.n = max(i.ndim for i in indices if i is not None)
        taken = [k for k, i in enumerate(indices) if i is not None]
        adjacent = taken[-1] - taken[0] == len(taken) - 1
        self.front = taken[0] if adjacent else 0
        own = F.arange(lvl.size).reshape(-1, *(1,) * self.n)  # type: ignore[attr-defined]
        made: list[Any] = []
        for i in indices:
            if i is None:
                made.append(None)
                continue
            v = full(i, lvl)
            made.append(v.reshape(v.shape[:1] + (1,) * (self.n - i.ndim) + v.shape[1:]))
        self.indices = [own, *made]

    def back(self, out: Tensor) -> Tensor:
        if not self.front or not self.n:
            return out
        return out.movedim(tuple(range(1, 1 + self.n)), tuple(range(1 + self.front, 1 + self.front + self.n)))

    def forth(self, values: Tensor) -> Tensor:
        if not self.front or not self.n:
            return values
        return values.movedim(tuple(range(1 + self.front, 1 + self.front + self.n)), tuple(range(1, 1 + self.n)))


@rule("index.Tensor")
def _index(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    x, indices = inputs
    places = _Places(lvl, indices, x.ndim)
    return places.back(call("run", row, [full(x, lvl), places.indices], params))


@rule("index_backward")
def _index_backward(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    g = inputs[0]
    indices = inputs[1] if len(inputs) > 1 else params["indices"]
    sizes = params["input_sizes"]
    places = _Places(lvl, indices, len(sizes))
    zeros = full(g, lvl).new_zeros((lvl.size, *sizes))
    return zeros.index_put(tuple(places.indices), places.forth(full(g, lvl)), accumulate=True)


@rule("index_put.values")
def _index_put(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    words = dict(zip([t.rstrip("*") for t in row.tensors], inputs, strict=True)) | params
    x, values = words["self"], words["values"]
    places = _Places(lvl, words["indices"], x.ndim)
    target = full(x, lvl)
    # values broadcast to the shape that indexing one sample gives
    v = full(values, lvl)
    want = places.back(target[tuple(slice(None) if i is None else i for i in places.indices)]).shape
    v = v.reshape(v.shape[:1] + (1,) * (len(want) - v.ndim) + v.shape[1:]).expand(want)
    return target.index_put(tuple(places.indices), places.forth(v), accumulate=words["accumulate"])


@rule("masked_scatter masked_select nonzero.all")
def _unknown_size(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    name = row.name.partition(".")[0]
    raise RuntimeError(
        f"vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over aten::{name}. Please file an "
        "issue at https://github.com/pytorch/pytorch/issues if you need this feature."
    )


__all__ = ["RULES"]
