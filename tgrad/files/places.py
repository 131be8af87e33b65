"""Where storages lie and where they go: location tags, `map_location`, and what the user registers for devices of his own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..composite.storages import TypedStorage
from ..device import device
from ..storage import UntypedStorage

CUDA_LACKS = (
    "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on a CPU-only "
    "machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
)
NO_META = "tgrad holds no 'meta' tensors: use map_location='cpu'"

# (priority, what names a storage's place, what brings a storage to a place); the first that does not return None decides.
_registry: list[tuple[int, Callable[[Any], str | None], Callable[[Any, str], Any]]] = []


def register_package(
    priority: int, tagger: Callable[[Any], str | None], deserializer: Callable[[Any, str], Any]
) -> None:
    """Registers how storages of a kind of device are tagged when saved and brought back when loaded; lower priorities come first.

    `tagger(storage)` returns a tag or None, `deserializer(storage, location)` a storage or None.
    """
    _registry.append((priority, tagger, deserializer))
    _registry.sort(key=lambda entry: entry[0])


def _cpu_tag(storage: Any) -> str | None:
    return "cpu" if storage.device.type == "cpu" else None


def _cpu(storage: Any, location: str) -> Any:
    return storage if location == "cpu" else None


def _cuda(storage: Any, location: str) -> Any:
    if location.startswith("cuda"):
        raise RuntimeError(CUDA_LACKS)
    return None


def _meta(storage: Any, location: str) -> Any:
    if location == "meta":
        raise RuntimeError(NO_META)
    return None


register_package(10, _cpu_tag, _cpu)
register_package(20, lambda storage: None, _cuda)
register_package(22, lambda storage: None, _meta)


def name_of(storage: Any) -> str:
    """The storage's class in PyTorch's words."""
    return "torch.storage." + ("TypedStorage" if isinstance(storage, TypedStorage) else "UntypedStorage")


def location_tag(storage: Any) -> str:
    """The tag of the place where a storage lies; RuntimeError if nobody knows it.

    >>> torch.serialization.location_tag(torch.ones(2).untyped_storage())
    'cpu'
    """
    for _, tagger, _ in _registry:
        location = tagger(storage)
        if location:
            return location
    raise RuntimeError("don't know how to determine data location of " + name_of(storage))


def default_restore_location(storage: Any, location: str) -> Any:
    """A storage brought to a place, by whoever knows the tag; RuntimeError if nobody does."""
    for _, _, bring in _registry:
        result = bring(storage, location)
        if result is not None:
            return result
    raise RuntimeError(f"don't know how to restore data location of {name_of(storage)} (tagged with {location})")


def restorer(map_location: Any) -> Callable[[Any, str], Any]:
    """What `map_location` says as a function of (storage, location)."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, location: default_restore_location(storage, map_location.get(location, location))
    if isinstance(map_location, (str, bytes)):
        wanted = map_location.decode() if isinstance(map_location, bytes) else map_location
        return lambda storage, location: default_restore_location(storage, wanted)
    if isinstance(map_location, device):
        return lambda storage, location: default_restore_location(storage, str(map_location))

    def asked(storage: Any, location: str) -> Any:
        result = map_location(storage, location)
        return default_restore_location(storage, location) if result is None else result

    return asked


def bytes_behind(storage: Any) -> UntypedStorage:
    """What a restorer returned, as bytes; TypeError for what is no storage."""
    if not isinstance(storage, (UntypedStorage, TypedStorage)):
        raise TypeError(f"map_location must return a storage, not {type(storage).__name__}")
    return storage.untyped()
