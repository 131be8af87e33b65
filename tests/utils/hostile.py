"""Loads files that nobody vouches for, in a process of its own: `python hostile.py FOLDER`; see test_serialization_hostile.py.

For each file a line of JSON: its name, how it ended, how long it took, and by how many bytes the process's high-water mark of memory
rose. What the process does that data has no need of (running programs, compiling, opening files to write, sockets) is noted, too.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from pathlib import Path

import tgrad

DEEDS: list[str] = []
WATCHED = ("os.system", "os.exec", "os.fork", "os.posix_spawn", "os.remove", "os.rename", "subprocess.Popen", "socket.", "exec", "compile",
           "import", "ctypes.", "shutil.", "os.mkdir", "os.putenv", "code.__new__", "pty.", "urllib.")  # fmt: skip


def watch(event: str, args: tuple) -> None:
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        DEEDS.append(f"open {args[0]} {args[1]}")
    elif event.startswith(WATCHED):
        DEEDS.append(f"{event} {str(args)[:80]}")


def outcome(path: Path) -> str:
    try:
        tgrad.load(path)
    except Exception as e:
        return f"{type(e).__module__}.{type(e).__qualname__}: {str(e).strip().splitlines()[-1] if str(e) else ''}"[:300]
    return "loaded"


def main(folder: str) -> None:
    warnings.simplefilter("ignore")
    files = sorted(Path(folder).iterdir())
    for path in files[:3]:  # whatever is imported late is imported here
        outcome(path)
    sys.addaudithook(watch)
    for path in files:
        DEEDS.clear()
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        ended = outcome(path)
        took = time.perf_counter() - start
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        print(json.dumps([path.name, ended, took, grown, list(DEEDS)]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
