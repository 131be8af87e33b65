"""Functions of two operands whose row depends on what the operands are: tensors or numbers, and which of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtype as dtypes
from .. import functions as F
from ..dispatch import bad_argument, check_writable, exact_into, inplace, into, no_overload, pointwise
from ..fast import fast_row
from ..graph.modes import state
from ..methods import attach, composite, missing, return_type
from ..ops import pointwise as rows
from ..ops.spec import REQUIRED, Row
from ..promotion import as_number, result_type
from ..tensor import Tensor, wrap
from .arguments import NUMBERS, is_number, need_tensors, plain

_Complex = complex  # further down that name belongs to a function

# ---- sums: what `alpha` may be, and no bools in differences


def _check_alpha(operands: Any, params: dict[str, Any]) -> None:
    """RuntimeError for an `alpha` of a higher kind than the result."""
    alpha = params["alpha"]
    if type(alpha) is int and alpha == 1:
        return
    if isinstance(alpha, (Tensor, np.generic)):
        alpha = params["alpha"] = alpha.item()
    if not is_number(alpha):
        raise TypeError(f"add(): argument 'alpha' must be Number, not {type(alpha).__name__}")
    result = result_type(operands)
    if isinstance(alpha, bool) and result is not dtypes.bool_:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if result.category < 2 and isinstance(alpha, float):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if not result.is_complex and isinstance(alpha, _Complex):
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")


def _is_bool(x: Any) -> bool:
    return x._a.dtype == np.bool_ if isinstance(x, Tensor) else isinstance(x, bool)


def _check_difference(operands: Any, params: dict[str, Any]) -> None:
    """RuntimeError if either operand of a difference is bool."""
    bools = [_is_bool(x) for x in operands]
    if all(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
            "instead."
        )
    if any(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the "
            "`~` or `logical_not()` operator instead."
        )
    _check_alpha(operands, params)


rows.add.check = _check_alpha
rows.sub.check = rows.rsub.check = rows.rsub_scalar.check = _check_difference


@composite()
def rsub(input, other, *, alpha=1):
    """other - alpha * input."""
    if not isinstance(input, Tensor) or not isinstance(other, (Tensor, *NUMBERS)):
        raise no_overload("rsub", input, other)
    row = rows.rsub if isinstance(other, Tensor) else rows.rsub_scalar
    return pointwise(row, (input, other), {"alpha": alpha})


# ---- quotients


@composite(method=True, aliases="divide")
def div(input=REQUIRED, other=REQUIRED, *, rounding_mode=None, out=None):
    """input / other; with `rounding_mode` 'trunc' or 'floor', rounded that way (integers stay integers).

    Without it integers are divided as floats of the default dtype. Division by zero gives inf or nan for floats, and
    RuntimeError for integers.

    >>> torch.div(torch.tensor([7, -7]), 2)
    tensor([ 3.5000, -3.5000])
    >>> torch.div(torch.tensor([7, -7]), 2, rounding_mode="floor")
    tensor([ 3, -4])
    """
    r = pointwise(_quotient("div", input, other, rounding_mode), (input, other), {})
    return r if out is None else into(out, r, "div")


def _quotient(name: str, input: Any, other: Any, rounding_mode: Any) -> Row:
    if input is REQUIRED or other is REQUIRED or not isinstance(rounding_mode, (str, type(None))):
        raise no_overload(name, input, other, rounding_mode=rounding_mode)
    for i, (word, x) in enumerate((("input", input), ("other", other)), 1):
        if not isinstance(x, (Tensor, *NUMBERS)):
            raise bad_argument(name, i, word, x)
    if rounding_mode is None:
        return rows.div
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return rows.div_floor if rounding_mode == "floor" else rows.div_trunc


@composite(function=False, method=True, aliases="divide_")
def div_(self, other=REQUIRED, *, rounding_mode=None):
    """In-place `div`."""
    return inplace(_quotient("div_", self, other, rounding_mode), (self, other), {})


@composite(method=True)
def true_divide(input=REQUIRED, other=REQUIRED, *, out=None):
    """input / other, always in floating point."""
    r = pointwise(_quotient("true_divide", input, other, None), (input, other), {})
    return r if out is None else into(out, r, "true_divide")


@composite(function=False, method=True)
def true_divide_(self, other=REQUIRED):
    """In-place `true_divide`."""
    return inplace(_quotient("true_divide_", self, other, None), (self, other), {})


@composite(method=True)
def floor_divide(input=REQUIRED, other=REQUIRED, *, out=None):
    """The quotient rounded down. It has no derivative; `div(..., rounding_mode='floor')` has one, of zeros.

    >>> torch.floor_divide(torch.tensor([7, -7]), 2)
    tensor([ 3, -4])
    """
    _quotient("floor_divide", input, other, None)
    r = pointwise(rows.floor_divide, (input, other), {})
    return r if out is None else into(out, r, "floor_divide")


@composite(function=False, method=True)
def floor_divide_(self, other=REQUIRED):
    """In-place `floor_divide`."""
    _quotient("floor_divide_", self, other, None)
    return inplace(rows.floor_divide, (self, other), {})


# ---- two tensors, or a tensor and a number


def choose(name: str, tensors: Row, second: Row, first: Row | None, input: Any, other: Any) -> Row:
    """The row for the operands at hand: both tensors, a number second, or a number first (where that is allowed)."""
    if isinstance(input, Tensor):
        if isinstance(other, Tensor):
            return tensors
        if is_number(other):
            return second
    elif first is not None and is_number(input) and isinstance(other, Tensor):
        return first
    raise no_overload(name, input, other)


def overloaded(
    name: str, tensors: Row, second: Row, first: Row | None = None, doc: str = "", in_place: bool = True
) -> Callable[..., Any]:
    """Publishes a function, its method and its in-place method, over the rows for the kinds of operands."""

    @composite(name=name, method=True)
    def function(input: Any = REQUIRED, other: Any = REQUIRED, *, out: Any = None) -> Any:
        r = pointwise(choose(name, tensors, second, first, input, other), (input, other), {})
        return r if out is None else into(out, r, name)

    def write(self: Tensor, other: Any = REQUIRED) -> Tensor:
        return inplace(choose(name + "_", tensors, second, None, self, other), (self, other), {})

    function.__doc__, function.__qualname__ = doc, name
    write.__doc__, write.__name__, write.__qualname__ = f"In-place `{name}`.", name + "_", name + "_"
    if in_place:
        attach(name + "_", write)
    return function


remainder = overloaded(
    "remainder",
    rows.remainder,
    rows.remainder_scalar,
    rows.remainder_of_scalar,
    "What division leaves, with the divisor's sign (Python's `%`).\n\n>>> torch.remainder(torch.tensor([7, -7]), 3)\ntensor([1, 2])\n",
)
fmod = overloaded(
    "fmod",
    rows.fmod,
    rows.fmod_scalar,
    None,
    "What division leaves, with the dividend's sign (C's fmod).\n\n>>> torch.fmod(torch.tensor([7, -7]), 3)\ntensor([ 1, -1])\n",
)
copysign = overloaded(
    "copysign",
    rows.copysign,
    rows.copysign_scalar,
    None,
    "The size of `input` with the sign of `other`.\n\n>>> torch.copysign(torch.tensor([1.0, 2.0]), -1)\ntensor([-1., -2.])\n",
)
xlogy = overloaded(
    "xlogy",
    rows.xlogy,
    rows.xlogy_second,
    rows.xlogy_first,
    "input * log(other), and 0 where `input` is 0.\n\n>>> torch.xlogy(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0]))\ntensor([0., 0.])\n",
)


@composite()
def xlogy_(input, other):
    """In-place `xlogy`."""
    return input.xlogy_(other)


@composite(method=True)
def ldexp(input=REQUIRED, other=REQUIRED, *, out=None):
    """Each element of input times two to the power of other: input * 2**other."""
    need_tensors("ldexp", input=input, other=other)
    if isinstance(out, Tensor):
        _check_ldexp(input, other, out)
    r = pointwise(rows.ldexp, (input, other), {})
    return r if out is None else into(out, r, "ldexp")


@composite(method=True, function=True)
def ldexp_(input, other):
    """In-place `ldexp`."""
    need_tensors("ldexp_", input=input, other=other)
    _check_ldexp(input, other, input)
    return inplace(rows.ldexp, (input, other), {})


def _check_ldexp(input: Tensor, other: Tensor, out: Tensor) -> None:
    common = result_type((input, other))
    if common.category < 2:
        common = dtypes.get_default_dtype()
    if not dtypes.can_cast(common, out.dtype):
        raise RuntimeError(f"ldexp can't be cast to the desired output type {out.dtype.legacy}")


# ---- powers


@composite(method=True)
def pow(input=REQUIRED, exponent=REQUIRED, *, out=None):
    """input to the power of exponent; either may be a number.

    The dtype is the common one of both. RuntimeError for an integer to the power of a negative integer number.

    >>> torch.pow(torch.tensor([1.0, 2.0]), 2)
    tensor([1., 4.])
    >>> torch.pow(2, torch.tensor([1, 2, 3]))
    tensor([2, 4, 8])
    """
    r = power(input, exponent)
    return r if out is None else into(out, r, "pow")


def power(input: Any, exponent: Any) -> Any:
    return _number_power(input, exponent) if type(exponent) in (int, float) else _power(input, exponent)


def _power(input: Any, exponent: Any) -> Any:
    if isinstance(exponent, Tensor):
        if isinstance(input, Tensor):
            return pointwise(rows.pow_tensor, (input, exponent), {})
        if is_number(input):
            return _base_power(plain(input), exponent)
    elif isinstance(input, Tensor) and is_number(exponent):
        return _scalar_power(input, plain(exponent))
    raise no_overload("pow", input, exponent)


def _scalar_power(input: Tensor, exponent: Any) -> Tensor:
    """The exponent decides the result's dtype only by its kind; integers are computed with a wrapped exponent."""
    common = result_type((input, exponent))
    if common.category < 2:
        if exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if common is dtypes.bool_ and exponent in (0, 1):
            return wrap(input._a.copy(order="K") if exponent else np.ones_like(input._a))
        if common is dtypes.bool_:
            raise NotImplementedError("\"pow\" not implemented for 'Bool'")
        return wrap(np.asarray(np.power(input.to(common)._a, as_number(exponent, common))))  # type: ignore[attr-defined]
    if common is not input.dtype:
        input = input.to(common)  # type: ignore[attr-defined]
    return pointwise(rows.pow_scalar, (input,), {"exponent": exponent})


def _number_power(input: Any, exponent: Any) -> Any:
    """At its first call replaced by what `fast_row` writes."""
    global _number_power
    _number_power = fast_row(rows.pow_scalar, _power)
    return _number_power(input, exponent)


def _base_power(base: Any, exponent: Tensor) -> Tensor:
    if base is True and exponent._a.dtype == np.bool_:
        raise NotImplementedError("\"pow\" not implemented for 'Bool'")
    if base == 1:
        return F.full_like(exponent, 1, dtype=result_type((base, exponent)))
    return pointwise(rows.pow_base, (base, exponent), {})


@composite(function=False, method=True)
def pow_(self, exponent=REQUIRED):
    """In-place `pow`."""
    if isinstance(exponent, Tensor):
        return inplace(rows.pow_tensor, (self, exponent), {})
    if not is_number(exponent):
        raise no_overload("pow_", exponent)
    exponent = plain(exponent)
    common = result_type((self, exponent))
    if not dtypes.can_cast(common, self.dtype):
        raise RuntimeError(f"result type {common.legacy} can't be cast to the desired output type {self.dtype.legacy}")
    if common.category == 1 and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return inplace(rows.pow_scalar, (self,), {"exponent": exponent})


def _wide(name: str, input: Any, exponent: Any) -> tuple[Any, Any]:
    """Both operands in double precision, complex if either is."""
    if not isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        raise no_overload(name, input, exponent)
    for x in (input, exponent):
        if not isinstance(x, (Tensor, *NUMBERS)):
            raise no_overload(name, input, exponent)
    input, exponent = plain(input), plain(exponent)
    is_complex = [x.is_complex() if isinstance(x, Tensor) else isinstance(x, _Complex) for x in (input, exponent)]
    wide = dtypes.complex128 if any(is_complex) else dtypes.float64
    number: Any = _Complex if wide.is_complex else float
    return tuple(x.to(wide) if isinstance(x, Tensor) else number(x) for x in (input, exponent))  # type: ignore[attr-defined,return-value]


@composite(method=True)
def float_power(input=REQUIRED, exponent=REQUIRED, *, out=None):
    """`pow` in double precision (complex128 for complex operands).

    >>> torch.float_power(torch.tensor([2, 3]), 2)
    tensor([4., 9.], dtype=torch.float64)
    """
    r = power(*_wide("float_power", input, exponent))
    return r if out is None else into(out, r, "float_power")


@composite(function=False, method=True)
def float_power_(self, exponent=REQUIRED):
    """In-place `float_power`, of a float64 or complex128 tensor."""
    base, wide = _wide("float_power_", self, exponent)
    if base is not self:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {self.dtype.legacy} but the operation's result requires dtype "
            f"{base.dtype.legacy}"
        )
    return pow_(self, wide)


@composite(method=True)
def square(input=REQUIRED, *, out=None):
    """Each element times itself.

    >>> torch.square(torch.tensor([-2, 3]))
    tensor([4, 9])
    """
    need_tensors("square", input=input)
    if input._a.dtype == np.bool_:
        input = input.to(dtypes.int64)
    r = power(input, 2)
    return r if out is None else into(out, r, "square")


@composite(method=True)
def square_(input):
    """In-place `square`."""
    return pow_(input, 2)


# ---- what some rows refuse


def _check_heaviside(operands: Any, params: dict[str, Any]) -> None:
    if any(x.is_complex() for x in operands):
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if operands[0].dtype is not operands[1].dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")


def _check_nan_to_num(operands: Any, params: dict[str, Any]) -> None:
    if operands[0].is_complex() and operands[0].requires_grad and state.grad:
        raise RuntimeError("nan_to_num does not support automatic differentiation for outputs with complex dtype.")


rows.heaviside.check = _check_heaviside
rows.nan_to_num.check = _check_nan_to_num


@composite(method=True)
def conj_physical(input=REQUIRED, *, out=None):
    """The complex conjugate, computed; a real tensor is returned as it is."""
    need_tensors("conj_physical", input=input)
    r = pointwise(rows.conj_physical, (input,), {}) if input.is_complex() else input
    return r if out is None else exact_into(out, r, "conj_physical")


@composite(method=True)
def conj_physical_(input):
    """In-place `conj_physical`."""
    if input.is_complex():
        return inplace(rows.conj_physical, (input,), {})
    check_writable(input, state.grad and input.requires_grad)
    return input


# ---- rounding


def _rounding(name: str, input: Any, decimals: Any) -> tuple[Row, dict[str, Any]]:
    if input is REQUIRED:
        raise no_overload(name)
    if not isinstance(input, Tensor) or isinstance(decimals, bool) or not hasattr(decimals, "__index__"):
        raise no_overload(name, input, decimals=None if decimals == 0 else decimals)
    if decimals == 0 and not input.dtype.is_floating_point:  # PyTorch has two kernels, and says which one lacks a dtype
        raise NotImplementedError(f"\"round_vml_cpu\" not implemented for '{input.dtype.legacy}'")
    return rows.round_decimals, {"decimals": decimals.__index__()}


@composite(method=True)
def round(input=REQUIRED, *, decimals=None, out=None):
    """To the nearest integer, or to `decimals` places; halves go to the even neighbour.

    The gradient is zero.

    >>> torch.round(torch.tensor([0.5, 1.5, -0.7]))
    tensor([ 0.,  2., -1.])
    >>> torch.round(torch.tensor([1.255, -3.141]), decimals=1)
    tensor([ 1.3000, -3.1000])
    """
    if decimals is None:
        need_tensors("round", input=input)
        r = pointwise(rows.round_whole, (input,), {})
    else:
        row, params = _rounding("round", input, decimals)
        r = pointwise(row, (input,), params)
    return r if out is None else exact_into(out, r, "round")


@composite(method=True)
def round_(input, *, decimals=None):
    """In-place `round`."""
    if decimals is None:
        return inplace(rows.round_whole, (input,), {})
    row, params = _rounding("round_", input, decimals)
    return inplace(row, (input,), params)


# ---- complex numbers


def _two_reals(name: str, first: str, second: str, a: Any, b: Any, out: Any) -> None:
    need_tensors(name, **{first: a, second: b})
    for t in (a, b):
        if t.dtype not in (dtypes.float32, dtypes.float64, dtypes.float16):
            raise RuntimeError(
                f"Expected both inputs to be Half, Float or Double tensors but got {a.dtype.legacy} and {b.dtype.legacy}"
            )
    if a.dtype is not b.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {a.dtype.legacy} but got scalar type {b.dtype.legacy} for second argument"
        )
    want = a.dtype.to_complex()
    if isinstance(out, Tensor) and out.dtype is not want:
        raise RuntimeError(
            f"Expected object of scalar type {want.legacy} but got scalar type {out.dtype.legacy} for argument 'out'"
        )


@composite()
def complex(real=REQUIRED, imag=REQUIRED, *, out=None):
    """A complex tensor from its real and imaginary parts, both of one floating dtype.

    >>> torch.complex(torch.tensor([1.0]), torch.tensor([2.0]))
    tensor([1.+2.j])
    """
    _two_reals("complex", "real", "imag", real, imag, out)
    r = pointwise(rows.complex_parts, (real, imag), {})
    return r if out is None else into(out, r, "complex")


@composite()
def polar(abs=REQUIRED, angle=REQUIRED, *, out=None):
    """The complex tensor with the given absolute values and angles.

    >>> torch.polar(torch.tensor([2.0]), torch.tensor([0.0]))
    tensor([2.+0.j])
    """
    _two_reals("polar", "abs", "angle", abs, angle, out)
    r = pointwise(rows.polar, (abs, angle), {})
    return r if out is None else into(out, r, "polar")


# ---- gamma functions, floating-point parts


@composite(method=True)
def polygamma(input, other=REQUIRED, *, out=None):
    """The n-th derivative of digamma: `polygamma(n, x)`, or `x.polygamma(n)`."""
    n, x = (other, input) if isinstance(input, Tensor) else (input, other)
    if x is REQUIRED or n is REQUIRED:
        raise missing("polygamma", ["n" if n is REQUIRED else "input"])
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    if n != 1 and x.is_complex():  # PyTorch has a kernel for each of n = 0, n = 1, n > 1
        raise NotImplementedError(f"\"{'polygamma' if n else 'digamma'}\" not implemented for '{x.dtype.legacy}'")
    r = pointwise(rows.polygamma, (x,), {"n": n})
    return r if out is None else into(out, r, "polygamma")


@composite(function=False, method=True)
def polygamma_(self, n):
    """In-place `polygamma`."""
    return inplace(rows.polygamma, (self,), {"n": n})


def _mvlgamma(name: str, input: Any, p: Any) -> dict[str, Any]:
    need_tensors(name, input=input)
    if p is REQUIRED:
        raise missing(name, ["p"])
    if input._a.dtype == np.bool_:
        raise RuntimeError("The input tensor may not be a boolean tensor.")
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    return {"p": int(p)}


@composite(method=True)
def mvlgamma(input=REQUIRED, p=REQUIRED, *, out=None):
    """The logarithm of the multivariate gamma function of dimension p."""
    r = pointwise(rows.mvlgamma, (input,), _mvlgamma("mvlgamma", input, p))
    if isinstance(out, Tensor) and not dtypes.can_cast(r.dtype, out.dtype):
        raise RuntimeError(
            f"mvlgamma: result type {input.dtype.legacy} can't be cast to the desired output type {r.dtype.legacy}"
        )
    return r if out is None else into(out, r, "mvlgamma")


@composite(function=False, method=True)
def mvlgamma_(self, p=REQUIRED):
    """In-place `mvlgamma`."""
    if self.dtype.category == 1:
        wide = dtypes.get_default_dtype().legacy
        raise RuntimeError(f"mvlgamma: result type {self.dtype.legacy} can't be cast to the desired output type {wide}")
    return inplace(rows.mvlgamma, (self,), _mvlgamma("mvlgamma_", self, p))


@composite(method=True)
def frexp(input=REQUIRED, *, out=None):
    """Mantissa in [0.5, 1) and exponent of 2."""
    need_tensors("frexp", input=input)
    r = return_type("frexp", ("mantissa", "exponent"))(rows.frexp.record(input))
    return r if out is None else type(r)([into(o, x, "frexp") for o, x in zip(out, r, strict=True)])
