"""Cutting source into statements: what a piped prompt, mixed documents and the transcript stand on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgrad.cli.render import prompted
from tgrad.cli.statements import StatementReader, completeness, split_statements


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("x = 1", "complete"),
        ("", "complete"),
        ("if x:", "incomplete"),
        ("f(1,", "incomplete"),
        ("'''text", "incomplete"),
        ("try:\n    x", "incomplete"),
        ("@decorator", "incomplete"),
        ("for i in x:\n    y", "complete"),
        ("print(y)x", "invalid"),
        ("%matplotlib inline", "complete"),
        ("x = 1\n!pip install y", "complete"),
        ("x %% y", "invalid"),
    ],
)
def test_completeness(code: str, state: str) -> None:
    assert completeness(code) == state


def feed(text: str) -> list[tuple[str, int]]:
    reader = StatementReader()
    chunks = [chunk for line in text.split("\n") for chunk in reader.push(line)]
    return [(chunk.code, chunk.line) for chunk in chunks + reader.flush()]


def test_simple_statements_come_at_once() -> None:
    reader = StatementReader()
    assert [chunk.code for chunk in reader.push("x = 1")] == ["x = 1"]
    assert not reader.waiting


def test_a_block_waits_for_the_next_statement() -> None:
    reader = StatementReader()
    assert reader.push("def f():") == []
    assert reader.push("    a = 1") == []
    assert reader.push("") == []
    assert reader.push("    return a") == []
    assert [chunk.code for chunk in reader.push("f()")] == ["def f():\n    a = 1\n\n    return a", "f()"]


def test_else_belongs_to_its_if() -> None:
    text = "if a:\n    b\nelse:\n    c\ntry:\n    d\nexcept E:\n    e\nf"
    assert feed(text) == [
        ("if a:\n    b\nelse:\n    c", 1),
        ("try:\n    d\nexcept E:\n    e", 5),
        ("f", 9),
    ]


def test_brackets_and_strings_may_reach_the_margin() -> None:
    text = 'x = [\n1,\n]\ny = """\nz = 1\n"""\nz'
    assert [code for code, _ in feed(text)] == ["x = [\n1,\n]", 'y = """\nz = 1\n"""', "z"]


def test_one_broken_class_is_one_chunk() -> None:
    text = "class A:\n    def f(self.x):\n        y = 1\n\n        return y\n    z = 2\nw = 3"
    chunks = split_statements(text)
    assert [(chunk.line, chunk.valid) for chunk in chunks] == [(1, False), (7, True)]


def test_decorators_and_comments_stay_with_their_function() -> None:
    text = "# about f\n@wraps\ndef f():\n    pass\n\n# about g\ng = 1"
    assert [code for code, _ in feed(text)] == ["# about f\n@wraps\ndef f():\n    pass", "# about g\ng = 1"]


def test_statements_on_one_line_stay_together() -> None:
    assert [chunk.code for chunk in split_statements("a = 1; b = 2\nc = 3")] == ["a = 1; b = 2", "c = 3"]


PIECES = [
    "x = 1",
    "f(x)",
    "if x:\n    y = 2\nelse:\n    y = 3",
    "def g(a):\n    b = a\n\n    return b",
    "# note\nz = (1,\n 2)",
]


@given(st.lists(st.sampled_from(PIECES), max_size=6), st.lists(st.integers(0, 2), min_size=6, max_size=6))
def test_line_by_line_and_at_once_agree(pieces: list[str], gaps: list[int]) -> None:
    text = "\n".join(piece + "\n" * gap for piece, gap in zip(pieces, gaps))
    assert [code for code, _ in feed(text)] == pieces
    assert [chunk.code for chunk in split_statements(text)] == pieces


def test_prompts_for_a_transcript() -> None:
    code = "# first\nx = f(1,\n      2)\n\nfor i in x:\n    # inside\n    print(i)\n\n    y = i\nx"
    assert prompted(code).split("\n") == [
        ">>> # first",
        ">>> x = f(1,",
        "...       2)",
        ">>>",
        ">>> for i in x:",
        "...     # inside",
        "...     print(i)",
        "...",
        "...     y = i",
        ">>> x",
    ]
