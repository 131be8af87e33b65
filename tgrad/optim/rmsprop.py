"""RMSprop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .adam import advance, counter, drift, zeros
from .optimizer import Optimizer, check_least, check_lr, decayed, rate, root


class RMSprop(Optimizer):
    """Steps of the gradient over the root of its running mean square; with momentum, and centred, on request."""

    def __init__(
        self, params: Any, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0, momentum: float = 0,
        centered: bool = False, capturable: bool = False, foreach: bool | None = None, maximize: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_lr(lr)
        check_least(epsilon=eps)
        check_least(momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; returns what `closure` (if given) returned."""
        return self._step(closure)

    def _begin(self, group: dict[str, Any], p: Any, state: dict[str, Any]) -> None:
        state["step"] = counter()
        state["square_avg"] = zeros(p)
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros(p)
        if group["centered"]:
            state["grad_avg"] = zeros(p)

    def _update(self, group: dict[str, Any], p: Any, grad: Any, s: dict[str, Any], state: dict[str, Any]) -> None:
        advance(state)
        grad = decayed(group, p, grad)
        alpha, square = group["alpha"], s["square_avg"]
        square *= alpha
        square += grad * grad * (1 - alpha)
        if group["centered"]:
            mean = s["grad_avg"]
            drift(mean, grad, 1 - alpha)
            spread = root(square - mean * mean)
        else:
            spread = root(square)
        spread += group["eps"]
        if group["momentum"] > 0:
            buffer = s["momentum_buffer"]
            buffer *= group["momentum"]
            buffer += grad / spread
            p += buffer * -rate(group)
        else:
            p += grad * -rate(group) / spread
