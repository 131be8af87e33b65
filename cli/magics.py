"""Notebook lines in a cell: ``%matplotlib inline``, ``!pip install x``, ``%%time``, ``x?``.

They are no Python, and a tutorial is full of them. Plots have nowhere to go and a tutorial must not change the
machine, so shell lines are reported and not run, settings of the notebook are passed over in silence, and timing
magics run what they time. Line numbers never move: a line is replaced by a line.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass, field

_MAGIC = re.compile(r"^(?P<indent>\s*)%(?P<name>[A-Za-z_]\w*)\s*(?P<rest>.*)$")
_CELL_MAGIC = re.compile(r"^\s*%%(?P<name>[A-Za-z_]\w*)\s*(?P<rest>.*)$")
_SHELL = re.compile(r"^(?P<indent>\s*)!{1,2}\s*(?P<rest>.*)$")
_ASSIGN_SHELL = re.compile(r"^(?P<indent>\s*)(?P<target>[A-Za-z_]\w*)\s*=\s*[!%]\s*(?P<rest>\S.*)$")
_HELP = re.compile(r"^(?P<indent>\s*)(?:\?{1,2}(?P<before>[\w.]+)|(?P<after>[A-Za-z_][\w.]*)\?{1,2})\s*$")

# Settings of the notebook itself: nothing to do and nothing worth saying.
SETTINGS = frozenset({"matplotlib", "pylab", "config", "load_ext", "reload_ext", "autoreload", "autosave", "precision"})
TIMING = frozenset({"time", "timeit", "prun", "capture"})
SHELL_MAGICS = frozenset({"pip", "conda", "mamba", "sh", "bash", "system", "sx", "cd", "ls", "mkdir", "rm", "cp", "mv"})


@dataclass
class Translated:
    """Python of the same number of lines, and what is to be said about the lines that were taken out."""

    code: str
    notes: list[str] = field(default_factory=list)


def translate(code: str) -> Translated:
    """Replaces notebook lines by Python; ``code`` that compiles as it stands is returned untouched.

    >>> translate("%matplotlib inline\\nx = 1").code
    'pass\\nx = 1'
    >>> translate("!pip install torch").notes
    ['not run (shell): pip install torch']
    """
    try:
        compile(code, "<cell>", "exec", dont_inherit=True)
        return Translated(code)
    except (SyntaxError, ValueError):
        pass
    lines = code.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    cell_magic = _CELL_MAGIC.match(lines[first])
    if cell_magic:
        name = cell_magic["name"]
        if name not in TIMING | SETTINGS:
            return Translated("pass", [f"not run (%%{name} cell)"])
        body = translate("\n".join(lines[first + 1 :]))
        return Translated("\n".join(["pass"] * (first + 1) + [body.code]), body.notes)
    result = Translated("")
    for i, line in enumerate(lines):
        replaced, note = _line(line)
        if replaced is not None and not _inside_token("\n".join(lines[:i])):
            lines[i] = replaced
            if note:
                result.notes.append(note)
    result.code = "\n".join(lines)
    return result


def _line(line: str) -> tuple[str | None, str | None]:
    shell = _SHELL.match(line)
    if shell:
        return shell["indent"] + "pass", f"not run (shell): {shell['rest']}"
    magic = _MAGIC.match(line)
    if magic:
        name, rest = magic["name"], magic["rest"]
        if name in TIMING:
            return magic["indent"] + (_without_options(rest) or "pass"), None
        if name in SETTINGS:
            return magic["indent"] + "pass", None
        if name in SHELL_MAGICS:
            return magic["indent"] + "pass", f"not run (shell): {name} {rest}".rstrip()
        return magic["indent"] + "pass", f"not run (magic): %{name} {rest}".rstrip()
    assigned = _ASSIGN_SHELL.match(line)
    if assigned:
        return f"{assigned['indent']}{assigned['target']} = []", f"not run (shell): {assigned['rest']}"
    asked = _HELP.match(line)
    if asked:
        return f"{asked['indent']}help({asked['before'] or asked['after']})", None
    return None, None


def _without_options(rest: str) -> str:
    """``-n 100 -r 5 f(x)`` -> ``f(x)``."""
    return re.sub(r"^(?:-[a-zA-Z]\s*\d*\s+)*", "", rest)


def _inside_token(before: str) -> bool:
    """Whether the text ends inside a string or an open bracket, where a line may begin with ``%`` or ``!``."""
    try:
        for _ in tokenize.generate_tokens(io.StringIO(before + "\n").readline):
            pass
    except tokenize.TokenError:
        return True
    except SyntaxError:
        return False
    return False
