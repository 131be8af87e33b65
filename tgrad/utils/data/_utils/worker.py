"""`torch.utils.data._utils.worker`: what a DataLoader's worker process does."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .... import functions as F
from ....kernels.crew import set_num_threads
from .errors import ExceptionWrapper

if TYPE_CHECKING:
    from .channel import Outbox


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker knows of itself: its number `id` among `num_workers`, its `seed` and its copy of the `dataset`."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


class _State:
    """Of this process; both are None but in a worker."""

    info: WorkerInfo | None = None
    outbox: Outbox | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process of a DataLoader, what it knows of itself (see `WorkerInfo`); None elsewhere.

    >>> torch.utils.data.get_worker_info() is None
    True
    """
    return _State.info


def outbox() -> Outbox | None:
    """Where a worker places its batches, so that the main process sees them."""
    return _State.outbox


@dataclass(frozen=True)
class _IterableDatasetStopIteration:
    """A worker's stream has ended."""

    worker_id: int


@dataclass(frozen=True)
class _ResumeIteration:
    """A new epoch begins for workers that are kept."""

    seed: int | None = None


def _generate_state(base_seed: int, worker_id: int) -> list[int]:
    """Four words to seed numpy with, different for each worker: numpy's SeedSequence of the worker's number and the base seed.

    >>> _generate_state(1, 0) == np.random.SeedSequence([0, 1, 0, 0]).generate_state(4).tolist()
    True
    """
    words = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(words).generate_state(4).tolist()


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits: a worker in the making would print a traceback. `_worker_loop` lets it through again."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _worker_loop(
    dataset_kind: int,
    dataset: Any,
    sock: socket.socket,
    others: Sequence[socket.socket],
    auto_collation: bool,
    collate_fn: Any,
    drop_last: bool,
    base_seed: int,
    init_fn: Any,
    worker_id: int,
    num_workers: int,
) -> None:
    """Reads what to fetch from the socket, fetches it and writes it there, until the socket or the main process ends.

    `others` are ends of sockets that came along with a fork: as long as they are open here, nobody would see their end.
    """
    from multiprocessing import parent_process

    from .channel import Line, Outbox

    try:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for other in others:
            other.close()
        parent: Any = parent_process()
        line = Line(sock, os.getppid(), parent.sentinel if parent is not None else None)
        set_num_threads(1)
        seed = base_seed + worker_id
        random.seed(seed)
        F.manual_seed(seed)
        np.random.seed(_generate_state(base_seed, worker_id))
        _State.info = WorkerInfo(id=worker_id, num_workers=num_workers, seed=seed, dataset=dataset)
        _State.outbox = Outbox()
        _serve(line, _State.outbox, dataset_kind, dataset, auto_collation, collate_fn, drop_last, init_fn, worker_id)
    except (KeyboardInterrupt, EOFError):
        pass  # Ctrl-C is the main process's to report; the end of its socket is ours


def _serve(
    line: Any,
    out: Outbox,
    dataset_kind: int,
    dataset: Any,
    auto_collation: bool,
    collate_fn: Any,
    drop_last: bool,
    init_fn: Any,
    worker_id: int,
) -> None:
    from ..dataloader import _DatasetKind

    where = f"in DataLoader worker process {worker_id}"

    def fetcher() -> Any:
        return _DatasetKind.create_fetcher(dataset_kind, dataset, auto_collation, collate_fn, drop_last)

    broken, fetch, ended = None, None, False
    try:
        if init_fn is not None:
            init_fn(worker_id)
        fetch = fetcher().fetch
    except Exception:
        broken = ExceptionWrapper(where=where)
    while True:
        (index, places), numbers = line.read()
        out.returned(numbers)
        if isinstance(index, _ResumeIteration):
            ended = False
            fetch = fetcher().fetch
            line.write(*out.pack((index, None)))
            out.sent()
            continue
        if ended:
            continue
        out.begin()
        data: Any
        if broken is not None:
            data, broken = broken, None
        else:
            try:
                data = fetch(places)  # type: ignore[misc]
            except Exception as error:
                ended = isinstance(error, StopIteration) and dataset_kind == _DatasetKind.Iterable
                data = _IterableDatasetStopIteration(worker_id) if ended else ExceptionWrapper(where=where)
        try:
            body, fds = out.pack((index, data))
        except Exception:  # what cannot be pickled would be waited for in vain
            out.begin()
            body, fds = out.pack((index, ExceptionWrapper(where=where)))
        line.write(body, fds)
        out.sent()
        del data, body  # memory is not to be held until the next batch comes
