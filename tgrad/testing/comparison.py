"""`assert_close`: values that must be equal, or nearly, with a text that says where they are not.

Inputs are taken apart (mappings by key, sequences by index) into pairs of tensors, arrays, numbers, bools or None; the first pair that
differs is told, with the way to it.
"""

from __future__ import annotations

import cmath
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import functions as fn
from ..dtype import bfloat16, complex64, complex128, dtype, float16, float32, float64, int64
from ..tensor import Tensor

# rtol, by dtype; atol is the same as rtol for 64 bits and 1e-5 for less. Other dtypes must be equal.
_RELATIVE = {float16: 1e-3, bfloat16: 1.6e-2, float32: 1.3e-6, float64: 1e-7, complex64: 1.3e-6, complex128: 1e-7}
_ABSOLUTE = {float64: 1e-7, complex128: 1e-7}


@dataclass
class _Options:
    allow_subclasses: bool
    rtol: float | None
    atol: float | None
    equal_nan: bool
    check_device: bool
    check_dtype: bool
    check_layout: bool
    check_stride: bool

    def tolerances(self, *dtypes: dtype) -> tuple[float, float]:
        """(rtol, atol): those given, or the widest of those of the dtypes."""
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        rtol = max(_RELATIVE.get(d, 0.0) for d in dtypes)
        return rtol, max(_ABSOLUTE.get(d, 1e-5 if d in _RELATIVE else 0.0) for d in dtypes)


class _Mismatch(Exception):
    """What to tell, and the way to the pair that differs."""

    def __init__(self, text: str, kind: type[Exception] = AssertionError, path: tuple[Any, ...] = ()) -> None:
        super().__init__(text)
        self.text, self.kind, self.path = text, kind, path


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """AssertionError unless |actual - expected| <= atol + rtol |expected| everywhere, and shapes, dtypes and devices agree.

    Tensors, numpy arrays, numbers, None, and sequences and mappings of them, of any depth. Without tolerances those of the dtype count:
    (1.3e-6, 1e-5) for float32, (1e-7, 1e-7) for float64, (1e-3, 1e-5) for float16, (1.6e-2, 1e-5) for bfloat16; integers must be equal.
    `msg` replaces the text, or makes one of it. ValueError for one tolerance without the other, TypeError for other inputs.

    >>> torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0000001]))
    """
    if (rtol is None) != (atol is None):
        raise ValueError(
            "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
            + ("rtol." if rtol is None else "atol.")
        )
    options = _Options(allow_subclasses, rtol, atol, equal_nan, check_device, check_dtype, check_layout, check_stride)
    pairs: list[tuple[Any, Any, tuple[Any, ...]]] = []
    try:
        _originate(actual, expected, (), pairs, options)
        for a, e, path in pairs:
            try:
                _compare(a, e, options)
            except _Mismatch as m:
                m.path = path
                raise
    except _Mismatch as m:
        text = m.text
        if m.path:
            text += "\n\nThe failure occurred for item " + "".join(f"[{p!r}]" for p in m.path)
        if msg is not None and m.kind is AssertionError:
            text = msg(text) if callable(msg) else msg
        raise m.kind(text) from None


def _is_number(x: Any) -> bool:
    return isinstance(x, (int, float, complex, np.number))


def _is_bool(x: Any) -> bool:
    return isinstance(x, (bool, np.bool_))


def _originate(a: Any, e: Any, path: tuple[Any, ...], pairs: list[Any], options: _Options) -> None:
    """Takes two inputs apart into pairs."""
    plain = lambda x: isinstance(x, Sequence) and not isinstance(x, (str, bytes))
    if plain(a) and plain(e):
        if len(a) != len(e):
            raise _Mismatch(f"The length of the sequences mismatch: {len(a)} != {len(e)}", path=path)
        for i, (x, y) in enumerate(zip(a, e, strict=True)):
            _originate(x, y, (*path, i), pairs, options)
        return
    if isinstance(a, Mapping) and isinstance(e, Mapping):
        if a.keys() != e.keys():
            missing, more = ([k for k in x if k not in y] for x, y in ((e, a), (a, e)))
            raise _Mismatch(
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {_sorted(missing)}\nAdditional keys in the actual mapping: {_sorted(more)}",
                path=path,
            )
        for key in _sorted(list(a)):
            _originate(a[key], e[key], (*path, key), pairs, options)
        return
    if not _comparable(a, e, options):
        raise _Mismatch(
            f"No comparison pair was able to handle inputs of type {_type(a)} and {_type(e)}.", TypeError, path
        )
    pairs.append((a, e, path))


def _sorted(keys: list[Any]) -> list[Any]:
    try:
        return sorted(keys)
    except TypeError:
        return keys


def _type(x: Any) -> str:
    return str(type(x)).replace("'tgrad.", "'torch.")


def _comparable(a: Any, e: Any, options: _Options) -> bool:
    if a is None or e is None:
        return True
    if _is_bool(a) and _is_bool(e):
        return True
    if _is_number(a) and _is_number(e):
        return True
    if isinstance(a, np.ndarray) and isinstance(e, np.ndarray):
        return True
    tensors = isinstance(a, Tensor) and isinstance(e, Tensor)
    related = isinstance(a, type(e)) or isinstance(e, type(a))
    return tensors and related and (options.allow_subclasses or type(a) is type(e))


def _compare(a: Any, e: Any, options: _Options) -> None:
    if a is None or e is None:
        if not (a is None and e is None):
            raise _Mismatch(f"None mismatch: {a} is not {e}")
    elif _is_bool(a) and _is_bool(e):
        if bool(a) is not bool(e):
            raise _Mismatch(f"Booleans mismatch: {bool(a)} is not {bool(e)}")
    elif _is_number(a) and _is_number(e):
        _compare_numbers(_python(a), _python(e), options)
    else:
        if isinstance(a, np.ndarray):
            a, e = fn.as_tensor(a), fn.as_tensor(e)  # type: ignore[attr-defined]
        _compare_tensors(a, e, options)


def _python(x: Any) -> Any:
    return x.item() if isinstance(x, np.number) else x


_OF_NUMBER = {int: int64, float: float64, complex: complex128}


def _compare_numbers(a: Any, e: Any, options: _Options) -> None:
    if options.check_dtype and type(a) is not type(e):
        raise _Mismatch(f"The (d)types do not match: {type(a)} != {type(e)}.")
    rtol, atol = options.tolerances(*(_OF_NUMBER.get(type(x), int64) for x in (a, e)))
    if a == e or (options.equal_nan and cmath.isnan(a) and cmath.isnan(e)):
        return
    if cmath.isfinite(a) and cmath.isfinite(e) and abs(a - e) <= atol + rtol * abs(e):
        return
    raise _Mismatch(_scalars(a, e, rtol, atol))


def _scalars(a: Any, e: Any, rtol: float, atol: float) -> str:
    exact = rtol == 0 and atol == 0
    absolute = abs(a - e)
    relative = float("inf") if e == 0 else absolute / abs(e)
    bound = lambda t: "" if exact else f" (up to {t} allowed)"
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {e} but got {a}.\n"
        f"Absolute difference: {absolute}{bound(atol)}\nRelative difference: {relative}{bound(rtol)}"
    )


def _compare_tensors(a: Tensor, e: Tensor, options: _Options) -> None:
    told = "The values for attribute '{}' do not match: {} != {}."
    if a.shape != e.shape:
        raise _Mismatch(told.format("shape", a.shape, e.shape))
    if options.check_layout and repr(a.layout) != repr(e.layout):
        raise _Mismatch(told.format("layout", a.layout, e.layout))
    if options.check_stride and a.stride() != e.stride():
        raise _Mismatch(told.format("stride()", a.stride(), e.stride()))
    if options.check_device and a.device != e.device:
        raise _Mismatch(told.format("device", a.device, e.device))
    if options.check_dtype and a.dtype is not e.dtype:
        raise _Mismatch(told.format("dtype", a.dtype, e.dtype))
    rtol, atol = options.tolerances(a.dtype, e.dtype)
    a, e = a.detach(), e.detach()
    if a.dtype is not e.dtype:
        common = fn.promote_types(a.dtype, e.dtype)  # type: ignore[attr-defined]
        a, e = a.to(common), e.to(common)
    if a.dtype.name in ("uint16", "uint32", "uint64"):
        a, e = a.to(int64), e.to(int64)
    matches = fn.isclose(a, e, rtol=rtol, atol=atol, equal_nan=options.equal_nan)  # type: ignore[attr-defined]
    if not bool(matches.all()):
        raise _Mismatch(_differences(a, e, matches, rtol, atol))


def _differences(a: Tensor, e: Tensor, matches: Tensor, rtol: float, atol: float) -> str:
    if a.numel() == 1 and a.ndim == 0:
        return _scalars(a.item(), e.item(), rtol, atol)
    exact = rtol == 0 and atol == 0
    # Integers are subtracted in int64, where bytes cannot wrap around; halves and floats as they are.
    if not (a.is_floating_point() or a.is_complex()):
        a, e = a.to(int64), e.to(int64)
    n = matches.numel()
    wrong = n - int(matches.sum())
    flat = ~matches.flatten()
    absolute = (a - e).abs().flatten()
    relative = absolute / e.abs().flatten()
    lines = [
        f"Tensor-likes are not {'equal' if exact else 'close'}!\n",
        f"Mismatched elements: {wrong} / {n} ({wrong / n:.1%})",
    ]
    for word, values, bound in (("absolute", absolute, atol), ("relative", relative, rtol)):
        values = values.masked_fill(~flat, 0)
        at = int(values.argmax())
        place = tuple(int(i) for i in np.unravel_index(at, tuple(a.shape)))
        allowed = "" if exact else f" (up to {bound} allowed)"
        lines.append(f"Greatest {word} difference: {values[at].item()} at index {place}{allowed}")
    return "\n".join(lines)


_OLD = {float16: (1e-3, 1e-3), float32: (1e-4, 1e-5), float64: (1e-5, 1e-8)}


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """The old form of `assert_close`: dtypes may differ, and NaN equals NaN. Deprecated."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. Please use "
        "`torch.testing.assert_close()` instead. You can find detailed upgrade instructions in "
        "https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    if not isinstance(actual, Tensor):
        actual = fn.tensor(actual)  # type: ignore[attr-defined]
    if not isinstance(expected, Tensor):
        expected = fn.tensor(expected, dtype=actual.dtype)  # type: ignore[attr-defined]
    if rtol is None and atol is None:
        pairs = [_OLD.get(t.dtype, (0.0, 0.0)) for t in (actual, expected)]
        rtol, atol = max(p[0] for p in pairs), max(p[1] for p in pairs)
    assert_close(
        actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_device=True, check_dtype=False, check_stride=False,
        msg=msg or None,
    )  # fmt: skip
