"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import functions as fn
from ..dtype import float32, get_default_dtype
from ..kernels.optimizing import Prepared
from ..tensor import Tensor
from ._update import add, add_, advance, apply, copy_, mul_, number, scalar, together
from .optimizer import Optimizer, check_least, check_lr, check_steps, counter, stepping

__all__ = ["ASGD", "asgd"]


class ASGD(Optimizer):
    """Gradient descent whose parameters are averaged from step t0 on; the average is `state[p]["ax"]` (Polyak and Juditsky, 1992).

    p = (1 - lambd eta) p - eta g with eta = lr / (1 + lambd lr t)^alpha; ax += (p - ax) / max(1, t - t0).

    >>> p = nn.Parameter(torch.ones(2))
    >>> torch.optim.ASGD([p]).param_groups[0]["lambd"]
    0.0001
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6, weight_decay: float = 0,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    ) -> None:  # fmt: skip
        check_lr(lr)
        check_least(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
            group.setdefault("differentiable", False)
            group.setdefault("capturable", False)
            self._count_in_tensors(group, words=("step", "eta", "mu"))

    @stepping
    def step(self) -> Any:
        """One update; returns what `closure` (if given) returned."""
        for group in self.param_groups:

            def begin(p: Any, state: dict[str, Any], group: dict[str, Any] = group) -> None:
                state["step"] = counter()
                state["eta"] = fn.full_like(state["step"], number(group["lr"]))
                state["mu"] = fn.ones_like(state["step"])
                state["ax"] = fn.zeros_like(p)

            params, grads, (means, mus, etas, steps) = self._gather(group, ("ax", "mu", "eta", "step"), begin)
            _asgd(
                self._prepared, params, grads, means, mus, etas, steps, lambd=group["lambd"], lr=group["lr"], t0=group["t0"],
                alpha=group["alpha"], weight_decay=group["weight_decay"], foreach=group["foreach"], maximize=group["maximize"],
                differentiable=group["differentiable"], capturable=group["capturable"],
            )  # fmt: skip


def asgd(
    params: list[Tensor], grads: list[Tensor], axs: list[Tensor], mus: list[Tensor], etas: list[Tensor], state_steps: list[Tensor],
    foreach: bool | None = None, maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    has_complex: bool = False, *, lambd: float, lr: float, t0: float, alpha: float, weight_decay: float,
) -> None:  # fmt: skip
    """A step of ASGD for each of `params`. See `ASGD`."""
    _asgd(
        None, params, grads, axs, mus, etas, state_steps, foreach=foreach, maximize=maximize, differentiable=differentiable,
        capturable=capturable, lambd=lambd, lr=lr, t0=t0, alpha=alpha, weight_decay=weight_decay,
    )  # fmt: skip


def _asgd(
    prepared: Prepared | None, params: Sequence[Any], grads: Sequence[Any], means: Sequence[Any], mus: Sequence[Any], etas: Sequence[Any],
    steps: Sequence[Any], *, foreach: Any, maximize: bool, differentiable: bool, capturable: bool, lambd: float, lr: Any, t0: float,
    alpha: float, weight_decay: float,
) -> None:  # fmt: skip
    check_steps(
        params,
        foreach=foreach,
        differentiable=differentiable,
        capturable=capturable,
        words="params, mus, etas, and state_steps",
    )
    lr = scalar(lr)

    def numbers(key: tuple[float, float]) -> tuple[float, ...]:
        mu, eta = key
        return (-1.0 if maximize else 1.0, weight_decay, 1 - lambd * eta, -eta, mu, float(mu != 1))

    keys = [(float(m._a), float(e._a)) for m, e in zip(mus, etas)]
    left: Sequence[int] = range(len(params))
    if not differentiable:
        left = together("asgd", prepared, params, grads, (means,), keys, numbers)
    for i in left:
        mu, eta = keys[i]

        def update(p: Any, g: Any, mean: Any, mu: float = mu, eta: float = eta) -> None:
            g = -g if maximize else g
            if weight_decay != 0:
                g = add(g, p, weight_decay)
            mul_(p, 1 - lambd * eta)
            add_(p, g, -eta)
            if mu != 1:
                add_(mean, (p - mean) * mu)
            else:
                copy_(mean, p)

        apply(differentiable, update, params[i], grads[i], means[i])

    def put(entry: Any, value: Any) -> None:
        if differentiable:
            entry.copy_(fn.as_tensor(value))
        else:
            # In the default dtype first, as numbers become tensors, though a state that was loaded may have another.
            value = number(value)
            entry._a[...] = np.float32(value) if get_default_dtype() is float32 else fn.as_tensor(value)._a
            entry._bump()

    for mu, eta, counted in zip(mus, etas, steps):
        step = advance(counted)
        put(eta, lr / ((1 + lambd * lr * (counted if foreach else step)) ** alpha))
        put(mu, 1 / max(1, step - t0))
