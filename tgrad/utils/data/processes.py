"""A DataLoader's pass with worker processes. See Note [Slabs] and Note [Sockets] in _utils/channel.py for how batches come from them."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing.connection
import os
import select
import signal
import socket
import sys
import time
import warnings
from pickle import PicklingError
from typing import Any

from ... import multiprocessing as mp
from . import _utils
from ._utils.channel import Inbox
from ._utils.worker import _IterableDatasetStopIteration, _ResumeIteration, _worker_loop, interrupts_held
from .dataloader import DataLoader, _BaseDataLoaderIter, _DatasetKind


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Workers are asked for batches in turn, some ahead of time, and what they send is given out in order.

    `_task_info` maps the number of each batch that was asked for to (worker,), or to (worker, data) once it has come out of order.
    """

    _shutdown = True  # until there is something to shut down

    def __init__(self, loader: DataLoader) -> None:
        super().__init__(loader)
        self._prefetch_factor: int = loader.prefetch_factor  # type: ignore[assignment]
        self._in_order = loader.in_order
        if self._prefetch_factor <= 0:
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter")
        self._worker_init_fn = loader.worker_init_fn
        self._workers: list[Any] = []
        self._inboxes: list[Inbox] = []
        self._received: list[Any] = []
        self._shutdown, self._pid = False, os.getpid()
        context: Any = mp if loader.multiprocessing_context is None else loader.multiprocessing_context
        try:
            for i in range(self._num_workers):
                self._start(context, i)
        except BaseException:
            self._shutdown_workers()
            raise
        self._reset(loader, first_iter=True)

    def _start(self, context: Any, number: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        method = context.get_start_method(allow_none=False)
        # A fork has all that is open here; a process that is spawned has only what it is given.
        others = [ours, *[inbox.sock for inbox in self._inboxes]] if method == "fork" else []
        task = (
            self._dataset_kind, self._dataset, theirs, others, self._auto_collation, self._collate_fn, self._drop_last, self._base_seed,
            self._worker_init_fn, number, self._num_workers,
        )  # fmt: skip
        worker = context.Process(target=_worker_loop, args=task)
        worker.daemon = True
        try:
            # A fork server is another's parent, too, and its children would inherit that Ctrl-C is held.
            with interrupts_held() if method != "forkserver" else contextlib.nullcontext():
                worker.start()
                self._workers.append(worker)
                self._inboxes.append(Inbox(ours))
        except (TypeError, AttributeError, PicklingError):
            ours.close()
            warnings.warn(
                "Got pickle error when attempting to start a worker Process. This might be because the worker Process arguments are not "
                "picklable. Python 3.14+ changed the multiprocessing start method in non-Mac POSIX platforms to 'forkserver', which "
                "requires the worker Process arguments to be picklable. You can also try multiprocessing.set_start_method('fork').",
                stacklevel=2,
            )
            raise
        finally:
            theirs.close()

    def _reset(self, loader: DataLoader, first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        self._send_idx = 0  # the next batch to ask for
        self._rcvd_idx = 0  # the next batch to give out
        self._task_info: dict[int, Any] = {}
        self._tasks_outstanding = 0
        self._workers_status = [True] * self._num_workers
        self._workers_num_tasks = [0] * self._num_workers
        self._turns = itertools.cycle(range(self._num_workers))
        self._received.clear()
        if not first_iter:
            for inbox in self._inboxes:
                inbox.post(_ResumeIteration(), None)  # type: ignore[arg-type]
            waiting = self._num_workers
            while waiting:  # what is left of the epoch before comes first, and is dropped
                index, _ = self._get_data()
                waiting -= isinstance(index, _ResumeIteration)
        for _ in range(self._prefetch_factor * self._num_workers):
            self._try_put_index()

    # ---- asking

    def _try_put_index(self) -> None:
        """Asks a worker for the next batch, if there is one left and a worker to ask."""
        most = self._prefetch_factor * self._num_workers
        try:
            index = self._next_index()
        except StopIteration:
            return
        for _ in range(self._num_workers):
            number = next(self._turns)
            if self._workers_status[number] and (
                self._in_order or self._workers_num_tasks[number] < most // sum(self._workers_status)
            ):
                break
        else:
            return
        self._inboxes[number].post(self._send_idx, index)
        self._task_info[self._send_idx] = (number,)
        self._workers_num_tasks[number] += 1
        self._tasks_outstanding += 1
        self._send_idx += 1

    # ---- waiting

    def _get_data(self) -> Any:
        """The next message of any worker; RuntimeError when time is over or a worker has died."""
        end = time.monotonic() + self._timeout if self._timeout > 0 else None
        while not self._received:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
            self._pump(left)
        return self._received.pop(0)

    def _pump(self, timeout: float | None) -> None:
        poll = select.poll()
        sockets, ends = {}, {}
        for i, inbox in enumerate(self._inboxes):
            if not inbox.closed:
                sockets[inbox.sock.fileno()] = inbox
                poll.register(inbox.sock, inbox.wants)
            if self._workers_status[i]:
                ends[self._workers[i].sentinel] = i
                poll.register(self._workers[i].sentinel, select.POLLIN)
        ready = poll.poll(None if timeout is None else timeout * 1000)
        for fd, event in ready:
            inbox = sockets.get(fd)  # type: ignore[assignment]
            if inbox is None:
                continue
            if event & select.POLLOUT:
                inbox.flush()
            if event & ~select.POLLOUT:
                inbox.read()
            self._received.extend(inbox.messages)
            inbox.messages.clear()
        if not self._received:
            # A socket is closed before its process can be waited for.
            gone = [i for i, inbox in enumerate(self._inboxes) if self._workers_status[i] and inbox.closed]
            gone += [ends[fd] for fd, _ in ready if fd in ends and ends[fd] not in gone]
            if gone:
                self._raise_for(sorted(gone))

    def _raise_for(self, gone: list[int]) -> None:
        """A worker that is still needed has ended: tells which, and as the cause, how."""
        for i in gone:
            self._workers_status[i] = False
            self._inboxes[i].closed = True
        _wait_for([self._workers[i] for i in gone])
        pids = ", ".join(str(self._workers[i].pid) for i in gone)
        raise RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly") from _how(self._workers[gone[0]])

    def _next_data(self) -> Any:
        while True:
            # A stream may have ended for the worker that was asked for the next batch: then another is the next.
            while self._rcvd_idx < self._send_idx:
                info = self._task_info.get(self._rcvd_idx)
                if info:
                    if len(info) == 2 or self._workers_status[info[0]]:
                        break
                    del self._task_info[self._rcvd_idx]
                self._rcvd_idx += 1
            else:
                if not self._persistent_workers:
                    self._shutdown_workers()
                raise StopIteration
            if len(info) == 2:
                del self._task_info[self._rcvd_idx]
                self._rcvd_idx += 1
                return self._process_data(info[1], info[0])
            index, data = self._get_data()
            self._tasks_outstanding -= 1
            if isinstance(data, _IterableDatasetStopIteration) and self._dataset_kind == _DatasetKind.Iterable:
                self._workers_status[data.worker_id] = False
                if not self._persistent_workers:
                    self._inboxes[data.worker_id].end()
                self._try_put_index()
                continue
            if index == self._rcvd_idx:
                self._rcvd_idx += 1
            elif self._in_order:
                self._task_info[index] += (data,)
                continue
            return self._process_data(data, self._task_info.pop(index)[0])

    def _process_data(self, data: Any, worker: int) -> Any:
        self._workers_num_tasks[worker] -= 1
        self._try_put_index()
        if isinstance(data, _utils.ExceptionWrapper):
            data.reraise()
        return data

    # ---- the end

    def _shutdown_workers(self) -> None:
        """Closes the sockets, which workers take as the end; one that has not left after some seconds is terminated."""
        if self._shutdown or sys.is_finalizing():
            return
        self._shutdown = True
        if os.getpid() != self._pid:  # a copy of this object, in a process that forked
            for inbox in self._inboxes:
                inbox.close(ended=False)
            return
        try:
            for inbox in self._inboxes:
                inbox.close()
            _wait_for(self._workers)
        finally:
            for stop in ("terminate", "kill"):
                for worker in self._workers:
                    if worker.is_alive():
                        getattr(worker, stop)()
                _wait_for(self._workers)

    def __del__(self) -> None:
        self._shutdown_workers()


def _wait_for(workers: list[Any]) -> None:
    """Waits some seconds for processes to end. Not by their sentinels alone: a process of their own may hold those open."""
    end = time.monotonic() + _utils.MP_STATUS_CHECK_INTERVAL
    while time.monotonic() < end:
        left = [worker.sentinel for worker in workers if worker.is_alive()]
        if not left:
            return
        multiprocessing.connection.wait(left, 0.05)


def _how(worker: Any) -> RuntimeError:
    """What is known of a worker's end, in PyTorch's words."""
    code = worker.exitcode
    if code is not None and code < 0:
        text = signal.strsignal(-code) or f"Unknown signal {-code}"
        return RuntimeError(f"DataLoader worker (pid {worker.pid}) is killed by signal: {text}. ")
    return RuntimeError(
        f"DataLoader worker (pid(s) {worker.pid}) exited unexpectedly with exit code {code}. Details are lost due to multiprocessing. "
        "Rerunning with num_workers=0 may give better error trace."
    )
