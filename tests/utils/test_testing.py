"""torch.testing beside PyTorch's: verdicts, texts and the numbers of make_tensor."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

import tgrad

real = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")

CASES = r"""
    t([1.,2]), t([1.,2.1])
    t([1.,2,3]), t([1.,2.1,9])
    t([1,2]), t([1,3])
    t(1.), t(2.)
    t(1), t(1)
    1., 2.
    1, 2
    1, 1.
    1, 1., check_dtype=False
    1., 1 + 1e-9
    1., 0.
    t([0.]), t([0.1])
    t([0.1]), t([0.])
    t([1.]), t([1.], dtype=L.float64)
    t([1.]), t([1.], dtype=L.float64), check_dtype=False
    t([1.]), t([1.1], dtype=L.float64), check_dtype=False
    t([1.]), t([1.,2])
    [t([1.]),t([2.])], [t([1.]),t([3.])]
    {'a':t([1.])}, {'a':t([2.])}
    {'a':1}, {'b':1}
    {'a':1, 'c': 2}, {'b':1, 'd': 2}
    [1], [1,2]
    [[1]], [[1,2]]
    t([float('nan')]), t([float('nan')])
    t([float('nan')]), t([float('nan')]), equal_nan=True
    float('nan'), float('nan')
    float('nan'), float('nan'), equal_nan=True
    t([1.]), t([1.1]), rtol=.2, atol=0
    t([1.]), t([1.1]), rtol=.2
    t([1.]), t([1.1]), atol=.2
    t([[1.,2],[3,4]]), t([[1.,2],[3,9]]), msg='hello'
    t([[1.,2],[3,4]]), t([[1.,2],[3,9]]), msg=lambda m:'X '+m
    t([1.]), 3.
    'a', 'a'
    1, 'a', msg='hello'
    t([True,False]), t([True,True])
    t([1+1j]), t([1+2j])
    None, None
    None, 1
    1, None
    True, False
    True, True
    1+1j, 1+2j
    t([[1.,2],[3,4]]).t(), t([[1.,3],[2,4]]), check_stride=True
    t([[1.,2],[3,4]]).t(), t([[1.,3],[2,4]])
    t([1.]), [1.]
    [1,2], (1,2)
    t([1], dtype=L.uint8), t([2], dtype=L.uint8)
    t([1, 7], dtype=L.uint16), t([2, 3], dtype=L.uint16)
    t([-100], dtype=L.int8), t([100], dtype=L.int8)
    np.array([1.]), np.array([2.])
    np.array([1.]), np.array([2.], dtype=np.float32)
    np.float64(1), np.float64(2)
    np.array([1.]), t([1.])
    [[1.,2.],[3.]], [[1.,2.],[4.]]
    t([1.,2.,3.]), t([1.,2.,3.+1e-7])
    t([]), t([])
    t([1.], dtype=L.bfloat16), t([1.1], dtype=L.bfloat16)
    t([1.], dtype=L.bfloat16), t([1.01], dtype=L.bfloat16)
    t([1.], dtype=L.half), t([1.01], dtype=L.half)
    t([1.], dtype=L.float64), t([1.+2e-7], dtype=L.float64)
    t([1.]), t([2.]), rtol=0, atol=0
    1., 1.1, rtol=0, atol=0
    float('inf'), 1.
    float('inf'), float('inf')
    t([float('inf'),1]), t([1,1.])
    t([float('inf')]), t([float('inf')])
    {'a':[t(1.)]}, {'a':[t(2.)]}
    t([1.]), t([2.]), allow_subclasses=False
    L.nn.Parameter(t([1.])), t([2.]), allow_subclasses=False
    L.nn.Parameter(t([1.])), t([1.])
    [1,None], [1,None]
    t([1,2,3]), t([1,2,4]), rtol=0.5, atol=0
    {1,2}, {1,2}
    L.ones(2, 3, 4), L.ones(2, 3, 4) + L.arange(24.).reshape(2, 3, 4)
    t([1., 5., 5.]), t([2., 4., 4.])
""".strip().splitlines()


def told(L: Any, text: str, name: str) -> tuple[str, str]:
    scope = {"L": L, "t": L.tensor, "np": np, "f": getattr(L.testing, name)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            eval(f"f({text})", scope)
        except (AssertionError, ValueError, TypeError) as e:
            return type(e).__name__, str(e)
    return "", ""


@pytest.mark.parametrize("text", [c.strip() for c in CASES])
def test_assert_close(text: str) -> None:
    assert told(tgrad, text, "assert_close") == told(real, text, "assert_close")


@pytest.mark.parametrize("text", ["t([1.]), t([2.])", "t([1.]), [1.]", "1., 1.", "t([1]), t([1.])", "t([1.]), t([1.]), msg='x'", "t([1.]), t([2.]), msg='x'", "t([1.]), t([1.1]), 0.2, 0."])  # fmt: skip
def test_assert_allclose(text: str) -> None:
    assert told(tgrad, text, "assert_allclose") == told(real, text, "assert_allclose")
    with pytest.warns(FutureWarning, match="assert_allclose"):
        tgrad.testing.assert_allclose(tgrad.ones(1), tgrad.ones(1))


MADE = """
    3, dtype=L.float32 | (2, 3), dtype=L.int64 | 2, 3, dtype=L.bfloat16 | (), dtype=L.float64 | (4,), dtype=L.bool | (3,), dtype=L.complex64
    (2,), dtype=L.uint8 | (2, 4), dtype=L.float32, noncontiguous=True | (2,), dtype=L.float32, low=3, high=1 | (5,), dtype=L.int64, low=1.5, high=4.2
    (2,), dtype=L.float32, low=float('nan') | (2,), dtype=L.int64, requires_grad=True | (2,), dtype=L.float32, requires_grad=True
    (9,), dtype=L.int64, low=-1, high=2, exclude_zero=True | (9,), dtype=L.complex64, exclude_zero=True | (2,), dtype=L.uint8, low=300, high=400 | (2,), dtype=L.float16, low=-1e9, high=1e9
    (1, 2, 2, 2), dtype=L.float32, memory_format=L.channels_last | (2,), dtype=L.float32, noncontiguous=True, memory_format=L.contiguous_format
    (0, 3), dtype=L.float32 | (2,), dtype=L.float64, low=1, high=1 | (1,), dtype=L.float32, noncontiguous=True | (3,), dtype=L.float16, low=0, high=3
""".replace("\n", "|").split("|")


@pytest.mark.parametrize("text", [m.strip() for m in MADE if m.strip()])
def test_make_tensor(text: str) -> None:
    found = []
    for L in (tgrad, real):
        L.manual_seed(3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                x = eval(f"L.testing.make_tensor({text}, device='cpu')", {"L": L})
                strides = x.stride() if x.numel() else None
                found.append((x.tolist(), str(x.dtype), tuple(x.shape), strides, x.requires_grad))
            except ValueError as e:
                found.append(str(e).replace("tgrad", "torch"))
    assert found[0] == found[1]


def test_signatures() -> None:
    for name in ("assert_close", "assert_allclose", "make_tensor"):
        ours, theirs = (inspect.signature(getattr(L.testing, name)).parameters for L in (tgrad, real))
        assert [(p.name, p.kind, p.default) for p in ours.values()] == [
            (p.name, p.kind, p.default) for p in theirs.values()
        ]
