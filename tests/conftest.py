"""What every test shares: the oracle, and a guard against state that leaks from one test into the next."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

# A shell that starts the tests in the background has them ignore Ctrl-C, and programs that the tests start would inherit
# that: those that try Ctrl-C would wait for ever.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# CI draws the same examples each time, so that a change is judged by what it changes. Runs at the desk draw new ones.
settings.register_profile("ci", derandomize=True, database=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

# What runs compiled depends on what the machine has in its cache and on when a compiler in another process is done. So tests, and the
# programs that they start, run on numpy; those of compiled code ask for it (`compiled_tier`). To try all tests with a mode, set it.
os.environ.setdefault("TGRAD_JIT", "off")

NO_TORCH = "the parity extra (torch==2.13.0) is not installed"
# Every importorskip("torch", reason=...) in the tests says this, so that one look at the text tells such a skip.
PARITY_WORDS = "parity extra"


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """The real PyTorch, to compare with; a test that asks for it is skipped where it is not installed."""
    return pytest.importorskip("torch", reason=NO_TORCH)


@pytest.fixture(scope="session", autouse=True)
def mode_is_known() -> None:
    """Tests that set the mode put back what was there, which must not be that nobody has asked yet."""
    from tgrad.kernels import native

    native.Jit.read()


@pytest.fixture(scope="session")
def kernel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of compiled kernels for this run of the tests, shared by its processes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "kernels"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def compiled_tier(monkeypatch: pytest.MonkeyPatch, kernel_folder: Path) -> None:
    """Everything that has a compiled form runs compiled, whatever its size, in parts so small that there are many borders."""
    from tgrad.kernels import blocks, cache, crew, native, reductions

    monkeypatch.setenv("TGRAD_CACHE_DIR", str(kernel_folder))
    monkeypatch.setattr(cache, "folder", lambda: kernel_folder)
    monkeypatch.setattr(native.Jit, "mode", "eager")
    monkeypatch.setattr(blocks.Sizes, "large", 16)
    monkeypatch.setattr(blocks.Sizes, "middle", 16)
    monkeypatch.setattr(crew.Sizes, "least", 50)
    monkeypatch.setattr(crew.Sizes, "most", 333)
    monkeypatch.setattr(crew.CREW, "size", 3)
    monkeypatch.setattr(reductions, "UNIT", 100)


# Note [Parity may not be skipped unseen]
# Without PyTorch the comparisons skip and say so, which is right on a newcomer's machine and wrong in CI: a green run
# that compared nothing. With TGRAD_REQUIRE_PARITY=1 a skip for that reason counts as a failure.
def _refuse_parity_skip(report: Any) -> None:
    if not (report.skipped and os.environ.get("TGRAD_REQUIRE_PARITY") == "1"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if PARITY_WORDS in reason:
        report.outcome = "failed"
        report.longrepr = f"{reason}\nTGRAD_REQUIRE_PARITY=1 is set, so this skip is a failure."


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    _refuse_parity_skip(report)
    return report  # type: ignore[return-value]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    report = yield
    _refuse_parity_skip(report)
    return report  # type: ignore[return-value]


# What a test may not leave changed: a name for the message, how to read it and how to put it back.
def _print_options(tgrad: ModuleType) -> Any:
    options = getattr(getattr(tgrad, "echo", None), "PRINT_OPTS", None)
    return dict(vars(options)) if options is not None else None


def _put_back_print_options(tgrad: ModuleType, value: Any) -> None:
    vars(tgrad.echo.PRINT_OPTS).update(value)


ALIAS = "tgrad.interop.torch_alias"


def _alias_installed(tgrad: ModuleType) -> bool:
    return ALIAS in sys.modules and sys.modules[ALIAS].is_installed()


def _put_back_alias(tgrad: ModuleType, value: bool) -> None:
    sys.modules[ALIAS].install() if value else sys.modules[ALIAS].uninstall()


WATCHED: dict[str, tuple[Callable[[ModuleType], Any], Callable[[ModuleType, Any], Any] | None]] = {
    "grad mode": (lambda tgrad: tgrad.is_grad_enabled(), lambda tgrad, value: tgrad.set_grad_enabled(value)),
    "inference mode": (lambda tgrad: tgrad.is_inference_mode_enabled(), None),
    "default dtype": (lambda tgrad: tgrad.get_default_dtype(), lambda tgrad, value: tgrad.set_default_dtype(value)),
    "print options": (_print_options, _put_back_print_options),
    "dialect": (lambda tgrad: tgrad.echo.get_dialect(), lambda tgrad, value: tgrad.echo.set_dialect(value)),
    "what import torch means": (_alias_installed, _put_back_alias),
}


def _state(tgrad: ModuleType) -> dict[str, Any]:
    state = {}
    for name, (read, _) in WATCHED.items():
        try:
            state[name] = read(tgrad)
        except AttributeError:
            continue
    return state


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves grad mode, default dtype, print options or the dialect other than it found them.

    Random numbers are seeded afresh before each test instead, so that no test depends on the order in which they run.
    A test of just that state carries the mark `changes_global_state`; what it changed is put back all the same.
    """
    # A test that has not imported tgrad cannot have changed it, and must not pay for the import.
    tgrad = sys.modules.get("tgrad")
    if tgrad is None:
        yield
        return
    if hasattr(tgrad, "manual_seed"):
        tgrad.manual_seed(0)
    before = _state(tgrad)
    yield
    changed = []
    for name, after in _state(tgrad).items():
        if name in before and after != before[name]:
            changed.append(f"{name}: was {before[name]}, now {after}")
            put_back = WATCHED[name][1]
            if put_back is not None:
                put_back(tgrad, before[name])
    if changed and request.node.get_closest_marker("changes_global_state") is None:
        pytest.fail("the test leaves changed " + "; ".join(changed), pytrace=False)
