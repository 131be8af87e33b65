"""Compiled kernels, as far as they are there: asked for when first needed, loaded when found, compiled elsewhere.

Note [Tiers]
numpy answers at once. A large operation asks for its compiled kernel: if machine code lies in the cache it is loaded (some
milliseconds, without numba), and this very call runs on it. If not, another process compiles it (`compiled/worker.py`) while
numpy keeps answering here; when it is ready, calls that follow run on it. `TGRAD_JIT` chooses:

    background   as described (the default)
    eager        wait for the compiler: every large operation runs compiled, the first time too
    off          numpy only; nothing is compiled or loaded

A kernel that does not compile stays with numpy for good. Nothing here raises into an operation.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import cache

MODES = ("background", "eager", "off")
UNASKED, WAITING, READY, FAILED = range(4)


class Jit:
    """The mode of this process. Tests set `mode`."""

    mode = ""

    @classmethod
    def read(cls) -> str:
        told = os.environ.get("TGRAD_JIT", "background").strip().lower()
        if told not in MODES:
            warnings.warn(f"TGRAD_JIT={told!r} is none of {', '.join(MODES)}; taken as background", RuntimeWarning, stacklevel=2)
            told = "background"
        cls.mode = told
        return told


class Kernel:
    """One function for one signature. `get()` gives it as a callable over addresses and numbers, or None."""

    __slots__ = ("error", "fn", "function", "module", "name", "signature", "source", "state", "tries")

    def __init__(self, name: str, signature: str, module: str = "", function: str = "", source: str | None = None) -> None:
        self.name, self.signature, self.module, self.function, self.source = name, signature, module, function, source
        self.fn: Callable[..., Any] | None = None
        self.state, self.tries, self.error = UNASKED, 0, ""

    def get(self) -> Callable[..., Any] | None:
        if (Jit.mode or Jit.read()) == "off":
            return None
        if self.state == READY:
            return self.fn
        if self.state == FAILED:
            return None
        if self.state == UNASKED:
            if Jit.mode == "eager" or _ENGINE:
                self._find()
            else:  # the first of all: llvmlite is still to be imported, and nobody should wait for that
                COMPILER.find_later(self)
        if self.state == WAITING and Jit.mode == "eager":
            COMPILER.wait(self)
        return self.fn

    def _find(self) -> None:
        profile = os.environ.get("TGRAD_JIT_PROFILE")
        if profile:
            _note(profile, self)
        if not self.load():
            self.state = WAITING
            COMPILER.ask(self)

    def path(self) -> Path:
        return cache.folder() / (self.name + ".o")

    def load(self) -> bool:
        """Takes the machine code from the cache, if it is there."""
        try:
            found = cache.read(self.path())
            if found is None:
                return False
            self.fn = _callable(found, self.signature)
            self.state = READY
            return True
        except Exception as error:  # damaged, or not for this machine after all
            _warn_once(f"a compiled kernel could not be loaded and is made again ({error})")
            with contextlib.suppress(OSError):
                self.path().unlink()
            return False

    def request(self) -> dict[str, Any]:
        facts = {"name": self.name, "signature": self.signature, "path": str(self.path())}
        if self.source is not None:
            return facts | {"source": self.source}
        return facts | {"module": self.module, "function": self.function}

    def fail(self, error: str) -> None:
        self.state, self.error = FAILED, error
        if os.environ.get("TGRAD_JIT_LOG"):
            print(f"tgrad: {self.name} ({self.path()}): {error[:400]}", file=sys.stderr)


def _note(profile: str, kernel: Kernel) -> None:
    """Writes down that a program wants a kernel: what `tgrad warmup --profile` reads."""
    facts = {k: v for k, v in kernel.request().items() if k not in ("name", "path")}
    try:
        with open(profile, "a") as file:
            file.write(json.dumps(facts) + "\n")
    except OSError as error:
        _warn_once(f"TGRAD_JIT_PROFILE: {error}")


KERNELS: dict[tuple[str, str], Kernel] = {}


def kernel(where: str, signature: str) -> Kernel:
    """The kernel `module.function` of kernels/compiled for a signature: codes like "f4* f4* i8", in the order of its arguments."""
    key = (where, signature)
    found = KERNELS.get(key)
    if found is None:
        module, _, function = where.partition(".")
        types = signature.replace("*", "p").replace(" ", "-")
        name = f"{where}-{types if len(types) < 80 else hashlib.sha256(types.encode()).hexdigest()[:20]}"
        found = KERNELS[key] = Kernel(name, signature, module, function)
    return found


def rendered(source: str, signature: str) -> Kernel:
    """The kernel of a generated source."""
    key = (source, signature)
    found = KERNELS.get(key)
    if found is None:
        name = "formula-" + hashlib.sha256(f"{signature}\n{source}".encode()).hexdigest()[:24]
        found = KERNELS[key] = Kernel(name, signature, source=source)
    return found


# ---- machine code to functions

_C = {"f4": ctypes.c_float, "f8": ctypes.c_double, "i8": ctypes.c_int64, "i4": ctypes.c_int32}
_NOTHING = ctypes.create_string_buffer(64)  # where a kernel would leave a result or an error, if it had one
_ENGINE: list[Any] = []
_LOADING = threading.Lock()


def _engine() -> Any:
    if not _ENGINE:
        import llvmlite.binding as llvm

        with contextlib.suppress(RuntimeError):  # newer versions do it themselves, and say so
            llvm.initialize()
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        module = llvm.parse_assembly("")
        module.triple = llvm.get_process_triple()
        machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
        _ENGINE.append(llvm.create_mcjit_compiler(module, machine))
    return _ENGINE[0]


def _callable(found: tuple[str, bytes], signature: str) -> Callable[..., Any]:
    import llvmlite.binding as llvm

    symbol, code = found
    with _LOADING:
        engine = _engine()
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        address = engine.get_function_address(symbol)
    if not address:
        raise RuntimeError(f"no {symbol} in the object file")
    types = [ctypes.c_void_p if c.endswith("*") else _C[c] for c in signature.split()]
    function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *types)(address)
    nothing = ctypes.addressof(_NOTHING)

    def call(*args: Any) -> None:
        function(nothing, nothing + 32, *args)

    return call


_WARNED: set[str] = set()


def _warn_once(text: str) -> None:
    if "kernel" not in _WARNED:
        _WARNED.add("kernel")
        warnings.warn(text, RuntimeWarning, stacklevel=4)


# ---- the other process


class Compiler:
    """The worker process, started when something is to be compiled, and a thread that listens to it."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """As in a process that was forked: the worker belongs to the parent."""
        self.process: subprocess.Popen[str] | None = None
        self.lock = threading.RLock()
        self.answered = threading.Condition(self.lock)
        self.waiting: dict[str, Kernel] = {}
        self.unfound: list[Kernel] = []

    def find_later(self, kernel: Kernel) -> None:
        """Has the cache searched for a kernel by another thread."""
        with self.lock:
            kernel.state = WAITING
            self.unfound.append(kernel)
            if len(self.unfound) == 1:
                threading.Thread(target=self._find_all, name="tgrad-cache", daemon=True).start()

    def _find_all(self) -> None:
        time.sleep(0.05)  # what the user is waiting for comes first: imports would hold the interpreter's lock
        while True:
            with self.lock:
                kernel = self.unfound[0]
            kernel._find()
            with self.answered:
                self.unfound.pop(0)
                self.answered.notify_all()
                if not self.unfound:
                    return

    def ask(self, kernel: Kernel) -> None:
        with self.lock:
            kernel.tries += 1
            if kernel.tries > 2:
                kernel.fail("the compiler ended without an answer")
                return
            self.waiting[kernel.name] = kernel
            try:
                if self.process is None:
                    self._start()
                assert self.process is not None and self.process.stdin is not None
                self.process.stdin.write(json.dumps(kernel.request()) + "\n")
                self.process.stdin.flush()
            except Exception as error:  # no second process to be had here: numpy it is
                self.waiting.pop(kernel.name, None)
                kernel.fail(f"{type(error).__name__}: {error}")

    def _start(self) -> None:
        log = None if os.environ.get("TGRAD_JIT_LOG") else subprocess.DEVNULL
        environment = os.environ | {"TGRAD_JIT": "off", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tgrad.kernels.compiled.worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, close_fds=True,
        )  # fmt: skip
        threading.Thread(target=self._listen, args=(self.process,), name="tgrad-compiled", daemon=True).start()

    def _listen(self, process: Any) -> None:
        for line in process.stdout:
            try:
                answer = json.loads(line)
            except ValueError:
                continue
            with self.lock:
                kernel = self.waiting.pop(answer["name"], None)
                if kernel is not None:
                    if answer["error"] is not None:
                        kernel.fail(answer["error"])
                    elif not kernel.load():
                        kernel.fail("its machine code could not be loaded")
                self.answered.notify_all()
        with self.lock:  # it has ended
            process.wait()
            if self.process is process:
                self.process = None
                lost, self.waiting = self.waiting, {}
                for kernel in lost.values():
                    self.ask(kernel)
            self.answered.notify_all()

    def wait(self, kernel: Kernel) -> None:
        """Until the kernel is ready or has failed."""
        with self.answered:
            while kernel.state == WAITING:
                self.answered.wait(1)

    def remaining(self) -> Iterator[int]:
        """How many kernels are being waited for, each time that this may have changed, down to 0."""
        while True:
            with self.answered:
                left = len(self.waiting) + len(self.unfound)
            yield left
            if not left:
                return
            with self.answered:
                if len(self.waiting) + len(self.unfound) == left:
                    self.answered.wait(1)

    def close(self) -> None:
        """Lets the worker end; it finishes the kernel at hand by itself."""
        process, self.process = self.process, None
        if process is not None:
            with contextlib.suppress(OSError, ValueError):
                process.stdin.close()  # type: ignore[union-attr]
            process.returncode = 0 if process.poll() is None else process.returncode  # left behind on purpose


COMPILER = Compiler()
atexit.register(COMPILER.close)


def _after_fork() -> None:
    COMPILER.forget()
    for found in KERNELS.values():
        if found.state == WAITING:
            found.state, found.tries = UNASKED, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
