"""Events of a profile, and the tables that are made of them: `torch.autograd.profiler_util`."""

from __future__ import annotations

import enum
import json
import math
import os
import warnings
from collections import namedtuple
from collections.abc import Callable
from typing import Any


class DeviceType(enum.Enum):
    """Where an event took place. tgrad computes on the CPU; the other names are there for scripts that compare with them."""

    CPU = 0
    CUDA = 1
    XPU = 12
    HPU = 18
    MTIA = 20
    PrivateUse1 = 21

    def __str__(self) -> str:
        return f"DeviceType.{self.name}"

    __repr__ = __str__


class Interval:
    """From `start` to `end`, in microseconds since the profile began."""

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end = start, end

    def elapsed_us(self) -> float:
        return self.end - self.start


Kernel = namedtuple("Kernel", ["name", "device", "duration"])


def _format_time(time_us: float) -> str:
    for size, unit in ((1e6, "s"), (1e3, "ms")):
        if time_us >= size:
            return f"{time_us / size:.3f}{unit}"
    return f"{time_us:.3f}us"


def _format_time_share(time_us: float, total_time_us: float) -> str:
    return f"{time_us * 100.0 / total_time_us:.2f}%" if total_time_us else "NaN"


def _format_memory(nbytes: int) -> str:
    for power, unit in ((3, "GB"), (2, "MB"), (1, "KB")):
        if abs(nbytes) >= 1024**power:
            return f"{nbytes / 1024**power:.2f} {unit}"
    return f"{nbytes} B"


class FormattedTimesMixin:
    """Times as text, for classes with `*_time_total` and `count`."""

    count: int
    cpu_time_total: Any
    device_time_total: Any
    self_cpu_time_total: Any
    self_device_time_total: Any

    @property
    def cpu_time(self) -> float:
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def device_time(self) -> float:
        return self.device_time_total / self.count if self.count else 0.0

    @property
    def cuda_time(self) -> float:
        _outdated("cuda_time", "device_time")
        return self.device_time


def _text_of(name: str) -> property:
    return property(lambda self: _format_time(getattr(self, name)))


for _name in (
    "cpu_time",
    "device_time",
    "cpu_time_total",
    "device_time_total",
    "self_cpu_time_total",
    "self_device_time_total",
):
    setattr(FormattedTimesMixin, _name + "_str", _text_of(_name))


def _outdated(old: str, new: str) -> None:
    warnings.warn(f"`{old}` is deprecated, please use `{new}` instead.", FutureWarning, stacklevel=3)


class FunctionEvent(FormattedTimesMixin):
    """One run of one operation, backward node or range."""

    def __init__(
        self,
        id: int,
        name: str,
        thread: int,
        start_us: float,
        end_us: float,
        overload_name: str | None = None,
        fwd_thread: int | None = None,
        input_shapes: Any = None,
        stack: Any = None,
        scope: int = 0,
        use_device: str | None = None,
        cpu_memory_usage: int = 0,
        device_memory_usage: int = 0,
        is_async: bool = False,
        is_remote: bool = False,
        sequence_nr: int = -1,
        node_id: int = -1,
        device_type: DeviceType = DeviceType.CPU,
        device_index: int = 0,
        device_resource_id: int | None = None,
        is_legacy: bool = False,
        flops: int | None = None,
        trace_name: str | None = None,
        concrete_inputs: Any = None,
        kwinputs: Any = None,
        is_user_annotation: bool = False,
    ) -> None:
        self.id, self.name, self.thread = id, name, thread
        self.trace_name = trace_name
        self.time_range = Interval(start_us, end_us)
        self.overload_name, self.fwd_thread, self.input_shapes, self.stack = (
            overload_name,
            fwd_thread,
            input_shapes,
            stack,
        )
        self.scope, self.use_device, self.node_id = scope, use_device, node_id
        self.cpu_memory_usage, self.device_memory_usage = cpu_memory_usage, device_memory_usage
        self.is_async, self.is_remote, self.sequence_nr = is_async, is_remote, sequence_nr
        self.device_type, self.device_index = device_type, device_index
        self.device_resource_id = thread if device_resource_id is None else device_resource_id
        self.is_legacy, self.flops, self.is_user_annotation = is_legacy, flops, is_user_annotation
        self.concrete_inputs, self.kwinputs = concrete_inputs, kwinputs
        self.kernels: list[Kernel] = []
        self.count = 1
        self.cpu_children: list[FunctionEvent] = []
        self.cpu_parent: FunctionEvent | None = None
        self.self_cpu_percent: Any = -1
        self.total_cpu_percent: Any = -1
        self.total_device_percent: Any = -1

    def append_kernel(self, name: str, device: int, duration: float) -> None:
        self.kernels.append(Kernel(name, device, duration))

    def append_cpu_child(self, child: FunctionEvent) -> None:
        """Adds a direct child, whose time does not count as this event's own."""
        self.cpu_children.append(child)

    def set_cpu_parent(self, parent: FunctionEvent) -> None:
        self.cpu_parent = parent

    @property
    def key(self) -> str:
        return self.name

    @property
    def cpu_time_total(self) -> float:  # type: ignore[override]
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]
        return 0 if self.is_async else self.cpu_time_total - sum([c.cpu_time_total for c in self.cpu_children])

    @property
    def device_time_total(self) -> float:  # type: ignore[override]
        return 0

    @property
    def self_device_time_total(self) -> float:  # type: ignore[override]
        return 0

    @property
    def self_cpu_memory_usage(self) -> int:
        return 0 if self.is_async else self.cpu_memory_usage - sum([c.cpu_memory_usage for c in self.cpu_children])

    @property
    def self_device_memory_usage(self) -> int:
        return 0

    def __repr__(self) -> str:
        device = self.use_device
        return (
            f"<FunctionEvent id={self.id} name={self.name} overload_name={self.overload_name} device_type={self.device_type} "
            f"node_id={self.node_id} cpu_time={self.cpu_time_str} start_us={self.time_range.start} end_us={self.time_range.end} "  # type: ignore[attr-defined]
            f"cpu_children={[c.id for c in self.cpu_children]} {device}_time={self.device_time_str} name={self.name} "  # type: ignore[attr-defined]
            f"thread={self.thread} input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage} "
            f"{device}_memory_usage={self.device_memory_usage} is_async={self.is_async} is_remote={self.is_remote} "
            f"seq_nr={self.sequence_nr} is_legacy={self.is_legacy}>"
        )


class FunctionEventAvg(FormattedTimesMixin):
    """The sums over events with one key; `cpu_time` is their average."""

    SUMS = (
        "cpu_time_total", "device_time_total", "self_cpu_time_total", "self_device_time_total", "cpu_memory_usage", "device_memory_usage",
        "self_cpu_memory_usage", "self_device_memory_usage", "count",
    )  # fmt: skip
    FIRST = (
        "node_id", "is_async", "is_remote", "cpu_parent", "cpu_children", "overload_name", "input_shapes", "stack", "scope", "device_type",
        "is_legacy", "use_device", "is_user_annotation",
    )  # fmt: skip

    def __init__(self) -> None:
        self.key: str | None = None
        self.node_id = 0
        self.is_async = self.is_remote = self.is_legacy = self.is_user_annotation = False
        self.use_device: str | None = None
        self.input_shapes: Any = None
        self.overload_name: str | None = None
        self.stack: Any = None
        self.scope: int | None = None
        self.cpu_children: Any = None
        self.cpu_parent: Any = None
        self.device_type = DeviceType.CPU
        self.flops: int | None = 0
        for name in self.SUMS:
            setattr(self, name, 0)

    def add(self, other: Any) -> FunctionEventAvg:
        """Takes an event, or another average, of the same key in; the first one decides about all that is no sum."""
        if self.key is None:
            self.key = other.key
            for name in self.FIRST:
                setattr(self, name, getattr(other, name))
        if not isinstance(other, (FunctionEvent, FunctionEventAvg)):
            raise AssertionError("Expected other to be a FunctionEvent or FunctionEventAvg")
        if other.key != self.key:
            raise AssertionError(f"Expected keys to match, but got {other.key} vs {self.key}")
        for name in self.SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.flops is not None:
            self.flops = (self.flops or 0) + other.flops
        return self

    def __iadd__(self, other: Any) -> FunctionEventAvg:
        return self.add(other)

    def __repr__(self) -> str:
        device = self.use_device or "cuda"
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} cpu_time={self.cpu_time_str} "  # type: ignore[attr-defined]
            f" self_{device}_time={self.self_device_time_total_str} {device}_time={self.device_time_str} "  # type: ignore[attr-defined]
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage} "  # type: ignore[attr-defined]
            f"{device}_memory_usage={self.device_memory_usage}>"  # type: ignore[attr-defined]
        )


class EventList(list):
    """Events, or averages of them, that can be summed up, shown as a table and written to files."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._use_device = kwargs.pop("use_device", None)
        self._profile_memory = kwargs.pop("profile_memory", False)
        self._with_flops = kwargs.pop("with_flops", False)
        super().__init__(*args, **kwargs)

    def __str__(self) -> str:
        return self.table()

    def _like(self, events: Any) -> EventList:
        return EventList(
            events, use_device=self._use_device, profile_memory=self._profile_memory, with_flops=self._with_flops
        )

    def _remove_dup_nodes(self) -> None:
        """An only child of the same name is the same operation seen twice: its parent takes its place."""
        kept = []
        for e in self:
            parent = e.cpu_parent
            if parent is not None and parent.name == e.name and len(parent.cpu_children) == 1:
                parent.cpu_children = e.cpu_children
                for child in e.cpu_children:
                    child.cpu_parent = parent
            else:
                kept.append(e)
        self[:] = kept

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all events together, in microseconds."""
        return sum([e.self_cpu_time_total for e in self])

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The events as text. `sort_by`: an attribute (cpu_time, cpu_time_total, self_cpu_time_total, cpu_memory_usage, count, ...), largest
        first; by default as they were recorded. `row_limit` -1 shows all. `time_unit`: "s", "ms" or "us" for all times."""
        widths = (max_src_column_width, max_name_column_width, max_shapes_column_width)
        return _Table(self, sort_by, row_limit, widths, time_unit).text(header, top_level_events_only)

    def export_chrome_trace(self, path: str) -> None:
        """Writes the events in the format that chrome://tracing and Perfetto read."""
        rows = [
            {
                "name": e.trace_name, "ph": "X", "ts": e.time_range.start, "dur": e.time_range.elapsed_us(), "tid": e.thread,
                "pid": "CPU functions", "args": {},
            }
            for e in self
            if e.trace_name is not None
        ]  # fmt: skip
        with open(path, "w") as f:
            json.dump(rows, f)

    def supported_export_stacks_metrics(self) -> list[str]:
        return [f"self_{d}_time_total" for d in ("cpu", "cuda", "xpu", "privateuse1")]

    def export_stacks(self, path: str, metric: str) -> None:
        """Writes one line per event with a stack: its frames, outermost first, and the metric. Flame graphs are drawn from such files."""
        if metric not in self.supported_export_stacks_metrics():
            raise ValueError(f"metric should be one of: {self.supported_export_stacks_metrics()}")
        name = metric if metric == "self_cpu_time_total" else "self_device_time_total"
        clean = str.maketrans(" ;\t\n", "____")
        with open(path, "w") as f:
            for e in self:
                value = int(getattr(e, name))
                if e.stack and value > 0:
                    f.write(";".join([entry.translate(clean) for entry in reversed(e.stack)]) + f" {value}\n")

    def key_averages(
        self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """Sums over the events of one name, and on request of one list of shapes, and of one place in the program (its `group_by_stack_n`
        innermost lines)."""
        found: dict[tuple[Any, ...], FunctionEventAvg] = {}
        for e in self:
            key: tuple[Any, ...] = (e.key, e.node_id, e.device_type, e.is_legacy, e.is_user_annotation)
            key += (
                e.overload_name if group_by_overload_name else "",
                str(e.input_shapes) if group_by_input_shapes else "",
            )
            key += tuple(e.stack[:group_by_stack_n])
            found.setdefault(key, FunctionEventAvg()).add(e)
        made = self._like(found.values())
        for avg in made:
            avg.stack = avg.stack[:group_by_stack_n]
            if not group_by_input_shapes:
                avg.input_shapes = ""
            if not group_by_overload_name:
                avg.overload_name = ""
        return made

    def total_average(self) -> FunctionEventAvg:
        """The sums over all events."""
        total = FunctionEventAvg()
        for e in self:
            total.key = None
            total += e
        total.key = "Total"
        return total


class _Table:
    """A list of events as a table: columns as (heading, width, side, what to show of an event)."""

    def __init__(
        self,
        events: EventList,
        sort_by: str | None,
        row_limit: int,
        widths: tuple[Any, Any, Any],
        time_unit: str | None,
    ) -> None:
        self.events: list[Any] = list(events)
        if sort_by is not None:
            name = sort_by
            for device in ("cuda", "xpu", "privateuse1"):
                name = name.replace(device, "device")
            self.events.sort(key=lambda e: getattr(e, name), reverse=True)
        self.row_limit, self.unit = row_limit, time_unit
        self.src_width, self.name_width, self.shapes_width = widths
        self.memory, self.flops = events._profile_memory, events._with_flops
        self.total = sum([e.self_cpu_time_total for e in self.events])

    def time(self, us: float) -> str:
        scale = {"s": 1e6, "ms": 1e3, "us": 1.0}.get(self.unit or "")
        return _format_time(us) if scale is None else f"{us / scale:.3f}{self.unit}"

    def shortened(self, name: str) -> str:
        width = self.name_width
        return name[: width - 3] + "..." if width is not None and len(name) >= width - 3 else name

    def columns(self) -> list[tuple[str, int, str, Callable[[Any], Any]]]:
        events = self.events
        width = _within(max([len(e.key) for e in events]) + 4, self.name_width)
        made: list[tuple[str, int, str, Callable[[Any], Any]]] = [("Name", width, ">", lambda e: self.shortened(e.key))]
        if any([e.overload_name for e in events]):
            made.append(("Overload Name", width, ">", lambda e: self.shortened(e.overload_name)))
        made += [
            ("Self CPU %", 12, ">", lambda e: e.self_cpu_percent),
            ("Self CPU", 12, ">", lambda e: self.time(e.self_cpu_time_total)),
            ("CPU total %", 12, ">", lambda e: e.total_cpu_percent),
            ("CPU total", 12, ">", lambda e: self.time(e.cpu_time_total)),
            ("CPU time avg", 12, ">", lambda e: self.time(e.cpu_time)),
        ]
        if self.memory:
            made.append(("CPU Mem", 12, ">", lambda e: _format_memory(e.cpu_memory_usage)))
            made.append(("Self CPU Mem", 12, ">", lambda e: _format_memory(e.self_cpu_memory_usage)))
        made.append(("# of Calls", 12, ">", lambda e: e.count))
        if any([e.node_id != -1 for e in events]):
            made.append(("Node ID", 12, ">", lambda e: e.node_id))
        if any([e.input_shapes is not None and len(e.input_shapes) > 0 for e in events]):
            shapes = _within(max([len(str(e.input_shapes)) for e in events]) + 4, self.shapes_width)
            made.append(("Input Shapes", shapes, ">", lambda e: str(e.input_shapes)[:shapes]))
        return made

    def flops_column(self) -> tuple[str, int, str, Callable[[Any], Any]] | None:
        """The unit is that of the smallest figure."""
        counts = [e.flops for e in self.events if e.flops is not None and e.flops > 0]
        if not self.flops or not counts:
            return None
        power = int(max(0.0, min(math.log10(min(counts)) / 3, 5.0)))
        scale, unit = 1000.0**-power, ("FLOPs", "KFLOPs", "MFLOPs", "GFLOPs", "TFLOPs", "PFLOPs")[power]
        return (f"Total {unit}", 12, ">", lambda e: f"{e.flops * scale:8.3f}" if e.flops else "--")

    def text(self, header: str | None, top_level_only: bool) -> str:
        if not self.events:
            return ""
        columns = self.columns()
        stacks = [e.stack for e in self.events if e.stack]
        source = _within(max([len(line) for s in stacks for line in s]) + 4, self.src_width) if stacks else 0
        if stacks:  # the first line of a stack; the others follow on lines of their own
            columns.append(("Source Location", source, "<", lambda e: _tail(e.stack[0], source) if e.stack else ""))
        at = len(columns) - 1
        flops = self.flops_column()
        if flops is not None:
            columns.append(flops)

        def line(cells: list[Any]) -> str:
            return "".join([f"{c!s:{side}{width}}  " for c, (_, width, side, _) in zip(cells, columns, strict=True)])

        rule = "".join(["-" * width + "  " for _, width, _, _ in columns])
        double = "=" * (len(rule) - 2)
        out = [double, header] if header is not None else []
        if top_level_only:
            out += [double, "This report only display top-level ops statistics"]
        out += [rule, line([c[0] for c in columns]), rule]
        shown = 0
        for e in self.events:
            if shown == self.row_limit:
                break
            if top_level_only and e.cpu_parent is not None:
                continue
            shown += 1
            e.self_cpu_percent = _format_time_share(e.self_cpu_time_total, self.total)
            e.total_cpu_percent = 0 if e.is_async else _format_time_share(e.cpu_time_total, self.total)
            out.append(line([show(e) for _, _, _, show in columns]))
            if stacks:
                for entry in [*(e.stack or ())[1:], ""]:
                    out.append(line([_tail(entry, source) if i == at else "" for i in range(len(columns))]))
        out += [rule, f"Self CPU time total: {self.time(self.total)}"]
        return "\n".join([*out, ""])


def _within(width: int, bound: int | None) -> int:
    return width if bound is None else min(width, bound)


def _tail(path: str, width: int) -> str:
    return path if len(path) <= width else "..." + path[len(path) - width + 3 :]


def chrome_trace(events: EventList, path: str, origin_ns: int, metadata: dict[str, str] | None = None) -> None:
    """Writes a whole trace, with the process's name and arrows from forward operations to their backward nodes."""
    pid = os.getpid()
    rows: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "ts": 0, "pid": pid, "tid": 0, "args": {"name": "python"}},
        {"ph": "M", "name": "process_labels", "ts": 0, "pid": pid, "tid": 0, "args": {"labels": "CPU"}},
        {"ph": "M", "name": "thread_name", "ts": 0, "pid": pid, "tid": pid, "args": {"name": f"thread {pid} (python)"}},
    ]
    forward: dict[int, FunctionEvent] = {}
    for e in events:
        args: dict[str, Any] = {"External id": e.id}
        if e.sequence_nr >= 0:
            args["Sequence number"] = e.sequence_nr
        if e.fwd_thread is not None:
            args["Fwd thread id"] = e.fwd_thread
        if e.input_shapes:
            args["Input Dims"] = e.input_shapes
        if e.stack:
            args["Call stack"] = ";".join(reversed(e.stack))
        start = origin_ns / 1e3 + e.time_range.start
        rows.append(
            {
                "ph": "X", "cat": "user_annotation" if e.is_user_annotation else "cpu_op", "name": e.name, "pid": pid, "tid": pid,
                "ts": start, "dur": e.time_range.elapsed_us(), "args": args,
            }
        )  # fmt: skip
        if e.sequence_nr >= 0 and e.scope == 0 and not e.name.startswith("autograd::"):
            forward.setdefault(e.sequence_nr, e)
        elif e.scope == 1 and e.sequence_nr in forward:
            source = forward[e.sequence_nr]
            arrow = {"id": source.id, "pid": pid, "tid": pid, "cat": "fwdbwd", "name": "fwdbwd"}
            rows.append({"ph": "s", "ts": origin_ns / 1e3 + source.time_range.start, **arrow})
            rows.append({"ph": "f", "ts": start, "bp": "e", **arrow})
    trace = {
        "schemaVersion": 1,
        "deviceProperties": [],
        **(metadata or {}),
        "displayTimeUnit": "ms",
        "traceEvents": rows,
    }
    with open(path, "w") as f:
        json.dump(trace, f, indent=1)


__all__ = ["DeviceType", "EventList", "FormattedTimesMixin", "FunctionEvent", "FunctionEventAvg", "Interval", "Kernel"]
