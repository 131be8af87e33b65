"""torch.hub: models from a folder with a `hubconf.py`, and weights from a file. What is not there already is not fetched by itself:
repositories on GitHub are an error that says so."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
import warnings
import zipfile
from types import ModuleType
from typing import Any
from urllib.parse import urlparse

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

ENV_TORCH_HOME, ENV_XDG_CACHE_HOME, DEFAULT_CACHE_DIR = "TORCH_HOME", "XDG_CACHE_HOME", "~/.cache"
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
CONFIG, DEPENDENCIES = "hubconf.py", "dependencies"
_list = list


class _Folder:
    chosen: str | None = None


def _home() -> str:
    cache = os.getenv(ENV_XDG_CACHE_HOME, DEFAULT_CACHE_DIR)
    return os.path.expanduser(os.getenv(ENV_TORCH_HOME, os.path.join(cache, "torch")))


def get_dir() -> str:
    """The folder for models and weights: what `set_dir` set, else `hub` in $TORCH_HOME or in `torch` in the user's cache."""
    if os.getenv("TORCH_HUB"):
        warnings.warn("TORCH_HUB is deprecated, please use env TORCH_HOME instead", stacklevel=2)
    return _Folder.chosen if _Folder.chosen is not None else os.path.join(_home(), "hub")


def set_dir(d: str | os.PathLike) -> None:
    """Sets the folder for models and weights."""
    _Folder.chosen = os.path.expanduser(d)


def _config(folder: str) -> ModuleType:
    """The folder's hubconf.py, run as a module. RuntimeError for packages that it needs and that are missing."""
    path = os.path.join(folder, CONFIG)
    spec = importlib.util.spec_from_file_location(CONFIG, path)
    if spec is None or spec.loader is None or not os.path.exists(path):
        raise FileNotFoundError(f"[Errno 2] No such file or directory: '{path}'")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    missing = [p for p in getattr(module, DEPENDENCIES, None) or [] if not _importable(p)]
    if missing:
        raise RuntimeError(f"Missing dependencies: {', '.join(missing)}")
    return module


def _importable(package: str) -> bool:
    return package in sys.modules or importlib.util.find_spec(package) is not None


def _entry(module: ModuleType, name: str) -> Any:
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    found = getattr(module, name, None)
    if found is None or not callable(found):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return found


def _repository(github: str) -> str:
    """The folder of a repository that was fetched before, by PyTorch or by hand."""
    owner, _, rest = github.partition("/")
    name, _, ref = rest.partition(":")
    if not owner or not name:
        raise ValueError(f"Not a repository: {github!r}; the form is 'owner/name[:ref]'")
    for branch in [ref] if ref else ["main", "master"]:
        folder = os.path.join(get_dir(), "_".join((owner, name, branch.replace("/", "_"))))
        if os.path.exists(folder):
            return folder
    raise RuntimeError(
        f"torch.hub: {github} is not in {get_dir()}, and tgrad does not fetch code from the network. Clone the repository and load it with "
        "source='local'"
    )


def list(
    github: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: Any = "check",
    verbose: bool = True,
) -> _list[str]:
    """The names of the models in a repository that was fetched before ("owner/name[:ref]")."""
    module = _config(_repository(github))
    return [n for n in dir(module) if callable(getattr(module, n)) and not n.startswith("_")]


def help(
    github: str, model: str, force_reload: bool = False, skip_validation: bool = False, trust_repo: Any = "check"
) -> str | None:
    """The docstring of a model in a repository that was fetched before."""
    return _entry(_config(_repository(github)), model).__doc__


def load(
    repo_or_dir: str,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: Any = "check",
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """Calls a function of a folder's hubconf.py with the other arguments: `load("folder", "net", source="local")`.

    This runs the folder's code. ValueError for another source than "github" and "local"; RuntimeError for a repository that is not there.
    """
    source = source.lower()
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    folder = _repository(repo_or_dir) if source == "github" else repo_or_dir
    return _entry(_config(folder), model)(*args, **kwargs)


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
    """Copies what is at a URL to a file, whole or not at all. RuntimeError if it cannot be reached, or its SHA-256 begins otherwise."""
    from .files import atomic

    request = urllib.request.Request(url, headers={"User-Agent": "torch.hub"})
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(request) as answer, atomic.writing(os.path.expanduser(dst)) as out:
            while part := answer.read(1 << 20):
                out.write(part)
                digest.update(part)
            if hash_prefix is not None and digest.hexdigest()[: len(hash_prefix)] != hash_prefix:
                raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")')
    except urllib.error.URLError as e:
        raise RuntimeError(f"{url} cannot be read: {e.reason}") from e


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> dict[str, Any]:
    """What `torch.load` reads of the file at a URL; it is kept in `model_dir` (`checkpoints` in the hub's folder) and copied once only.

    `file://` URLs and files that are there already need no network. With `check_hash` the name must end in the first digits of its SHA-256.
    """
    from . import serialization

    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(folder, exist_ok=True)
    name = file_name if file_name is not None else os.path.basename(urlparse(url).path)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        sys.stdout.write(f'Downloading: "{url}" to {path}\n')
        found = HASH_REGEX.search(name) if check_hash else None
        download_url_to_file(url, path, found.group(1) if found else None, progress=progress)
    if _is_old_zip(path):
        with zipfile.ZipFile(path) as z, tempfile.TemporaryDirectory() as scratch:
            members = z.infolist()
            if len(members) != 1:
                raise RuntimeError("Only one file(not dir) is allowed in the zipfile")
            with z.open(members[0]) as packed, open(os.path.join(scratch, "file"), "w+b") as plain:
                shutil.copyfileobj(packed, plain)
                plain.seek(0)
                return serialization.load(plain, map_location=map_location, weights_only=weights_only)
    return serialization.load(path, map_location=map_location, weights_only=weights_only)


def _is_old_zip(path: str) -> bool:
    """A zip file around one file of the old format, as model zoos had them."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as z:
        return len(z.infolist()) == 1
