"""The order of equal elements: ops/introsort.py over positions in the stable order, see Note [The order of equals] in ops/equals.py.

`order` is the stable order of rows of n, `same` says which elements in it equal the one before. Room for one row: `at` (which element stands
where; 64 more than n), `begins` and `ends` (where the equals of an element begin and end), all int32, and `stack`.

Note [Parting by masks]
Whether an element stops the search from the left, or the one from the right, is found for 64 elements at a time and kept as the bits of a
number. The next to stop is the lowest bit of the left number, or the highest of the right one, so no jump depends on a comparison; the
exchanges are those of the loops over single elements (Edelkamp and Weiss 2016, "BlockQuicksort", with bits for their lists of offsets).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, register_jitable

from .lang import i4, i8

SHORT = 16
TIED = 512  # elements of a range that are looked through for equals before it is parted
jitable = register_jitable(error_model="numpy")


def _marks(comparison: str) -> Any:
    @intrinsic
    def word(typingctx: Any, x: Any, i: Any, bound: Any) -> Any:
        """Which of the 64 numbers from x[i] on compare so with the bound, as bits."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            element = ir.IntType(32)
            vector = ir.VectorType(element, 64)
            at = builder.gep(args[0], [args[1]], source_etype=element)
            v = builder.load(builder.bitcast(at, vector.as_pointer()), align=4, typ=vector)
            one = builder.insert_element(ir.Constant(vector, ir.Undefined), args[2], ir.IntType(32)(0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
            bounds = builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)
            return builder.bitcast(builder.icmp_signed(comparison, v, bounds), ir.IntType(64))

        return types.int64(x, types.int64, types.int32), codegen

    return word


def _zeros(name: str) -> Any:
    @intrinsic
    def word(typingctx: Any, x: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            whole = ir.IntType(64)
            kind = ir.FunctionType(whole, [whole, ir.IntType(1)])
            function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.i64")
            return builder.call(function, [args[0], ir.IntType(1)(0)])

        return types.int64(types.int64), codegen

    return word


not_below, below = _marks(">="), _marks("<")
low_zeros, high_zeros = _zeros("cttz"), _zeros("ctlz")


@jitable
def lowest(n):
    """n bits, 64 at most."""
    return i8(-1) if n >= 64 else (i8(1) << n) - 1


@jitable
def exchange(at, i, j):
    p = at[i]
    at[i] = at[j]
    at[j] = p


@jitable
def less(begins, p, q):
    return begins[i8(p)] < begins[i8(q)]


@jitable
def part(at, begins, ends, first, last):
    middle = first + (last - first) // 2
    x, y, z = begins[i8(at[first + 1])], begins[i8(at[middle])], begins[i8(at[last - 1])]
    if x < y:
        m = middle if y < z else last - 1 if x < z else first + 1
    else:
        m = first + 1 if x < z else last - 1 if y < z else middle
    exchange(at, first, m)
    i, j = first + 1, last
    if begins[first] == begins[last - 1]:  # what belongs there is equal, and so all of it: everything changes places
        half = (j - i) // 2
        for k in range(half):
            exchange(at, i + k, j - 1 - k)
        return i + half
    p = i8(at[first])
    s, e = begins[p], ends[p]
    left, right = i8(0), i8(0)
    while j - i >= 128:  # a block from the left and one from the right
        if left == 0:
            left = not_below(at, i, s)
        if right == 0:
            right = below(at, j - 64, e)
        while left != 0 and right != 0:
            c = high_zeros(right)
            exchange(at, i + low_zeros(left), j - 1 - c)
            left &= left - 1
            right ^= i8(1) << (63 - c)
        if left == 0:
            i += 64
        if right == 0:
            j -= 64
    if left != 0:
        i += low_zeros(left)
    if right != 0:
        j -= high_zeros(right)
    if j - i > 64:  # two shorter ones
        half = (j - i) // 2
        cut = i + half
        left, right = not_below(at, i, s) & lowest(half), below(at, cut, e) & lowest(j - cut)
        while left != 0 and right != 0:
            c = high_zeros(right)
            exchange(at, i + low_zeros(left), cut + 63 - c)
            left &= left - 1
            right ^= i8(1) << (63 - c)
        i = cut if left == 0 else i + low_zeros(left)
        j = cut if right == 0 else cut + 64 - high_zeros(right)
    left, right = not_below(at, i, s) & lowest(j - i), below(at, i, e) & lowest(j - i)
    while left != 0:  # the same elements from both sides
        a = i + low_zeros(left)
        b = i + 63 - high_zeros(right) if right != 0 else i - 1
        if a >= b:
            return min(a, j)
        exchange(at, a, b)
        j = b
        left &= left - 1
        right ^= i8(1) << (b - i)
    return j


# ---- heaps


@jitable
def sink(at, begins, first, hole, n, item):
    top, child = hole, hole
    while child < (n - 1) // 2:
        child = 2 * (child + 1)
        if less(begins, at[first + child], at[first + child - 1]):
            child -= 1
        at[first + hole] = at[first + child]
        hole = child
    if n % 2 == 0 and child == (n - 2) // 2:
        child = 2 * child + 1
        at[first + hole] = at[first + child]
        hole = child
    while hole > top:
        parent = (hole - 1) // 2
        if not less(begins, at[first + parent], item):
            break
        at[first + hole] = at[first + parent]
        hole = parent
    at[first + hole] = item


@jitable
def heap_select(at, begins, first, middle, last):
    n = middle - first
    for k in range(n // 2):
        parent = n // 2 - 1 - k
        sink(at, begins, first, parent, n, at[first + parent])
    for i in range(middle, last):
        if less(begins, at[i], at[first]):
            item = at[i]
            at[i] = at[first]
            sink(at, begins, first, i8(0), n, item)


@jitable
def heap_sort(at, begins, first, last):
    for k in range(last - first - 1):
        n = last - first - 1 - k
        item = at[first + n]
        at[first + n] = at[first]
        sink(at, begins, first, i8(0), n, item)


# ---- one row


@jitable
def levels(n):
    """How often a range of n may be parted."""
    return 2 * (63 - high_zeros(n))


@jitable
def prepare(order, same, base, at, begins, ends, n):
    """The elements as they stand in the row, if any of them are equal; else False, and they are not there."""
    ties = i8(0)
    begin = i4(0)
    for i in range(n):
        ties += i8(same[base + i])
        if same[base + i] == 0:
            begin = i4(i)
        begins[i] = begin
    if ties == 0:
        return False
    end = i4(n)
    for k in range(n):
        i = n - 1 - k
        ends[i] = end
        if same[base + i] == 0:
            end = i4(i)
    for i in range(n):
        at[order[base + i]] = i4(i)
    for i in range(n, n + 64):
        at[i] = i4(0)
    return True


@jitable
def tied(same, base, low, high):
    """Whether a range has equals in it: what will stand there in the end is known, only not which of the equals."""
    found = i8(0)
    for i in range(base + low + 1, base + high):
        found |= i8(same[i])
    return found != 0


@jitable
def push(stack, count, low, high, left):
    if high - low <= SHORT:
        return count
    stack[3 * count + 1], stack[3 * count + 2], stack[3 * count + 3] = low, high, left
    return count + 1


@jitable
def sort(same, base, at, begins, ends, stack, most):
    """Parts the ranges on the stack, of about `most` elements; stack[0] says how many ranges are left."""
    count = stack[0]
    while count > 0 and most > 0:
        count -= 1
        low, high, left = stack[3 * count + 1], stack[3 * count + 2], stack[3 * count + 3]
        if high - low <= TIED and not tied(same, base, low, high):
            continue
        if left == 0:
            heap_select(at, begins, low, high, high)
            heap_sort(at, begins, low, high)
            continue
        most -= high - low
        cut = part(at, begins, ends, low, high)
        count = push(stack, count, cut, high, left - 1)
        count = push(stack, count, low, cut, left - 1)
    stack[0] = count


@jitable
def start(stack, n):
    stack[0] = 0
    if n > SHORT:
        stack[0] = push(stack, i8(0), i8(0), n, levels(n))


@jitable
def place(order, base, out, to, at, begins, ends, n):
    """The first n elements in order, equals as they stand. `ends` is lost."""
    for i in range(n):
        ends[i] = i4(i)
    for i in range(n):
        p = i8(at[i])
        begin = i8(begins[p])
        k = i8(ends[begin])
        ends[begin] = i4(k + 1)
        out[to + k] = order[base + p]


def introsorted(order, same, out, at, begins, ends, stack, lo, hi, n):
    """Rows lo to hi as std::sort leaves them."""
    for r in range(lo, hi):
        base = r * n
        if prepare(order, same, base, at, begins, ends, n):
            start(stack, n)
            sort(same, base, at, begins, ends, stack, i8(1) << 62)
            place(order, base, out, base, at, begins, ends, n)
        else:
            for i in range(base, base + n):
                out[i] = order[i]


def introsorted_part(order, same, out, at, begins, ends, stack, n, phase, most):
    """One long row with equals, some of the work a call: phase 0 prepares, 1 parts what is on a stack, until stack[0] is 0, and 2 ends. Ranges can be given
    to several threads, each with a stack of its own; in between, Ctrl-C is heard."""
    if phase == 0:
        prepare(order, same, i8(0), at, begins, ends, n)
        start(stack, n)
    elif phase == 1:
        sort(same, i8(0), at, begins, ends, stack, most)
    else:
        place(order, i8(0), out, i8(0), at, begins, ends, n)


def chosen(order, same, out, at, begins, ends, stack, lo, hi, n, k, ordered):
    """The k first of rows lo to hi as topk leaves them; rows of k in `out`."""
    for r in range(lo, hi):
        base, to = r * n, r * k
        if not prepare(order, same, base, at, begins, ends, n):
            for i in range(n):
                begins[i], ends[i] = i4(i), i4(i + 1)
                at[order[base + i]] = i4(i)
            for i in range(n, n + 64):
                at[i] = i4(0)
        first = i8(0)
        if 64 * k <= n:
            heap_select(at, begins, i8(0), k, n)
            heap_sort(at, begins, i8(0), k)
            first = k
        else:
            select(at, begins, ends, k - 1, n)
            if ordered != 0:
                start(stack, k - 1)
                sort(same, base, at, begins, ends, stack, i8(1) << 62)
                place(order, base, out, to, at, begins, ends, k - 1)
                first = k - 1
        if first != k - 1:
            first = i8(0)
        for i in range(first, k):
            out[to + i] = order[base + i8(at[i])]


@jitable
def select(at, begins, ends, nth, n):
    first, last = i8(0), n
    left = levels(n)
    while last - first > 3:
        if left == 0:
            heap_select(at, begins, first, nth + 1, last)
            exchange(at, first, nth)
            return
        left -= 1
        cut = part(at, begins, ends, first, last)
        if cut <= nth:
            first = cut
        else:
            last = cut
    for i in range(first + 1, last):
        j = i
        while j > first and less(begins, at[j], at[j - 1]):
            exchange(at, j, j - 1)
            j -= 1


def kth(order, same, out, at, begins, ends, lo, hi, n, k):
    """The element at k, from 0, that quickselect finds in rows lo to hi."""
    for r in range(lo, hi):
        base = r * n
        if not prepare(order, same, base, at, begins, ends, n):
            out[r] = order[base + k]
            continue
        low, high = i8(0), n - 1
        while high > low:
            if high == low + 1:
                if less(begins, at[high], at[low]):
                    exchange(at, low, high)
                break
            exchange(at, (low + high) // 2, low + 1)
            if less(begins, at[high], at[low + 1]):
                exchange(at, low + 1, high)
            if less(begins, at[high], at[low]):
                exchange(at, low, high)
            if less(begins, at[low], at[low + 1]):
                exchange(at, low + 1, low)
            i, j, p = low + 1, high, i8(at[low])
            s, e = begins[p], ends[p]
            while True:
                i += 1
                while at[i] < s:
                    i += 1
                j -= 1
                while at[j] >= e:
                    j -= 1
                if j < i:
                    break
                exchange(at, i, j)
            exchange(at, low, j)
            if j <= k:
                low = i
            if j >= k:
                high = j - 1
        out[r] = order[base + i8(at[k])]
