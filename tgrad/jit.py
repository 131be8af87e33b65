"""torch.jit: scripting and tracing give back what they are given, which runs eagerly.

Programs that call `torch.jit.script(model)` or decorate functions with it run and compute the same. There is no compiled program behind
them: a TorchScript archive can be neither written nor run, and says so; `torch.save(model.state_dict(), f)` is what files are for.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin

from .nn.modules.module import Module

NO_ARCHIVES = (
    "tgrad runs models eagerly and has no TorchScript programs to {}. Use torch.save(model.state_dict(), f) and "
    "model.load_state_dict(torch.load(f))"
)

Error = type("Error", (RuntimeError,), {"__module__": "torch.jit", "__doc__": "What a scripted program raises."})


class ScriptModule(Module):
    """Base class of modules that are scripted when they are made: a Module."""


class ScriptFunction:
    """A scripted function. None is ever made: `script` returns the function itself."""


class RecursiveScriptModule(ScriptModule):
    """A scripted module. None is ever made: `script` returns the module itself."""


class CompilationUnit:
    """A program of TorchScript's own syntax. NotImplementedError: it is not compiled here."""

    def __init__(self, lang: str | None = None, _frames_up: int = 0) -> None:
        if lang:
            raise NotImplementedError(NO_ARCHIVES.format("compile"))


class Attribute:
    """A value with its type, for a ScriptModule's attribute."""

    def __init__(self, value: Any, type: Any) -> None:
        self.value, self.type = value, type


class Future:
    """The result of `fork`."""

    def __init__(self, *, devices: Any = None) -> None:
        self._value: Any = None
        self._done = False

    def set_result(self, result: Any) -> None:
        """Sets the value."""
        self._value, self._done = result, True

    def done(self) -> bool:
        """Whether there is one."""
        return self._done

    def wait(self) -> Any:
        """The value."""
        return self._value

    value = wait


def script(obj: Any, optimize: None = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None) -> Any:
    """The function, class or module itself: it runs eagerly. Also as a decorator, `@torch.jit.script`."""
    if optimize is not None:
        warnings.warn(
            "`optimize` is deprecated and has no effect. Use `with torch.jit.optimized_execution()` instead",
            FutureWarning,
            stacklevel=2,
        )
    return obj


def trace(
    func: Any, example_inputs: Any = None, optimize: Any = None, check_trace: bool = True, check_inputs: Any = None,
    check_tolerance: float = 1e-5, strict: bool = True, _force_outplace: bool = False, _module_class: Any = None,
    _compilation_unit: Any = None, example_kwarg_inputs: Any = None, _store_inputs: bool = True,
) -> Any:  # fmt: skip
    """The function or module itself, called once with the example inputs so that errors show. It is not frozen to what it did then."""
    if example_inputs is not None and example_kwarg_inputs is not None:
        raise RuntimeError("only one of example_inputs and example_kwarg_inputs should be specified")
    if example_kwarg_inputs is not None:
        func(**example_kwarg_inputs)
    elif example_inputs is not None:
        func(*example_inputs) if isinstance_(example_inputs, (tuple, list)) else func(example_inputs)
    else:
        raise RuntimeError("example_kwarg_inputs should be a dict")
    return func


def trace_module(
    mod: Any, inputs: dict[str, Any], optimize: Any = None, check_trace: bool = True, check_inputs: Any = None,
    check_tolerance: float = 1e-5, strict: bool = True, _force_outplace: bool = False, _module_class: Any = None,
    _compilation_unit: Any = None, example_inputs_is_kwarg: bool = False, _store_inputs: bool = True,
) -> Any:  # fmt: skip
    """The module itself, each method named in `inputs` called once with its inputs."""
    if not isinstance_(mod, Module):
        raise AttributeError("expected torch.nn.Module as the first argument")
    if not isinstance_(inputs, dict):
        raise AttributeError("expected a dictionary of (method_name, input) pairs")
    for name, given in inputs.items():
        method = mod if name == "forward" else getattr(mod, name)
        if example_inputs_is_kwarg:
            method(**given)
        else:
            method(*given) if isinstance_(given, tuple) else method(given)
    return mod


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function itself."""
    return fn


def script_method(fn: Callable[..., Any], _rcb: Any = None) -> Callable[..., Any]:
    """The method itself."""
    return fn


def export(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The method itself, with PyTorch's mark that it is to be scripted."""
    fn._torchscript_modifier = "export (compile this function even if nothing calls it)"  # type: ignore[attr-defined]
    return fn


_UNUSED = "unused (ignore and replace with raising an exception)"
_IGNORED = "ignore (leave as a call to Python, cannot be torch.jit.save'd)"


def unused(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The method itself, with PyTorch's mark that it is not to be scripted."""
    fn._torchscript_modifier = _UNUSED  # type: ignore[attr-defined]
    return fn


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The method itself, with PyTorch's mark that it stays Python: `@torch.jit.ignore` or `@torch.jit.ignore(drop=True)`."""
    if callable(drop):
        drop._torchscript_modifier = _IGNORED  # type: ignore[attr-defined]
        return drop
    if not builtins.isinstance(drop, bool):
        raise RuntimeError(f"Argument to @torch.jit.ignore must be a bool or a function but got {drop}")

    def mark(fn: Callable[..., Any]) -> Callable[..., Any]:
        fn._torchscript_modifier = _UNUSED if drop else _IGNORED  # type: ignore[attr-defined]
        return fn

    return mark


def interface(obj: Any) -> Any:
    """The class itself."""
    return obj


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value itself."""
    return the_value


isinstance_ = builtins.isinstance


def isinstance(obj: Any, target_type: Any) -> bool:
    """Whether a value is of a type, looking into containers: `isinstance([1], List[int])`."""
    if isinstance_(target_type, tuple):
        return any(isinstance(obj, t) for t in target_type)
    origin, inner = get_origin(target_type), get_args(target_type)
    if origin is None:
        return isinstance_(obj, target_type)
    if origin in (list, set):
        return isinstance_(obj, origin) and all(isinstance(x, inner[0]) for x in obj)
    if origin is dict:
        return isinstance_(obj, dict) and all(
            isinstance(k, inner[0]) and isinstance(v, inner[1]) for k, v in obj.items()
        )
    if origin is tuple:
        return isinstance_(obj, tuple) and len(obj) == len(inner) and all(map(isinstance, obj, inner))
    return any(isinstance(obj, t) for t in inner)  # unions


def freeze(mod: Any, preserved_attrs: Any = None, optimize_numerics: bool = True) -> Any:
    """The module itself. RuntimeError in training mode, as in PyTorch."""
    if getattr(mod, "training", False):
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before freezing."
        )
    return mod


def optimize_for_inference(mod: Any, other_methods: Any = None) -> Any:
    """The module itself."""
    return mod


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future:
    """Calls the function, at once, and wraps its result."""
    future = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Future) -> Any:
    """The result of a `fork`."""
    return future.wait()


def is_scripting() -> bool:
    """False: nothing is scripted."""
    return False


def is_tracing() -> bool:
    """False: nothing is traced."""
    return False


def export_opnames(m: Any) -> list[str]:
    """NotImplementedError: there is no program to list the operators of."""
    raise NotImplementedError(NO_ARCHIVES.format("look into"))


def save(m: Any, f: Any, _extra_files: Any = None) -> None:
    """NotImplementedError: see the module's docstring."""
    raise NotImplementedError(NO_ARCHIVES.format("save"))


def load(f: Any, map_location: Any = None, _extra_files: Any = None, _restore_shapes: bool = False) -> Any:
    """NotImplementedError: a TorchScript archive holds a program that only PyTorch runs."""
    raise NotImplementedError(NO_ARCHIVES.format("load"))


_onednn = {"enabled": False}


def enable_onednn_fusion(enabled: bool) -> None:
    """Remembers it; nothing is fused."""
    _onednn["enabled"] = bool(enabled)


def onednn_fusion_enabled() -> bool:
    """What `enable_onednn_fusion` set."""
    return _onednn["enabled"]


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Returns the strategy that was there; nothing is fused."""
    before = _strategy[:]
    _strategy[:] = strategy
    return before


_strategy: list[tuple[str, int]] = [("STATIC", 2), ("DYNAMIC", 10)]


@contextlib.contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """Changes nothing: there is one way to run."""
    yield


class strict_fusion:
    """Changes nothing: nothing is fused."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass


def _drop(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn


def _overload(fn: Callable[..., Any]) -> Callable[..., Any]:
    return fn


_overload_method = functools.wraps(_overload)(lambda fn: fn)

__all__ = [
    "Attribute", "CompilationUnit", "Error", "Future", "ScriptFunction", "ScriptModule", "annotate", "enable_onednn_fusion", "export",
    "export_opnames", "fork", "freeze", "ignore", "interface", "isinstance", "load", "onednn_fusion_enabled", "optimize_for_inference",
    "save", "script", "script_if_tracing", "set_fusion_strategy", "strict_fusion", "trace", "trace_module", "unused", "wait",
]  # fmt: skip
