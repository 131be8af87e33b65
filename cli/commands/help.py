"""``:help``."""

from __future__ import annotations

from . import Desk, command, commands


@command("help", "", "lists these commands")
def show(desk: Desk, words: list[str]) -> str:
    rows = [(f":{row.name} {row.usage}".rstrip(), row.help) for row in commands().values()]
    width = max(len(call) for call, _ in rows)
    lines = [f"{call.ljust(width)}  {text}" for call, text in rows]
    keys = "Enter runs what is complete, Alt-Enter adds a line, Tab completes, Ctrl-C interrupts, Ctrl-D leaves"
    return "\n".join([*lines, "", keys])
