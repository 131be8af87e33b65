"""The prompt with a terminal made of strings, and a session fed from a pipe."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

import tgrad
from tgrad.cli.commands import CommandError, Desk, commands, dispatch
from tgrad.cli.piped import Pipe
from tgrad.cli.prompt import Prompt, history_path, indentation, open_history, submits
from tgrad.cli.render import Renderer
from tgrad.cli.session import Session


def typed(text: str, session: Session | None = None, history: FileHistory | None = None) -> tuple[str, int]:
    """What the screen shows when this is typed, and the exit status."""
    screen = io.StringIO()
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text(text)
        prompt = Prompt(
            session or Session(), Renderer(screen, colour=False), input=keys, output=DummyOutput(), history=history
        )
        status = prompt.run()
    return screen.getvalue(), status


CTRL_C, CTRL_D, CTRL_P, ALT_ENTER = "\x03", "\x04", "\x10", "\x1b\r"


def test_echo_and_chain() -> None:
    text, status = typed("x = torch.ones(2, 2, requires_grad=True)\rz = (x + 2) * 3\rz.mean()\r" + CTRL_D)
    assert text == "tensor(9., grad_fn=<MeanBackward0>)\nMeanBackward0 ← MulBackward0 ← AddBackward0 ← x [2, 2]\n"
    assert status == 0


def test_chain_only_under_tensors_with_a_graph() -> None:
    assert typed("torch.ones(1)\r3\r'x'\r" + CTRL_D)[0] == "tensor([1.])\n3\n'x'\n"


def test_chain_off() -> None:
    source = "x = torch.ones(1, requires_grad=True)\r:chain off\rx * 2\r:chain on\rx * 2\r" + CTRL_D
    text = typed(source)[0].split("\n")
    assert text[0] == "chain: off" and text[2] == "chain: on"
    assert text[1] == text[3] == "tensor([2.], grad_fn=<MulBackward0>)" and text[4] == "MulBackward0 ← x [1]"


def test_a_block_ends_with_a_blank_line() -> None:
    session = Session()
    typed("for i in range(3):\rx = i\r\rx\r" + CTRL_D, session)
    assert session.namespace["x"] == 2


def test_indentation_goes_on_and_back() -> None:
    session = Session()
    typed("def f(a):\rif a:\rreturn 1\rreturn 2\r\rf(0)\r" + CTRL_D, session)
    # After "return 1" the body of the if is over, so the next line stands one level further out.
    assert session.namespace["f"](1) == 1 and session.namespace["f"](0) == 2


def test_alt_enter_adds_a_line() -> None:
    session = Session()
    typed(f"a = 1{ALT_ENTER}b = 2\r" + CTRL_D, session)
    assert (session.namespace["a"], session.namespace["b"]) == (1, 2) and session.number == 1


def test_ctrl_c_clears_the_line() -> None:
    session = Session()
    assert typed(f"x = 1{CTRL_C}y = 2\r" + CTRL_D, session) == ("", 0)
    assert "x" not in session.namespace and session.namespace["y"] == 2


def test_errors_and_then_on() -> None:
    text, status = typed("1/0\rprint(1)x\r2\r" + CTRL_D)
    assert text.count("Traceback") == 1 and "ZeroDivisionError" in text and "SyntaxError" in text
    assert text.endswith("\n2\n") and status == 0
    assert "tgrad" not in text


def test_exit() -> None:
    assert typed("exit(3)\r") == ("", 3)
    assert typed(":quit\r") == ("", 0)


def test_history_lasts(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history"
    typed("x = 5\r" + CTRL_D, history=open_history(path))  # type: ignore[arg-type]
    session = Session()
    typed(CTRL_P + "\r" + CTRL_D, session, history=open_history(path))  # type: ignore[arg-type]
    assert session.namespace["x"] == 5
    assert path.stat().st_mode & 0o077 == 0


def test_history_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert isinstance(open_history(tmp_path / "file" / "history"), InMemoryHistory)


def test_history_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert history_path() == Path("/data/tgrad/history")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert history_path() == Path("/home/me/.local/share/tgrad/history")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", True),
        ("x", True),
        (":graph a.svg", True),
        ("x = (", False),
        ("x y", True),
        ("if x:", False),
        ("if x: y", False),
        ("if x: y\n", True),
        ("if x:\n    y", False),
        ("if x:\n    y\n    ", True),
        ("a = 1\nb = 2", True),
        ("def f():\n    pass\nf()", True),
        ("'''a", False),
        ("%matplotlib inline", True),
    ],
)
def test_submits(text: str, answer: bool) -> None:
    assert submits(text) is answer


@pytest.mark.parametrize(
    ("line", "indent"),
    [
        ("x", ""),
        ("if x:", "    "),
        ("    y", "    "),
        ("    f(", "        "),
        ("    return 1", ""),
        ("if x:  # c", "    "),
    ],
)
def test_indentation(line: str, indent: str) -> None:
    assert indentation(line) == indent


@pytest.fixture
def desk() -> Desk:
    session = Session()
    session.run("x = torch.ones(2, 2, requires_grad=True)\ny = x * 3\nn = 3\nnet = nn.Linear(2, 1)\nl = [1, 2]")
    return Desk(session)


def test_help_is_made_from_the_rows(desk: Desk) -> None:
    text = dispatch(desk, ":help")
    assert [line.split()[0] for line in text.split("\n\n")[0].split("\n")] == [f":{name}" for name in commands()]
    assert all(row.help in text for row in commands().values())
    assert dispatch(desk, ":") == text and dispatch(desk, ":he") == text


def test_vars(desk: Desk) -> None:
    lines = [line.split() for line in dispatch(desk, ":vars").split("\n")]
    assert lines == [
        ["x", "Tensor", "[2,", "2]", "float32", "requires_grad"],
        ["y", "Tensor", "[2,", "2]", "float32", "grad_fn=MulBackward0"],
        ["n", "int", "3"],
        ["net", "Linear", "3", "parameters"],
        ["l", "list", "2", "items"],
    ]
    assert dispatch(Desk(Session()), ":vars") == "no variables yet"


def test_graph(desk: Desk, tmp_path: Path) -> None:
    target = str(tmp_path / "g.svg")
    assert dispatch(desk, f":graph {target} y") == f"{target}: graph of y, 2 nodes, 1 leaf"
    assert dispatch(desk, f":graph '{target}'") == f"{target}: graph of the last result, 2 nodes, 1 leaf"
    desk.session.run("y.exp()", capture=True)
    assert "of the last echo, 3 nodes" in dispatch(desk, f":graph {target}")
    assert Path(target).stat().st_size > 0


@pytest.fixture
def dialect() -> Iterator[None]:
    yield
    tgrad.echo.set_dialect("current")


@pytest.mark.usefixtures("dialect")
def test_dialect(desk: Desk) -> None:
    assert dispatch(desk, ":dialect") == "dialect: current"
    assert dispatch(desk, ":dialect 0.4") == "dialect: 0.4"
    assert desk.session.run("torch.ones(2)", capture=True).text == "tensor([ 1.,  1.])\n"


@pytest.mark.usefixtures("dialect")
def test_run(desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.py").write_text("a = 1\nprint('ran', __name__)\n")
    (tmp_path / "d.md").write_text("```python\nb = torch.ones(1)\n```\n")
    (tmp_path / "bad.py").write_text("1/0\n")
    dispatch(desk, f":run {tmp_path / 's.py'}")
    dispatch(desk, f":run {tmp_path / 'd.md'}")
    assert capsys.readouterr().out == "ran __main__\n"
    assert desk.session.namespace["a"] == 1 and "b" in desk.session.namespace
    with pytest.raises(CommandError, match="ZeroDivisionError"):
        dispatch(desk, f":run {tmp_path / 'bad.py'}")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (":nonsense", "no command :nonsense; type :help"),
        (":graph", "usage: :graph"),
        (":graph a.svg n", "n is a int, not a tensor"),
        (":graph a.svg w", "no variable 'w'"),
        (":graph a.xyz y", "xyz"),
        (":graph 'a", "No closing quotation"),
        (":chain maybe", "usage: :chain on|off"),
        (":dialect 2", "usage: :dialect"),
        (":run", "usage: :run"),
        (":run none.py", "can't open file 'none.py'"),
    ],
)
def test_wrong_commands(desk: Desk, line: str, words: str) -> None:
    with pytest.raises(CommandError) as error:
        dispatch(desk, line)
    assert words in str(error.value)


def piped(text: str) -> tuple[str, str, int]:
    out, err = io.StringIO(), io.StringIO()
    status = Pipe(Session(), out, err).run(io.StringIO(text))
    return out.getvalue(), err.getvalue(), status


def test_pipe_echoes_every_expression() -> None:
    text = (
        "x = torch.ones(2)\nx\n\ndef f(a):\n    b = a\n\n    return b\nf(3)\nif x is None:\n    1\nelse:\n    2\n4; 5\n"
    )
    assert piped(text) == ("tensor([1., 1.])\n3\n4\n5\n", "", 0)


def test_pipe_goes_on_after_an_error() -> None:
    out, err, status = piped("1\n1/0\nprint(2)x\n3\n:nonsense\n4")
    assert out == "1\n3\n4\n" and status == 1
    assert err.count("Traceback") == 1 and "SyntaxError" in err and "no command :nonsense" in err


def test_pipe_takes_commands_and_exit() -> None:
    out, _, status = piped("x = 3\n:vars\nexit(5)\nprint('not reached')\n")
    assert out == "x  int  3\n" and status == 5
    assert piped("1/0\n:quit\n2\n")[0::2] == ("", 1)


def test_a_colon_inside_a_block_is_python() -> None:
    assert piped("x = [1, 2,\n 3][\n :2]\nx\n")[0] == "[1, 2]\n"


def test_piped_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tgrad.cli.main", "repl"]
    source = "x = torch.ones(2, requires_grad=True)\n(x * 3).sum()\nprint('end')\n"
    done = subprocess.run(command, input=source, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("tensor(6., grad_fn=<SumBackward0>)\nend\n", "", 0)
    script = tmp_path / "s.py"
    script.write_text("import torch\nweights = torch.ones(2)\nprint('ran')\n")
    done = subprocess.run([*command, str(script)], input="weights\n", capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("ran\ntensor([1., 1.])\n", 0)


def test_a_program_may_talk_to_it_line_by_line() -> None:
    command = [sys.executable, "-m", "tgrad.cli.main", "repl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        for number in range(3):
            process.stdin.write(f"{number} + 1\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{number + 1}\n"
        process.stdin.close()
        assert process.wait(10) == 0
