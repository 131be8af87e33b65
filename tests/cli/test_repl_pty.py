"""The prompt as a process in a real pty of 80 x 24; what is asserted on is the screen that a person would see."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect", reason="the test extra (pexpect) is not installed")
pyte = pytest.importorskip("pyte", reason="the test extra (pyte) is not installed")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no ptys")
CTRL_D = "\x04"


class Terminal:
    """A process, and the screen that its bytes draw."""

    def __init__(self, term: str, home: Path, *args: str) -> None:
        # Not the whole environment: a CI's own NO_COLOR or PYTHONSTARTUP is not under test.
        env = {"TERM": term, "XDG_DATA_HOME": str(home), "HOME": str(home), "PATH": "", "LANG": "C.UTF-8"}
        env["PROMPT_TOOLKIT_NO_CPR"] = "1"
        env["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.Stream(self.screen)
        self.log = ""
        self.ended = False
        self.process = pexpect.spawn(
            sys.executable,
            ["-m", "tgrad.cli.main", "repl", *args],
            env=env,
            dimensions=(24, 80),
            encoding="utf-8",
            timeout=1,
        )

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def _read(self) -> None:
        try:
            text = self.process.read_nonblocking(4096, timeout=0.05)
        except pexpect.TIMEOUT:
            return
        except pexpect.EOF:
            self.ended = True
            return
        self.log += text
        self._stream.feed(text)

    def wait(self, sees: Callable[[list[str]], bool], seconds: float = 30) -> list[str]:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.ended:
            self._read()
            lines = self.lines()
            if lines and sees(lines):
                return lines
        shown = "\n".join(self.screen.display)
        pytest.fail(f"not seen within {seconds} s; the screen:\n{shown}\nall that came:\n{self.log!r}", pytrace=False)

    def ask(self, keys: str, *expected: str) -> list[str]:
        """Types, and waits until the screen ends in ``expected`` and a fresh prompt."""
        self.process.send(keys)
        return self.wait(lambda lines: lines[-1] == ">>>" and lines[-1 - len(expected) : -1] == list(expected))

    def end(self) -> int:
        self.process.expect(pexpect.EOF, timeout=20)
        self.process.close()
        return int(self.process.exitstatus)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(params=["xterm", "dumb"])
def terminal(request: pytest.FixtureRequest, home: Path) -> Iterator[Terminal]:
    started = Terminal(request.param, home)
    started.wait(lambda lines: lines[-1] == ">>>")
    yield started
    started.process.close(force=True)


def test_a_session(terminal: Terminal) -> None:
    terminal.ask("x = torch.ones(2, 2, requires_grad=True)\r")
    terminal.ask("y = (x + 2) * 3\r")
    terminal.ask(
        "y.mean()\r",
        "tensor(9., grad_fn=<MeanBackward0>)",
        "MeanBackward0 ← MulBackward0 ← AddBackward0 ← x [2, 2]",
    )
    terminal.ask(":chain off\r", "chain: off")
    terminal.ask("y.mean()\r", "tensor(9., grad_fn=<MeanBackward0>)")
    terminal.ask("for i in range(2):\rprint('n', i)\r\r", "n 0", "n 1")
    terminal.ask("1/0\r", "    1/0", "    ~^~", "ZeroDivisionError: division by zero")
    terminal.process.send(CTRL_D)
    assert terminal.end() == 0


def test_ctrl_c_interrupts_a_running_cell(terminal: Terminal) -> None:
    terminal.process.send("print('on'); n = 1\r")
    terminal.wait(lambda lines: "on" in lines and lines[-1] == ">>>")
    terminal.process.send("while True: pass\r\r")
    time.sleep(1)
    terminal.process.sendintr()
    terminal.wait(lambda lines: "KeyboardInterrupt" in lines and lines[-1] == ">>>")
    terminal.ask("n + 1\r", "2")
    terminal.process.send(CTRL_D)
    assert terminal.end() == 0


def test_ctrl_c_clears_the_line(terminal: Terminal) -> None:
    terminal.process.send("abcdef")
    terminal.wait(lambda lines: lines[-1].endswith("abcdef"))
    terminal.process.sendintr()
    terminal.wait(lambda lines: lines[-1] == ">>>")
    terminal.ask("40 + 2\r", "42")
    terminal.process.send(":quit\r")
    assert terminal.end() == 0


def test_history_lasts(home: Path) -> None:
    for _ in range(2):
        terminal = Terminal("xterm", home)
        terminal.wait(lambda lines: lines[-1] == ">>>")
        if (home / "tgrad" / "history").read_text():
            terminal.process.send("\x1b[A")
            terminal.wait(lambda lines: lines[-1] == ">>> 6 * 7")
            terminal.ask("\r", "42")
        else:
            terminal.ask("6 * 7\r", "42")
        terminal.process.send(CTRL_D)
        assert terminal.end() == 0


def test_completion(home: Path) -> None:
    terminal = Terminal("xterm", home)
    terminal.wait(lambda lines: lines[-1] == ">>>")
    terminal.ask("weight = torch.ones(2, requires_grad=True)\r")
    terminal.process.send("wei\t")
    terminal.wait(lambda lines: lines[-1] == ">>> weight")
    terminal.process.send(".is_contig\t")
    terminal.wait(lambda lines: lines[-1] == ">>> weight.is_contiguous")
    terminal.ask("()\r", "True")
    terminal.process.send("torch.zeros\t")
    terminal.wait(lambda lines: any("zeros_like" in line for line in lines))
    terminal.process.close(force=True)


def test_multi_line_editing(home: Path) -> None:
    terminal = Terminal("xterm", home)
    terminal.wait(lambda lines: lines[-1] == ">>>")
    terminal.process.send("def f(a):\r")
    terminal.wait(lambda lines: lines[-1] == "...")
    terminal.process.send("return a * 2\r")
    terminal.wait(lambda lines: lines[-2:] == ["...     return a * 2", "..."])
    terminal.ask("\r")
    terminal.ask("f(21)\r", "42")
    terminal.process.send("\x1b[200~a = 1\nif a:\n    print('pasted')\n\x1b[201~")
    terminal.wait(lambda lines: "...     print('pasted')" in lines)
    terminal.ask("\r", "pasted")
    terminal.process.close(force=True)


def test_a_file_first(home: Path) -> None:
    script = home / "s.py"
    script.write_text("import torch\nloss = torch.ones(1, requires_grad=True) * 2\n1/0\n")
    terminal = Terminal("xterm", home, str(script))
    terminal.wait(lambda lines: lines[-1] == ">>>" and any("ZeroDivisionError" in line for line in lines))
    terminal.ask("loss\r", "tensor([2.], grad_fn=<MulBackward0>)", "MulBackward0 ← leaf [1]")
    terminal.process.close(force=True)
