"""Names of linear algebra outside `torch.linalg`: functions of `torch` and methods of tensors. What they do lies in
`matrices`, which is imported when one of them is first looked at."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from .. import functions
from ..methods import LazyMethod, attach, publish

# name: where it lies, and what it is called there
BOTH = {
    "cholesky": "factors.old_cholesky", "cholesky_inverse": "equations.cholesky_inverse", "cholesky_solve": "equations.cholesky_solve",
    "det": "equations.old_det", "geqrf": "factors.geqrf", "inverse": "equations.inverse", "logdet": "equations.logdet", "lu": "factors.old_lu",
    "lu_solve": "equations.old_lu_solve", "matrix_exp": "equations.old_matrix_exp", "matrix_power": "equations.old_matrix_power",
    "orgqr": "factors.orgqr", "ormqr": "factors.ormqr", "pinverse": "equations.pinverse", "qr": "factors.old_qr",
    "slogdet": "equations.old_slogdet", "svd": "factors.old_svd", "triangular_solve": "equations.triangular_solve",
}  # fmt: skip
FUNCTIONS = {
    "frobenius_norm": "norms.frobenius_norm", "lu_unpack": "factors.lu_unpack", "nuclear_norm": "norms.nuclear_norm",
    "pca_lowrank": "factors.pca_lowrank", "svd_lowrank": "factors.svd_lowrank", "vander": "norms.old_vander",
}  # fmt: skip


def _find(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(".")
    return getattr(importlib.import_module(f"{__package__}.matrices.{module}"), name)


def _method(name: str, place: str) -> Callable[..., Any]:
    """A function as a method: there is no `out=`, and where nothing but the tensor is asked for, no keywords at all."""
    fn = _find(place)
    alone = len(inspect.signature(fn).parameters) == 1

    @functools.wraps(fn)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if alone and (args or kwargs):
            what = "no keyword arguments" if kwargs else f"no arguments ({len(args)} given)"
            raise TypeError(f"Tensor.{name}() takes {what}")
        if "out" in kwargs:
            kwargs["out"] = importlib.import_module(f"{__package__}.matrices.common").NO_OUT
        return fn(self, *args, **kwargs)

    return method


for _name, _place in (BOTH | FUNCTIONS).items():
    functions.LAZY[_name] = functools.partial(_find, _place)
for _name, _place in BOTH.items():
    attach(_name, LazyMethod(_name, functools.partial(_method, _name, _place)))


# ---- removed in PyTorch, which says what to use instead


def _removed(name: str, instead: str, method: bool = True, gap: str = " ") -> None:
    text = f"This function was deprecated since version 1.9 and is now removed.{gap}{instead}"

    def refuse(input: Any, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(text)

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Removed: {instead}"
    publish(name, refuse)
    if method:
        attach(name, refuse)


_removed("solve", "`torch.solve` is deprecated in favor of `torch.linalg.solve`. `torch.linalg.solve` has its arguments reversed and does not "
                  "return the LU factorization.")  # fmt: skip
_removed("lstsq", "`torch.lstsq` is deprecated in favor of `torch.linalg.lstsq`.")
_removed(
    "eig",
    "`torch.linalg.eig` returns complex tensors of dtype `cfloat` or `cdouble` rather than real tensors mimicking complex tensors.",
)
_removed("symeig", "The default behavior has changed from using the upper triangular portion of the matrix by default to using the lower "
                   "triangular portion.")  # fmt: skip
_removed("matrix_rank", "Please use the `torch.linalg.matrix_rank` function instead.", method=False, gap="\n")
