"""Hangs public functions and Tensor methods on their names, from the rows.

For each row: `record` (the row's own arguments, over Tensors; what derivatives call), and, where the row is public, the
function, the method, the in-place method `name_` and the aliases. Composites join through the `composite` decorator.

Note [Generated functions]
A public function has PyTorch's signature as a plain Python one, which Python binds fastest. For `cumsum`:

    def cumsum(input, dim, *, dtype=None, out=None, **kw):
        if kw: return rebind(cumsum, (input, dim), dict(dtype=dtype, out=out), kw)
        r = row.record(input, dim, dtype=dtype)
        return r if out is None else into(out, r, 'cumsum')

`kw` is there for numpy's spellings (axis, keepdims, x, x1, x2), which PyTorch accepts, and for `self=`.
"""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Callable
from typing import Any

from numpy.lib.array_utils import byte_bounds

from . import functions
from .dispatch import WRONG_OUT, bad_argument, exact_into, inplace, into, no_overload, pointwise, typed_into
from .fast import fast_binary, fast_unary
from .ops import ROWS
from .ops.spec import BOOL, CASTS, DEFAULT, REAL, REQUIRED, Param, Row, signature_of
from .prepared import prepare
from .storage import overlaps_itself
from .tensor import Tensor

NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "a": "input", "x1": "input", "x2": "other"}


def publish(name: str, fn: Callable[..., Any]) -> None:
    setattr(functions, name, fn)


def attach(name: str, fn: Any) -> None:
    setattr(Tensor, name, fn)


COMPOSITES: list[Callable[..., Any]] = []  # those that hang under no name as well


def composite(
    name: str | None = None, *, method: bool = False, function: bool = True, aliases: str = "", rename: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: publishes a function made of other ops under its own name, as a function, a method, or both."""

    def hang(fn: Callable[..., Any]) -> Callable[..., Any]:
        public = name or fn.__name__
        wrapped = tolerant(fn)
        wrapped.__name__ = public
        COMPOSITES.append(wrapped)
        for n in (public, *aliases.split()):
            if function:
                publish(n, wrapped)
            if method:
                attach(n, wrapped)
        return wrapped

    return hang


def tolerant(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a plain function PyTorch's tolerance for other spellings of keywords, at no cost to calls without them."""
    names = fn.__code__.co_varnames[: fn.__code__.co_argcount + fn.__code__.co_kwonlyargcount]

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            return fn(*args)
        for key in [k for k in kwargs if k not in names]:
            new = NUMPY_NAMES.get(key, key)
            if new not in names and new in ("input", "self"):
                new = names[0]
            if new in names and new not in kwargs:
                kwargs[new] = kwargs.pop(key)
        return fn(*args, **kwargs)

    return call


def rebind(fn: Callable[..., Any], name: str, given: dict[str, Any], kw: dict[str, Any]) -> Any:
    """Calls `fn` again with the keywords that Python could not place, renamed as PyTorch would; TypeError if unknown."""
    for key, value in kw.items():
        new = "input" if key == "self" else NUMPY_NAMES.get(key, key)
        if new not in given or given[new] is not REQUIRED:
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
        given[new] = value
    return fn(**given)


def missing(name: str, words: list[str]) -> TypeError:
    listed = ", ".join(f'"{w}"' for w in words)
    noun = "arguments" if len(words) == 1 else "argument"  # PyTorch has it the other way round, too
    return TypeError(f"{name}() missing {len(words)} required positional {noun}: {listed}")


def ints(values: tuple[Any, ...]) -> Any:
    """The sizes given as `f(2, 3)` or as `f((2, 3))`."""
    if len(values) == 1 and not hasattr(values[0], "__index__") and values[0] is not None:
        return tuple(values[0])
    if len(values) == 1 and isinstance(values[0], (tuple, list)):
        return tuple(values[0])
    return values


def _signature(row: Row, form: str) -> tuple[str, list[Param]]:
    """Source of the parameter list for `function` (with out=) or `inplace`."""
    parts, keyword = [], False
    params = list(row.params)
    for p in params:
        name = "input" if p.name == "self" else p.name
        if p.variadic:
            parts.append("*" + name)
            keyword = True
            continue
        if p.keyword and not keyword:
            parts.append("*")
            keyword = True
        parts.append(f"{name}=REQUIRED" if p.default is REQUIRED else f"{name}={p.default!r}")
    if form == "function":
        if not keyword:
            parts.append("*")
        parts.append("out=None")
    parts.append("**kw")
    return ", ".join(parts), params


def _build(row: Row, name: str, form: str) -> Callable[..., Any]:
    """One generated function; see Note [Generated functions]."""
    if row.family == "view" and form == "function":
        form = "view"
    signature, params = _signature(row, form)
    words = ["input" if p.name == "self" else p.name for p in params]
    required = [w for w, p in zip(words, params, strict=True) if p.default is REQUIRED and not p.variadic]
    variadic = next((w for w, p in zip(words, params, strict=True) if p.variadic), None)
    tensors = ["input" if t == "self" else t.rstrip("*") for t in row.tensors]
    statics = [w for w in words if w not in tensors]
    lines = [f"def {name}({signature}):"]
    given = ", ".join(f"{w}={w}" for w in words if w != variadic)
    if form == "function":
        given += ", out=out"
    if variadic:
        lines += [
            f"    if kw and not {variadic} and {variadic!r} in kw: {variadic} = (kw.pop({variadic!r}),)",
            f"    {variadic} = ints({variadic})",
        ]
        lines.append(
            f"    if kw: raise TypeError('{name}() got an unexpected keyword argument ' + repr(next(iter(kw))))"
        )
    else:
        lines.append(f"    if kw: return rebind({name}, {name!r}, dict({given}), kw)")
    if required:
        test = " or ".join(f"{w} is REQUIRED" for w in required)
        pairs = ", ".join(f"({w!r}, {w})" for w in required)
        absent = f"missing({name!r}, [w for w, v in ({pairs},) if v is REQUIRED])"
        if row.overloads:
            absent = f"no_overload({name!r}, {', '.join(words)})"
        lines.append(f"    if {test}: raise {absent}")
    strict = [w for t, w in zip(row.tensors, tensors, strict=True) if t not in row.numbers]
    if row.family == "pointwise" and row.overloads and not strict:
        none = " or ".join(f"isinstance({w}, Tensor)" for w in tensors)
        lines.append(f"    if not ({none}): raise no_overload({name!r}, {', '.join(words)})")
    if row.family == "pointwise":
        for w in strict:
            wrong = f"bad_argument({name!r}, {words.index(w) + 1}, {w!r}, {w})"
            if row.overloads:
                wrong = f"no_overload({name!r}, {', '.join(words)})"
            lines.append(f"    if not isinstance({w}, Tensor): raise {wrong}")
    packed = "{" + ", ".join(f"{w!r}: {w}" for w in statics) + "}"
    inputs = "(" + "".join(f"{t}, " for t in tensors) + ")"
    if form == "inplace":
        lines.append(f"    r = inplace(row, {inputs}, {packed})")
    elif row.family == "pointwise":
        lines.append(f"    r = pointwise(row, {inputs}, {packed})")
    else:
        for t, w in zip(row.tensors, tensors, strict=True):
            kind, want = ("LISTS", "tuple of Tensors") if t.endswith("*") else ("Tensor", "Tensor")
            wrong = f"bad_argument({name!r}, {words.index(w) + 1}, {w!r}, {w}, {want!r})"
            lines.append(f"    if not isinstance({w}, {kind}): raise {wrong}")
        lines.append(f"    r = row.record({_array_call(row)})")
        if form == "function" and row.apart:
            lines.append(f"    if out is not None: apart(out, {inputs}, r)")
    pack = _packer(row, form)
    packed = "r" if pack is None else "pack(r)"
    if form == "function":
        lines += [f"    if out is None: return {packed}", f"    return put(out, {packed})"]
    elif form == "view" or form == "inplace":
        lines.append(f"    return {packed}")
    scope: dict[str, Any] = {"REQUIRED": REQUIRED, "row": row, "pointwise": pointwise, "inplace": inplace}
    scope.update(Tensor=Tensor, bad_argument=bad_argument, no_overload=no_overload)
    scope.update(rebind=rebind, missing=missing, ints=ints, pack=pack, put=functools.partial(_put, row, name))
    scope.update(apart=apart, LISTS=(tuple, list))
    source = "\n".join(lines)
    exec(compile(source, f"<function {name}>", "exec"), scope)
    fn = scope[name]
    fn.__module__, fn.__qualname__, fn.row = "tgrad", name, row
    fn.__doc__ = describe(row, name, form)
    return fn


def _array_call(row: Row) -> str:
    """The arguments of `record`, which stand in the order of the array function."""
    names = [(p.name, "input" if p.name == "self" else p.name) for p in signature_of(row.array)]
    return ", ".join(
        f"{own}={word}" if p.keyword else word for p, (own, word) in zip(signature_of(row.array), names, strict=True)
    )


def _packer(row: Row, form: str) -> Callable[[Any], Any] | None:
    """What makes a row's outputs the value to return; None where they are that already."""
    if form == "inplace":
        return None
    if row.outputs:
        made = return_type(row.name.partition(".")[0], row.outputs)
        return lambda r: made(r)
    if row.family == "view":
        return lambda r: tuple(r) if type(r) is list else r
    return None


def apart(out: Any, inputs: tuple[Any, ...], result: Any) -> None:
    """Refuses to write into `out=` tensors that share memory with what was read. (An index may be overwritten as a whole:
    PyTorch reads each of its elements before it writes there.)"""
    outs = out if isinstance(out, (tuple, list)) else (out,)
    results = result if isinstance(result, (tuple, list)) else (result,)
    for o, r in zip(outs, results, strict=False):
        if isinstance(o, Tensor):
            _apart(o, inputs, r._a.nbytes)


def _apart(out: Tensor, inputs: tuple[Any, ...], nbytes: int) -> None:
    low = out.data_ptr() if out._a.size else 0
    high = low + nbytes  # what the tensor covers once it is resized to the result
    for k, x in enumerate(inputs):
        for t in x if isinstance(x, (tuple, list)) else (x,):
            if not isinstance(t, Tensor):
                continue
            same = out._a.shape == t._a.shape and out.data_ptr() == t.data_ptr()
            if k > 0 and same and t._a.dtype.kind == "i":
                continue
            start, end = byte_bounds(t._a)
            if out is t or (out._a.size and t._a.size and start < high and low < end):
                raise RuntimeError(
                    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
                    "memory location. Please clone() the tensor before performing the operation."
                )
    if overlaps_itself(out._a):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )


def _put(row: Row, name: str, out: Any, result: Any) -> Any:
    if row.family == "pointwise" and len(row.tensors) == 1:
        if row.kind in (DEFAULT, REAL):
            return exact_into(out, result, name)
        if row.kind == BOOL and not row.inplace and isinstance(out, Tensor) and out.dtype is not result.dtype:
            raise RuntimeError(f"{name} does not support non-boolean outputs.")
    if isinstance(result, tuple):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"{name}(): argument 'out' must be tuple of Tensors, not {type(out).__name__}")
        return type(result)([_put_one(row, name, o, r) for o, r in zip(out, result, strict=True)])
    return _put_one(row, name, out, result)


def _put_one(row: Row, name: str, out: Any, result: Tensor) -> Tensor:
    if row.family != "op" or row.out == CASTS:
        return into(out, result, name)
    return typed_into(out, result, name, row.out or WRONG_OUT)


_RETURN_TYPES: dict[str, type] = {}


def return_type(name: str, fields: tuple[str, ...]) -> type:
    """A named tuple that prints as PyTorch's `torch.return_types.<name>` do."""
    made = _RETURN_TYPES.get(name)
    if made is None:

        def show(self: Any) -> str:
            body = ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self, strict=True))
            return f"torch.return_types.{name}(\n{body})"

        def new(cls: type, values: Any, _: Any = None) -> Any:
            return tuple.__new__(cls, tuple(values))

        def reduce(self: Any) -> Any:
            return type(self), (tuple(self), {})

        scope = {f: property(operator.itemgetter(i)) for i, f in enumerate(fields)}
        body: dict[str, Any] = {
            "__slots__": (),
            "__repr__": show,
            "__new__": new,
            "__reduce__": reduce,
            "_fields": fields,
            **scope,
        }
        body.update(n_fields=len(fields), n_sequence_fields=len(fields), __module__="tgrad.return_types")
        made = _RETURN_TYPES[name] = type(name, (tuple,), body)
    return made


# Note [Texts]
# What the docstrings of rows say stands in ops/texts/*.txt, apart from the rows, which are meant to be read side by side. Functions are
# made when first used, and their docstrings with them: so one file is read and searched then, and nothing is when tgrad is imported.
# (As a module, the texts would cost as much as making the function.) An example in a text may use `torch` and `F`, nn.functional, and
# prints what PyTorch prints: tests/ops/test_docstrings.py runs all of them in both libraries.
TEXTS = {"pointwise": "elementwise", "view": "views"}  # a row's family says in which file; all others are in arrays.txt


@functools.cache
def _texts(file: str) -> bytes:
    try:
        with open(os.path.join(os.path.dirname(__file__), "ops", "texts", file + ".txt"), "rb", buffering=0) as opened:
            return b"\n%s\n== " % opened.readall()
    except OSError:  # a docstring that lacks its text is no reason not to compute
        return b"\n== "


def text_of(row: Row) -> str:
    """The text under the row's name, or nothing."""
    text = _texts(TEXTS.get(row.family, "arrays"))
    start = text.find(f"\n== {row.name}\n".encode())
    if start < 0:
        return ""
    found = text[text.index(b"\n", start + 1) : text.index(b"\n== ", start + 1)]
    return found.decode().replace("\r\n", "\n").strip()


def describe(row: Row, name: str, form: str) -> str:
    """A docstring: what `tgrad.ops.texts` says of the row, then, from the row itself, signature, kind, node and derivatives."""
    kind = {
        "pointwise": "elementwise",
        "view": "a view of the same memory",
        "op": "computed over whole arrays",
    }[row.family]
    words: list[str] = []
    for p in row.params:
        word = ("*" if p.variadic else "") + ("input" if p.name == "self" else p.name)
        if p.keyword and not any(w.startswith("*") for w in words):
            words.append("*")
        words.append(word if p.variadic or p.default is REQUIRED else f"{word}={p.default!r}")
    if form == "function" and row.family != "view":
        words += ["out=None"] if any(w.startswith("*") for w in words) else ["*", "out=None"]
    diff = ", ".join(f"'{t}'" for t in row.grad) or "none"
    made = f"`{name}({', '.join(words)})`: {kind}; recorded as {row.node} (inputs with a gradient: {diff})."
    first = f"In-place form of `{row.name}`." if form == "inplace" else ""
    return "\n\n".join(part for part in (first, text_of(row), made) if part)


class LazyMethod:
    """A method of Tensor that is written when somebody first looks at it (see Note [Generated functions])."""

    __slots__ = ("build", "name")

    def __init__(self, name: str, build: Callable[[], Callable[..., Any]]) -> None:
        self.name, self.build = name, build

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        fn: Any = self.build()
        if vars(Tensor).get(self.name) is self:
            setattr(Tensor, self.name, fn)
        return fn if instance is None else fn.__get__(instance, owner)


def hang_row(row: Row) -> None:
    """Publishes a row under its names; what is behind them is generated at first use, which keeps the import short."""
    base = row.name
    if "." in base or base.startswith("_"):
        return
    for n in (base, *row.aliases):
        if row.function:
            functions.LAZY[n] = functools.partial(front, row)
        if row.method:
            attach(n, LazyMethod(n, functools.partial(front, row)))
        if row.inplace:
            attach(n + "_", LazyMethod(n + "_", functools.partial(_build, row, n + "_", "inplace")))
            if row.function and len(row.tensors) == 1 and row.family == "pointwise":
                functions.LAZY[n + "_"] = functools.partial(getattr, Tensor, n + "_")


@functools.cache
def front(row: Row, name: str = "") -> Callable[..., Any]:
    """The public function of a row: the generated one, behind a fast path for elementwise rows. A row may have several, of
    which each names itself in its errors."""
    name = name or row.name
    fn = _build(row, name, "function")
    fast = fn
    n_required = sum(p.default is REQUIRED for p in row.params)
    if row.family == "pointwise" and len(row.tensors) == 1 and n_required == 1:
        if len(row.params) == 1:
            fast = _unary_front(fast_unary(row, functools.partial(_general, row, defaults(row))), fn, name)
    elif row.family == "pointwise" and len(row.tensors) == 2 and n_required == 2:
        strict = row.tensors[1] not in row.numbers
        fast = _binary_front(fast_binary(row, functools.partial(_general, row, defaults(row))), fn, strict)
    fast.__doc__, fast.__name__, fast.__qualname__, fast.__module__ = fn.__doc__, name, name, "tgrad"
    fast.row = row  # type: ignore[attr-defined]
    return fast


def defaults(row: Row) -> dict[str, Any]:
    tensors = {t.rstrip("*") for t in row.tensors}
    return {p.name: p.default for p in row.params if p.name not in tensors}


def _general(row: Row, params: dict[str, Any], *inputs: Any) -> Any:
    return pointwise(row, inputs, dict(params))


def _unary_front(quick: Callable[..., Any], full: Callable[..., Any], name: str) -> Callable[..., Any]:
    def front(input: Any = REQUIRED, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs or not isinstance(input, Tensor):
            if args:
                raise TypeError(f"{name}() takes 1 positional argument but {1 + len(args)} were given")
            if input is not REQUIRED and not isinstance(input, Tensor):
                raise bad_argument(name, 1, "input", input)
            return full(**kwargs) if input is REQUIRED else full(input, **kwargs)
        return quick(input)

    return front


def _binary_front(quick: Callable[..., Any], full: Callable[..., Any], strict: bool) -> Callable[..., Any]:
    def front(*args: Any, **kwargs: Any) -> Any:
        if kwargs or len(args) != 2 or not isinstance(args[0], Tensor) or (strict and not isinstance(args[1], Tensor)):
            if len(args) > 2:
                raise TypeError(f"{full.__name__}() takes 2 positional arguments but {len(args)} were given")
            return full(*args, **kwargs)
        return quick(*args)

    return front


Row.prepare = staticmethod(prepare)
for _row in list(ROWS.values()):
    hang_row(_row)
