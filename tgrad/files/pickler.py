"""The pickle of what is saved: storages become references, and classes get the names that they have in PyTorch."""

from __future__ import annotations

import io
from typing import Any

from .. import functions
from ..composite.storages import TypedStorage, is_storage
from ..dtype import dtype, uint8
from ..storage import UntypedStorage
from . import names
from .places import location_tag

TWO_TYPES = "Cannot save multiple tensors or storages that view the same data as different types"


class Storages:
    """The storages met while an object is pickled, numbered in the order of meeting."""

    def __init__(self) -> None:
        self.keys: dict[Any, str] = {}
        self.found: dict[str, tuple[UntypedStorage, dtype]] = {}
        self._dtypes: dict[int, dtype] = {}

    def reference(self, obj: Any) -> tuple[Any, ...]:
        """("storage", class, key, location, number of elements): what stands for a storage in the pickle.

        RuntimeError if the same memory was met with another dtype, which files cannot say.
        """
        if isinstance(obj, TypedStorage):
            storage, d, n = obj._untyped_storage, obj.dtype, obj.size()
            kind: Any = getattr(functions, obj.pickle_storage_type())
        else:
            storage, d, n, kind = obj, uint8, obj.nbytes(), UntypedStorage
        address = storage.data_ptr()
        if address and self._dtypes.setdefault(address, d) is not d:
            raise RuntimeError(TWO_TYPES)
        # Two empty storages have no address to tell them apart by, and nothing to share.
        identity = (address, storage.nbytes()) if address else id(storage)
        key = self.keys.setdefault(identity, str(len(self.keys)))
        self.found.setdefault(key, (storage, d))
        return ("storage", kind, key, location_tag(storage), n)


def dumped(obj: Any, pickle_module: Any, protocol: int, storages: Storages, legacy: bool = False) -> bytes:
    """The pickle of an object, whose storages are noted in `storages`."""
    met: set[type] = set()

    class Pickler(pickle_module.Pickler):  # type: ignore[misc]
        def persistent_id(self, obj: Any) -> Any:
            if is_storage(obj):
                reference = storages.reference(obj)
                return (*reference, None) if legacy else reference
            if legacy and isinstance(obj, type) and obj not in met and _is_module(obj):
                met.add(obj)
                return ("module", obj, *_source(obj))
            return None

    out = io.BytesIO()
    Pickler(out, protocol=protocol).dump(obj)
    return names.rename(out.getvalue())


def _is_module(cls: type) -> bool:
    from ..nn.modules.module import Module

    return issubclass(cls, Module)


def _source(cls: type) -> tuple[str | None, str | None]:
    """(file, text) of a class: the old format keeps them, to warn when the text has changed. PyTorch's own classes, whose text is
    another here, go without."""
    import inspect

    if names.there(cls.__module__) != cls.__module__:
        return None, None
    try:
        return inspect.getsourcefile(cls), inspect.getsource(cls)
    except (OSError, TypeError):
        return None, None
