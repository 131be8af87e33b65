"""`torch.utils.data._utils.collate`: samples into batches.

A list of samples becomes a batch by the type of its first: tensors and arrays are stacked, numbers become a tensor, strings stay a list,
and containers are gone into, field by field.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from .... import functions as F
from ....dtype import float64
from ....pool import POOL
from ....tensor import Tensor, make
from . import worker

_Map = dict[type | tuple[type, ...], Callable[..., Any]]

_PLAIN = frozenset(map(np.dtype, "? u1 i1 i2 i4 i8 f2 f4 f8 c8 c16".split()))  # dtypes that need no second look
np_str_obj_array_pattern = re.compile(r"[SaUO]")
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _mapped(like: Any, values: dict[Any, Any]) -> Any:
    """A mapping of the type of `like` with other values; a dict, where the type does not let itself be made."""
    try:
        if isinstance(like, MutableMapping):
            clone = copy.copy(like)  # it may have more to it than its items
            clone.update(values)
            return clone
        return type(like)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _listed(like: Any, values: Callable[[], Any]) -> Any:
    """A sequence of the type of `like` with other entries; a list, where the type does not let itself be made."""
    try:
        if isinstance(like, MutableSequence):
            clone = copy.copy(like)
            for i, value in enumerate(values()):
                clone[i] = value
            return clone
        return type(like)(list(values()))  # type: ignore[call-arg]
    except TypeError:
        return list(values())


def default_convert(data):
    """Numpy arrays and scalars into tensors, inside containers as well; everything else stays what it is.

    What a DataLoader without batches does to each sample. A tuple becomes a list, a namedtuple keeps its type.

    >>> from torch.utils.data import default_convert
    >>> import numpy as np
    >>> default_convert({"a": np.array([0, 1]), "b": "text"})
    {'a': tensor([0, 1]), 'b': 'text'}
    """
    kind = type(data)
    if isinstance(data, Tensor):
        return data
    if kind.__module__ == "numpy" and kind.__name__ not in ("str_", "string_"):
        if kind.__name__ == "ndarray" and np_str_obj_array_pattern.search(data.dtype.str) is not None:
            return data
        return F.as_tensor(data)
    if isinstance(data, Mapping):
        return _mapped(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple):
        parts = [default_convert(part) for part in data]
        return kind(*parts) if hasattr(data, "_fields") else parts
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _listed(data, lambda: (default_convert(part) for part in data))
    return data


def collate(batch, *, collate_fn_map: _Map | None = None):
    """A batch out of samples, by the functions in `collate_fn_map`: element type (or a tuple of types) to a function of the samples and the map.

    The type of the first sample is looked up, then its base types in the map's order; containers are gone into. RuntimeError for
    sequences of different lengths, TypeError for a type that nobody knows.

    >>> from torch.utils.data._utils.collate import collate
    >>> collate([1, 2, 3], collate_fn_map={int: lambda batch, *, collate_fn_map: sum(batch)})
    6
    """
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        found = collate_fn_map.get(kind)
        if found is None:
            found = next((fn for types, fn in collate_fn_map.items() if isinstance(first, types)), None)
        if found is not None:
            return found(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        return _mapped(
            first, {key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map) for key in first}
        )
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(collate(samples, collate_fn_map=collate_fn_map) for samples in zip(*batch)))
    if isinstance(first, Sequence):
        samples_in_turn = iter(batch)
        size = len(next(samples_in_turn))
        if not all(len(sample) == size for sample in samples_in_turn):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = list(zip(*batch))
        if isinstance(first, tuple):
            return [collate(column, collate_fn_map=collate_fn_map) for column in columns]
        return _listed(first, lambda: (collate(column, collate_fn_map=collate_fn_map) for column in columns))
    raise TypeError(default_collate_err_msg_format.format(kind))


def collate_tensor_fn(batch, *, collate_fn_map: _Map | None = None):
    """Stacks tensors; in a worker, where the other process will see them."""
    arrays = [t._a for t in batch if type(t) is Tensor and not t._rg]  # of plain tensors that nothing is recorded for
    if len(arrays) == len(batch) and _alike(arrays):
        return _stacked(arrays)
    outbox = worker.outbox()
    if outbox is None:
        return F.stack(batch, 0)
    first = batch[0]._a
    return F.stack(batch, 0, out=make(Tensor, outbox.empty((len(batch), *first.shape), first.dtype)))


def _alike(arrays: Sequence[np.ndarray]) -> bool:
    """Whether arrays stack without further questions: one shape, with elements, and one dtype."""
    shape, dtype = arrays[0].shape, arrays[0].dtype
    return 0 not in shape and all(a.shape == shape and a.dtype == dtype for a in arrays)


def _stacked(arrays: Sequence[np.ndarray]) -> Tensor:
    outbox, first = worker.outbox(), arrays[0]
    if outbox is None and first.nbytes < 512:
        return make(Tensor, np.array(arrays))
    shape = (len(arrays), *first.shape)
    out = (POOL if outbox is None else outbox).empty(shape, first.dtype)
    if first.ndim == 0:
        out[:] = arrays
    else:
        np.concatenate(arrays, 0, out.reshape(shape[0] * shape[1], *shape[2:]))
    return make(Tensor, out)


def collate_numpy_array_fn(batch, *, collate_fn_map: _Map | None = None):
    """Stacks arrays into a tensor; TypeError for arrays of strings and objects."""
    first = batch[0]
    if np_str_obj_array_pattern.search(first.dtype.str) is not None:
        raise TypeError(default_collate_err_msg_format.format(first.dtype))
    if (
        collate_fn_map is default_collate_fn_map
        and collate_fn_map[Tensor] is collate_tensor_fn
        and first.dtype in _PLAIN
        and all(
            type(a) is np.ndarray and a.flags.carray for a in batch
        )  # in order, and writable: as_tensor looks at that
        and _alike(batch)
    ):
        return _stacked(batch)
    return collate([F.as_tensor(b) for b in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch, *, collate_fn_map: _Map | None = None):
    """A tensor of numpy's scalars."""
    return F.as_tensor(batch)


def collate_float_fn(batch, *, collate_fn_map: _Map | None = None):
    """A float64 tensor of floats."""
    if all(type(number) is float for number in batch):
        return make(Tensor, np.array(batch))
    return F.tensor(batch, dtype=float64)


def collate_int_fn(batch, *, collate_fn_map: _Map | None = None):
    """A tensor of ints (or bools)."""
    if all(type(number) is int for number in batch):
        with contextlib.suppress(OverflowError):
            return make(Tensor, np.array(batch, np.int64))
    return F.tensor(batch)


def collate_str_fn(batch, *, collate_fn_map: _Map | None = None):
    """Strings stay a list."""
    return batch


default_collate_fn_map: _Map = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch):
    """A batch out of samples: tensors, arrays and numbers become tensors with a dimension more in front; strings stay lists; mappings,
    namedtuples and sequences are gone into (tuples become lists).

    TypeError for other types, RuntimeError for tensors or sequences of different sizes. `default_collate_fn_map` may be added to.

    >>> from torch.utils.data import default_collate
    >>> default_collate([{"x": 0, "name": "a"}, {"x": 1, "name": "b"}])
    {'x': tensor([0, 1]), 'name': ['a', 'b']}
    >>> default_collate([(0, 1.5), (2, 2.5)])
    [tensor([0, 2]), tensor([1.5000, 2.5000], dtype=torch.float64)]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
