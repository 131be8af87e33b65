"""The examples: the same file runs on the real PyTorch and on tgrad, and both print the same."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tgrad.cli import documents

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))
TGRAD = [sys.executable, "-c", "import sys; from tgrad.cli.main import main; sys.argv[0] = 'tgrad'; sys.exit(main())"]

NUMBER = re.compile(r"-?\d+\.\d+")
# Training magnifies the last bit of a float32, so late losses agree only about as well as this.
TOLERANCE = 0.02


def run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=EXAMPLES, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_prints_what_pytorch_prints(script: str, torch: object) -> None:
    theirs = run([sys.executable, script])
    ours = run([*TGRAD, "run", script])
    assert NUMBER.sub("#", ours) == NUMBER.sub("#", theirs)
    for our_line, their_line in zip(ours.splitlines(), theirs.splitlines(), strict=True):
        # A share of the test points moves by whole points, far more than a loss does.
        tolerance = 1.0 if "%" in their_line else TOLERANCE
        numbers = [float(text) for text in NUMBER.findall(their_line)]
        assert [float(text) for text in NUMBER.findall(our_line)] == pytest.approx(numbers, abs=tolerance), our_line


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_runs(script: str) -> None:
    assert run([*TGRAD, "run", script])


def cells(page: Path, library: str = "torch") -> list[doctest.Example]:
    """The >>> cells of a page with what is printed under each; the closing fence is no output."""
    text = page.read_text("utf-8").replace("```", "").replace("import torch\n", f"import {library} as torch\n")
    text = text.replace("from torch import", f"from {library} import")
    return doctest.DocTestParser().get_examples(text, page.name)


def check(examples: list[doctest.Example], page: Path) -> None:
    assert examples
    wrong: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(
        doctest.DocTest(examples, {}, page.name, str(page), 0, None), out=wrong.append
    )
    assert results.failed == 0, "".join(wrong)


PAGES = [EXAMPLES / "seed.md", EXAMPLES / "modules.md", EXAMPLES / "arrays.md", EXAMPLES.parent / "README.md"]
OLD_PAGES = {"variables_0_1.md": "0.1", "gradients_0_4.md": "0.4"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_right_about_pytorch(page: Path, torch: object) -> None:
    check(cells(page), page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_right_about_tgrad(page: Path) -> None:
    check(cells(page, "tgrad"), page)


def test_transcript_of_the_seed_document() -> None:
    """The transcript holds every output that the document promises, in its order."""
    transcript = run([*TGRAD, "run", "--echo", "seed.md"])
    position = 0
    for example in cells(EXAMPLES / "seed.md"):
        want = example.want.strip("\n")
        position = transcript.find(want, position)
        assert position >= 0, f"{want!r} is missing from\n{transcript}"
        position += len(want)


@pytest.mark.parametrize("page", OLD_PAGES)
def test_old_pages_in_their_own_dialect(page: str) -> None:
    """Pages from before PyTorch's present echo: the dialect is found by itself, and each promised output comes."""
    document = documents.read(str(EXAMPLES / page))
    assert document.dialect == OLD_PAGES[page]
    transcript = run([*TGRAD, "run", "--echo", page])
    position = 0
    wanted = [cell.expected.strip("\n") for cell in document.cells if cell.expected and cell.expected.strip()]
    assert len(wanted) >= 3
    for want in wanted:
        position = transcript.find(want, position)
        assert position >= 0, f"{want!r} is missing from\n{transcript}"
