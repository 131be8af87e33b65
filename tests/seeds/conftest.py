"""Runs a tutorial from ../shared/seeds under `tgrad run --echo` and holds what comes out against a row per cell.

A row says what a cell must show:
    "document"     what the document itself prints under it, byte for byte; addresses of objects are not compared
    "nothing"      no output
    "error: …"     a traceback that ends in this line (after what the document prints above its own traceback, if any)
    "like: …"      a regular expression, for random values
    anything else  exactly this text
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from tgrad.cli.documents import Cell, parse_text
from tgrad.cli.main import group
from tgrad.cli.render import prompted, shell_prompted

SEEDS = Path(__file__).resolve().parents[3] / "shared" / "seeds"
NO_SEEDS = "the seed documents (../shared/seeds) are not beside this checkout"


@dataclass
class Run:
    """A finished run: the cells, what each showed, and the exit status."""

    cells: list[Cell]
    shown: list[str]
    status: int
    dialect: str

    def check(self, rows: list[str]) -> None:
        """Compares every cell with its row; all differences are reported together."""
        assert len(rows) == len(self.cells)
        wrong = []
        for number, (cell, shown, row) in enumerate(zip(self.cells, self.shown, rows), 1):
            why = difference(cell, shown, row)
            if why:
                wrong.append(f"cell {number}, line {cell.line}:\n{cell.code}\n--- {why}; shown was:\n{shown}\n")
        assert not wrong, "\n" + "\n".join(wrong)


# What tgrad explains under an error is no part of PyTorch's text.
NOTES = re.compile(r"\n  what: .*(\n( {9}|  (where|why|try): ).*)*\Z")


def masked(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x…", text).strip("\n")


def difference(cell: Cell, shown: str, row: str) -> str | None:
    """Why what a cell showed is not what its row says, or None."""
    if row == "nothing":
        return None if not shown else "should show nothing"
    if row == "document":
        assert cell.expected is not None, f"the document shows nothing under {cell.code!r}"
        return None if masked(shown) == masked(cell.expected) else f"should show\n{cell.expected}"
    shown = NOTES.sub("", shown)
    if row.startswith("error: "):
        last = row.removeprefix("error: ")
        above, rule, _ = (cell.expected or "").partition("-" * 75)
        above = above.strip() if rule else ""
        begins = shown.startswith(("Traceback", "  File")) if not above else shown.startswith(above) or not last
        return None if shown.endswith("\n" + last) and begins else f"should end in {last}"
    if row.startswith("like: "):
        return None if re.fullmatch(row.removeprefix("like: "), shown) else "should look otherwise"
    return None if masked(shown) == masked(row) else f"should show\n{row}"


def cut(cells: list[Cell], transcript: str) -> list[str]:
    """What stands under each cell of a transcript."""
    heads = []
    for cell in cells:
        if cell.language == "shell":
            heads.append(shell_prompted(cell.code) + "\n")
        else:
            heads.append(prompted(cell.code) + "\n")
    shown = []
    position = 0
    for number, head in enumerate(heads):
        assert transcript.startswith(head, position), (
            f"{head!r} is not next in {transcript[position : position + 300]!r}"
        )
        position += len(head)
        after = heads[number + 1] if number + 1 < len(heads) else None
        end = transcript.index(after, position) if after is not None else len(transcript)
        shown.append(transcript[position:end].rstrip("\n"))
        position = end
    return shown


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    """``run("003")`` runs a seed; ``run("003", old, new, …)`` runs it with passages replaced."""

    def call(number: str, *changes: str) -> Run:
        if not SEEDS.is_dir():
            pytest.skip(NO_SEEDS)
        [path] = SEEDS.glob(f"{number}_*.txt")
        text = path.read_text(encoding="utf-8")
        if changes:
            for old, new in zip(changes[::2], changes[1::2], strict=True):
                assert old in text
                text = text.replace(old, new)
            path = tmp_path / path.name
            path.write_text(text, encoding="utf-8")
        result = CliRunner().invoke(group, ["run", "--echo", str(path)])
        document = parse_text(text)
        return Run(document.cells, cut(document.cells, result.output), result.exit_code, document.dialect)

    return call
