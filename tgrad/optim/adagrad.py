"""Adagrad and Adadelta."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functions as fn
from .adam import advance, counter, zeros
from .optimizer import Optimizer, check_flags, check_least, check_lr, decayed, rate, root


class Adagrad(Optimizer):
    """Steps of the gradient over the root of the sum of all its squares."""

    def __init__(
        self, params: Any, lr: Any = 1e-2, lr_decay: float = 0, weight_decay: float = 0, initial_accumulator_value: float = 0,
        eps: float = 1e-10, foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_lr(lr)
        check_least(lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value)
        check_least(epsilon=eps)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_flags(differentiable, foreach, fused)
        for group in self.param_groups:
            for p in group["params"]:
                start = group["initial_accumulator_value"]
                value = complex(start, start) if p.is_complex() else start
                self.state[p].update(step=counter(), sum=fn.full_like(p, value))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; returns what `closure` (if given) returned."""
        return self._step(closure)

    def _update(self, group: dict[str, Any], p: Any, grad: Any, s: dict[str, Any], state: dict[str, Any]) -> None:
        step = advance(state)
        grad = decayed(group, p, grad)
        total = s["sum"]
        total += grad * grad
        spread = root(total)
        spread += group["eps"]
        p += grad * -(rate(group) / (1 + (step - 1) * group["lr_decay"])) / spread


class Adadelta(Optimizer):
    """Steps as large as the running root mean square of the steps before, over that of the gradient."""

    def __init__(
        self, params: Any, lr: Any = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
        foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_least(epsilon=eps)
        check_least(weight_decay=weight_decay)
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

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; returns what `closure` (if given) returned."""
        return self._step(closure)

    def _begin(self, group: dict[str, Any], p: Any, state: dict[str, Any]) -> None:
        state.update(step=fn.zeros(()), square_avg=zeros(p), acc_delta=zeros(p))

    def _update(self, group: dict[str, Any], p: Any, grad: Any, s: dict[str, Any], state: dict[str, Any]) -> None:
        advance(state)
        grad = decayed(group, p, grad)
        rho, eps = group["rho"], group["eps"]
        square, moved = s["square_avg"], s["acc_delta"]
        square *= rho
        square += grad * grad * (1 - rho)
        delta = root(moved + eps) / root(square + eps) * grad
        moved *= rho
        moved += delta * delta * (1 - rho)
        p += delta * -rate(group)
