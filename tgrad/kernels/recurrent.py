"""Compiled forms of recurrent layers: see compiled/recur.py."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..ops.linalg import product
from ..pool import POOL
from . import bands
from .crew import CREW
from .native import READY, kernel
from .operands import address, registers

ndarray = np.ndarray
VECTORS = 2  # as in compiled/vector.py
AT_ONCE = (
    64  # rows whose inputs' part is computed before the state's: a panel of the weight is read once for all of them
)
SHARED = 1 << 18  # multiplications that pay for a second thread
LARGE = 1 << 20  # multiplications in a layer that shall have a compiled form at once; others shall after some calls
_CALLS: dict[str, int] = {}


class _Call:
    """The geometry of a layer as kernels take it."""

    def __init__(
        self, shape: tuple[int, ...], batch_sizes: Any, state: tuple[int, int], dtype: np.dtype, gates: int, reverse: bool
    ) -> None:  # fmt: skip
        self.batch, self.hidden = state
        self.features = shape[-1]
        self.at_once = max(1, AT_ONCE // self.batch)
        self.width = gates * self.hidden
        if batch_sizes is None:
            steps, count = shape[:2]
            self.counts = np.full(steps, count, np.int64)
            self.places = np.arange(steps, dtype=np.int64) * count
        else:
            self.counts = np.array(batch_sizes, np.int64)
            self.places = np.cumsum(self.counts) - self.counts
        self.steps, self.rows = len(self.counts), int(self.counts.sum())
        self.reverse, self.dtype = reverse, dtype
        self.even = bool((self.counts == self.batch).all())
        self.geometries: dict[Any, ndarray] = {}
        self.own = address(self.places), address(self.counts)
        self.code = self.dtype.str[1:] + "* "
        self.wide = VECTORS * registers()[1] // self.dtype.itemsize
        self.work = self.rows * self.width * (self.hidden + self.features)

    def kernel(self, name: str, arrays: int) -> Any:
        found = kernel("recur." + name, self.code * arrays + "i8* i8* i8* i8 i8")
        if found.state == READY:
            return found.fn
        count = _CALLS[name] = _CALLS.get(name, 0) + 1
        return found.get() if self.work >= LARGE or count >= bands.OFTEN else None

    def panels(self, w: ndarray) -> tuple[ndarray, int]:
        """A matrix in panels, and how many columns these have together."""
        terms, columns = w.shape
        count = -(-columns // self.wide)
        if count * self.wide != columns:
            whole = np.zeros((terms, count * self.wide), w.dtype)
            whole[:, :columns] = w
            w = whole
        return np.ascontiguousarray(w.reshape(terms, count, self.wide).swapaxes(0, 1)), count * self.wide

    def run(
        self, fn: Any, arrays: tuple[ndarray, ...], columns: int, flag: bool = False, relu: bool = False, keep: bool = True
    ) -> None:  # fmt: skip
        g = self.geometries.get((columns, flag, relu, keep))
        if g is None:
            numbers = [
                self.steps, self.hidden, columns, self.wide, self.reverse, flag, relu, keep, self.features, self.at_once
            ]  # fmt: skip
            g = self.geometries[columns, flag, relu, keep] = np.array(numbers, np.int64)
        unit = self.batch
        if CREW.size > 1 and self.work >= SHARED:
            unit = -(-self.batch // CREW.size)
        CREW.over(fn, self.batch, unit, (*map(address, arrays), *self.own, address(g)))

    def inward(self, input: ndarray, w_ih: ndarray, w_hh: ndarray, *biases: Any) -> tuple[Any, ...]:
        """(input, its weight and a bias, the state's weight), as kernels take them, and the columns of these."""
        own, columns = self.panels(w_ih.T)
        bias = np.zeros(columns, self.dtype)
        for b in biases:
            if b is not None:
                bias[: self.width] += b
        return (self.flat(input), own, bias, self.panels(w_hh.T)[0]), columns

    def room(self, columns: int) -> ndarray:
        return np.zeros((self.at_once * self.batch, columns), self.dtype)

    def flat(self, a: Any) -> Any:
        """What belongs to all steps, as rows."""
        return None if a is None else np.ascontiguousarray(a.reshape(-1, a.shape[-1]))

    def empty(self, width: int) -> ndarray:
        return POOL.empty((self.rows, width), self.dtype)

    def kept(self, keep: bool, *widths: int) -> list[ndarray]:
        """Room for what a derivative will need: for all steps; of the first array, for one, if nothing is to be kept."""
        if keep:
            return [self.empty(n) for n in widths]
        none = np.empty((0, 0), self.dtype)
        return [np.empty((self.batch, widths[0]), self.dtype), *[none] * (len(widths) - 1)]

    def arriving(self, a: Any, columns: int) -> ndarray:
        """The gradient of the last states, in rows of `columns`."""
        out = np.zeros((self.batch, columns), self.dtype)
        if a is not None:
            out[:, : self.hidden] = a
        return out

    def weight(self, of_gates: ndarray, states: ndarray, hx: ndarray) -> ndarray:
        """The gradient of the recurrent weight. Without lengths the states before are those of the step before, as they lie."""
        turned, n = of_gates.T, self.batch
        if self.even:
            first, rest = (slice(0, n), slice(n, None)) if not self.reverse else (slice(-n, None), slice(0, -n))
            out = product(turned[:, first], hx)
            if self.steps > 1:
                out = out + product(turned[:, rest], states[:-n] if not self.reverse else states[n:])
            return out
        before = np.empty_like(states)
        for t in range(self.steps):
            last, at, n = t + 1 if self.reverse else t - 1, self.places[t], self.counts[t]
            known = min(n, self.counts[last]) if 0 <= last < self.steps else 0
            if known:
                before[at : at + known] = states[self.places[last] : self.places[last] + known]
            before[at + known : at + n] = hx[known:n]
        return product(turned, before)


@functools.lru_cache(maxsize=64)
def _call(*facts: Any) -> _Call:
    """Most calls have a geometry that was there before."""
    return _Call(*facts)


def _fits(first: ndarray, *others: Any) -> bool:
    kind = first.dtype
    return kind.char in "fd" and first.size > 0 and all([a is None or a.dtype == kind for a in others])


def _laid(a: ndarray) -> ndarray:
    return a if a.flags.c_contiguous and a.flags.aligned else np.ascontiguousarray(a)


def _outward(c: _Call, inward: ndarray, onward: ndarray, input: ndarray, w_ih: ndarray, needs: Any) -> tuple[Any, ...]:
    """The gradients of the input, of its weight and of the biases. `needs`: of these four."""
    to_x = product(inward, w_ih).reshape(input.shape) if needs[0] else None
    to_w = product(inward.T, c.flat(input)) if needs[1] else None
    first = np.add.reduce(inward, axis=0) if needs[2] or (needs[3] and onward is inward) else None
    second = None
    if needs[3]:
        second = first.copy() if onward is inward else np.add.reduce(onward, axis=0)  # type: ignore[union-attr]
    return to_x, to_w, first if needs[2] else None, second


def lstm(input, hx, cx, w_ih, w_hh, b_ih=None, b_hh=None, w_hr=None, batch_sizes=None, reverse=False, keep=True):
    if w_hr is not None or not _fits(input, hx, cx, w_ih, w_hh, b_ih, b_hh):
        return None
    c = _call(input.shape, batch_sizes, hx.shape, input.dtype, 4, reverse)
    run = c.kernel("lstm", 10)
    if run is None:
        return None
    given, columns = c.inward(input, w_ih, w_hh, b_ih, b_hh)
    h, cell = hx.copy(order="C"), cx.copy(order="C")
    out, (gates, cells) = c.empty(c.hidden), c.kept(keep, c.width, c.hidden)
    c.run(run, (*given, h, cell, out, gates, cells, c.room(columns)), columns, keep=keep)
    return out.reshape(*input.shape[:-1], c.hidden), h, cell, gates, cells


def lstm_back(gates, cells, grads, input, hx, cx, w_ih, w_hh, w_hr, batch_sizes, reverse, needs):
    grad, of_h, of_c, *others = grads
    if w_hr is not None or any(a is not None for a in others) or not _fits(gates, grad, of_h, of_c, input, hx, cx, w_ih, w_hh):  # fmt: skip
        return None
    c = _call(input.shape, batch_sizes, hx.shape, gates.dtype, 4, reverse)
    run = c.kernel("lstm_back", 10)
    if run is None:
        return None
    panels, columns = c.panels(w_hh)
    dh, dc, flow = c.arriving(of_h, columns), c.arriving(of_c, c.hidden), c.flat(grad)
    da, states, room = c.empty(c.width), c.empty(c.hidden), np.empty((c.batch, c.hidden), c.dtype)
    hx, cx = _laid(hx), _laid(cx)
    given = cells if flow is None else flow
    c.run(run, (given, gates, cells, cx, panels, dh, dc, da, states, room), columns, flow is not None)
    to_x, to_w, *biases = _outward(c, da, da, input, w_ih, (needs[0], needs[3], *needs[5:7]))
    weight = c.weight(da, states, hx) if needs[4] else None
    return to_x, dh[:, : c.hidden] if needs[1] else None, dc if needs[2] else None, to_w, weight, *biases, None


def gru(input, hx, w_ih, w_hh, b_ih=None, b_hh=None, batch_sizes=None, reverse=False, keep=True):
    if not _fits(input, hx, w_ih, w_hh, b_ih, b_hh):
        return None
    c = _call(input.shape, batch_sizes, hx.shape, input.dtype, 3, reverse)
    run = c.kernel("gru", 11)
    if run is None:
        return None
    given, columns = c.inward(input, w_ih, w_hh, b_ih)
    own = np.zeros(columns, c.dtype)
    if b_hh is not None:
        own[: c.width] = b_hh
    h, more = hx.copy(order="C"), np.zeros((c.batch, columns), c.dtype)
    out, (gates, states) = c.empty(c.hidden), c.kept(keep, 4 * c.hidden, c.hidden)
    c.run(run, (*given, own, h, out, gates, states, c.room(columns), more), columns, keep=keep)
    return out.reshape(*input.shape[:-1], c.hidden), h, gates, states


def gru_back(gates, states, grads, input, hx, w_ih, w_hh, batch_sizes, reverse, needs):
    grad, of_h, *others = grads
    if any(a is not None for a in others) or not _fits(gates, grad, of_h, input, hx, w_ih, w_hh):
        return None
    c = _call(input.shape, batch_sizes, hx.shape, gates.dtype, 3, reverse)
    run = c.kernel("gru_back", 8)
    if run is None:
        return None
    panels, columns = c.panels(w_hh)
    dh, flow, hx = c.arriving(of_h, columns), c.flat(grad), _laid(hx)
    da, ds = c.empty(c.width), c.empty(c.width)
    c.run(run, (states if flow is None else flow, gates, states, hx, panels, dh, da, ds), columns, flow is not None)
    to_x, to_w, *biases = _outward(c, da, ds, input, w_ih, (needs[0], needs[2], *needs[4:]))
    weight = c.weight(ds, states, hx) if needs[3] else None
    return to_x, dh[:, : c.hidden] if needs[1] else None, to_w, weight, *biases


def rnn(input, hx, w_ih, w_hh, b_ih=None, b_hh=None, nonlinearity="tanh", batch_sizes=None, reverse=False, keep=True):
    if not _fits(input, hx, w_ih, w_hh, b_ih, b_hh):
        return None
    c = _call(input.shape, batch_sizes, hx.shape, input.dtype, 1, reverse)
    run = c.kernel("rnn", 8)
    if run is None:
        return None
    given, columns = c.inward(input, w_ih, w_hh, b_ih, b_hh)
    h, out, (states,) = hx.copy(order="C"), c.empty(c.hidden), c.kept(keep, c.hidden)
    c.run(run, (*given, h, out, states, c.room(columns)), columns, False, nonlinearity == "relu", keep)
    return out.reshape(*input.shape[:-1], c.hidden), h, states


def rnn_back(states, grads, input, hx, w_ih, w_hh, nonlinearity, batch_sizes, reverse, needs):
    grad, of_h, *others = grads
    if any(a is not None for a in others) or not _fits(states, grad, of_h, input, hx, w_ih, w_hh):
        return None
    c = _call(input.shape, batch_sizes, hx.shape, states.dtype, 1, reverse)
    run = c.kernel("rnn_back", 5)
    if run is None:
        return None
    panels, columns = c.panels(w_hh)
    dh, flow, da = c.arriving(of_h, columns), c.flat(grad), c.empty(c.hidden)
    c.run(run, (states if flow is None else flow, states, panels, dh, da), columns, flow is not None, nonlinearity == "relu")  # fmt: skip
    to_x, to_w, *biases = _outward(c, da, da, input, w_ih, (needs[0], needs[2], *needs[4:]))
    weight = c.weight(da, states, _laid(hx)) if needs[3] else None
    return to_x, dh[:, : c.hidden] if needs[1] else None, to_w, weight, *biases
