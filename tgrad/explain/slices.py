"""From a name back to the lines that it was made on: which statements of a function a variable's value can come from."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from types import CodeType

Span = tuple[int, int]  # first and last line


def _function(code: CodeType) -> ast.AST | None:
    """The syntax tree of the function (or file) that a code object was compiled from."""
    source = "".join(linecache.getlines(code.co_filename))
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    if code.co_name == "<module>":
        return tree
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            first = min([node.lineno, *[d.lineno for d in getattr(node, "decorator_list", [])]])
            if code.co_firstlineno in (first, node.lineno) and getattr(node, "name", "<lambda>") == code.co_name:
                return node
    return None


def _own(tree: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a function, without those of functions inside it."""
    todo = list(ast.iter_child_nodes(tree))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo += ast.iter_child_nodes(node)


def names(node: ast.AST | None) -> set[str]:
    """The names in an expression; an attribute counts as "self.h" and as "self"."""
    found: set[str] = set()
    for part in ast.walk(node) if node is not None else ():
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            found.add(f"{part.value.id}.{part.attr}")
    return found


def _assigned(node: ast.stmt) -> tuple[set[str], set[str], Span] | None:
    """What a statement binds, what it reads for that, and its lines."""
    last = node.end_lineno or node.lineno
    match node:
        case ast.Assign(targets=targets, value=value):
            return set().union(*[names(t) for t in targets]), names(value), (node.lineno, last)
        case ast.AugAssign(target=target, value=value):
            return names(target), names(value) | names(target), (node.lineno, last)
        case ast.AnnAssign(target=target, value=value) if value is not None:
            return names(target), names(value), (node.lineno, last)
        case ast.For(target=target, iter=value):
            return names(target), names(value), (node.lineno, node.lineno)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):  # xs.append(x), x.add_(y)
            return {name}, names(node.value), (node.lineno, last)
        case ast.Return(value=value) if value is not None:
            return {"return"}, names(value), (node.lineno, last)
    return None


def lines_behind(code: CodeType, wanted: set[str]) -> list[Span]:
    """The lines that the values of the names can come from, in any order of running: [(first, last), ...]."""
    tree = _function(code)
    if tree is None:
        return []
    known = [found for found in map(_assigned, _own(tree)) if found is not None]
    wanted, spans = set(wanted), []
    todo = True
    while todo:
        todo = False
        for bound, read, span in known:
            if span not in spans and bound & wanted:
                spans.append(span)
                wanted |= read
                todo = True
    return sorted(spans)


def statement(code: CodeType, line: int) -> ast.stmt | None:
    """The innermost statement on a line."""
    tree = _function(code)
    found = None
    for node in _own(tree) if tree is not None else ():
        if node.lineno <= line <= (node.end_lineno or node.lineno) and (found is None or node.lineno >= found.lineno):
            found = node
    return found


def out_of_place(code: CodeType, line: int) -> str | None:
    """The line written so that it makes a new tensor: `h = h + 1` for `h += 1`, `h = h.add(1)` for `h.add_(1)`."""
    match statement(code, line):
        case ast.AugAssign(target=target, op=op, value=value):
            load = ast.parse(ast.unparse(target), mode="eval").body
            if isinstance(target, ast.Subscript):
                whole = ast.unparse(target.value)
                return f"{whole} = {whole}.clone()` before `{ast.unparse(target)} {_sign(op)}= {ast.unparse(value)}"
            return ast.unparse(ast.Assign([target], ast.BinOp(load, op, value), lineno=line))
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=of, attr=name), args=args, keywords=keywords)) if (
            name.endswith("_") and not name.endswith("__")
        ):
            call = ast.Call(ast.Attribute(of, name[:-1], ast.Load()), args, keywords)
            return f"{ast.unparse(of)} = {ast.unparse(call)}"
        case ast.Assign(targets=[ast.Subscript(value=of) as target], value=value):
            whole = ast.unparse(of)
            return f"{whole} = {whole}.clone()` before `{ast.unparse(target)} = {ast.unparse(value)}"
    return None


def _sign(op: ast.operator) -> str:
    return ast.unparse(ast.AugAssign(ast.Name("a"), op, ast.Name("b"))).split()[1][:-1]


__all__ = ["lines_behind", "names", "out_of_place", "statement"]
