"""Adam's relatives: Adamax, NAdam and RAdam."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import functions as fn
from .adam import advance, counter, drift, zeros
from .optimizer import Optimizer, check_betas, check_least, check_lr, decayed, larger, rate, root, size


class Adamax(Optimizer):
    """Adam by the largest gradient (decaying) in place of the mean square."""

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

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; returns what `closure` (if given) returned."""
        return self._step(closure)

    def _begin(self, group: dict[str, Any], p: Any, state: dict[str, Any]) -> None:
        state.update(step=counter(), exp_avg=zeros(p), exp_inf=zeros(p))

    def _update(self, group: dict[str, Any], p: Any, grad: Any, s: dict[str, Any], state: dict[str, Any]) -> None:
        step = advance(state)
        grad = decayed(group, p, grad)
        beta1, beta2 = group["betas"]
        mean, most = s["exp_avg"], s["exp_inf"]
        drift(mean, grad, 1 - beta1)
        most[...] = larger(most * beta2, size(grad) + group["eps"])
        p += mean * -(rate(group) / (1 - beta1**step)) / most


class _Decoupled(Optimizer):
    """What NAdam and RAdam have in common: Adam's two running means."""

    def __init__(self, params: Any, lr: Any, betas: Any, eps: float, weight_decay: float, rest: dict[str, Any]) -> None:
        check_lr(lr)
        check_least(epsilon=eps)
        check_betas(betas)
        check_least(weight_decay=weight_decay)
        if "momentum_decay" in rest:
            check_least(momentum_decay=rest["momentum_decay"])
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, **rest})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; returns what `closure` (if given) returned."""
        return self._step(closure)

    def _begin(self, group: dict[str, Any], p: Any, state: dict[str, Any]) -> None:
        state.update(step=counter(), exp_avg=zeros(p), exp_avg_sq=zeros(p))

    def _means(self, group: dict[str, Any], p: Any, grad: Any, s: dict[str, Any]) -> tuple[Any, Any, Any]:
        """(gradient with decay, mean, mean square) after this step."""
        grad = decayed(group, p, grad)
        beta1, beta2 = group["betas"]
        mean, square = s["exp_avg"], s["exp_avg_sq"]
        drift(mean, grad, 1 - beta1)
        square *= beta2
        square += grad * grad * (1 - beta2)
        return grad, mean, square


class NAdam(_Decoupled):
    """Adam with Nesterov's momentum."""

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        rest = {
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, lr, betas, eps, weight_decay, rest)

    def _begin(self, group: dict[str, Any], p: Any, state: dict[str, Any]) -> None:
        state.update(step=counter(), mu_product=fn.ones(()), exp_avg=zeros(p), exp_avg_sq=zeros(p))

    def _update(self, group: dict[str, Any], p: Any, grad: Any, s: dict[str, Any], state: dict[str, Any]) -> None:
        step = advance(state)
        lr, (beta1, beta2) = rate(group), group["betas"]
        grad, mean, square = self._means(group, p, grad, s)
        now, after = (beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"])) for t in (step, step + 1))
        running = state["mu_product"]._a
        running *= now
        product = float(running)
        spread = root(square / (1 - beta2**step))
        spread += group["eps"]
        p += grad * (-lr * (1.0 - now) / (1.0 - product)) / spread
        p += mean * (-lr * after / (1.0 - product * after)) / spread


class RAdam(_Decoupled):
    """Adam that waits with the mean square until enough steps have been seen."""

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False,
        capturable: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        rest = {
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, lr, betas, eps, weight_decay, rest)

    def _update(self, group: dict[str, Any], p: Any, grad: Any, s: dict[str, Any], state: dict[str, Any]) -> None:
        step = advance(state)
        beta1, beta2 = group["betas"]
        _, mean, square = self._means(group, p, grad, s)
        corrected = mean / (1 - beta1**step)
        move = corrected * rate(group)
        # The length of the approximated simple moving average, at the end and now.
        longest = 2 / (1 - beta2) - 1
        left = 1 - beta2**step
        length = longest - 2 * step * (beta2**step) / left
        if length > 5.0:
            spread = root(square)
            spread += group["eps"]
            top = (length - 4) * (length - 2) * longest
            move = move * (left**0.5 / spread) * math.sqrt(top / ((longest - 4) * (longest - 2) * length))
        p -= move
