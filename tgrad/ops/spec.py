"""What an op is: a row of data, and the registry of all rows.

Note [Rows]
A row names its forward over numpy arrays and one derivative per differentiable input. Both are plain functions whose
argument names are *words*:

    grad            the gradient that arrives at the op's output (`grads`: a list, for several outputs)
    result          the op's own output
    <input>         a tensor input, by PyTorch's argument name (self, other, mat1, ...)
    <input>_sizes   the shape of that input
    <input>_turned  whether that input, a matrix, lies column by column in memory
    <param>         any other argument (dim, keepdim, alpha, ...)

The words that a derivative uses are what its node saves; nothing is listed twice. A row can be called inside another
row's derivative: over arrays it computes, over Tensors it records (that gives the double backward), so a derivative is
written once for both.

    pointwise("exp", np.exp, grad=dict(self=lambda grad, result: grad * result), kind=FLOAT)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

import numpy as np

from ..dtype import from_np

REQUIRED: Any = type("REQUIRED", (), {"__repr__": lambda self: "REQUIRED"})()

CASTS = "casts"

# Promotion kinds: how the dtype of the result follows from those of the inputs.
DEFAULT = "default"  # the common dtype of all inputs
FLOAT = "float"  # the same, integers becoming the default floating dtype
BOOL = "bool"  # computed in the common dtype, the result is bool
REAL = "real"  # a complex input gives the real type of its parts (abs)
REAL_FLOAT = "real float"  # the same, integers becoming the default floating dtype (angle)
COMPLEX = "complex"  # two real parts give the complex type of their precision
NUMERIC = "numeric"  # as DEFAULT, bool becoming int64 (sums, products)


class TensorBase:
    """Marker base of Tensor, so that declarations can tell a tensor from an array without importing it."""

    __slots__ = ()


class Param:
    """One argument of a row: its name, default (REQUIRED if none), and whether it is keyword-only."""

    __slots__ = ("default", "keyword", "name", "variadic")

    def __init__(self, name: str, default: Any = REQUIRED, keyword: bool = False, variadic: bool = False) -> None:
        self.name, self.default, self.keyword, self.variadic = name, default, keyword, variadic


class Row:
    """An op. See Note [Rows]; the constructors below (`pointwise`, `op`, `view`) fill in the family's defaults."""

    __slots__ = (
        "aliases", "apart", "array", "bands", "check", "contiguous", "domain", "family", "function", "grad", "holomorphic", "inplace", "kind", "lacks", "materialize", "method",
        "name", "narrow", "node", "numbers", "out", "outputs", "overloads", "params", "parts", "promoted", "quick", "real_grad", "record", "tensors",
        "ufunc", "undiff",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        array: Callable[..., Any],
        *,
        family: str,
        grad: dict[str, Callable[..., Any]] | None = None,
        tensors: str | None = None,
        kind: str = DEFAULT,
        node: str | None = None,
        outputs: str | None = None,
        undiff: str = "",
        function: bool = True,
        method: bool = True,
        inplace: bool = False,
        aliases: str = "",
        promoted: str | None = None,
        holomorphic: bool = True,
        ufunc: np.ufunc | None = None,
        signature: Callable[..., Any] | None = None,
        variadic: str | None = None,
        domain: Any = None,
        lacks: dict[str, Refusal] | None = None,
        numbers: str = "",
        overloads: bool = False,
        materialize: bool = True,
        narrow: bool = False,
        out: str | None = None,
        apart: bool = False,
        real_grad: bool = False,
        contiguous: bool = False,
        bands: str | None = None,
        parts: str | None = None,
        quick: Callable[..., Any] | None = None,
    ) -> None:
        self.name, self.array, self.family, self.kind = name, array, family, kind
        args = signature_of(signature or array)
        self.tensors = (
            tuple(tensors.split()) if tensors is not None else tuple(p.name for p in args if p.default is REQUIRED)
        )
        for p in args:
            p.variadic = p.name == variadic
        self.params = tuple(args)
        self.grad = {key: Formula(key, fn) for key, fn in (grad or {}).items()}
        self.node = node or camel(name) + "Backward0"
        self.outputs = tuple(outputs.split()) if outputs else ()
        self.undiff = tuple(undiff.split())
        self.function, self.method, self.inplace = function, method, inplace
        self.aliases = tuple(aliases.split())
        self.promoted = frozenset(promoted.split() if promoted is not None else self.tensors)
        self.holomorphic, self.ufunc, self.domain = holomorphic, ufunc, domain
        self.lacks = lacks or {}  # kinds of dtypes that the op is not defined for
        self.numbers = frozenset(numbers.split())  # tensor words for which users may give Python numbers
        self.overloads = overloads  # PyTorch knows several signatures, and words its argument errors accordingly
        self.materialize = materialize  # `grads` holds zeros, not None, for outputs that no gradient came to
        self.apart = apart  # out= must not share memory with what is read
        self.out = out  # the error for an out= of another dtype, if not the usual one; CASTS: it is converted
        self.narrow = narrow  # halves are computed as halves, not in float32
        self.real_grad = (
            real_grad  # PyTorch has no derivative for complex tensors, and says so when it would record one
        )
        self.contiguous = contiguous  # the result is row-major, whatever the operands' layout
        # The argument that names the dimensions to work along, where all others are independent of each other. Large
        # arrays may then be taken apart along the first one.
        self.bands = bands
        # How, in a reduction over everything, the results over parts make up that over all: by the "same" operation, by
        # their "mean", or, of a "norm", by the same for all orders but 0.
        self.parts = parts
        self.quick = quick  # what `array` comes to for float arrays, without its questions
        self.check: Callable[..., None] | None = (
            None  # set by the composites: raises for (inputs, params) that do not go
        )
        if name in ROWS:
            raise ValueError(f"two rows are called {name!r}")
        ROWS[name] = self

    # Set by tgrad.methods: writes `record`, the row over Tensors with `array`'s own arguments.
    prepare: Callable[[Row], Callable[..., Any]]
    record: Callable[..., Any]
    # Set by tgrad.kernels: what computes a row over these arrays better than `array` does, or None.
    elsewhere: Callable[[Row, Any], Callable[..., Any] | None] | None = None

    def __getattr__(self, key: str) -> Any:
        if key != "record":
            raise AttributeError(f"'Row' object has no attribute {key!r}")
        self.record = made = Row.prepare(self)
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Inside derivatives: records over Tensors, computes over arrays."""
        scalars = False
        for a in args:
            t = type(a)
            if t is np.ndarray or t is int or t is float:
                continue
            if isinstance(a, TensorBase) or ((t is list or t is tuple) and a and isinstance(a[0], TensorBase)):
                return self.record(*args, **kwargs)
            scalars = scalars or isinstance(a, np.generic)
        family = self.family
        elsewhere = Row.elsewhere(self, args) if family == "op" and Row.elsewhere is not None else None
        if elsewhere is not None:
            return elsewhere(*args, **kwargs)
        if scalars and family != "pointwise":  # numpy turns 0-d results into scalars, which have no strides
            args = tuple([np.asarray(a) if isinstance(a, np.generic) else a for a in args])
        if (
            family == "pointwise"
            and self.ufunc is None
            and not self.narrow
            and args
            and type(args[0]) is np.ndarray
            and args[0].dtype.itemsize == 2
        ):
            return self._in_float32(args, kwargs)
        return self.array(*args, **kwargs)

    def _in_float32(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Over halves: computed in float32 as a whole and rounded once, as at the door."""
        dt = args[0].dtype
        if dt.kind in "iu":
            return self.array(*args, **kwargs)
        r = self.array(
            *[a.astype(np.float32) if type(a) is np.ndarray and a.dtype == dt else a for a in args], **kwargs
        )
        return r.astype(dt) if r.dtype == np.float32 else r

    def fixed(self) -> list[str]:
        """Inputs of floats that have no derivative: they must not require one. Indices and masks never do."""
        targets = {t for f in self.grad.values() for t in f.targets}
        integers = {"index", "indices", "mask"}
        return [w for t in self.tensors if (w := t.rstrip("*")) not in targets | integers] if targets else []

    def __repr__(self) -> str:
        return f"<row {self.name} -> {self.node}>"


ROWS: dict[str, Row] = {}

# The error of an op for a kind of dtype: its type, and a text in which {dtype} stands for the dtype's legacy name.
Refusal = tuple[type[Exception], str]


def lacking(kinds: str, text: str, error: type[Exception] = NotImplementedError) -> dict[str, Refusal]:
    """`lacks` of a row for kinds b (bool), i (integers), f (floats), c (complex), h (of the floats, those of 16 bits: for
    elementwise rows). One word is the name of the kernel that PyTorch says it does not have."""
    if " " not in text:
        text = f"\"{text}\" not implemented for '{{dtype}}'"
    return {kind: (error, text) for kind in kinds}


class Formula:
    """A derivative: the function, the words it takes, and the inputs it belongs to (several for a joint one)."""

    __slots__ = ("fn", "targets", "words")

    def __init__(self, key: str, fn: Callable[..., Any]) -> None:
        self.targets = tuple(key.split())
        self.fn = fn
        self.words = words_of(fn)


def words_of(fn: Callable[..., Any]) -> tuple[str, ...]:
    code: CodeType = fn.__code__  # type: ignore[attr-defined]
    return code.co_varnames[: code.co_argcount]


def signature_of(fn: Callable[..., Any]) -> list[Param]:
    """The arguments of a plain function; ufuncs count as (self) or (self, other)."""
    if isinstance(fn, np.ufunc):
        return [Param("self"), Param("other")][: fn.nin]
    code: CodeType = fn.__code__  # type: ignore[attr-defined]
    names = code.co_varnames
    defaults = fn.__defaults__ or ()  # type: ignore[attr-defined]
    plain = names[: code.co_argcount]
    first = len(plain) - len(defaults)
    out = [Param(n, defaults[i - first] if i >= first else REQUIRED) for i, n in enumerate(plain)]
    keyword = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    kwdefaults = fn.__kwdefaults__ or {}  # type: ignore[attr-defined]
    out += [Param(n, kwdefaults.get(n, REQUIRED), keyword=True) for n in keyword]
    return out


def kind_of(dt: np.dtype) -> str:
    """b, i, f or c, as in `lacking`."""
    return {"b": "b", "i": "i", "u": "i", "c": "c"}.get(dt.kind, "f")


def refuse(a: np.ndarray, lacks: dict[str, Refusal]) -> None:
    """Raises what `lacks` says about the dtype of an array, for ops that are not elementwise."""
    found = lacks.get(kind_of(a.dtype))
    if found is not None:
        raise found[0](found[1].format(dtype=from_np(a.dtype).legacy))


def camel(name: str) -> str:
    """`log_softmax` -> `LogSoftmax`, `log1p` -> `Log1P`: as PyTorch derives node names."""
    return re.sub("(?:^|_|(?<=[0-9]))([a-z])", lambda m: m[1].upper(), name).replace("_", "")


def pointwise(name: str, array: Callable[..., Any], **kw: Any) -> Row:
    """An elementwise op: inputs broadcast against each other and are promoted to a common dtype.

    `array` is a ufunc or a function of arrays already promoted; `inplace` forms exist unless switched off.
    """
    kw.setdefault("inplace", True)
    kw.setdefault("ufunc", array if isinstance(array, np.ufunc) else None)
    return Row(name, array, family="pointwise", **kw)


def op(
    name: str, *, grad: dict[str, Callable[..., Any]] | None = None, **kw: Any
) -> Callable[[Callable[..., Any]], Row]:
    """Decorator: the function below computes the op over arrays. Inputs reach it as they are, without promotion."""
    return lambda fn: Row(name, fn, family="op", grad=grad, **kw)


def view(
    name: str, *, grad: dict[str, Callable[..., Any]] | None = None, **kw: Any
) -> Callable[[Callable[..., Any]], Row]:
    """Decorator: the function below returns an array (or a list of them) over the memory of its first argument."""
    kw.setdefault("tensors", "self")
    return lambda fn: Row(name, fn, family="view", grad=grad, **kw)


def conj(x: Any) -> Any:
    """The complex conjugate of an array or Tensor; a real one is returned as it is."""
    if isinstance(x, np.ndarray):
        return np.conjugate(x) if x.dtype.kind == "c" else x
    if isinstance(x, TensorBase):
        return x.conj() if x.is_complex() else x  # type: ignore[attr-defined]
    return x.conjugate() if isinstance(x, (complex, np.complexfloating)) else x


def nothing(grad: Any) -> Any:
    """Zeros like a gradient: where it is infinite, too."""
    return np.zeros_like(grad) if not isinstance(grad, TensorBase) else grad.new_zeros(grad.shape)  # type: ignore[attr-defined]


def underivable(name: str) -> Callable[[Any], Any]:
    """The derivative of an op that PyTorch records without one: an error when backward comes to it."""

    def refuse(grad: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return refuse


def in_rows(a: Any) -> np.ndarray:
    """An array in row-major order. numpy lays results out like the input; PyTorch does so for elementwise ops, while its
    reductions, scans and joins give rows."""
    a = np.asarray(a)
    if not a.flags.c_contiguous:
        return a.copy()
    # Along dimensions of size 1 numpy takes any stride for contiguous; PyTorch counts the one that rows would have.
    return a.reshape(-1).reshape(a.shape) if 1 in a.shape else a


def number(value: Any, dt: np.dtype) -> Any:
    """A Python number as a numpy scalar of a dtype, wrapping round as a cast in C does."""
    if dt.kind in "iu" and isinstance(value, int):
        return np.asarray(value & ((1 << 8 * dt.itemsize) - 1), f"u{dt.itemsize}").view(dt)[()]
    return np.asarray(value).astype(dt)[()]


_SCALAR_NAMES = {
    "uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int", "int64": "int64_t", "float32": "float",
    "float64": "double", "float16": "at::Half", "bfloat16": "at::BFloat16", "bool": "bool",
}  # fmt: skip


def fitting(value: Any, dt: np.dtype) -> Any:
    """A Python number as a numpy scalar of a dtype; RuntimeError where it does not fit. Unsigned types take negative
    numbers as far as their complement goes."""
    if does_not_fit(value, dt):
        name = _SCALAR_NAMES.get(dt.name, dt.name)
        raise RuntimeError(f"value cannot be converted to type {name} without overflow")
    if isinstance(value, complex) and dt.kind != "c":
        value = value.real
    return number(value, dt)


def does_not_fit(value: Any, dt: np.dtype) -> bool:
    """Whether a conversion of a number to a dtype would lose more than precision."""
    if isinstance(value, complex):
        return dt.kind != "c" and value.imag != 0
    if dt.kind == "b":
        return False
    if dt.kind in "iu":
        info = np.iinfo(dt)
        low = -info.max if dt.kind == "u" else info.min
        return not (value == value and low <= int(value) <= info.max) if abs(value) != math.inf else True
    return dt.name == "float32" and math.isfinite(value) and abs(value) > float(np.finfo(np.float32).max)


def sizes(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"
