"""How batches come from a worker: a socket for what is small, memory that both processes see for what is large.

Note [Slabs]
A worker puts the arrays of one batch into a slab: a shared segment (composite/sharing.py) that it hands over once, with the first batch in
it. Both keep it mapped. When the last array of a batch is gone in the main process, the slab's number goes back to the worker with the next
list of places, and serves another batch. So in the long run nothing is copied, mapped or touched for the first time.

    worker                                                  main process
    Outbox.empty()    an array in the slab of this batch
    Outbox.send()     pickle of the batch, without arrays -->  Inbox: unpickles it over the slab; a `Hold` stands under its arrays
                      [descriptor of a new slab]                 |
    Slab.free again <-- (index, places, [numbers]) ------------  Hold.__del__: its number may go back

A slab is used again only when no array of the worker shows it either (a data set may keep what it gave), and never when the main
process has forked while it held the batch: the child sees the same memory.

Note [Sockets]
Each worker has a socket of its own, so that no lock can be left locked by a worker that was killed, and its end is seen at once. The main
process never waits in a send: what does not fit is kept until the socket takes it. Both could wait for each other otherwise.
"""

from __future__ import annotations

import array
import contextlib
import io
import os
import pickle
import select
import socket
import struct
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from ....composite.sharing import Segment
from ....dtype import by_name
from ....pool import rounded
from ....tensor import Tensor, make

LEAST = 1 << 20  # of a slab: memory that is never touched costs nothing
SPARE = 8  # slabs that a worker keeps for later batches
INLINE = 512  # bytes: arrays that are not tensors and no larger travel in the pickle
_HEADER = struct.Struct("<QI")  # length of what follows, number of descriptors
_FD = array.array("i").itemsize
_MOST_FDS = 32


class Hold:
    """What arrays of one batch in a slab hold on to. In the main process its end sends the slab's number back."""

    __slots__ = ("__weakref__", "back", "number", "segment")

    def __init__(self, segment: Segment, number: int, back: Any = None) -> None:
        self.segment, self.number, self.back = segment, number, back

    def __del__(self) -> None:
        if self.back is not None:
            self.back(self.number)


class Region:
    """One array's part of a slab. The array's chain of bases ends here, so that its storage is just this part."""

    __slots__ = ("__array_interface__", "hold")

    shared = True

    def __init__(self, hold: Hold, at: int, nbytes: int) -> None:
        self.hold = hold
        self.__array_interface__ = {
            "shape": (nbytes,),
            "typestr": "|u1",
            "data": (hold.segment.address + at, False),
            "version": 3,
        }


_HELD: weakref.WeakSet[Hold] = weakref.WeakSet()  # batches that the main process has


def _keep_for_the_child() -> None:
    for hold in list(_HELD):
        hold.back = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_keep_for_the_child)


# ---- pickles


class _Pickler(pickle.Pickler):
    """Takes tensors apart: their bytes go out of band."""

    def __init__(self, file: Any, aside: Any, of_tensors: list[pickle.PickleBuffer]) -> None:
        super().__init__(file, 5, buffer_callback=aside)
        self.of_tensors = (
            of_tensors  # a list of the caller's: `aside` may not know the pickler, or the circle would keep the batch
        )

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, Tensor) or obj._a.size == 0 or type(obj).__reduce_ex__ is not Tensor.__reduce_ex__:
            return NotImplemented
        if not obj.is_leaf:
            raise RuntimeError(
                "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing "
                "process boundaries.  If you just want to transfer the data, call detach() on the tensor before serializing "
                "(e.g., putting it on the queue)."
            )
        a = obj._a
        extent = a.itemsize + sum((n - 1) * s for n, s in zip(a.shape, a.strides))
        flat: Any = np.asarray(_At(a, extent))
        buffer = pickle.PickleBuffer(flat)
        self.of_tensors.append(buffer)
        return rebuild, (type(obj), buffer, a.shape, a.strides, obj.dtype.name, obj._rg, dict(obj.__dict__))


class _At:
    """The bytes from an array's first element on."""

    def __init__(self, owner: np.ndarray, nbytes: int) -> None:
        self.owner = owner
        start = owner.__array_interface__["data"][0]
        self.__array_interface__ = {"shape": (nbytes,), "typestr": "|u1", "data": (start, False), "version": 3}


def rebuild(
    kind: type,
    memory: Any,
    shape: tuple[int, ...],
    steps: tuple[int, ...],
    dtype: str,
    requires_grad: bool,
    attributes: dict[str, Any],
) -> Tensor:
    """A tensor over received bytes."""
    out = make(kind, np.ndarray(shape, by_name(dtype).np, memory, 0, steps))
    out._rg = requires_grad
    if attributes:
        out.__dict__.update(attributes)
    return out


# ---- the worker's side


class _Slab:
    __slots__ = ("hold", "number", "segment", "size", "used")

    def __init__(self, number: int, segment: Segment) -> None:
        self.number, self.segment, self.size = number, segment, segment.nbytes
        self.used = 0
        self.hold: Any = None  # a weak reference while it has arrays here


class Outbox:
    """A worker's end: places arrays in slabs and packs batches."""

    def __init__(self) -> None:
        self._numbers = 0
        self._batch: list[_Slab] = []  # of the batch in the making, the one that is filled last
        self._sent: dict[int, _Slab] = {}  # which the main process has
        self._free: list[_Slab] = []
        self._fresh: list[_Slab] = []  # of this batch, not handed over yet
        self._dropped: list[int] = []
        self._hint = 0
        self._holds: list[Hold] = []

    def begin(self) -> None:
        """A new batch; what was placed for one that failed is free again."""
        for slab in self._batch:
            slab.used = 0
            self._free.append(slab)
        self._batch, self._holds = [], []

    def returned(self, numbers: Sequence[int]) -> None:
        """The main process has no array in these slabs any more."""
        for number in numbers:
            slab = self._sent.pop(number)
            slab.used = 0
            self._free.append(slab)
        while len(self._free) > SPARE:
            dropped = self._free.pop(0)
            self._dropped.append(dropped.number)

    def empty(self, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        """An array with undefined contents in the batch's slab."""
        count = 1
        for n in shape:
            count *= n
        nbytes = count * dtype.itemsize
        if nbytes == 0:
            return np.empty(shape, dtype)
        slab, at = self._room(nbytes)
        region = Region(slab.hold(), at, nbytes)
        return np.ndarray(shape, dtype, np.asarray(region))

    def _room(self, nbytes: int) -> tuple[_Slab, int]:
        slab = self._batch[-1] if self._batch else None
        if slab is None or slab.size - slab.used < nbytes:
            slab = self._next(max(nbytes, self._hint if slab is None else 2 * slab.size))
        at = slab.used
        slab.used = (at + nbytes + 63) & ~63
        return slab, at

    def _next(self, nbytes: int) -> _Slab:
        usable = [s for s in self._free if s.size >= nbytes and (s.hold is None or s.hold() is None)]
        if usable:
            slab = min(usable, key=lambda s: s.size)
            self._free.remove(slab)
        else:
            slab = _Slab(self._numbers, Segment.create(rounded(max(nbytes, LEAST))))
            self._numbers += 1
            self._fresh.append(slab)
        hold = Hold(slab.segment, slab.number)
        slab.hold = weakref.ref(hold)
        self._holds.append(hold)
        self._batch.append(slab)
        return slab

    def pack(self, message: Any) -> tuple[bytes, list[int]]:
        """A message as bytes and the descriptors that go along. Raises what pickling raises."""
        arrays: list[np.ndarray] = []
        of_tensors: list[pickle.PickleBuffer] = []

        def aside(buffer: pickle.PickleBuffer) -> bool:
            flat = np.frombuffer(buffer.raw(), np.uint8)
            if flat.nbytes <= INLINE and not (of_tensors and of_tensors[-1] is buffer):
                return True
            arrays.append(flat)
            return False

        file = io.BytesIO()
        _Pickler(file, aside, of_tensors).dump(message)
        places = self._places(arrays)
        used = [slab.number for slab in self._batch]
        fresh = [(slab.number, slab.size) for slab in self._fresh]
        body = pickle.dumps((file.getvalue(), places, used, fresh, self._dropped), 5)
        self._dropped = []
        return body, [slab.segment.fd for slab in self._fresh if slab.segment.fd is not None]

    def _placed(self, flat: np.ndarray) -> tuple[int, int] | None:
        """Slab and place of an array that lies in a slab of this batch."""
        address = flat.__array_interface__["data"][0]
        for slab in self._batch:
            at = address - slab.segment.address
            if 0 <= at < slab.size:
                return slab.number, at
        return None

    def _places(self, arrays: list[np.ndarray]) -> list[tuple[int, int, int]]:
        """(slab, place, length) of each, the contents copied there where they are not yet; what overlaps goes as one."""
        places: list[Any] = [None] * len(arrays)
        strangers = []
        for i, flat in enumerate(arrays):
            found = self._placed(flat)
            if found is not None:
                places[i] = (*found, flat.nbytes)
            else:
                strangers.append((flat.__array_interface__["data"][0], flat.nbytes, i))
        strangers.sort()
        groups: list[tuple[int, int, list[int]]] = []
        for low, nbytes, i in strangers:
            if groups and low < groups[-1][1]:
                start, end, members = groups[-1]
                groups[-1] = (start, max(end, low + nbytes), [*members, i])
            else:
                groups.append((low, low + nbytes, [i]))
        if groups and not self._batch:
            self._next(max(self._hint, sum((end - start + 63) & ~63 for start, end, _ in groups)))
        for start, end, members in groups:
            slab, at = self._room(end - start)
            target = np.asarray(Region(slab.hold(), at, end - start))
            for i in members:
                low = arrays[i].__array_interface__["data"][0] - start
                target[low : low + arrays[i].nbytes] = arrays[i]
                places[i] = (slab.number, at + low, arrays[i].nbytes)
        return places

    def sent(self) -> None:
        """The batch is on its way: the slabs in it are the main process's now."""
        self._hint = max(sum(slab.used for slab in self._batch), self._hint * 7 // 8)
        for slab in self._fresh:
            if slab.segment.fd is not None:
                os.close(slab.segment.fd)
                slab.segment.fd = None
        for slab in self._batch:
            self._sent[slab.number] = slab
        self._batch, self._fresh, self._holds = [], [], []


# ---- the main process's side


class Inbox:
    """The main process's end for one worker; its socket never blocks."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.closed = False  # the other side is gone
        self.messages: deque[Any] = deque()
        self._segments: dict[int, Segment] = {}
        self._back: deque[int] = deque()
        self._in = bytearray()
        self._fds: deque[int] = deque()
        self._out = bytearray()

    def post(self, index: int, places: Any) -> None:
        """Asks for a batch, and returns slabs that are free. Never waits."""
        self._write((index, places))

    def _write(self, message: Any) -> None:
        back = []
        while self._back:
            back.append(self._back.popleft())
        body = pickle.dumps((message, back), 5)
        self._out += _HEADER.pack(len(body), 0) + body
        self.flush()

    def flush(self) -> None:
        try:
            while self._out:
                del self._out[: self.sock.send(self._out)]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.closed = True
            self._out.clear()

    @property
    def wants(self) -> int:
        return select.POLLIN | (select.POLLOUT if self._out else 0)

    def end(self) -> None:
        """Nothing more will be asked for: the worker reads the end of the stream and leaves."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self, ended: bool = True) -> None:
        """Ends the connection as well, whoever else has a copy of this end; a copy itself must not."""
        self.closed = True
        if ended:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        while self._fds:
            os.close(self._fds.popleft())

    def read(self) -> None:
        """Takes in what has arrived, without waiting."""
        while not self.closed:
            try:
                data, control, _, _ = self.sock.recvmsg(1 << 18, socket.CMSG_SPACE(_MOST_FDS * _FD))
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                self.closed = True
                break
            for level, kind, payload in control:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds = array.array("i")
                    fds.frombytes(payload[: len(payload) - len(payload) % _FD])
                    self._fds.extend(fds)
            if not data:
                self.closed = True
                break
            self._in += data
            if len(data) < 1 << 18 and not self._incomplete():
                break
        while not self._incomplete():
            size, _ = _HEADER.unpack_from(self._in)
            body = bytes(memoryview(self._in)[_HEADER.size : _HEADER.size + size])
            del self._in[: _HEADER.size + size]
            self.messages.append(self._unpack(body))

    def _incomplete(self) -> bool:
        have = len(self._in)
        return have < _HEADER.size or have < _HEADER.size + _HEADER.unpack_from(self._in)[0]

    def _unpack(self, body: bytes) -> Any:
        packed, places, used, fresh, dropped = pickle.loads(body)
        for number, nbytes in fresh:
            fd = self._fds.popleft()
            try:
                self._segments[number] = Segment(fd, nbytes, keep=False)
            finally:
                os.close(fd)
        for number in dropped:
            del self._segments[number]
        holds = {}
        for number in used:
            holds[number] = hold = Hold(self._segments[number], number, self._back.append)
            _HELD.add(hold)
        return pickle.loads(packed, buffers=_arrays(places, holds))


def _arrays(places: Sequence[tuple[int, int, int]], holds: dict[int, Hold]) -> list[np.ndarray]:
    """The arrays of bytes at these places; those that overlap lie over one region."""
    found: list[Any] = [None] * len(places)
    region: Any = None
    where, start, end = -1, 0, 0
    order = sorted(range(len(places)), key=lambda i: (places[i][0], places[i][1]))
    for k, i in enumerate(order):
        number, at, nbytes = places[i]
        if region is None or number != where or at >= end:
            where, start, end = number, at, at + nbytes
            for j in order[k + 1 :]:
                if places[j][0] != number or places[j][1] >= end:
                    break
                end = max(end, places[j][1] + places[j][2])
            region = np.asarray(Region(holds[number], start, end - start))
        found[i] = region[at - start : at - start + nbytes]
    return found


# ---- waiting, in the worker


class Line:
    """A worker's blocking way to read and write its socket, which ends when the main process does."""

    def __init__(self, sock: socket.socket, parent: int, sentinel: int | None) -> None:
        self.sock, self.parent = sock, parent
        sock.setblocking(False)
        self._in = bytearray()
        self._reading, self._writing = select.poll(), select.poll()
        self._reading.register(sock, select.POLLIN)
        self._writing.register(sock, select.POLLOUT)
        if sentinel is not None:
            self._reading.register(sentinel, select.POLLIN)
            self._writing.register(sentinel, select.POLLIN)
        self.sentinel = sentinel

    def _alive(self, poll: Any) -> bool:
        """Waits until the socket is ready; False when there is nobody at its other end."""
        while True:
            ready = [fd for fd, _ in poll.poll(2000)]
            if self.sentinel in ready or os.getppid() != self.parent:
                return False
            if ready:
                return True

    def read(self) -> Any:
        """The next message; EOFError at the end."""
        while True:
            if len(self._in) >= _HEADER.size:
                size, _ = _HEADER.unpack_from(self._in)
                if len(self._in) >= _HEADER.size + size:
                    body = bytes(memoryview(self._in)[_HEADER.size : _HEADER.size + size])
                    del self._in[: _HEADER.size + size]
                    return pickle.loads(body)
            if not self._alive(self._reading):
                raise EOFError
            try:
                data = self.sock.recv(1 << 18)
            except (BlockingIOError, InterruptedError):
                continue
            except OSError:
                raise EOFError from None
            if not data:
                raise EOFError
            self._in += data

    def write(self, body: bytes, fds: Sequence[int]) -> None:
        """Sends a message; EOFError when nobody reads it any more."""
        rest = memoryview(_HEADER.pack(len(body), len(fds)) + body)
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        while rest:
            try:
                rest = rest[self.sock.sendmsg([rest], control) :]
                control = []
            except (BlockingIOError, InterruptedError):
                if not self._alive(self._writing):
                    raise EOFError from None
            except OSError:
                raise EOFError from None
