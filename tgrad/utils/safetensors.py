"""Files in the safetensors format, through the library of that name (the extra `safetensors`).

    from tgrad.utils.safetensors import load_file, save_file, load_model, save_model, load, save

Under `tgrad run`, where `import torch` means tgrad, the library's own `safetensors.torch` and `safe_open(..., framework="pt")` work as
they are; this module is for programs that import tgrad by its name. Functions, arguments and errors are the library's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..composite.pickling import from_memory
from ..device import check
from ..dtype import ALL, dtype
from ..files import atomic
from ..shape import contiguous_strides
from ..tensor import Tensor

_SHORT = {"bool": "BOOL", "bfloat16": "BF16", "complex64": "C64"}
_NAMES: dict[str, dtype] = {
    _SHORT.get(d.name, d.name[0].upper() + d.name.lstrip("uintfloa")): d for d in ALL if d.name != "complex128"
}

__all__ = ["load", "load_file", "load_model", "save", "save_file", "save_model"]


def _library() -> Any:
    try:
        import safetensors
    except ModuleNotFoundError as e:
        raise ModuleNotFoundError(
            "safetensors is not installed: pip install 'tgrad[safetensors]'", name="safetensors"
        ) from e
    return safetensors


def _specs(library: Any, tensors: Any) -> dict[str, Any]:
    """What the library wants to know of each tensor; ValueError or RuntimeError for what it cannot hold."""
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for name, t in tensors.items():
        if not isinstance(t, Tensor):
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(t)}")
    shared = [names for names in _sharing(tensors) if len(names) > 1]
    if shared:
        raise RuntimeError(
            "\n            Some tensors share memory, this will lead to duplicate memory on disk and potential differences when loading "
            f"them again: {shared}.\n            A potential way to correctly save your model is to use `save_model`.\n            More "
            "information at https://huggingface.co/docs/safetensors/torch_shared_tensors\n            "
        )
    found = {}
    for name, t in tensors.items():
        if not t.is_contiguous():
            raise ValueError(
                f"You are trying to save a non contiguous tensor: `{name}` which is not allowed. It either means you are trying to save "
                "tensors which are reference of each other in which case it's recommended to save only the full tensors, and reslice at "
                "load time, or simply call `.contiguous()` on your tensor to pack it before saving."
            )
        if hasattr(library, "TensorSpec"):
            address = t._a.__array_interface__["data"][0]
            found[name] = library.TensorSpec(
                dtype=t.dtype.name, shape=tuple(t.shape), data_ptr=address, data_len=t.nbytes
            )
        else:  # before 0.8
            found[name] = {"dtype": t.dtype.name, "shape": tuple(t.shape), "data": t._a.tobytes()}
    return found


def _sharing(tensors: dict[str, Tensor]) -> list[set[str]]:
    """The names by the memory that their tensors share; parts of one block that do not touch count as apart."""
    blocks: dict[tuple[int, int], list[tuple[int, int, str]]] = {}
    apart: list[set[str]] = []
    for name, t in tensors.items():
        storage = t.untyped_storage()
        if not storage.data_ptr():
            apart.append({name})
            continue
        first = t.data_ptr()
        blocks.setdefault((storage.data_ptr(), storage.nbytes()), []).append((first, first + _extent(t), name))
    found: list[set[str]] = []
    for places in blocks.values():
        end = -1
        for first, last, name in sorted(places):
            if first < end:
                found[-1].add(name)
            else:
                found.append({name})
            end = max(end, last)
    return found + apart


def _extent(t: Tensor) -> int:
    if t.numel() == 0:
        return 0
    return t.itemsize * (1 + sum((n - 1) * s for n, s in zip(t.shape, t.stride(), strict=True)))


def save(tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """Tensors by name as the bytes of a file. ValueError for tensors that are not contiguous, RuntimeError for ones that share memory."""
    library = _library()
    return bytes(library.serialize(_specs(library, tensors), metadata=metadata))


def save_file(
    tensors: dict[str, Tensor], filename: str | os.PathLike[str], metadata: dict[str, str] | None = None
) -> None:
    """Writes tensors by name to a file, whole or not at all."""
    raw = save(tensors, metadata)
    with atomic.writing(os.fspath(filename)) as f:
        f.write(raw)


def load(data: bytes) -> dict[str, Tensor]:
    """The tensors in the bytes of a file. The library's SafetensorError for bytes that are damaged."""
    found = {}
    for name, about in _library().deserialize(bytes(data)):
        d = _NAMES.get(about["dtype"])
        if d is None:
            raise NotImplementedError(f"the file holds a tensor of dtype {about['dtype']}, which tgrad does not have")
        shape = tuple(about["shape"])
        block = np.frombuffer(bytearray(about["data"]), np.uint8) if len(about["data"]) else np.empty(0, np.uint8)
        found[name] = from_memory(block, d, 0, shape, contiguous_strides(shape))
    return found


def load_file(filename: str | os.PathLike[str], device: Any = "cpu", *, backend: str = "mmap") -> dict[str, Tensor]:
    """The tensors in a file. FileNotFoundError if there is none."""
    check(device)
    _library()
    if not os.path.exists(filename):
        raise FileNotFoundError(f"No such file or directory: {os.fspath(filename)}")
    with open(filename, "rb") as f:
        return load(f.read())


def _duplicates(state: dict[str, Tensor], preferred: Iterable[str] = ()) -> dict[str, list[str]]:
    """Of names that share memory: the one that is kept, and those that are left out."""
    wanted, found = set(preferred), {}
    for names in _sharing(state):
        if len(names) < 2:
            continue
        whole = sorted(n for n in names if state[n].nbytes == state[n].untyped_storage().nbytes())
        if not whole:
            raise RuntimeError(
                f"Error while trying to find names to remove to save state dict, but found no suitable name to keep for saving amongst: "
                f"{names}. None is covering the entire storage. Refusing to save/load the model since you could be storing much more memory "
                "than needed. Please refer to https://huggingface.co/docs/safetensors/torch_shared_tensors for more information. Or open "
                "an issue."
            )
        keep = next((n for n in whole if n in wanted), whole[0])
        found[keep] = [n for n in sorted(names) if n != keep]
    return found


def save_model(
    model: Any,
    filename: str | os.PathLike[str],
    metadata: dict[str, str] | None = None,
    force_contiguous: bool = True,
) -> None:
    """Writes a module's state; of parameters that share memory the first by name, and a note for each of the others."""
    state = dict(model.state_dict())
    about = dict(metadata or {})
    for kept, others in _duplicates(state).items():
        for name in others:
            about.setdefault(name, kept)
            del state[name]
    if force_contiguous:
        state = {k: t.contiguous() for k, t in state.items()}
    try:
        save_file(state, filename, about or None)
    except ValueError as e:
        raise ValueError(
            f"{e} Or use save_model(..., force_contiguous=True), read the docs for potential caveats."
        ) from None


def load_model(
    model: Any, filename: str | os.PathLike[str], strict: bool = True, device: Any = "cpu", *, backend: str = "mmap"
) -> tuple[set[str], list[str]]:
    """Reads a module's state from a file; returns (missing, unexpected) names, which with `strict` are a RuntimeError."""
    state = load_file(filename, device, backend=backend)
    others = _duplicates(model.state_dict(), state)
    result = model.load_state_dict(state, strict=False)
    missing, unexpected = set(result.missing_keys), list(result.unexpected_keys)
    for names in others.values():
        for name in names:
            if name in missing:
                missing.remove(name)
            else:
                unexpected.append(name)
    if strict and (missing or unexpected):
        lines = [f"Error(s) in loading state_dict for {type(model).__name__}:"]
        for word, keys in (("Missing", missing), ("Unexpected", unexpected)):
            if keys:
                lines.append(f"    {word} key(s) in state_dict: " + ", ".join(f'"{k}"' for k in sorted(keys)))
        raise RuntimeError("\n".join(lines))
    return missing, unexpected
