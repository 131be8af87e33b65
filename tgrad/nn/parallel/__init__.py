"""`torch.nn.parallel`: modules on several devices at once. There is one device here, so that these add nothing to a module."""

from .data_parallel import DataParallel, data_parallel
from .distributed import DistributedDataParallel
from .replicate import replicate
from .scatter_gather import gather

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel", "gather", "replicate"]
