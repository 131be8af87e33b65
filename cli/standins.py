"""Imports that tutorials make and a tgrad session cannot always serve: torchaudio and matplotlib.

A tutorial should not end at its import lines. torchaudio is compiled against PyTorch itself, so its place is taken by
modules that import and then say, on first use, why nothing is there; torchvision's is taken by tgrad.vision (see
tgrad.interop.torch_alias), and by such modules only where PyTorch itself was asked for and has no torchvision. matplotlib is used for real where it is installed;
where it is not, its calls do nothing and say so once.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, ClassVar

# Compiled against PyTorch's C++ library: an installed copy cannot work on another engine.
NEED_PYTORCH = frozenset({"torchaudio", "torchtext"})
PLOTTING = frozenset({"matplotlib", "mpl_toolkits", "pylab", "seaborn"})


class UnavailableError(AttributeError):
    """Something of a package that cannot work here. An AttributeError, so that ``hasattr`` and imports cope."""


class PlaceholderModule(ModuleType):
    """Imports like any module; whatever is used of it raises ``UnavailableError``."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []  # a package: whatever stands below it imports too

    def _refuse(self) -> UnavailableError:
        package = self.__name__.split(".")[0]
        return UnavailableError(
            f"{self.__name__} is not available: {package} is built on PyTorch's own library and cannot use tgrad's "
            f"tensors. Run with --real-torch, or leave this part out."
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        raise PlaceholderModule(f"{self.__name__}.{name}")._refuse()

    def __call__(self, *args: object, **kwargs: object) -> Any:
        raise self._refuse()


class Quiet:
    """Takes any call, attribute or index and does nothing."""

    def __init__(self, says: _SayOnce) -> None:
        self.__dict__["_says"] = says

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return _QuietCall(name, self._says)

    def __setattr__(self, name: str, value: object) -> None:
        self.__dict__[name] = value

    def __call__(self, *args: object, **kwargs: object) -> Quiet:
        self._says()
        return self

    def __getitem__(self, index: object) -> Quiet:
        return self

    def __setitem__(self, index: object, value: object) -> None:
        return None

    def __iter__(self) -> Iterator[Quiet]:
        return iter([self])

    def __len__(self) -> int:
        return 1

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def __repr__(self) -> str:
        return "<plot skipped>"


class _QuietCall(Quiet):
    """A function of a plotting library. Some are unpacked by everybody, so their results have the right length."""

    _LENGTHS: ClassVar[dict[str, int]] = {"hist": 3, "hist2d": 4, "xlim": 2, "ylim": 2, "boxplot": 1}

    def __init__(self, name: str, says: _SayOnce) -> None:
        super().__init__(says)
        self.__dict__["_name"] = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._says()
        if self._name in {"show", "close", "savefig", "draw", "pause"}:
            return None
        if self._name == "subplots":
            return Quiet(self._says), self._axes(*args, **kwargs)
        length = self._LENGTHS.get(self._name)
        return Quiet(self._says) if length is None else tuple(Quiet(self._says) for _ in range(length))

    def _axes(self, nrows: int = 1, ncols: int = 1, *args: object, squeeze: bool = True, **kwargs: object) -> Any:
        import numpy as np

        axes = np.empty((nrows, ncols), dtype=object)
        for index in np.ndindex(nrows, ncols):
            axes[index] = Quiet(self._says)
        if not squeeze:
            return axes
        return axes[0, 0] if axes.size == 1 else axes.squeeze()


class _SayOnce:
    """Remarks once in a session that plots are skipped."""

    def __init__(self) -> None:
        self._said = False

    def __call__(self) -> None:
        if not self._said:
            self._said = True
            print("matplotlib is not installed: plots are skipped", file=sys.stderr)


class QuietModule(ModuleType):
    """A plotting module without the library."""

    def __init__(self, name: str, says: _SayOnce) -> None:
        super().__init__(name)
        self.__path__ = []
        self._says = says

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return _QuietCall(name, self._says)


class _Loader(importlib.abc.Loader):
    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        return None


class StandInFinder(importlib.abc.MetaPathFinder):
    """Answers imports of the given packages and of everything below them."""

    def __init__(self, placeholders: frozenset[str], quiet: frozenset[str]) -> None:
        self._placeholders = placeholders
        self._quiet = quiet
        self._says = _SayOnce()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        package = fullname.split(".")[0]
        module: ModuleType
        if package in self._placeholders:
            module = PlaceholderModule(fullname)
        elif package in self._quiet:
            module = QuietModule(fullname, self._says)
        else:
            return None
        return importlib.machinery.ModuleSpec(fullname, _Loader(module), is_package=True)


@contextlib.contextmanager
def stand_ins(real_torch: bool = False) -> Iterator[None]:
    """While it is open, ``import torchaudio`` and ``import matplotlib`` succeed.

    With ``real_torch`` what is installed is left alone, and torchvision is among what may be missing.
    """
    if real_torch:
        placeholders = frozenset(p for p in (*NEED_PYTORCH, "torchvision") if importlib.util.find_spec(p) is None)
    else:
        placeholders = NEED_PYTORCH
    quiet = PLOTTING if importlib.util.find_spec("matplotlib") is None else frozenset()
    finder = StandInFinder(placeholders, quiet)
    ours = placeholders | quiet
    before = {name: m for name, m in sys.modules.items() if name.split(".")[0] in ours}
    for name in before:
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.split(".")[0] in ours]:
            del sys.modules[name]
        sys.modules.update(before)
