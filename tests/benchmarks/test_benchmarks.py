"""Every case runs on both libraries, and the comparison measures what it says."""

from __future__ import annotations

import json
import re
from types import ModuleType

import pytest

from .__main__ import main
from .cases import CASES
from .compare import Plan, compare, compare_fresh

TINY = Plan(rounds=3, round_s=0.001, warm_s=0.01, threads=1)


@pytest.mark.parametrize("name", CASES)
def test_case_runs_on_tgrad(name: str) -> None:
    import tgrad

    run = CASES[name](tgrad)
    run()
    run()


@pytest.mark.parametrize("name", CASES)
def test_case_runs_on_pytorch(name: str, torch: ModuleType) -> None:
    CASES[name](torch)()


def test_a_library_is_as_fast_as_itself() -> None:
    result = compare("seed forward, backward", ("tgrad", "tgrad"), TINY)
    assert len(result.ours.seconds) == len(result.theirs.seconds) == TINY.rounds
    assert 0.2 < result.ratio < 5  # one machine, three short rounds: only nonsense is ruled out
    assert result.ours.extra is not None and result.ours.extra >= 0


def test_import_time() -> None:
    result = compare_fresh("import", ("colorsys", "tgrad"), TINY)
    assert result.ratio < 1


def test_command(capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    written = tmp_path / "out.json"
    command = ["-k", "^add 2x2$", "--quick", "--rounds", "2", "--theirs", "tgrad", "--json", str(written)]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert re.search(r"^add 2x2 .* \d\.\d\d ", out, re.MULTILINE)
    assert "cpu " in out and "python " in out
    read = json.loads(written.read_text())
    assert [case["case"] for case in read["cases"]] == ["add 2x2"]
    assert main(["-k", "no such case"]) == 2


def test_a_worker_that_dies_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="ended with status"):
        compare("no such case", ("tgrad", "tgrad"), TINY)
