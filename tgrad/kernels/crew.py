"""The threads that share a large piece of work with the one that has it to do.

numpy lets go of the interpreter's lock inside its loops, so plain threads keep several cores busy. The work is a row of
numbered blocks, and every thread takes the next one until there are none left. The caller takes part; Ctrl-C reaches it
between two blocks, and it leaves when the others have finished theirs.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from .quiet import quiet

_integer = int  # set_num_threads calls its argument `int`, as PyTorch does


class _Helper:
    def __init__(self, number: int) -> None:
        self.jobs: SimpleQueue[tuple[Callable[[], None], threading.Semaphore]] = SimpleQueue()
        threading.Thread(target=self._loop, name=f"tgrad-{number}", daemon=True).start()

    def _loop(self) -> None:
        quiet.fast[0](quiet.fast[2])
        while True:
            work, done = self.jobs.get()
            work()
            del work  # what it refers to may be large
            done.release()


class Crew:
    """`run` spreads blocks over `size` threads. One caller at a time gets help; others do their work alone."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.forget()

    def forget(self) -> None:
        """Start anew, as in a process that was forked: threads do not come along."""
        self._helpers: list[_Helper] = []
        self._busy = threading.Lock()

    def run(self, work: Callable[[int], None], blocks: int) -> None:
        """Calls `work(i)` for every i below `blocks`; raises what the first failing call raised."""
        if self.size < 2 or blocks < 2 or not self._busy.acquire(blocking=False):
            for i in range(blocks):
                work(i)
            return
        try:
            self._share(work, blocks)
        finally:
            self._busy.release()

    def _share(self, work: Callable[[int], None], blocks: int) -> None:
        while len(self._helpers) < self.size - 1:
            self._helpers.append(_Helper(len(self._helpers) + 1))
        numbers = itertools.count()
        failures: list[BaseException] = []

        def take() -> None:
            try:
                for i in numbers:
                    if i >= blocks or failures:
                        return
                    work(i)
            except BaseException as error:  # also Ctrl-C: the others are to stop, and the caller raises it
                failures.append(error)

        # Each job has its own count of who is done: Ctrl-C may strike between any two of these lines, and what is left
        # running then must not be taken for a part of the next job.
        done = threading.Semaphore(0)
        started = self._helpers[: min(self.size, blocks) - 1]
        for helper in started:
            helper.jobs.put((take, done))
        take()
        for _ in started:
            _wait(done, failures)
        if failures:
            raise failures[0]


def _wait(done: Any, failures: list[BaseException]) -> None:
    """Waits whatever comes: until the helper is done, it writes into memory that is not to be given away."""
    while True:
        try:
            done.acquire()
            return
        except KeyboardInterrupt as error:
            failures.append(error)


def portion(count: int, weight: int = 1) -> int:
    """How many of `count` items, of `weight` elements each, make one block of work for compiled code: a few blocks per thread, since
    each costs some microseconds to hand over, but none so long that Ctrl-C would have to wait. Waking another thread was
    measured to take up to a tenth of a millisecond, in which one thread alone does half a million elements."""
    few = -(-count // (4 * CREW.size))
    return max(1, min(max(few, Sizes.least // max(1, weight)), Sizes.most // max(1, weight)))


class Sizes:
    """Of a block of work for compiled code, in elements."""

    least, most = 1 << 19, 1 << 20


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _size() -> int:
    told = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(told)) if told.isdigit() else cores()


CREW = Crew(_size())


def get_num_threads() -> int:
    """How many threads share the work on large tensors.

    >>> import tgrad
    >>> tgrad.set_num_threads(2)
    >>> tgrad.get_num_threads()
    2
    """
    return CREW.size


def set_num_threads(int: int) -> None:
    """Sets how many threads share the work on large tensors, this one among them (default: OMP_NUM_THREADS, else the
    number of cores). RuntimeError for less than 1 and for what is no int. Large matrix products are shared out to the
    same threads, where numpy's BLAS is OpenBLAS."""
    if type(int) is not _integer:
        raise RuntimeError(f"set_num_threads expects an int, but got {type(int).__name__}")
    if int < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    CREW.size = int


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=CREW.forget)
