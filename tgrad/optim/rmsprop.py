"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as fn
from ..kernels.optimizing import Prepared
from ..tensor import Tensor
from ._update import add, add_, addcdiv_, addcmul_, advance, apply, lerp_, mul_, number, root, scalar, together
from .optimizer import Optimizer, check_least, check_lr, check_steps, counter, stepping

__all__ = ["RMSprop", "rmsprop"]


class RMSprop(Optimizer):
    """Steps of the gradient over the root of its running mean square; with momentum, and centred, on request.

    v = alpha v + (1 - alpha) g^2, p -= lr g / (sqrt(v) + eps). `centered`: v less the square of the running mean.

    >>> p = nn.Parameter(torch.ones(2))
    >>> optimizer = torch.optim.RMSprop([p], lr=0.01)
    >>> p.sum().backward()
    >>> optimizer.step()
    >>> p
    Parameter containing:
    tensor([0.9000, 0.9000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0, momentum: float = 0,
        centered: bool = False, capturable: bool = False, foreach: bool | None = None, maximize: bool = False,
        differentiable: bool = False,
    ) -> None:  # fmt: skip
        check_lr(lr)
        check_least(epsilon=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
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

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("momentum", 0)
            group.setdefault("centered", False)
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
            group.setdefault("differentiable", False)
            group.setdefault("capturable", False)
            self._count_in_tensors(group)

    @stepping
    def step(self) -> Any:
        """One update; returns what `closure` (if given) returned."""
        for group in self.param_groups:

            def begin(p: Any, state: dict[str, Any], group: dict[str, Any] = group) -> None:
                state["step"] = counter()
                state["square_avg"] = fn.zeros_like(p)
                if group["momentum"] > 0:
                    state["momentum_buffer"] = fn.zeros_like(p)
                if group["centered"]:
                    state["grad_avg"] = fn.zeros_like(p)

            words = ("square_avg", "grad_avg", "momentum_buffer", "step")
            params, grads, (squares, means, buffers, steps) = self._gather(group, words, begin)
            _rmsprop(
                self._prepared, params, grads, squares, means, buffers, steps, lr=group["lr"], alpha=group["alpha"], eps=group["eps"],
                weight_decay=group["weight_decay"], momentum=group["momentum"], centered=group["centered"], foreach=group["foreach"],
                maximize=group["maximize"], differentiable=group["differentiable"], capturable=group["capturable"],
            )  # fmt: skip


def rmsprop(
    params: list[Tensor], grads: list[Tensor], square_avgs: list[Tensor], grad_avgs: list[Tensor], momentum_buffer_list: list[Tensor],
    state_steps: list[Tensor], foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    capturable: bool = False, has_complex: bool = False, *, lr: float, alpha: float, eps: float, weight_decay: float, momentum: float,
    centered: bool,
) -> None:  # fmt: skip
    """A step of RMSprop for each of `params`. See `RMSprop`."""
    nothing = [None] * len(params)
    _rmsprop(
        None, params, grads, square_avgs, grad_avgs if centered else nothing, momentum_buffer_list if momentum > 0 else nothing,
        state_steps, foreach=foreach, maximize=maximize, differentiable=differentiable, capturable=capturable, lr=lr, alpha=alpha, eps=eps,
        weight_decay=weight_decay, momentum=momentum, centered=centered,
    )  # fmt: skip


def _rmsprop(
    prepared: Prepared | None, params: Sequence[Any], grads: Sequence[Any], squares: Sequence[Any], means: Sequence[Any],
    buffers: Sequence[Any], steps: Sequence[Any], *, foreach: Any, maximize: bool, differentiable: bool, capturable: bool, lr: Any,
    alpha: float, eps: float, weight_decay: float, momentum: float, centered: bool,
) -> None:  # fmt: skip
    check_steps(
        params, foreach=foreach, differentiable=differentiable, capturable=capturable, xla=True, state_steps=steps
    )
    lr = scalar(lr)

    def update(p: Any, g: Any, square: Any, mean: Any, buffer: Any) -> None:
        g = -g if maximize else g
        if weight_decay != 0:
            g = add(g, p, weight_decay)
        mul_(square, alpha)
        addcmul_(square, g, g, 1 - alpha)
        if centered:
            lerp_(mean, g, 1 - alpha)
            under = square.addcmul(mean, mean, value=-1) if isinstance(square, Tensor) else square - mean * mean  # type: ignore[attr-defined]
            under = root(under) + eps
        else:
            under = root(square) + eps
        if momentum > 0:
            mul_(buffer, momentum)
            addcdiv_(buffer, g, under)
            add_(p, buffer, -lr)
        else:
            addcdiv_(p, g, under, -lr)

    left: Sequence[int] = range(len(params))
    if not differentiable:
        left = together(
            "rmsprop", prepared, params, grads, (squares, means, buffers), [],
            lambda _: (-1.0 if maximize else 1.0, weight_decay, alpha, 1 - alpha, eps, -number(lr), momentum),
            (int(bool(centered)), int(momentum > 0)), steps,
        )  # fmt: skip
    for i in left:
        advance(steps[i])
        apply(differentiable, update, params[i], grads[i], squares[i], means[i], buffers[i])
