"""Adafactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functions as fn
from ..dtype import finfo
from ..graph.modes import enable_grad, no_grad
from ..tensor import Tensor
from ._update import add_, advance, apply, lerp_, mul_, number, scalar
from .optimizer import Optimizer, check_lr, counter

__all__ = ["Adafactor", "adafactor"]


class Adafactor(Optimizer):
    """Adam's mean square, kept for matrices as the outer product of row means and column means (Shazeer and Stern, 2018).

    The step is relative to the root mean square of the parameter, at least eps[1], and clipped to d. ValueError for options out of range,
    RuntimeError for complex parameters.

    >>> p = nn.Parameter(torch.ones(2, 3))
    >>> optimizer = torch.optim.Adafactor([p])
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> [(k, tuple(v.shape)) for k, v in optimizer.state[p].items()]
    [('step', ()), ('row_var', (2, 1)), ('col_var', (1, 3))]
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, beta2_decay: float = -0.8, eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0,
        weight_decay: float = 0.0, *, foreach: bool | None = None, maximize: bool = False,
    ) -> None:  # fmt: skip
        check_lr(lr, "Learning rate should be >= 0 but is: ")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            self._count_in_tensors(group)

    @no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; returns what `closure` (if given) returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()

        def begin(p: Any, state: dict[str, Any]) -> None:
            grad = p.grad
            state["step"] = counter()
            if grad.dim() > 1:
                rows, columns = list(grad.shape), list(grad.shape)
                rows[-1] = columns[-2] = 1
                state["row_var"] = grad.new_zeros(rows)
                state["col_var"] = grad.new_zeros(columns)
            else:
                state["variance"] = fn.zeros_like(grad)

        for group in self.param_groups:
            if any(p.grad is not None and p.is_complex() for p in group["params"]):
                raise RuntimeError("Adafactor does not support complex parameters")
            words = ("row_var", "col_var", "variance", "step")
            params, grads, (rows, columns, variances, steps) = self._gather(group, words, begin)
            eps1, eps2 = group["eps"]
            adafactor(
                params, grads, rows, columns, variances, steps, d=group["d"], lr=group["lr"], beta2_decay=group["beta2_decay"],
                weight_decay=group["weight_decay"], eps1=eps1, eps2=eps2, foreach=group["foreach"], maximize=group["maximize"],
                grad_scale=getattr(self, "grad_scale", None), found_inf=getattr(self, "found_inf", None),
            )  # fmt: skip
        return loss


def adafactor(
    params: list[Tensor], grads: list[Tensor], row_vars: list[Tensor | None], col_vars: list[Tensor | None],
    variances: list[Tensor | None], state_steps: list[Tensor], foreach: bool | None = None, grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None, has_complex: bool = False, *, d: float, lr: Any, beta2_decay: float, weight_decay: float, eps1: Any,
    eps2: float, maximize: bool,
) -> None:  # fmt: skip
    """A step of Adafactor for each of `params`. See `Adafactor`."""
    if not all(isinstance(t, Tensor) for t in state_steps):
        raise RuntimeError("`state_steps` argument must contain a list of singleton tensors")
    if grad_scale is not None or found_inf is not None:
        raise AssertionError("Grad scaling should occur outside of optimizer.step()")
    lr = scalar(lr)
    p: Any
    for p, grad, rows, columns, variance, counted in zip(params, grads, row_vars, col_vars, variances, state_steps):
        if eps1 is None:
            eps1 = finfo(p.dtype).eps
        if grad.dim() > 1 and (rows is None or columns is None):  # type: ignore[attr-defined]
            raise AssertionError("row_var and col_var should be defined when grad is multidimensional")
        if grad.dim() <= 1 and variance is None:  # type: ignore[attr-defined]
            raise AssertionError("variance should be defined when grad is a vector")
        step = advance(counted)
        fresh = step**beta2_decay  # the weight of what is new in the mean squares
        rho = min(lr, 1 / (step**0.5))

        def update(
            p: Any,
            g: Any,
            rows: Any,
            columns: Any,
            variance: Any,
            least: float = eps1,
            fresh: Any = fresh,
            rho: Any = rho,
        ) -> None:
            g = -g if maximize else g
            alpha = max(eps2, _length(p) / (_count(p) ** 0.5)) * rho
            if weight_decay != 0:
                mul_(p, 1 - lr * weight_decay)
            if variance is None:
                lerp_(rows, _mean_square(g, -1), fresh)
                lerp_(columns, _mean_square(g, -2), fresh)
                estimate = rows @ columns
                estimate /= _at_least(_mean(rows, -2), least)
            else:
                lerp_(variance, g * g, fresh)
                estimate = variance
            move = _at_least(estimate, least * least)
            move = g * move.rsqrt() if isinstance(move, Tensor) else g / np.sqrt(move)  # type: ignore[attr-defined]
            over = max(1.0, _length(move) / ((_count(move) ** 0.5) * d))
            add_(p, move, number(-alpha / over))

        apply(False, update, p, grad, rows, columns, variance, whole=True)


# ---- words for arrays and Tensors, see Note [One update for arrays and Tensors]


def _count(x: Any) -> int:
    return x.numel() if isinstance(x, Tensor) else x.size  # type: ignore[attr-defined]


def _length(x: Any) -> float:
    if isinstance(x, Tensor):
        return number(x.norm(2))  # type: ignore[attr-defined]
    flat = x.ravel()
    return float(np.sqrt(np.dot(flat, flat)))


def _mean_square(x: Any, dim: int) -> Any:
    if isinstance(x, Tensor):
        return fn.norm(x, dim=dim, keepdim=True).square_().div_(x.size(dim))  # type: ignore[attr-defined]
    return np.expand_dims(np.einsum("...i,...i->..." if dim == -1 else "...ij,...ij->...j", x, x) / x.shape[dim], dim)


def _mean(x: Any, dim: int) -> Any:
    return x.mean(dim=dim, keepdim=True) if isinstance(x, Tensor) else x.mean(dim, keepdims=True)  # type: ignore[attr-defined]


def _at_least(x: Any, least: float) -> Any:
    return x.clamp(min=least) if isinstance(x, Tensor) else np.maximum(x, x.dtype.type(least))  # type: ignore[attr-defined]
