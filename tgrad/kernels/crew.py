"""The threads that share a large piece of work with the one that has it to do.

Note [Two kinds of work]
A job is a row of numbered blocks, and every thread takes the next one until there are none left. The caller takes part, and leaves when
the others have finished theirs; Ctrl-C reaches it between blocks.

Compiled work (`over`, `each`) is shared without the interpreter: see Note [The mailbox] in compiled/team.py. A helper that has just been at
work takes part within a microsecond, so that blocks of some ten microseconds pay. One that sleeps is woken, which was measured to take a tenth
of a millisecond, and until then the caller works alone.

Python work (`run`), which is what numpy is called from, goes to the same helpers through a queue. numpy lets go of the interpreter's lock
inside its loops; but for the lock and the waking, blocks must be larger.
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
import os
import struct
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

from .native import READY, Jit, Native, team
from .quiet import quiet

_integer = int  # set_num_threads calls its argument `int`, as PyTorch does
_MOST_HELPERS = 255
_TURN = 16  # blocks that the caller does before it looks whether Ctrl-C was pressed
_LOOKING = 5e-4  # seconds for which a helper looks for the next job before it goes to sleep
_JOB = struct.Struct("<Q7q").pack  # see Note [The mailbox]
_STOP, _ASLEEP, _WANTED = 32, 40, 41


class _Mailbox:
    """The memory of compiled/team.py and its functions."""

    def __init__(self, found: dict[str, int]) -> None:
        word, pointer = ctypes.c_int64, ctypes.c_void_p
        self._memory = (word * (48 + 8 * _MOST_HELPERS + 8))()
        start = ctypes.addressof(self._memory)
        first = -start % 64  # lines of the cache are not to be shared between words that different threads write
        self.at = start + first
        self.words = (word * (40 + 8 * _MOST_HELPERS)).from_address(self.at)
        self.start = ctypes.CFUNCTYPE(word, pointer, ctypes.c_char_p, word)(found["start"])
        self.share = ctypes.CFUNCTYPE(word, pointer, word)(found["share"])
        self.cancel = ctypes.PYFUNCTYPE(None, pointer)(found["cancel"])
        self.serve = ctypes.CFUNCTYPE(None, pointer, word, word)(found["serve"])
        before = time.perf_counter()
        self.serve(self.at, 0, 1000)
        self.spins = int(_LOOKING / max(2e-9, (time.perf_counter() - before) / 1000))
        self.words[_ASLEEP] = 0
        atexit.register(self.stop)

    def stop(self) -> None:
        """Helpers leave the compiled code, which will not be there for ever."""
        self.words[_STOP] = 1


class _Helper:
    def __init__(self, number: int) -> None:
        self.number = number
        self.jobs: SimpleQueue[tuple[Callable[[], None], threading.Semaphore] | None] = SimpleQueue()
        self.mailbox: _Mailbox | None = None
        threading.Thread(target=self._loop, name=f"tgrad-{number + 1}", daemon=True).start()

    def _loop(self) -> None:
        quiet.fast[0](quiet.fast[2])
        while True:
            box = self.mailbox
            if box is not None:
                box.words[_WANTED + 8 * self.number] = 0
                if self.jobs.empty():
                    box.serve(box.at, self.number, box.spins)
                if box.words[_STOP]:
                    return
            job = self.jobs.get()
            if job is not None:
                job[0]()
                job[1].release()
            del job  # what it refers to may be large

    def wanted(self) -> None:
        if self.mailbox is not None:
            self.mailbox.words[_WANTED + 8 * self.number] = 1


class Crew:
    """Spreads blocks over `size` threads. One caller at a time gets help; others do their work alone."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.forget()

    def forget(self) -> None:
        """Start anew, as in a process that was forked: threads do not come along."""
        self._helpers: list[_Helper] = []
        self._busy = threading.Lock()
        self._mailbox: _Mailbox | None = None

    def mailbox(self) -> _Mailbox | None:
        """What compiled work is shared by; None where it is not there (yet), or there is nobody to share with."""
        if self.size < 2 or Jit.mode == "off":
            return None
        if self._mailbox is None:
            kernel = team()
            found = kernel.fn if kernel.state == READY else kernel.get()
            if found is None:
                return None
            self._mailbox = _Mailbox(found)
        return self._mailbox

    def over(self, kernel: Any, count: int, unit: int, before: tuple[Any, ...], after: tuple[Any, ...] = ()) -> None:
        """Calls `kernel(*before, low, high, *after)` for ranges of `unit` that make up 0 to `count`."""
        if count <= unit:
            kernel(*before, 0, count, *after)
            return
        blocks, place = -(-count // unit), len(before)
        if type(kernel) is Native and blocks < 1 << 31:
            job = _JOB(kernel.address, 0, kernel.words, place, count, unit, blocks, min(self.size, blocks) - 1)
            if kernel.words <= 64 and self._given(job + kernel.pack(*before, 0, 0, *after), blocks):
                return
        self.run(lambda k: kernel(*before, k * unit, min(count, (k + 1) * unit), *after), blocks)

    def each(self, kernel: Any, calls: Sequence[tuple[Any, ...]]) -> None:
        """Calls `kernel(*args)` for each of `calls`."""
        blocks = len(calls)
        if type(kernel) is Native and blocks > 1:
            job = _JOB(kernel.address, 8 * kernel.words, kernel.words, -1, 0, 0, blocks, min(self.size, blocks) - 1)
            if self._given(job + b"".join([kernel.pack(*args) for args in calls]), blocks):
                return
        self.run(lambda k: kernel(*calls[k]), blocks)

    def _given(self, job: bytes, blocks: int) -> bool:
        """Does a job of compiled code with the helpers; False where that is not possible now."""
        box = self._mailbox or self.mailbox()
        if box is None or self.size < 2 or not self._busy.acquire(blocking=False):
            return False
        try:
            helpers = min(self.size, blocks) - 1
            if len(self._helpers) < helpers:
                self._hire(helpers)
            for helper in self._helpers[:helpers]:
                at = _ASLEEP + 8 * helper.number
                if helper.mailbox is None or box.words[at]:
                    box.words[at] = 0
                    helper.mailbox = box
                    helper.jobs.put(None)
            try:
                left = box.start(box.at, job, _TURN)
                while left:
                    if left == 2:
                        time.sleep(0)
                    left = box.share(box.at, _TURN)
            except (
                BaseException
            ):  # Ctrl-C. The helpers write into memory that is not to be given away before they are done
                box.cancel(box.at)
                _uninterrupted(lambda: box.share(box.at, _TURN))
                raise
        finally:
            self._busy.release()
        return True

    def _hire(self, count: int) -> None:
        while len(self._helpers) < min(count, _MOST_HELPERS):
            self._helpers.append(_Helper(len(self._helpers)))

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
        self._hire(self.size - 1)
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
            helper.wanted()
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


def _uninterrupted(unfinished: Callable[[], Any]) -> None:
    while True:
        try:
            while unfinished():
                time.sleep(0)
            return
        except KeyboardInterrupt:
            continue


def portion(count: int, weight: int = 1) -> int:
    """How many of `count` items, of `weight` elements each, make one block of work for compiled code: a few blocks per thread, since
    each costs something to hand over, one per thread where there is little to do, and none so long that Ctrl-C would have to wait."""
    least = Sizes.least if CREW.mailbox() is not None else Sizes.slow
    blocks = count * weight // least
    if blocks < 4 * CREW.size:
        blocks -= blocks % CREW.size if blocks > CREW.size else 0
    few = -(-count // max(1, min(4 * CREW.size, blocks)))
    return max(1, min(few, Sizes.most // max(1, weight)))


class Sizes:
    """Of a block of work for compiled code, in elements."""

    least = 1 << 15  # where helpers may be at hand within a microsecond
    slow = 1 << 19  # where they have to be woken through the interpreter: what one thread does in that time
    most = 1 << 20


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
