"""Elementwise operations on float16 and bfloat16 as PyTorch rounds them.

Note [Halves]
Elementwise rows compute halves in float32 and round once. Where PyTorch's kernels do otherwise it shows in many elements, bfloat16 having
three digits:

- A Python number, or a 0-d tensor of another dtype, is rounded to the half first: `x + 0.3` adds 0.30078125 in bfloat16. The right operand
  of products and quotients (`WHOLE`) is taken as it is.
- Some kernels round between their steps. Those are the forms below, by the name of the row: arrays of float32 whose values are halves, and
  a `Halves` to round with.
- Of those some are written twice in PyTorch, for vectors and for single elements, and round differently there: `a + alpha * b` rounds once in a
  vector and twice in a single element. Vectors are what lies dense along the innermost dimension, in units of 32; what is left over at
  the end of each row, or of everything where rows follow each other, goes one by one, as does all that is not dense.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..shape import broadcast_shapes
from ..storage import memory_order

UNIT = 32  # elements that PyTorch's loops take at once: two vectors of 16

# Rows whose second operand, where it is one number, is not rounded. (`lerp` and the bounds of `clamp` have their numbers in float32 too.)
WHOLE = frozenset(("mul", "div.true", "div.floor", "div.trunc", "floor_divide.row"))


class Halves:
    """What a form knows: the dtype to round to, and the operands as they lie in memory."""

    __slots__ = ("dt", "operands")

    def __init__(self, dt: np.dtype, operands: Sequence[Any]) -> None:
        self.dt, self.operands = dt, operands

    def round(self, x: Any) -> Any:
        """To the half and back to float32."""
        return np.asarray(x, np.float32).astype(self.dt).astype(np.float32)

    def two_ways(self, vector: Any, single: Any) -> Any:
        """What came out in vectors and what came out one by one, each where PyTorch takes it."""
        where = self.vectors()
        return vector if where is True else single if where is False else np.where(where, vector, single)

    def vectors(self) -> Any:
        """Which elements of the result PyTorch computes in vectors: True, False or an array of bools."""
        arrays = [a for a in self.operands if isinstance(a, np.ndarray)]
        if any(a.dtype != self.dt and a.ndim for a in arrays):  # converted, that is dense, before the loop
            arrays = [a.astype(self.dt) if a.ndim else a for a in arrays]
        shape = broadcast_shapes(*[a.shape for a in arrays])
        if not shape:
            return False
        order = [d for d in memory_order(arrays, shape) if shape[d] != 1]  # the innermost first
        if not order:
            return False
        size = self.dt.itemsize
        steps = [[0 if s == 0 else s // size for s in np.broadcast_to(a, shape).strides] for a in arrays]
        inner = [s[order[0]] for s in steps]
        if any(s not in (0, 1) for s in inner) or sum(s == 0 for s in inner) > 1:
            return False
        n, last = shape[order[0]], order[0]
        for d in order[1:]:  # rows that follow each other are one row
            if all(s[d] == s[last] * shape[last] for s in steps):
                n, last = n * shape[d], d
            else:
                break
        if n % UNIT == 0:
            return True
        if n < UNIT:
            return False
        total = int(np.prod(shape))
        flat = np.arange(total) % n < n - n % UNIT
        rest = [d for d in range(len(shape)) if shape[d] == 1]
        outward = rest + order[::-1]
        return flat.reshape([shape[d] for d in outward]).transpose(np.argsort(outward))


Form = Callable[..., Any]
HALVES: dict[str, Form] = {}


def form(*names: str) -> Callable[[Form], Form]:
    """Decorator: the function computes these rows on halves."""

    def put(fn: Form) -> Form:
        for name in names:
            HALVES[name] = fn
        return fn

    return put


def _with_alpha(combine: Callable[[Any, Any], Any]) -> Form:
    def run(h: Halves, self: Any, other: Any, *, alpha: Any = 1) -> Any:
        if alpha == 1:
            return combine(self, other)
        scaled = other * h.round(alpha)
        return h.two_ways(combine(self, scaled), combine(self, h.round(scaled)))

    return run


HALVES["add"] = _with_alpha(np.add)
HALVES["sub"] = _with_alpha(np.subtract)


@form("rsub.tensor", "rsub.scalar")
def _rsub(h: Halves, self: Any, other: Any, *, alpha: Any = 1) -> Any:
    return HALVES["sub"](h, other, self, alpha=alpha)


@form("addcmul")
def _addcmul(h: Halves, self: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """The product of three is added before it is rounded to float32, as a fused multiplication does."""
    first = np.float32(value) * tensor1
    return (self + np.multiply(first, tensor2, dtype=np.float64)).astype(np.float32)


@form("addcdiv")
def _addcdiv(h: Halves, self: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    return self + np.float32(value) * tensor1 / tensor2


@form("div.floor", "floor_divide.row")
def _div_floor(h: Halves, self: Any, other: Any) -> Any:
    """By the remainder, each step of which is rounded where the divisor is a tensor; a number divides in float32."""
    step = h.round if isinstance(h.operands[1], np.ndarray) and h.operands[1].size != 1 else np.float32
    mod = np.fmod(self, other)
    down = step(step(self - mod) / other)
    down = np.where((mod != 0) & ((other < 0) != (mod < 0)), step(down - np.float32(1)), down)
    floor = np.floor(down)
    floor = np.where(step(down - floor) > 0.5, floor + np.float32(1), floor)
    zero = np.copysign(np.float32(0), self / other)
    return np.where(other == 0, self / other, np.where(down != 0, floor, zero))


@form("div.trunc")
def _div_trunc(h: Halves, self: Any, other: Any) -> Any:
    tensor = isinstance(h.operands[1], np.ndarray) and h.operands[1].size != 1
    return np.trunc(h.round(self / other) if tensor else self / other)


@form("pow.scalar")
def _pow(h: Halves, self: Any, exponent: Any) -> Any:
    if exponent == 0.5:
        return np.sqrt(self)
    if exponent == -1:
        return 1 / self
    if exponent == 2:
        return self * self
    step = h.round if h.dt.name == "bfloat16" else np.asarray
    if exponent == -0.5:
        return _rsqrt(h, self) if h.dt.name == "bfloat16" else 1 / np.sqrt(self)
    if exponent == 3:
        return step(self * self) * self
    if exponent == -2:
        return 1 / step(self * self)
    return self ** h.round(exponent)


@form("rsqrt")
def _rsqrt(h: Halves, self: Any) -> Any:
    root = np.sqrt(self)
    return h.two_ways(1 / root, 1 / h.round(root))


@form("lerp.scalar", "lerp.tensor")
def _lerp_fused(h: Halves, self: Any, end: Any, weight: Any) -> Any:
    """The step is multiplied and added without rounding in between."""
    weight = np.float32(weight)
    wide = np.float64
    step = end - self
    near = np.abs(weight) < 0.5
    return np.where(
        near, self + np.multiply(weight, step, dtype=wide), end - np.multiply(step, 1 - weight, dtype=wide)
    ).astype(np.float32)


def _logarithm_times(log: Callable[[Any], Any]) -> Form:
    def run(h: Halves, self: Any, other: Any) -> Any:
        product = self * h.round(log(other))
        return np.where(other != other, other, np.where(self == 0, np.float32(0), product))

    return run


for _i in range(3):
    HALVES[f"xlogy.{_i}"] = _logarithm_times(np.log)
    HALVES[f"special.xlog1py.{_i}"] = _logarithm_times(np.log1p)
HALVES["xlogy"] = HALVES["xlogy.0"]


@form("special.entr")
def _entr(h: Halves, self: Any) -> Any:
    inside = np.where(self > 0, -self * h.round(np.log(self)), np.where(self == 0, np.float32(0), np.float32(-np.inf)))
    return np.where(self != self, self, inside)


@form("logit")
def _logit(h: Halves, self: Any, eps: float | None = None) -> Any:
    x = self
    if eps is not None:
        low = h.round(eps)
        x = np.clip(self, low, h.round(1 - low))
    return np.log(h.round(x / h.round(1 - x)))


@form("hardshrink")
def _hardshrink(h: Halves, self: Any, lambd: float = 0.5) -> Any:
    lambd = h.round(lambd)
    return np.where((self >= -lambd) & (self <= lambd), np.float32(0), self)


# ---- derivatives that PyTorch computes in one kernel, over float32 arrays; by the row, with the words of its formula

SLOPES: dict[str, Form] = {}

# Derivatives of rows that are not elementwise: those that PyTorch makes of operations, each of which rounds, and those that it computes in
# float32 and rounds at the end. (The formulas of all others do the one or the other by themselves.)
BY_OPERATIONS = frozenset(
    """var.correction std.correction var_mean.correction std_mean.correction linalg_vector_norm dist.row prod.all prod.int logsumexp.dims renorm
    binary_cross_entropy binary_cross_entropy_with_logits mean.dim mean.all""".split()
)
IN_FLOAT32 = frozenset(
    """_softmax _log_softmax native_group_norm native_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_stats _native_batch_norm_legit_no_training smooth_l1_loss""".split()
)


def _sigmoid_slope(h: Halves, grad: Any, result: Any) -> Any:
    if h.dt.name == "bfloat16":
        return grad * (1 - result) * result
    return h.round(grad * h.round(1 - result)) * result


def _log_sigmoid_slope(h: Halves, grad: Any, self: Any) -> Any:
    """By exp(-|self|), which the forward pass left behind as a half."""
    small = h.round(np.exp(-np.abs(self)))
    small = small / (1 + small)
    return grad * np.where(self < 0, 1 - small, small)


def _shrink_slope(h: Halves, grad: Any, self: Any, lambd: float) -> Any:
    lambd = h.round(lambd)
    return np.where((self >= -lambd) & (self <= lambd), np.float32(0), grad)


SLOPES.update(
    sigmoid=_sigmoid_slope, log_sigmoid=_log_sigmoid_slope, hardshrink=_shrink_slope, softshrink=_shrink_slope
)


# ---- products along dimensions


def rounded_product(a: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> np.ndarray:
    """The product of halves, rounded at every step; along memory in the lanes of PyTorch's vectors."""
    out = [1 if d in axes else n for d, n in enumerate(a.shape)]
    shape = out if keepdim else [n for d, n in enumerate(a.shape) if d not in axes]
    rest = [d for d in range(a.ndim) if d not in axes]
    rows = a.transpose([*axes, *rest]).reshape(-1, *[a.shape[d] for d in rest])
    along = bool(axes) and a.flags.c_contiguous and a.ndim - 1 in axes
    total = np.ones(rows.shape[1:], a.dtype)
    whole = len(rows) // (4 * LANES) * 4 * LANES if along else 0
    if whole:
        blocks = rows[:whole].reshape(-1, 4, LANES, *rows.shape[1:])
        lanes = _one_by_one(blocks)
        lanes = (lanes[0] * lanes[1]) * (lanes[2] * lanes[3])
        total = total * _one_by_one(lanes)
    for row in rows[whole:]:
        total = total * row
    return np.asarray(total).reshape(shape)


LANES = 16


def _one_by_one(rows: np.ndarray) -> np.ndarray:
    total = rows[0]
    for row in rows[1:]:
        total = total * row
    return total
