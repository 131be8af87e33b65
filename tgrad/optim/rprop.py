"""Rprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import functions as fn
from ..kernels.optimizing import Prepared
from ..tensor import Tensor
from ._update import addcmul_, advance, apply, copy_, number, together
from .optimizer import Optimizer, check_lr, check_steps, counter, stepping

__all__ = ["Rprop", "rprop"]


class Rprop(Optimizer):
    """Steps by the sign of the gradient alone (Riedmiller and Braun, 1993).

    Each element has a width of its own, lr at first: times etas[1] while the gradient keeps its sign, times etas[0] where it turns (there no
    step is taken), between `step_sizes`.

    >>> p = nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.Rprop([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p
    Parameter containing:
    tensor([0.9000, 0.9000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, etas: Any = (0.5, 1.2), step_sizes: Any = (1e-6, 50), *, capturable: bool = False,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
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
        for group in self.param_groups:
            etaminus, etaplus = group["etas"]
            least, most = group["step_sizes"]

            def begin(p: Any, state: dict[str, Any], group: dict[str, Any] = group) -> None:
                lr = number(group["lr"])
                state["step"] = counter()
                state["prev"] = fn.zeros_like(p)
                state["step_size"] = fn.full_like(p.grad, complex(lr, lr) if p.is_complex() else lr)

            params, grads, (prevs, widths, steps) = self._gather(group, ("prev", "step_size", "step"), begin)
            _rprop(
                self._prepared, params, grads, prevs, widths, steps, step_size_min=least, step_size_max=most, etaminus=etaminus,
                etaplus=etaplus, foreach=group["foreach"], maximize=group["maximize"], differentiable=group["differentiable"],
                capturable=group["capturable"],
            )  # fmt: skip


def rprop(
    params: list[Tensor], grads: list[Tensor], prevs: list[Tensor], step_sizes: list[Tensor], state_steps: list[Tensor],
    foreach: bool | None = None, capturable: bool = False, maximize: bool = False, differentiable: bool = False,
    has_complex: bool = False, *, step_size_min: float, step_size_max: float, etaminus: float, etaplus: float,
) -> None:  # fmt: skip
    """A step of Rprop for each of `params`. See `Rprop`."""
    _rprop(
        None, params, grads, prevs, step_sizes, state_steps, foreach=foreach, capturable=capturable, maximize=maximize,
        differentiable=differentiable, step_size_min=step_size_min, step_size_max=step_size_max, etaminus=etaminus, etaplus=etaplus,
    )  # fmt: skip


def _rprop(
    prepared: Prepared | None, params: Sequence[Any], grads: Sequence[Any], prevs: Sequence[Any], widths: Sequence[Any],
    steps: Sequence[Any], *, foreach: Any, capturable: bool, maximize: bool, differentiable: bool, step_size_min: float,
    step_size_max: float, etaminus: float, etaplus: float,
) -> None:  # fmt: skip
    check_steps(
        params, foreach=foreach, differentiable=differentiable, capturable=capturable, xla=True, state_steps=steps
    )

    def update(p: Any, g: Any, prev: Any, width: Any) -> None:
        g = -g if maximize else g
        both = g * prev
        if isinstance(p, Tensor):
            by = fn.where(both > 0, etaplus, fn.where(both < 0, etaminus, fn.ones_like(both.detach())))
            width.mul_(by.to(dtype=width.dtype)).clamp_(step_size_min, step_size_max)
            g = fn.where(both < 0, 0, g)
            addcmul_(p, g.sign(), width.clone(), -1)  # type: ignore[attr-defined]
        else:
            width *= np.where(both > 0, etaplus, np.where(both < 0, etaminus, 1)).astype(width.dtype)
            np.clip(width, step_size_min, step_size_max, out=width)
            g = np.where(both < 0, g.dtype.type(0), g)
            p -= np.where(np.isnan(g), 0, np.sign(g)).astype(p.dtype) * width
        copy_(prev, g)

    left: Sequence[int] = range(len(params))
    if not differentiable:
        left = together(
            "rprop", prepared, params, grads, (prevs, widths), [],
            lambda _: (-1.0 if maximize else 1.0, etaminus, etaplus, step_size_min, step_size_max), (), steps,
        )  # fmt: skip
    for i in left:
        advance(steps[i])
        apply(differentiable, update, params[i], grads[i], prevs[i], widths[i])
