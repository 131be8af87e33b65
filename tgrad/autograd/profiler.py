"""`torch.autograd.profiler`: what takes how long.

>>> import tgrad as torch
>>> x = torch.randn(20, 30, requires_grad=True)
>>> with torch.autograd.profiler.profile() as prof:
...     with torch.autograd.profiler.record_function("model"):
...         y = x.mm(x.t()).relu().sum()
...     y.backward()
>>> [e.key for e in prof.key_averages()][:4]
['model', 'aten::mm', 'aten::t', 'aten::relu']
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

from ..graph.modes import state
from ..graph.profiling import BACKWARD, FUNCTION, USER, Raw, Recorder
from .profiler_util import EventList, FunctionEvent, chrome_trace

UNFINISHED = "<unfinished torch.autograd.profile>"


class profile:
    """Context manager that times the operations which this thread runs inside: forward operations, nodes of the backward pass, and ranges
    named by :class:`record_function`.

    `record_shapes` keeps the shapes of inputs (one entry per argument, empty for numbers), `with_stack` the lines of the program that
    called, `profile_memory` the bytes of results, `with_flops` an estimate of the arithmetic in products, convolutions, sums and
    elementwise products. `enabled=False` makes it do nothing. Other arguments are accepted for scripts that give them; there is no
    device besides the CPU. Times include what recording takes, some microseconds per event. Entering it twice is a RuntimeError, as is
    entering one inside another.
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
        custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None,
        activity_filters: Any = None,
    ) -> None:
        self.enabled: bool = enabled
        self.entered = False
        self.use_device = None
        self.record_shapes, self.with_flops = record_shapes or with_flops, with_flops
        self.profile_memory, self.with_stack, self.with_modules = profile_memory, with_stack, with_modules
        self.use_cpu, self.acc_events = use_cpu, acc_events
        if post_processing_timeout_s is not None and post_processing_timeout_s < 0:
            raise ValueError("post_processing_timeout_s must be non-negative")
        self._recorder: Recorder | None = None
        self._events: EventList | None = None
        self._earlier: EventList | None = None

    def __enter__(self) -> Any:
        if not self.enabled:
            return None
        if self.entered:
            raise RuntimeError("Profiler context manager is not reentrant")
        self._start()
        return self

    def _start(self) -> None:
        self.entered = True
        self._recorder = Recorder(self.record_shapes, self.with_stack, self.profile_memory, self.with_flops)
        try:
            self._recorder.start()
        except RuntimeError:
            self._recorder = None
            raise

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> bool | None:
        if not self.enabled:
            return None
        if self._recorder is not None:
            self._recorder.stop()
        if self._events is not None and self.acc_events:
            self._earlier = self._events
        self._events = None
        return False

    @property
    def function_events(self) -> Any:
        """The events, in the order in which they began."""
        if self._events is None:
            made = [] if self._recorder is None else _events(self._recorder)
            self._events = EventList(
                made, use_device=self.use_device, profile_memory=self.profile_memory, with_flops=self.with_flops
            )
            self._events._remove_dup_nodes()
            if self._earlier is not None:
                self._events.extend(self._earlier)
                self._earlier = None
        return self._events

    def __repr__(self) -> str:
        return repr(self.function_events) if self._finished() else UNFINISHED

    def __str__(self) -> str:
        return str(self.function_events) if self._finished() else UNFINISHED

    def _finished(self) -> bool:
        return self._events is not None or (self._recorder is not None and state.profiler is not self._recorder)

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
    ) -> str:
        """All events as text, without averaging; see :meth:`EventList.table`."""
        widths = (max_src_column_width, max_name_column_width, max_shapes_column_width)
        return self.function_events.table(sort_by, row_limit, *widths, header, top_level_events_only)

    def export_chrome_trace(
        self, path: str, metadata: dict[str, str] | None = None, use_python_export: bool = False
    ) -> None:
        """Writes a file for chrome://tracing or Perfetto."""
        chrome_trace(self.function_events, path, self._recorder.origin if self._recorder else 0, metadata)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Writes the stacks of events with their own times, for flame graphs. AssertionError without `with_stack`."""
        if not self.with_stack:
            raise AssertionError("export_stacks() requires with_stack=True")
        self.function_events.export_stacks(path, metric)

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """Sums over all events of one name; see :meth:`EventList.key_averages`."""
        return self.function_events.key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def total_average(self) -> Any:
        """The sums over all events."""
        return self.function_events.total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events together, in microseconds; what is nested counts once."""
        return self.function_events.self_cpu_time_total


def _events(recorder: Recorder) -> list[FunctionEvent]:
    made: dict[int, FunctionEvent] = {}
    thread = 1
    forward: dict[int, Raw] = {}
    for i, one in enumerate(recorder.ranges):
        backward = one.scope == BACKWARD or one.name.startswith("autograd::engine")
        user = one.scope == USER
        e = FunctionEvent(
            i + 1,
            "ProfilerStep*" if one.name.startswith("ProfilerStep#") else one.name,
            thread,
            (one.start - recorder.origin) / 1e3,
            (one.end - recorder.origin) / 1e3,
            overload_name="",
            fwd_thread=thread if backward else 0,
            input_shapes=one.shapes,
            stack=one.stack,
            scope=one.scope,
            cpu_memory_usage=one.bytes,
            sequence_nr=one.seq,
            flops=flops(one.name, one.numbers) if recorder.flops else 0,
            trace_name=one.name,
            concrete_inputs=[],
            kwinputs={},
            is_user_annotation=user,
        )
        made[id(one)] = e
        if one.parent is not None:
            parent = made[id(one.parent)]
            parent.append_cpu_child(e)
            e.set_cpu_parent(parent)
        if one.scope == FUNCTION and one.seq >= 0 and not backward:
            forward.setdefault(one.seq, one)
        if recorder.stack:  # what happens in the backward pass is shown where its forward operation was called
            above: Raw | None = one
            while above is not None and above.scope != BACKWARD:
                above = above.parent
            if above is not None:
                source = forward.get(above.seq)
                e.stack = source.stack if source is not None else []
    for one in reversed(recorder.ranges):  # children come after their parents
        if one.parent is not None:
            made[id(one.parent)].cpu_memory_usage += made[id(one)].cpu_memory_usage
    return list(made.values())


def flops(name: str, args: tuple[Any, ...]) -> int:
    """An estimate of the arithmetic in one run, for the operations that PyTorch has one for."""
    shapes = [tuple(a.shape) for a in args if hasattr(a, "shape")]
    name = name.removeprefix("aten::")
    if not shapes:
        return 0
    if name in ("mul", "add"):
        return math.prod(shapes[0])
    if name in ("mm", "addmm", "bmm", "baddbmm"):
        left, right = shapes[-2:] if len(shapes) >= 2 else ((), ())
        return 2 * math.prod(left) * right[-1] if right else 0
    if name == "conv2d" and len(shapes) >= 2 and len(shapes[0]) == 4:
        return _conv2d_flops(shapes[0], shapes[1], args)
    return 0


def _conv2d_flops(image: tuple[int, ...], weight: tuple[int, ...], args: tuple[Any, ...]) -> int:
    stride, padding, dilation, groups = (*args[3:7], *(None,) * 4)[:4]

    def pair(x: Any, default: int) -> tuple[int, int]:
        return (default, default) if x is None else (x, x) if isinstance(x, int) else (tuple(x) * 2)[:2]

    if isinstance(padding, str):
        return 0
    sizes = zip(image[2:], weight[2:], pair(stride, 1), pair(padding, 0), pair(dilation, 1), strict=True)
    out = math.prod([(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes])
    return 2 * image[0] * out * math.prod(weight[2:]) * image[1] * weight[0] // (groups or 1)


class record_function(contextlib.ContextDecorator):
    """Names a range of code for the profiler that is running, as a context manager or decorator; without one it does nothing.

    >>> import tgrad as torch
    >>> with torch.autograd.profiler.profile() as prof:
    ...     with torch.autograd.profiler.record_function("my part"):
    ...         y = torch.ones(2) + 1
    >>> prof.function_events[0].name
    'my part'
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name: str = name
        self.args: str | None = args
        self.record: Any = None

    def _recreate_cm(self) -> record_function:
        return type(self)(self.name, self.args)

    def __enter__(self) -> record_function:
        recorder = state.profiler
        if recorder is not None:
            self.record = (recorder, recorder.enter(self.name, USER))
        return self

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        if self.record is not None:
            recorder, one = self.record
            self.record = None
            if one in recorder.open:
                recorder.leave(one)


class EnforceUnique:
    """Raises RuntimeError for a key that was seen before."""

    def __init__(self) -> None:
        self.seen: set[Any] = set()

    def see(self, *key: Any) -> None:
        if key in self.seen:
            raise RuntimeError("duplicate key: " + str(key))
        self.seen.add(key)


def kineto_available() -> bool:
    """Whether PyTorch's library for traces is there: it never is here, and nothing needs it."""
    return False


__all__ = ["EnforceUnique", "EventList", "FunctionEvent", "profile", "record_function"]
