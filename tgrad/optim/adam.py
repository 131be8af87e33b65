"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functions as fn
from ..kernels.blocks import in_place
from ..kernels.optimizing import adam as compiled_adam
from ..tensor import Tensor
from .optimizer import Optimizer, Stepping, check_flags, check_lr, larger, number, root


def zeros(p: Any) -> Tensor:
    """Zeros of a parameter's sizes and dtype."""
    return fn.zeros_like(p)


def counter() -> Tensor:
    """The step counter that states carry: a 0-d float tensor."""
    return fn.tensor(0.0)


def drift(average: Any, value: Any, weight: float) -> None:
    """average += weight * (value - average), as lerp_ does it."""
    if abs(weight) < 0.5:
        average += (value - average) * weight
    else:
        average += (value - average) * (1 - (1 - weight))


class Adam(Optimizer):
    """Steps of lr * mean of the gradient / root of the mean of its square, both running and corrected for their start.

    >>> import tgrad as torch
    >>> optimizer = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))], lr=0.01)
    >>> optimizer.param_groups[0]["betas"]
    (0.9, 0.999)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        amsgrad: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None, decoupled_weight_decay: bool = False,
    ) -> None:  # fmt: skip
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_lr(lr)
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i in (0, 1):
            if not 0.0 <= betas[i] < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if not (all(isinstance(b, float) for b in betas) or all(isinstance(b, Tensor) for b in betas)):
            raise ValueError("betas must be either both floats or both Tensors")
        for i in (0, 1):
            if isinstance(betas[i], Tensor):
                if not capturable and foreach:
                    raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
                if betas[i].numel() != 1:
                    raise ValueError(f"Tensor betas[{i}] must be 1-element")
        defaults = {
            "lr": lr,
            "betas": tuple(betas),
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
            for p in group["params"]:
                known = self.state.get(p, {})
                if known and not isinstance(known["step"], Tensor):
                    known["step"] = fn.tensor(float(known["step"]))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update; returns what `closure` (if given) returned."""
        return self._step(closure)

    def _begin(self, group: dict[str, Any], p: Any, state: dict[str, Any]) -> None:
        state["step"] = counter()
        state["exp_avg"] = zeros(p)
        state["exp_avg_sq"] = zeros(p)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros(p)

    def _together(self, group: dict[str, Any], stepping: list[Stepping]) -> list[Stepping]:
        lr, eps, decay, amsgrad = number(group["lr"]), group["eps"], group["weight_decay"], group["amsgrad"]
        beta1, beta2 = number(group["betas"][0]), number(group["betas"][1])
        apart = group["decoupled_weight_decay"]
        at: dict[float, list[int]] = {}  # nearly always all parameters are at the same step
        for i, (_, _, state) in enumerate(stepping):
            at.setdefault(float(state["step"]._a) + 1, []).append(i)
        rest: list[Stepping] = []
        for step, which in at.items():
            arrays = []
            for i in which:
                p, grad, s = stepping[i]
                most = s["max_exp_avg_sq"]._a if amsgrad else None
                arrays.append((p._a, grad._a, s["exp_avg"]._a, s["exp_avg_sq"]._a, most))
            left = compiled_adam(
                self._prepared, arrays, amsgrad=amsgrad, maximize=group["maximize"], shrink=1 - lr * decay if apart else 1.0, decay=0.0 if apart else decay,
                beta1=beta1, beta2=beta2, root2=(1 - beta2**step) ** 0.5, eps=eps, step=lr / (1 - beta1**step),
            )  # fmt: skip
            waiting = set(left)
            for k, i in enumerate(which):
                if k in waiting:
                    rest.append(stepping[i])
                else:
                    advance(stepping[i][2])
                    stepping[i][0]._bump()
        return rest

    def _update(self, group: dict[str, Any], p: Any, grad: Any, s: dict[str, Any], state: dict[str, Any]) -> None:
        step = advance(state)
        lr, eps, decay = group["lr"], group["eps"], group["weight_decay"]
        if not getattr(lr, "requires_grad", False):
            lr = number(lr)
        beta1, beta2 = number(group["betas"][0]), number(group["betas"][1])
        apart = group["decoupled_weight_decay"]
        most = s["max_exp_avg_sq"] if group["amsgrad"] else None

        def move(p: Any, grad: Any, mean: Any, square: Any, most: Any) -> None:
            if decay != 0:
                if apart:
                    p *= 1 - lr * decay
                else:
                    grad = grad + p * decay
            drift(mean, grad, 1 - beta1)
            square *= beta2
            square += grad * grad * (1 - beta2)
            if most is not None:
                most[...] = larger(most, square)
                square = most
            denominator = root(square)
            denominator /= (1 - beta2**step) ** 0.5
            denominator += eps
            p += mean * -(lr / (1 - beta1**step)) / denominator

        in_place(move, p, grad, s["exp_avg"], s["exp_avg_sq"], most)


def advance(state: dict[str, Any]) -> float:
    """Counts a step of a parameter's state and returns its number."""
    a = state["step"]._a
    a += 1
    return float(a)


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: p -= lr * weight_decay * p."""

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2,
        amsgrad: bool = False, *, maximize: bool = False, foreach: bool | None = None, capturable: bool = False,
        differentiable: bool = False, fused: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
