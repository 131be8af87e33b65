"""How a sample call of an op is written down: its tensors as specs, made in any dtype and memory layout on demand.

call(f(2, 3), dim=1)          a float tensor of shape [2, 3]: uniform in (-2, 2), no two values alike
call([f(2), f(3)], 0)         a list of tensors
call(f(5), ints([0, 2, 2]))   an index tensor with these values, in any run int64
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .oracle import torch

LAYOUTS = ("plain", "permuted", "stepped", "expanded")


class Spec:
    """A tensor to be made: its shape and range, or its fixed values. `dtype` None follows the run's dtype."""

    def __init__(
        self, shape: tuple[int, ...], low: float = -2, high: float = 2, dtype: str | None = None, values: Any = None
    ) -> None:
        self.shape, self.low, self.high, self.dtype, self.values = shape, low, high, dtype, values
        self.grad = True

    def make(self, dtype: str, layout: str, seed: int) -> Any:
        if self.values is not None:
            return torch.tensor(self.values, dtype=getattr(torch, self.dtype or dtype)).reshape(self.shape)
        own = self.dtype or dtype
        fill = lambda shape: self._fill(shape, own, seed)
        return fill(self.shape) if self.dtype else laid_out(fill, self.shape, layout)

    def _fill(self, shape: tuple[int, ...], dtype: str, seed: int) -> Any:
        rng = np.random.default_rng(seed)
        d = getattr(torch, dtype)
        if dtype == "bool":
            return torch.from_numpy(np.asarray(rng.random(shape) < 0.5))
        x = np.asarray(rng.uniform(self.low, self.high, shape))
        if d.is_complex:
            x = x + 1j * rng.uniform(self.low, self.high, shape)
        elif not d.is_floating_point:
            x = np.rint(x)
        return torch.from_numpy(np.asarray(x)).to(d)

    def __repr__(self) -> str:
        kind = f"{self.dtype} " if self.dtype else ""
        return f"<{kind}{list(self.shape)}>" if self.values is None else f"<{kind}{self.values}>"


def laid_out(fill: Callable[[tuple[int, ...]], Any], shape: tuple[int, ...], layout: str) -> Any:
    """A tensor of a shape over memory that is plain, permuted (dims reversed), stepped (every other element) or
    expanded (the first long dimension repeats one slice)."""
    n = len(shape)
    if layout == "permuted" and n > 1:
        return fill(shape[::-1]).permute(*reversed(range(n)))
    if layout == "stepped" and n:
        return fill(tuple(2 * k for k in shape))[(slice(None, None, 2),) * n]
    if layout == "expanded":
        at = next((i for i, k in enumerate(shape) if k > 1), None)
        if at is not None:
            return fill((*shape[:at], 1, *shape[at + 1 :])).expand(shape)
    return fill(shape)


def f(*shape: int, low: float = -2, high: float = 2) -> Spec:
    """A tensor of the run's dtype (float64, float32, int64, complex128)."""
    return Spec(shape, low, high)


def still(*shape: int, low: float = -2, high: float = 2) -> Spec:
    """As `f`, but never asked for a gradient: PyTorch refuses one for class weights and running statistics."""
    made = Spec(shape, low, high)
    made.grad = False
    return made


def of(values: Any, shape: tuple[int, ...] | None = None) -> Spec:
    """The run's dtype, with given values."""
    return Spec(np.shape(values) if shape is None else shape, values=values)


def ints(values: Any, dtype: str = "int64") -> Spec:
    return Spec(np.shape(values), dtype=dtype, values=values)


def mask(*shape: int) -> Spec:
    return Spec(shape, dtype="bool")


def const(dtype: str, *shape: int, low: float = -2, high: float = 2) -> Spec:
    """A tensor whose dtype stays what it is in every run."""
    return Spec(shape, low, high, dtype)


class Sample:
    """One call, and what of it is compared: `ties` says that equal values are fine for it, `order` how often it is
    differentiated; `inplace` whether the in-place form takes the same arguments; `memory` whether results share the input's
    memory where PyTorch's do; `smooth` whether finite differences tell its derivative."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs
        self.ties, self.order, self.dtypes = True, 2, ("float32", "int64", "complex128")
        self.layouts, self.inplace, self.memory, self.smooth = LAYOUTS, True, True, True

    def but(self, **changes: Any) -> Sample:
        for k, v in changes.items():
            setattr(self, k, v)
        return self

    def tensors(self, dtype: str = "float64", layout: str = "plain") -> list[Any]:
        """PyTorch tensors for all specs, in order of appearance."""
        return [s.make(dtype, layout, 7 + i) for i, s in enumerate(specs_in((self.args, self.kwargs)))]

    def live(self) -> list[bool]:
        """Which of the tensors may require gradients."""
        return [s.grad for s in specs_in((self.args, self.kwargs))]

    def filled(self, tensors: list[Any], library: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """(args, kwargs) with the tensors in the places of their specs; dtypes (by name) become the library's."""
        left = iter(tensors)
        args = fill(self.args, left, library)
        return args, fill(self.kwargs, left, library)

    def __repr__(self) -> str:
        parts = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return "(" + ", ".join(parts) + ")"


def call(*args: Any, **kwargs: Any) -> Sample:
    return Sample(args, kwargs)


class Dtype(str):
    """A dtype by name, for either library."""


def specs_in(value: Any) -> Iterator[Spec]:
    if isinstance(value, Spec):
        yield value
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from specs_in(v)
    elif isinstance(value, dict):
        yield from specs_in(list(value.values()))


def fill(value: Any, left: Iterator[Any], library: Any) -> Any:
    if isinstance(value, Spec):
        return next(left)
    if isinstance(value, Dtype):
        return getattr(library, value)
    if isinstance(value, (list, tuple)):
        return type(value)(fill(v, left, library) for v in value)
    if isinstance(value, dict):
        return {k: fill(v, left, library) for k, v in value.items()}
    return value


# ---- the table, and the shapes that most samples use

SAMPLES: dict[str, list[Sample]] = {}
BAD: dict[str, list[Sample]] = {}


def samples(names: str, *calls: Sample, **changes: object) -> None:
    for name in names.split():
        SAMPLES.setdefault(name, []).extend(c.but(**changes) for c in calls)


def bad(names: str, *calls: Sample) -> None:
    for name in names.split():
        BAD.setdefault(name, []).extend(calls)


A, ROW, SQ, ZERO, EMPTY = f(2, 3, 4), f(5), f(3, 3), f(), f(2, 0, 3)
