"""Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as fn
from ..kernels.optimizing import Prepared
from ..tensor import Tensor
from ._update import (
    add,
    addcdiv_,
    addcmul_,
    advance,
    apply,
    copy_,
    fresh,
    lerp_,
    maximum_,
    mul_,
    number,
    root,
    scalar,
    together,
)  # fmt: skip
from .optimizer import Optimizer, check_betas, check_flags, check_fused, check_steps, counter, stepping

__all__ = ["Adam", "adam"]


class Adam(Optimizer):
    """Steps of lr * mean of the gradient / root of the mean of its square, both running and corrected for their start.

    m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, p -= lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps). `amsgrad`: the
    largest v so far in place of v. ValueError for options out of range.

    >>> p = nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.Adam([p], lr=0.1)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p
    Parameter containing:
    tensor([0.9000, 0.9000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None, decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        if isinstance(lr, Tensor):
            if foreach and not capturable:
                raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
            if lr.numel() != 1:
                raise ValueError("Tensor lr must be 1-element")
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not any(all(isinstance(b, kind) for b in betas[:2]) for kind in (float, Tensor)):
            raise ValueError("betas must be either both floats or both Tensors")
        for i in (0, 1):
            if isinstance(betas[i], Tensor):
                if not capturable and foreach:
                    raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
                if betas[i].numel() != 1:
                    raise ValueError(f"Tensor betas[{i}] must be 1-element")
        defaults = {
            "lr": lr,
            "betas": tuple(map(scalar, betas)),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        check_flags(differentiable, foreach, fused)
        if fused:
            self._step_supports_amp_scaling = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)
            group.setdefault("fused", None)
            self._count_in_tensors(group, group["fused"])

    @stepping
    def step(self) -> Any:
        """One update; returns what `closure` (if given) returned."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            words = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step")

            def begin(p: Any, state: dict[str, Any], group: dict[str, Any] = group) -> None:
                if group["fused"]:
                    check_fused(p)
                state["step"] = counter(group["fused"])
                state["exp_avg"] = fn.zeros_like(p)
                state["exp_avg_sq"] = fn.zeros_like(p)
                if group["amsgrad"]:
                    state["max_exp_avg_sq"] = fn.zeros_like(p)

            params, grads, (means, squares, largest, steps) = self._gather(group, words, begin)
            if group["foreach"] and isinstance(group["lr"], Tensor) and not group["capturable"] and params:
                raise RuntimeError("lr as a Tensor is not supported for capturable=False and foreach=True")
            _adam(
                self._prepared, params, grads, means, squares, largest, steps, amsgrad=group["amsgrad"], beta1=beta1, beta2=beta2,
                lr=group["lr"], weight_decay=group["weight_decay"], eps=group["eps"], maximize=group["maximize"], foreach=group["foreach"],
                capturable=group["capturable"], differentiable=group["differentiable"], fused=group["fused"],
                grad_scale=getattr(self, "grad_scale", None), found_inf=getattr(self, "found_inf", None),
                decoupled_weight_decay=group["decoupled_weight_decay"],
            )  # fmt: skip


def scaled(grads: Sequence[Any], fused: Any, grad_scale: Any, found_inf: Any) -> bool:
    """What a fused step does for a GradScaler: the gradients are unscaled in place. False if there is an infinite one: no step then."""
    if not fused:
        if grad_scale is not None or found_inf is not None:
            raise AssertionError("Expected grad_scale and found_inf to be None")
        return True
    if found_inf is not None and number(found_inf) == 1:
        return False
    if grad_scale is not None:
        for grad in grads:
            grad.div_(grad_scale)
    return True


def adam(
    params: list[Tensor], grads: list[Tensor], exp_avgs: list[Tensor], exp_avg_sqs: list[Tensor], max_exp_avg_sqs: list[Tensor],
    state_steps: list[Tensor], foreach: bool | None = None, capturable: bool = False, differentiable: bool = False,
    fused: bool | None = None, grad_scale: Tensor | None = None, found_inf: Tensor | None = None, has_complex: bool = False,
    decoupled_weight_decay: bool = False, *, amsgrad: bool, beta1: Any, beta2: Any, lr: Any, weight_decay: float, eps: float,
    maximize: bool,
) -> None:  # fmt: skip
    """A step of Adam for each of `params`, whose states are changed in place. See `Adam`."""
    _adam(
        None, params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs if amsgrad else [None] * len(params), state_steps, foreach=foreach,
        capturable=capturable, differentiable=differentiable, fused=fused, grad_scale=grad_scale, found_inf=found_inf,
        decoupled_weight_decay=decoupled_weight_decay, amsgrad=amsgrad, beta1=beta1, beta2=beta2, lr=lr, weight_decay=weight_decay,
        eps=eps, maximize=maximize,
    )  # fmt: skip


def _adam(
    prepared: Prepared | None, params: Sequence[Any], grads: Sequence[Any], means: Sequence[Any], squares: Sequence[Any],
    largest: Sequence[Any], steps: Sequence[Any], *, foreach: Any, capturable: bool, differentiable: bool, fused: Any, grad_scale: Any,
    found_inf: Any, decoupled_weight_decay: bool, amsgrad: bool, beta1: Any, beta2: Any, lr: Any, weight_decay: Any, eps: float,
    maximize: bool,
) -> None:  # fmt: skip
    check_steps(params, foreach=foreach, differentiable=differentiable, capturable=capturable, state_steps=steps)
    if not scaled(grads, fused, grad_scale, found_inf):
        return
    lr, beta1, beta2 = scalar(lr), scalar(beta1), scalar(beta2)
    apart = decoupled_weight_decay

    def weight(p: Any) -> Any:
        return 1 - (
            beta1.to(dtype=fn.real(p).dtype if p.is_complex() else p.dtype) if isinstance(beta1, Tensor) else beta1
        )

    if differentiable:
        for p, grad, m, v, most, step in zip(params, grads, means, squares, largest, steps):
            if step.requires_grad:
                raise RuntimeError("`requires_grad` is not supported for `step` in differentiable mode")
            step += 1
            apply(
                True,
                _recorded(step, weight(p), beta1, beta2, lr, weight_decay, apart, eps, maximize),
                p,
                grad,
                m,
                v,
                most,
            )
        return

    def numbers(step: float) -> tuple[float, ...]:
        shrink, decay = (
            (number(1 - lr * weight_decay), 0.0) if apart and weight_decay != 0 else (1.0, number(weight_decay))
        )
        root2 = number(1 - beta2**step) ** 0.5
        return (
            -1.0 if maximize else 1.0, shrink, decay, number(weight(params[0])), number(beta2), number(1 - beta2), root2, eps,
            number(-(lr / (1 - beta1**step))),
        )  # fmt: skip

    for i in together(
        "adam",
        prepared,
        params,
        grads,
        (means, squares, largest),
        [float(s._a) + 1 for s in steps],
        numbers,
        (int(amsgrad),),
        steps,
    ):
        p = params[i]
        step = advance(steps[i])
        w1, shrink = weight(p), 1 - lr * weight_decay
        negative = -(lr / (1 - beta1**step))
        root2 = number(1 - beta2**step) ** 0.5

        def update(
            p: Any,
            g: Any,
            m: Any,
            v: Any,
            most: Any,
            w1: Any = w1,
            shrink: Any = shrink,
            negative: Any = negative,
            root2: Any = root2,
        ) -> None:
            if maximize:
                g = -g
            if weight_decay != 0:
                if apart:
                    mul_(p, shrink)
                else:
                    g = add(g, p, weight_decay)
            lerp_(m, g, w1)
            mul_(v, beta2)
            addcmul_(v, g, g, 1 - beta2)
            if most is not None:
                maximum_(most, v)
                v = most
            under = root(v)
            under /= root2
            addcdiv_(p, m, under + eps, negative)

        apply(False, update, p, grads[i], means[i], squares[i], largest[i], wide=fused)


def _recorded(
    step: Any, w1: Any, beta1: Any, beta2: Any, lr: Any, weight_decay: Any, apart: bool, eps: float, maximize: bool
) -> Any:
    """The update that is differentiated: the counter is a tensor, and what is changed later is copied first."""

    def update(p: Any, g: Any, m: Any, v: Any, most: Any) -> None:
        if maximize:
            g = -g
        if getattr(weight_decay, "requires_grad", False) and not apart:
            g = g.addcmul(p.clone(), weight_decay)
        elif weight_decay != 0:
            if apart:
                p.mul_(1 - lr * weight_decay)
            else:
                g = g.add(p, alpha=weight_decay)
        m.lerp_(g, w1)
        if getattr(beta2, "requires_grad", False):
            v.lerp_(fn.square(g), 1 - beta2)
        else:
            v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        correction1, correction2 = (
            1 - b ** fresh(step, bool(getattr(b, "requires_grad", False))) for b in (beta1, beta2)
        )
        negative = (lr / correction1).neg()
        if most is not None:
            copy_(most, fn.maximum(most.clone(), v))
            v = most
        under = (v.sqrt() / (correction2.sqrt() * negative)).add_(eps / negative)
        p.addcdiv_(m.clone(), under)

    return update
