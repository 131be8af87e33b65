"""Large tensors: elementwise formulas run block by block, on threads, into memory that was used before (kernels/blocks.py).

The answers must be those of the plain way, bit for bit: same shape, strides and dtype. Here every tensor counts as large.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import tgrad
from tgrad.graph import engine
from tgrad.kernels import blocks, crew
from tgrad.ops.spec import REQUIRED, ROWS
from tgrad.pool import POOL, SMALLEST, Pool, alone, rounded

LAYOUTS = {
    "rows": lambda x: x,
    "columns": lambda x: x.t(),
    "permuted": lambda x: x.view(8, 3, -1).permute(1, 2, 0),
    "with gaps": lambda x: x[:, ::2],
    "expanded": lambda x: x[:, :1].expand(24, 40),
}


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(blocks.Sizes, "large", 16)
    monkeypatch.setattr(blocks.Sizes, "block", 64)
    monkeypatch.setattr(blocks.Sizes, "stripe", 128)
    monkeypatch.setattr(crew.CREW, "size", 3)
    yield


def data(dtype: str = "float32", low: float = 0.1) -> tgrad.Tensor:
    tgrad.manual_seed(3)
    return (tgrad.rand(24, 40, dtype=tgrad.float64) * 0.8 + low).to(getattr(tgrad, dtype))


def names(inputs: int) -> list[str]:
    """Elementwise rows with public functions of so many tensors, which need no other argument."""
    found = []
    for row in ROWS.values():
        others = [p for p in row.params if p.name not in row.tensors]
        public = row.family == "pointwise" and row.function and "." not in row.name and not row.name.startswith("_")
        if public and len(row.tensors) == inputs and all(p.default is not REQUIRED for p in others):
            found.append(row.name)
    return found


def outcome(name: str, inputs: list[tgrad.Tensor]) -> list[np.ndarray] | str:
    """The result and all gradients, or the error."""
    leaves = [x.detach().requires_grad_(x.dtype.is_floating_point) for x in inputs]
    try:
        out = getattr(tgrad, name)(*leaves)
        if not out.requires_grad:
            return [out.numpy()]
        tgrad.manual_seed(1)
        weights = tgrad.rand(out.shape, dtype=out.dtype)
        grads = tgrad.autograd.grad(out, leaves, weights, allow_unused=True)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return [out.detach().numpy(), *(g.numpy() for g in grads if g is not None)]


def both_ways(monkeypatch: pytest.MonkeyPatch, name: str, inputs: list[tgrad.Tensor]) -> None:
    blocked = outcome(name, inputs)
    monkeypatch.setattr(blocks.Sizes, "large", 1 << 60)
    plain = outcome(name, inputs)
    monkeypatch.setattr(blocks.Sizes, "large", 16)
    if isinstance(plain, str) or isinstance(blocked, str):
        assert plain == blocked
        return
    for a, b in zip(blocked, plain, strict=True):
        assert (a.dtype, a.shape, a.strides) == (b.dtype, b.shape, b.strides)
        # numpy's vector and scalar loops may differ in the last place
        np.testing.assert_allclose(a, b, rtol=4 * np.finfo(a.dtype).eps if a.dtype.kind == "f" else 0)


@pytest.mark.usefixtures("everything_is_large")
@pytest.mark.parametrize("name", names(1))
def test_one_operand(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for take in LAYOUTS.values():
        for dtype in ("float32", "float64", "int64", "bool"):
            both_ways(monkeypatch, name, [take(data(dtype))])


@pytest.mark.usefixtures("everything_is_large")
@pytest.mark.parametrize("name", names(2))
def test_two_operands(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for take in LAYOUTS.values():
        x = take(data())
        for y in (
            take(data(low=0.3)),
            x,
            data(low=0.3)[0, : x.shape[-1]],
            data()[0, 0],
            take(data("float64")),
            take(data("int64")),
        ):
            if y.dim() < 2 or y.shape == x.shape:
                both_ways(monkeypatch, name, [x, y])
    both_ways(monkeypatch, name, [data(), data().t().contiguous().t()])


@pytest.mark.usefixtures("everything_is_large")
def test_an_operand_with_one_row_or_one_column(monkeypatch: pytest.MonkeyPatch) -> None:
    for other in (data()[:1], data()[:, :1].contiguous(), data()[:1, :1]):
        both_ways(monkeypatch, "mul", [data(), other])
        both_ways(monkeypatch, "atan2", [other, data()])


@pytest.mark.usefixtures("everything_is_large")
def test_blocks_are_what_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[str] = set()
    meeting = threading.Barrier(2, timeout=20)
    waited: set[str] = set()

    def watched(self: np.ndarray) -> np.ndarray:
        name = threading.current_thread().name
        assert self.size <= 64
        threads.add(name)
        if self.size == 64 and len(waited) < 2 and name not in waited and crew.CREW._busy.locked():
            waited.add(name)
            meeting.wait()
        return self + 1

    monkeypatch.setattr(crew.CREW, "size", 2)
    out = blocks.pointwise(watched, [data().numpy()], {}, np.dtype(np.float32))
    assert out is not None and out.shape == (24, 40) and len(threads) == 2


@pytest.mark.usefixtures("everything_is_large")
def test_an_error_in_a_block_reaches_the_caller() -> None:
    ones = tgrad.ones(1000, dtype=tgrad.int64)
    ones[777] = 0
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        tgrad.ones(1000, dtype=tgrad.int64) // ones
    assert not crew.CREW._busy.locked()


@pytest.mark.usefixtures("everything_is_large")
def test_two_python_threads_at_once() -> None:
    x = tgrad.rand(5000)
    want = x.numpy() * 2 + 1
    wrong: list[int] = []

    def work() -> None:
        for i in range(200):
            if not np.array_equal((x * 2 + 1).numpy(), want):
                wrong.append(i)

    started = [threading.Thread(target=work) for _ in range(4)]
    for t in started:
        t.start()
    for t in started:
        t.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_after_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew.CREW, "size", 2)
    x = tgrad.ones(2_000_000)
    (x + 1).exp()  # threads are running now, and blocks lie idle
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        os._exit(0 if float((x * 3).max()) == 3 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_ctrl_c_stops_a_long_operation_and_harms_nothing() -> None:
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    x = tgrad.rand(40_000_000)
    try:
        timer = threading.Timer(0.05, signal.raise_signal, [signal.SIGINT])
        started = time.perf_counter()
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            while time.perf_counter() - started < 20:
                x.sigmoid()
        assert time.perf_counter() - started < 5  # half a second on a quiet machine
    finally:
        timer.join()
        signal.signal(signal.SIGINT, previous)
    assert not crew.CREW._busy.locked()
    np.testing.assert_allclose(x[:5].sigmoid().numpy(), 1 / (1 + np.exp(-x[:5].numpy())), rtol=1e-6)
    assert float((x * 0 + 1).sum()) == 40_000_000


# ---- the pool


def test_a_block_comes_back_when_the_last_array_over_it_is_gone() -> None:
    pool = Pool(2**24)
    f4 = np.dtype(np.float32)
    a = pool.empty((100, 1000), f4)
    where = a.__array_interface__["data"][0]
    view = a[3:, ::2].T
    escaped = memoryview(view.base if view.base is not None else view)
    del a, view
    gc.collect()
    assert pool.idle == 0  # numpy, or whoever took the buffer, still has it
    escaped.release()
    del escaped
    gc.collect()
    assert pool.loaned == 0 and pool.idle > 400_000
    again = pool.empty((101, 990), f4)
    assert abs(again.__array_interface__["data"][0] - where) < 4096
    assert pool.stats()["reused_blocks"] == 1 and pool.idle == 0


def test_the_pool_is_bounded_and_can_be_emptied() -> None:
    pool = Pool(2**20)
    held = [pool.empty((300_000,), np.dtype(np.uint8)) for _ in range(8)]
    assert pool.stats()["peak_allocated_bytes"] >= 8 * 300_000
    held.clear()
    assert 0 < pool.idle <= pool.limit
    pool.empty_cache()
    assert pool.idle == 0


@pytest.mark.parametrize("nbytes", [SMALLEST, SMALLEST + 1, 100_000, 2**20, 2**20 + 1, 40_000_000, 3 * 10**9])
def test_sizes_of_blocks(nbytes: int) -> None:
    assert nbytes <= rounded(nbytes) <= nbytes * 1.13 + 4096


def test_a_tensors_storage_is_its_own_part_of_the_block() -> None:
    x = tgrad.ones(300, 301) + 1
    assert x.untyped_storage().nbytes() == 300 * 301 * 4
    assert x.storage_offset() == 0 and x[2:].storage_offset() == 602 and x.t().is_contiguous() is False
    y = x[5:, 3:]
    y += 1
    assert float(x[5, 3]) == 3 and float(x[5, 2]) == 2


def test_numpy_may_keep_what_tgrad_has_forgotten() -> None:
    a = (tgrad.zeros(100_000) + 7).numpy()
    gc.collect()
    others = [tgrad.zeros(100_000) + i for i in range(20)]
    assert (a == 7).all() and len(others) == 20


def test_memory_stats_and_empty_cache() -> None:
    del_me = tgrad.rand(1_000_000) * 2
    del del_me
    gc.collect()
    assert tgrad.cpu.memory_stats()["idle_bytes"] >= 4_000_000 or POOL.limit < 4_000_000
    tgrad.cpu.empty_cache()
    assert tgrad.cpu.memory_stats()["idle_bytes"] == 0


def test_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew.CREW, "size", 2)
    tgrad.set_num_threads(3)
    assert tgrad.get_num_threads() == 3
    with pytest.raises(RuntimeError, match="set_num_threads expects a positive integer"):
        tgrad.set_num_threads(0)
    with pytest.raises(RuntimeError, match="set_num_threads expects an int, but got float"):
        tgrad.set_num_threads(2.0)


# ---- rows

ROW_OPS = {
    "softmax": lambda x: x.softmax(-1),
    "softmax of columns": lambda x: x.softmax(0),
    "log_softmax": lambda x: x.log_softmax(1),
    "logsumexp": lambda x: x.logsumexp(1),
    "logsumexp kept": lambda x: x.logsumexp((-1,), True),
    "sum": lambda x: x.sum(1),
    "sum of both": lambda x: x.sum((0, 1)),
    "mean kept": lambda x: x.mean(-1, keepdim=True),
    "nansum": lambda x: x.nansum(1),
    "var": lambda x: x.var(1),
    "var of columns": lambda x: x.var(0, correction=0),
    "std": lambda x: x.std(-1, keepdim=True),
    "norm": lambda x: x.norm(dim=1),
    "norm 3": lambda x: x.norm(3, dim=-1),
    "cumsum": lambda x: x.cumsum(1),
    "cumsum of columns": lambda x: x.cumsum(0),
    "cumsum down": lambda x: x.cumsum(-2),
    "layer_norm": lambda x: tgrad.nn.functional.layer_norm(x, (x.shape[-1],)),
    "layer_norm of all": lambda x: tgrad.nn.functional.layer_norm(x, tuple(x.shape)),
    "layer_norm weight": lambda x: tgrad.nn.functional.layer_norm(x, x.shape[-1:], x[0], x[1]),
    "norm of all": lambda x: x.norm(),
    "norm 1 of all": lambda x: x.norm(1),
    "norm 0 of all": lambda x: x.norm(0) + x.sum(),
    "norm inf of all": lambda x: x.norm(float("inf")),
    "norm of all kept": lambda x: tgrad.norm(x, keepdim=True),
    "sum of all": lambda x: x.sum(),
    "mean of all": lambda x: x.mean(),
    "prod of all": lambda x: x.prod(),
    "max of all": lambda x: x.max(),
    "min of all": lambda x: x.min(),
    "max of rows": lambda x: x.max(1).values,
    "min of columns": lambda x: x.min(0).values,
    "argmax of rows": lambda x: x * x.argmax(1, keepdim=True),
    "three dimensions": lambda x: x.reshape(6, 4, -1).softmax(1).cumsum(2).sum(-1),
}


@pytest.mark.usefixtures("everything_is_large")
@pytest.mark.parametrize("name", ROW_OPS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows(monkeypatch: pytest.MonkeyPatch, name: str, layout: str) -> None:
    def run() -> list[np.ndarray]:
        x = LAYOUTS[layout](data("float64")).detach().requires_grad_()
        if x.dim() == 3:
            x = x.flatten(1).detach().requires_grad_()
        elif name == "max of all":
            x.data[3, 3] = float("nan")
        out = ROW_OPS[name](x)
        tgrad.manual_seed(1)
        weights = tgrad.rand(out.shape, dtype=out.dtype)
        return [t.detach().numpy() for t in (out, *tgrad.autograd.grad(out, x, weights))]

    banded = run()
    monkeypatch.setattr(blocks.Sizes, "large", 1 << 60)
    for a, b in zip(banded, run(), strict=True):
        assert (a.dtype, a.shape, a.strides) == (b.dtype, b.shape, b.strides)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("everything_is_large")
@pytest.mark.parametrize("dim", [2, -3, True, "x"])
def test_a_wrong_dimension_is_refused_as_ever(monkeypatch: pytest.MonkeyPatch, dim: object) -> None:
    def error() -> tuple[type, str]:
        with pytest.raises((IndexError, TypeError, RuntimeError)) as caught:
            data().softmax(dim)
        return caught.type, str(caught.value)

    banded = error() if dim is not True else None
    monkeypatch.setattr(blocks.Sizes, "large", 1 << 60)
    assert banded is None or banded == error()


@pytest.mark.usefixtures("everything_is_large")
@pytest.mark.parametrize("options", [{}, {"amsgrad": True}, {"weight_decay": 0.1}, {"maximize": True}])
def test_adam_in_blocks(monkeypatch: pytest.MonkeyPatch, options: dict[str, object]) -> None:
    def run() -> np.ndarray:
        p = data("float64").requires_grad_()
        optimizer = tgrad.optim.AdamW([p], lr=0.1, **options)
        for _ in range(3):
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()
        return p.detach().numpy()

    banded = run()
    monkeypatch.setattr(blocks.Sizes, "large", 1 << 60)
    np.testing.assert_array_equal(banded, run())


def test_a_gradient_is_kept_as_it_is_where_nobody_else_can_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[int] = []
    own = engine._own

    def watched(g: np.ndarray, like: np.ndarray | None = None) -> np.ndarray:
        where = g.__array_interface__["data"][0]
        kept = own(g, like)
        copies.append(kept.__array_interface__["data"][0] != where)
        return kept

    x, y = (tgrad.rand(300, 300).requires_grad_() for _ in range(2))
    seen = tgrad.ones(300, 300) + 0
    monkeypatch.setattr(engine, "_own", watched)
    (x + y).backward(seen)
    monkeypatch.undo()
    assert len({t.data_ptr() for t in (x.grad, y.grad, seen)}) == 3
    x.grad = None
    product = x * y
    product.retain_grad()
    product.exp().sum().backward()
    assert x.grad.data_ptr() != product.grad.data_ptr()
    x.grad += 1
    np.testing.assert_allclose(product.grad.numpy(), product.detach().exp().numpy(), rtol=1e-6)
    assert copies == [True, True]


def test_alone() -> None:
    a = POOL.empty((300, 300), np.dtype(np.float32))
    assert alone(a)
    other = a[1:]
    assert not alone(a) and not alone(other)
    del other
    assert alone(a)
    a = a.T
    assert alone(a)
    whole = np.ones((300, 300), np.float32)
    view = whole[:]
    assert not alone(view) and not alone(whole[1:])  # `whole` shows the same memory
    del whole
    assert alone(view)
