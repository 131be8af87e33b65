"""tgrad: a tensor engine with PyTorch's API, semantics and echo that can be looked into.

>>> import tgrad as torch
>>> x = torch.ones(2, 2, requires_grad=True)
>>> (x + 2).mean()
tensor(3., grad_fn=<MeanBackward0>)
"""

from __future__ import annotations

import math as _math
from os import environ as _environ
from types import ModuleType as _ModuleType

from . import composite as _composite
from . import dtype as _dtypes
from . import functions as _functions
from .device import device, get_default_device, set_default_device
from .dtype import dtype, finfo, iinfo
from .echo import set_printoptions
from .graph.anomaly import Watching as _Watching
from .graph.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .graph.reasons import Explainer as _Explainer
from .kernels.crew import get_num_threads, set_num_threads
from .shape import Size
from .tensor import Tensor, layout
from .tensor import strided_layout as strided
from .version import __version__ as _own_version
from .version import torch_api as _torch_api

# Scripts compare this with PyTorch releases, so it names the release that is matched; the rest is tgrad's own version.
__version__ = f"{_torch_api}+tgrad.{_own_version}"

for _d in _dtypes.ALL:
    globals()[_d.name] = _d
globals().update(_dtypes.ALIASES)
for _name, _f in _composite.formats.FORMATS.items():
    globals()[_name] = _f
memory_format = _composite.formats.memory_format

# Layouts that can be asked about; tensors are strided, and factories refuse the others.
sparse_coo, sparse_csr, sparse_csc, sparse_bsr, sparse_bsc = map(
    layout, ("sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
)

inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
newaxis = None

_PUBLIC = frozenset(
    k for k in vars(_functions) if not k.startswith("_") and k not in ("annotations", "Any", "Callable", "LAZY")
)
# A module of the same name (tgrad.tensor) has taken the place of a function: the function it shall be.
for _name in _PUBLIC | _functions.LAZY.keys():
    if isinstance(globals().get(_name), _ModuleType):
        globals()[_name] = getattr(_functions, _name)

_SUBMODULES = (
    "_C", "__config__", "__future__", "_tensor", "_utils", "accelerator", "amp", "autograd", "backends", "cli", "cpu", "cuda", "distributions", "echo", "explain", "fft", "func", "functorch", "graph", "hub", "interop", "jit", "linalg", "masked", "multiprocessing", "nn", "onnx", "optim", "overrides", "profiler", "random",
    "return_types", "serialization", "signal", "special", "testing", "utils", "version", "vision", "viz",
)  # fmt: skip

# Found in tgrad.nn.toplevel, which is imported when one of them is first looked at.
_NEURAL = frozenset(
    "alpha_dropout batch_norm bilinear binary_cross_entropy_with_logits celu celu_ cosine_embedding_loss cosine_similarity "
    "feature_alpha_dropout feature_dropout group_norm hinge_embedding_loss instance_norm kl_div layer_norm margin_ranking_loss "
    "max_pool1d max_pool1d_with_indices max_pool2d max_pool3d avg_pool1d adaptive_avg_pool1d adaptive_max_pool1d "
    "_adaptive_avg_pool2d _adaptive_avg_pool3d pairwise_distance poisson_nll_loss rms_norm rrelu rrelu_ selu selu_ threshold threshold_ "
    "triplet_margin_loss alpha_dropout_ dropout_ feature_alpha_dropout_ feature_dropout_ native_batch_norm native_group_norm "
    "native_layer_norm _native_batch_norm_legit _native_batch_norm_legit_no_training _weight_norm _weight_norm_interface norm_except_dim".split()
)

# Found in tgrad.amp.
_CASTING = frozenset(
    "autocast is_autocast_enabled set_autocast_enabled get_autocast_dtype set_autocast_dtype is_autocast_cache_enabled "
    "set_autocast_cache_enabled clear_autocast_cache autocast_increment_nesting autocast_decrement_nesting is_autocast_cpu_enabled "
    "set_autocast_cpu_enabled get_autocast_cpu_dtype set_autocast_cpu_dtype get_autocast_gpu_dtype set_autocast_gpu_dtype "
    "is_autocast_ipu_enabled set_autocast_ipu_enabled get_autocast_ipu_dtype set_autocast_ipu_dtype is_autocast_xla_enabled "
    "set_autocast_xla_enabled get_autocast_xla_dtype set_autocast_xla_dtype".split()
)


# Found in a module that is imported when one of them is first looked at.
_ELSEWHERE = {"save": "serialization", "load": "serialization"}


# Only tgrad has these: see tgrad.explain.
_EXPLAINING = frozenset({"check_grads", "live", "profile", "provenance", "why"})


def _explain(error, kind, facts):
    import importlib

    importlib.import_module(f"{__name__}.explain.notes").explain(error, kind, facts)


def _watch(what):
    import importlib

    return lambda: getattr(importlib.import_module(f"{__name__}.explain.watch"), what)()


_Explainer.add = staticmethod(_explain)
_Watching.start, _Watching.stop = staticmethod(_watch("start")), staticmethod(_watch("stop"))


def __getattr__(name: str):
    """Functions are fetched and submodules imported when first looked at; a name that tgrad lacks says so."""
    import importlib.util

    if name == "__all__":  # asked for by `from tgrad import *`, which else would find what has been fetched only
        return [n for n in __dir__() if not n.startswith("_") and n not in _SUBMODULES and n != "annotations"]
    if name == "torch":  # PyTorch's module has itself as an attribute, too, and its documents use that
        return importlib.import_module(__name__)
    if name in _PUBLIC or name in _functions.LAZY:
        found = globals()[name] = getattr(_functions, name)
        return found
    if name == "vmap":
        found = globals()[name] = importlib.import_module(f"{__name__}.func").vmap
        return found
    if name in _CASTING:
        from .amp import _state, autocast

        found = globals()[name] = autocast if name == "autocast" else getattr(_state, name)
        return found
    if name in _NEURAL:
        found = globals()[name] = getattr(importlib.import_module(f"{__name__}.nn.toplevel"), name)
        return found
    if name in _ELSEWHERE:
        found = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_ELSEWHERE[name]}"), name)
        return found
    if name in _SUBMODULES and importlib.util.find_spec(f"{__name__}.{name}") is not None:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _EXPLAINING:
        found = globals()[name] = getattr(importlib.import_module(f"{__name__}.explain"), name)
        return found
    raise AttributeError(f"module 'torch' has no attribute {name!r} (tgrad {_own_version} does not provide it)")


def __dir__() -> list[str]:
    return sorted({*globals(), "vmap", *_CASTING, *_NEURAL, *_ELSEWHERE, *_SUBMODULES, *_PUBLIC, *_functions.LAZY})


def _index(self, positions, dims):
    """A tensor with the places `positions` indexed by first-class dimensions; see `functorch.dim`, which comes with the first call."""
    from .functorch.dim import index

    return index(self, positions, dims)


if not hasattr(Tensor, "index"):
    _index.__name__ = _index.__qualname__ = "index"
    Tensor.index = _index  # type: ignore[attr-defined]


def typename(obj: object) -> str:
    """The type's full name; the legacy type name for a tensor.

    >>> torch.typename(torch.tensor([1]))
    'torch.LongTensor'
    """
    if isinstance(obj, Tensor):
        return obj.type()  # type: ignore[attr-defined]
    kind = obj if isinstance(obj, type) else type(obj)
    module = kind.__module__ or ""
    return kind.__qualname__ if module in ("", "builtins") else f"{module}.{kind.__qualname__}"


def compile(model=None, **options):
    """Returns the callable as it is: everything runs eagerly. Accepts PyTorch's options; works as a decorator too."""
    return (lambda fn: fn) if model is None else model


if _environ.get("TGRAD_PROVENANCE", "0") not in ("", "0"):
    from .graph.places import switch as _switch

    _switch(True)
