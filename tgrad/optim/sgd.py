"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import functions as fn
from ..graph.modes import is_grad_enabled
from ..kernels.optimizing import Prepared
from ..tensor import Tensor
from ._update import add, add_, apply, mul_, number, scalar, together
from .adam import scaled
from .optimizer import Optimizer, check_flags, check_fused, check_steps, stepping

__all__ = ["SGD", "sgd"]


class SGD(Optimizer):
    """p -= lr * (grad + weight_decay * p), with momentum (also Nesterov's) on request.

    With momentum, what is subtracted is lr times the buffer: the first gradient, then momentum * buffer + (1 - dampening) * gradient.

    >>> p = nn.Parameter(torch.ones(2))
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
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
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
        if fused:
            self._step_supports_amp_scaling = True
        check_flags(differentiable, foreach, fused)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", False)

    @stepping
    def step(self) -> Any:
        """One update; returns what `closure` (if given) returned."""
        for group in self.param_groups:
            params, grads = [], []
            for p in group["params"]:
                grad = p.grad
                if grad is not None:
                    params.append(p)
                    grads.append(grad)
                    if group["fused"]:
                        check_fused(p)
            momentum = group["momentum"]
            buffers = [self.state[p].get("momentum_buffer") for p in params] if momentum != 0 else [None] * len(params)
            _sgd(
                self._prepared, params, grads, buffers, weight_decay=group["weight_decay"], momentum=momentum, lr=group["lr"],
                dampening=group["dampening"], nesterov=group["nesterov"], maximize=group["maximize"], foreach=group["foreach"],
                fused=group["fused"], grad_scale=getattr(self, "grad_scale", None), found_inf=getattr(self, "found_inf", None),
                differentiable=group["differentiable"],
            )  # fmt: skip
            if momentum != 0:
                for p, buffer in zip(params, buffers):
                    self.state[p]["momentum_buffer"] = buffer


def sgd(
    params: list[Tensor], d_p_list: list[Tensor], momentum_buffer_list: list[Tensor | None], has_sparse_grad: bool = False,
    foreach: bool | None = None, fused: bool | None = None, grad_scale: Tensor | None = None, found_inf: Tensor | None = None, *,
    weight_decay: float, momentum: float, lr: float, dampening: float, nesterov: bool, maximize: bool,
) -> None:  # fmt: skip
    """A step of SGD for each of `params`; buffers that are None are made, and put into the list. See `SGD`."""
    recorded = is_grad_enabled() and any(t.requires_grad for t in (*params, *d_p_list))  # type: ignore[attr-defined]
    buffers = list(momentum_buffer_list) or [None] * len(params)
    _sgd(
        None, params, d_p_list, buffers, foreach=foreach, fused=fused, grad_scale=grad_scale, found_inf=found_inf, weight_decay=weight_decay,
        momentum=momentum, lr=lr, dampening=dampening, nesterov=nesterov, maximize=maximize, differentiable=recorded,
    )  # fmt: skip
    if momentum != 0:
        momentum_buffer_list[:] = buffers


def _sgd(
    prepared: Prepared | None, params: Sequence[Any], grads: Sequence[Any], buffers: list[Any], *, foreach: Any, fused: Any,
    grad_scale: Any, found_inf: Any, weight_decay: Any, momentum: Any, lr: Any, dampening: Any, nesterov: bool, maximize: bool,
    differentiable: bool,
) -> None:  # fmt: skip
    check_steps(params)
    if not scaled(grads, fused, grad_scale, found_inf):
        return
    lr = scalar(lr)

    def towards(p: Any, g: Any) -> Any:
        """The gradient, with decay in it."""
        g = -g if maximize else g
        if getattr(weight_decay, "requires_grad", False) and isinstance(p, Tensor):
            return g.addcmul(p.clone(), weight_decay)  # type: ignore[attr-defined]
        return add(g, p, weight_decay) if weight_decay != 0 else g

    def move(p: Any, g: Any) -> None:
        if getattr(lr, "requires_grad", False) and isinstance(p, Tensor):
            p.addcmul_(g, lr, value=-1)  # type: ignore[attr-defined]
        else:
            add_(p, g, -number(lr))

    def first(p: Any, g: Any, buffer: Any) -> None:
        """The first step with momentum: the buffer is the gradient, as it is now."""
        g = towards(p, g)
        if isinstance(buffer, Tensor):
            buffer.copy_(g.detach())  # type: ignore[attr-defined]
        else:
            buffer[...] = g
        move(p, add(g, buffer, momentum) if nesterov else buffer)

    def update(p: Any, g: Any, buffer: Any) -> None:
        g = towards(p, g)
        if momentum != 0:
            mul_(buffer, momentum)
            add_(buffer, g, 1 - dampening)
            g = add(g, buffer, momentum) if nesterov else buffer
        move(p, g)

    def compiled(which: Sequence[int], undamped: float) -> Sequence[int]:
        """Does those that a kernel can do; gives the rest."""
        if differentiable or not which:
            return which
        numbers = (-1.0 if maximize else 1.0, number(lr), number(momentum), undamped, number(weight_decay))
        flags = int(bool(nesterov)), int(momentum != 0)
        if len(which) == len(params):
            columns: list[Any] = [params, grads, [None] * len(params) if momentum == 0 else buffers]
        else:
            columns = [[column[i] for i in which] for column in (params, grads, buffers)]
        left = together("sgd", prepared, columns[0], columns[1], columns[2:], [], lambda _: numbers, flags)
        return [which[k] for k in left]

    ready: Sequence[int] = range(len(params))
    if momentum != 0:
        fresh = [i for i in ready if buffers[i] is None]
        if fresh:
            for i in fresh:
                buffers[i] = fn.zeros_like(grads[i].detach())
            for i in compiled(fresh, 1.0):  # onto zeros, and undamped, the kernel's step is the first one
                apply(differentiable, first, params[i], grads[i], buffers[i], wide=fused)
            ready = sorted(set(ready) - set(fresh))
    for i in compiled(ready, 1 - number(dampening)):
        apply(differentiable, update, params[i], grads[i], buffers[i], wide=fused)
