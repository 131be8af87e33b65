"""Cases on large tensors: ten million elements, or 4096 rows of 4096, where memory and all cores count."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from .cases import CASES, Timed

Op = Callable[[Any, Any, Any, Any], Any]  # of (torch, a, b, c)
TEN = (10_000_000,)
SQUARE = (4096, 4096)


def large(name: str, op: Op, shape: tuple[int, ...] = TEN) -> None:
    def setup(torch: ModuleType) -> Timed:
        torch.manual_seed(0)
        a, b, c = (torch.rand(shape) - 0.5 for _ in range(3))
        return lambda: op(torch, a, b, c)

    CASES[name] = setup


def trained(name: str, op: Op, shape: tuple[int, ...] = SQUARE) -> None:
    """Forward and backward, with respect to the first operand."""

    def setup(torch: ModuleType) -> Timed:
        torch.manual_seed(0)
        a = (torch.rand(shape) - 0.5).requires_grad_()
        b = torch.rand(shape) - 0.5
        index = torch.randint(0, shape[-1], (shape[0],))

        def run() -> None:
            a.grad = None
            out = op(torch, a, b, index)
            out.backward(b) if out.dim() else out.backward()

        return run

    CASES[name + ", backward"] = setup


# elementwise
large("add 10M", lambda torch, a, b, c: a + b)
large("mul 10M", lambda torch, a, b, c: a * b)
large("a*b+c 10M", lambda torch, a, b, c: a * b + c)
large("relu 10M", lambda torch, a, b, c: a.relu())
large("where 10M", lambda torch, a, b, c: torch.where(a > 0, a, b))
large("compare 10M", lambda torch, a, b, c: a > b)
trained("a*b+a", lambda torch, a, b, index: a * b + a)
trained("tanh", lambda torch, a, b, index: a.tanh())

# transcendental
for _name in ("exp", "tanh", "sigmoid", "sin", "erf"):
    large(f"{_name} 10M", lambda torch, a, b, c, name=_name: getattr(a, name)())
large("log 10M", lambda torch, a, b, c: a.log())
large("gelu 10M", lambda torch, a, b, c: torch.nn.functional.gelu(a))

# reductions
for _name in ("sum", "mean", "max", "argmax", "var", "norm"):
    large(f"{_name} 10M", lambda torch, a, b, c, name=_name: getattr(a, name)())
    for _dim, _lines in ((1, "rows"), (0, "columns")):
        _keywords = {"dim": _dim}
        large(
            f"{_name} of {_lines} 4096",
            lambda torch, a, b, c, name=_name, keywords=_keywords: getattr(a, name)(**keywords),
            SQUARE,
        )
large("cumsum 10M", lambda torch, a, b, c: a.cumsum(0))
large("cumsum of rows 4096", lambda torch, a, b, c: a.cumsum(1), SQUARE)
large("cumsum of columns 4096", lambda torch, a, b, c: a.cumsum(0), SQUARE)

# rows
trained("softmax 4096", lambda torch, a, b, index: a.softmax(-1))
trained("log_softmax 4096", lambda torch, a, b, index: a.log_softmax(-1))
trained("layer_norm 4096", lambda torch, a, b, index: torch.nn.functional.layer_norm(a, (4096,)))
trained("cross_entropy 4096", lambda torch, a, b, index: torch.nn.functional.cross_entropy(a, index))

# movement
large("transposed copy 4096", lambda torch, a, b, c: a.t().contiguous(), SQUARE)
large("cat 10M", lambda torch, a, b, c: torch.cat((a, b)))
large("masked_fill 10M", lambda torch, a, b, c: a.masked_fill(b > 0, 0.0))
large("sort 1M", lambda torch, a, b, c: a.sort(), (1_000_000,))


def indexed(name: str, op: Op) -> None:
    def setup(torch: ModuleType) -> Timed:
        torch.manual_seed(0)
        a = torch.rand(2048, 1024)
        rows = torch.randint(0, 2048, (2048,))
        cells = torch.randint(0, 2048, (2048, 1024))
        return lambda: op(torch, a, rows, cells)

    CASES[name] = setup


indexed("index_select 2048x1024", lambda torch, a, rows, cells: a.index_select(0, rows))
indexed("gather 2048x1024", lambda torch, a, rows, cells: a.gather(0, cells))
indexed("scatter_add 2048x1024", lambda torch, a, rows, cells: a.scatter_add(0, cells, a))


def product(name: str, op: Op, left: tuple[int, ...], right: tuple[int, ...]) -> None:
    def setup(torch: ModuleType) -> Timed:
        torch.manual_seed(0)
        a, b = torch.rand(left), torch.rand(right)
        return lambda: op(torch, a, b, None)

    CASES[name] = setup


for _n in (128, 1000, 2048):
    product(f"matmul {_n}", lambda torch, a, b, c: a @ b, (_n, _n), (_n, _n))
product("matmul 64x128x128", lambda torch, a, b, c: a @ b, (64, 128, 128), (64, 128, 128))


def linear(torch: ModuleType) -> Timed:
    torch.manual_seed(0)
    layer = torch.nn.Linear(512, 512)
    x = torch.rand(256, 512).requires_grad_()
    gradient = torch.rand(256, 512)

    def run() -> None:
        x.grad = layer.weight.grad = layer.bias.grad = None
        layer(x).backward(gradient)

    return run


def adam(torch: ModuleType) -> Timed:
    """One step over 50 million parameters."""
    weights = [torch.zeros(5_000_000).requires_grad_() for _ in range(10)]
    optimizer = torch.optim.Adam(weights)
    for w in weights:
        w.grad = torch.ones(5_000_000)
    return optimizer.step


CASES["linear 512 b256, backward"] = linear
CASES["Adam step, 50M parameters"] = adam
