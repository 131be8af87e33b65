"""The compiler: a process that is asked for kernels and leaves machine code in the cache.

One JSON object a line. Request: {"name", "signature", "path", and "module" and "function" or "source"}; answer: {"name", "error"},
with the error null where the file at `path` is there. It ends with its input, after the kernel at hand.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import llvmlite.binding as llvm
from numba.core import compiler, registry, types
from numba.core.compiler import Flags
from numba.core.cpu import FastMathOptions

from ..cache import write
from . import team

TYPES = {
    "f4": types.float32, "f8": types.float64, "u1": types.uint8, "i1": types.int8, "i2": types.int16, "i4": types.int32,
    "i8": types.int64, "u2": types.uint16, "u4": types.uint32, "u8": types.uint64,
}  # fmt: skip


def type_of(code: str) -> Any:
    return types.CPointer(TYPES[code[:-1]]) if code.endswith("*") else TYPES[code]


def machine_code(function: Any, signature: str, relaxed: set[str] | bool = False) -> tuple[str, bytes]:
    """(symbol, object file) of a function over pointers and numbers."""
    flags = Flags()
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.nrt = flags.enable_pyobject = False
    flags.error_model = "numpy"
    flags.fastmath = FastMathOptions(relaxed)
    target = registry.cpu_target
    args = tuple(type_of(code) for code in signature.split())
    made = compiler.compile_extra(target.typing_context, target.target_context, function, args, types.none, flags, {})
    library = made.library
    missing = [f.name for f in library._final_module.functions if f.is_declaration and not _known(f.name)]
    if missing:  # an object that refers to what the loading process lacks would bring it down
        raise RuntimeError(f"needs {', '.join(missing)}")
    symbol = made.fndesc.llvm_func_name
    whole = llvm.parse_assembly(str(library._final_module))
    whole.link_in(llvm.parse_assembly(team.packed(symbol, signature)))
    return symbol + ".packed", target.target_context.codegen()._tm.emit_object(whole)


def team_code() -> tuple[str, bytes]:
    """The same of the functions in team.py, which have names of their own."""
    module = llvm.parse_assembly(team.text())
    module.verify()
    machine = registry.cpu_target.target_context.codegen()._tm
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    llvm.create_pass_builder(machine, options).getModulePassManager().run(
        module, llvm.create_pass_builder(machine, options)
    )
    return "", machine.emit_object(module)


def _known(name: str) -> bool:
    return name.startswith("llvm.") or hasattr(ctypes.CDLL(None), name)


def function_of(request: dict[str, Any]) -> Any:
    source = request.get("source")
    if source is None:
        module = importlib.import_module("tgrad.kernels.compiled." + request["module"])
        return getattr(module, request["function"])
    path = Path(request["path"]).with_suffix(".py")  # kept, so that it can be looked at
    with contextlib.suppress(OSError):
        path.write_text(source)
    module = ModuleType(request["name"])
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module.kernel


def answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        if request.get("module") == "team":
            write(Path(request["path"]), *team_code())
            return {"name": request["name"], "error": None}
        function = function_of(request)
        symbol, code = machine_code(function, request["signature"], function.__globals__.get("FLAGS", False))
        write(Path(request["path"]), symbol, code)
        return {"name": request["name"], "error": None}
    except Exception as error:
        return {"name": request["name"], "error": f"{type(error).__name__}: {error}"}


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the process that asked
    if hasattr(os, "nice"):
        os.nice(5)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever is printed must not get between the answers
    requests: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    ended = threading.Event()

    def listen() -> None:
        for line in sys.stdin:
            requests.put(line)
        ended.set()
        requests.put(None)

    threading.Thread(target=listen, daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        while (line := requests.get()) is not None and not ended.is_set():
            print(json.dumps(answer(json.loads(line))), file=answers, flush=True)
    os._exit(0)  # without waiting for the other thread, which may be reading


if __name__ == "__main__":
    main()
