"""Batching rules of convolution, pooling, normalisation, attention and losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops.spec import Row
from ..tensor import Tensor
from .batched import full, of
from .rules import rule
from .wrapped import Level, call

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


@rule("native_group_norm native_group_norm.stats")
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


@rule(
    "native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_stats _native_batch_norm_legit_no_training"
)
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


# ---- attention


@rule("_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention_for_cpu_backward")
def _attention(lvl: Level, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
    """The samples become batches. A mask, which broadcasts, is expanded over those only."""
    words = row.tensors
    given = dict(zip(words, inputs, strict=False))
    mask = given.pop("attn_mask", params.get("attn_mask"))
    batch = given["query"].shape[0]
    flat = [full(t, lvl).flatten(0, 1) for t in given.values()]
    if isinstance(mask, Tensor):
        m = full(mask, lvl)
        while m.ndim < 5:
            m = m.unsqueeze(1)
        mask = m.expand(lvl.size, batch, *m.shape[2:]).flatten(0, 1)
    rest = {name: p for name, p in params.items() if name != "attn_mask"}
    got = call("run", row, [*flat, mask], rest)
    return [t.unflatten(0, (lvl.size, -1)) for t in got]
