"""The methods of Tensor that belong to the graph: backward, detach, hooks."""

from __future__ import annotations

import warnings
from typing import Any

from ..echo.nodes import node_repr
from ..graph import anomaly, entry, register
from ..graph.history import edge
from ..graph.node import Node
from ..graph.places import cut, log
from ..methods import attach, publish
from ..tensor import Tensor


def backward(
    self: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
    retain_variables: bool | None = None,
) -> None:
    """Adds the gradients of this tensor with respect to the graph's leaves into their `.grad`.

    `gradient`: what arrives here, of this tensor's shape (None for a scalar: one). `retain_variables` is the name that
    `retain_graph` had until 0.2.

    >>> x = torch.ones(2, requires_grad=True)
    >>> (3 * x).sum().backward()
    >>> x.grad
    tensor([3., 3.])
    """
    if retain_variables is not None and retain_graph is None:
        retain_graph = retain_variables
    entry.backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def detach(self: Tensor) -> Tensor:
    """The same memory, without history; in-place writes are still noticed by both.

    >>> x = torch.ones(2, requires_grad=True)
    >>> (2 * x).detach().requires_grad
    False
    """
    out = self._alias()
    if self._x is not None and self._x.inference:
        out._meta().inference = True
    if log.on:
        cut("detach", out, (self,))
    return out


def detach_(self: Tensor) -> Tensor:
    """Cuts this tensor off its history, making it a leaf. RuntimeError on a view."""
    if self._base is not None:
        raise RuntimeError("Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
                           "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
                           "detach_() cannot be called on these gradients. To fix this error, please refer to the "
                           "Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution.")  # fmt: skip
    self._node, self._rg = None, False
    return self


def volatile(self: Tensor) -> bool:
    """Always False: `torch.no_grad()` took the place of volatile tensors."""
    warnings.warn("volatile was removed (Variable.volatile is always False)", UserWarning, stacklevel=2)
    return False


def set_volatile(self: Tensor, value: Any) -> None:
    warnings.warn(
        "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", UserWarning, stacklevel=2
    )


def creator(self: Tensor) -> Any:
    """The old name of `grad_fn`."""
    return self.grad_fn


def _detach(input: Tensor) -> Tensor:
    return input.detach()  # type: ignore[attr-defined]


def _detach_in_place(input: Tensor) -> Tensor:
    return detach_(input)


for _fn, _function in ((detach, _detach), (detach_, _detach_in_place)):
    _function.__doc__, _function.__name__, _function.__qualname__ = _fn.__doc__, _fn.__name__, _fn.__name__
    publish(_fn.__name__, _function)
    attach(_fn.__name__, _fn)
attach("backward", backward)
attach("register_hook", register.register_hook)
attach("register_post_accumulate_grad_hook", register.register_post_accumulate_grad_hook)
Node.__repr__ = node_repr  # type: ignore[method-assign,assignment]
attach("creator", property(creator))
attach("volatile", property(volatile, set_volatile))
publish("is_anomaly_enabled", anomaly.is_anomaly_enabled)
publish("is_anomaly_check_nan_enabled", anomaly.is_anomaly_check_nan_enabled)
publish("set_anomaly_enabled", anomaly.set_anomaly_enabled)
attach("_edge", edge)
