"""`torch.profiler`: profiles of training loops, step by step.

>>> import tgrad as torch
>>> from torch.profiler import ProfilerActivity, profile, record_function
>>> with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as prof:
...     with record_function("product"):
...         y = torch.randn(4, 5) @ torch.randn(5, 6)
>>> [e.key for e in prof.key_averages()][0]
'product'
"""

from __future__ import annotations

from ..autograd.profiler import kineto_available, record_function
from ..autograd.profiler_util import DeviceType
from .profiler import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = [
    "DeviceType",
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
