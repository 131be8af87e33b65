"""Muon."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import functions as fn
from ..graph.modes import enable_grad, no_grad
from ..tensor import Tensor
from ._update import add_, lerp_, mul_, number, scalar
from .optimizer import Optimizer, check_lr

__all__ = ["Muon"]

EPS = 1e-7
DEFAULT_A = 3.4445
DEFAULT_B = -4.7750
DEFAULT_C = 2.0315
DEFAULT_NS_STEPS = 5


class Muon(Optimizer):
    """Momentum whose steps are made orthogonal matrices, by `ns_steps` steps of Newton and Schulz in bfloat16 (Jordan et al., 2024).

    For matrices only: ValueError for parameters of other dimensions. `adjust_lr_fn`: "original" (lr times sqrt(max(1, rows / columns)), also
    for None) or "match_rms_adamw" (lr times 0.2 sqrt(max(rows, columns))).

    >>> p = nn.Parameter(torch.ones(2, 2))
    >>> torch.optim.Muon([p]).param_groups[0]["ns_coefficients"]
    (3.4445, -4.775, 2.0315)
    """

    def __init__(
        self, params: Any, lr: float = 1e-3, weight_decay: float = 0.1, momentum: float = 0.95, nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (DEFAULT_A, DEFAULT_B, DEFAULT_C), eps: float = EPS,
        ns_steps: int = DEFAULT_NS_STEPS, adjust_lr_fn: str | None = None,
    ) -> None:  # fmt: skip
        check_lr(lr, "Learning rate should be >= 0 but is: ")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn is not None and adjust_lr_fn not in ("original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    @no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; returns what `closure` (if given) returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            for p in params:
                if p.is_complex():
                    raise RuntimeError("Muon does not support complex parameters")
                if "momentum_buffer" not in self.state[p]:
                    self.state[p]["momentum_buffer"] = fn.zeros_like(p.grad)
            muon(
                params, [p.grad for p in params], [self.state[p]["momentum_buffer"] for p in params], lr=group["lr"],
                weight_decay=group["weight_decay"], momentum=group["momentum"], nesterov=group["nesterov"],
                ns_coefficients=group["ns_coefficients"], eps=group["eps"], ns_steps=group["ns_steps"],
                adjust_lr_fn=group["adjust_lr_fn"], has_complex=False,
            )  # fmt: skip
        return loss


def _zeropower_via_newtonschulz(grad: Any, ns_coefficients: Sequence[float], ns_steps: int, eps: float) -> Any:
    """About the orthogonal factor of a matrix: five odd polynomials push its singular values towards 1, in bfloat16."""
    if ns_steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(grad.shape) != 2:
        raise ValueError("Input tensor gradient must be a 2D matrix")
    if len(ns_coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = ns_coefficients
    tall = grad.size(0) > grad.size(1)
    x = grad.bfloat16()
    if tall:
        x = x.T
    x.div_(x.norm().clamp(min=eps))  # what was bfloat16 already is written over, a momentum buffer too, as in PyTorch
    for _ in range(ns_steps):
        gram = x @ x.T
        mixed = fn.addmm(gram, gram, gram, beta=b, alpha=c)
        x = fn.addmm(x, mixed, x, beta=a)
    return x.T if tall else x


def _adjust_lr(lr: Any, adjust_lr_fn: str | None, param_shape: Sequence[int]) -> Any:
    rows, columns = param_shape[:2]
    if adjust_lr_fn is None or adjust_lr_fn == "original":
        return lr * math.sqrt(max(1, rows / columns))
    if adjust_lr_fn == "match_rms_adamw":
        return lr * (0.2 * math.sqrt(max(rows, columns)))
    return lr * 1.0


def muon(
    params: list[Tensor], grads: list[Tensor], muon_momentum_bufs: list[Tensor], *, foreach: bool | None = None, lr: float,
    weight_decay: float, momentum: float, nesterov: bool, ns_coefficients: tuple[float, float, float], ns_steps: int, eps: float,
    adjust_lr_fn: str | None, has_complex: bool,
) -> None:  # fmt: skip
    """A step of Muon for each of `params`. See `Muon`."""
    if foreach is not None and foreach:
        raise RuntimeError("Foreach is not supported for Muon yet")
    lr = scalar(lr)
    if has_complex:
        raise ValueError("Complex parameters are not supported")
    grad: Any
    for p, grad, buffer in zip(params, grads, muon_momentum_bufs):
        if grad.ndim != 2:
            raise ValueError("Param gradient must be a 2D matrix")
        lerp_(buffer, grad, 1 - momentum)
        update = grad.lerp(buffer, momentum) if nesterov else buffer
        update = _zeropower_via_newtonschulz(update, ns_coefficients, ns_steps, eps)
        mul_(p, 1 - lr * weight_decay)
        add_(p, update, number(-_adjust_lr(lr, adjust_lr_fn, p.shape)))  # type: ignore[attr-defined]
