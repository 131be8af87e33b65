"""Forward mode: a value and its tangent go through a row together.

Note [Tangents from gradients]
Rows know how gradients go backwards: w -> w J, linear in w. Differentiating that by w, with the tangent arriving, gives J t: a
tangent out of two reverse steps through one row. It serves every row that can be differentiated, complex ones and ties included.
Shorter ways: an elementwise derivative is diagonal, so the formula itself maps tangents; a linear row maps them as it maps values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.modes import enable_grad
from ..ops.spec import Row
from ..storage import offset, strides
from ..tensor import Tensor
from .batched import Batched, full
from .wrapped import RUNNING, Level, Wrapped, alias, call, detached, differentiate, found, zeros

# Rows that are linear in their first input, the others being no tensors (or indices).
LINEAR = frozenset(
    """sum.all sum.dim mean.all mean.dim cumsum flip roll rot90 tril triu diag_embed trace clone contiguous.copy _to_copy _unsafe_view repeat
    pixel_shuffle pixel_unshuffle channel_shuffle im2col col2im gather index_select take index.Tensor neg conj conj_physical.row
    constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d cat stack
    block_diag avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d select_backward slice_backward diagonal_backward
    unfold_backward masked_select embedding _fft_c2c _fft_r2c _fft_c2r _fft_inner_twice""".split()
)
# Rows that PyTorch has no forward derivative for.
NO_TANGENT = frozenset(("_scaled_dot_product_flash_attention_for_cpu",))
# Rows that are linear in all their tensors together.
JOINT = frozenset(
    "select_scatter slice_scatter diagonal_scatter as_strided_scatter scatter.src scatter_add index_copy masked_scatter".split()
)
BILINEAR = frozenset("mm bmm mv dot linalg_cross".split())


class Dual(Wrapped):
    """A value with a tangent (None for one that does not move)."""

    primal: Tensor
    tangent: Tensor | None

    def __new__(cls, primal: Tensor, tangent: Tensor | None, level: Level) -> Any:
        self: Any = object.__new__(cls)
        self._grad = None
        self.fill(primal, tangent, level)
        return self

    def __init__(self, *args: Any) -> None:
        pass

    def fill(self, primal: Tensor, tangent: Tensor | None, level: Level) -> None:
        self._a, self._vc, self._x = primal._a, None, None
        self._node, self._rg = None, False
        self.primal, self.tangent, self._level = primal, tangent, level

    def parts(self) -> tuple[Any, ...]:
        return self.primal, self.tangent

    def again(self, *parts: Any) -> Any:
        return Dual(parts[0], parts[1] if len(parts) > 1 else self.tangent, self._level)

    def detach(self) -> Any:
        return self.primal.detach()

    @property  # type: ignore[misc]
    def data(self) -> Any:
        return self.primal.data

    def map(self, fn: Any, free: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What has no row has no derivative."""
        lvl = self._level
        return fn(*[_primal(x, lvl) for x in args], **{k: _primal(x, lvl) for k, x in kwargs.items()})

    def become(self, other: Any) -> None:
        self.fill(other.primal, other.tangent, self._level)

    @property
    def moving(self) -> Tensor | None:
        """The tangent, as long as its level runs."""
        return self.tangent if self._level in RUNNING.levels else None

    def transform(self, how: str, row: Row, inputs: Sequence[Any], params: dict[str, Any]) -> Any:
        lvl = self._level
        primals = [_primal(x, lvl) for x in inputs]
        tangents = [_tangent(x, lvl) for x in inputs]
        if how == "inplace":
            return _inplace(lvl, row, inputs, primals, tangents, params)
        out = call(how, row, primals, params)
        several = isinstance(out, (list, tuple))
        outs = list(out) if several else [out]
        moved = push(how, row, primals, tangents, params, outs)
        made = [o if t is None else Dual(o, t, lvl) for o, t in zip(outs, moved, strict=True)]
        return made if several else made[0]

    def differentiate(
        self, outs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor | None], create: bool
    ) -> list[Tensor | None]:
        lvl = self._level
        primals, moved = [_primal(x, lvl) for x in outs], [_tangent(x, lvl) for x in outs]
        by = [_primal(x, lvl) for x in inputs]
        both = [(None, None) if c is None else split(c, lvl) for c in cotangents]
        w, u = [p for p, _ in both], [t for _, t in both]
        first = differentiate(primals, by, w, create)
        pairs = [(t, c) for t, c in zip(moved, w, strict=True) if t is not None and c is not None]
        pairs += [(p, c) for p, c in zip(primals, u, strict=True) if c is not None]
        second = differentiate([p for p, _ in pairs], by, [c for _, c in pairs], create)
        return [
            g if t is None else joined(zeros(x) if g is None else g, t, lvl)
            for g, t, x in zip(first, second, by, strict=True)
        ]


def split(x: Tensor, lvl: Level) -> tuple[Tensor, Tensor | None]:
    """Primal and tangent of a tensor that may be wrapped by higher levels, each wrapped as it is."""
    if isinstance(x, Dual) and x._level is lvl:
        return x.primal, x.tangent
    if not isinstance(x, Wrapped) or x._level.number < lvl.number:
        return x, None
    first, *rest = x.parts()
    p, t = split(first, lvl)
    if not isinstance(x, Dual):
        return x.again(p), None if t is None else x.again(t)
    q, u = (None, None) if rest[0] is None else split(rest[0], lvl)
    if t is None and u is None:
        return x.again(p, q), None
    return x.again(p, q), x.again(zeros(p) if t is None else t, u)


def joined(primal: Tensor, tangent: Tensor, lvl: Level) -> Tensor:
    """The dual of two tensors that may be wrapped by higher levels, in the order of levels."""
    top = found([primal, tangent])
    if top is None or top._level.number < lvl.number:
        return Dual(primal, tangent, lvl)
    if isinstance(top, Dual):
        (p, q), (t, u) = split(primal, top._level), split(tangent, top._level)
        second = (
            None if q is None and u is None else joined(zeros(p) if q is None else q, zeros(t) if u is None else u, lvl)
        )
        return Dual(joined(p, t, lvl), second, top._level)
    return Batched(joined(full(primal, top._level), full(tangent, top._level), lvl), top._level)


def _primal(x: Any, lvl: Level) -> Any:
    if isinstance(x, (list, tuple)):
        return [_primal(t, lvl) for t in x]
    return x.primal if isinstance(x, Dual) and x._level is lvl else x


def _tangent(x: Any, lvl: Level) -> Any:
    if isinstance(x, (list, tuple)):
        got = [_tangent(t, lvl) for t in x]
        return got if any(t is not None for t in got) else None
    return x.tangent if isinstance(x, Dual) and x._level is lvl else None


def push(
    how: str, row: Row, primals: list[Any], tangents: list[Any], params: dict[str, Any], outs: list[Any]
) -> list[Any]:
    """The tangents of a row's outputs; None for those that do not move."""
    none = [None] * len(outs)
    moving = [w.rstrip("*") for w, t in zip(row.tensors, tangents, strict=False) if t is not None]
    if not moving or not row.grad or not any(_floats(o) for o in outs):
        if row.name == "copy" and moving:
            return tangents[1:2]
        return none
    targets = {t for f in row.grad.values() for t in f.targets}
    if not any(m in targets for m in moving):
        return none
    if row.name in NO_TANGENT:
        raise NotImplementedError(
            f"Trying to use forward AD with {row.name} that does not support it because it has not been implemented yet.\nPlease file an issue "
            "to PyTorch at https://github.com/pytorch/pytorch/issues/new?template=feature-request.yml so that we can prioritize its "
            "implementation or submit a PR adding the implementation to derivatives.yaml"
        )
    if row.name in ("as_strided", "as_strided_copy"):  # what it picks depends on how the tangent lies in memory
        return _twice(how, row, primals, tangents, params, outs)
    if row.name == "constant_pad_nd":
        params = params | {"value": 0}
    if row.family in ("view", "pieces") or (row.name in LINEAR and tangents[0] is not None):
        first = tangents[0]
        if isinstance(first, list):
            first = [zeros(p) if t is None else t for p, t in zip(primals[0], first, strict=True)]
        got = call(how, row, [first, *primals[1:]], params)
        return list(got) if isinstance(got, (list, tuple)) else [got]
    if row.name in JOINT:
        given = [
            p if not isinstance(p, Tensor) or not _floats(p) else zeros(p) if t is None else t
            for p, t in zip(primals, tangents, strict=True)
        ]
        return [call(how, row, given, params)]
    if row.name in BILINEAR:
        terms = [
            call(how, row, [t if k == i else p for k, p in enumerate(primals)], params)
            for i, t in enumerate(tangents)
            if t is not None
        ]
        return [terms[0] if len(terms) == 1 else terms[0] + terms[1]]
    if row.family == "pointwise" and _direct(row, primals, outs[0]):
        return [_diagonal(row, primals, tangents, params, outs[0])]
    return _twice(how, row, primals, tangents, params, outs)


def _floats(x: Tensor) -> bool:
    return x._a.dtype.kind not in "biu"


def _direct(row: Row, primals: list[Any], out: Tensor) -> bool:
    """Whether a row's formulas can take tangents as they are: all in one real dtype, or holomorphic."""
    dt = out._a.dtype
    if dt.kind == "c" and not row.holomorphic:
        return False
    return all(
        not isinstance(p, Tensor) or w not in row.promoted or p._a.dtype == dt
        for w, p in zip(row.tensors, primals, strict=False)
    )


def _diagonal(row: Row, primals: list[Any], tangents: list[Any], params: dict[str, Any], out: Tensor) -> Any:
    words = dict(zip(row.tensors, primals, strict=False)) | params | {"result": out}
    words |= {p.name: p.default for p in row.params if p.name not in words}
    total: Any = None
    for word, t in zip(row.tensors, tangents, strict=False):
        for f in row.grad.values():
            if t is None or word not in f.targets:
                continue
            given = {"grad": t, "needs": tuple(k == word for k in f.targets)}
            got = f.fn(*[given[w] if w in given else words[w] for w in f.words])
            if len(f.targets) > 1:
                got = got[f.targets.index(word)]
            total = got if total is None else total + got
    if total is None:
        return None
    if total._a.shape != out._a.shape:
        total = total.expand(out._a.shape)
    return total if total._a.dtype == out._a.dtype else total.to(out.dtype)


def _twice(
    how: str, row: Row, primals: list[Any], tangents: list[Any], params: dict[str, Any], outs: list[Any]
) -> list[Any]:
    """See Note [Tangents from gradients]."""
    with enable_grad():
        fresh = [_fresh(p) if t is not None else p for p, t in zip(primals, tangents, strict=True)]
        again = call(how, row, fresh, params)
        again = list(again) if isinstance(again, (list, tuple)) else [again]
        live = [i for i, o in enumerate(again) if o.requires_grad]
        if not live:
            return [None] * len(outs)
        # Any weights do, the gradient being linear in them; some rows take logarithms of it on the way.
        weights = [alias(zeros(again[i]) + 1) for i in live]
        pairs = [(p, t) for p, t in zip(_flat(fresh), _flat_like(tangents, primals), strict=True) if t is not None]
        back = differentiate([again[i] for i in live], [p for p, _ in pairs], weights, True)
        kept = [(g, t) for g, (_, t) in zip(back, pairs, strict=True) if g is not None]
        history = any(t.requires_grad for t in _flat(primals) + _flat_like(tangents, primals) if isinstance(t, Tensor))
        moved = differentiate([g for g, _ in kept], weights, [t for _, t in kept], history)
    if not history:
        moved = [detached(t) for t in moved]
    made: list[Any] = [None] * len(outs)
    for i, t in zip(live, moved, strict=True):
        made[i] = zeros(outs[i]) if t is None else t
    return made


def _fresh(p: Any) -> Any:
    """A variable that is also still part of its own history. Inputs without one need not be fresh: nobody asks for more."""
    if isinstance(p, list):
        return [_fresh(t) for t in p]
    return alias(p) if isinstance(p, Tensor) else p


def _flat(values: list[Any]) -> list[Any]:
    return [t for v in values for t in (v if isinstance(v, list) else [v])]


def _flat_like(tangents: list[Any], primals: list[Any]) -> list[Any]:
    out: list[Any] = []
    for t, p in zip(tangents, primals, strict=True):
        out += (t if t is not None else [None] * len(p)) if isinstance(p, list) else [t]
    return out


# ---- writing


def _inplace(
    lvl: Level, row: Row, inputs: Sequence[Any], primals: list[Any], tangents: list[Any], params: dict[str, Any]
) -> Any:
    """The row out of place for the tangent; then both are written."""
    target = inputs[0]
    if all(t is None for t in tangents[1:]) and tangents[0] is None:
        return call("inplace", row, primals, params)
    if row.name in ("fill_.Scalar", "zero", "fill.Scalar") or not row.grad:
        moved = None
    else:
        kept = [primals[0].clone(), *primals[1:]]
        out = call("pointwise" if row.family == "pointwise" else "run", row, kept, params)
        moved = push("pointwise" if row.family == "pointwise" else "run", row, kept, tangents, params, [out])[0]
    if tangents[0] is None:
        if moved is None:
            call("inplace", row, primals, params)
            return target
        move(target, lvl)
    call("inplace", row, [target.primal, *primals[1:]], params)
    if moved is None:
        target.tangent.zero_()
    else:
        target.tangent.copy_(moved)
    return target


def move(target: Any, lvl: Level) -> None:
    """Gives a tensor that did not move a tangent of zeros, in place, since others may hold it; views share the tangent of their base."""
    if isinstance(target, Dual) and target._level is lvl:
        target.tangent = zeros(target.primal)
        return
    base = target._x.base if target._x is not None else None
    if base is not None:
        if not (isinstance(base, Dual) and base._level is lvl):
            move(base, lvl)
        at = offset(target._a) - offset(base._a)
        tangent = base.tangent.as_strided(target._a.shape, strides(target._a), at)
    else:
        tangent = zeros(target)
    inner = _twin(target)
    target.__class__ = Dual
    target.fill(inner, tangent, lvl)


def _twin(t: Any) -> Any:
    """Another object that is the same tensor."""
    made = object.__new__(type(t))
    for name in ("_a", "_grad", "_node", "_rg", "_vc", "_x"):
        setattr(made, name, getattr(t, name))
    made.__dict__.update(t.__dict__)
    return made


__all__ = ["Dual", "move", "push"]
