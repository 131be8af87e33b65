"""Notebook transcripts in plain text: ``In [3]:``, the code, what it printed, and the prose up to the next ``In``."""

from __future__ import annotations

import re
import textwrap

from .blocks import IN
from .mixed import Piece, Scope, is_output, may_print, parse_is_empty, trim
from .statements import Chunk, completeness, parse, split_statements

_MORE = re.compile(r"^\s*\.{3,}:(?: (.*)|\s*)$")
_OUT = re.compile(r"^\s*Out\s?\[\s*\d*\s*\]\s?:\s?(.*)$")
_MARKDOWN = re.compile(r"^(?:#{1,6}\s|[-*+]\s+\S*[^\d\s.,\[\]-]|\d+[.)]\s+[^\d\s]|\$\$|\||>|!\[|\[.+\]\(|<br|---+$)")


def split_transcript(lines: list[str], first_line: int, scope: Scope) -> list[Piece]:
    """One ``In [n]:`` passage, ``lines[0]`` being its header. Several of them (in a fence) are split first."""
    starts = [i for i, line in enumerate(lines) if IN.match(line)]
    pieces: list[Piece] = []
    for begin, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        piece = _one(lines[begin:end], first_line + begin, scope)
        if piece.code.strip():
            scope.learn(piece.code)
            pieces.append(piece)
    return pieces


def _one(lines: list[str], first_line: int, scope: Scope) -> Piece:
    header = IN.match(lines[0])
    assert header is not None
    body = lines[1:]
    if header["code"]:
        return _inline(header["code"], body, first_line)
    while body and not body[0].strip():
        body, first_line = body[1:], first_line + 1
    if body and body[0][:1].isspace():
        body = textwrap.dedent("\n".join(body)).split("\n")
    size = _code_lines(body, scope)
    piece = Piece("\n".join(body[:size]).rstrip(), first_line + 1)
    _shown(piece, body[size:])
    return piece


def _inline(code: str, body: list[str], first_line: int) -> Piece:
    """IPython's own layout: code behind the header, more of it behind ``...:``."""
    size = 0
    while size < len(body):
        more = _MORE.match(body[size])
        if more:
            code += "\n" + (more[1] or "")
        elif completeness(code) == "incomplete" and body[size][:1].isspace():
            code += "\n" + body[size].strip()
        else:
            break
        size += 1
    piece = Piece(code.rstrip(), first_line)
    _shown(piece, body[size:])
    return piece


def _code_lines(body: list[str], scope: Scope) -> int:
    """How many lines at the top are code: the first paragraph, and each one after it that reads as code too."""
    end = _paragraph_end(body, 0)
    whole = end
    while completeness("\n".join(body[:whole])) == "incomplete" and whole < len(body):
        whole = _paragraph_end(body, whole)
    if completeness("\n".join(body[:whole])) != "incomplete":
        end = whole
    while True:
        following = _paragraph_end(body, end)
        # A comment, or a heading of the prose? What follows it decides.
        while following < len(body) and parse_is_empty("\n".join(body[end:following])):
            following = _paragraph_end(body, following)
        if following == end or not _is_code("\n".join(body[:end]), body[end:following], scope):
            grown = _unfinished_end(body, end, scope)
            if grown == end:
                return end
            following = grown
        end = following


def _unfinished_end(body: list[str], end: int, scope: Scope) -> int:
    """The end of a compound statement that begins in the next paragraph and has blank lines inside; else ``end``."""
    following = _paragraph_end(body, end)
    start = following
    while following < len(body) and completeness("\n".join(body[end:following])) == "incomplete":
        following = _paragraph_end(body, following)
    if following == start or not _is_code("\n".join(body[:end]), body[end:following], scope):
        return end
    return following


def _paragraph_end(lines: list[str], begin: int) -> int:
    """The index after the paragraph that begins at or after ``begin``; indented lines after a blank belong to it."""
    i = begin
    while i < len(lines) and not lines[i].strip():
        i += 1
    if i == len(lines):
        return begin
    while i < len(lines):
        if not lines[i].strip():
            after = next((line for line in lines[i:] if line.strip()), "")
            if not after[:1].isspace():
                break
        i += 1
    return i


def _is_code(above: str, lines: list[str], scope: Scope) -> bool:
    text = "\n".join(lines)
    if parse(text) is None or parse_is_empty(text):
        return False
    known = Scope(set(scope.names), scope.star)
    known.learn(above)
    printed = may_print(above)
    chunks: list[Chunk] = split_statements(text)
    for chunk in chunks:
        if is_output(chunk, known, printed, labelled=False):
            return False
        known.learn(chunk.code)
    return True


def _shown(piece: Piece, rest: list[str]) -> None:
    """The output under the code: ``Out[n]:`` if it is there, else the paragraphs before the prose."""
    marked = next((i for i, line in enumerate(rest) if _OUT.match(line)), None)
    if marked is not None:
        before, out = rest[:marked], _OUT.match(rest[marked])
        assert out is not None
        piece.add_output([*before, *([out[1]] if out[1] else []), *_paragraphs(rest[marked + 1 :], bool(out[1]))])
    elif may_print(piece.code):
        piece.add_output(_paragraphs(rest, False))


def _paragraphs(lines: list[str], begun: bool) -> list[str]:
    """Lines up to the first that reads as prose, or to two blank lines once something was shown."""
    kept: list[str] = []
    opened = 0
    for i, line in enumerate(lines):
        if not line.strip():
            gap = i + 1 < len(lines) and not lines[i + 1].strip()
            if opened <= 0 and gap and (begun or trim(kept)):
                break
        elif opened <= 0 and _MARKDOWN.match(line):
            break
        opened += sum(map(line.count, "([")) - sum(map(line.count, ")]"))
        kept.append(line)
    return kept
