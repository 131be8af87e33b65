"""The tensor itself: slots and geometry. Its operations are hung on by `tgrad.methods`, from the rows."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .device import CPU, device
from .dtype import dtype, from_np
from .graph.history import Meta, edge
from .graph.modes import state
from .graph.node import Node
from .graph.places import clears, cut, here, log, on_switch
from .ops.spec import TensorBase
from .shape import Size, is_contiguous
from .storage import INFERENCE, UntypedStorage, VersionCounter, memory, offset, strides

NO_GRAD_DTYPE = "only Tensors of floating point and complex dtype can require gradients"


class Grads:
    are_variables = False  # the 0.1 dialect is spoken, which announces gradients as Variables


class Tensor(TensorBase):
    """A multi-dimensional array of one dtype, with PyTorch's API and autograd.

    `_a` is a numpy array over the storage with the tensor's shape and strides. `_rg`: requires grad. `_node`: the node
    that made it, or (node, output_nr). `_vc`: the version counter, made when first needed. `_x`: Meta, for the few that
    have more (views, hooks, names).
    """

    __slots__ = ("__dict__", "__weakref__", "_a", "_grad", "_node", "_rg", "_vc", "_x")

    _a: np.ndarray
    _grad: Any
    _node: Any
    _rg: bool
    _vc: VersionCounter | None
    _x: Meta | None

    __array_priority__ = 1000  # numpy's operators leave `array + tensor` to us

    @staticmethod
    def _on_subclass(cls: type) -> None:
        """Set by `composite.overriding`: a program defines a subclass."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Tensor._on_subclass(cls)

    if TYPE_CHECKING:  # the operations are attached at run time, by tgrad.methods and the composites

        def __getattr__(self, name: str) -> Any: ...

        __add__: Callable[..., Any]
        __radd__: Callable[..., Any]
        __sub__: Callable[..., Any]
        __rsub__: Callable[..., Any]
        __mul__: Callable[..., Any]
        __rmul__: Callable[..., Any]
        __truediv__: Callable[..., Any]
        __rtruediv__: Callable[..., Any]
        __floordiv__: Callable[..., Any]
        __rfloordiv__: Callable[..., Any]
        __mod__: Callable[..., Any]
        __pow__: Callable[..., Any]
        __rpow__: Callable[..., Any]
        __matmul__: Callable[..., Any]
        __neg__: Callable[..., Any]
        __pos__: Callable[..., Any]
        __abs__: Callable[..., Any]
        __invert__: Callable[..., Any]
        __and__: Callable[..., Any]
        __or__: Callable[..., Any]
        __xor__: Callable[..., Any]
        __lt__: Callable[..., Any]
        __le__: Callable[..., Any]
        __gt__: Callable[..., Any]
        __ge__: Callable[..., Any]
        __getitem__: Callable[..., Any]
        __setitem__: Callable[..., Any]
        __len__: Callable[..., Any]
        __iter__: Callable[..., Any]
        __contains__: Callable[..., Any]
        __bool__: Callable[..., Any]
        __int__: Callable[..., Any]
        __float__: Callable[..., Any]
        __index__: Callable[..., Any]

    # ---- geometry
    @property
    def shape(self) -> Size:
        """The sizes of all dimensions."""
        return Size(self._a.shape)

    @property
    def dtype(self) -> dtype:
        return from_np(self._a.dtype)

    @property
    def device(self) -> device:
        return CPU

    @property
    def ndim(self) -> int:
        return self._a.ndim

    @property
    def itemsize(self) -> int:
        return self._a.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of the elements (not of the storage)."""
        return self._a.nbytes

    def size(self, dim: int | None = None) -> Any:
        """All sizes, or that of one dimension.

        >>> torch.zeros(2, 3).size()
        torch.Size([2, 3])
        >>> torch.zeros(2, 3).size(1)
        3
        """
        if dim is None:
            return Size(self._a.shape)
        from .shape import wrap_dim

        if self._a.ndim == 0:
            raise IndexError("Dimension specified as " + str(dim) + " but tensor has no dimensions")
        return self._a.shape[wrap_dim(dim, self._a.ndim)]

    def stride(self, dim: int | None = None) -> Any:
        """Steps in memory, in elements, per dimension.

        >>> torch.zeros(2, 3).stride()
        (3, 1)
        """
        steps = strides(self._a)
        if dim is None:
            return steps
        from .shape import wrap_dim

        if not steps:
            raise IndexError("Dimension specified as " + str(dim) + " but tensor has no dimensions")
        return steps[wrap_dim(dim, len(steps))]

    def storage_offset(self) -> int:
        """Where in its memory the tensor begins, in elements.

        >>> torch.arange(4)[2:].storage_offset()
        2
        """
        return offset(self._a)

    def data_ptr(self) -> int:
        """Address of the first element.

        >>> x = torch.arange(4)
        >>> x[1:].data_ptr() - x.data_ptr()
        8
        """
        return self._a.__array_interface__["data"][0] if self._a.size else 0

    def untyped_storage(self) -> UntypedStorage:
        """The block of memory that this tensor and its views share, as bytes."""
        return UntypedStorage.over(memory(self._a), self.device)

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in row-major order without gaps.

        >>> torch.zeros(2, 3).is_contiguous(), torch.zeros(2, 3).t().is_contiguous()
        (True, False)
        """
        a = self._a
        if memory_format is not None and str(memory_format).startswith("torch.channels_last"):
            order = (0, 2, 3, 1) if a.ndim == 4 else (0, 2, 3, 4, 1)
            return a.ndim == len(order) and a.transpose(order).flags.c_contiguous
        return a.flags.c_contiguous or is_contiguous(a.shape, strides(a))

    def dim(self) -> int:
        """The number of dimensions.

        >>> torch.zeros(2, 3).dim()
        2
        """
        return self._a.ndim

    ndimension = dim

    def numel(self) -> int:
        """Number of elements.

        >>> torch.zeros(2, 3).numel()
        6
        """
        return self._a.size

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element.

        >>> torch.zeros(2, dtype=torch.float64).element_size()
        8
        """
        return self._a.dtype.itemsize

    def is_floating_point(self) -> bool:
        """Whether the dtype is a floating one.

        >>> torch.tensor([1.5]).is_floating_point(), torch.tensor([1]).is_floating_point()
        (True, False)
        """
        return self._a.dtype.kind == "f" or self._a.dtype.name == "bfloat16"

    def is_complex(self) -> bool:
        """Whether the dtype is a complex one."""
        return self._a.dtype.kind == "c"

    def is_signed(self) -> bool:
        """Whether the dtype has negative numbers."""
        return self.dtype.is_signed

    @property
    def is_cuda(self) -> bool:
        return False

    is_sparse = is_quantized = is_mkldnn = is_meta = is_mps = is_xpu = is_nested = is_vulkan = False

    @property
    def layout(self) -> Any:
        return strided_layout

    @property
    def names(self) -> tuple[None, ...]:
        return (None,) * self._a.ndim

    # ---- autograd
    def _meta(self) -> Meta:
        if self._x is None:
            self._x = Meta()
        return self._x

    def _counter(self) -> VersionCounter:
        if self._vc is None:
            self._vc = VersionCounter()
        return self._vc

    @property
    def _version(self) -> int:
        """How many in-place writes the memory has seen."""
        if self._x is not None and self._x.inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        return 0 if self._vc is None else self._vc.n

    def _bump(self) -> None:
        vc = self._vc
        if vc is None:
            vc = self._vc = VersionCounter()
        elif vc is INFERENCE:
            return
        vc.n += 1

    def _bump_noting(self) -> None:
        """`_bump` while provenance is on."""
        self._bump_plain()
        vc = self._vc
        if vc is not None and vc is not INFERENCE:
            vc.by = here()

    _bump_plain = _bump

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        meta = self._x
        if meta is not None:
            edge(self)
        return self._rg

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not isinstance(value, (bool, np.bool_)):
            raise RuntimeError("requires_grad must be a bool")
        if value and not self.dtype.category >= 2:
            raise RuntimeError(NO_GRAD_DTYPE)
        if not self.is_leaf:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables."
                + ("" if value else " If you want to use a computed variable in a subgraph that doesn't require ")
                + ("" if value else "differentiation use var_no_grad = var.detach().")
            )
        if value and self._x is not None and self._x.inference and not state.inference:
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        self._rg = bool(value)
        if self._x is not None:
            self._x.unrecorded = False

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets `requires_grad` in place; RuntimeError for a non-leaf or a dtype without gradients.

        >>> torch.zeros(2).requires_grad_()
        tensor([0., 0.], requires_grad=True)
        """
        if not isinstance(requires_grad, bool):
            raise TypeError(
                f"requires_grad_(): argument 'requires_grad' (position 1) must be bool, not {type(requires_grad).__name__}"
            )
        if state.transforms:
            raise RuntimeError(
                "You are attempting to call Tensor.requires_grad_() (or perhaps using torch.autograd.functional.* APIs) inside of a "
                "function being transformed by a functorch transform. This is unsupported, please attempt to use the functorch transforms "
                "(e.g. grad, vjp, jacrev, jacfwd, hessian) or call requires_grad_() outside of a function being transformed instead."
            )
        if requires_grad and self.dtype.category < 2:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if not requires_grad or self.is_leaf:
            self.requires_grad = requires_grad
        return self

    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor; None for a leaf."""
        if self._x is not None:
            edge(self)
        node = self._node
        return node[0] if type(node) is tuple else node

    @property
    def output_nr(self) -> int:
        """Which output of `grad_fn` this is."""
        node = self._node
        return node[1] if type(node) is tuple else 0

    @property
    def is_leaf(self) -> bool:
        """True if the tensor was not made by a recorded operation."""
        if self._x is not None:
            edge(self)
        return self._node is None

    @property
    def grad(self) -> Any:
        """The gradient that `backward()` accumulated into this leaf, or None."""
        if self._grad is None and self._node is not None and not (self._x is not None and self._x.retains):
            _warn_nonleaf_grad()
        if Grads.are_variables and self._grad is not None:
            self._grad._is_variable = True
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {_typename(value)}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value._a.dtype != self._a.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{_cpp(value.dtype)}' to a tensor with grad_dtype "
                    f"'{self.dtype.legacy}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's "
                    "dtype). You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. "
                    "Set grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may break downstream "
                    "systems that assume they match."
                )
            if value._a.shape != self._a.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value._a.shape)}' to a tensor of size "
                    f"'{list(self._a.shape)}'. Please ensure that the gradient and the tensor are the same size"
                )
        elif log.on:
            clears(self)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        if log.on:
            clears(self)
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory without history and with a version counter of its own: writes into it go unnoticed."""
        out = make(Tensor, self._a)
        if self._x is not None and self._x.inference:
            out._meta().inference = True
        if log.on:
            cut("data", out, (self,))
        return out

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._a = value._a

    def _alias(self, node: Any = None) -> Tensor:
        """The same memory and version counter, as another tensor object with history `node`."""
        out = make(Tensor, self._a)
        out._vc = self._counter()
        out._node, out._rg = node, node is not None
        return out

    @property
    def retains_grad(self) -> bool:
        """Whether this non-leaf keeps its gradient, because `retain_grad()` was called."""
        return self._x is not None and self._x.retains and self._node is not None

    def retain_grad(self) -> None:
        """Keeps the gradient of this non-leaf in `.grad` when backward comes through."""
        if self._node is None and self._rg:
            return
        node = edge(self)
        if not self._rg:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._node is None:
            return
        meta = self._meta()
        if not meta.retains:
            meta.retains = True
            fn, nr = node if type(node) is tuple else (node, 0)
            fn.extras().retains[nr] = weakref.ref(self)

    @property
    def _base(self) -> Any:
        """The tensor whose memory this view shows, or None."""
        return self._x.base if self._x is not None else None

    def _is_view(self) -> bool:
        return self._base is not None

    def is_inference(self) -> bool:
        """Whether the tensor was made in inference mode, and so can never be recorded."""
        return self._x is not None and self._x.inference

    @property
    def name(self) -> str | None:
        return self._x.name if self._x is not None else None

    @name.setter
    def name(self, value: str | None) -> None:
        self._meta().name = value

    def __hash__(self) -> int:
        return id(self)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *self.__dict__})


def _typename(x: object) -> str:
    return f"{type(x).__module__}.{type(x).__name__}" if type(x).__module__ != "builtins" else type(x).__name__


_CPP = {
    "float32": "float",
    "float64": "double",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
    "int64": "long int",
    "int32": "int",
    "int16": "short int",
    "int8": "signed char",
    "uint8": "unsigned char",
    "bool": "bool",
}


def _cpp(d: dtype) -> str:
    return _CPP.get(d.name, d.name)


def _warn_nonleaf_grad() -> None:
    import warnings

    warnings.warn(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated "
        "during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use "
        ".retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf "
        "Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more information.",
        UserWarning,
        stacklevel=3,
    )


class layout:
    """How a tensor's elements lie in memory; here always `torch.strided`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return "torch." + self.name


strided_layout = layout("strided")

# Classes whose instances need no look for overrides: the door's fast paths test membership.
FAST: set[type] = {Tensor}

_new = object.__new__


def make(cls: type, a: np.ndarray) -> Any:
    """A tensor of class `cls` around an array, without history."""
    t: Any = _new(cls)
    t._a = a
    t._node = None
    t._rg = False
    t._vc = None
    t._grad = None
    t._x = None
    return t


def wrap(a: Any) -> Tensor:
    """A tensor around a numpy array (shared memory), without history."""
    t = _new(Tensor)
    t._a = a if type(a) is np.ndarray else np.asarray(a)
    t._node = None
    t._rg = False
    t._vc = None
    t._grad = None
    t._x = None
    return t


def shown(of: Tensor, a: np.ndarray, creation: str | None) -> Tensor:
    """A new tensor `a` that shows memory of `of`, without history: `wrap` and `mark_view` in one."""
    t = _new(Tensor)
    t._a = a
    t._node = None
    t._rg = False
    t._grad = None
    if of._x is not None:
        t._vc = t._x = None
        mark_view(t, of, creation)
        return t
    meta = t._x = Meta()
    vc = of._vc
    if vc is None:
        vc = of._vc = VersionCounter()
    t._vc = vc
    meta.base = of
    meta.version = vc.n
    meta.creation = creation
    return t


def mark_view(out: Tensor, of: Tensor, creation: str | None = None) -> None:
    """Notes that `out` shows the memory of `of`: shared version counter, common base."""
    meta = out._x = Meta()
    of_meta = of._x
    if of_meta is not None and of_meta.inference:
        meta.inference = True
        out._vc = INFERENCE
        return
    meta.base = of if of_meta is None or of_meta.base is None else of_meta.base
    vc = of._vc
    if vc is None:
        vc = of._vc = VersionCounter()
    out._vc = vc
    meta.version = vc.n
    if creation is None and of_meta is not None and of_meta.base is not None:
        creation = of_meta.creation
    meta.creation = creation


def _note_writers(on: bool) -> None:
    Tensor._bump = Tensor._bump_noting if on else Tensor._bump_plain  # type: ignore[method-assign]


on_switch(_note_writers)
