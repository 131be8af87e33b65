"""Einstein summation by permuting, batched products and sums.

Note [Einsum]
Every operand is brought to one order of dimensions, `output labels + summed labels`, with size 1 where it lacks a label
(an ellipsis stands for as many output dimensions as its widest use has). Two operands at a time are then multiplied: the
labels that no later operand needs are summed in a batched matrix product, whose batch are the labels kept by both.

    'bij,bjk->bik'     order b i k | j        left  (b, i, 1, j)     right (b, 1, k, j)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..dispatch import bad_argument
from ..methods import composite
from ..tensor import Tensor

ELLIPSIS = "..."


class Paths:
    """In which order several operands are multiplied: `torch.backends.opt_einsum`.

    With the package opt_einsum, in the order that it finds; else from left to right. `enabled` and `strategy` ("auto", "greedy" or
    "optimal") are the user's to set.
    """

    def __init__(self) -> None:
        self.enabled, self.strategy = True, "auto"

    def get_opt_einsum(self) -> Any:
        """The package, or None where it is not installed."""
        try:
            import opt_einsum  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            return None
        return opt_einsum

    def is_available(self) -> bool:
        """Whether the package is installed."""
        return self.get_opt_einsum() is not None

    def order(self, equation: str, operands: Sequence[Tensor]) -> list[tuple[int, int]]:
        """Pairs of positions among the operands that are left; each product goes to the end."""
        package = self.get_opt_einsum() if self.enabled and len(operands) > 2 else None
        if package is None:  # from left to right: the product so far is the last one
            return [(0, 1)] + [(n - 1, 0) for n in range(len(operands) - 1, 1, -1)]
        shapes = [tuple(x.shape) for x in operands]
        path = package.contract_path(equation, *shapes, shapes=True, optimize=self.strategy)[0]
        return [(min(pair), max(pair)) for pair in path if len(pair) == 2]


PATHS = Paths()


@composite()
def einsum(equation, *operands):
    """Sums of products over labelled dimensions: `einsum("ij,jk->ik", a, b)` or `einsum(a, [0, 1], b, [1, 2], [0, 2])`.

    RuntimeError for an equation that does not fit the operands.

    >>> a, b = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    >>> torch.einsum("ij,jk->ik", a, b)
    tensor([[3., 2.],
            [7., 4.]])
    >>> torch.einsum("ii", a)
    tensor(5.)
    """
    if not operands:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list"
        )
    if isinstance(equation, Tensor):
        equation, listed = _from_lists((equation, *operands))
        operands = tuple(listed)
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        return einsum(equation, *operands[0])
    if not isinstance(equation, str):
        raise bad_argument("einsum", 1, "equation", equation, "str")
    for i, x in enumerate(operands):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 1, but got {type(x).__name__}")
    return contract(equation, operands)


def _from_lists(args: Sequence[Any]) -> tuple[str, list[Tensor]]:
    """The form with lists of numbers for labels, as an equation."""

    def label(n: Any) -> str:
        if n is Ellipsis:
            return ELLIPSIS
        if n >= 0 and n < 52:
            return chr(ord("A") + n) if n < 26 else chr(ord("a") + n - 26)
        raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")

    equation = ",".join("".join(label(n) for n in labels) for labels in args[1::2])
    if len(args) % 2:
        equation += "->" + "".join(label(n) for n in args[-1])
        return equation, list(args[:-1:2])
    return equation, list(args[::2])


def _labels(text: str, start: int, found: str) -> list[str]:
    """The labels of one operand (or of the output); `start`: where the text begins in the equation."""
    out: list[str] = []
    i = 0
    while i < len(text):
        c = text[i]
        if c == ".":
            if ELLIPSIS in out:
                more = "an ellipsis was already found" if found != "output" else "an ellipsis (...) was already found"
                raise RuntimeError(
                    f"einsum(): found '.' for {found} " + ("for which " if found != "output" else "but ") + more
                )
            if text[i : i + 3] != "...":
                raise RuntimeError(
                    f"einsum(): found '.' for {found} that is not part of any ellipsis"
                    + (" (...)" if found == "output" else "")
                )
            out.append(ELLIPSIS)
            i += 2
        elif c != " ":
            if not (c.isascii() and c.isalpha()):
                raise RuntimeError(
                    f"einsum(): invalid subscript given at index {start + i} in the equation string, subscripts must be in [a-zA-Z]"
                )
            out.append(c)
        i += 1
    return out


class _Plan:
    """Where each label stands in the common order of dimensions."""

    def __init__(self, equation: str, operands: Sequence[Tensor]) -> None:
        lhs, arrow, rhs = equation.partition("->")
        self.inputs: list[list[str]] = []
        at = 0
        pieces = lhs.split(",")
        for k, piece in enumerate(pieces):
            if k >= len(operands):
                raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
            self.inputs.append(_labels(piece, at, f"operand {k}"))
            at += len(piece) + 1
        if len(pieces) != len(operands):
            raise RuntimeError("einsum(): more operands were provided than specified in the equation")
        self.count: dict[str, int] = {}
        self.wide = 0  # dimensions that the ellipsis stands for
        for k, (x, labels) in enumerate(zip(operands, self.inputs, strict=True)):
            self._measure(k, x.dim(), labels)
        self.place: dict[str, int] = {}
        self.ellipsis = 0
        if arrow:
            self._explicit(_labels(rhs, len(lhs) + 2, "output"))
        else:
            self.size = self.wide
            for label in sorted(self.count):
                if self.count[label] == 1:
                    self.place[label] = self.size
                    self.size += 1
            self.kept = self.size
        for label in sorted(self.count):
            if label not in self.place:
                self.place[label] = self.size
                self.size += 1

    def _measure(self, k: int, ndim: int, labels: list[str]) -> None:
        n = len(labels) - (ELLIPSIS in labels)
        for label in labels:
            if label == ELLIPSIS:
                self.wide = max(self.wide, ndim - n)
            else:
                self.count[label] = self.count.get(label, 0) + 1
        if ELLIPSIS in labels:
            if n > ndim:
                raise RuntimeError(
                    f"einsum(): the number of subscripts in the equation ({n}) is more than the number of dimensions ({ndim}) for "
                    f"operand {k}"
                )
        elif n != ndim:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({n}) does not match the number of dimensions ({ndim}) for "
                f"operand {k} and no ellipsis was given"
            )

    def _explicit(self, labels: list[str]) -> None:
        self.size = 0
        for label in labels:
            if label == ELLIPSIS:
                self.ellipsis = self.size
                self.size += self.wide
                continue
            if label in self.place:
                raise RuntimeError(f"einsum(): output subscript {label} appears more than once in the output")
            if label not in self.count:
                raise RuntimeError(
                    f"einsum(): output subscript {label} does not appear in the equation for any input operand"
                )
            self.place[label] = self.size
            self.size += 1
        self.kept = self.size
        if ELLIPSIS not in labels:  # what the ellipsis covers is summed
            self.ellipsis = self.size
            self.size += self.wide


def contract(equation: str, operands: Sequence[Tensor]) -> Tensor:
    """`einsum` of a checked call; see Note [Einsum]."""
    plan = _Plan(equation, operands)
    uses = [0] * plan.size  # operands whose size is not 1, per dimension of the common order
    sizes: dict[Any, int] = {}
    aligned = [_align(plan, k, x, uses, sizes) for k, x in enumerate(operands)]
    path = iter(PATHS.order(equation, operands))
    while len(aligned) > 1:
        i, j = next(path)
        a, b = aligned[i], aligned[j]
        aligned = [x for k, x in enumerate(aligned) if k not in (i, j)]
        both: list[int] = []
        alone_a: list[int] = []
        alone_b: list[int] = []
        for d in range(plan.kept, plan.size):
            m, n = a.shape[d], b.shape[d]
            if m != 1 and n != 1:
                uses[d] -= 1
                if uses[d] == 1:
                    both.append(d)
                    uses[d] = 0
            elif uses[d] == 1 and (m != 1 or n != 1):
                (alone_a if m != 1 else alone_b).append(d)
                uses[d] = 0
        if alone_a:
            a = a.sum(alone_a, keepdim=True)  # type: ignore[attr-defined]
        if alone_b:
            b = b.sum(alone_b, keepdim=True)  # type: ignore[attr-defined]
        aligned.append(_pair(a, b, both))
    out = aligned[0]
    if plan.size > plan.kept:
        if len(operands) > 1:
            return out.view(out.shape[: plan.kept])  # type: ignore[attr-defined]
        return out.sum(list(range(plan.kept, plan.size)))  # type: ignore[attr-defined]
    return out


def _align(plan: _Plan, k: int, x: Tensor, uses: list[int], sizes: dict[Any, int]) -> Tensor:
    """An operand in the common order: diagonals for repeated labels, size 1 for those it lacks."""
    labels = plan.inputs[k]
    order = [-1] * plan.size
    covered = x.dim() - (len(labels) - 1)
    dim = 0
    for label in labels:
        if label == ELLIPSIS:
            for j in range(plan.wide - covered, plan.wide):
                n = x.shape[dim]
                if n != 1:
                    seen = sizes.get(j, 1)
                    if seen not in (1, n):
                        raise RuntimeError(
                            f"einsum(): dimension {dim} covered by ellipsis in operand {k}has size {n} which does not broadcast with "
                            f"previously seen ellipsis with size {seen} for the respective dimension"
                        )
                    sizes[j] = n
                    uses[plan.ellipsis + j] += 1
                order[plan.ellipsis + j] = dim
                dim += 1
            continue
        at = plan.place[label]
        n = x.shape[dim]
        if order[at] == -1:
            if n != 1:
                seen = sizes.get(label, 1)
                if seen not in (1, n):
                    raise RuntimeError(
                        f"einsum(): subscript {label} has size {n} for operand {k} which does not broadcast with previously seen size {seen}"
                    )
                sizes[label] = n
                uses[at] += 1
            order[at] = dim
            dim += 1
            continue
        before = order[at]
        if n != x.shape[before]:
            raise RuntimeError(
                f"einsum(): subscript {label} is repeated for operand {k} but the sizes don't match, {n} != {x.shape[before]}"
            )
        x = x.diagonal(0, before, dim).movedim(-1, before)  # type: ignore[attr-defined]
    for at, d in enumerate(order):
        if d == -1:
            x = x.unsqueeze(dim)  # type: ignore[attr-defined]
            order[at] = dim
            dim += 1
    return x.permute(order)  # type: ignore[attr-defined]


def _pair(left: Any, right: Any, summed: list[int]) -> Any:
    """The product of two aligned operands, summed over dimensions that both have; those stay, with size 1."""
    if not summed:
        return left * right
    shared: list[int] = []
    only_left: list[int] = []
    only_right: list[int] = []
    for d in range(left.dim()):
        if d in summed:
            continue
        m, n = left.shape[d] != 1, right.shape[d] != 1
        (shared if m and n else only_left if m else only_right).append(d)
    if only_left and only_right and only_right[-1] < only_left[0]:
        # the product then comes out in the order of the output, without a copy
        left, right, only_left, only_right = right, left, only_right, only_left
    out_order = shared + only_left + summed + only_right
    shape = [left.shape[d] for d in shared + only_left] + [1] * len(summed) + [right.shape[d] for d in only_right]
    back = [0] * len(out_order)
    for i, d in enumerate(out_order):
        back[d] = i
    b, m, k, n = (_count(left, shared), _count(left, only_left), _count(left, summed), _count(right, only_right))
    x = left.permute(shared + only_left + summed + only_right).reshape((b, m, k))
    y = right.permute(shared + summed + only_right + only_left).reshape((b, k, n))
    return x.bmm(y).view(shape).permute(back)


def _count(x: Any, dims: list[int]) -> int:
    n = 1
    for d in dims:
        n *= x.shape[d]
    return n
