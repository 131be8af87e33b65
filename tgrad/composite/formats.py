"""Memory formats: `torch.channels_last` and the others, as values."""

from __future__ import annotations


class memory_format:
    """How the dimensions of a dense tensor are ordered in memory."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return "torch." + self.name


FORMATS = {n: memory_format(n) for n in ("contiguous_format", "preserve_format", "channels_last", "channels_last_3d")}
