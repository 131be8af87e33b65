"""gradcheck and gradgradcheck: derivatives from backward held against finite differences.

Note [Complex derivatives]
A function with complex outputs is checked as two functions with real outputs, its imaginary and its real part. For a
complex input z = x + iy of a real-valued s, backward gives ds/dx + i ds/dy, and so does the numerical side: one
difference along the real axis and one along the imaginary axis.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import functions as F
from ..dtype import float64, promote_types
from ..rng import Generator
from ..tensor import Tensor, wrap
from .entry import grad
from .history import edge
from .jacobians import (
    GradcheckError,
    Settings,
    _wanting,
    analytical_jacobian,
    as_tuple,
    differentiable,
    inexact,
    numerical_jacobian,
    numerical_slope,
)
from .modes import state
from .node import Node, next_seq
from .places import draws_numbers

Func = Callable[..., Any]


# ---- holding one against the other


def _close(a: Tensor, n: Tensor, rtol: float, atol: float) -> bool:
    common = promote_types(a.dtype, n.dtype).np
    x, y = a._a.astype(common), n._a.astype(common)
    # allclose's own rule: NaN and infinities agree with nothing but the same infinity
    with np.errstate(invalid="ignore"):
        return bool(((x == y) | (np.isfinite(x) & np.isfinite(y) & (np.abs(x - y) <= atol + rtol * np.abs(y)))).all())


def _mismatch(a: Tensor, n: Tensor, o: int, i: int, part: str | None) -> str:
    prefix = f"While considering the {part} part of complex outputs only, " if part else ""
    return f"{prefix}Jacobian mismatch for output {o} with respect to input {i},\nnumerical:{n}\nanalytical:{a}\n"


def _check_slow(
    func: Func, inputs: tuple[Any, ...], outputs: Sequence[Tensor], s: Settings, part: Callable[[int], str | None]
) -> None:
    func_out = as_tuple(func(*inputs))
    numerical = [numerical_jacobian(func, inputs, t, s.eps) for _, t in _wanting(inputs)]
    if not outputs:
        if any((n._a != 0).any() for per_input in numerical for n in per_input):
            raise GradcheckError("Numerical gradient for function expected to be zero")
        return
    floats = [o for o in func_out if inexact(o)]
    places = [k for k, o in enumerate(floats) if o.requires_grad]
    for i, (o, k) in enumerate(zip(outputs, places, strict=True)):
        for j, a in enumerate(analytical_jacobian(inputs, o, s)):
            n = numerical[j][k]
            if not _close(a, n, s.rtol, s.atol):
                raise GradcheckError(_mismatch(a, n, i, j, part(i)))


_FAST_BUT_SLOW_OK = """
Fast gradcheck failed but element-wise differences are small. This means that the
test might've passed in slow_mode!

If you are adding a new operator, please file an issue and then use one of the
workarounds. The workaround depends on how your test invokes gradcheck/gradgradcheck:

If the test
- manually invokes gradcheck/gradgradcheck, then call gradcheck/gradgradcheck
  with `fast_mode=False` as a keyword argument.
- is OpInfo-based (e.g., in test_ops_gradients.py), then modify the OpInfo for the test
  to have `gradcheck_fast_mode=False`
- is a Module test (e.g., in common_nn.py), then modify the corresponding
  module_test entry to have `gradcheck_fast_mode=False`
""".strip()


def _direction(like: Tensor, generator: Generator, real: bool) -> Tensor:
    """A random vector of length one with an entry per element."""
    d = like.dtype.to_real() if real and like.dtype.is_complex else like.dtype
    v = F.rand(like.numel(), generator=generator).to(d)  # type: ignore[attr-defined]
    size = float(np.sqrt((np.abs(v._a) ** 2).sum()))
    return v / size if size else v


def _check_fast(
    func: Func, inputs: tuple[Any, ...], outputs: Sequence[Tensor], s: Settings, part: Callable[[int], str | None]
) -> None:
    """One random direction through each input and each output stands for the whole Jacobian."""
    generator = Generator()
    targets = [t for _, t in _wanting(inputs)]
    us: list[Any] = []
    for t in targets:
        u = _direction(t, generator, True)
        us.append((u, _direction(t, generator, True)) if t.is_complex() else u)
    vs = [_direction(o, generator, False) for o in outputs]
    numerical = [numerical_slope(func, inputs, t, u, s.eps) for t, u in zip(targets, us, strict=True)]
    if not outputs:
        if any(n._a.size and np.abs(n._a).max() > s.nondet_tol for per_input in numerical for n in per_input):
            raise GradcheckError("Numerical gradient for function expected to be zero")
        return
    floats = [o for o in as_tuple(func(*inputs)) if inexact(o)]
    places = [k for k, o in enumerate(floats) if o.requires_grad]
    columns = [analytical_jacobian(inputs, o, s, v) for o, v in zip(outputs, vs, strict=True)]
    for j, (t, u) in enumerate(zip(targets, us, strict=True)):
        for i, (v, k) in enumerate(zip(vs, places, strict=True)):
            n = (v * numerical[j][k]).sum()  # type: ignore[attr-defined]
            column = columns[i][j]._a[:, 0]
            if t.is_complex():
                total = complex((column.real * u[0]._a).sum(), (column.imag * u[1]._a).sum())
                reach = float(u[0]._a.sum() + u[1]._a.sum())
            else:
                total = (column * u._a).sum()
                reach = float(u._a.sum())
            a = wrap(np.asarray(total))
            if not _close(a, n, s.rtol, s.atol * reach * float(abs(v._a.sum()))):
                raise GradcheckError(
                    _mismatch(a, n, i, j, part(i)) + _slowly(func, inputs, outputs, i, j, places[i], s)
                )


def _slowly(func: Func, inputs: tuple[Any, ...], outputs: Sequence[Tensor], i: int, j: int, k: int, s: Settings) -> str:
    """What a failure of the fast mode looks like element by element."""
    target = _wanting(inputs)[j][1]
    loose = Settings(s.eps, s.atol, s.rtol, float("inf"), False, False)
    n = numerical_jacobian(func, inputs, target, s.eps)[k]
    a = analytical_jacobian(inputs, outputs[i], loose)[j]
    worst = wrap(np.asarray(np.abs(n._a - a._a).max()))
    text = (
        "\nThe above quantities relating the numerical and analytical jacobians are computed \n"
        "in fast mode. See: https://github.com/pytorch/pytorch/issues/53876 for more background \n"
        "about fast mode. Below, we recompute numerical and analytical jacobians in slow mode:\n\n"
        f"Numerical:\n {n}\nAnalytical:\n{a}\n\nThe max per-element difference (slow mode) is: {worst}.\n"
    )
    return text + _FAST_BUT_SLOW_OK if _close(a, n, s.rtol, s.atol) else text


def _part_of(func: Func, name: str) -> Func:
    def wrapped(*inputs: Any) -> tuple[Any, ...]:
        return tuple([getattr(o, name) if o.is_complex() else o for o in as_tuple(func(*inputs))])

    return wrapped


# ---- other demands on a backward


class UndefinedGrad(Node):
    """Lets no gradient through: what hangs behind it gets none at all, not zeros."""

    __slots__ = ()

    def name(self) -> str:
        return "torch::autograd::UndefinedGrad"

    def apply(self, grad: Any) -> Any:
        return (None,)

    apply_t = apply


UndefinedGrad.__module__ = "builtins"


def _undefined(t: Tensor) -> Tensor:
    node = UndefinedGrad()
    node.edges, node.seq, node.extra, node.plain = (edge(t),), next_seq(), None, True
    node.shape, node.dt = t._a.shape, t._a.dtype
    return t._alias(node)


def _zeros(outs: Sequence[Tensor]) -> list[Tensor]:
    return [wrap(np.zeros(o._a.shape, o._a.dtype)) for o in outs]


def _check_multiplied(outputs: Sequence[Tensor], inputs: Sequence[Any]) -> None:
    """Zeros arriving at the outputs must leave as zeros, of the inputs' dtypes and sizes."""
    targets = [t for _, t in _wanting(inputs)]
    if not targets:
        raise GradcheckError("no Tensors requiring grad found in input")
    if not outputs:
        return
    for g, t in zip(
        grad(outputs, targets, _zeros(outputs), retain_graph=True, allow_unused=True), targets, strict=True
    ):
        if g is None:
            continue
        if (g._a != 0).any():
            raise GradcheckError("backward not multiplied by grad_output")
        if g._a.dtype != t._a.dtype:
            raise GradcheckError("grad is incorrect type")
        if g._a.shape != t._a.shape:
            raise GradcheckError("grad is incorrect size")


def _check_undefined(func: Func, inputs: tuple[Any, ...]) -> None:
    """Outputs that no gradient arrives at must be bearable, one at a time and all together."""
    targets = [t for _, t in _wanting(inputs)]

    def check(outs: Sequence[Tensor]) -> None:
        try:
            got = grad(outs, targets, _zeros(outs), allow_unused=True)
        except RuntimeError as error:
            _warn_about_undefined()
            raise GradcheckError(
                'Expected backward function to handle undefined output grads. Please look at "Notes about undefined output '
                'gradients" in "tools/autograd/derivatives.yaml"'
            ) from error
        if any(g is not None and (g._a != 0).any() for g in got):
            _warn_about_undefined()
            raise GradcheckError(
                "Expected all input grads to be undefined or zero when all output grads are undefined or zero. Please look at "
                '"Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"'
            )

    outs = differentiable(func(*inputs))
    if not outs:
        return
    check([_undefined(o) for o in outs])
    if len(outs) > 1:
        for k in range(len(outs)):
            check([_undefined(o) if i == k else o for i, o in enumerate(differentiable(func(*inputs)))])


def _warn_about_undefined() -> None:
    warnings.warn(
        "Backwards compatibility: New undefined gradient support checking feature is enabled by default, but it may break "
        "existing callers of this function. If this is true for you, you can call this function with "
        '"check_undefined_grad=False" to disable the feature',
        stacklevel=4,
    )


def _check_batched(inputs: Sequence[Any], output: Tensor, o: int) -> None:
    """`is_grads_batched` must give what one pass per vector gives."""
    targets = [t for _, t in _wanting(inputs)]
    vectors = F.stack([F.randn_like(output.detach()) for _ in range(2)])  # type: ignore[attr-defined]
    singly = [grad(output, targets, v, retain_graph=True, materialize_grads=True) for v in vectors]
    together = grad(output, targets, vectors, retain_graph=True, is_grads_batched=True, materialize_grads=True)
    for i, got in enumerate(together):
        wanted = F.stack([row[i] for row in singly])  # type: ignore[attr-defined]
        if not _close(got, wanted, 1e-5, 1e-8):
            raise GradcheckError(
                f"For output {o} and input {i}:\n\ngradcheck or gradgradcheck failed while testing batched gradient "
                f"computation.\n\nGot:\n{got}\n\nExpected:\n{wanted}"
            )


def _check_inputs(inputs: Sequence[Any]) -> None:
    for i, t in _wanting(inputs):
        if t.dtype.name not in ("float64", "complex128"):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely "
                "fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=4,
            )
        if not all(step > 0 or n <= 1 for step, n in zip(t.stride(), t.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be "
                "able to compute the numerical gradients correctly. You should call .contiguous on the input before passing it "
                "to gradcheck."
            )
    if not _wanting(inputs):
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )


# ---- entry points


def gradcheck(
    func: Func,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func(*inputs)` agree with central differences of step `eps`.

    `inputs`: a tensor or tuple; those that require grad are checked, and should be float64 or complex128. Raises
    GradcheckError with both Jacobians where they differ by more than `atol + rtol * |numerical|` (False instead, with
    `raise_exception=False`). `fast_mode` compares along one random direction instead of element by element.

    >>> import tgrad as torch
    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(torch.sin, x)
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    if check_forward_ad:
        raise RuntimeError("check_forward_ad=True: tgrad differentiates in reverse mode only")
    given = as_tuple(inputs)
    s = Settings(eps, atol, rtol, nondet_tol, check_grad_dtypes, fast_mode)
    try:
        _check(func, given, s, check_undefined_grad, check_batched_grad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check(func: Func, inputs: tuple[Any, ...], s: Settings, undefined: bool, batched: bool) -> None:
    _check_inputs(inputs)
    func_out = func(*inputs)
    outputs = differentiable(func_out)
    compare = _check_fast if s.fast else _check_slow
    if any(o.is_complex() for o in as_tuple(func_out)):
        complex_ones = {i for i, o in enumerate(outputs) if o.is_complex()}
        for name, words in (("imag", "imaginary"), ("real", "real")):
            part = _part_of(func, name)
            parts = differentiable(part(*inputs))
            compare(part, inputs, parts, s, lambda i, w=words: w if i in complex_ones else None)  # type: ignore[misc]
    else:
        compare(func, inputs, outputs, s, lambda i: None)
    if batched:
        for i, o in enumerate(outputs):
            _check_batched(inputs, o, i)
    _check_multiplied(outputs, inputs)
    if undefined:
        _check_undefined(func, inputs)


def gradgradcheck(
    func: Func,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """`gradcheck` of the gradients of `func`, as functions of its inputs and of what arrives at its outputs.

    `grad_outputs`: what arrives (default: random numbers between -1 and 1). The other arguments are gradcheck's.

    >>> import tgrad as torch
    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(torch.sin, x)
    True
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    if check_undefined_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_undefined_grad=True requires check_rev_over_rev to be True")
    if check_batched_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_batched_grad=True requires check_rev_over_rev to be True")
    given = as_tuple(inputs)
    if grad_outputs is None:
        outs = differentiable(func(*given))
        arriving = tuple([_arriving(o, gen_non_contig_grad_outputs) for o in outs])
    else:
        arriving = as_tuple(grad_outputs)
    n = len(arriving)
    places = {i for i, _ in _wanting(given)}

    def first_derivative(*args: Any) -> tuple[Any, ...]:
        own, gs = args[:-n], args[-n:]
        before, state.grad = state.grad, True
        try:
            targets = tuple([t for i, t in enumerate(own) if i in places])
            outs = differentiable(func(*own))
            got = grad(outs, targets, gs, create_graph=True, allow_unused=True)
        finally:
            state.grad = before
        return tuple([g for g in got if g is not None])

    return gradcheck(
        first_derivative,
        given + arriving,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


def _arriving(o: Tensor, scattered: bool) -> Tensor:
    """Random numbers of an output's shape; with gaps in memory if `scattered`."""
    d = o.dtype if inexact(o) else float64
    shape = (*o.shape, 2) if scattered else tuple(o.shape)
    g = F.rand(shape, dtype=d) * 2 - (1 + 1j if d.is_complex else 1)  # type: ignore[attr-defined]
    return (g[..., 0] if scattered else g).detach().requires_grad_()


__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

draws_numbers(globals())
