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
import os
import struct
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import cache

if TYPE_CHECKING:
    import subprocess

MODES = ("background", "eager", "off")
UNASKED, WAITING, READY, FAILED = range(4)


class Jit:
    """The mode of this process. Tests set `mode`."""

    mode = ""

    @classmethod
    def read(cls) -> str:
        told = os.environ.get("TGRAD_JIT", "background").strip().lower()
        cls.mode = told if told in MODES else "background"
        if told not in MODES:
            cache.warn(f"TGRAD_JIT={told!r} is none of {', '.join(MODES)}; taken as background")
        return cls.mode


class Kernel:
    """One function for one signature. `get()` gives it as a callable over addresses and numbers, or None."""

    __slots__ = ("error", "fn", "function", "module", "name", "signature", "source", "state", "tries")

    def __init__(
        self, name: str, signature: str, module: str = "", function: str = "", source: str | None = None
    ) -> None:
        self.name, self.signature, self.module, self.function, self.source = name, signature, module, function, source
        self.fn: Any = None
        self.state, self.tries, self.error = UNASKED, 0, ""

    def get(self) -> Any:
        if (Jit.mode or Jit.read()) == "off":
            return None
        if self.state == READY:
            return self.fn
        if self.state == FAILED:
            return None
        if self.state == UNASKED:
            if Jit.mode == "eager" or _ENGINE:
                with COMPILER.lock:  # one thread of several that ask at the same time
                    if self.state == UNASKED:
                        self._find()
            else:  # the first of all: llvmlite is still to be imported, and nobody should wait for that
                COMPILER.find_later(self)
        if self.state == WAITING and Jit.mode == "eager":
            COMPILER.wait(self)
        return self.fn

    def _find(self) -> None:
        try:
            profile = os.environ.get("TGRAD_JIT_PROFILE")
            if profile:
                _note(profile, self)
            if not self.load():
                COMPILER.ask(self)
        except Exception as error:  # llvmlite cannot be imported, there is no place for files, ...
            self.fail(f"{type(error).__name__}: {error}")

    def path(self) -> Path:
        return cache.folder() / (self.name + ".o")

    def load(self) -> bool:
        """Takes the machine code from the cache, if it is there."""
        path = self.path()
        try:
            found = cache.read(path)
            if found is None:
                return False
            self.fn = self._made(*found)
            self.state = READY
            return True
        except Exception as error:  # damaged, or not for this machine after all; a new file takes the place of this one
            _warn_once(f"a compiled kernel could not be loaded and is made again ({error})")
            return False

    def _made(self, symbol: str, code: bytes) -> Any:
        return Native(_addresses(code, [symbol])[0], self.signature)

    def request(self) -> dict[str, Any]:
        facts = {"name": self.name, "signature": self.signature, "path": str(self.path())}
        if self.source is not None:
            return facts | {"source": self.source}
        return facts | {"module": self.module, "function": self.function}

    def fail(self, error: str) -> None:
        self.state, self.error = FAILED, error
        if os.environ.get("TGRAD_JIT_LOG"):
            print(f"tgrad: {self.name}: {error[:400]}", file=sys.stderr)


def _note(profile: str, kernel: Kernel) -> None:
    """Writes down that a program wants a kernel: what `tgrad warmup --profile` reads."""
    import json

    facts = {k: v for k, v in kernel.request().items() if k not in ("name", "path")}
    try:
        with open(profile, "a") as file:
            file.write(json.dumps(facts) + "\n")
    except OSError as error:
        _warn_once(f"TGRAD_JIT_PROFILE: {error}")


class Team(Kernel):
    """The functions of compiled/team.py, by name, once they are there."""

    __slots__ = ()
    NAMES = ("share", "start", "cancel", "serve", "gemm_f4_i32", "gemm_f4_i64", "gemm_f8_i32", "gemm_f8_i64")

    def _made(self, symbol: str, code: bytes) -> dict[str, int]:
        return dict(zip(self.NAMES, _addresses(code, ["tgrad_" + n for n in self.NAMES]), strict=True))


KERNELS: dict[tuple[str, str], Kernel] = {}


def digest(text: str) -> str:
    import hashlib  # takes milliseconds, and most programs need none

    return hashlib.sha256(text.encode()).hexdigest()


def kernel(where: str, signature: str) -> Kernel:
    """The kernel `module.function` of kernels/compiled for a signature: codes like "f4* f4* i8", in the order of its arguments."""
    key = (where, signature)
    found = KERNELS.get(key)
    if found is None:
        module, _, function = where.partition(".")
        types = signature.replace("*", "p").replace(" ", "-")
        name = f"{where}-{types if len(types) < 80 else digest(types)[:20]}"
        found = KERNELS[key] = Kernel(name, signature, module, function)
    return found


def team() -> Team:
    """What threads share compiled work by."""
    found = KERNELS.get(("team", ""))
    if found is None:
        found = KERNELS["team", ""] = Team("team", "", "team", "text")
    return found  # type: ignore[return-value]


def rendered(source: str, signature: str) -> Kernel:
    """The kernel of a generated source."""
    key = (source, signature)
    found = KERNELS.get(key)
    if found is None:
        name = "formula-" + digest(f"{signature}\n{source}")[:24]
        found = KERNELS[key] = Kernel(name, signature, source=source)
    return found


# ---- machine code to functions

_WORD = {"*": "Q", "f4": "f4x", "f8": "d", "i8": "q", "i4": "i4x"}  # how arguments lie in 8-byte words
_ENGINE: list[Any] = []
_LOADING = threading.RLock()


class Native:
    """Machine code as a callable over addresses and numbers. `address` is that of a function of one argument, the packed arguments."""

    __slots__ = ("_run", "address", "pack", "words")

    def __init__(self, address: int, signature: str) -> None:
        codes = ["*" if c.endswith("*") else c for c in signature.split()]
        self.address, self.words = address, len(codes)
        self.pack = struct.Struct("<" + "".join([_WORD[c] for c in codes])).pack
        self._run = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(address)  # lets go of the interpreter's lock

    def __call__(self, *args: Any) -> None:
        self._run(self.pack(*args))


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


def _addresses(code: bytes, symbols: Sequence[str]) -> list[int]:
    """Loads an object file, and says where functions of it are."""
    import llvmlite.binding as llvm

    with _LOADING:
        engine = _engine()
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        found = [engine.get_function_address(s) for s in symbols]
    if not all(found):
        raise RuntimeError(f"the object file lacks one of {', '.join(symbols)}")
    return found


_WARNED: set[str] = set()


def _warn_once(text: str) -> None:
    if "kernel" not in _WARNED:
        _WARNED.add("kernel")
        cache.warn(text)


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
            if kernel.state != UNASKED:
                return
            kernel.state = WAITING
            self.unfound.append(kernel)
            if len(self.unfound) == 1:
                try:
                    threading.Thread(target=self._find_all, name="tgrad-cache", daemon=True).start()
                except RuntimeError as error:  # no more threads, or the interpreter is ending
                    self.unfound.clear()
                    kernel.fail(str(error))

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
        import json

        with self.answered:
            kernel.tries += 1
            if kernel.tries > 2:
                kernel.fail("the compiler ended without an answer")
                self.answered.notify_all()
                return
            kernel.state = WAITING
            self.waiting[kernel.name] = kernel
            try:
                if self.process is None:
                    self._start()
                assert self.process is not None and self.process.stdin is not None
                self.process.stdin.write(json.dumps(kernel.request()) + "\n")
                self.process.stdin.flush()
            except BrokenPipeError:
                pass  # it has just ended: the thread that listens will see that, and ask another one
            except Exception as error:  # no second process to be had here: numpy it is
                self.waiting.pop(kernel.name, None)
                kernel.fail(f"{type(error).__name__}: {error}")
            except BaseException:  # Ctrl-C, perhaps in the middle of a line
                self.waiting.pop(kernel.name, None)
                kernel.state, kernel.tries = UNASKED, 0
                if self.process is not None:
                    self.process.kill()
                raise

    def _start(self) -> None:
        import subprocess

        log = None if os.environ.get("TGRAD_JIT_LOG") else subprocess.DEVNULL
        # The modules that this process would find, and in that order; not those of the current folder before the standard ones.
        # What the user set for numba or for warnings is meant for the user's own code, and could make compiling fail.
        paths = [os.path.abspath(p) for p in sys.path if isinstance(p, str) and p]
        own = str(Path(__file__).resolve().parents[2])
        paths += [own] if own not in paths else []
        code = "import sys; sys.path[:] = sys.argv[1:]; from tgrad.kernels.compiled.worker import main; main()"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_") and k != "PYTHONWARNINGS"}
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, *paths],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment | {"TGRAD_JIT": "off"},
            start_new_session=True,  # Ctrl-C at the terminal is not for this one
        )  # fmt: skip
        try:
            threading.Thread(target=self._listen, args=(process,), name="tgrad-compiled", daemon=True).start()
        except BaseException:
            process.kill()
            raise
        self.process = process

    def _listen(self, process: Any) -> None:
        for line in process.stdout:
            with self.answered:
                self._take(line)
                self.answered.notify_all()
        with self.answered:  # it has ended
            with contextlib.suppress(OSError, ValueError):
                process.stdin.close()
            process.wait()
            if self.process is process:
                self.process = None
                lost, self.waiting = self.waiting, {}
                for kernel in lost.values():
                    self.ask(kernel)
            self.answered.notify_all()

    def _take(self, line: str) -> None:
        """An answer of the worker."""
        import json

        try:
            answer = json.loads(line)
            kernel = self.waiting.pop(answer["name"], None)
        except (ValueError, KeyError, TypeError):  # something printed it
            return
        if kernel is None:
            return
        try:
            if answer["error"] is not None:
                kernel.fail(answer["error"])
            elif not kernel.load():
                kernel.fail("its machine code could not be loaded")
        except Exception as error:
            kernel.fail(f"{type(error).__name__}: {error}")

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
    _LOADING.release()
    process = COMPILER.process
    if process is not None:
        # The worker ends when nobody can write to it any more, which is the parent's to decide
        nothing = os.open(os.devnull, os.O_RDWR)
        for file in (process.stdin, process.stdout):
            os.dup2(nothing, file.fileno(), inheritable=False)  # type: ignore[union-attr]
        os.close(nothing)
        process.returncode = 0
    COMPILER.forget()
    for found in KERNELS.values():
        if found.state == WAITING:
            found.state, found.tries = UNASKED, 0


if hasattr(os, "register_at_fork"):  # no thread is within LLVM while the process is copied
    os.register_at_fork(before=_LOADING.acquire, after_in_parent=_LOADING.release, after_in_child=_after_fork)
