"""The five seed documents: for each code block what must come out, and why where that is not what is printed there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]

DIGITS = r"0\.\d{4}"


def test_000_getting_started(run: Run) -> None:
    """April 2017, PyTorch 0.1, Jekyll highlights with `>>` prompts."""
    done = run("000")
    assert done.dialect == "0.1"
    done.check(
        [
            "# not run (shell)",
            "# not run (shell)",
            "# not run (shell)",
            # Tensors go to a GPU that is not there. (With one, dot() of matrices is an error since 0.2; see below.)
            "error: AssertionError: Torch not compiled with CUDA enabled",
            "nothing",
            "document",
            "nothing",
            "document",
            "nothing",
            "nothing",
            "nothing",
            "nothing",
            "nothing",
            "document",
        ]
    )
    assert done.status == 1


def test_000_the_dot_product_as_meant(run: Run) -> None:
    """0.1's dot() took tensors of any shape as long rows of numbers; today that is written out."""
    run("000", ".cuda()", "").check(
        ["# not run (shell)"] * 3
        + ["error: RuntimeError: 1D tensors expected, but got 2D and 2D tensors"]
        + ["nothing", "document"] * 2
        + ["nothing"] * 5
        + ["document"]
    )
    done = run("000", ".cuda()", "", "a.dot(b)", "a.flatten().dot(b.flatten())")
    number = float(done.shown[3].strip().split("\n")[0])
    assert 0 < number < 15  # 15 products of numbers between 0 and 1


def test_001_tensor_and_autograd(run: Run) -> None:
    """July 2018, PyTorch 0.4, bare fences with code, prompts and output mixed."""
    done = run("001")
    assert done.dialect == "0.4"
    done.check(
        [
            "nothing",
            "document",
            "nothing",  # y = torch.rand(2, 2) is an assignment, which echoes nothing; the document shows y all the same
            "nothing",
            "nothing",
            "nothing",
            "nothing",
            "document",
            "document",
            "document",
            "document",
            "document",
            "document",
            "nothing",
            "nothing",
            # Typed twice, the first time without a space after the prompt; it prints both times.
            "tensor([[ 27.,  27.],\n        [ 27.,  27.]]) tensor(27.)",
            "document",
            "nothing",
            "document",
        ]
    )
    assert done.status == 0


def test_001_the_random_tensor_as_meant(run: Run) -> None:
    done = run("001", "y = torch.rand(2, 2)\n", "y = torch.rand(2, 2)\n>>> y\n")
    assert done.cells[3].code == "y"
    row = rf"tensor\(\[\[ {DIGITS},  {DIGITS}\],\n {{8}}\[ {DIGITS},  {DIGITS}\]\]\)"
    assert re.fullmatch(row, done.shown[3])


MATMUL = ["nothing", "nothing", "document"]


def test_002_hello_pytorch(run: Run) -> None:
    """2017, PyTorch 0.2 to 0.3. Its class bodies are no Python: `def __init__(self.input_size, …)`."""
    done = run("002")
    assert done.dialect == "0.1"
    not_python = "error: SyntaxError: invalid syntax"
    done.check(
        [
            "nothing",
            "nothing",
            "nothing",
            "nothing",
            "nothing",
            # The line asks for the size and shows the product itself; of two vectors that is a scalar, with no sizes.
            "torch.Size([])",
            *MATMUL * 4,
            not_python,
            "nothing",
            "nothing",
            "error: NameError: name 'MyLinear' is not defined",
            "nothing",  # `linear` is still the function of the third block
            not_python,
            r"like: <function linear at 0x[0-9a-f]+>",
            not_python,
            r"like: <function linear at 0x[0-9a-f]+>",
            "error: AttributeError: 'function' object has no attribute 'eval'",
        ]
    )
    assert done.status == 1


def test_002_the_classes_as_meant(run: Run) -> None:
    """The dots are commas; and a module is made of the last class before it is printed."""
    done = run(
        "002",
        "self.input_size",
        "self, input_size",
        "forward(self.x)",
        "forward(self, x)",
        "        y = self.linear(x)\n        \n        return y\n",
        "        y = self.linear(x)\n        \n        return y\n\nlinear = MyLinear(10, 5)\n",
    )
    whole = "MyLinear(\n  (linear): Linear(in_features=10, out_features=5, bias=True)\n)"
    done.check(
        [
            *["nothing"] * 5,
            "torch.Size([])",
            *MATMUL * 4,
            "nothing",
            *["nothing"] * 4,
            "nothing",
            "MyLinear()",  # a module without parts has stood on one line since 0.4
            "nothing",
            "document",
            whole,  # the cell ends in linear.train(), which returns the module
        ]
    )
    assert done.status == 0


def test_003_autograd(run: Run) -> None:
    """2018, PyTorch 0.4, a notebook as text, with `In [n]:` and the numbers of torch.manual_seed(1)."""
    done = run("003")
    assert done.dialect == "0.4"
    done.check(
        [
            "nothing",  # torchvision and matplotlib are imported and not used; %matplotlib inline needs no notebook
            *["document"] * 6,
            # In [21] was run after In [20], with another x; from top to bottom x is still the tensor of ones.
            "tensor([[ 27.,  27.],\n        [ 27.,  27.]])\ntensor(27.)",
            r"like: <MulBackward0 object at 0x[0-9a-f]+>",  # IPython leaves the word "object" out
            "document",
            "document",
            "error: SyntaxError: invalid syntax",  # print(y)x: an x too many; the output is from before it slipped in
            *["document"] * 4,
            # The numbers are the document's own; the error has longer words since then.
            "tensor([[ 13.2908,  10.1354],\n        [  8.4934,  12.9705]])\n"
            "Trying to backward through the graph a second time (or directly access saved tensors after they have "
            "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
            "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if "
            "you need to access saved tensors after calling backward.",
            "document",
            "document",
        ]
    )
    assert done.status == 1


def test_003_print_as_meant(run: Run) -> None:
    done = run("003", "print(y)x", "print(y)")
    assert done.shown[11] == done.cells[11].expected
    assert done.status == 0


def test_004_introduction(run: Run) -> None:
    """2022, today's echo, a notebook converted to Markdown with indented outputs."""
    done = run("004")
    assert done.dialect == "current"
    done.check(
        [
            *["document"] * 6,
            "error: NameError: name 'x_cuda' is not defined",
            # torch.rand without a seed: the shape of the echo is what can be compared.
            rf"like: tensor\(\[(\[(\[{DIGITS}, {DIGITS}\](,\n {{9}})?){{3}}\](,\n\n {{8}})?){{2}}\]\)",
            rf"like: tensor\(\[(\[({DIGITS}(, )?){{6}}\](,\n {{8}})?){{2}}\]\)",
            "document",
            "document",
            "error: RuntimeError: 1D tensors expected, but got 2D and 2D tensors",
            r"like: tensor\(\[(\[\d\.\d{4}, \d\.\d{4}\](,\n {8})?){5}\]\)\nTraceback (.|\n)*\n"
            "RuntimeError: 1D tensors expected, but got 3D and 1D tensors",
            "document",
            "document",
        ]
    )
    assert done.status == 1
