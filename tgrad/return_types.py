"""The named tuples that functions return, by the function's name: `torch.return_types.max`."""

from __future__ import annotations

from typing import Any

from .methods import return_type

_VALUES = ("values", "indices")
_FIELDS = dict.fromkeys("cummax cummin kthvalue max median min mode nanmedian sort topk".split(), _VALUES) | {
    "aminmax": ("min", "max"),
    "frexp": ("mantissa", "exponent"),
    "geqrf": ("a", "tau"),
    "histogram": ("hist", "bin_edges"),
    "histogramdd": ("hist", "bin_edges"),
    "linalg_cholesky_ex": ("L", "info"),
    "linalg_eig": ("eigenvalues", "eigenvectors"),
    "linalg_eigh": ("eigenvalues", "eigenvectors"),
    "linalg_inv_ex": ("inverse", "info"),
    "linalg_ldl_factor": ("LD", "pivots"),
    "linalg_ldl_factor_ex": ("LD", "pivots", "info"),
    "linalg_lstsq": ("solution", "residuals", "rank", "singular_values"),
    "linalg_lu": ("P", "L", "U"),
    "linalg_lu_factor": ("LU", "pivots"),
    "linalg_lu_factor_ex": ("LU", "pivots", "info"),
    "linalg_qr": ("Q", "R"),
    "linalg_slogdet": ("sign", "logabsdet"),
    "linalg_solve_ex": ("result", "info"),
    "linalg_svd": ("U", "S", "Vh"),
    "lu_unpack": ("P", "L", "U"),
    "qr": ("Q", "R"),
    "slogdet": ("sign", "logabsdet"),
    "svd": ("U", "S", "V"),
    "triangular_solve": ("solution", "cloned_coefficient"),
}
__all__ = sorted(_FIELDS)


def __getattr__(name: str) -> Any:
    """Each class is made when it is first looked at, or when its function first returns one."""
    if name not in _FIELDS:
        raise AttributeError(f"module 'torch.return_types' has no attribute {name!r}")
    return return_type(name, _FIELDS[name])
