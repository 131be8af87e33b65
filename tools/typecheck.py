"""`python tools/typecheck.py [mypy's options]`: mypy over tgrad as it is installed, without installing it.

cli/ and viz/ become tgrad.cli and tgrad.viz only through the build's mapping, which mypy does not know. So a folder of
links is laid out the way an installation looks, mypy runs there, and its messages are turned back to the real paths.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def lay_out(folder: Path) -> None:
    package = folder / "tgrad"
    package.mkdir()
    for entry in (ROOT / "tgrad").iterdir():
        (package / entry.name).symlink_to(entry)
    for part in ("cli", "viz"):
        (package / part).symlink_to(ROOT / part)


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        lay_out(Path(name))
        command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
        command += ["--cache-dir", str(ROOT / ".mypy_cache"), *sys.argv[1:], "-p", "tgrad"]
        # The current folder is found first, before any installed tgrad.
        done = subprocess.run(command, cwd=name, stdout=subprocess.PIPE, text=True, env=os.environ | {"MYPYPATH": name})
    print(re.sub(r"^tgrad/(cli|viz)/", r"\1/", done.stdout, flags=re.MULTILINE), end="")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
