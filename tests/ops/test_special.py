"""Every function of torch.special beside PyTorch: dtypes, layouts, special values, `out=`, derivatives, errors.

Nothing here names a function but the few tables of what arguments mean: the cases are those of `torch.special.__all__`.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tgrad
import tgrad.special

from .oracle import (
    DTYPES,
    caught,
    compare,
    compare_gradients,
    copy_of,
    dtype_name,
    layouts,
    same_error,
    same_outcome,
    to_tgrad,
    torch,
    twin,
    values,
)

NAMES = torch.special.__all__
WITH_DIM = ("softmax", "log_softmax", "logsumexp")
POLYNOMIALS = [n for n in NAMES if "polynomial" in n]
TWO = [*POLYNOMIALS, "xlogy", "xlog1py", "zeta", "gammainc", "gammaincc"]
ELEMENTWISE = [n for n in NAMES if n not in WITH_DIM]
UNARY = [n for n in ELEMENTWISE if n not in (*TWO, "polygamma", "multigammaln")]
elementwise = pytest.mark.parametrize("name", ELEMENTWISE)
SCALE = 6.0

# Where the arguments lie, -3 to 3 otherwise; of the second argument, if it is another.
FIRST = {
    "erfinv": (-0.95, 0.95), "ndtri": (0.05, 0.95), "logit": (0.05, 0.95), "entr": (0.05, 3), "gammaln": (0.1, 4),
    "multigammaln": (1.1, 5), "polygamma": (0.2, 4), "digamma": (0.2, 4), "psi": (0.2, 4), "zeta": (1.2, 4),
    "gammainc": (0.2, 4), "gammaincc": (0.2, 4), "bessel_y0": (0.1, 4), "bessel_y1": (0.1, 4), "modified_bessel_k0": (0.1, 4),
    "modified_bessel_k1": (0.1, 4), "scaled_modified_bessel_k0": (0.1, 4), "scaled_modified_bessel_k1": (0.1, 4),
    "log1p": (-0.9, 3),
}  # fmt: skip
SECOND = {"zeta": (0.2, 4), "xlogy": (0.1, 3), "xlog1py": (-0.9, 3), "gammainc": (0.2, 4), "gammaincc": (0.2, 4)}
# PyTorch's own Bessel functions are good to six digits or so in float64: see test_bessel_functions_are_right.
ROUGH = {"airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1"}


def run(library: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """The function with its whole numbers in their places."""
    fn = getattr(library.special, name)
    if name == "polygamma":
        return fn(2, *args, **kwargs)
    if name == "multigammaln":
        return fn(*args, 2, **kwargs)
    return fn(*args, **kwargs)


def operands(name: str, first: Any, seed: int = 60) -> list[Any]:
    if name not in TWO:
        return [first]
    low, high = SECOND.get(name, (0, 9.5))
    if name in POLYNOMIALS and dtype_name(first) not in ("float32", "float64"):
        low, high = 0, 3
    return [first, values(tuple(first.shape), dtype_name(first), low, high, seed)]


def scale_of(name: str, dtype: Any) -> float:
    if name in ROUGH and dtype_name(dtype) == "float64":
        return 1e7
    return 30.0 if name in POLYNOMIALS else SCALE


def same(name: str, args: list[Any]) -> None:
    ours, theirs = twin(args)
    note = f"{name} {[dtype_name(a) for a in args]}"
    same_outcome(
        lambda: run(tgrad, name, *ours), lambda: run(torch, name, *theirs), note=note, scale=scale_of(name, args[0])
    )


def test_all_names_are_there() -> None:
    assert set(tgrad.special.__all__) == set(NAMES)
    for name in NAMES:
        assert len(getattr(tgrad.special, name).__doc__) > 20
        assert getattr(tgrad.special, name).__name__ == name


@elementwise
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(name: str, dtype: str) -> None:
    for shape in ((3, 4), ()):
        same(name, operands(name, values(shape, dtype, *FIRST.get(name, (-3, 3)))))


@elementwise
def test_layouts(name: str) -> None:
    for dtype in ("int64", "float16"):
        for _, x in layouts(dtype, *FIRST.get(name, (-3, 3))):
            same(name, operands(name, x))
    for layout, x in layouts("float32", *FIRST.get(name, (-3, 3))):
        args = operands(name, x)
        same(name, args)
        if name in TWO and not name.startswith("gamma"):
            same(name, [x, 3])
            same(name, [1.5, x])
        if len(args) > 1:
            same(name, [x, dict(layouts("float32", *SECOND.get(name, (0, 9.5)), seed=9))[layout]])


SPECIAL = [
    float("inf"),
    -float("inf"),
    float("nan"),
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1e-30,
    3.0,
    1.5,
    2.5,
    -1.5,
    20.0,
    100.0,
]


@elementwise
def test_special_values(name: str) -> None:
    for dtype in (torch.float32, torch.float64):
        x = torch.tensor(SPECIAL, dtype=dtype)
        if name not in TWO:
            same(name, [x])
            continue
        a, b = torch.meshgrid(x, x, indexing="ij")
        a, b = a.reshape(-1), b.reshape(-1)
        if name in POLYNOMIALS:  # the first steps of PyTorch's recurrence are undefined where x is nan
            keep = (a == a) & (b < 50)
            a, b = a[keep], b[keep]
        if name == "gammainc" or name == "gammaincc":
            keep = ~((a == b) & (a > 10))  # PyTorch has eight digits there
            a, b = a[keep], b[keep]
        same(name, [a, b])


@pytest.mark.parametrize("name", [n for n in TWO if n not in ("gammainc", "gammaincc")])
def test_numbers(name: str) -> None:
    x = values((3, 4), "float64", *SECOND.get(name, (0, 9.5)))
    for dtype in ("float64", "float32", "int64"):
        for number in (2, 2.5, True, np.float64(1.25)):
            x = values((3, 4), dtype, *SECOND.get(name, (0, 9.5)))
            same(name, [number, x])
            same(name, [values((3, 4), dtype, *FIRST.get(name, (-3, 3))), number])


@elementwise
def test_gradients(name: str) -> None:
    args = operands(name, values((3, 4), "float64", *FIRST.get(name, (-3, 3))))
    for k in range(len(args)):  # PyTorch may know a derivative for one operand only
        leaves = [a if i == k else a.detach() for i, a in enumerate(args)]

        def fn(library: Any, x: Any, leaves: list[Any] = leaves, k: int = k) -> Any:
            given = [x if i == k else twin(a)[library is torch] for i, a in enumerate(leaves)]
            return run(library, name, *given)

        ours, theirs = twin(leaves[k], True)
        want = fn(torch, theirs)
        assert fn(tgrad, ours).requires_grad == want.requires_grad
        if not want.requires_grad:
            continue
        if caught(lambda want=want: want.sum().backward()) is not None:
            sides = ((tgrad, ours), (torch, theirs))
            same_error(*[lambda m=m, x=x, fn=fn: fn(m, x).sum().backward() for m, x in sides], note=name)
            continue
        compare_gradients(lambda x: fn(tgrad, x), lambda x: fn(torch, x), [leaves[k]], scale=400, note=name)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py", "zeta"])
def test_gradients_beside_numbers(name: str) -> None:
    x = values((3, 4), "float64", *SECOND[name])
    compare_gradients(
        lambda y: run(tgrad, name, 1.75, y),
        lambda y: run(torch, name, 1.75, y),
        [x],
        scale=400,
        note=f"{name}(1.75, x)",
    )
    ours, theirs = twin(x, True)
    if name == "zeta":
        same_error(
            lambda: run(tgrad, name, ours, 2).sum().backward(), lambda: run(torch, name, theirs, 2).sum().backward()
        )
    else:
        compare_gradients(lambda y: run(tgrad, name, y, 2.5), lambda y: run(torch, name, y, 2.5), [x], scale=400)


@elementwise
def test_gradients_at_special_values(name: str) -> None:
    if name in TWO:
        return
    ours, theirs = twin(torch.tensor(SPECIAL, dtype=torch.float64), True)
    got, want = run(tgrad, name, ours), run(torch, name, theirs)
    if want.requires_grad:
        got.sum().backward()
        want.sum().backward()
        compare(ours.grad, theirs.grad, scale=400, note=name)


@elementwise
def test_out(name: str) -> None:
    args = operands(name, values((3, 4), "float32", *FIRST.get(name, (-3, 3))))
    for out in (
        torch.empty(0),
        torch.empty(3, 4),
        torch.empty(4, 3).t(),
        torch.empty(3, 4).double(),
        torch.empty(3, 4).half(),
        torch.empty(3, 4).int(),
        torch.empty(3, 4).bool(),
    ):
        ours, theirs = twin(args)
        a, b = to_tgrad(out), copy_of(out)
        if caught(lambda b=b, theirs=theirs: run(torch, name, *theirs, out=b)) is None:
            got = run(tgrad, name, *ours, out=a)
            assert got is a
            assert dtype_name(a) == dtype_name(b) and a.stride() == b.stride()
            if a.dtype is tgrad.float64:  # it holds what was computed in float32
                a, b = a.float(), b.float()
            compare(a, b, scale=scale_of(name, "float32"), note=name)
        else:
            same_error(
                lambda a=a, o=ours: run(tgrad, name, *o, out=a),
                lambda b=b, t=theirs: run(torch, name, *t, out=b),
                note=name,
            )
    ours, theirs = twin(args)
    for wrong in ([], 1):
        same_error(
            lambda w=wrong: run(tgrad, name, *ours, out=w), lambda w=wrong: run(torch, name, *theirs, out=w), note=name
        )
    recorded, theirs = twin(args, True)
    if name != "ndtr" and caught(lambda: run(torch, name, *theirs, out=torch.empty(3, 4))) is not None:
        same_error(
            lambda: run(tgrad, name, *recorded, out=tgrad.empty(3, 4)),
            lambda: run(torch, name, *theirs, out=torch.empty(3, 4)),
            note=name,
        )


@pytest.mark.parametrize("name", NAMES)
def test_errors(name: str) -> None:
    ours, theirs = twin(values((2, 3)))
    bad: list[Any] = [
        lambda m, x: (),
        lambda m, x: ([1.0],),
        lambda m, x: (1.0,),
        lambda m, x: ("a", x),
        lambda m, x: (x,) * 4,
    ]
    bad += [lambda m, x: (x, "a"), lambda m, x: (x, [1]), lambda m, x: (2, 3), lambda m, x: (None, x)]
    for make in bad:
        fns = [
            lambda m=m, x=x, make=make: getattr(m.special, name)(*make(m, x))
            for m, x in ((tgrad, ours), (torch, theirs))
        ]
        if caught(fns[1]) is not None:
            same_error(*fns, note=f"{name} {make(torch, 'x')}")
    for word in ("self", "other", "y", "dtype"):
        fns = [
            lambda m=m, x=x, w=word: getattr(m.special, name)(x, **{w: 1}) for m, x in ((tgrad, ours), (torch, theirs))
        ]
        if caught(fns[1]) is not None:
            same_error(*fns, note=f"{name} {word}=")


@pytest.mark.parametrize("name", TWO)
def test_shapes_that_do_not_go(name: str) -> None:
    (a, b), (c, d) = (twin(torch.ones(2, 3)), twin(torch.ones(2, 2)))
    same_error(lambda: run(tgrad, name, a, c), lambda: run(torch, name, b, d))


@pytest.mark.parametrize("name", WITH_DIM)
def test_along_a_dimension(name: str) -> None:
    for dtype in ("float32", "float64", "int64"):
        x = values((2, 3, 4), dtype)
        for args, kwargs in (
            ((1,), {}),
            ((-1,), {}),
            ((), {"dim": 0}),
            ((3,), {}),
            ((1.5,), {}),
            ((), {}),
            ((1,), {"keepdim": 1}),
        ):
            ours, theirs = twin(x)
            same_outcome(
                lambda a=args, k=kwargs, x=ours: getattr(tgrad.special, name)(x, *a, **k),
                lambda a=args, k=kwargs, x=theirs: getattr(torch.special, name)(x, *a, **k),
                note=f"{name} {args} {kwargs}",
            )
    if name != "logsumexp":
        ours, theirs = twin(values((2, 3), "float32"))
        fn = lambda m, x: getattr(m.special, name)(x, 1, dtype=m.float64)
        compare(fn(tgrad, ours), fn(torch, theirs))
    compare_gradients(
        lambda x: getattr(tgrad.special, name)(x, 1),
        lambda x: getattr(torch.special, name)(x, 1),
        [values((2, 3), "float64")],
    )


def test_keywords() -> None:
    (a, b), (n, m) = twin(values((3,), "float64", 1.5, 3)), twin(values((3,), "float64", 0, 4))
    for fn in (
        lambda t, x, y: t.special.round(x, decimals=1),
        lambda t, x, y: t.special.logit(x, eps=0.2),
        lambda t, x, y: t.special.logit(x, 0.2),
        lambda t, x, y: t.special.multigammaln(x, p=2),
        lambda t, x, y: t.special.polygamma(n=2, input=x),
        lambda t, x, y: t.special.airy_ai(x=x),
        lambda t, x, y: t.special.hermite_polynomial_h(x=x, n=y),
        lambda t, x, y: t.special.hermite_polynomial_h(x, n=y),
        lambda t, x, y: t.special.xlogy(input=x, other=y),
        lambda t, x, y: t.special.zeta(2.0, other=y),
        lambda t, x, y: t.special.gammainc(x, other=y),
        lambda t, x, y: t.special.logsumexp(x, (0,), keepdim=True),
    ):
        same_outcome(lambda fn=fn: fn(tgrad, a, n), lambda fn=fn: fn(torch, b, m), scale=SCALE)


def test_bessel_functions_are_right() -> None:
    """To the last digits of float64, by the equations that define them (PyTorch's are to six or seven)."""
    x = tgrad.linspace(0.5, 12, 40, dtype=tgrad.float64)
    s = tgrad.special
    # Wronskians: J1 Y0 - J0 Y1 = 2 / (pi x); I0 K1 + I1 K0 = 1 / x
    assert tgrad.allclose(
        s.bessel_j1(x) * s.bessel_y0(x) - s.bessel_j0(x) * s.bessel_y1(x), 2 / (np.pi * x), 1e-12, 1e-14
    )
    i0, i1, k0, k1 = (getattr(s, "modified_bessel_" + n)(x) for n in ("i0", "i1", "k0", "k1"))
    assert tgrad.allclose(i0 * k1 + i1 * k0, 1 / x, 1e-12, 1e-14)
    # Ai'' = x Ai
    h = 1e-3
    second = (s.airy_ai(x + h) - 2 * s.airy_ai(x) + s.airy_ai(x - h)) / h**2
    assert tgrad.allclose(second, x * s.airy_ai(x), 1e-5, 1e-9)
    assert s.airy_ai(tgrad.tensor([1e8, -1e8])).isfinite().all()


def test_polynomials_are_orthogonal() -> None:
    """Each family against its own weight, by Gauss's quadrature; which no oracle takes part in."""
    from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre

    for name, rule in (
        ("legendre_polynomial_p", legendre.leggauss),
        ("chebyshev_polynomial_t", chebyshev.chebgauss),
        ("hermite_polynomial_h", hermite.hermgauss),
        ("hermite_polynomial_he", hermite_e.hermegauss),
        ("laguerre_polynomial_l", laguerre.laggauss),
    ):
        nodes, weights = rule(16)
        x, w = tgrad.tensor(nodes), tgrad.tensor(weights)
        degrees = tgrad.arange(12, dtype=tgrad.float64)[:, None]
        p = getattr(tgrad.special, name)(x, degrees)
        products = (p * w) @ p.T
        size = products.diagonal().sqrt()
        assert tgrad.allclose(products / size / size[:, None], tgrad.eye(12, dtype=tgrad.float64), atol=1e-9), name


def test_large_arrays_take_the_same_way() -> None:
    x = values((50_000,), "float64", 0.1, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in (
            "erfcx",
            "i1e",
            "modified_bessel_k0",
            "scaled_modified_bessel_k1",
            "legendre_polynomial_p",
            "zeta",
        ):
            same(name, operands(name, x + 1))
