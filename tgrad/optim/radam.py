"""RAdam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as fn
from ..kernels.optimizing import Prepared
from ..tensor import Tensor
from ._update import add, add_, addcmul_, advance, apply, lerp_, mul_, number, root, scalar, together
from .optimizer import Optimizer, check_betas, check_least, check_lr, check_steps, counter, stepping

__all__ = ["RAdam", "radam"]


class RAdam(Optimizer):
    """Adam that waits with dividing by the root mean square until that is a good estimate (Liu et al., 2020).

    rho_t = 2 / (1 - beta2) - 1 - 2 t beta2^t / (1 - beta2^t); from rho_t > 5 on the step is Adam's times a factor that grows towards 1.

    >>> p = nn.Parameter(torch.ones(2))
    >>> torch.optim.RAdam([p]).param_groups[0]["lr"]
    0.001
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_lr(lr)
        check_least(epsilon=eps)
        check_betas(betas)
        check_least(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)
            group.setdefault("capturable", False)
            self._count_in_tensors(group)

    @stepping
    def step(self) -> Any:
        """One update; returns what `closure` (if given) returned."""

        def begin(p: Any, state: dict[str, Any]) -> None:
            state["step"] = counter()
            state["exp_avg"] = fn.zeros_like(p)
            state["exp_avg_sq"] = fn.zeros_like(p)

        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            params, grads, (means, squares, steps) = self._gather(group, ("exp_avg", "exp_avg_sq", "step"), begin)
            _radam(
                self._prepared, params, grads, means, squares, steps, beta1=beta1, beta2=beta2, lr=group["lr"],
                weight_decay=group["weight_decay"], eps=group["eps"], maximize=group["maximize"], foreach=group["foreach"],
                capturable=group["capturable"], differentiable=group["differentiable"],
                decoupled_weight_decay=group["decoupled_weight_decay"],
            )  # fmt: skip


def radam(
    params: list[Tensor], grads: list[Tensor], exp_avgs: list[Tensor], exp_avg_sqs: list[Tensor], state_steps: list[Tensor],
    decoupled_weight_decay: bool = False, foreach: bool | None = None, differentiable: bool = False, capturable: bool = False,
    has_complex: bool = False, maximize: bool = False, *, beta1: float, beta2: float, lr: float, weight_decay: float, eps: float,
) -> None:  # fmt: skip
    """A step of RAdam for each of `params`. See `RAdam`."""
    _radam(
        None, params, grads, exp_avgs, exp_avg_sqs, state_steps, decoupled_weight_decay=decoupled_weight_decay, foreach=foreach,
        differentiable=differentiable, capturable=capturable, maximize=maximize, beta1=beta1, beta2=beta2, lr=lr,
        weight_decay=weight_decay, eps=eps,
    )  # fmt: skip


def _radam(
    prepared: Prepared | None, params: Sequence[Any], grads: Sequence[Any], means: Sequence[Any], squares: Sequence[Any],
    steps: Sequence[Any], *, decoupled_weight_decay: bool, foreach: Any, differentiable: bool, capturable: bool, maximize: bool,
    beta1: float, beta2: float, lr: Any, weight_decay: float, eps: float,
) -> None:  # fmt: skip
    check_steps(params, foreach=foreach, differentiable=differentiable, capturable=capturable, state_steps=steps)
    lr = scalar(lr)
    apart = decoupled_weight_decay
    full = 2 / (1 - beta2) - 1

    def length(step: float) -> float:
        """Of the average that the mean square is as good as."""
        return full - 2 * step * (beta2**step) / (1 - beta2**step)

    def factor(now: float) -> float:
        return ((now - 4) * (now - 2) * full / ((full - 4) * (full - 2) * now)) ** 0.5

    def numbers(step: float) -> tuple[float, ...]:
        now = length(step)
        shrink, decay = (number(1 - lr * weight_decay), 0.0) if apart and weight_decay != 0 else (1.0, weight_decay)
        rect = factor(now) if now > 5.0 else 1.0
        return (
            -1.0 if maximize else 1.0, shrink, decay, 1 - beta1, beta2, 1 - beta2, 1 - beta1**step, number(lr), (1 - beta2**step) ** 0.5,
            eps, rect, float(now > 5.0),
        )  # fmt: skip

    left: Sequence[int] = range(len(params))
    if not differentiable:
        left = together(
            "radam", prepared, params, grads, (means, squares), [float(s._a) + 1 for s in steps], numbers, (), steps
        )
    for i in left:
        step = advance(steps[i])

        def update(p: Any, g: Any, m: Any, v: Any, step: float = step) -> None:
            g = -g if maximize else g
            if weight_decay != 0:
                if apart:
                    mul_(p, 1 - lr * weight_decay)
                else:
                    g = add(g, p, weight_decay)
            lerp_(m, g, 1 - beta1)
            mul_(v, beta2)
            addcmul_(v, g, g, 1 - beta2)
            move = m / (1 - beta1**step) * (lr if isinstance(p, Tensor) else number(lr))
            now = length(step)
            if now > 5.0:
                move = move * (1 / (root(v) + eps) * (1 - beta2**step) ** 0.5) * factor(now)
            add_(p, move, -1.0)

        apply(differentiable, update, params[i], grads[i], means[i], squares[i])
