"""`tgrad graph`: which graph is drawn, under which names, and where it goes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tgrad.cli.main import group

Draw = Callable[..., Result]


@pytest.fixture
def draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Draw:
    monkeypatch.chdir(tmp_path)

    def call(script: str, *args: str, name: str = "s.py") -> Result:
        Path(name).write_text(textwrap.dedent(script).lstrip("\n"), encoding="utf-8")
        return CliRunner().invoke(group, ["graph", name, *args], prog_name="tgrad")

    return call


SEED = """
    import torch
    x = torch.ones(2, 2, requires_grad=True)
    y = x + 2
    z = y * y * 3
    out = z.mean()
    out.backward()
    """

NET = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(2, 3)
            self.fc2 = nn.Linear(3, 1)

        def forward(self, x):
            return self.fc2(torch.relu(self.fc1(x)))

    net = Net()
    layer = net.fc1

    def train(steps):
        for step in range(steps):
            loss = net(torch.ones(4, 2)).mean()
            loss.backward()

    train(3)
    """


def test_beside_the_script(draw: Draw) -> None:
    result = draw(SEED)
    assert result.exit_code == 0
    assert result.output == "s.svg: graph of backward(), 5 nodes, 1 leaf\n"
    svg = Path("s.svg").read_text("utf-8")
    assert svg.lstrip().startswith("<") and "<svg" in svg and ">x<" in svg


def test_names_of_variables(draw: Draw) -> None:
    draw(SEED, "-o", "s.dot")
    dot = Path("s.dot").read_text("utf-8")
    assert all(f"{name}<" in dot for name in ("x", "y", "z", "out"))


def test_names_of_parameters_and_of_a_functions_variables(draw: Draw) -> None:
    result = draw(NET, "-o", "net.dot")
    assert result.output == "net.dot: graph of 3 backward calls, the first drawn, 11 nodes, 5 leaves\n"
    dot = Path("net.dot").read_text("utf-8")
    for name in ("net.fc1.weight", "net.fc1.bias", "net.fc2.weight", "net.fc2.bias", "loss"):
        assert f"{name}<" in dot
    assert "layer." not in dot and "self" not in dot


def test_two_backward_lines_and_a_name_used_twice(draw: Draw) -> None:
    script = """
        import torch
        x = torch.ones(2, requires_grad=True)
        (x * 2).sum().backward()
        x = torch.ones(3, requires_grad=True)
        x.exp().sum().backward()
        """
    result = draw(script, "-o", "s.dot")
    assert "2 backward calls" in result.output
    dot = Path("s.dot").read_text("utf-8")
    assert "x (line 3)<" in dot and "x<" in dot


def test_a_chosen_variable(draw: Draw) -> None:
    result = draw(SEED, "--var", "y", "-o", "y.dot")
    assert result.output == "y.dot: graph of y, 2 nodes, 1 leaf\n"
    assert "MulBackward0" not in Path("y.dot").read_text("utf-8")
    assert draw(SEED, "--var", "y", "--var", "out").exit_code == 0


def test_a_variable_that_is_none(draw: Draw) -> None:
    result = draw(SEED, "--var", "w")
    assert result.exit_code == 1
    assert "no variable 'w'" in result.stderr and "tensors with a graph: y, z, out" in result.stderr
    assert "torch is a module, not a tensor" in draw(SEED, "--var", "torch").stderr


def test_last_results_without_backward(draw: Draw) -> None:
    script = "import torch\nx = torch.ones(2, requires_grad=True)\ny = x * 2\na = y.exp()\nb = y + 1\n"
    result = draw(script)
    assert result.output == "s.svg: graph of the last results, 4 nodes, 1 leaf\n"


def test_nothing_to_draw(draw: Draw) -> None:
    result = draw("print('hello')\n")
    assert result.exit_code == 1
    assert result.stdout == "hello\n" and "nothing to draw" in result.stderr
    assert not Path("s.svg").exists()


def test_a_failing_script_is_drawn_as_far_as_it_came(draw: Draw) -> None:
    result = draw(SEED + "\n    1/0\n")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr and Path("s.svg").exists()


def test_svg_on_stdout(draw: Draw) -> None:
    result = draw(SEED + "\n    print('chatter')\n", "-o", "-")
    assert result.exit_code == 0
    assert "<svg" in result.stdout and "chatter" not in result.stdout
    assert "chatter\n" in result.stderr and "5 nodes, 1 leaf" in result.stderr


def test_arguments_of_the_script(draw: Draw) -> None:
    script = SEED + "\n    import sys\n    print(sys.argv[1:])\n"
    assert "['--epochs', '3']" in draw(script, "--epochs", "3", "-o", "a.svg").output
    assert "['-o', 'x']" in draw(script, "-o", "a.svg", "--", "-o", "x").output


def test_a_tutorial(draw: Draw) -> None:
    script = ">>> x = torch.ones(2, requires_grad=True)\n>>> y = (x * 3).sum()\n>>> y.backward()\n"
    result = draw(script, name="t.txt")
    assert result.output == "t.svg: graph of backward(), 3 nodes, 1 leaf\n"


def test_what_cannot_be_written(draw: Draw) -> None:
    result = draw(SEED, "-o", "missing/x.svg")
    assert result.exit_code == 1 and "cannot write missing/x.svg" in result.stderr
    assert draw(SEED, "-o", "x.bmp").exit_code == 1


def test_autograd_backward_counts_too(draw: Draw) -> None:
    script = SEED.replace("out.backward()", "torch.autograd.backward([out])")
    assert "graph of backward()" in draw(script).output
