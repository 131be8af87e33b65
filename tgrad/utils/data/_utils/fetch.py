"""`torch.utils.data._utils.fetch`: from places to a batch, in the process that has the data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....pool import POOL
from ....tensor import Tensor, make
from ..dataset import Subset, TensorDataset
from . import collate, worker


class _BaseDatasetFetcher:
    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Any, drop_last: bool) -> None:
        self.dataset, self.auto_collation = dataset, auto_collation
        self.collate_fn, self.drop_last = collate_fn, drop_last

    def fetch(self, possibly_batched_index: Any) -> Any:
        raise NotImplementedError


class _IterableDatasetFetcher(_BaseDatasetFetcher):
    def __init__(self, dataset: Any, auto_collation: bool, collate_fn: Any, drop_last: bool) -> None:
        super().__init__(dataset, auto_collation, collate_fn, drop_last)
        self.dataset_iter = iter(dataset)
        self.ended = False

    def fetch(self, possibly_batched_index: Any) -> Any:
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.dataset_iter))
        data = []
        for _ in possibly_batched_index:
            try:
                data.append(next(self.dataset_iter))
            except StopIteration:
                self.ended = True
                break
        if not data or (self.drop_last and len(data) < len(possibly_batched_index)):
            raise StopIteration
        return self.collate_fn(data)


class _MapDatasetFetcher(_BaseDatasetFetcher):
    def fetch(self, possibly_batched_index: Any) -> Any:
        dataset = self.dataset
        if not self.auto_collation:
            return self.collate_fn(dataset[possibly_batched_index])
        if self.collate_fn is collate.default_collate:
            batch = _rows(dataset, possibly_batched_index)
            if batch is not None:
                return batch
        if hasattr(dataset, "__getitems__") and dataset.__getitems__:
            data = dataset.__getitems__(possibly_batched_index)
        else:
            data = [dataset[i] for i in possibly_batched_index]
        return self.collate_fn(data)


# Note [Rows at once]
# A TensorDataset gives one sample at a time, to be stacked again. Where nobody can have overridden what lies between (the very class, a
# Subset of it, the default collate with its own function for tensors), the batch is rows of the tensors: the same values in the same layout.
def _rows(dataset: Any, places: Any) -> list[Tensor] | None:
    """The batch that stacking the samples would give; None where that is not so simple."""
    while type(dataset) is Subset:
        if "__getitem__" in vars(dataset) or type(places) is not list:
            return None
        indices = dataset.indices
        try:
            places = [indices[i] for i in places]
        except (IndexError, TypeError):
            return None
        dataset = dataset.dataset
    if type(dataset) is not TensorDataset or type(places) is not list or not places:
        return None
    if TensorDataset.__getitem__ is not _TENSORS or collate.default_collate_fn_map.get(Tensor) is not _STACK:
        return None
    tensors = dataset.tensors
    for t in tensors:
        if type(t) is not Tensor or t.requires_grad or t._a.ndim == 0:
            return None
    if type(places[0]) is not int or any(type(i) is not int for i in places):
        return None
    chosen = np.array(places)
    length = min((len(t._a) for t in tensors), default=0)
    if chosen.dtype.kind != "i" or chosen.min() < -length or chosen.max() >= length:
        return None
    if chosen.min() < 0:
        chosen %= length
    outbox, batch = worker.outbox(), []
    empty = POOL.empty if outbox is None else outbox.empty
    for t in tensors:
        out = empty((len(places), *t._a.shape[1:]), t._a.dtype)
        batch.append(make(Tensor, t._a.take(chosen, 0, out, "clip")))  # "raise" would go through a buffer
    return batch


_TENSORS, _STACK = TensorDataset.__getitem__, collate.collate_tensor_fn
