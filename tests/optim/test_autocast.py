"""Autocast on the CPU next to PyTorch's: which functions are cast, how regions nest, what is left behind."""

from __future__ import annotations

import inspect
import threading
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tgrad

M, B, V = (3, 3), (2, 3, 3), (3,)
I5, I3 = (1, 1, 5, 5), (1, 1, 4, 4, 4)
Case = tuple[Any, ...]


def lists(T: Any) -> dict[str, Case]:
    """Functions of float tensors of the given shapes."""
    F, L, fft = T.nn.functional, T.linalg, T.fft

    def long(*size: int) -> Any:
        return T.zeros(*size, dtype=T.int64)

    def mixed(fn: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
        return lambda a: fn(a, a.to(T.bfloat16))

    return {
        # in the lower precision
        "mm": (T.mm, M, M), "bmm": (T.bmm, B, B), "matmul": (T.matmul, M, M), "matmul-vector": (T.matmul, M, V), "@": (lambda a, b: a @ b, M, M),
        "Tensor.mm": (lambda a, b: a.mm(b), M, M), "baddbmm": (T.baddbmm, B, B, B), "addmm": (T.addmm, M, M, M), "addbmm": (T.addbmm, M, B, B),
        "linear": (F.linear, M, M), "vecdot": (L.vecdot, M, M), "inner": (T.inner, M, M), "einsum": (lambda a, b: T.einsum("ij,jk->ik", a, b), M, M),
        "tensordot": (lambda a, b: T.tensordot(a, b, 1), M, M), "multi_dot": (lambda *a: L.multi_dot(a), M, M, M),
        "matrix_power": (lambda a: T.matrix_power(a, 3), M), "conv1d": (F.conv1d, (1, 1, 5), (1, 1, 3)), "conv2d": (T.conv2d, I5, (1, 1, 3, 3)),
        "conv3d": (F.conv3d, I3, (1, 1, 3, 3, 3)), "conv_transpose1d": (F.conv_transpose1d, (1, 1, 5), (1, 1, 3)),
        "conv_transpose2d": (F.conv_transpose2d, I5, (1, 1, 3, 3)), "conv_transpose3d": (F.conv_transpose3d, I3, (1, 1, 3, 3, 3)),
        "prelu": (F.prelu, M, (1,)), "attention": (F.scaled_dot_product_attention, *[(1, 1, 3, 3)] * 3),
        "Linear": (lambda a: T.nn.Linear(3, 3).to(a.dtype)(a), M), "Conv2d": (lambda a: T.nn.Conv2d(1, 1, 3).to(a.dtype)(a), I5),
        # in float32
        "cdist": (T.cdist, M, M), "prod": (T.prod, M), "Tensor.prod": (lambda a: a.prod(1), M), "trace": (T.trace, M),
        "avg_pool3d": (lambda a: F.avg_pool3d(a, 2), I3), "max_pool3d": (lambda a: F.max_pool3d(a, 2), I3),
        "adaptive_avg_pool3d": (lambda a: F.adaptive_avg_pool3d(a, 2), I3), "adaptive_max_pool3d": (lambda a: F.adaptive_max_pool3d(a, 2), I3),
        "fractional_max_pool2d": (lambda a: F.fractional_max_pool2d(a, 2, 2), (1, 4, 4)),
        "max_unpool2d": (lambda a: F.max_unpool2d(a, long(1, 1, 1, 1), 2), (1, 1, 1, 1)),
        "binary_cross_entropy": (F.binary_cross_entropy, M, M), "with_logits": (F.binary_cross_entropy_with_logits, M, M),
        "mse_loss": (F.mse_loss, M, M), "l1_loss": (F.l1_loss, M, M), "smooth_l1_loss": (F.smooth_l1_loss, M, M), "huber_loss": (F.huber_loss, M, M),
        "poisson": (F.poisson_nll_loss, M, M), "cosine": (F.cosine_embedding_loss, M, M, V), "hinge": (F.hinge_embedding_loss, M, M),
        "margin": (F.margin_ranking_loss, V, V, V), "soft_margin": (F.soft_margin_loss, M, M), "triplet": (F.triplet_margin_loss, M, M, M),
        "multilabel": (lambda a: F.multilabel_margin_loss(a, long(3, 3)), M), "multi_margin": (lambda a: F.multi_margin_loss(a, long(3)), M),
        "nll_loss": (lambda a: F.nll_loss(a, long(3)), M), "cross_entropy": (lambda a: F.cross_entropy(a, long(3)), M),
        "CrossEntropyLoss": (lambda a: T.nn.CrossEntropyLoss()(a, long(3)), M), "grid_sample": (F.grid_sample, (1, 1, 3, 3), (1, 2, 2, 2)),
        "quantile": (lambda a: T.quantile(a, 0.5), M), "polar": (T.polar, M, M), "fft": (fft.fft, M), "irfft": (fft.irfft, M),
        "stft": (lambda a: T.stft(a, 4, return_complex=True), (16,)), "view_as_complex": (T.view_as_complex, (3, 2)),
        "reflect-2": (lambda a: F.pad(a, (1, 1, 1, 1), mode="reflect"), I5), "replicate-3": (lambda a: F.pad(a, (1,) * 6, mode="replicate"), I3),
        "inv": (L.inv, M), "svd": (L.svd, M), "qr": (L.qr, M), "eigh": (L.eigh, M), "solve": (L.solve, M, M), "lstsq": (L.lstsq, M, M),
        # as the inputs are
        "mv": (T.mv, M, V), "dot": (T.dot, V, V), "addmv": (T.addmv, V, M, V), "outer": (T.outer, V, V), "softmax": (lambda a: F.softmax(a, -1), M),
        "log_softmax": (lambda a: F.log_softmax(a, -1), M), "layer_norm": (lambda a: F.layer_norm(a, (3,)), M), "sum": (T.sum, M), "exp": (T.exp, M),
        "pow": (lambda a: a**2.5, M), "reflect-3": (lambda a: F.pad(a, (1,) * 6, mode="reflect"), I3), "avg_pool2d": (lambda a: F.avg_pool2d(a, 2), I5),
        "constant": (lambda a: F.pad(a, (1, 1)), M), "gelu": (F.gelu, M), "batch_norm": (lambda a: F.batch_norm(a, None, None, training=True), M),
        "embedding": (lambda a: F.embedding(long(2), a), M), "gaussian": (F.gaussian_nll_loss, M, M, M), "norm": (T.norm, M),
        # as the widest
        "cat": (mixed(lambda a, b: T.cat([a, b])), M), "stack": (mixed(lambda a, b: T.stack([b, a])), M), "add": (mixed(lambda a, b: a + b), M),
        "index_copy": (lambda a: a.index_copy(0, T.tensor([0]), a[:1].bfloat16()) if a.dtype is not T.float64 else a, M),
    }  # fmt: skip


def outcome(T: Any, case: Case, dtype: str) -> Any:
    fn, *shapes = case
    rng = np.random.default_rng(0)
    args = [T.tensor(rng.random(s).tolist()).to(getattr(T, dtype)) for s in shapes]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with T.autocast("cpu", dtype=T.bfloat16):
            out = fn(*args)
    while isinstance(out, (tuple, list)):
        out = out[0]
    return out


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_what_is_cast(torch: ModuleType, dtype: str) -> None:
    ours, theirs = lists(tgrad), lists(torch)
    for name in theirs:
        a, b = outcome(tgrad, ours[name], dtype), outcome(torch, theirs[name], dtype)
        assert str(a.dtype) == str(b.dtype), name
        drawn = ("Linear", "Conv2d", "fractional_max_pool2d", "svd", "qr", "eigh")
        if name not in drawn:
            x, y = (np.array(t.tolist()) for t in (a, b))
            scale = max(np.abs(y).max(), 1e-30)
            np.testing.assert_allclose(
                x / scale, y / scale, atol=3e-2 if "b" in (str(b.dtype)[6], dtype[0]) else 1e-5, err_msg=name
            )


def test_values_are_rounded_as_there(torch: ModuleType) -> None:
    got = []
    for T in (tgrad, torch):
        rng = np.random.default_rng(1)
        x, w = (T.tensor(rng.standard_normal((4, 4)).tolist(), requires_grad=True) for _ in range(2))
        with T.autocast("cpu"):
            y = T.nn.functional.linear(x, w)
            z = T.nn.functional.mse_loss(y.relu(), x)
        z.backward()
        got.append([y.detach().float().tolist(), z.dtype, x.grad.tolist(), w.grad.tolist()])
        assert y.grad_fn is not None and x.grad.dtype is T.float32 and str(z.dtype) == "torch.float32"
    for a, b in zip(got[0][::2], got[1][::2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3)


def test_float16(torch: ModuleType) -> None:
    for T in (tgrad, torch):
        x = T.ones(2, 2)
        with T.autocast("cpu", dtype=T.float16):
            assert (x @ x).dtype is T.float16
            assert T.get_autocast_dtype("cpu") is T.float16
            with pytest.raises(RuntimeError, match="Unexpected floating ScalarType in at::autocast::prioritize"):
                T.cat([x.bfloat16(), x.bfloat16()])
        assert T.get_autocast_dtype("cpu") is T.bfloat16


def test_regions(torch: ModuleType) -> None:
    logs = []
    for T in (tgrad, torch):
        x, log = T.ones(2, 2), []

        @T.autocast("cpu")
        def product(x: Any = x, T: Any = T) -> Any:
            return T.mm(x, x).dtype, T.is_autocast_enabled("cpu")

        def note(x: Any = x, T: Any = T, log: Any = log) -> None:
            out = T.empty(2, 2)
            T.mm(x, x, out=out)
            log.append(
                [
                    str((x @ x).dtype),
                    str(out.dtype),
                    T.is_autocast_enabled("cpu"),
                    str(T.get_autocast_dtype("cpu")),
                    T.is_autocast_cache_enabled(),
                ]
            )

        note()
        with T.autocast("cpu", cache_enabled=False):
            note()
            with T.autocast("cpu", enabled=False):
                note()
                with T.autocast("cpu", dtype=T.float16):
                    note()
                note()
            note()
            try:
                with T.autocast("cpu", dtype=T.float16):
                    raise KeyError
            except KeyError:
                note()
            seen: list[Any] = []
            thread = threading.Thread(target=lambda x=x, seen=seen: seen.append(str((x @ x).dtype)))
            thread.start()
            thread.join()
            log.append(seen)
        note()
        log.append([str(v) for v in product()])
        T.set_autocast_enabled("cpu", True)
        note()
        T.set_autocast_enabled("cpu", False)
        note()
        logs.append(log)
    assert logs[0] == logs[1]


def test_everybody_sees_it_and_nothing_stays() -> None:
    """Functions that were taken before, under any name, are cast too; afterwards they are what they were."""
    from tgrad.nn.functional import linear

    product, method, x = tgrad.mm, tgrad.Tensor.matmul, tgrad.ones(2, 2)
    product(x, x)
    codes = [f.__code__ for f in (linear, product, method)]
    signatures = [inspect.signature(f) for f in (linear, product, method)]
    with tgrad.autocast("cpu"):
        assert {f(x, x).dtype for f in (linear, product, method)} == {tgrad.bfloat16}
        assert [inspect.signature(f) for f in (linear, product, method)] == signatures
        assert linear(x, x, bias=None).dtype is tgrad.bfloat16
        with pytest.raises(TypeError):
            product(x)
    assert [f.__code__ for f in (linear, product, method)] == codes
    assert {f(x, x).dtype for f in (linear, product, method)} == {tgrad.float32}


def test_casts_of_parameters_are_kept() -> None:
    w, x = tgrad.nn.Parameter(tgrad.ones(2, 2)), tgrad.ones(2, 2)
    for keep in (True, False):
        with tgrad.autocast("cpu", cache_enabled=keep):
            a, b = x @ w, x @ w
            with tgrad.no_grad():
                assert not (x @ w).requires_grad
        casts = [y.grad_fn.next_functions[1][0] for y in (a, b)]
        assert casts[0].name() == "ToCopyBackward0" and (casts[0] is casts[1]) == keep
        w.grad = None
        (a.sum() + b.sum()).backward()
        assert w.grad.tolist() == [[4.0, 4.0], [4.0, 4.0]] and w.grad.dtype is tgrad.float32
        with tgrad.no_grad():
            w.fill_(1.0)
        with tgrad.autocast("cpu", cache_enabled=keep):
            assert (x @ w)[0, 0].item() == 2.0
    from tgrad.amp._state import state

    assert not state.cache


def test_custom_functions(torch: ModuleType) -> None:
    logs = []
    for T in (tgrad, torch):
        log: list[Any] = []

        class Product(T.autograd.Function):
            @staticmethod
            @T.amp.custom_fwd(device_type="cpu")
            def forward(ctx: Any, x: Any, log: Any = log) -> Any:
                y = x @ x
                log.append(str(y.dtype))
                return y

            @staticmethod
            @T.amp.custom_bwd(device_type="cpu")
            def backward(ctx: Any, grad: Any, T: Any = T, log: Any = log) -> Any:
                log.append([T.is_autocast_enabled("cpu"), str((grad.float() @ grad.float()).dtype)])
                return grad.float()

        class Cast(T.autograd.Function):
            @staticmethod
            @T.amp.custom_fwd(device_type="cpu", cast_inputs=T.float32)
            def forward(ctx: Any, x: Any, more: Any, T: Any = T, log: Any = log) -> Any:
                log.append(
                    [
                        str(x.dtype),
                        str(more["a"][0].dtype),
                        str(more["b"].dtype),
                        more["c"],
                        T.is_autocast_enabled("cpu"),
                    ]
                )
                return x * 1

            @staticmethod
            @T.amp.custom_bwd(device_type="cpu")
            def backward(ctx: Any, grad: Any, T: Any = T, log: Any = log) -> Any:
                log.append([str(grad.dtype), T.is_autocast_enabled("cpu")])
                return grad, None

        x = T.ones(2, 2, requires_grad=True)
        more = {"a": [T.ones(1, dtype=T.bfloat16)], "b": T.ones(1, dtype=T.float64), "c": "text"}
        for on in (True, False):
            with T.autocast("cpu", enabled=on):
                y, z = Product.apply(x), Cast.apply(x.bfloat16(), more)
            y.sum().backward()
            z.sum().backward()
        logs.append(log)
    assert logs[0] == logs[1]


def said(T: Any, call: Callable[[Any], Any]) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            out: Any = call(T)
            out = out if isinstance(out, (bool, int, list)) else str(out) if str(out).startswith("torch.") else None
        except Exception as e:
            out = type(e).__name__, str(e)
    return out, [(w.category.__name__, str(w.message).partition(" (Triggered")[0]) for w in caught]


DEVICES = ("cpu", "cuda", "mps", "xpu", "meta", "hpu", "foo", "mtia", "ipu", "privateuseone", "xla", "maia")
SAYINGS: list[Callable[[Any], Any]] = [
    *(lambda T, d=d: T.amp.is_autocast_available(d) for d in DEVICES),
    *(lambda T, d=d: T.get_autocast_dtype(d) for d in DEVICES),
    *(lambda T, d=d: T.is_autocast_enabled(d) for d in DEVICES),
    *(lambda T, d=d: T.autocast(d)._enabled for d in DEVICES),
    lambda T: T.is_autocast_enabled(),
    lambda T: T.is_autocast_cpu_enabled(),
    lambda T: T.get_autocast_cpu_dtype(),
    lambda T: T.get_autocast_gpu_dtype(),
    lambda T: T.set_autocast_cpu_enabled(False),
    lambda T: T.set_autocast_cpu_dtype(T.bfloat16),
    lambda T: T.set_autocast_gpu_dtype(T.float16),
    lambda T: T.is_autocast_ipu_enabled(),
    lambda T: T.is_autocast_xla_enabled(),
    lambda T: [T.autocast_increment_nesting(), T.autocast_decrement_nesting()],
    lambda T: T.autocast(3),
    lambda T: T.autocast("cpu", T.float32)._enabled,
    lambda T: T.autocast("xpu", T.float64)._enabled,
    lambda T: T.autocast("cpu", T.float64, enabled=False)._enabled,
    lambda T: T.autocast("cpu")(3),
    lambda T: T.cpu.amp.autocast()._enabled,
    lambda T: T.cuda.amp.autocast()._enabled,
    lambda T: T.cuda.amp.custom_fwd(lambda ctx, x: x),
    lambda T: T.cuda.amp.custom_bwd(lambda ctx, x: x),
    lambda T: T.cuda.amp.amp_definitely_not_available(),
    lambda T: T.amp.custom_fwd(device_type=3),
    lambda T: T.amp.custom_bwd(device_type=3),
]


@pytest.mark.parametrize("i", range(len(SAYINGS)))
def test_settings_and_errors(torch: ModuleType, i: int) -> None:
    assert said(tgrad, SAYINGS[i]) == said(torch, SAYINGS[i])


def test_names(torch: ModuleType) -> None:
    import tgrad.cpu.amp
    import tgrad.cuda.amp.autocast_mode

    for ours, theirs in (
        (tgrad.amp, torch.amp),
        (tgrad.cuda.amp, torch.cuda.amp),
        (tgrad.amp.autocast_mode, torch.amp.autocast_mode),
    ):
        assert set(theirs.__all__) <= set(ours.__all__)
    assert tgrad.autocast is tgrad.amp.autocast is tgrad.amp.autocast_mode.autocast
    for name in ("autocast", "GradScaler"):
        for path in ("amp", "cpu.amp", "cuda.amp"):
            a, b = tgrad, torch
            for word in path.split("."):
                a, b = getattr(a, word), getattr(b, word)
            x, y = (list(inspect.signature(getattr(m, name).__init__).parameters.values()) for m in (a, b))
            assert [(p.name, str(p.default)) for p in x] == [(p.name, str(p.default)) for p in y]
