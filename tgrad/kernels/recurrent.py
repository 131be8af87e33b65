"""Compiled forms of recurrent layers: see compiled/recur.py."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..ops.linalg import product
from ..pool import POOL
from .convolve import _registers
from .crew import CREW
from .native import READY, kernel
from .operands import address

ndarray = np.ndarray
VECTORS = 2  # as in compiled/vector.py
SHARED = 1 << 18  # multiplications that pay for a second thread
LARGE, OFTEN = (
    1 << 20,
    8,
)  # multiplications in a layer that shall have a compiled form at once, and calls after which a smaller one shall
_CALLS: dict[str, int] = {}


class _Call:
    """The geometry of a layer as kernels take it."""

    def __init__(
        self, shape: tuple[int, ...], batch_sizes: Any, state: tuple[int, int], dtype: np.dtype, gates: int, reverse: bool
    ) -> None:  # fmt: skip
        self.batch, self.hidden = state
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
        self.wide = VECTORS * _registers()[1] // self.dtype.itemsize
        self.work = self.rows * self.width * self.hidden

    def kernel(self, name: str, arrays: int) -> Any:
        found = kernel("recur." + name, self.code * arrays + "i8* i8* i8* i8 i8")
        if found.state == READY:
            return found.fn
        count = _CALLS[name] = _CALLS.get(name, 0) + 1
        return found.get() if self.work >= LARGE or count >= OFTEN else None

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
        self, fn: Any, arrays: tuple[ndarray, ...], columns: int, flag: bool, relu: bool = False, keep: bool = True
    ) -> None:
        g = self.geometries.get((columns, flag, relu, keep))
        if g is None:
            numbers = [self.steps, self.hidden, columns, self.wide, self.reverse, flag, relu, keep]
            g = self.geometries[columns, flag, relu, keep] = np.array(numbers, np.int64)
        unit = self.batch
        if CREW.size > 1 and self.work >= SHARED:
            unit = -(-self.batch // CREW.size)
        CREW.over(fn, self.batch, unit, (*map(address, arrays), *self.own, address(g)))

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


def lstm(igates, hx, cx, w_hh, w_hr=None, batch_sizes=None, reverse=False, keep=True):
    if w_hr is not None or not _fits(igates, hx, cx, w_hh):
        return None
    c = _call(igates.shape, batch_sizes, hx.shape, igates.dtype, 4, reverse)
    run = c.kernel("lstm", 8)
    if run is None:
        return None
    panels, columns = c.panels(w_hh.T)
    h, cell = hx.copy(order="C"), cx.copy(order="C")
    out, (gates, cells) = c.empty(c.hidden), c.kept(keep, c.width, c.hidden)
    room = np.zeros((c.batch, columns), c.dtype)
    c.run(run, (c.flat(igates), panels, h, cell, out, gates, cells, room), columns, False, False, keep)
    return out.reshape(*igates.shape[:-1], c.hidden), h, cell, gates, cells


def lstm_back(gates, cells, grads, hx, cx, w_hh, w_hr, igates_sizes, batch_sizes, reverse, needs):
    grad, of_h, of_c, *others = grads
    if w_hr is not None or any(a is not None for a in others) or not _fits(gates, grad, of_h, of_c, hx, cx, w_hh):
        return None
    c = _call(tuple(igates_sizes), batch_sizes, hx.shape, hx.dtype, 4, reverse)
    run = c.kernel("lstm_back", 10)
    if run is None:
        return None
    panels, columns = c.panels(w_hh)
    dh, dc, flow = c.arriving(of_h, columns), c.arriving(of_c, c.hidden), c.flat(grad)
    da, states, room = c.empty(c.width), c.empty(c.hidden), np.empty((c.batch, c.hidden), c.dtype)
    hx, cx = _laid(hx), _laid(cx)
    given = cells if flow is None else flow
    c.run(run, (given, gates, cells, cx, panels, dh, dc, da, states, room), columns, flow is not None)
    weight = c.weight(da, states, hx) if needs[3] else None
    return da.reshape(igates_sizes), dh[:, : c.hidden] if needs[1] else None, dc if needs[2] else None, weight, None


def gru(igates, hx, w_hh, b_hh=None, batch_sizes=None, reverse=False, keep=True):
    if not _fits(igates, hx, w_hh, b_hh):
        return None
    c = _call(igates.shape, batch_sizes, hx.shape, igates.dtype, 3, reverse)
    run = c.kernel("gru", 8)
    if run is None:
        return None
    panels, columns = c.panels(w_hh.T)
    bias = np.zeros(c.width, c.dtype) if b_hh is None else _laid(b_hh)
    h, room = hx.copy(order="C"), np.zeros((c.batch, columns), c.dtype)
    out, (gates, states) = c.empty(c.hidden), c.kept(keep, 4 * c.hidden, c.hidden)
    c.run(run, (c.flat(igates), panels, bias, h, out, states, gates, room), columns, True, False, keep)
    return out.reshape(*igates.shape[:-1], c.hidden), h, gates, states


def gru_back(gates, states, grads, hx, w_hh, igates_sizes, batch_sizes, reverse, needs):
    grad, of_h, *others = grads
    if any(a is not None for a in others) or not _fits(gates, grad, of_h, hx, w_hh):
        return None
    c = _call(tuple(igates_sizes), batch_sizes, hx.shape, hx.dtype, 3, reverse)
    run = c.kernel("gru_back", 8)
    if run is None:
        return None
    panels, columns = c.panels(w_hh)
    dh, flow, hx = c.arriving(of_h, columns), c.flat(grad), _laid(hx)
    da, ds = c.empty(c.width), c.empty(c.width)
    c.run(run, (states if flow is None else flow, gates, states, hx, panels, dh, da, ds), columns, flow is not None)
    weight = c.weight(ds, states, hx) if needs[2] else None
    bias = np.add.reduce(ds, axis=0) if needs[3] else None
    return da.reshape(igates_sizes), dh[:, : c.hidden] if needs[1] else None, weight, bias


def rnn(igates, hx, w_hh, nonlinearity="tanh", batch_sizes=None, reverse=False, keep=True):
    if not _fits(igates, hx, w_hh):
        return None
    c = _call(igates.shape, batch_sizes, hx.shape, igates.dtype, 1, reverse)
    run = c.kernel("rnn", 6)
    if run is None:
        return None
    panels, columns = c.panels(w_hh.T)
    h, room = hx.copy(order="C"), np.zeros((c.batch, columns), c.dtype)
    out, (states,) = c.empty(c.hidden), c.kept(keep, c.hidden)
    c.run(run, (c.flat(igates), panels, h, out, states, room), columns, False, nonlinearity == "relu", keep)
    return out.reshape(*igates.shape[:-1], c.hidden), h, states


def rnn_back(states, grads, hx, w_hh, nonlinearity, igates_sizes, batch_sizes, reverse, needs):
    grad, of_h, *others = grads
    if any(a is not None for a in others) or not _fits(states, grad, of_h, hx, w_hh):
        return None
    c = _call(tuple(igates_sizes), batch_sizes, hx.shape, hx.dtype, 1, reverse)
    run = c.kernel("rnn_back", 5)
    if run is None:
        return None
    panels, columns = c.panels(w_hh)
    dh, flow, da = c.arriving(of_h, columns), c.flat(grad), c.empty(c.hidden)
    c.run(run, (states if flow is None else flow, states, panels, dh, da), columns, flow is not None, nonlinearity == "relu")  # fmt: skip
    weight = c.weight(da, states, _laid(hx)) if needs[2] else None
    return da.reshape(igates_sizes), dh[:, : c.hidden] if needs[1] else None, weight
