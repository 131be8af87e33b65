"""Cells run as in a notebook, and the result is data."""

from __future__ import annotations

import pickle
import signal
import sys
import threading
from types import ModuleType

import pytest

import tgrad
from tgrad.cli.session import Output, Result, Session
from tgrad.cli.standins import stand_ins


@pytest.fixture
def session() -> Session:
    return Session()


def run(session: Session, code: str, **options: object) -> Result:
    return session.run(code, capture=True, **options)  # type: ignore[arg-type]


def test_names_from_the_start(session: Session) -> None:
    assert session.namespace["torch"] is tgrad
    assert session.namespace["nn"] is tgrad.nn
    assert session.namespace["F"] is tgrad.nn.functional
    assert session.namespace["optim"] is tgrad.optim
    assert session.namespace["Variable"] is tgrad.autograd.Variable
    assert session.namespace["np"].__name__ == "numpy"
    assert session.names_of_values() == {}


def test_no_names_if_not_wanted() -> None:
    assert "torch" not in Session(bind=False).namespace


def test_echo_of_the_last_expression(session: Session) -> None:
    result = run(session, "x = torch.ones(2)\nx\nx + 1")
    assert result.outputs == [Output("value", "tensor([2., 2.])\n")]
    assert result.ok and result.traceback == ""


def test_prints_and_values_in_order(session: Session) -> None:
    result = run(session, "print('a')\n1\nimport sys\nprint('b', file=sys.stderr)\n2", mode="prompt")
    assert result.outputs == [
        Output("stdout", "a\n"),
        Output("value", "1\n"),
        Output("stderr", "b\n"),
        Output("value", "2\n"),
    ]
    assert result.text == "a\n1\nb\n2\n"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("None", ""),
        ("1;", ""),
        ("1; # why", ""),
        ("1 # why;", "1\n"),
        ("'a;'", "'a;'\n"),
        ("x = 1", ""),
        ("for i in range(2): i", ""),
        ("", ""),
        ("# nothing", ""),
        ("%matplotlib inline\n3", "3\n"),
    ],
)
def test_what_is_echoed(session: Session, code: str, text: str) -> None:
    assert run(session, code).text == text


def test_a_script_echoes_nothing(session: Session) -> None:
    assert run(session, "1\n2", mode="script").text == ""


def test_the_echo_is_of_the_moment(session: Session) -> None:
    result = run(session, "x = [1]\nx\nx.append(2)\nx", mode="prompt")
    assert result.text == "[1]\n[1, 2]\n"


def test_underscores(session: Session) -> None:
    for code in ("1", "2", "3"):
        run(session, code)
    assert run(session, "(_, __, ___)").text == "(3, 2, 1)\n"
    run(session, "_ = 'mine'")
    run(session, "5")
    assert run(session, "_").text == "'mine'\n"


def test_traceback_has_the_users_lines_only(session: Session) -> None:
    run(session, "def f(x):\n    return g(x)")
    run(session, "def g(x):\n    raise ValueError('no')")
    result = run(session, "y = 1\nf(y)")
    assert isinstance(result.error, ValueError)
    lines = [line for line in result.traceback.split("\n") if "^" not in line]
    assert lines == [
        "Traceback (most recent call last):",
        '  File "<cell 3>", line 2, in <module>',
        "    f(y)",
        '  File "<cell 1>", line 2, in f',
        "    return g(x)",
        '  File "<cell 2>", line 2, in g',
        "    raise ValueError('no')",
        "ValueError: no",
        "",
    ]


def test_the_engines_frames_are_left_out(session: Session) -> None:
    result = run(session, "torch.ones(2, 3) @ torch.ones(2, 3)")
    assert result.traceback.count("File ") == 1 and result.traceback.startswith("Traceback")


def test_chained_exceptions(session: Session) -> None:
    code = "try:\n    1/0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e"
    text = run(session, code).traceback
    assert "ZeroDivisionError" in text and "direct cause" in text and "session.py" not in text


def test_syntax_error_runs_nothing(session: Session) -> None:
    result = run(session, "x = 1\nprint(x)y")
    assert isinstance(result.error, SyntaxError) and "x" not in session.namespace
    assert result.traceback.startswith('  File "<cell 1>", line 2\n    print(x)y\n')
    assert "Traceback" not in result.traceback


def test_what_was_done_before_an_error_stays(session: Session) -> None:
    result = run(session, "x = 1\nprint(x)\n1/0\nx = 2")
    assert result.text == "1\n" and session.namespace["x"] == 1
    assert run(session, "x").text == "1\n"


def test_exit_and_interrupt_are_results(session: Session) -> None:
    assert isinstance(run(session, "raise SystemExit(3)").error, SystemExit)
    assert run(session, "raise KeyboardInterrupt").interrupted


def test_ctrl_c_stops_a_loop(session: Session) -> None:
    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    result = run(session, "n = 0\nwhile True:\n    n += 1")
    assert result.interrupted and session.namespace["n"] > 0
    assert run(session, "1").text == "1\n"


def test_a_repr_that_fails_is_an_error(session: Session) -> None:
    result = run(session, "class A:\n    def __repr__(self): raise ValueError('r')\nA()")
    assert isinstance(result.error, ValueError) and "__repr__" in result.traceback


def test_capture_takes_nothing_from_the_outside(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    run(session, "print('inside')")
    assert capsys.readouterr().out == ""
    session.run("print('outside'); 3")
    assert capsys.readouterr().out == "outside\n"  # the value is in the result, not on the screen


def test_sink_hears_at_once(session: Session) -> None:
    heard: list[Output] = []
    run(session, "print('a'); 1", sink=heard.append)
    assert "".join(output.text for output in heard) == "a\n1\n"


def test_classes_can_be_pickled(session: Session) -> None:
    result = run(session, "import pickle\nclass A: pass\npickle.loads(pickle.dumps(A())).__class__ is A")
    assert result.value is True
    result = run(session, "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: 'int' = 1\nP()")
    assert result.text == "P(x=1)\n"


def test_main_is_put_back(session: Session) -> None:
    before = sys.modules["__main__"]
    run(session, "1/0")
    assert sys.modules["__main__"] is before


def test_future_imports_last(session: Session) -> None:
    run(session, "from __future__ import annotations")
    result = run(session, "def f(x: Undefined): pass\nf.__annotations__")
    assert result.text == "{'x': 'Undefined'}\n"


def test_lines_of_a_file(session: Session) -> None:
    result = run(session, "x = 1\n1/0", filename="script.py", first_line=10)
    assert 'File "script.py", line 11' in result.traceback


def test_another_engine() -> None:
    other = ModuleType("other")
    other.__file__ = None
    assert Session(other, bind=False).engine is other


def test_shell_and_magic_lines(session: Session) -> None:
    result = run(session, "!pip install x\n%matplotlib inline\n2")
    assert result.outputs == [Output("note", "not run (shell): pip install x\n"), Output("value", "2\n")]
    assert result.text == "2\n"


def test_torchaudio_imports_and_then_says_why_not(session: Session) -> None:
    with stand_ins():
        code = "import torchaudio\nimport torchaudio.transforms as T\nfrom torchaudio.datasets import YESNO"
        assert run(session, code).ok
        for use in ("YESNO('.')", "T.Resample()", "torchaudio.models.Conformer()"):
            result = run(session, use)
            assert "built on PyTorch's own library" in str(result.error), use
        assert run(session, "hasattr(torchaudio, 'models')").text == "False\n"
    assert "torchaudio" not in sys.modules


def test_plots_are_skipped_and_that_is_said_once(session: Session) -> None:
    with stand_ins():
        if "matplotlib" in sys.modules or not _missing("matplotlib"):
            pytest.skip("matplotlib is installed here")
        code = (
            "import matplotlib\nimport matplotlib.pyplot as plt\nfrom mpl_toolkits.mplot3d import Axes3D\n"
            "fig, axes = plt.subplots(2, 3, figsize=(4, 4))\naxes[1, 2].plot([1])\nline, = plt.plot([1], label='x')\n"
            "n, bins, patches = plt.hist([1])\nfig, ax = plt.subplots()\nax.set_title('x')\nplt.xlabel('x')\n"
            "plt.style.use('ggplot')\nmatplotlib.rcParams['x'] = 1\nwith plt.ion() as q: pass\nplt.show()"
        )
        result = run(session, code)
        assert result.traceback == ""
        assert result.text == "matplotlib is not installed: plots are skipped\n"
    assert "matplotlib" not in sys.modules


def _missing(name: str) -> bool:
    import importlib.metadata

    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return True
    return False


def test_results_are_plain_data(session: Session) -> None:
    assert pickle.loads(pickle.dumps(run(session, "print(1)\n2").outputs)) == [
        Output("stdout", "1\n"),
        Output("value", "2\n"),
    ]
