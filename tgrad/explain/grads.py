"""`tgrad.check_grads`: each parameter with its gradient's norm, zeros and nans, and why one is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..graph.entry import backward
from ..graph.modes import no_grad
from ..graph.node import AccumulateGrad
from ..tensor import Tensor
from .table import table


@dataclass(frozen=True)
class Row:
    """One parameter: its path, shape, the gradient's norm (None without one), the shares of zeros and of nans or infs, and a remark.
    `numeric`: the same derivative by finite differences, where that was asked for."""

    name: str
    shape: tuple[int, ...]
    norm: float | None
    zeros: float
    bad: float
    remark: str
    numeric: str = ""


class Report(list[Row]):
    """The rows; shown as a table at a prompt."""

    def __repr__(self) -> str:
        head = ("parameter", "shape", "norm", "zeros", "nan/inf", "")
        rows = [
            (
                r.name, "x".join(map(str, r.shape)) or "scalar", "None" if r.norm is None else f"{r.norm:.3e}",
                "" if r.norm is None else f"{r.zeros:.0%}", "" if r.norm is None else f"{r.bad:.0%}",
                " ".join(filter(None, [r.remark, r.numeric])),
            )
            for r in self
        ]  # fmt: skip
        return table(head, rows)


def check_grads(
    model: Any,
    loss: Tensor | Callable[[], Tensor] | None = None,
    *,
    numeric: str | None = None,
    eps: float | None = None,
) -> Report:
    """The gradients of all parameters, a row for each.

    `model`: a module, or named parameters as (name, tensor) pairs. `loss`: a scalar tensor, whose backward() is run here (the graph is kept, and
    `.grad` is put back as it was), or a function that computes it anew; None: the gradients that are there. `numeric`: the name of one
    parameter, of which a few elements are checked by finite differences of step `eps`; that needs `loss` as a function.
    ValueError for a name that there is not, or a loss that is no scalar.

    >>> import tgrad as torch
    >>> net = torch.nn.Linear(2, 1)
    >>> torch.check_grads(net, net(torch.zeros(3, 2)).sum())
    parameter  shape  norm       zeros  nan/inf
    weight     1x2    0.000e+00  100%   0%       all zeros
    bias       1      3.000e+00  0%     0%
    """
    named: list[tuple[str, Tensor]] = list(model.named_parameters() if hasattr(model, "named_parameters") else model)
    if numeric is not None and numeric not in dict(named):
        raise ValueError(
            f"check_grads(): there is no parameter {numeric!r}; there are {', '.join(n for n, _ in named)}"
        )
    if numeric is not None and not callable(loss):
        raise ValueError(
            "check_grads(): a check by finite differences needs `loss` as a function that computes it anew"
        )
    before = [p._grad for _, p in named]
    reached: set[int] | None = None
    try:
        if loss is not None:
            value = loss() if callable(loss) else loss
            if value._a.size != 1:
                raise ValueError(f"check_grads(): `loss` must be a scalar, not of shape {list(value._a.shape)}")
            for _, p in named:
                p._grad = None
            reached = _leaves(value)
            backward(value, retain_graph=True)
        rows = [_row(name, p, reached) for name, p in named]
        if numeric is not None:
            assert callable(loss)
            i = [name for name, _ in named].index(numeric)
            text = _compare(named[i][1], loss, eps)
            rows[i] = Row(**{**vars(rows[i]), "numeric": text})
    finally:
        if loss is not None:
            for (_, p), grad in zip(named, before, strict=True):
                p._grad = grad
    return Report(rows)


def _leaves(x: Tensor) -> set[int]:
    seen: set[Any] = set()
    todo: list[Any] = [x.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo += [to for to, _ in node.next_functions]
    return {id(n.variable) for n in seen if isinstance(n, AccumulateGrad)}


def _row(name: str, p: Tensor, reached: set[int] | None) -> Row:
    grad = p._grad
    shape = tuple(p._a.shape)
    if grad is None:
        if not p.requires_grad:
            remark = "does not require grad"
        elif reached is None:
            remark = "no backward() since it was cleared, or it was not reached"
        elif id(p) in reached:
            remark = "reached, but every derivative on the way is None"
        else:
            remark = "the loss is no function of it: not used in forward, or cut off on the way"
        return Row(name, shape, None, 0.0, 0.0, remark)
    a = grad._a.astype(np.complex128 if grad._a.dtype.kind == "c" else np.float64)
    size = max(a.size, 1)
    bad = float((~np.isfinite(a)).sum()) / size
    zeros = float((a == 0).sum()) / size
    remark = "not finite" if bad else "all zeros" if zeros == 1 and a.size else ""
    return Row(name, shape, float(np.linalg.norm(a)), zeros, bad, remark)


def _compare(p: Tensor, loss: Callable[[], Tensor], eps: float | None) -> str:
    """Central differences at up to eight elements, those of the largest gradient first."""
    assert p._grad is not None
    flat, grad = p._a.reshape(-1), p._grad._a.reshape(-1)
    if flat.base is None and p._a.size:
        return "finite differences: not for parameters with gaps in memory"
    step = eps or {"float64": 1e-6, "float32": 1e-3}.get(p._a.dtype.name, 1e-2)
    worst, scale = 0.0, 0.0
    chosen: Iterable[int] = np.argsort(-np.abs(grad))[:8]
    with no_grad():
        for i in chosen:
            kept = flat[i]
            flat[i] = kept + step
            up = float(loss()._a)
            flat[i] = kept - step
            down = float(loss()._a)
            flat[i] = kept
            measured = (up - down) / (2 * step)
            worst, scale = max(worst, abs(measured - float(grad[i]))), max(scale, abs(measured), abs(float(grad[i])))
    return f"finite differences: off by {worst / scale if scale else 0:.1e} of it at most"


__all__ = ["Report", "Row", "check_grads"]
