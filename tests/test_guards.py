"""The tests' own guards, fed with what they must catch."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py").read_text("utf-8")
NO_LIBRARY = "no_such_library_anywhere"
SKIP = f'pytest.importorskip("{NO_LIBRARY}", reason="the parity extra (torch==2.13.0) is not installed")'


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """An empty project that has our conftest.py."""
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\nmarkers = changes_global_state: on purpose\n")
    return pytester


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("tgrad.set_default_dtype(tgrad.float64)", "default dtype"),
        ("tgrad.set_grad_enabled(False)", "grad mode"),
        ("tgrad.set_printoptions(precision=2)", "print options"),
        ("tgrad.echo.set_dialect('0.1')", "dialect"),
        ("import tgrad.interop.torch_alias as alias; alias.install()", "what import torch means"),
    ],
)
def test_left_over_state_is_caught_and_put_back(suite: pytest.Pytester, change: str, words: str) -> None:
    suite.makepyfile(
        f"import pytest, tgrad\n"
        f"def test_leaves(): {change}\n"
        f"def test_next(): assert tgrad.get_default_dtype() is tgrad.float32 and tgrad.is_grad_enabled()\n"
        f"@pytest.mark.changes_global_state\n"
        f"def test_on_purpose(): {change}\n"
        f"def test_last(): assert tgrad.get_default_dtype() is tgrad.float32 and tgrad.is_grad_enabled()\n"
    )
    result = suite.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines([f"*leaves changed*{words}*"])


def test_each_test_starts_from_the_same_seed(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        "import tgrad\nseen = []\n"
        "def test_one(): seen.append(tgrad.rand(3).tolist())\n"
        "def test_two(): assert [tgrad.rand(3).tolist()] == seen\n"
    )
    suite.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    "source",
    [
        f"import pytest\ndef test_a(): {SKIP}\n",
        f"import pytest\n@pytest.fixture\ndef other(): {SKIP}\ndef test_a(other): pass\n",
        f"import pytest\n{SKIP}\ndef test_a(): pass\n",
    ],
    ids=["in a test", "in a fixture", "in a module"],
)
def test_a_skipped_comparison_fails_where_it_must_run(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    suite.makepyfile(source)
    monkeypatch.delenv("TGRAD_REQUIRE_PARITY", raising=False)
    suite.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(skipped=1)
    monkeypatch.setenv("TGRAD_REQUIRE_PARITY", "1")
    result = suite.runpytest_subprocess("-p", "no:cacheprovider")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*this skip is a failure*"])


def test_another_skip_stays_a_skip(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TGRAD_REQUIRE_PARITY", "1")
    suite.makepyfile("import pytest\ndef test_a(): pytest.skip('no CUDA device')\n")
    suite.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(skipped=1)
