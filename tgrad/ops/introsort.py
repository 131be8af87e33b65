"""The algorithms of C++'s standard library by which PyTorch orders and chooses, step by step, over lists of (key, place).

PyTorch's sort is not stable unless asked to be: which of two equal elements comes first follows from the steps of introsort (Musser 1997), as
GNU's library has it, over the elements as they stand. Who wants its indices has to go the same way. These here are the steps one by one, for
short rows and for keys that are in no order (nan); `equals.py` takes many ranges at once.

A key is compared by `<` alone. Ranges are `first` to `last`, the last excluded.
"""

from __future__ import annotations

from typing import Any

Item = tuple[Any, int]
SHORT = 16  # ranges up to this length are left to the insertion sort at the end


def depth(n: int) -> int:
    """How often introsort may part a range before it falls back on a heap."""
    return 2 * (n.bit_length() - 1)


def sort(a: list[Item], first: int, last: int) -> None:
    """std::sort."""
    todo = [(first, last, depth(last - first))]
    while todo:
        low, high, left = todo.pop()
        while high - low > SHORT:
            if left == 0:
                partial_sort(a, low, high, high)
                break
            left -= 1
            cut = part(a, low, high)
            todo.append((cut, high, left))
            high = cut
    end = min(last, first + SHORT)
    insertion(a, first, end)
    for i in range(end, last):
        _insert(a, i)


def select(a: list[Item], first: int, nth: int, last: int) -> None:
    """std::nth_element."""
    left = depth(last - first)
    while last - first > 3:
        if left == 0:
            heap_select(a, first, nth + 1, last)
            a[first], a[nth] = a[nth], a[first]
            return
        left -= 1
        cut = part(a, first, last)
        if cut <= nth:
            first = cut
        else:
            last = cut
    insertion(a, first, last)


def partial_sort(a: list[Item], first: int, middle: int, last: int) -> None:
    """std::partial_sort: the smallest, in order, up to `middle`."""
    heap_select(a, first, middle, last)
    heap_sort(a, first, middle)


def part(a: list[Item], first: int, last: int) -> int:
    """Parts a range by the median of its second, its middle and its last element, which goes to the front; where the upper part begins."""
    middle = first + (last - first) // 2
    x, y, z = a[first + 1][0], a[middle][0], a[last - 1][0]
    if x < y:
        m = middle if y < z else last - 1 if x < z else first + 1
    else:
        m = first + 1 if x < z else last - 1 if y < z else middle
    a[first], a[m] = a[m], a[first]
    p = a[first][0]
    i, j = first + 1, last
    while True:
        while a[i][0] < p:
            i += 1
        j -= 1
        while p < a[j][0]:
            j -= 1
        if i >= j:
            return i
        a[i], a[j] = a[j], a[i]
        i += 1


def insertion(a: list[Item], first: int, last: int) -> None:
    for i in range(first + 1, last):
        if a[i][0] < a[first][0]:
            a.insert(first, a.pop(i))
        else:
            _insert(a, i)


def _insert(a: list[Item], i: int) -> None:
    """Moves an element down to its place; something smaller or equal is known to stand before it."""
    item = a[i]
    key = item[0]
    while key < a[i - 1][0]:
        a[i] = a[i - 1]
        i -= 1
    a[i] = item


# ---- heaps, the largest on top


def heap_select(a: list[Item], first: int, middle: int, last: int) -> None:
    make_heap(a, first, middle)
    for i in range(middle, last):
        if a[i][0] < a[first][0]:
            item, a[i] = a[i], a[first]
            sink(a, first, 0, middle - first, item)


def make_heap(a: list[Item], first: int, last: int) -> None:
    n = last - first
    for parent in range((n - 2) // 2, -1, -1) if n > 1 else ():
        sink(a, first, parent, n, a[first + parent])


def heap_sort(a: list[Item], first: int, last: int) -> None:
    for n in range(last - first - 1, 0, -1):
        item, a[first + n] = a[first + n], a[first]
        sink(a, first, 0, n, item)


def sink(a: list[Item], first: int, hole: int, n: int, item: Item) -> None:
    """Puts an item into the heap of n in the place of the one at `hole`: the hole goes down to a leaf, and the item up from there."""
    top, child = hole, hole
    while child < (n - 1) // 2:
        child = 2 * (child + 1)
        if a[first + child][0] < a[first + child - 1][0]:
            child -= 1
        a[first + hole] = a[first + child]
        hole = child
    if n % 2 == 0 and child == (n - 2) // 2:
        child = 2 * child + 1
        a[first + hole] = a[first + child]
        hole = child
    while hole > top:
        parent = (hole - 1) // 2
        if not a[first + parent][0] < item[0]:
            break
        a[first + hole] = a[first + parent]
        hole = parent
    a[first + hole] = item


# ---- PyTorch's own


def quick_select(a: list[Item], k: int) -> Item:
    """Which element PyTorch's kthvalue finds: quickselect after Sedgewick (1978), "Implementing Quicksort Programs"."""
    low, high = 0, len(a) - 1
    while high > low:
        if high == low + 1:
            if a[high][0] < a[low][0]:
                a[low], a[high] = a[high], a[low]
            break
        middle_first(a, low, high)
        i, j, p = low + 1, high, a[low][0]
        while True:
            i += 1
            while a[i][0] < p:
                i += 1
            j -= 1
            while p < a[j][0]:
                j -= 1
            if j < i:
                break
            a[i], a[j] = a[j], a[i]
        a[low], a[j] = a[j], a[low]
        if j <= k:
            low = i
        if j >= k:
            high = j - 1
    return a[k]


def middle_first(a: list[Item], low: int, high: int) -> None:
    """Brings the median of the first, the middle and the last element to the front, the smallest behind it and the largest to the end."""
    middle, second = (low + high) // 2, low + 1
    a[middle], a[second] = a[second], a[middle]
    for x, y in ((second, high), (low, high), (second, low)):
        if a[y][0] < a[x][0]:
            a[x], a[y] = a[y], a[x]
