"""Adagrad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as fn
from ..kernels.optimizing import Prepared
from ..tensor import Tensor
from ._update import add, addcdiv_, addcmul_, advance, apply, number, root, scalar, together
from .adam import scaled
from .optimizer import Optimizer, check_flags, check_fused, check_least, check_lr, check_steps, counter, stepping

__all__ = ["Adagrad", "adagrad"]


class Adagrad(Optimizer):
    """Steps of lr * gradient / root of the sum of all its squares so far (Duchi, Hazan and Singer, 2011).

    s += g^2, p -= lr / (1 + (t - 1) lr_decay) * g / (sqrt(s) + eps). ValueError for options below zero.

    >>> p = nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.Adagrad([p], lr=0.5)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p
    Parameter containing:
    tensor([0.5000, 0.5000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, lr_decay: float = 0, weight_decay: float = 0, initial_accumulator_value: float = 0,
        eps: float = 1e-10, foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:  # fmt: skip
        check_lr(lr)
        check_least(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            epsilon=eps,
        )
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
        if fused:
            self._step_supports_amp_scaling = True
        for group in self.param_groups:
            for p in group["params"]:
                self._begin(group, p, self.state[p], initial_accumulator_value)

    def _begin(self, group: dict[str, Any], p: Any, state: dict[str, Any], start: float) -> None:
        state["step"] = counter(group["fused"])
        state["sum"] = fn.full_like(p, complex(start, start) if p.is_complex() else start)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
            group.setdefault("differentiable", False)
            group.setdefault("fused", None)
            self._count_in_tensors(group, group["fused"])

    def share_memory(self) -> None:
        """Moves the sums to memory that processes share."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    @stepping
    def step(self) -> Any:
        """One update; returns what `closure` (if given) returned."""
        for group in self.param_groups:
            if group["fused"]:
                for p in group["params"]:
                    if p.grad is not None:
                        check_fused(p)

            def begin(p: Any, state: dict[str, Any], group: dict[str, Any] = group) -> None:
                self._begin(group, p, state, self.defaults["initial_accumulator_value"])

            params, grads, (sums, steps) = self._gather(group, ("sum", "step"), begin)
            _adagrad(
                self._prepared, params, grads, sums, steps, lr=group["lr"], weight_decay=group["weight_decay"], lr_decay=group["lr_decay"],
                eps=group["eps"], foreach=group["foreach"], maximize=group["maximize"], differentiable=group["differentiable"],
                fused=group["fused"], grad_scale=getattr(self, "grad_scale", None), found_inf=getattr(self, "found_inf", None),
            )  # fmt: skip


def adagrad(
    params: list[Tensor], grads: list[Tensor], state_sums: list[Tensor], state_steps: list[Tensor], fused: bool | None = None,
    grad_scale: Tensor | None = None, found_inf: Tensor | None = None, has_sparse_grad: bool = False, foreach: bool | None = None,
    differentiable: bool = False, has_complex: bool = False, *, lr: float, weight_decay: float, lr_decay: float, eps: float,
    maximize: bool,
) -> None:  # fmt: skip
    """A step of Adagrad for each of `params`. See `Adagrad`."""
    _adagrad(
        None, params, grads, state_sums, state_steps, fused=fused, grad_scale=grad_scale, found_inf=found_inf, foreach=foreach,
        differentiable=differentiable, lr=lr, weight_decay=weight_decay, lr_decay=lr_decay, eps=eps, maximize=maximize,
    )  # fmt: skip


def _adagrad(
    prepared: Prepared | None, params: Sequence[Any], grads: Sequence[Any], sums: Sequence[Any], steps: Sequence[Any], *, fused: Any,
    grad_scale: Any, found_inf: Any, foreach: Any, differentiable: bool, lr: Any, weight_decay: float, lr_decay: float, eps: float,
    maximize: bool,
) -> None:  # fmt: skip
    check_steps(params, foreach=foreach, differentiable=differentiable, state_steps=steps)
    if not scaled(grads, fused, grad_scale, found_inf):
        return
    lr = scalar(lr)

    def negative(step: float) -> Any:
        return -(lr / (1 + (step - 1) * lr_decay))

    left: Sequence[int] = range(len(params))
    if not differentiable:
        left = together(
            "adagrad", prepared, params, grads, (sums,), [float(s._a) + 1 for s in steps],
            lambda step: (-1.0 if maximize else 1.0, weight_decay, eps, number(negative(step))), (), steps,
        )  # fmt: skip
    for i in left:
        rate = negative(advance(steps[i]))

        def update(p: Any, g: Any, total: Any, rate: Any = rate) -> None:
            g = -g if maximize else g
            if weight_decay != 0:
                g = add(g, p, weight_decay)
            addcmul_(total, g, g)
            addcdiv_(p, g, root(total) + eps, rate)

        apply(differentiable, update, params[i], grads[i], sums[i], wide=fused)
