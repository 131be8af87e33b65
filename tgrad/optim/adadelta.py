"""Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as fn
from ..kernels.optimizing import Prepared
from ..tensor import Tensor
from ._update import add, add_, addcmul_, advance, apply, mul_, number, root, scalar, together
from .optimizer import Optimizer, check_least, check_lr, check_steps, counter, stepping

__all__ = ["Adadelta", "adadelta"]


class Adadelta(Optimizer):
    """Steps as large as the running root mean square of the steps before, over that of the gradient (Zeiler, 2012).

    v = rho v + (1 - rho) g^2, d = sqrt(u + eps) / sqrt(v + eps) * g, u = rho u + (1 - rho) d^2, p -= lr d.

    >>> p = nn.Parameter(torch.ones(2))
    >>> torch.optim.Adadelta([p]).param_groups[0]["rho"]
    0.9
    """

    def __init__(
        self, params: Any, lr: Any = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
        foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_least(epsilon=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
            group.setdefault("differentiable", False)
            group.setdefault("capturable", False)
            self._count_in_tensors(group)

    @stepping
    def step(self) -> Any:
        """One update; returns what `closure` (if given) returned."""

        def begin(p: Any, state: dict[str, Any]) -> None:
            state["step"] = counter()
            state["square_avg"] = fn.zeros_like(p)
            state["acc_delta"] = fn.zeros_like(p)

        for group in self.param_groups:
            params, grads, (squares, moved, steps) = self._gather(group, ("square_avg", "acc_delta", "step"), begin)
            _adadelta(
                self._prepared, params, grads, squares, moved, steps, lr=group["lr"], rho=group["rho"], eps=group["eps"],
                weight_decay=group["weight_decay"], foreach=group["foreach"], maximize=group["maximize"],
                differentiable=group["differentiable"], capturable=group["capturable"],
            )  # fmt: skip


def adadelta(
    params: list[Tensor], grads: list[Tensor], square_avgs: list[Tensor], acc_deltas: list[Tensor], state_steps: list[Tensor],
    capturable: bool = False, foreach: bool | None = None, differentiable: bool = False, has_complex: bool = False, *, lr: float,
    rho: float, eps: float, weight_decay: float, maximize: bool,
) -> None:  # fmt: skip
    """A step of Adadelta for each of `params`. See `Adadelta`."""
    _adadelta(
        None, params, grads, square_avgs, acc_deltas, state_steps, capturable=capturable, foreach=foreach, differentiable=differentiable,
        lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize,
    )  # fmt: skip


def _adadelta(
    prepared: Prepared | None, params: Sequence[Any], grads: Sequence[Any], squares: Sequence[Any], moved: Sequence[Any],
    steps: Sequence[Any], *, capturable: bool, foreach: Any, differentiable: bool, lr: Any, rho: float, eps: float, weight_decay: float,
    maximize: bool,
) -> None:  # fmt: skip
    check_steps(
        params, foreach=foreach, differentiable=differentiable, capturable=capturable, xla=False, state_steps=steps
    )
    lr = scalar(lr)

    def update(p: Any, g: Any, square: Any, before: Any) -> None:
        g = -g if maximize else g
        if weight_decay != 0:
            g = add(g, p, weight_decay)
        mul_(square, rho)
        addcmul_(square, g, g, 1 - rho)
        move = root(before + eps) / root(square + eps) * g
        mul_(before, rho)
        addcmul_(before, move, move, 1 - rho)
        add_(p, move, -lr)

    left: Sequence[int] = range(len(params))
    if not differentiable:
        left = together(
            "adadelta", prepared, params, grads, (squares, moved), [],
            lambda _: (-1.0 if maximize else 1.0, weight_decay, rho, 1 - rho, eps, -number(lr)), (), steps,
        )  # fmt: skip
    for i in left:
        advance(steps[i])
        apply(differentiable, update, params[i], grads[i], squares[i], moved[i])
