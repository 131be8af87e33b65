"""Tells code from what it printed, in text that mixes the two.

Nothing here knows a particular document. Whether a line is code is asked of Python's compiler first; where a printed
value happens to be Python too (``tensor([1.])``, ``True``), the names decide: a document never defines ``tensor``, and
a bare literal after a line that prints is what was printed.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import re
from dataclasses import dataclass, field

from .statements import Chunk, completeness, parse, split_statements

SESSION_NAMES = frozenset({"torch", "nn", "F", "optim", "np", "Variable", "_", "__", "___"})
_ECHO_CALLS = frozenset({"torch.Size", "Size"})
_NOT_OPENERS = frozenset({"True", "False", "None", "not", "and", "or", "in", "is", "else"})
_ASSIGNMENT = re.compile(r"[A-Za-z_][\w.\[\], ]*(?::[^=]+)?[-+*/@%&|^]?=(?!=)\s*\S")
_MODULE = re.compile(r"\w+\(\n\s+\(\w+\): ")  # how a module prints: a name in brackets for each of its parts
_CALL = re.compile(r"([A-Za-z_]\w*)[\w.]*\s*\(")


@dataclass
class Piece:
    """Code, the line where it begins, and the lines that the document shows under it (None: it shows nothing)."""

    code: str
    line: int
    output: list[str] | None = None
    prompt: bool = False

    def add_output(self, lines: list[str]) -> None:
        text = trim(lines)
        if text:
            self.output = text if self.output is None else [*self.output, "", *text]


@dataclass
class Scope:
    """The names that a document has bound so far."""

    names: set[str] = field(default_factory=lambda: set(SESSION_NAMES) | set(dir(builtins)))
    star: bool = False

    def learn(self, code: str) -> None:
        tree = parse(code)
        if tree is None:
            self.names.update(re.findall(r"^(?:class|def)\s+(\w+)", code, re.MULTILINE))
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.names.add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.names.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    self.star |= alias.name == "*"
                    self.names.add((alias.asname or alias.name).split(".")[0])

    def knows(self, name: str) -> bool:
        return self.star or name in self.names


def trim(lines: list[str]) -> list[str]:
    """Without the blank lines at both ends, and without spaces at the ends of lines."""
    text = [line.rstrip() for line in lines]
    while text and not text[0]:
        text.pop(0)
    while text and not text[-1]:
        text.pop()
    return text


def may_print(code: str) -> bool:
    """Whether running ``code`` can show anything: it prints, or ends in an expression."""
    tree = parse(code)
    if tree is None or not tree.body:
        return tree is None
    if isinstance(tree.body[-1], ast.Expr):
        return True
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(isinstance(function, ast.Name) and function.id == "print" for function in calls)


def _is_constant_name(node: ast.expr, scope: Scope) -> bool:
    """``float32``, ``inf`` or ``torch.int64``, as they stand in the text of an array."""
    if isinstance(node, ast.Name):
        return not scope.knows(node.id)
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "torch"


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_literal(node.operand)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return all(
            _is_literal(item) or (isinstance(item, ast.Name) and item.id in {"nan", "inf"}) for item in node.elts
        )
    if isinstance(node, ast.Dict):
        return all(key is not None and _is_literal(key) for key in node.keys) and all(map(_is_literal, node.values))
    return isinstance(node, ast.Constant)


def _is_printed_value(node: ast.expr, scope: Scope) -> bool:
    """``tensor([1., 2.])``, ``device(type='cpu')``: a call of a name nobody defined, on values all the way down."""
    if isinstance(node, ast.Tuple | ast.List) and node.elts:
        printed = [_is_printed_value(item, scope) for item in node.elts]
        return any(printed) and all(p or _is_literal(item) for p, item in zip(printed, node.elts))
    if not isinstance(node, ast.Call):
        return False
    values = [*node.args, *(k.value for k in node.keywords)]
    plain = all(_is_literal(v) or _is_printed_value(v, scope) or _is_constant_name(v, scope) for v in values)
    if not plain:
        return False
    if ast.unparse(node.func) in _ECHO_CALLS:
        return True
    return isinstance(node.func, ast.Name) and not scope.knows(node.func.id)


def _unknown_names(node: ast.AST, scope: Scope) -> bool:
    own = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}
    return any(isinstance(n, ast.Name) and n.id not in own and not scope.knows(n.id) for n in ast.walk(node))


def is_output(chunk: Chunk, scope: Scope, printed: bool, labelled: bool) -> bool:
    """Whether a chunk is something printed rather than code.

    ``printed``: the code above it can have printed something; ``labelled``: the document calls the block Python, so
    that a doubtful line counts as code.
    """
    tree = parse(chunk.code)
    if tree is None:
        return printed and not _is_attempt(chunk.code, scope)
    if not tree.body:
        return False
    if not all(isinstance(node, ast.Expr) for node in tree.body):
        node = tree.body[0]
        # "Accuracy: 0.9" is an annotation to Python, and a result to everybody else.
        return isinstance(node, ast.AnnAssign) and node.value is None and isinstance(node.annotation, ast.Constant)
    values = [node.value for node in tree.body if isinstance(node, ast.Expr)]
    if all(_is_printed_value(value, scope) for value in values):
        return printed or not any(ast.unparse(v.func) in _ECHO_CALLS for v in values if isinstance(v, ast.Call))
    if all(_is_literal(value) for value in values):
        return printed
    if labelled:
        return False
    return any(_unknown_names(value, scope) and not isinstance(value, ast.Call) for value in values)


def _is_attempt(code: str, scope: Scope) -> bool:
    """Whether text that does not compile was meant as code: a keyword, an assignment or a call of a known name."""
    line = next((line for line in code.split("\n") if line.strip() and not line.lstrip().startswith("#")), "")
    word = re.match(r"[A-Za-z_]\w*", line)
    if line.startswith("@") or (word and word[0] in {"print", "exec"}):
        return True
    if word and keyword.iskeyword(word[0]) and word[0] not in _NOT_OPENERS:
        return True
    if _ASSIGNMENT.match(line):
        return True
    if _MODULE.match(code):
        return False
    call = _CALL.match(line)
    return bool(call and scope.knows(call[1]))


def looks_like_python(code: str, scope: Scope) -> bool:
    """For a block without a label: whether it begins with code that the document can be expected to run."""
    chunks = split_statements(code)
    if not chunks or not chunks[0].valid:
        return False
    tree = parse(chunks[0].code)
    if tree is None or not tree.body:
        return bool(chunks[1:]) and looks_like_python("\n".join(c.code for c in chunks[1:]), scope)
    node = tree.body[0]
    if not isinstance(node, ast.Expr):
        return not (isinstance(node, ast.AnnAssign) and node.value is None)
    return not _is_literal(node.value) and not _unknown_names(node.value, scope)


def split_plain(lines: list[str], first_line: int, scope: Scope, labelled: bool, printed: bool = False) -> list[Piece]:
    """Text without prompts: runs of code, each followed by what it printed, if the document shows that.

    ``printed``: code before this text has printed something that the document has not shown yet. Output at the top
    of the text comes back as a piece without code.
    """
    pieces: list[Piece] = []
    run: list[Chunk] = []

    def close() -> None:
        if run:
            begin, end = run[0].line - first_line, run[-1].line - first_line + run[-1].code.count("\n") + 1
            pieces.append(Piece("\n".join(lines[begin:end]), run[0].line))
            run.clear()

    shown: list[str] = []
    for chunk in split_statements("\n".join(lines), first_line):
        above = run[-1].code if run else (pieces[-1].code if pieces else "")
        # At the top of a block that may well be what the block before has printed, its label decides nothing.
        trusted = labelled and (bool(above) or not printed)
        if is_output(chunk, scope, may_print(above) if above else printed, trusted):
            close()
            if pieces:
                pieces[-1].add_output(chunk.code.split("\n"))
            else:
                shown += chunk.code.split("\n")
            continue
        run.append(chunk)
        scope.learn(chunk.code)
    close()
    if shown:
        pieces.insert(0, Piece("", first_line, trim(shown)))
    return pieces


def prompt_of(lines: list[str]) -> str | None:
    """``>>>`` or ``>>`` if the text uses such a prompt. Two brackets count only where Python makes no sense of them."""
    if any(line.startswith(">>>") for line in lines):
        return ">>>"
    if any(re.match(r">> ?\S", line) for line in lines) and parse("\n".join(lines)) is None:
        return ">>"
    return None


def split_prompts(lines: list[str], first_line: int, scope: Scope, prompt: str, fenced: bool = True) -> list[Piece]:
    """Text with prompts: one piece per prompt, the lines under it are its output.

    In a fenced block code may also stand without a prompt: before the first one, or after a blank line.
    """
    more = re.compile(r"\.{3}(?: (.*)|$)" if prompt == ">>>" else r"\.{2,3}(?: (.*)|$)")
    ask = re.compile(re.escape(prompt) + r"(?!>)(?: ?(.*))$")
    pieces: list[Piece] = []
    in_code = False
    i = 0
    while i < len(lines):
        line = lines[i]
        asked = ask.match(line)
        current = pieces[-1] if pieces else None
        if asked:
            text = asked[1] or ""
            goes_on = in_code and current is not None and completeness(current.code) == "incomplete"
            only_comment = current is not None and in_code and parse_is_empty(current.code)
            if current is not None and ((goes_on and (not text or text[0].isspace())) or only_comment):
                current.code += "\n" + text
            elif text.strip():
                pieces.append(Piece(text, first_line + i, prompt=True))
            in_code = True
        elif in_code and current is not None and (cont := more.match(line)):
            current.code += "\n" + (cont[1] or "")
        elif in_code and current is not None and _goes_on(line, current):
            current.code += "\n" + line
        else:
            in_code = False
            end = next((j for j in range(i, len(lines)) if ask.match(lines[j])), len(lines))
            after_blank = i == 0 or not lines[i - 1].strip()
            if fenced and line.strip() and after_blank and _resumes(lines[i:end], current, scope):
                pieces += split_plain(lines[i:end], first_line + i, scope, labelled=False)
                i = end
                continue
            if current is not None:
                current.output = [*(current.output or []), line]
        i += 1
    for piece in pieces:
        piece.code = piece.code.rstrip()
        if piece.output is not None:
            piece.output = trim(piece.output) or None
        scope.learn(piece.code)
    return pieces


def parse_is_empty(code: str) -> bool:
    """Comments only."""
    tree = parse(code)
    return tree is not None and not tree.body


def _goes_on(line: str, piece: Piece) -> bool:
    """Whether an unprompted line continues an unfinished statement: indented, or after an open bracket."""
    if completeness(piece.code) != "incomplete":
        return False
    return not line.strip() or line[0].isspace() or line[0] in ")]}" or bool(re.search(r"[(\[{,\\]\s*$", piece.code))


def _resumes(lines: list[str], above: Piece | None, scope: Scope) -> bool:
    """After a prompt's output, a bare expression is more output; a statement that binds or prints is code again."""
    if not looks_like_python("\n".join(lines), scope):
        return False
    if above is None:
        return True
    tree = parse(split_statements("\n".join(lines))[0].code)
    if tree is None or not tree.body:
        return True
    node = tree.body[0]
    if not isinstance(node, ast.Expr):
        return True
    return isinstance(node.value, ast.Call) and ast.unparse(node.value.func) not in _ECHO_CALLS
