"""What a DataLoader is made of: collating, fetching, and the processes that do so elsewhere."""

from .errors import ExceptionWrapper

MP_STATUS_CHECK_INTERVAL = 5.0  # seconds that a worker is given to end by itself

from . import collate, fetch, pin_memory, worker  # noqa: E402

__all__ = ["MP_STATUS_CHECK_INTERVAL", "ExceptionWrapper", "collate", "fetch", "pin_memory", "worker"]
