"""Profiles that follow a schedule of steps: `torch.profiler.profile` over `torch.autograd.profiler`."""

from __future__ import annotations

import enum
import gzip
import os
import socket
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from ..autograd import profiler as _profiler


class ProfilerActivity(enum.Enum):
    """What to record. Only CPU has anything to record here."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5

    def __repr__(self) -> str:
        return f"<ProfilerActivity.{self.name}: {self.value}>"


class ProfilerAction(enum.Enum):
    """What a schedule asks for in a step: nothing, getting ready, recording, or recording and handing the trace over after it."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3
    DEVICE_STOPPED = 4


_RECORDS = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


def supported_activities() -> set[ProfilerActivity]:
    """The activities that can be recorded: that of the CPU."""
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """A schedule for :class:`profile`: `skip_first` steps of nothing, then cycles of `wait` steps of nothing, `warmup` steps of getting
    ready and `active` steps of recording; `repeat` cycles, or as many as there are. With `skip_first_wait` the first cycle does not wait.

    >>> [torch.profiler.schedule(wait=1, warmup=1, active=2)(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    cycle = wait + warmup + active

    def schedule_fn(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        if step < skip_first:
            return ProfilerAction.NONE
        step += (wait if skip_first_wait else 0) - skip_first
        if repeat and step >= repeat * cycle:
            return ProfilerAction.NONE
        at = step % cycle
        if at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if at < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} (need >= 0), "
            f"active={active} (need > 0), repeat={repeat} (need >= 0), skip_first={skip_first} (need >= 0)."
        )
    if warmup == 0:
        warnings.warn("Profiler won't be using warmup, this can skew profiler results", stacklevel=2)
    return schedule_fn


def _always(_: int) -> ProfilerAction:
    return ProfilerAction.RECORD


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False, use_python_export: bool = False
) -> Callable[[Any], None]:
    """An `on_trace_ready` that writes each trace into a folder, under names that TensorBoard finds."""

    def handler_fn(prof: Any) -> None:
        if not os.path.isdir(dir_name):
            try:
                os.makedirs(dir_name, exist_ok=True)
            except Exception as e:
                raise RuntimeError("Can't create directory: " + dir_name) from e
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        file_name = f"{worker}.{time.time_ns()}.pt.trace.json" + (".gz" if use_gzip else "")
        prof.export_chrome_trace(os.path.join(dir_name, file_name))

    return handler_fn


class profile:
    """Context manager that times the operations inside, in the steps that `schedule` names (all, by default).

    A loop with a schedule calls `step()` at the end of each round. After the last step of each cycle `on_trace_ready(prof)` is called; then,
    and after the block, `events()`, `key_averages()` and the exports show that cycle (with `acc_events` all of them). `activities` may
    name other devices; nothing happens there. What is recorded, and the other arguments: see :class:`torch.autograd.profiler.profile`.
    """

    def __init__(
        self,
        *,
        activities: Iterable[Any] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        self.activities = _activities(activities, use_cuda)
        self._settings = {
            "record_shapes": record_shapes, "profile_memory": profile_memory, "with_stack": with_stack, "with_flops": with_flops,
            "with_modules": with_modules, "acc_events": acc_events, "post_processing_timeout_s": post_processing_timeout_s,
        }  # fmt: skip
        self.record_shapes, self.profile_memory, self.with_stack = record_shapes, profile_memory, with_stack
        self.with_flops, self.with_modules, self.acc_events = with_flops, with_modules, acc_events
        self.profiler: _profiler.profile | None = None
        self.schedule = schedule or _always
        self.record_steps = schedule is not None
        self.on_trace_ready = on_trace_ready
        self.step_num = 0
        self.step_rec_fn: _profiler.record_function | None = None
        self.current_action = self.schedule(0)
        self._metadata: dict[str, str] = {}
        self._warned = False

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        self.stop()

    def start(self) -> None:
        """What entering the block does."""
        self._go(ProfilerAction.NONE, self.current_action)
        self._open_step()

    def stop(self) -> None:
        """What leaving the block does."""
        self._close_step()
        self._go(self.current_action, None)

    def step(self) -> None:
        """The next step begins."""
        self._close_step()
        action = self.schedule(self.step_num + 1)
        if action is ProfilerAction.DEVICE_STOPPED:
            raise ValueError(
                "ProfilerAction.DEVICE_STOPPED is set internally by the profiler and must not be returned by a user-provided schedule"
            )
        before, self.current_action = self.current_action, action
        self.step_num += 1
        self._go(before, action)
        self._open_step()

    def _open_step(self) -> None:
        if self.record_steps:
            self.step_rec_fn = _profiler.record_function(f"ProfilerStep#{self.step_num}")
            self.step_rec_fn.__enter__()

    def _close_step(self) -> None:
        if self.step_rec_fn is not None:
            self.step_rec_fn.__exit__(None, None, None)
            self.step_rec_fn = None

    def _go(self, before: ProfilerAction, after: ProfilerAction | None) -> None:
        """From one step's action to the next one's; None: the block ends."""
        save = before is ProfilerAction.RECORD_AND_SAVE
        if before in _RECORDS and (after not in _RECORDS or save):
            if not save and after is not None:
                warnings.warn(f"Incorrect schedule: RECORD followed by {after.name}", stacklevel=4)
            self.stop_trace()
            if (save or after is None) and self.on_trace_ready is not None:
                self.on_trace_ready(self)
            before = ProfilerAction.NONE
        elif before is ProfilerAction.WARMUP and after is ProfilerAction.NONE:
            warnings.warn("Incorrect schedule: WARMUP followed by NONE", stacklevel=4)
        if after in _RECORDS and before not in _RECORDS:
            self.start_trace()

    def prepare_trace(self) -> None:
        """Makes a fresh profiler, unless events accumulate."""
        if self.profiler is None or not self.acc_events:
            if self.profiler is not None and not self._warned:
                self._warned = True
                warnings.warn(
                    "Warning: Profiler clears events at the end of each cycle. Only events from the current cycle will be reported. To keep "
                    "events across cycles, set acc_events=True.",
                    stacklevel=5,
                )
            self.profiler = _profiler.profile(**self._settings)  # type: ignore[arg-type]

    def start_trace(self) -> None:
        """Recording begins."""
        self.prepare_trace()
        assert self.profiler is not None
        self.profiler._start()

    def stop_trace(self) -> None:
        """Recording ends."""
        if self.profiler is None:
            raise AssertionError("Profiler must be initialized before stopping trace")
        self.profiler.__exit__(None, None, None)
        if self.acc_events:
            self.profiler.function_events  # noqa: B018  # reads what was recorded before the next cycle replaces it

    def _made(self, doing: str) -> _profiler.profile:
        if self.profiler is None:
            raise AssertionError(f"Profiler must be initialized before {doing}")
        return self.profiler

    def events(self) -> Any:
        """All events, in the order in which they began."""
        return self._made("accessing events").function_events

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> Any:
        """Sums over the events of one name, and on request of one list of input shapes and one place in the program."""
        made = self._made("getting key averages")
        return made.key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def export_chrome_trace(self, path: str, use_python_export: bool = False) -> None:
        """Writes a file for chrome://tracing or Perfetto, compressed if its name ends in .gz."""
        made = self._made("exporting chrome trace")
        if not path.endswith(".gz"):
            made.export_chrome_trace(path, self._metadata)
            return
        with tempfile.TemporaryDirectory() as folder:
            plain = os.path.join(folder, "trace.json")
            made.export_chrome_trace(plain, self._metadata)
            with open(plain, "rb") as source, gzip.open(path, "wb") as target:
                target.write(source.read())

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Writes stacks with their times, for flame graphs; needs `with_stack`."""
        self._made("exporting stacks").export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Puts a text into the trace file."""
        self._metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Puts a value, given as JSON, into the trace file."""
        import json

        self._metadata[key] = json.loads(value)

    preset_metadata_json = add_metadata_json


def _activities(given: Iterable[Any] | None, use_cuda: bool | None) -> set[ProfilerActivity]:
    found: set[ProfilerActivity] = set()
    for item in supported_activities() if given is None else given:
        for one in item if isinstance(item, dict) else (item,):
            if isinstance(one, ProfilerActivity):
                if given is not None and one in found:
                    raise ValueError(f"Activity {one} specified more than once")
                found.add(one)
    if use_cuda is not None:
        warnings.warn("`use_cuda` is deprecated, use `activities` argument instead", FutureWarning, stacklevel=3)
        found = found | {ProfilerActivity.CUDA} if use_cuda else found - {ProfilerActivity.CUDA}
    if not found:
        raise AssertionError("No valid profiler activities found")
    return found


__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
