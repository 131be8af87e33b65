"""Notebook lines become Python of the same number of lines, and what is not run is said."""

from __future__ import annotations

import pytest

from tgrad.cli.magics import translate


@pytest.mark.parametrize(
    ("code", "python", "notes"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1", []),
        ("x = 1\n!pip install y\nz = 2", "x = 1\npass\nz = 2", ["not run (shell): pip install y"]),
        ("%pip install y", "pass", ["not run (shell): pip install y"]),
        ("%cd data", "pass", ["not run (shell): cd data"]),
        ("%who", "pass", ["not run (magic): %who"]),
        ("files = !ls", "files = []", ["not run (shell): ls"]),
        ("if x:\n    !ls\n    y = 1", "if x:\n    pass\n    y = 1", ["not run (shell): ls"]),
        ("%time y = f(x)", "y = f(x)", []),
        ("%timeit -n 100 -r5 f(x)", "f(x)", []),
        ("%%time\nx = 1\nx", "pass\nx = 1\nx", []),
        ("%%bash\nls\nrm x", "pass", ["not run (%%bash cell)"]),
        ("%%time\n!ls", "pass\npass", ["not run (shell): ls"]),
        ("torch.add?", "help(torch.add)", []),
        ("?torch.add", "help(torch.add)", []),
        ("x = 7\ny = (x\n% 3)", "x = 7\ny = (x\n% 3)", []),
        ('s = """\n!ls\n"""', 's = """\n!ls\n"""', []),
        ('!ls\ns = """\n!ls\n%who\n"""', 'pass\ns = """\n!ls\n%who\n"""', ["not run (shell): ls"]),
        ("x = = 1", "x = = 1", []),
        ("", "", []),
    ],
)
def test_translate(code: str, python: str, notes: list[str]) -> None:
    translated = translate(code)
    assert (translated.code, translated.notes) == (python, notes)
