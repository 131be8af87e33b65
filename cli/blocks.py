"""Finds the blocks of a text document: fences, Jekyll highlights, directives, ``>>>`` and ``In [1]:`` passages.

Only the outer shape is read here; which lines of a block are code is settled in ``mixed``.
"""

from __future__ import annotations

import html
import re
import textwrap
from dataclasses import dataclass
from typing import Literal

Kind = Literal["code", "prompts", "transcript", "indented", "prose"]

_FENCE = re.compile(r"^(?P<indent>\s*(?:(?:[-*+]|\d+[.)])\s+)?)(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)$")
_HIGHLIGHT = re.compile(r"^\s*\{%-?\s*highlight\s+(?P<info>.*?)-?%\}\s*$")
_END_HIGHLIGHT = re.compile(r"^\s*\{%-?\s*endhighlight\s*-?%\}\s*$")
_DIRECTIVE = re.compile(
    r"^(?P<indent>\s*)\.\.\s+(?:code-block|code|sourcecode|ipython|testcode|jupyter-execute)::\s*(?P<info>[\w+-]*)\s*$"
)
_PRE = re.compile(r"^\s*<pre(?P<attrs>[^>]*)>\s*(?:<code(?P<inner>[^>]*)>)?(?P<rest>.*)$", re.IGNORECASE)
IN = re.compile(r"^\s*In\s?\[\s*(?:\d+|\*)?\s*\]\s?:(?: (?P<code>.*)|\s*)$")
_PROMPT = re.compile(r"^\s*>>>(?: |$|\w)")


@dataclass
class Block:
    """``lines`` without the common indentation; ``line`` is where the first of them stands, counted from 1.

    ``depth`` is how far the block is indented: its fence, or the text itself where there is none.
    """

    kind: Kind
    lines: list[str]
    line: int
    info: str = ""
    depth: int = 0


def language(info: str) -> str:
    """The language that a fence names: ``{python, echo=FALSE}`` and ``{.python .x}`` -> ``python``; '' for none."""
    words = re.findall(r"[A-Za-z][\w+#-]*", info)
    if words and words[0].lower() in {"code-cell", "code", "class", "lang"}:
        words = words[1:]
    return words[0].lower().removeprefix("language-") if words else ""


def find_blocks(text: str) -> list[Block]:
    """The blocks of a text in order, prose between them included."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines = text.expandtabs(4).split("\n")
        self.i = 0
        self.blocks: list[Block] = []

    def scan(self) -> list[Block]:
        self._skip_front_matter()
        while self.i < len(self.lines):
            line = self.lines[self.i]
            if not line.strip():
                self.i += 1
            elif not (
                self._fence(line)
                or self._highlight(line)
                or self._directive(line)
                or self._pre(line)
                or self._transcript(line)
                or self._prompts(line)
                or self._indented(line)
            ):
                self._prose(line)
        return self.blocks

    def _skip_front_matter(self) -> None:
        if self.lines and self.lines[0].rstrip() == "---":
            for i in range(1, len(self.lines)):
                if self.lines[i].rstrip() in {"---", "..."}:
                    self.i = i + 1
                    return

    def _add(self, kind: Kind, begin: int, end: int, info: str = "") -> None:
        lines = textwrap.dedent("\n".join(self.lines[begin:end])).split("\n") if end > begin else []
        self.blocks.append(Block(kind, lines, begin + 1, info.strip(), _depth(self.lines[self.i])))

    def _until(self, closes: re.Pattern[str], begin: int) -> int:
        return next((i for i in range(begin, len(self.lines)) if closes.match(self.lines[i])), len(self.lines))

    def _fence(self, line: str) -> bool:
        fence = _FENCE.match(line)
        if not fence:
            return False
        mark = fence["mark"]
        end = self._until(re.compile(rf"^\s*{mark[0]}{{{len(mark)},}}\s*$"), self.i + 1)
        self._add("code", self.i + 1, end, fence["info"])
        self.i = end + 1
        return True

    def _highlight(self, line: str) -> bool:
        begin = _HIGHLIGHT.match(line)
        if not begin:
            return False
        end = self._until(_END_HIGHLIGHT, self.i + 1)
        self._add("code", self.i + 1, end, begin["info"])
        self.i = end + 1
        return True

    def _directive(self, line: str) -> bool:
        directive = _DIRECTIVE.match(line)
        if not directive:
            return False
        depth = len(directive["indent"])
        begin = self.i + 1
        while begin < len(self.lines) and re.match(r"^\s+:[\w-]+:", self.lines[begin]):
            begin += 1
        end = begin
        while end < len(self.lines) and (not self.lines[end].strip() or _depth(self.lines[end]) > depth):
            end += 1
        while begin < end and not self.lines[begin].strip():
            begin += 1
        self._add("code", begin, end, directive["info"])
        self.i = end
        return True

    def _pre(self, line: str) -> bool:
        pre = _PRE.match(line)
        if not pre:
            return False
        end = min(self._until(re.compile(r".*</pre>", re.IGNORECASE), self.i), len(self.lines) - 1)
        raw = [pre["rest"], *self.lines[self.i + 1 : end + 1]] if end > self.i else [pre["rest"]]
        body = re.sub(r"</?[a-zA-Z][^>]*>", "", re.split(r"(?i)</(?:code|pre)>", "\n".join(raw))[0])
        named = re.search(r"(?:language-|lang=[\"']?)([\w+-]+)", (pre["attrs"] or "") + (pre["inner"] or ""))
        self.blocks.append(Block("code", html.unescape(body).split("\n"), self.i + 1, named[1] if named else ""))
        self.i = end + 1
        return True

    def _transcript(self, line: str) -> bool:
        if not IN.match(line):
            return False
        end = self.i + 1
        while end < len(self.lines) and not IN.match(self.lines[end]) and not _FENCE.match(self.lines[end]):
            end += 1
        self._add("transcript", self.i, end)
        self.i = end
        return True

    def _prompts(self, line: str) -> bool:
        if not _PROMPT.match(line):
            return False
        begin = end = self.i
        opened = 0
        while end < len(self.lines):
            here = self.lines[end]
            opened += sum(map(here.count, "([{")) - sum(map(here.count, ")]}"))
            if not here.strip() and opened <= 0:
                following = next((text for text in self.lines[end:] if text.strip()), "")
                if not _PROMPT.match(following):
                    break
                opened = 0
            elif _FENCE.match(here):
                break
            end += 1
        self._add("prompts", begin, end)
        self.i = end
        return True

    def _indented(self, line: str) -> bool:
        before_blank = self.i == 0 or not self.lines[self.i - 1].strip() or self._after_block()
        if _depth(line) < 4 or not before_blank:
            return False
        end = self.i
        while end < len(self.lines) and (not self.lines[end].strip() or _depth(self.lines[end]) >= 4):
            if _FENCE.match(self.lines[end]):
                break  # not code, but a paragraph of something that is indented as a whole
            end += 1
        stop = end
        while not self.lines[stop - 1].strip():
            stop -= 1
        self._add("indented", self.i, stop)
        self.i = end
        return True

    def _after_block(self) -> bool:
        return bool(self.blocks) and self.blocks[-1].kind == "code"

    def _prose(self, line: str) -> None:
        if self.blocks and self.blocks[-1].kind == "prose":
            self.blocks[-1].lines.append(line)
        else:
            self.blocks.append(Block("prose", [line], self.i + 1))
        self.i += 1


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())
