"""Makes ``import torch`` mean tgrad, and ``import torchvision`` tgrad.vision, in this process only.

    >>> from tgrad.interop import torch_alias
    >>> with torch_alias.installed():
    ...     import torch
    ...     import torch.nn.functional as F
    >>> torch.__name__
    'tgrad'

The modules are not copied: ``torch.nn`` and ``tgrad.nn`` are one object under two keys of ``sys.modules``, so classes
keep their identity and pickles written under either name load. Nothing is imported before a script asks for it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType

ALIAS = "torch"
PACKAGE = "tgrad"
# Modules of other libraries that keep what `import torch` gave when they were imported: each meaning of torch has its own.
BOUND = ("safetensors.torch",)
# Packages that are installed beside PyTorch, and what stands for them inside the package.
BESIDE = {"functorch": "functorch", "torchvision": "vision"}


class _AliasLoader(importlib.abc.Loader):
    """Hands an already imported module to the import system under its second name."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just written the alias's spec over the module's own one. Left there, reload(),
        # pkgutil and `python -m` would look for the module under the wrong name.
        module.__spec__ = self._spec


class TorchFinder(importlib.abc.MetaPathFinder):
    """Answers ``alias`` and ``alias.*`` with the modules of ``package``.

    It has to stand first on ``sys.meta_path``: once ``torch`` is tgrad, the path finder would find ``torch.nn`` in
    tgrad's own folder and execute a second copy of it.
    """

    def __init__(self, package: str = PACKAGE, alias: str = ALIAS) -> None:
        self.package = package
        self.alias = alias

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.alias and not fullname.startswith(self.alias + "."):
            return None
        module = self._resolve(fullname)
        if module is None:
            error = ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
            error.add_note(f"{self.package} stands in for {self.alias} here and does not provide this module.")
            raise error
        is_package = hasattr(module, "__path__")
        return importlib.machinery.ModuleSpec(fullname, _AliasLoader(module), is_package=is_package)

    def _resolve(self, fullname: str) -> ModuleType | None:
        real = self.package + fullname[len(self.alias) :]
        try:
            return importlib.import_module(real)
        except ModuleNotFoundError as error:
            # A module that exists but misses a dependency of its own must say so itself.
            if error.name is None or not (real == error.name or real.startswith(error.name + ".")):
                raise
        # Namespaces that are built at run time are attributes of their parent, with no file to import.
        found: object = sys.modules.get(self.package)
        for part in real[len(self.package) :].split(".")[1:]:
            found = getattr(found, part, None)
        return found if isinstance(found, ModuleType) else None


_finders: list[TorchFinder] = []
_set_aside: dict[str, ModuleType] = {}


def _take_out(alias: str) -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name == alias or name.startswith(alias + ".")]
    return {name: sys.modules.pop(name) for name in [*names, *(n for n in BOUND if n in sys.modules)]}


def is_installed() -> bool:
    """Whether ``import torch`` means tgrad at present."""
    return bool(_finders)


def install(package: str = PACKAGE) -> None:
    """From now on ``import torch`` and every ``from torch… import …`` give ``package``'s modules.

    A real PyTorch that was imported before is set aside, and comes back with :func:`uninstall`. A sub-module that
    ``package`` lacks raises ``ModuleNotFoundError: No module named 'torch.…'``. Installing twice changes nothing.
    torchvision, which is compiled against PyTorch and could not work, becomes ``package.vision`` likewise.
    """
    if _finders:
        return
    for alias, real in {ALIAS: package, **{name: f"{package}.{part}" for name, part in BESIDE.items()}}.items():
        if importlib.util.find_spec(real) is None:
            continue
        _set_aside.update(_take_out(alias))
        _finders.append(TorchFinder(real, alias))
    sys.meta_path[:0] = _finders


def uninstall() -> None:
    """Undoes :func:`install`; names already bound in a script keep what they hold."""
    if not _finders:
        return
    for finder in _finders:
        sys.meta_path.remove(finder)
        _take_out(finder.alias)  # what was bound to tgrad goes, too
    _finders.clear()
    sys.modules.update(_set_aside)
    _set_aside.clear()


@contextlib.contextmanager
def installed(package: str = PACKAGE) -> Iterator[None]:
    """``with installed(): …``, leaving an alias that was already there alone."""
    if is_installed():
        yield
        return
    install(package)
    try:
        yield
    finally:
        uninstall()
