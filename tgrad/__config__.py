"""What this build computes with: `torch.__config__.show()` and `parallel_info()`."""

from __future__ import annotations

import importlib.metadata
import os
import platform

from .backends.cpu import get_cpu_capability
from .functions import get_num_interop_threads  # type: ignore[attr-defined]
from .kernels.crew import get_num_threads
from .version import __version__, torch_api


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _blas() -> str:
    import numpy as np

    found = np.show_config(mode="dicts") or {}
    blas = found.get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip()


def show() -> str:
    """What this build is made of, a line each: versions of numpy, its BLAS, numba and Python, and the processor's vectors."""
    return (
        f"tgrad {__version__} (API of PyTorch {torch_api}) runs on:\n"
        f"  - Python {platform.python_version()} ({platform.python_compiler()})\n"
        f"  - numpy {_version('numpy')}\n"
        f"  - BLAS and LAPACK: {_blas()}\n"
        f"  - scipy {_version('scipy')}\n"
        f"  - numba {_version('numba')}: compiled kernels, TGRAD_JIT={os.environ.get('TGRAD_JIT', 'background')}\n"
        f"  - CPU capability usage: {get_cpu_capability()}\n"
        "  - Build settings: USE_CUDA=0, USE_MKL=OFF, USE_MKLDNN=OFF, USE_OPENMP=OFF\n"
    )


def parallel_info() -> str:
    """How many threads share the work, and what says so."""
    variables = "".join(
        f"\t{name} : {os.environ.get(name, '[not set]')}\n" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    )
    return (
        f"ATen/Parallel:\n\tat::get_num_threads() : {get_num_threads()}\n\tat::get_num_interop_threads() : {get_num_interop_threads()}\n"
        f"std::thread::hardware_concurrency() : {os.cpu_count()}\nEnvironment variables:\n{variables}ATen parallel backend: native thread pool\n"
    )
