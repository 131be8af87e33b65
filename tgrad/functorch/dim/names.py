"""The names that `i, j = dims()` gives to its dimensions: those of the variables that they are assigned to."""

from __future__ import annotations

import bisect
import dis
import functools
from types import CodeType, FrameType

_SKIPPED = ("CACHE", "PRECALL", "NOP", "EXTENDED_ARG", "NOT_TAKEN")


@functools.lru_cache(256)
def _instructions(code: CodeType) -> tuple[list[dis.Instruction], list[int]]:
    found = list(dis.get_instructions(code))
    return found, [one.offset for one in found]


def assigned(frame: FrameType) -> list[str]:
    """The variables to which the call that `frame` is in assigns its result; none for any other use of it."""
    found, places = _instructions(frame.f_code)
    at = bisect.bisect_right(places, frame.f_lasti) - 1  # f_lasti may point behind the call itself, to what it caches
    rest = [one for one in found[at + 1 : at + 600] if one.opname not in _SKIPPED]
    if not rest:
        return []
    if rest[0].opname.startswith("STORE_") and rest[0].opname not in ("STORE_SUBSCR", "STORE_ATTR"):
        return _stored(rest[0])[:1]
    if rest[0].opname != "UNPACK_SEQUENCE":
        return []
    count = int(rest[0].arg or 0)
    names: list[str] = []
    for one in rest[1:]:
        if len(names) >= count or not one.opname.startswith("STORE_"):
            break
        names += _stored(one)
    return names[:count] if len(names) >= count else [*names, *[f"d{n}" for n in range(len(names), count)]]


def _stored(one: dis.Instruction) -> list[str]:
    """A store may be two in one (STORE_FAST_STORE_FAST)."""
    value = one.argval
    return [str(v) for v in value] if isinstance(value, tuple) else [str(value)]


__all__ = ["assigned"]
