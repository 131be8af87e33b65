"""The echo of PyTorch 0.4 and 0.1: texts that old documents show."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
import pytest

from tgrad import echo

# `tgrad.dtype` is the class; this is the module behind it
dtypes = importlib.import_module("tgrad.dtype")


class Device:
    def __init__(self, text: str) -> None:
        self.type, _, index = text.partition(":")
        self.index = int(index) if index else None

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


class Standin:
    """What the echo asks of a tensor, and no more."""

    def __init__(self, values: Any, kind: str = "float32", device: str = "cpu", **graph: Any) -> None:
        self.dtype = dtypes.by_name(kind)
        self._a = np.asarray(values).astype(self.dtype.np)
        self.shape = self._a.shape
        self.device = Device(device)
        self.requires_grad = graph.get("requires_grad", False)
        self.grad_fn = graph.get("grad_fn")

    def detach(self) -> Standin:
        return self

    cpu = detach

    def __repr__(self) -> str:
        return echo.tensor_repr(self)


Tensor: Any = type("Tensor", (Standin,), {"__module__": "tgrad.tensor"})
Parameter: Any = type(
    "Parameter", (Tensor,), {"__module__": "tgrad.nn.parameter", "__repr__": lambda self: echo.parameter_repr(self)}
)


class AddBackward0:
    pass


@pytest.fixture
def v0_4():
    with echo.dialect("0.4"):
        yield


@pytest.fixture
def v0_1():
    with echo.dialect("0.1"):
        yield


def lines(*parts: str) -> str:
    return "\n".join(parts)


def test_dialects_are_set_and_put_back():
    assert echo.get_dialect() == "current"
    with pytest.raises(KeyError), echo.dialect("0.4"):
        assert repr(Tensor([1.0])) == "tensor([ 1.])"
        raise KeyError
    assert repr(Tensor([1.0])) == "tensor([1.])"
    with pytest.raises(ValueError, match=r"unknown dialect '0\.5': one of 'current', '0\.4', '0\.1'"):
        echo.set_dialect("0.5")
    echo.set_dialect("0.1")
    echo.set_dialect("current")
    assert echo.get_dialect() == "current"


CASES_0_4 = [
    (Tensor(np.ones((2, 2)), requires_grad=True), "tensor([[ 1.,  1.],\n        [ 1.,  1.]])"),
    (Tensor([[1, 2], [2, 1]]), "tensor([[ 1.,  2.],\n        [ 2.,  1.]])"),
    (Tensor([[27, 27], [27, 27]]), "tensor([[ 27.,  27.],\n        [ 27.,  27.]])"),
    (Tensor(27.0, grad_fn=AddBackward0()), "tensor(27.)"),
    (Tensor([[4.5, 4.5], [4.5, 4.5]]), "tensor([[ 4.5000,  4.5000],\n        [ 4.5000,  4.5000]])"),
    (Tensor([[0.3228, 0.8035], [0.3851, 0.2210]]), "tensor([[ 0.3228,  0.8035],\n        [ 0.3851,  0.2210]])"),
    (Tensor([[3.6049, 8.3441], [3.2794, 22.9086]]), "tensor([[  3.6049,   8.3441],\n        [  3.2794,  22.9086]])"),
    (Tensor([[13.2908, 10.1354], [8.4934, 12.9705]]), "tensor([[ 13.2908,  10.1354],\n        [  8.4934,  12.9705]])"),
    (Tensor([[4.3848, 6.6710], [-4.1821, 11.0535]]), "tensor([[  4.3848,   6.6710],\n        [ -4.1821,  11.0535]])"),
    (Tensor(9.5343), "tensor(9.5343)"),
    (Tensor([[3, 5], [10, 5]], "int64"), "tensor([[  3,   5],\n        [ 10,   5]])"),
    (Tensor([-12.0, 65.0]), "tensor([-12.,  65.])"),
    (Tensor([]), "tensor([])"),
    (Tensor([], "int64"), "tensor([], dtype=torch.int64)"),
    (Tensor(100, "int64"), "tensor(100)"),
    (
        Tensor([[0.11111, 0.2222222, 0.3333333]], "float64"),
        "tensor([[ 0.1111,  0.2222,  0.3333]], dtype=torch.float64)",
    ),
    (Tensor([1.5], "float64", "cuda:0"), "tensor([ 1.5000], dtype=torch.float64, device='cuda:0')"),
    (Tensor([[True, False], [False, True]], "bool"), "tensor([[ 1,  0],\n        [ 0,  1]], dtype=torch.uint8)"),
    (Tensor([0.25, 2], "bfloat16"), "tensor([ 0.2500,  2.0000], dtype=torch.bfloat16)"),
    # One power of ten is taken out of small and of large numbers.
    (Tensor(0.05524), "tensor(1.00000e-02 *\n       5.5240)"),
    (Tensor([0.025594]), "tensor(1.00000e-02 *\n       [ 2.5594])"),
    (
        Tensor([[6.3984e-8, 0], [0, 0]]),
        "tensor(1.00000e-08 *\n       [[ 6.3984,  0.0000],\n        [ 0.0000,  0.0000]])",
    ),
    (Tensor(125870.4), "tensor(1.00000e+05 *\n       1.2587)"),
    (Tensor([1e-5, 1.5]), "tensor([ 1.0000e-05,  1.5000e+00])"),
    (Tensor([1e-200, 1.5], "float64"), "tensor([ 1.0000e-200,   1.5000e+00], dtype=torch.float64)"),
    (Tensor([100000, 1], "int64"), "tensor([ 1.0000e+05,  1.0000e+00])"),
    (Tensor([math.nan, 1.0]), "tensor([nan.,   1.])"),
    (Tensor(math.inf), "tensor(inf.)"),
    (Tensor([math.nan, 0.5, -math.inf]), "tensor([    nan,  0.5000,    -inf])"),
    (Tensor(np.zeros((1, 2, 2))), "tensor([[[ 0.,  0.],\n         [ 0.,  0.]]])"),
    (Parameter([1.0], requires_grad=True), "Parameter containing:\ntensor([ 1.])"),
]


@pytest.mark.parametrize("t, text", CASES_0_4, ids=[text.replace("\n", " ") for _, text in CASES_0_4])
def test_0_4(v0_4, t, text):
    assert repr(t) == text


def test_0_4_wraps_after_seven(v0_4):
    text = repr(Tensor(np.full(15, -3.5)))
    assert text.split("\n") == [
        "tensor([-3.5000, -3.5000, -3.5000, -3.5000, -3.5000, -3.5000, -3.5000,",
        "        -3.5000, -3.5000, -3.5000, -3.5000, -3.5000, -3.5000, -3.5000,",
        "        -3.5000])",
    ]


def test_0_4_summary(v0_4):
    assert repr(Tensor(np.arange(1001), "int64")) == "tensor([    0,     1,     2,  ...,   998,   999,  1000])"
    row = "[ 0.,  0.,  0.,  ...,  0.,  0.,  0.]"
    text = (",\n" + " " * 8).join([row, row, row, "...", row, row, row])
    assert repr(Tensor(np.zeros((40, 40)))) == f"tensor([{text}])"
    # The numbers left out have a say in the style.
    hidden = np.zeros(1001)
    hidden[500] = 12345.5
    assert repr(Tensor(hidden)).startswith("tensor([     0.0000,      0.0000")
    with echo.printoptions(edgeitems=0):
        assert repr(Tensor(hidden)) == "tensor([...])"


CASES_0_1 = [
    (Tensor(np.ones((4, 4))), "\n" + " 1  1  1  1\n" * 4 + "[torch.FloatTensor of size 4x4]\n"),
    (
        Tensor(np.full((2, 2), 4.5), requires_grad=True),
        "Variable containing:\n 4.5000  4.5000\n 4.5000  4.5000\n[torch.FloatTensor of size 2x2]\n",
    ),
    (Tensor([27.0], grad_fn=AddBackward0()), "Variable containing:\n 27\n[torch.FloatTensor of size 1]\n"),
    (Tensor(27.0, grad_fn=AddBackward0()), "Variable containing:\n 27\n[torch.FloatTensor of size 1]\n"),
    (Tensor(-0.4334), "\n-0.4334\n[torch.FloatTensor of size ()]\n"),
    (Tensor(2.0), "\n 2\n[torch.FloatTensor of size ()]\n"),
    (
        Tensor([1.7141, 0.3274, -1.2772]),
        "\n 1.7141\n 0.3274\n-1.2772\n[torch.FloatTensor of size 3]\n",
    ),
    (Tensor([[1, 2], [3, 400]], "int64"), "\n   1    2\n   3  400\n[torch.LongTensor of size 2x2]\n"),
    (Tensor([1, 0], "bool"), "\n 1\n 0\n[torch.ByteTensor of size 2]\n"),
    (Tensor([1.5], "float64", "cuda:1"), "\n 1.5000\n[torch.cuda.DoubleTensor of size 1 (GPU 1)]\n"),
    (Tensor([]), "[torch.FloatTensor with no dimension]\n"),
    (Tensor([], requires_grad=True), "Variable containing:[torch.FloatTensor with no dimension]\n"),
    (Tensor([123456.5, 345678.25]), "\n1.00000e+05 *\n  1.2346\n  3.4568\n[torch.FloatTensor of size 2]\n"),
    (Tensor([[0.01, 0.02]]), "\n1.00000e-02 *\n  1.0000  2.0000\n[torch.FloatTensor of size 1x2]\n"),
    (Tensor([1e-9, 1.5]), "\n 1.0000e-09\n 1.5000e+00\n[torch.FloatTensor of size 2]\n"),
    (Tensor([[math.nan, 1.0]]), "\nnan   1\n[torch.FloatTensor of size 1x2]\n"),
    (
        Parameter([[0.5, -0.25]], requires_grad=True),
        "Parameter containing:\n 0.5000 -0.2500\n[torch.FloatTensor of size 1x2]\n",
    ),
    (Tensor(np.zeros(2), "float16"), "\n 0\n 0\n[torch.HalfTensor of size 2]\n"),
]


@pytest.mark.parametrize("t, text", CASES_0_1, ids=[text.replace("\n", " ") for _, text in CASES_0_1])
def test_0_1(v0_1, t, text):
    assert repr(t) == text


def test_0_1_a_mark_makes_a_variable(v0_1):
    grad = Tensor([[4.5]])
    grad._is_variable = True
    assert repr(grad) == "Variable containing:\n 4.5000\n[torch.FloatTensor of size 1x1]\n"


def test_0_1_blocks(v0_1):
    assert repr(Tensor(np.arange(8).reshape(2, 2, 2))) == lines(
        "",
        "(0 ,.,.) = ",
        "  0  1",
        "  2  3",
        "",
        "(1 ,.,.) = ",
        "  4  5",
        "  6  7",
        "[torch.FloatTensor of size 2x2x2]",
        "",
    )
    four = repr(Tensor(np.zeros((1, 2, 1, 1))))
    assert four == "\n(0 ,0 ,.,.) = \n  0\n\n(0 ,1 ,.,.) = \n  0\n[torch.FloatTensor of size 1x2x1x1]\n"


def test_0_1_chunks_of_columns(v0_1):
    assert repr(Tensor(np.full((2, 14), 0.5))) == (
        "\n\nColumns 0 to 9 \n" + ("  ".join([" 0.5000"] + ["0.5000"] * 9) + "\n") * 2
        + "\nColumns 10 to 13 \n" + ("  ".join([" 0.5000"] + ["0.5000"] * 3) + "\n") * 2
        + "[torch.FloatTensor of size 2x14]\n"
    )  # fmt: skip


def test_0_1_summaries(v0_1):
    assert repr(Tensor(np.arange(1000.0))) == lines(
        "", "   0", "   1", "   2", " \u22ee  ", " 997", " 998", " 999", "[torch.FloatTensor of size 1000]", ""
    )
    row = "    0     0     0  ...      0     0     0"
    dots = "       ...          \u22f1          ...       "
    assert repr(Tensor(np.zeros((40, 40)))) == lines(
        "", row, row, row, dots, row, row, row, "[torch.FloatTensor of size 40x40]", ""
    )
    narrow = repr(Tensor(np.zeros((500, 2))))
    assert narrow == "\n" + "    0     0\n" * 3 + "     \u22ee      \n" + "    0     0\n" * 3 + (
        "[torch.FloatTensor of size 500x2]\n"
    )
    blocks = repr(Tensor(np.zeros((9, 8, 20)))).split("\n")
    assert [line for line in blocks if "," in line] == [f"({i} ,.,.) = " for i in (0, 1, 2, 6, 7, 8)]
    assert blocks.count("...") == 1
    deep = repr(Tensor(np.zeros((8, 8, 2, 8))))
    # The inner index skips in each of six outer blocks, the outer one skips once, the inner one restarts five times.
    assert (deep.count("\n   ...\n"), deep.count("...   \n"), deep.count("\n     \u22ee \n")) == (6, 1, 5)


def test_old_dialects_keep_to_what_existed(v0_1):
    """Complex tensors and subclasses came later: they are echoed as today, in every dialect."""

    class Mine(Standin):
        pass

    for name in echo.DIALECTS:
        with echo.dialect(name):
            assert repr(Tensor([1 + 2j], "complex64")) == "tensor([1.+2.j])"
            assert repr(Mine([1.0])) == "Mine([1.])"
            assert repr(Tensor(np.empty(2), device="meta")) == "tensor(..., device='meta', size=(2,))"
            assert echo.tensor_repr(Tensor([1.0]), tensor_contents="?") == "tensor(?)"


def test_options_reach_the_old_dialects(v0_1):
    t = Tensor([0.123, 0.456, 0.1, 0.2, 0.3])
    with echo.printoptions(precision=2, threshold=4, edgeitems=1):
        assert repr(t) == "\n   0.12\n   \u22ee   \n   0.30\n[torch.FloatTensor of size 5]\n"
        with echo.dialect("0.4"):
            assert repr(t) == "tensor([   0.12,  ...,    0.30])"
