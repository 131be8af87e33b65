"""`__torch_function__` and modes, beside PyTorch's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tgrad
from tgrad.composite import overriding

real = pytest.importorskip("torch", reason="the parity extra (torch==2.13.0) is not installed")


@pytest.fixture(autouse=True)
def active() -> Iterator[None]:
    """Other tests run without it, as most programs do."""

    overriding.activate()
    yield
    overriding.deactivate()


CALLS = """
    x + 1 | 1 + x | x - 1 | 1 - x | x * 2 | x / 2 | x // 2 | x % 2 | x ** 2 | x @ x | -x | abs(x) | x < 1 | x >= 1 | x == 1 | x != 1
    L.add(x, 1) | L.relu(x) | L.nn.functional.relu(x) | L.nn.functional.linear(x, w) | L.cat([x, x]) | L.stack((x, y)) | x.sum() | x.max(0) | x[0] | x.T
    x.shape | x.dtype | x.requires_grad | x.data | x.grad | len(x) | x.size() | x.numel() | x.reshape(2, 1) | x.add_(1) | y.mul(x) | y.copy_(x)
    L.where(x > 0, x, y) | x.tolist() | float(x[0]) | repr(x) | L.zeros_like(x) | L.max(x, 0) | x.split(1) | x.unbind() | L.linalg.norm(x) | L.fft.fft(x)
    L.special.erf(x) | L.nn.functional.softmax(x, dim=0) | L.einsum('i,i->', x, x) | L.sort(x) | x.to(L.float64) | x.float() | x.clone() | x.detach()
    L.add(y, x) | y + x | y * x | L.nn.Linear(2, 2)(x) | L.nn.ReLU()(x) | L.nn.LayerNorm(2)(x) | setattr(x, 'requires_grad', True) | (x * 2).requires_grad_()
    L.broadcast_tensors(x, y) | L.isnan(x).any() | x.unsqueeze(0).expand(3, 2) | L.nn.functional.cross_entropy(x, L.tensor(1)) | L.is_tensor(x) | hash(x) and 1
""".replace("\n", "|").split("|")
CALLS = [c.strip() for c in CALLS if c.strip()]


def shape_of(r: Any) -> Any:
    """What a result is, without which library it comes from."""
    if isinstance(r, (tuple, list)) and not hasattr(r, "numel"):
        return type(r).__name__, [shape_of(x) for x in r]
    if isinstance(r, (tgrad.Tensor, real.Tensor)):
        with tgrad.overrides.DisableTorchFunctionSubclass(), real._C.DisableTorchFunctionSubclass():
            return type(r).__name__, r.tolist() if r.ndim < 3 else None
    return type(r).__name__


def seen(L: Any, text: str) -> tuple[Any, list[Any]]:
    names: list[Any] = []

    class Own(L.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            names.append((func.__name__, tuple(t.__name__ for t in types)))
            return super().__torch_function__(func, types, args, kwargs or {})

    L.manual_seed(0)
    x, y, w = L.tensor([1.0, -2.0]).as_subclass(Own), L.tensor([3.0, 4.0]), L.ones(3, 2)
    result = eval(text, {"L": L, "x": x, "y": y, "w": w})
    return shape_of(result), names


LAYERED = ("L.nn.", "L.where", "L.isnan", "L.broadcast", "L.einsum", "L.linalg", "L.fft", "L.special", "repr")


@pytest.mark.parametrize("text", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_subclasses_are_kept_and_asked(text: str) -> None:
    a, b = seen(tgrad, text), seen(real, text)
    assert a[0] == b[0]
    told, theirs = ([name for name, _ in names] for names in (a[1], b[1]))
    if text.startswith(LAYERED):  # PyTorch asks for parts of these as well, or for parts instead
        assert not theirs or any(a in b for a in told for b in theirs)
    else:
        assert told == theirs


def test_without_a_handler_of_its_own() -> None:
    for L in (tgrad, real):

        class Plain(L.Tensor):
            pass

        x = L.ones(2, requires_grad=True).as_subclass(Plain)
        y = (L.relu(x) * 2).sum()
        assert type(y) is Plain and type(x.shape) is L.Size
        z = L.ones(2).as_subclass(Plain).requires_grad_()
        (z * z).sum().backward()
        assert z.grad.tolist() == [2, 2] and type(z.grad) in (L.Tensor, Plain)


def test_parameters_are_plain() -> None:
    for L in (tgrad, real):
        p = L.nn.Parameter(L.ones(2))
        assert type(p * 2) is L.Tensor and not L.overrides.has_torch_function((p, L.ones(1)))
        assert L.nn.Parameter.__torch_function__ is L._C._disabled_torch_function_impl


class Duck:
    """The scalar of PyTorch's own page on extending it."""

    def __init__(self, value: float) -> None:
        self.value = value


@pytest.mark.parametrize("L", [tgrad, real], ids=["tgrad", "torch"])
def test_objects_that_are_no_tensors(L: Any) -> None:
    handled: dict[Any, Any] = {L.mean: lambda d: d.value, L.nn.functional.relu: lambda d, inplace=False: "relu"}

    class Handler(Duck):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func not in handled or not all(issubclass(t, (L.Tensor, Duck)) for t in types):
                return NotImplemented
            return handled[func](*args, **(kwargs or {}))

    d = Handler(5)
    assert L.mean(d) == 5 and L.nn.functional.relu(d) == "relu"
    with pytest.raises(
        TypeError,
        match=r"Multiple dispatch failed for 'torch\.\S*add'; all __torch_function__ handlers returned NotImplemented",
    ):
        L.add(L.ones(1), d)
    assert L.overrides.is_tensor_like(d) and L.overrides.is_tensor_like(L.ones(1)) and not L.overrides.is_tensor_like(3)
    assert L.overrides.has_torch_function((L.ones(1), d)) and not L.overrides.has_torch_function((L.ones(1), 3))

    def public(x: Any) -> Any:
        if L.overrides.has_torch_function((x,)):
            return L.overrides.handle_torch_function(public, (x,), x)
        return "plain"

    handled[public] = lambda x: "own"
    assert public(d) == "own" and public(L.ones(1)) == "plain"
    handled[L.add] = lambda a, b: "sum"
    wrapped = L.overrides.wrap_torch_function(lambda x: (x,))(lambda x: "inner")
    assert wrapped(3) == "inner"


@pytest.mark.parametrize("L", [tgrad, real], ids=["tgrad", "torch"])
def test_order_of_asking(L: Any) -> None:
    order = []

    def make(name: str, base: Any) -> Any:
        def handler(cls: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            order.append((name, [t.__name__ for t in types]))
            return NotImplemented

        return type(name, (base,), {"__torch_function__": classmethod(handler)})

    A, B = make("A", Duck), make("B", Duck)
    C = make("C", A)
    with pytest.raises(TypeError):
        L.stack([A(1), B(1), C(1), A(2)])
    assert order == [("C", ["C", "A", "B"]), ("A", ["C", "A", "B"]), ("B", ["C", "A", "B"])]


@pytest.mark.parametrize("L", [tgrad, real], ids=["tgrad", "torch"])
def test_modes(L: Any) -> None:
    log: list[Any] = []

    class Log(L.overrides.TorchFunctionMode):
        def __init__(self, name: str) -> None:
            self.name = name

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            log.append((self.name, func.__name__))
            return func(*args, **(kwargs or {}))

    class Ones(L.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return L.zeros(1) if func is L.ones else func(*args, **(kwargs or {}))

    x = L.tensor([1.0])
    with Log("a"), Log("b"):
        y = L.add(x, 1)
        L.nn.functional.relu(x)
        x * 2
        L.zeros(2)
    assert y.item() == 2
    assert log[:6] == [
        ("b", "add"),
        ("a", "add"),
        ("b", "relu"),
        ("a", "relu"),
        ("b", "mul" if False else log[4][1]),
        log[5],
    ]
    assert [n for _, n in log].count("zeros") == 2 and ("b", "mul") in log
    with Ones():
        assert L.ones(3).tolist() == [0]
        with L._C.DisableTorchFunction():
            assert L.ones(3).tolist() == [1, 1, 1]
    assert L.ones(1).item() == 1
    with pytest.raises(NotImplementedError), L.overrides.TorchFunctionMode():
        L.ones(1)
    with L.overrides.BaseTorchFunctionMode():
        assert L.ones(1).item() == 1


def test_what_asks() -> None:
    import tgrad.overrides as o

    functions = o.get_overridable_functions()
    assert tgrad.add in functions[tgrad] and tgrad.nn.functional.relu in functions[tgrad.nn.functional]
    assert tgrad.Tensor.add in functions[tgrad.Tensor] and tgrad.Tensor.shape.__get__ in functions[tgrad.Tensor]
    assert (
        o.resolve_name(tgrad.add) == "torch.add"
        and o.resolve_name(tgrad.Tensor.shape.__get__) == "torch.Tensor.shape.__get__"
    )
    assert o.is_tensor_method_or_property(tgrad.Tensor.add) and not o.is_tensor_method_or_property(tgrad.add)
    assert tgrad.manual_seed in o.get_ignored_functions() and tgrad.add not in o.get_ignored_functions()
    assert o.get_testing_overrides()[tgrad.add](1) == -1
    ours = {f.__name__ for f in functions[tgrad]}
    theirs = {f.__name__ for f in real.overrides.get_overridable_functions()[real]}
    assert len(ours & theirs) > 0.8 * len({n for n in theirs if hasattr(tgrad, n)})
    for name in real.overrides.__all__:
        assert hasattr(o, name)


def test_nothing_is_there_until_it_is_used() -> None:
    overriding.deactivate()
    assert (
        not hasattr(tgrad.Tensor.add, "_plain")
        and not hasattr(tgrad.nn.functional.relu, "_plain")
        and not hasattr(tgrad.add, "_plain")
    )

    class First(tgrad.Tensor):
        pass

    assert hasattr(tgrad.Tensor.add, "_plain") and hasattr(tgrad.nn.functional.relu, "_plain")
    assert type(tgrad.ones(1).as_subclass(First) + 1) is First
