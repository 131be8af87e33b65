"""In which order equal elements come: the order that PyTorch's algorithms leave them in, which are not stable.

Note [The order of equals]
PyTorch's `sort` is stable when told so, and then indices of equal elements ascend. Else it is introsort, as `topk`, `kthvalue` and `mode` are
selections that move elements about; indices of equal elements follow from the algorithms' steps (introsort.py). Values do not. Here the stable
order is found first, by whatever way is quickest, and only rows in which equal elements stand side by side go through those steps.

The steps only ask which of two elements comes first, and whether they are equal. So an element is represented by its position in the stable
order, a number of its own, and compared with a pivot by the positions at which the pivot's equals begin and end: `p < begins[pivot]` is less,
`p >= ends[pivot]` is greater. One kind of numbers thus serves all dtypes, both directions, and nan, which equals nan.

Introsort's last step is an insertion sort, which is stable: what it makes is the stable order of the elements as the parting of ranges left them.
And a range without equal elements needs no parting at all.

Here numpy parts all ranges of a level at once. `kernels/ordering.py` has the same in compiled form, for large arrays.
"""

from __future__ import annotations

import numpy as np

from . import introsort
from .introsort import SHORT

ndarray = np.ndarray
SMALL = 256  # elements up to which the steps one by one are quicker
PART = 1 << 20  # elements that are looked at together, unless one row is longer


def neighbours(ordered: ndarray) -> ndarray:
    """Which elements of rows in order equal the one before, as bools of the same shape. nan equals nan."""
    same = np.empty(ordered.shape, np.bool_)
    same[..., :1] = False
    a, b = ordered[..., 1:], ordered[..., :-1]
    np.equal(a, b, out=same[..., 1:])
    if ordered.dtype.kind not in "biu" and ordered.size:
        ends = ordered[..., 0], ordered[..., -1]
        if any((e != e).any() for e in ends):
            same[..., 1:] |= (a != a) & (b != b)
    return same


# ---- rows: `order` is their stable order and `same` what `neighbours` says, both (rows, n)


def introsorted(order: ndarray, same: ndarray) -> ndarray:
    """The order that std::sort leaves rows in."""
    n = order.shape[-1]
    rows = np.flatnonzero(same.any(-1))
    if n <= SHORT or not rows.size:
        return order
    out = order.copy()
    for some in _parts(rows, n):
        out[some] = _Ranks(order[some], same[some]).sorted()
    return out


def chosen(order: ndarray, same: ndarray, k: int, ordered: bool) -> ndarray:
    """The first k of that order as PyTorch's topk leaves them: in order, or as the selection has them."""
    n = order.shape[-1]
    best = order[:, :k].copy()
    heap = 64 * k <= n
    if not k:
        return best
    needed = same[:, 1 : k + 1].any(-1) if ordered or heap else np.ones(len(order), np.bool_)
    rows = np.flatnonzero(needed)
    for some in _parts(rows, n):
        ranks = _Ranks(order[some], same[some])
        best[some] = ranks.heaped(k) if heap else ranks.selected(k, ordered)
    return best


def kth(order: ndarray, same: ndarray, k: int) -> ndarray:
    """Which element of each row PyTorch's kthvalue finds, k counted from 0."""
    found = order[:, k].copy()
    tied = same[:, k].copy()
    if k + 1 < order.shape[-1]:
        tied |= same[:, k + 1]
    for some in _parts(np.flatnonzero(tied), order.shape[-1]):
        found[some] = _Ranks(order[some], same[some]).quick_selected(k)
    return found


def unordered(rows: ndarray) -> ndarray:
    """What std::sort makes of rows with nan when it compares by `<` alone, as in PyTorch's mode: nan is then neither more nor less than
    anything, and cuts a row into pieces that need not be in order."""
    n = rows.shape[-1]
    out = np.empty(rows.shape, np.int64)
    for r, row in enumerate(rows.astype(np.float64)):
        items = list(zip(row.tolist(), range(n), strict=True))
        introsort.sort(items, 0, n)
        out[r] = [i for _, i in items]
    return out


def _parts(rows: ndarray, n: int) -> list[ndarray]:
    step = max(1, PART // n)
    return [rows[i : i + step] for i in range(0, len(rows), step)]


class _Ranks:
    """The elements of some rows, each represented by its position in the stable order. All rows stand in one line."""

    def __init__(self, order: ndarray, same: ndarray) -> None:
        self.rows, self.n = order.shape
        size = order.size
        kind = np.int32 if size < 1 << 31 else np.int64
        self.order = order
        firsts = np.flatnonzero(~same.reshape(-1))
        after = np.append(firsts[1:], size)
        self.begins = np.repeat(firsts.astype(kind), after - firsts)
        self.ends = np.repeat(after.astype(kind), after - firsts)
        self.at = np.empty(size, kind)  # which element stands where
        heads = np.arange(0, size, self.n)[:, None]
        self.at[(order + heads).reshape(-1)] = np.arange(size, dtype=kind)
        self.lows, self.highs = heads[:, 0], heads[:, 0] + self.n

    def named(self, at: ndarray) -> ndarray:
        """The indices, within their rows, of elements."""
        return self.order.reshape(-1)[at]

    def items(self, row: int) -> list[introsort.Item]:
        at = self.at[row * self.n : (row + 1) * self.n]
        return list(zip(self.begins[at].tolist(), at.tolist(), strict=True))

    def back(self, row: int, items: list[introsort.Item]) -> None:
        self.at[row * self.n : (row + 1) * self.n] = [p for _, p in items]

    def sorted(self) -> ndarray:
        if self.at.size <= SMALL:
            for r in range(self.rows):
                items = self.items(r)
                introsort.sort(items, 0, self.n)
                self.back(r, items)
        else:
            self.sort(self.lows, self.highs)
        return self.named(self.at).reshape(self.rows, self.n)

    def heaped(self, k: int) -> ndarray:
        """The k first of each row by std::partial_sort."""
        for r in range(self.rows):
            self.at[r * self.n : r * self.n + k] = self.heap(r * self.n, r * self.n + k, (r + 1) * self.n)
        return self.named(self.at.reshape(self.rows, self.n)[:, :k])

    def selected(self, k: int, ordered: bool) -> ndarray:
        """The k first of each row by std::nth_element, and where `ordered`, std::sort of all but the last."""
        if self.at.size <= SMALL:
            for r in range(self.rows):
                items = self.items(r)
                introsort.select(items, 0, k - 1, self.n)
                if ordered:
                    introsort.sort(items, 0, k - 1)
                self.back(r, items)
        else:
            self.select(k - 1)
            if ordered and k > 1:
                self.sort(self.lows, self.lows + (k - 1))
        return self.named(self.at.reshape(self.rows, self.n)[:, :k])

    def quick_selected(self, k: int) -> ndarray:
        if self.at.size > SMALL:
            return self.named(self.quick_select(k))
        return self.named(np.array([introsort.quick_select(self.items(r), k)[1] for r in range(self.rows)], np.int64))

    # ---- many ranges at once: `low` and `high` are arrays of where they begin and end

    def part(self, low: ndarray, high: ndarray) -> ndarray:
        """`introsort.part` of each range."""
        at = self.at
        second, middle, last = low + 1, low + (high - low) // 2, high - 1
        x, y, z = self.begins[at[second]], self.begins[at[middle]], self.begins[at[last]]
        up = np.where(y < z, middle, np.where(x < z, last, second))
        down = np.where(x < z, second, np.where(y < z, last, middle))
        m = np.where(x < y, up, down)
        at[low], at[m] = at[m], at[low]
        return self.cross(second, high, at[low])[0]

    def cross(self, low: ndarray, high: ndarray, pivot: ndarray, touch: bool = False) -> tuple[ndarray, ndarray]:
        """Hoare's parting: of each range, the first element from the left that is not less than the pivot changes places with the first from
        the right that is not greater, and so on until they meet. Where the two searches then stop.

            i ->   <- j        the k-th exchange is that of the k-th element that stops i with the k-th that stops j,
            < > < = > < >      while they stand in that order; with `touch`, an element may be both
        """
        at, lengths = self.at, high - low
        ends = np.cumsum(lengths)
        heads = ends - lengths
        places = np.arange(ends[-1]) + np.repeat(low - heads, lengths)
        v = at[places]
        stops, count, first = _marked(places, v >= np.repeat(self.begins[pivot], lengths), heads, ends)
        halts, number, head = _marked(places, v < np.repeat(self.ends[pivot], lengths), heads, ends)
        pairs = np.minimum(count, number)
        past = np.cumsum(pairs)
        k = np.arange(past[-1]) - np.repeat(past - pairs, pairs)
        left = stops[np.repeat(first, pairs) + k]
        right = halts[np.repeat(head + number - 1, pairs) - k]
        apart = left <= right if touch else left < right
        done = np.append(0, np.cumsum(apart))
        done = done[past] - done[past - pairs]
        left, right = left[apart], right[apart]
        at[left], at[right] = at[right], at[left]

        def pick(where: ndarray, i: ndarray, exists: ndarray, otherwise: ndarray) -> ndarray:
            return np.where(exists, where[np.where(exists, i, 0)], otherwise) if where.size else otherwise

        last_left = pick(stops, first + done - 1, done > 0, low - 1)
        last_right = pick(halts, head + number - done, done > 0, high)
        i = np.minimum(pick(stops, first + done, done < count, high), last_right)
        j = np.maximum(pick(halts, head + number - 1 - done, done < number, low - 1), last_left)
        if touch:
            met = last_left == last_right
            i, j = np.where(met, last_left + 1, i), np.where(met, last_left - 1, j)
        return i, j

    def sort(self, low: ndarray, high: ndarray) -> None:
        """`introsort.sort` of ranges of one length."""
        first, last = low, high
        ties = np.append(0, np.cumsum(self.begins != np.arange(self.begins.size)))
        left = introsort.depth(int(high[0] - low[0]))
        while True:
            needed = (high - low > SHORT) & (ties[high] > ties[low + 1])
            low, high = self.equal(low[needed], high[needed], left)
            if not low.size:
                break
            if left == 0:
                for i, j in zip(low.tolist(), high.tolist(), strict=True):
                    self.at[i:j] = self.heap(i, j, j)
                break
            left -= 1
            cut = self.part(low, high)
            low, high = np.append(low, cut), np.append(cut, high)
        n = int(last[0] - first[0])
        for some in _parts(first, n):
            i = np.arange(n) + some[:, None]
            rows = self.at[i]
            self.at[i] = np.take_along_axis(rows, np.argsort(self.begins[rows], axis=-1, kind="stable"), -1)

    def equal(self, low: ndarray, high: ndarray, left: int) -> tuple[ndarray, ndarray]:
        """Ranges of equals alone end in an order that only their length decides; the other ranges are left."""
        alone = (self.begins[low] == self.begins[high - 1]) & (high - low < SHORT << left)
        if alone.any():
            first, lengths = low[alone], (high - low)[alone]
            for n in np.unique(lengths).tolist():
                places = np.arange(n) + first[lengths == n, None]
                self.at[places] = self.at[places][:, order_of_equals(n)]
            low, high = low[~alone], high[~alone]
        return low, high

    def select(self, nth: int) -> None:
        """`introsort.select` in each row."""
        low, high, left = self.lows.copy(), self.highs.copy(), introsort.depth(self.n)
        nth_at = self.lows + nth
        while True:
            rows = np.flatnonzero(high - low > 3)
            if not rows.size:
                break
            if left == 0:
                for r in rows.tolist():
                    i, k, j = int(low[r]), int(nth_at[r]), int(high[r])
                    self.at[i : k + 1] = self.heap(i, k + 1, j, False)
                    self.at[[i, k]] = self.at[[k, i]]
                    high[r] = low[r]
                break
            left -= 1
            cut = self.part(low[rows], high[rows])
            above = cut <= nth_at[rows]
            low[rows[above]], high[rows[~above]] = cut[above], cut[~above]
        for size in (2, 3):
            rows = np.flatnonzero(high - low == size)
            places = low[rows, None] + np.arange(size)
            v = self.at[places]
            self.at[places] = np.take_along_axis(v, np.argsort(self.begins[v], axis=-1, kind="stable"), -1)

    def heap(self, first: int, middle: int, last: int, ordered: bool = True) -> ndarray:
        """What std::partial_sort brings to the front of a range; without `ordered`, the heap before it is sorted."""
        k = middle - first
        at = self.at[first:middle]
        heap = list(zip(self.begins[at].tolist(), at.tolist(), strict=True))
        introsort.make_heap(heap, 0, k)
        step = 4 * k
        while middle < last:  # no candidate is one that does not beat the largest as it was a while ago
            at = self.at[middle : middle + step]
            at = at[self.begins[at] < heap[0][0]] if last - middle >= step else at[: last - middle]
            for item in zip(self.begins[at].tolist(), at.tolist(), strict=True):
                if item[0] < heap[0][0]:
                    introsort.sink(heap, 0, 0, k, item)
            middle, step = middle + step, 2 * step
        if ordered:
            introsort.heap_sort(heap, 0, k)
        return np.array([p for _, p in heap], self.at.dtype)

    def quick_select(self, k: int) -> ndarray:
        """`introsort.quick_select` in each row: the elements."""
        at, begins = self.at, self.begins
        low, high, place = self.lows.copy(), self.highs - 1, self.lows + k
        while True:
            rows = np.flatnonzero(high - low > 1)
            if not rows.size:
                break
            first, last = low[rows], high[rows]
            second, middle = first + 1, (first + last) // 2
            at[middle], at[second] = at[second], at[middle]
            for x, y in ((second, last), (first, last), (second, first)):
                wrong = begins[at[y]] < begins[at[x]]
                x, y = x[wrong], y[wrong]
                at[x], at[y] = at[y], at[x]
            i, j = self.cross(first + 2, last, at[first], touch=True)
            at[first], at[j] = at[j], at[first]
            wanted = place[rows]
            low[rows] = np.where(j <= wanted, i, first)
            high[rows] = np.where(j >= wanted, j - 1, last)
        rows = np.flatnonzero(high - low == 1)
        first, last = low[rows], high[rows]
        wrong = begins[at[last]] < begins[at[first]]
        first, last = first[wrong], last[wrong]
        at[first], at[last] = at[last], at[first]
        return at[place]


def order_of_equals(n: int) -> ndarray:
    """What the parting of ranges makes of n equal elements: each time the middle one goes to the front, the others are turned round, and the
    halves are next."""
    known: dict[int, ndarray] = {}

    def made(n: int) -> ndarray:
        if n <= SHORT:
            return np.arange(n)
        if n not in known:
            order = np.arange(n)
            order[[0, n // 2]] = order[[n // 2, 0]]
            order[1:] = order[:0:-1].copy()
            cut = 1 + (n - 1) // 2
            known[n] = np.append(order[:cut][made(cut)], order[cut:][made(n - cut)])
        return known[n]

    return made(n)


def _marked(places: ndarray, mask: ndarray, heads: ndarray, ends: ndarray) -> tuple[ndarray, ndarray, ndarray]:
    """The places that are marked, how many there are in each range, and where the first of each range stands among them."""
    before = np.append(0, np.cumsum(mask))
    return places[mask], before[ends] - before[heads], before[heads]
