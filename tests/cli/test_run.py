"""`tgrad run`, inside this process and as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import tgrad
from tgrad import version
from tgrad.cli.main import group

Invoke = Callable[..., Result]
TGRAD = [sys.executable, "-m", "tgrad.cli.main"]


@pytest.fixture
def invoke() -> Invoke:
    def call(*args: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(group, [str(arg) for arg in args], input=stdin, prog_name="tgrad")

    return call


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def put(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    return put


Write = Callable[[str, str], Path]


def python(path: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(path), *args], capture_output=True, text=True)


def own_process(*args: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TGRAD, *map(str, args)], capture_output=True, text=True, input=stdin)


SCRIPT = """
    '''A docstring.'''
    import os, sys
    import torch
    import torch.nn.functional as F
    from torch import nn
    print(torch.__name__, __name__, __doc__, os.path.basename(__file__), sys.argv[1:])
    print(F.relu(torch.tensor([-1., 2.])))
    torch.ones(2)
    """


def test_a_script_runs_on_tgrad(invoke: Invoke, write: Write) -> None:
    result = invoke("run", write("s.py", SCRIPT), "--epochs", "3", "--help")
    assert result.output == "tgrad __main__ A docstring. s.py ['--epochs', '3', '--help']\ntensor([0., 2.])\n"
    assert result.exit_code == 0


def test_what_a_script_sees_of_python(write: Write) -> None:
    path = write(
        "s.py",
        """
        import sys, pickle, inspect
        import beside
        class A: pass
        def f(): pass
        print(__name__, __file__, sys.argv, sys.path[0], sorted(k for k in globals() if k.startswith('__')))
        print(pickle.loads(pickle.dumps(A())).__class__ is A, sys.modules['__main__'].A is A)
        print(inspect.getsource(f), beside.x, __builtins__ is not None)
        """,
    )
    write("beside.py", "x = 'beside'\n")
    ours, pythons = own_process("run", path, "a", "-b"), python(path, "a", "-b")
    assert ours.stderr == pythons.stderr == ""
    assert ours.stdout == pythons.stdout


FAILURES = {
    "exception": "def f():\n    return 1/0\nprint('before')\nf()\n",
    "exit": "import sys\nsys.exit(7)\n",
    "exit text": "raise SystemExit('the reason')\n",
    "exit none": "raise SystemExit\n",
    "syntax": "x = 1\nprint(x\n",
    "indentation": "def f():\nx = 1\n",
    "chained": "try:\n    1/0\nexcept ZeroDivisionError:\n    raise KeyError('x')\n",
    "in a module": "import beside\nbeside.f(0)\n",
    "group": "raise ExceptionGroup('g', [ValueError(1), KeyError(2)])\n",
    "hook": "import sys\nsys.excepthook = lambda t, e, tb: print('hook', t, e, tb.tb_lineno)\n1/0\n",
    "atexit": "import atexit\natexit.register(print, 'bye')\n1/0\n",
    "no exit": "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.2), print('late'))).start()\n",
}


@pytest.mark.parametrize("name", FAILURES)
def test_ends_as_python_does(write: Write, name: str) -> None:
    path = write("s.py", FAILURES[name])
    write("beside.py", "def f(x):\n    return 1/x\n")
    ours, pythons = own_process("run", path), python(path)
    assert ours.returncode == pythons.returncode
    assert ours.stdout == pythons.stdout
    assert ours.stderr == pythons.stderr


def test_engine_frames_only_on_request(invoke: Invoke, write: Write) -> None:
    path = write("s.py", "import torch\ntorch.ones(2, 3) @ torch.ones(2, 3)\n")
    short, full = invoke("run", path), invoke("run", "--full-traceback", path)
    assert short.exit_code == full.exit_code == 1
    assert short.stderr.count('File "') == 1 < full.stderr.count('File "')


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c(write: Write) -> None:
    path = write("s.py", "print('ready', flush=True)\nwhile True: pass\n")
    with subprocess.Popen([*TGRAD, "run", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        assert p.stdout is not None and p.stderr is not None
        assert p.stdout.readline() == "ready\n"
        time.sleep(0.2)
        p.send_signal(signal.SIGINT)
        assert p.wait(10) == 130
        text = p.stderr.read()
    assert text.rstrip().endswith("KeyboardInterrupt") and "tgrad/cli" not in text and f'File "{path}", line 2' in text


def test_stdin(invoke: Invoke) -> None:
    assert invoke("run", "-", "a", stdin="import sys, torch\nprint(sys.argv, torch.ones(1))\n").output == (
        "['-', 'a'] tensor([1.])\n"
    )
    assert invoke("run", "--echo", "-", stdin=">>> torch.ones(1)\n").output == ">>> torch.ones(1)\ntensor([1.])\n"


def test_no_such_file(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("run", "none.py")
    assert result.exit_code == 2
    assert result.stderr == "tgrad: can't open file 'none.py': No such file or directory\n"
    assert "Is a directory" in invoke("run", tmp_path).stderr


def test_a_document_binds_the_usual_names(invoke: Invoke, write: Write) -> None:
    path = write("d.md", "```python\nprint(torch.__name__, nn is torch.nn, F.relu, optim, np, Variable)\n```\n")
    assert invoke("run", path).output.startswith("tgrad True")
    assert invoke("run", write("s.py", "print(torch)\n")).exit_code == 1


TUTORIAL = """
    # Tutorial

    ```bash
    pip install torch
    ```
    ```python
    %matplotlib inline
    import torch
    x = torch.ones(2, requires_grad=True)

    def f(a):

        return a * 3
    f(x)
    ```
    ```python
    >>> y = f(x); y
    >>> print('no newline', end='')
    >>> !pip list
    ```
    ```python
    print(y)x
    ```
    ```python
    1/0
    ```
    ```python
    y.sum()
    ```
    """


def test_transcript(invoke: Invoke, write: Write) -> None:
    result = invoke("run", "--echo", write("d.md", TUTORIAL))
    assert result.exit_code == 1
    assert result.stderr == ""
    expected = """
    $ pip install torch
    # not run (shell)

    >>> %matplotlib inline
    >>> import torch
    >>> x = torch.ones(2, requires_grad=True)
    >>>
    >>> def f(a):
    ...
    ...     return a * 3
    >>> f(x)
    tensor([3., 3.], grad_fn=<MulBackward0>)

    >>> y = f(x); y
    tensor([3., 3.], grad_fn=<MulBackward0>)
    >>> print('no newline', end='')
    no newline
    $ pip list
    # not run (shell)

    >>> print(y)x
      File "<cell 6, d.md:22>", line 1
        print(y)x
                ^
    SyntaxError: invalid syntax

    >>> 1/0
    Traceback (most recent call last):
      File "<cell 7, d.md:25>", line 1, in <module>
        1/0
        ~^~
    ZeroDivisionError: division by zero

    >>> y.sum()
    tensor(6., grad_fn=<SumBackward0>)
    """
    assert result.output == textwrap.dedent(expected).lstrip("\n")


def test_a_document_without_echo(invoke: Invoke, write: Write) -> None:
    result = invoke("run", write("d.md", TUTORIAL))
    assert result.exit_code == 1
    assert result.stdout == "no newline"
    assert "tgrad: not run (shell)\n" in result.stderr
    assert result.stderr.count("ZeroDivisionError") == 1 and result.stderr.count("SyntaxError") == 1


def test_transcript_of_a_script(invoke: Invoke, write: Write) -> None:
    path = write("s.py", "import torch\nx = torch.ones(2)\nx\n\nfor i in range(2):\n    print(i)\n\n\n1/0\n\nx\n")
    result = invoke("run", "--echo", path)
    assert result.exit_code == 1
    assert result.output.split("\n\n") == [
        ">>> import torch\n>>> x = torch.ones(2)\n>>> x\ntensor([1., 1.])",
        ">>> for i in range(2):\n...     print(i)\n0\n1",
        f'>>> 1/0\nTraceback (most recent call last):\n  File "{path}", line 9, in <module>\n    1/0\n    ~^~\n'
        "ZeroDivisionError: division by zero\n",
    ]


def test_a_document_ends_at_exit(invoke: Invoke, write: Write) -> None:
    result = invoke("run", "--echo", write("d.md", "```python\nexit(4)\n```\n```python\nprint('not reached')\n```\n"))
    assert result.exit_code == 4 and "Traceback" not in result.output and "not reached" not in result.output


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "tensor([[ 1.,  1.],\n        [ 1.,  1.]])\n"),
        (["--dialect", "current"], "tensor([[1., 1.],\n        [1., 1.]])\n"),
        (["--dialect", "0.1"], " 1  1\n 1  1\n[torch.FloatTensor of size 2x2]\n"),
    ],
)
def test_dialects(invoke: Invoke, write: Write, options: list[str], text: str) -> None:
    path = write("d.md", "```python\ntorch.ones(2, 2)\n```\n```\ntensor([[ 1.,  1.],\n        [ 1.,  1.]])\n```\n")
    result = invoke("run", "--echo", *options, path)
    assert result.output.split("\n", 1)[1].strip("\n") == text.strip("\n")
    assert tgrad.echo.get_dialect() == "current"


def test_real_torch(write: Write) -> None:
    pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")
    path = write("d.md", "```python\nimport torch\ntorch.__name__, torch.ones(2)\n```\n")
    done = own_process("run", "--real-torch", "--echo", path)
    assert done.stdout.endswith("('torch', tensor([1., 1.]))\n")


def test_real_torch_that_is_not_there(invoke: Invoke, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    result = invoke("run", "--real-torch", write("s.py", "print(1)"))
    assert result.exit_code == 2 and "PyTorch is not installed" in result.stderr


def test_broken_pipe(write: Write) -> None:
    path = write("s.py", "for i in range(100000): print(i)\n")
    done = subprocess.run(
        f"'{sys.executable}' -m tgrad.cli.main run {path} | head -1", shell=True, capture_output=True, text=True
    )
    assert done.stdout == "0\n"


def test_help_and_version(invoke: Invoke) -> None:
    assert invoke("--version").output == f"tgrad {version.__version__}\n"
    text = invoke("--help").output
    assert all(word in text for word in ("run", "graph", "repl", "Examples"))
    for name in ("run", "graph", "repl"):
        assert "Examples" in invoke(name, "--help").output
    assert invoke("nonsense").exit_code == 2


def test_nothing_slow_is_loaded_for_the_version() -> None:
    code = (
        "import sys\nfrom tgrad.cli.main import main\n"
        "try: main(['--version'])\nexcept SystemExit: pass\n"
        "print([m for m in ('rich', 'prompt_toolkit', 'jedi', 'pygments', 'graphviz') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_the_alias_ends_with_the_command(invoke: Invoke, write: Write) -> None:
    before = sys.argv, list(sys.path), list(sys.meta_path), os.getcwd(), sys.modules["__main__"]
    invoke("run", write("s.py", "import torch, torchvision\n1/0\n"))
    assert (sys.argv, list(sys.path), list(sys.meta_path), os.getcwd(), sys.modules["__main__"]) == before


SPAWNS = """
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

class Numbers(Dataset):
    def __len__(self): return 4
    def __getitem__(self, i): return transforms.CenterCrop(1)(torch.full((1, 3, 3), float(i)))

if __name__ == "__main__":
    for x in DataLoader(Numbers(), 2, num_workers=2, multiprocessing_context="spawn"):
        print(torch.__name__, x.flatten())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers need what only these systems have")
def test_processes_that_a_script_spawns_import_tgrad_as_well(write: Write) -> None:
    code = f"from tgrad.cli.main import main; main(['run', {str(write('s.py', SPAWNS))!r}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr == "" and done.stdout == "tgrad tensor([0., 1.])\ntgrad tensor([2., 3.])\n"
