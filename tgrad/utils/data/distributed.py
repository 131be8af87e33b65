"""`torch.utils.data.distributed`: the part of a data set that one of several processes gets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeVar

from ... import functions as F
from ...rng import Generator
from .dataset import Dataset
from .sampler import Sampler

_T_co = TypeVar("_T_co", covariant=True)


class DistributedSampler(Sampler[_T_co]):
    """Every `num_replicas`-th place from `rank` on, of an order that all processes share: it depends on `seed` and on the epoch.

    The data set is filled up from its beginning so that all get as many, or cut with `drop_last`. Call `set_epoch` before each epoch,
    or every one has the same order. `num_replicas` and `rank` have to be given, as there are no process groups here: ValueError if
    not, and for a rank outside [0, num_replicas).

    >>> from torch.utils.data import DistributedSampler
    >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Dataset,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise ValueError(
                "Default process group has not been initialized, please make sure to call init_process_group."
            )
        if rank >= num_replicas or rank < 0:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        count = len(dataset)  # type: ignore[arg-type]
        cut = drop_last and count % num_replicas != 0
        self.num_samples = math.ceil((count - num_replicas if cut else count) / num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[_T_co]:
        count = len(self.dataset)  # type: ignore[arg-type]
        if self.shuffle:
            generator = Generator()
            generator.manual_seed(self.seed + self.epoch)
            places = F.randperm(count, generator=generator).tolist()
        else:
            places = list(range(count))
        if self.drop_last:
            places = places[: self.total_size]
        elif count:
            places = (places * math.ceil(self.total_size / count))[: self.total_size]
        if len(places) != self.total_size:
            raise AssertionError(f"Number of indices ({len(places)}) does not match total_size ({self.total_size})")
        return iter(places[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """From now on the order is that of this epoch."""
        self.epoch = epoch


__all__ = ["DistributedSampler"]
