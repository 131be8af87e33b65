"""Adamax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as fn
from ..kernels.optimizing import Prepared
from ..tensor import Tensor
from ._update import add, addcdiv_, advance, apply, lerp_, maximum_, mul_, number, scalar, size, together
from .optimizer import Optimizer, check_betas, check_least, check_lr, check_steps, counter, stepping

__all__ = ["Adamax", "adamax"]


class Adamax(Optimizer):
    """Adam over the largest gradient of late, u = max(beta2 u, |g| + eps), in place of the root mean square (Kingma and Ba, 2015).

    >>> p = nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.Adamax([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p
    Parameter containing:
    tensor([0.9000, 0.9000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False, capturable: bool = False,
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
            self._count_in_tensors(group)

    @stepping
    def step(self) -> Any:
        """One update; returns what `closure` (if given) returned."""

        def begin(p: Any, state: dict[str, Any]) -> None:
            state["step"] = counter()
            state["exp_avg"] = fn.zeros_like(p)
            state["exp_inf"] = fn.zeros_like(p)

        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            params, grads, (means, norms, steps) = self._gather(group, ("exp_avg", "exp_inf", "step"), begin)
            _adamax(
                self._prepared, params, grads, means, norms, steps, eps=group["eps"], beta1=beta1, beta2=beta2, lr=group["lr"],
                weight_decay=group["weight_decay"], foreach=group["foreach"], maximize=group["maximize"],
                differentiable=group["differentiable"], capturable=group["capturable"],
            )  # fmt: skip


def adamax(
    params: list[Tensor], grads: list[Tensor], exp_avgs: list[Tensor], exp_infs: list[Tensor], state_steps: list[Tensor],
    foreach: bool | None = None, maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    has_complex: bool = False, *, eps: float, beta1: float, beta2: float, lr: float, weight_decay: float,
) -> None:  # fmt: skip
    """A step of Adamax for each of `params`. See `Adamax`."""
    _adamax(
        None, params, grads, exp_avgs, exp_infs, state_steps, foreach=foreach, maximize=maximize, differentiable=differentiable,
        capturable=capturable, eps=eps, beta1=beta1, beta2=beta2, lr=lr, weight_decay=weight_decay,
    )  # fmt: skip


def _adamax(
    prepared: Prepared | None, params: Sequence[Any], grads: Sequence[Any], means: Sequence[Any], norms: Sequence[Any],
    steps: Sequence[Any], *, foreach: Any, maximize: bool, differentiable: bool, capturable: bool, eps: float, beta1: float, beta2: float,
    lr: Any, weight_decay: float,
) -> None:  # fmt: skip
    check_steps(params, foreach=foreach, differentiable=differentiable, capturable=capturable, state_steps=steps)
    lr = scalar(lr)

    def numbers(step: float) -> tuple[float, ...]:
        return (-1.0 if maximize else 1.0, weight_decay, 1 - beta1, beta2, eps, number(-(lr / (1 - beta1**step))))

    left: Sequence[int] = range(len(params))
    if not differentiable:
        left = together(
            "adamax", prepared, params, grads, (means, norms), [float(s._a) + 1 for s in steps], numbers, (), steps
        )
    for i in left:
        rate = -(lr / (1 - beta1 ** advance(steps[i])))

        def update(p: Any, g: Any, m: Any, norm: Any, rate: Any = rate) -> None:
            g = -g if maximize else g
            if weight_decay != 0:
                g = add(g, p, weight_decay)
            lerp_(m, g, 1 - beta1)
            mul_(norm, beta2)
            now = size(g) + eps
            if differentiable:  # equals share the gradient, as in a maximum over a dimension
                both = fn.stack([norm, now])
                norm.copy_(fn.amax(both, 0))
            else:
                maximum_(norm, now)
            addcdiv_(p, m, norm, rate)

        apply(differentiable, update, params[i], grads[i], means[i], norms[i])
