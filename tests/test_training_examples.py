"""Training on real data: the examples print, in float64, the loss curves that they print on the real PyTorch."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TGRAD = [sys.executable, "-c", "import sys; from tgrad.cli.main import main; sys.argv[0] = 'tgrad'; sys.exit(main())"]
NUMBER = re.compile(r"-?\d+\.\d+")

pytest.importorskip("sklearn", reason="the examples extra (scikit-learn) is not installed")


def run(library: str, script: str, *options: str) -> str:
    """What the script prints on one of the two, in double precision."""
    start = [sys.executable] if library == "torch" else [*TGRAD, "run"]
    done = subprocess.run(
        [*start, script, "--float64", *options], capture_output=True, text=True, cwd=EXAMPLES, timeout=280
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(ours: str, theirs: str) -> None:
    """The same text, and numbers that differ by rounding only."""
    assert NUMBER.sub("#", ours) == NUMBER.sub("#", theirs)
    numbers = [float(text) for text in NUMBER.findall(theirs)]
    assert len(numbers) >= 3
    assert [float(text) for text in NUMBER.findall(ours)] == pytest.approx(numbers, rel=1e-8)


@pytest.mark.parametrize(
    "script, options",
    [
        ("digits_mlp.py", ("--epochs", "4")),
        ("digits_cnn.py", ("--epochs", "2")),
        ("char_transformer.py", ("--steps", "20", "--write", "40")),
        ("char_lstm.py", ("--epochs", "2", "--write", "40")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_loss_curve_is_pytorchs(script: str, options: tuple[str, ...], torch: object) -> None:
    check(run("tgrad", script, *options), run("torch", script, *options))


def test_training_learns() -> None:
    last = run("tgrad", "digits_cnn.py", "--epochs", "3").splitlines()[-2]
    share = re.search(r"right (\d+\.\d)%", last)
    assert share is not None and float(share[1]) > 90, last


def test_workers_change_nothing() -> None:
    assert run("tgrad", "digits_cnn.py", "--workers", "2") == run("tgrad", "digits_cnn.py")


@pytest.mark.parametrize("first, second", [("torch", "tgrad"), ("tgrad", "torch")])
def test_a_checkpoint_of_one_is_taken_up_by_the_other(first: str, second: str, torch: object, tmp_path: Path) -> None:
    """Trained with one, resumed with the other: as if it had been one of them all the time."""
    curves = []
    for names in ((first, second), (first, first)):
        path = tmp_path / f"{'_'.join(names)}.pt"
        options = ("--epochs", "1", "--checkpoint", str(path))
        run(names[0], "digits_cnn.py", *options)
        curves.append(run(names[1], "digits_cnn.py", *options, "--resume"))
    check(*curves)
