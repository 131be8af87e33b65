"""What scripts use of torchvision, on tgrad and Pillow: `transforms`, `datasets`, `utils` and `io.read_image`.

`import torchvision` means this package where `import torch` means tgrad (tgrad.interop.torch_alias). Values, random choices for a seed,
texts and errors are those of torchvision 0.28, which belongs to PyTorch 2.13. Needs Pillow (extra `vision`) where images are Pillow's.

>>> from tgrad.vision import transforms
>>> transforms.Normalize(0.5, 0.5)(torch.ones(1, 1, 2))
tensor([[[1., 1.]]])
"""

from __future__ import annotations

_MODULES = ("datasets", "io", "transforms", "utils")
_ABSENT = (
    "models",
    "ops",
)  # can be imported, and say so when they are used: a tutorial should not end at its import lines
__version__ = "0.28.0+tgrad"


def missing(module: str, name: str) -> AttributeError:
    """What is said of a name that torchvision has and this package has not."""
    where = module.replace("tgrad.vision", "torchvision")
    return AttributeError(
        f"{where}.{name} is not available: of torchvision, tgrad provides {', '.join(_MODULES[:-1])} and {_MODULES[-1]}"
    )


def __getattr__(name: str):
    import importlib

    if name in _MODULES or name in _ABSENT:
        return importlib.import_module(f"{__name__}.{name}")
    if name.startswith("__"):
        raise AttributeError(name)
    raise missing(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})


def get_image_backend() -> str:
    """What images are read with: "PIL"."""
    return "PIL"


def set_image_backend(backend: str) -> None:
    """Takes "PIL"; ValueError for another."""
    if backend != "PIL":
        raise ValueError(f"Invalid backend '{backend}'. Options are 'PIL' and 'accimage'")
