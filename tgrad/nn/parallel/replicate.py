"""Copies of a module on several devices."""

from __future__ import annotations

from typing import Any

from ..modules.module import Module


def replicate(network: Module, devices: Any, detach: bool = False) -> list[Module]:
    """AssertionError, as PyTorch has it for modules in the CPU's memory: it copies from one accelerator to others."""
    raise AssertionError("Broadcast function not implemented for CPU tensors")


__all__ = ["replicate"]
