"""Which functions are cast by autocast on the CPU, and how.

Note [Functions that are recast in place]
PyTorch's autocast stands in front of its dispatcher. Here the functions that it casts have several homes (rows, composites, nn.functional,
methods of Tensor), and nobody shall pay for a question that is nearly always answered by no. So while some thread is autocast, and only
then, these functions have another code object: it goes to `_Cast`, which casts the arguments and calls a copy of the function with the code
that it had. Everybody who holds such a function sees that, wherever he has it from; and when the last autocast ends, they are as before.

A function that is cast is not cast within, as in PyTorch. What PyTorch composes of functions that are cast (einsum, tensordot, inner, ...) is
in the list, where its composition here goes by rows.
"""

from __future__ import annotations

import importlib
import inspect
import threading
import types
from collections.abc import Callable
from typing import Any

from .. import functions
from ..codes import copied, standing_in
from ..dtype import float32, float64
from ..graph.modes import is_grad_enabled
from ..tensor import Tensor
from ._state import state, switched

LOWER = (
    "mm bmm baddbmm addmm addbmm matmul __matmul__ __rmatmul__ conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d "
    "conv_transpose3d prelu linear scaled_dot_product_attention linalg.vecdot linalg.matmul linalg.multi_dot linalg.matrix_power inner "
    "tensordot einsum chain_matmul matrix_power lstm"
)
FLOAT32 = (
    "cdist prod trace avg_pool3d max_pool3d max_pool3d_with_indices adaptive_avg_pool3d adaptive_max_pool3d "
    "adaptive_max_pool3d_with_indices fractional_max_pool2d fractional_max_pool2d_with_indices fractional_max_pool3d "
    "fractional_max_pool3d_with_indices max_unpool2d max_unpool3d binary_cross_entropy binary_cross_entropy_with_logits mse_loss l1_loss "
    "smooth_l1_loss huber_loss kl_div poisson_nll_loss cosine_embedding_loss hinge_embedding_loss margin_ranking_loss soft_margin_loss "
    "triplet_margin_loss multilabel_margin_loss multi_margin_loss nll_loss cross_entropy ctc_loss grid_sample grid_sampler quantile "
    "nanquantile stft polar view_as_complex inverse pinverse cholesky cholesky_inverse cholesky_solve lu_solve geqrf ormqr orgqr qr svd "
    "triangular_solve "
    "linalg.cond linalg.matrix_rank linalg.solve linalg.cholesky linalg.svdvals linalg.eigvals linalg.eigvalsh linalg.inv "
    "linalg.householder_product linalg.tensorinv linalg.tensorsolve linalg.qr linalg.cholesky_ex linalg.svd linalg.eig linalg.eigh "
    "linalg.lstsq linalg.inv_ex "
    "fft.fft fft.ifft fft.fft2 fft.ifft2 fft.fftn fft.ifftn fft.rfft fft.irfft fft.rfft2 fft.irfft2 fft.rfftn fft.irfftn fft.hfft fft.ihfft"
)
WIDEST = "cat concat concatenate stack index_copy"


def _casts(x: Any) -> bool:
    """What is ever cast: floating tensors but for float64."""
    return isinstance(x, Tensor) and x.is_floating_point() and x.dtype is not float64  # type: ignore[attr-defined]


def cast(x: Any, dtype: Any) -> Any:
    """An argument with its tensors cast. A parameter's cast is kept until the outermost autocast ends, unless that is switched off."""
    if isinstance(x, Tensor):
        if not _casts(x) or x.dtype is dtype:
            return x
        keep = (
            state.cache_enabled
            and x.dtype is float32
            and dtype is not float32
            and x.requires_grad
            and x.is_leaf
            and not x._is_view()  # type: ignore[attr-defined]
        )
        if not keep:
            return x.to(dtype)  # type: ignore[attr-defined]
        key = id(x), dtype, is_grad_enabled()
        found = state.cache.get(key)
        if found is None:
            found = state.cache[key] = x, x.to(dtype)  # type: ignore[attr-defined]
        return found[1]
    if type(x) in (list, tuple):
        return type(x)([cast(y, dtype) for y in x])
    return x


def _to_lower(args: tuple[Any, ...], kwargs: dict[str, Any], now: Any) -> Any:
    return now


def _to_float32(args: tuple[Any, ...], kwargs: dict[str, Any], now: Any) -> Any:
    return float32


def _pad_to(args: tuple[Any, ...], kwargs: dict[str, Any], now: Any) -> Any:
    """Only reflections of up to two and replications of up to three dimensions are in PyTorch's list."""
    given = dict(zip(("input", "pad", "mode"), args)) | kwargs
    mode, n = given.get("mode", "constant"), len(given.get("pad", ()))
    return float32 if n <= {"reflect": 4, "replicate": 6}.get(mode, 0) else None


def _widest(args: tuple[Any, ...], kwargs: dict[str, Any], now: Any) -> Any:
    tensors = [t for a in (*args, *kwargs.values()) for t in (a if isinstance(a, (list, tuple)) else (a,))]
    to = now
    for t in tensors:
        if _casts(t):
            if float32 in (to, t.dtype):
                to = float32
            elif t.dtype is not now:
                raise RuntimeError("Unexpected floating ScalarType in at::autocast::prioritize")
    return to


class _Cast:
    """A function that is cast: the function, its code, and the code that it has while someone is autocast."""

    def __init__(self, fn: types.FunctionType, policy: Callable[..., Any]) -> None:
        self.fn, self.code = fn, fn.__code__
        plain = copied(fn)

        def call(*args: Any, **kwargs: Any) -> Any:
            now = state.now
            if now is None or kwargs.get("out") is not None:
                return plain(*args, **kwargs)
            state.now = None
            try:
                to = policy(args, kwargs, now)
                if to is not None:
                    args = tuple([cast(a, to) for a in args])
                    kwargs = {k: cast(v, to) for k, v in kwargs.items()}
                return plain(*args, **kwargs)
            finally:
                state.now = now

        self.other = standing_in(fn, call)
        fn.__signature__ = inspect.signature(fn)  # type: ignore[attr-defined]


_found: list[_Cast] = []
_lock = threading.Lock()
_threads = 0


def _find() -> None:
    """Looks the functions up in all their homes; importing them takes its time, once."""
    homes: dict[str, Any] = {
        name: importlib.import_module(f"tgrad.{name}") for name in ("nn.functional", "nn.toplevel", "linalg", "fft")
    }
    homes["linalg."], homes["fft."] = homes.pop("linalg"), homes.pop("fft")
    open_to_all = [functions, homes["nn.functional"], homes["nn.toplevel"], Tensor]
    seen: set[int] = set()
    for words, policy in ((LOWER, _to_lower), (FLOAT32, _to_float32), (WIDEST, _widest), ("pad", _pad_to)):
        for word in words.split():
            home, _, name = word.rpartition(".")
            for place in [homes[home + "."]] if home else open_to_all:
                fn = getattr(place, name, None)
                if isinstance(fn, types.FunctionType) and id(fn) not in seen:
                    seen.add(id(fn))
                    _found.append(_Cast(fn, policy))


def _switch(on: bool) -> None:
    """One more thread is autocast, or one fewer."""
    global _threads
    with _lock:
        _threads += 1 if on else -1
        if on and _threads == 1:
            if not _found:
                _find()
            for c in _found:
                c.fn.__code__ = c.other
        elif _threads == 0:
            for c in _found:
                c.fn.__code__ = c.code


switched.append(_switch)
