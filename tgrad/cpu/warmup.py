"""Compiling before it is needed: `tgrad.cpu.warmup()`, and `tgrad warmup` in a terminal or the making of a container."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .. import functions as fn
from ..dtype import float32, float64, int64
from ..kernels import bands, native
from ..kernels.blocks import Sizes
from ..ops.spec import REQUIRED, ROWS
from ..tensor import Tensor


class Warmed(NamedTuple):
    """How many kernels are ready now, how many could not be made, and the folder that holds them."""

    ready: int
    failed: int
    folder: str


@contextlib.contextmanager
def _asking() -> Iterator[None]:
    """Everything counts as large, so that small tensors ask for kernels; answers come from numpy meanwhile."""
    before = native.Jit.mode or native.Jit.read(), Sizes.large, Sizes.middle, bands.OFTEN
    native.Jit.mode, Sizes.large, Sizes.middle, bands.OFTEN = "background", 16, 16, 0
    try:
        yield
    finally:
        native.Jit.mode, Sizes.large, Sizes.middle, bands.OFTEN = before


def _public(name: str) -> Callable[..., Any] | None:
    return getattr(fn, name, None)


def _elementwise() -> Iterator[tuple[Callable[..., Any], int]]:
    """Functions of one to three tensors that need no other argument."""
    for row in list(ROWS.values()):
        others = [p for p in row.params if p.name not in row.tensors and p.default is REQUIRED]
        plain = row.family == "pointwise" and row.function and "." not in row.name and not others
        call = _public(row.name) if plain else None
        if call is not None:
            yield call, len(row.tensors)


def _networks() -> list[Callable[[Tensor], Any]]:
    """Operations with compiled forms, as functions of one matrix."""
    from ..nn import functional as F

    def method(name: str, *args: int) -> Callable[[Tensor], Any]:
        return lambda x: getattr(x, name)(*args)

    names = "sum mean amax amin argmax argmin var std logsumexp cumsum softmax log_softmax".split()
    made = [method(n, d) for n in names for d in (0, 1)]
    made += [method(n) for n in "sum mean max min argmax argmin var std norm".split()]
    index = fn.arange(16)

    def windows(x: Tensor) -> Tensor:
        images = fn.rand(8, 16, 32, 32, dtype=x.dtype).requires_grad_()
        weight = fn.rand(16, 16, 3, 3, dtype=x.dtype).requires_grad_()
        return fn.conv2d(images, weight, padding=1)

    made += [
        lambda x: x.max(1).values, lambda x: x.min(0).values, lambda x: x.norm(dim=1), lambda x: x.norm(dim=0),
        lambda x: x.t().contiguous(), lambda x: x.sort(1).values, lambda x: x.round().sort(1).values,
        lambda x: x.round().topk(20).values, lambda x: x.round().kthvalue(20).values, lambda x: fn.zeros(1 << 18, dtype=x.dtype).sort().values,
        lambda x: x.index_select(0, index),
        lambda x: x.gather(1, fn.zeros_like(x, dtype=int64)), lambda x: x.gather(0, fn.zeros_like(x, dtype=int64)),
        lambda x: fn.zeros_like(x).scatter_add(0, fn.zeros_like(x, dtype=int64), x),
        lambda x: F.embedding(index, x), lambda x: F.cross_entropy(x, index), lambda x: F.relu(x), lambda x: F.gelu(x),
        lambda x: F.silu(x), lambda x: F.layer_norm(x, x.shape[1:], x[0], x[1]), lambda x: x + x[0], lambda x: x * x[:, :1],
        lambda x: F.batch_norm(x.reshape(2, 8, -1), None, None, training=True),
        lambda x: F.group_norm(x.reshape(2, 8, -1), 4), lambda x: fn.where(x > 0, x, 0.0), lambda x: x.masked_fill(x > 0, 1.0),
        lambda x: x * 2.0 + 1.0, lambda x: x.clamp(0.2, 0.8), lambda x: x**2, windows,
    ]  # fmt: skip
    return [*made, *_recurrent()]


def _recurrent() -> list[Callable[[Tensor], Any]]:
    """Layers of recurrent networks over a matrix's rows, forward and backward."""
    from .. import nn

    def layer(kind: str) -> Callable[[Tensor], Any]:
        return lambda x: getattr(nn, kind)(x.shape[1], 8, dtype=x.dtype)(x.unsqueeze(1))[0]

    return [layer(kind) for kind in ("LSTM", "GRU", "RNN")]


def _ask(all: bool) -> None:
    for dtype in (float32, float64) if all else (float32,):
        matrix = fn.rand(16, 320, dtype=dtype)
        for call, count in _elementwise():
            _run(lambda x, call=call, count=count: call(*[x, *[fn.rand_like(x) for _ in range(count - 1)]]), matrix)  # type: ignore[misc]
            if all and count == 2:
                _run(lambda x, call=call: call(x, x.detach()[0]), matrix)  # type: ignore[misc]
        for operation in _networks():
            _run(operation, matrix)
        _optimizers(dtype)


def _optimizers(dtype: Any) -> None:
    from ..optim import SGD, Adam

    weight = fn.rand(320, dtype=dtype).requires_grad_()
    weight.grad = fn.rand(320, dtype=dtype)
    for optimizer in (Adam([weight]), SGD([weight], lr=0.1, momentum=0.9)):
        for _ in range(2):
            optimizer.step()


def _run(operation: Callable[[Tensor], Any], x: Tensor) -> None:
    """Forward and backward; operations that do not go with these inputs ask for nothing."""
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = operation(x.detach().requires_grad_())
        if isinstance(out, Tensor) and out.requires_grad:
            out.backward(fn.rand_like(out))


def _requested(path: str | Path) -> list[native.Kernel]:
    """The kernels of a profile. ValueError for a file that is none."""
    found = []
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        try:
            facts = json.loads(line)
            if "source" in facts:
                found.append(native.rendered(facts["source"], facts["signature"]))
            else:
                found.append(native.kernel(f"{facts['module']}.{facts['function']}", facts["signature"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not a profile of tgrad: line {number}: {error!r}") from None
    return found


def warmup(
    all: bool = False, profile: str | Path | None = None, progress: Callable[[int, int], None] | None = None
) -> Warmed:
    """Compiles kernels into the cache, so that large operations run compiled from their first call.

    Args:
        all: also float64, and operands that are broadcast.
        profile: instead, those that a program asked for: a file that it wrote because `TGRAD_JIT_PROFILE` named it.
        progress: called with (how many are done, of how many).

    OSError and ValueError for a profile that cannot be read.

    >>> import tgrad
    >>> tgrad.cpu.warmup().failed
    0
    """
    if profile is not None:
        wanted = _requested(profile)
        with _asking():
            for kernel in wanted:
                kernel.get()
    else:
        with _asking():
            _ask(all)
        wanted = [k for k in native.KERNELS.values() if k.state != native.UNASKED]
    for left in native.COMPILER.remaining():
        if progress is not None:
            progress(len(wanted) - left, len(wanted))
    return Warmed(
        sum(k.state == native.READY for k in wanted),
        sum(k.state == native.FAILED for k in wanted),
        str(native.cache.folder()),
    )
