"""Matrix products: one row per shape that PyTorch tells apart; `matmul` chooses among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtype import from_np, promote_types
from ..shape import broadcast_shapes, wrap_dim
from ..storage import blank
from .pointwise import times
from .spec import conj, number, op, sizes
from .view import diagonal_backward, expand


def mT(x: Any) -> Any:
    """The last two dimensions swapped, and conjugated: what stands across a product in a derivative."""
    if type(x) is np.ndarray and x.dtype.kind == "f":
        return x.swapaxes(-1, -2)
    return conj(x.swapaxes(-1, -2) if isinstance(x, np.ndarray) else x.transpose(-1, -2))


def same_dtype(a: np.ndarray, b: np.ndarray) -> None:
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {cpp_name(a)} != {cpp_name(b)}")


_CPP = {
    "float32": "float", "float64": "double", "int64": "long int", "int32": "int", "int16": "short int", "int8": "signed char",
    "uint8": "unsigned char", "bool": "bool", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
    "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip


def cpp_name(a: np.ndarray) -> str:
    """The element type as C++ spells it: what some messages show."""
    return _CPP[a.dtype.name]


def _refuse_bool(name: str, a: np.ndarray) -> None:
    if a.dtype.kind == "b":
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")


# Set by tgrad.kernels: large products, shared out to several threads; None for what does not go.
shared_product: Callable[[np.ndarray, np.ndarray], np.ndarray | None] | None = None


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`a @ b` in the dtype of both; halves are multiplied in float32 and rounded once."""
    if a.size + b.size <= 8192 and a.dtype.char in "fd":
        if a.ndim == 2 and b.ndim == 2:
            return a.dot(b)  # the same gemm with less around it
        r = a @ b
        return r if type(r) is np.ndarray else np.asarray(r, a.dtype)
    if a.dtype.itemsize == 2 and a.dtype.kind not in "iu":
        return product(a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)
    if a.size + b.size > 8192 and shared_product is not None:
        shared = shared_product(a, b)
        if shared is not None:
            return shared
    r = a @ b
    return r if type(r) is np.ndarray else np.asarray(r, a.dtype)


def half(a: np.ndarray) -> bool:
    return a.dtype.itemsize == 2 and a.dtype.kind not in "iu"


def wide_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`a @ b`, of halves in float32: what is added to it comes before rounding."""
    return product(a.astype(np.float32), b.astype(np.float32)) if half(a) else product(a, b)


def left_gradient(grad: Any, right: Any, turned: bool) -> Any:
    """The gradient of the left matrix of a product, laid out as that matrix is, which spares a copy where it is accumulated."""
    return mT(mm(right, mT(grad))) if turned else mm(grad, mT(right))


def right_gradient(grad: Any, left: Any, turned: bool) -> Any:
    """The same of the right matrix."""
    return mT(mm(mT(grad), left)) if turned else mm(mT(left), grad)


@op("mm", grad=dict(self=lambda grad, mat2, self_turned: left_gradient(grad, mat2, self_turned),
                    mat2=lambda grad, self, mat2_turned: right_gradient(grad, self, mat2_turned)))  # fmt: skip
def mm(self, mat2):
    if (
        self.ndim == mat2.ndim == 2
        and self.shape[1] == mat2.shape[0]
        and self.dtype is mat2.dtype
        and self.dtype.char in "fd"
    ):
        return product(self, mat2)
    if self.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if mat2.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    _check_product(self, mat2)
    _refuse_bool("addmm_impl_cpu_", self)
    return product(self, mat2)


def _check_product(a: np.ndarray, b: np.ndarray, dtypes: bool = True) -> None:
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})"
        )
    if dtypes:
        same_dtype(a, b)


@op("bmm", grad=dict(self=lambda grad, mat2: bmm(grad, mT(mat2)), mat2=lambda grad, self: bmm(mT(self), grad)))
def bmm(self, mat2):
    if self.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor")
    if mat2.ndim != 3:
        raise RuntimeError("batch2 must be a 3D tensor")
    _check_batches(self, mat2)
    _refuse_bool("bmm", self)
    return product(self, mat2)


def _check_batches(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {sizes((a.shape[0], a.shape[2]))} but got: "
            f"{sizes(b.shape[:2])}."
        )
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected scalar type {from_np(a.dtype).legacy} but found {from_np(b.dtype).legacy}")


@op("mv", grad=dict(self=lambda grad, vec: ger(grad, vec), vec=lambda grad, self: mv(mT(self), grad)))
def mv(self, vec):
    if self.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {self.ndim}, {vec.ndim}")
    if self.shape[1] != vec.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({self.shape[0]}), mat ({self.shape[0]}x{self.shape[1]}), vec ({vec.shape[0]})"
        )
    _check_addmv(vec, self, vec)
    return product(self, vec)


def _check_addmv(base: np.ndarray, mat: np.ndarray, vec: np.ndarray) -> None:
    if base.dtype != mat.dtype or mat.dtype != vec.dtype:
        names = [from_np(x.dtype).legacy for x in (base, mat, vec)]
        raise RuntimeError(
            f"addmv input tensors must have the same dtype, but got {names[0]}, {names[1]}, and {names[2]}"
        )
    _refuse_bool("addmv_impl_cpu", mat)


def ger(a: Any, b: Any) -> Any:
    """a times conj(b), each element with each."""
    return a.reshape((-1, 1)) * conj(b)


@op(
    "dot",
    out="result dtype {Got} does not match input dtype {Want}",
    grad=dict(self=lambda grad, tensor: grad * conj(tensor), tensor=lambda grad, self: grad * conj(self)),
)
def dot(self, tensor):
    _check_vectors(self, tensor)
    _refuse_bool("dot", self)
    return np.asarray(product(self, tensor))


def _check_vectors(a: np.ndarray, b: np.ndarray) -> None:
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {from_np(a.dtype).legacy} and "
            f"{from_np(b.dtype).legacy}"
        )
    if a.size != b.size:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{a.size}] and src [{b.size}] to have the same number of elements, but "
            f"got {a.size} and {b.size} elements respectively"
        )


@op(
    "vdot",
    out="result dtype {Got} does not match input dtype {Want}",
    grad=dict(self=lambda grad, other: conj(grad) * other, other=lambda grad, self: grad * self),
)
def vdot(self, other):
    _check_vectors(self, other)
    _refuse_bool("dot", self)
    return np.asarray(np.vdot(self, other)) if self.dtype.kind == "c" else np.asarray(product(self, other))


def _scaled(beta: Any, base: np.ndarray, alpha: Any, prod: np.ndarray) -> np.ndarray:
    """beta * base + alpha * prod; with beta 0 nothing of base counts, not even nan."""
    if beta == 1 and alpha == 1 and base.dtype == prod.dtype:
        return np.add(prod, base, out=prod)
    if half(base):
        return _scaled(beta, base.astype(np.float32), alpha, prod).astype(base.dtype)
    kind = prod.dtype.type
    if prod.dtype.kind in "iu":
        beta, alpha = int(beta), int(alpha)
    out = prod if alpha == 1 else prod * kind(alpha)
    if beta != 0:
        out = out + (base if beta == 1 else base * kind(beta))
    return out.astype(prod.dtype, copy=False)


@op("addmm", grad=dict(self=lambda grad, beta: times(grad, conj(beta)),
                       mat1=lambda grad, mat2, mat1_turned, alpha: times(left_gradient(grad, mat2, mat1_turned), conj(alpha)),
                       mat2=lambda grad, mat1, mat2_turned, alpha: times(right_gradient(grad, mat1, mat2_turned), conj(alpha))),
    inplace=True, signature=lambda self, mat1, mat2, *, beta=1, alpha=1: None)  # fmt: skip
def addmm(self, mat1, mat2, beta=1, alpha=1):
    if mat1.ndim != 2:
        raise RuntimeError(f"mat1 must be a matrix, got {mat1.ndim}-D tensor")
    if mat2.ndim != 2:
        raise RuntimeError(f"mat2 must be a matrix, got {mat2.ndim}-D tensor")
    if self.dtype != mat2.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {from_np(self.dtype).legacy} and {from_np(mat2.dtype).legacy}"
        )
    if mat1.dtype != mat2.dtype:
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {from_np(mat1.dtype).legacy} and {from_np(mat2.dtype).legacy}"
        )
    _check_product(mat1, mat2)
    _check_base(self, (mat1.shape[0], mat2.shape[1]))
    _refuse_bool("addmm_impl_cpu_", mat1)
    return _scaled(beta, self, alpha, wide_product(mat1, mat2))


def _check_base(base: np.ndarray, want: tuple[int, ...]) -> None:
    if base.ndim > len(want):
        raise RuntimeError(
            f"expand(torch.FloatTensor{{{sizes(base.shape)}}}, size={sizes(want)}): the number of sizes provided "
            f"({len(want)}) must be greater or equal to the number of dimensions in the tensor ({base.ndim})"
        )
    for i in range(1, base.ndim + 1):
        if base.shape[-i] not in (1, want[-i]):
            raise RuntimeError(
                f"The expanded size of the tensor ({want[-i]}) must match the existing size ({base.shape[-i]}) at non-singleton "
                f"dimension {len(want) - i}.  Target sizes: {sizes(want)}.  Tensor sizes: {sizes(base.shape)}"
            )


@op("baddbmm", grad=dict(self=lambda grad, beta: times(grad, conj(beta)),
                         batch1=lambda grad, batch2, alpha: times(bmm(grad, mT(batch2)), conj(alpha)),
                         batch2=lambda grad, batch1, alpha: times(bmm(mT(batch1), grad), conj(alpha))), inplace=True,
    signature=lambda self, batch1, batch2, *, beta=1, alpha=1: None)  # fmt: skip
def baddbmm(self, batch1, batch2, beta=1, alpha=1):
    for batch in (batch1, batch2):
        if batch.ndim < 3:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-batch.ndim}, {batch.ndim - 1}], but got 2)"
            )
    _check_base(self, (batch1.shape[0], batch1.shape[1], batch2.shape[2]))
    if self.dtype != batch1.dtype:
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {cpp_name(self)}, batch1: {cpp_name(batch1)}, batch2: {cpp_name(batch2)}"
        )
    _check_batches(batch1, batch2)
    _refuse_bool("baddbmm", batch1)
    return _scaled(beta, self, alpha, wide_product(batch1, batch2))


@op("addmv", grad=dict(self=lambda grad, beta: times(grad, conj(beta)), mat=lambda grad, vec, alpha: times(ger(grad, vec), conj(alpha)),
                       vec=lambda grad, mat, alpha: times(mv(mT(mat), grad), conj(alpha))), inplace=True,
    signature=lambda self, mat, vec, *, beta=1, alpha=1: None)  # fmt: skip
def addmv(self, mat, vec, beta=1, alpha=1):
    if mat.ndim != 2 or vec.ndim != 1 or self.ndim > 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {self.ndim}, {mat.ndim}, {vec.ndim}")
    if mat.shape[1] != vec.shape[0] or (self.ndim and self.shape[0] not in (1, mat.shape[0])):
        raise RuntimeError(
            f"size mismatch, got input ({self.shape[0] if self.ndim else 1}), mat ({mat.shape[0]}x{mat.shape[1]}), vec ({vec.shape[0]})"
        )
    _check_addmv(self, mat, vec)
    if self.dtype == np.float16:  # PyTorch's own loop for it scales the sum first, and takes alpha as a half
        return _scaled(
            1,
            (self * np.float32(beta)).astype(np.float16) if beta else np.zeros_like(self),
            float(np.float16(alpha)),
            wide_product(mat, vec),
        )
    return _scaled(beta, self, alpha, wide_product(mat, vec))


@op("addbmm", grad=dict(self=lambda grad, beta: times(grad, conj(beta)),
                        batch1=lambda grad, batch1_sizes, batch2, alpha: times(bmm(_spread(grad, batch1_sizes), mT(batch2)), conj(alpha)),
                        batch2=lambda grad, batch1, batch1_sizes, alpha: times(bmm(mT(batch1), _spread(grad, batch1_sizes)), conj(alpha))),
    inplace=True, signature=lambda self, batch1, batch2, *, beta=1, alpha=1: None)  # fmt: skip
def addbmm(self, batch1, batch2, beta=1, alpha=1):
    for name, batch in (("batch1", batch1), ("batch2", batch2)):
        if batch.ndim != 3 and self.ndim <= 2:
            raise RuntimeError(f"{name} must be a 3D tensor")
    _check_base(self, (batch1.shape[1], batch2.shape[2]))
    if self.dtype != batch2.dtype:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {from_np(self.dtype).legacy} and {from_np(batch2.dtype).legacy}"
        )
    _check_batches(batch1, batch2)
    if half(self):  # one product is added after the other, each time rounded
        out = self
        for i, prod in enumerate(wide_product(batch1, batch2)):
            out = _scaled(1 if i else beta, out, alpha, prod)
        return (
            out if len(batch1) else _scaled(beta, self, alpha, np.zeros((batch1.shape[1], batch2.shape[2]), np.float32))
        )
    return _scaled(beta, self, alpha, product(batch1, batch2).sum(0, dtype=batch1.dtype))


def _spread(grad: Any, sizes_of_batch: Any) -> Any:
    """The same gradient for each member of the batch."""
    return expand(grad, (sizes_of_batch[0], *grad.shape))


@op("addr", grad=dict(self=lambda grad, beta: times(grad, conj(beta)), vec1=lambda grad, vec2, alpha: times(mv(grad, conj(vec2)), conj(alpha)),
                      vec2=lambda grad, vec1, alpha: times(mv(_turned(grad), conj(vec1)), conj(alpha))), inplace=True,
    signature=lambda self, vec1, vec2, *, beta=1, alpha=1: None)  # fmt: skip
def addr(self, vec1, vec2, beta=1, alpha=1):
    for name, vec in (("vec1", vec1), ("vec2", vec2)):
        if vec.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {vec.ndim}-D")
    d = from_np(self.dtype)
    for vec in (vec1, vec2):
        d = promote_types(d, from_np(vec.dtype))
    for name, value in (("beta", beta), ("alpha", alpha)):
        if isinstance(value, bool) and d.name != "bool":
            raise RuntimeError(f"Boolean {name} only supported for Boolean results.")
        if d.category < 2 and isinstance(value, float):
            raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number.")
    _check_base(self, (vec1.shape[0], vec2.shape[0]))
    first, second = vec1.astype(d.np)[:, None], vec2.astype(d.np)
    base = np.broadcast_to(self, (vec1.shape[0], vec2.shape[0])).astype(d.np)
    if d.np.itemsize == 2 and d.is_floating_point:  # rounded at every step
        scaled = first if alpha == 1 else first * number(alpha, d.np)
        r = scaled * second
        if beta:
            r = r + (base if beta == 1 else base * number(beta, d.np))
    else:
        r = _scaled(beta, base, alpha, first * second)
    if self.shape != r.shape:
        return r
    out = blank(self).astype(r.dtype, copy=False)
    out[...] = r
    return out


def _turned(x: Any) -> Any:
    return x.T if isinstance(x, np.ndarray) else x.t()


@op("linalg_cross", grad=dict(self=lambda grad, other, dim: linalg_cross(conj(other), grad, dim),
                              other=lambda grad, self, dim: linalg_cross(grad, conj(self), dim)),
    function=False, method=False)  # fmt: skip
def linalg_cross(self, other, dim=-1):
    if self.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if self.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    d = wrap_dim(dim, self.ndim)
    m, n = self.shape[d], other.shape[d]
    if m != 3 or n != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {m} and {n}")
    if self.dtype != other.dtype:
        raise RuntimeError(f"expected scalar type {from_np(self.dtype).legacy} but found {from_np(other.dtype).legacy}")
    _refuse_bool("cross", self)
    shape = broadcast_shapes(self.shape, other.shape)
    a, b = (np.moveaxis(np.broadcast_to(x, shape), d, 0) for x in (self, other))
    out = np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])
    return np.ascontiguousarray(np.moveaxis(out, 0, d))


@op("trace", grad=dict(self=lambda grad, self_sizes: _eye_like(grad, self_sizes)))
def trace(self):
    if self.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {self.ndim}")
    if self.dtype.kind == "b":
        raise NotImplementedError("\"trace\" not implemented for 'Bool'")
    if self.dtype.kind in "iu":
        return np.asarray(np.trace(self, dtype=np.int64))
    return np.asarray(np.trace(self), self.dtype)


def _eye_like(grad: Any, shape: Any) -> Any:
    n = min(shape)
    return diagonal_backward(expand(grad, (n,)), shape, 0, 0, 1)
