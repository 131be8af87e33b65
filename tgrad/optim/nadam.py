"""NAdam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as fn
from ..kernels.optimizing import Prepared
from ..tensor import Tensor
from ._update import add, addcdiv_, addcmul_, advance, apply, lerp_, mul_, number, root, scalar, together
from .optimizer import Optimizer, check_betas, check_least, check_lr, check_steps, counter, stepping

__all__ = ["NAdam", "nadam"]


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, whose strength grows from half of beta1 to beta1 (Dozat, 2016).

    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2); the step goes along mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t).

    >>> p = nn.Parameter(torch.ones(2))
    >>> torch.optim.NAdam([p]).param_groups[0]["momentum_decay"]
    0.004
    """

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_lr(lr)
        check_least(epsilon=eps)
        check_betas(betas)
        check_least(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)
            self._count_in_tensors(group, words=("step", "mu_product"))

    @stepping
    def step(self) -> Any:
        """One update; returns what `closure` (if given) returned."""

        def begin(p: Any, state: dict[str, Any]) -> None:
            state["step"] = counter()
            state["mu_product"] = fn.ones_like(state["step"])
            state["exp_avg"] = fn.zeros_like(p)
            state["exp_avg_sq"] = fn.zeros_like(p)

        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            words = ("exp_avg", "exp_avg_sq", "mu_product", "step")
            params, grads, (means, squares, products, steps) = self._gather(group, words, begin)
            _nadam(
                self._prepared, params, grads, means, squares, products, steps, beta1=beta1, beta2=beta2, lr=group["lr"],
                weight_decay=group["weight_decay"], momentum_decay=group["momentum_decay"], eps=group["eps"], maximize=group["maximize"],
                decoupled_weight_decay=group["decoupled_weight_decay"], foreach=group["foreach"], capturable=group["capturable"],
                differentiable=group["differentiable"],
            )  # fmt: skip


def nadam(
    params: list[Tensor], grads: list[Tensor], exp_avgs: list[Tensor], exp_avg_sqs: list[Tensor], mu_products: list[Tensor],
    state_steps: list[Tensor], decoupled_weight_decay: bool = False, foreach: bool | None = None, capturable: bool = False,
    differentiable: bool = False, has_complex: bool = False, maximize: bool = False, *, beta1: float, beta2: float, lr: float,
    weight_decay: float, momentum_decay: float, eps: float,
) -> None:  # fmt: skip
    """A step of NAdam for each of `params`. See `NAdam`."""
    _nadam(
        None, params, grads, exp_avgs, exp_avg_sqs, mu_products, state_steps, decoupled_weight_decay=decoupled_weight_decay,
        foreach=foreach, capturable=capturable, differentiable=differentiable, maximize=maximize, beta1=beta1, beta2=beta2, lr=lr,
        weight_decay=weight_decay, momentum_decay=momentum_decay, eps=eps,
    )  # fmt: skip


def _nadam(
    prepared: Prepared | None, params: Sequence[Any], grads: Sequence[Any], means: Sequence[Any], squares: Sequence[Any],
    products: Sequence[Any], steps: Sequence[Any], *, decoupled_weight_decay: bool, foreach: Any, capturable: bool, differentiable: bool,
    maximize: bool, beta1: float, beta2: float, lr: Any, weight_decay: float, momentum_decay: float, eps: float,
) -> None:  # fmt: skip
    check_steps(
        params, foreach=foreach, differentiable=differentiable, capturable=capturable,
        words="params, mu_products, and state_steps" if foreach else "params, mu_products and state_steps", state_steps=steps,
        mu_products=products,
    )  # fmt: skip
    lr = scalar(lr)
    apart = decoupled_weight_decay

    def strength(step: float) -> float:
        return beta1 * (1.0 - 0.5 * (0.96 ** (step * momentum_decay)))

    def counted(i: int) -> tuple[float, Any, Any]:
        """Moves the counters of a parameter on; gives its step, and the factors of the gradient and of the mean."""
        step, product = advance(steps[i]), products[i]
        mu, after = strength(step), strength(step + 1)
        if differentiable:
            product *= mu
            held: Any = product
        else:
            a = product._a
            a *= mu
            product._bump()
            held = float(a)
        return step, -lr * (1.0 - mu) / (1.0 - held), -lr * after / (1.0 - held * after)

    left: Sequence[int] = range(len(params))
    if not differentiable and prepared is not None:
        keys = [(float(s._a) + 1, float(m._a)) for s, m in zip(steps, products)]
        shrink, decay = (number(1 - lr * weight_decay), 0.0) if apart and weight_decay != 0 else (1.0, weight_decay)

        def numbers(key: tuple[float, float]) -> tuple[float, ...]:
            step, product = key
            mu, after = strength(step), strength(step + 1)
            moved = products[0]._a.dtype.type(product)  # as the counter will be rounded
            moved *= moved.dtype.type(mu)
            held = float(moved)
            along = number(-lr * (1.0 - mu) / (1.0 - held)), number(-lr * after / (1.0 - held * after))
            sign = -1.0 if maximize else 1.0
            return (sign, shrink, decay, 1 - beta1, beta2, 1 - beta2, 1 - beta2**step, eps, *along)

        left = together("nadam", prepared, params, grads, (means, squares), keys, numbers)
        waiting = set(left)
        for i in range(len(params)):
            if i not in waiting:
                counted(i)
    for i in left:
        step, of_grad, of_mean = counted(i)

        def update(
            p: Any, g: Any, m: Any, v: Any, step: float = step, of_grad: Any = of_grad, of_mean: Any = of_mean
        ) -> None:
            g = -g if maximize else g
            if weight_decay != 0:
                if apart:
                    mul_(p, 1 - lr * weight_decay)
                else:
                    g = add(g, p, weight_decay)
            lerp_(m, g, 1 - beta1)
            mul_(v, beta2)
            addcmul_(v, g, g, 1 - beta2)
            under = root(v / (1 - beta2**step)) + eps
            if differentiable:
                addcdiv_(p, g * of_grad, under)
                addcdiv_(p, m * of_mean, under)
            else:
                addcdiv_(p, g, under, of_grad)
                addcdiv_(p, m, under, of_mean)

        apply(differentiable, update, params[i], grads[i], means[i], squares[i])
