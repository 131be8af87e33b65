"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..kernels.optimizing import sgd as compiled_sgd
from ..tensor import Tensor, wrap
from .optimizer import Optimizer, Stepping, check_flags, check_lr, number


class SGD(Optimizer):
    """p -= lr * (grad + weight_decay * p), with momentum (also Nesterov's) on request.

    >>> import tgrad as torch
    >>> p = torch.nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.SGD([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p
    Parameter containing:
    tensor([0.9000, 0.9000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: Any = 0,
        nesterov: bool = False, *, maximize: bool = False, foreach: bool | None = None, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_lr(lr)
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_flags(differentiable, foreach, fused)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", False)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; returns what `closure` (if given) returned."""
        return self._step(closure)

    def _has_state(self, group: dict[str, Any]) -> bool:
        return group["momentum"] != 0

    def _together(self, group: dict[str, Any], stepping: list[Stepping]) -> list[Stepping]:
        momentum = number(group["momentum"])
        held = [state.get("momentum_buffer") if momentum != 0 else None for _, _, state in stepping]
        ready = [i for i, b in enumerate(held) if momentum == 0 or b is not None]  # the first step makes the buffer
        arrays = [(p._a, grad._a, None if b is None else b._a) for (p, grad, _), b in zip(stepping, held, strict=True)]
        left = compiled_sgd(
            self._prepared, [arrays[i] for i in ready], lr=number(group["lr"]), momentum=momentum,
            dampening=group["dampening"], decay=number(group["weight_decay"]), nesterov=group["nesterov"],
            maximize=group["maximize"],
        )  # fmt: skip
        done = set(ready) - {ready[k] for k in left}
        for i in done:
            stepping[i][0]._bump()
        return [one for i, one in enumerate(stepping) if i not in done]

    def _update(self, group: dict[str, Any], p: Any, grad: Any, s: dict[str, Any], state: dict[str, Any]) -> None:
        lr, momentum = group["lr"], group["momentum"]
        if not getattr(lr, "requires_grad", False):
            lr = number(lr)
        decay = number(group["weight_decay"])
        if decay != 0:
            grad = grad + p * decay
        if momentum != 0:
            buffer = s.get("momentum_buffer")
            if buffer is None:
                buffer = grad.detach().clone() if isinstance(grad, Tensor) else grad.copy()
                state["momentum_buffer"] = buffer if isinstance(buffer, Tensor) else wrap(buffer)
            else:
                buffer *= momentum
                buffer += grad * (1 - group["dampening"])
            grad = grad + buffer * momentum if group["nesterov"] else buffer
        p += grad * -lr
