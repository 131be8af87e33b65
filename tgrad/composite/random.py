"""Random tensors: PyTorch's names over the generator whose stream equals PyTorch's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtype as dtypes  # type: ignore[no-redef]
from ..dispatch import check_writable, commit, inplace_node, into, needs_grad, no_overload, run
from ..graph.modes import state
from ..levels import drawing
from ..methods import composite, publish
from ..ops.spec import op
from ..ops.view import undifferentiated
from ..rng import Generator, default_generator, place
from ..tensor import Tensor, wrap
from .creation import at, flagged, like_array, sizes_of

publish("Generator", Generator)  # type: ignore[arg-type]
publish("default_generator", default_generator)  # type: ignore[arg-type]


def gen(generator: Generator | None) -> Generator:
    return default_generator if generator is None else generator


@composite()
def manual_seed(seed):
    """Starts the default generator anew from `seed`; the same seed gives PyTorch's numbers. Returns the generator.

    >>> _ = torch.manual_seed(0)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    return default_generator.manual_seed(int(seed))


@composite()
def seed():
    """Starts the default generator from a seed that the system supplies, and returns it."""
    return default_generator.seed()


@composite()
def initial_seed():
    """The seed that the default generator started from."""
    return default_generator.initial_seed()


@composite()
def get_rng_state():
    """The default generator's state, as a uint8 tensor."""
    return wrap(default_generator.get_state_array())


@composite()
def set_rng_state(new_state):
    """Puts the default generator into a state that `get_rng_state` returned."""
    default_generator.set_state_array(new_state._a)


def _get_state(self: Generator) -> Tensor:
    """The generator's state, as a uint8 tensor."""
    return wrap(self.get_state_array())


def _set_state(self: Generator, new_state: Tensor) -> Generator:
    """Puts the generator into a state that `get_state` returned, and returns the generator."""
    self.set_state_array(new_state._a)
    return self


# The generator itself knows arrays only.
Generator.get_state, Generator.set_state = _get_state, _set_state  # type: ignore[attr-defined]


def _more(sizes: Any) -> Any:
    """Decorator for functions that take sizes: `sizes(n, args, kwargs)` are the arguments for n times as much."""
    return lambda fn: drawing(fn, sizes)


def _more_integers(n: int, low: Any, high: Any = None, size: Any = None, **kw: Any) -> Any:
    if size is None:
        low, high, size = 0, low, high
    return (low, high, (n, *size)), kw


def _named(name: str) -> Any:
    def rename(fn: Any) -> Any:
        fn.__name__ = name
        return drawing(fn)

    return rename


def _floats(d: Any) -> Any:
    return dtypes.get_default_dtype() if d is None else d


def _factory(name: str, draw: Any) -> None:
    @composite(name=name)
    @_more(lambda n, args, kw: ((n, *(args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args)), kw))
    def sample(*size: Any, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
               requires_grad: Any = False, pin_memory: Any = False, names: Any = None, **kw: Any) -> Any:  # fmt: skip
        if "size" in kw:
            size = (kw.pop("size"),)
        if kw:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kw))}'")
        at(device)
        d = _floats(dtype if out is None else out.dtype)
        shape = sizes_of(size, name)
        if d.category < 2:
            kernel = "check_uniform_bounds" if name == "rand" else "normal_kernel_cpu"
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{d.legacy}'")
        a = draw(gen(generator), shape, d.np)
        return flagged(a, requires_grad) if out is None else into(out, wrap(a), name)

    what, shown = {
        "rand": ("Uniform numbers in [0, 1)", "tensor([0.4963, 0.7682])"),
        "randn": ("Numbers of the standard normal distribution", "tensor([ 1.5410, -0.2934])"),
    }[name]
    sample.__doc__ = (
        f"{what} in the given sizes, floats of the default dtype unless `dtype` says else. From one seed\n"
        "come the numbers that PyTorch gives on the CPU. `generator` is the default one unless given.\n\n"
        f">>> _ = torch.manual_seed(0)\n>>> torch.{name}(2)\n{shown}\n"
    )

    @composite(name=name + "_like")
    @drawing
    def like(input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: Any = False,
             memory_format: Any = None, generator: Any = None, pin_memory: Any = False) -> Any:  # fmt: skip
        at(device)
        d = dtype or input.dtype
        a = like_array(input, d, "empty", memory_format)
        if name == "randn":
            place(a, gen(generator).normal(a.shape, d.np, contiguous=a.flags.c_contiguous))
        else:
            place(a, gen(generator).uniform(a.shape, d.np))
        return flagged(a, requires_grad)

    like.__doc__ = (
        f"`{name}` with the sizes and dtype of `input`.\n\n"
        f">>> torch.{name}_like(torch.zeros(2, 3)).shape\ntorch.Size([2, 3])\n"
    )


_factory("rand", lambda g, shape, dt: g.uniform(shape, dt))
_factory("randn", lambda g, shape, dt: g.normal(shape, dt))


@composite()
@_more(lambda n, args, kw: _more_integers(n, *args, **kw))
def randint(low=None, high=None, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False,
            pin_memory=False):  # fmt: skip
    """Integers from `low` (0 if left out) up to but not including `high`, evenly distributed.

    The dtype is int64 unless `dtype` says otherwise. RuntimeError unless low < high.

    >>> torch.randint(0, 10, (3,)).shape
    torch.Size([3])
    """
    if size is None:
        low, high, size = 0, low, high
    elif low is None:  # given by keywords
        low = 0
    if high is None or size is None:
        raise TypeError(f"randint() missing 1 required positional argument: '{'low' if high is None else 'size'}'")
    at(device)
    d = dtype or (out.dtype if out is not None else dtypes.int64)
    a = gen(generator).randint(int(low), int(high), sizes_of((size,), "randint"), d.np)
    return flagged(a, requires_grad) if out is None else into(out, wrap(a), "randint")


@composite()
@drawing
def randint_like(
    input, low, high=None, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None
):
    """`randint` with the sizes and dtype of `input`."""
    if high is None:
        low, high = 0, low
    if isinstance(high, Tensor):
        high = int(high)
    d = dtype or input.dtype
    a = like_array(input, d, "empty", memory_format)
    place(a, default_generator.randint(int(low), int(high), a.shape, d.np))
    return flagged(a, requires_grad)


@composite()
@drawing
def randperm(
    n, *, generator=None, out=None, dtype=dtypes.int64, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """The numbers 0 … n-1 in random order.

    >>> sorted(torch.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    at(device)
    a = gen(generator).randperm(n, dtype.np)
    return flagged(a, requires_grad) if out is None else into(out, wrap(a), "randperm")


@composite()
@drawing
def normal(
    mean, std=1.0, size=None, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False
):
    """Normal numbers with the given mean and standard deviation, each a number or a tensor."""
    g = gen(generator)
    if size is not None:
        if isinstance(mean, (Tensor, complex)) or isinstance(std, (Tensor, complex)):
            raise no_overload("normal", mean, std, size)
        d = _floats(dtype)
        r = flagged(g.normal(sizes_of((size,), "normal"), d.np, float(mean), float(std)), requires_grad)
    else:
        if not isinstance(mean, Tensor) and not isinstance(std, Tensor):
            shown = ", ".join(type(a).__name__ for a in (mean, std))
            raise TypeError(
                f"normal() received an invalid combination of arguments - got ({shown}), but expected one of:"
            )
        if isinstance(std, Tensor) and std.is_complex():
            raise RuntimeError("normal expects standard deviation to be non-complex")
        if isinstance(mean, Tensor) and isinstance(std, Tensor):
            r = normal_both.record(mean, std, g)
        elif isinstance(mean, Tensor):
            r = normal_mean.record(mean, float(std), g)
        else:
            r = normal_std.record(std, float(mean), g)
    return r if out is None else into(out, r, "normal")


def _zeroed(grad: Any) -> Any:
    return _nothing(grad, grad.shape)


def _nothing(grad: Any, shape: Any) -> Any:
    """What is drawn does not change with where it is drawn from: PyTorch records zeros."""
    return np.zeros(shape, grad.dtype) if isinstance(grad, np.ndarray) else grad.new_zeros(shape)


def _drawn(g: Generator, mean: Any, std: Any) -> np.ndarray:
    for x in (mean, std):
        if isinstance(x, np.ndarray) and x.dtype.kind in "biu":
            raise NotImplementedError(f"\"normal_kernel_cpu\" not implemented for '{dtypes.from_np(x.dtype).legacy}'")
    return g.normal_each(mean, std)


@op("normal.Tensor_float", grad=dict(mean=lambda grad, mean_sizes: _nothing(grad, mean_sizes)), tensors="mean", node="NormalBackward1",
    real_grad=True, function=False, method=False)  # fmt: skip
def normal_mean(mean, std, generator):
    return _drawn(generator, mean, std)


@op("normal.float_Tensor", grad=dict(std=lambda grad, std_sizes: _nothing(grad, std_sizes)), tensors="std", node="NormalBackward2",
    real_grad=True, function=False, method=False)  # fmt: skip
def normal_std(std, mean, generator):
    return _drawn(generator, mean, std)


@op("normal.Tensor_Tensor", grad=dict(mean=lambda grad, mean_sizes: _nothing(grad, mean_sizes),
                                      std=lambda grad, std_sizes: _nothing(grad, std_sizes)), tensors="mean std",
    node="NormalBackward3", real_grad=True, function=False, method=False)  # fmt: skip
def normal_both(mean, std, generator):
    return _drawn(generator, mean, std)


@composite(method=True)
@drawing
def bernoulli(input, p=None, *, generator=None, out=None):
    """Zeros and ones: one with the probability that each element of `input` gives (or `p`, for all).

    >>> torch.bernoulli(torch.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    if p is not None:
        drawn = gen(generator).bernoulli(input._a.shape, input._a.dtype, float(p))
        r = undifferentiated.record(input, drawn, "bernoulli")
        return r if out is None else into(out, r, "bernoulli")
    r = run(bernoulli_row, (input,), {"generator": generator})
    return r if out is None else into(out, r, "bernoulli")


@op("bernoulli.tensor", grad=dict(self=lambda grad: _zeroed(grad)), tensors="self", node="BernoulliBackward0", function=False,
    method=False)  # fmt: skip
def bernoulli_row(self, generator=None):
    return gen(generator).bernoulli(self.shape, self.dtype, self)


@composite(method=True)
@drawing
def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn with the probabilities that the last dimension of `input` is proportional to.

    >>> torch.multinomial(torch.tensor([0.0, 1.0, 0.0]), 1)
    tensor([1])
    """
    if isinstance(out, Tensor) and out._a.dtype != np.int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {out.dtype.legacy}")
    r = wrap(np.ascontiguousarray(gen(generator).multinomial(input._a, num_samples, replacement)))
    return r if out is None else into(out, r, "multinomial")


@composite()
@drawing
def poisson(input, generator=None):
    """Poisson numbers with the rates that `input` gives."""
    return wrap(gen(generator).poisson(input._a))


@composite()
@drawing
def binomial(count, prob, generator=None):
    """Binomial numbers: successes in `count` tries of probability `prob`."""
    return wrap(gen(generator).binomial(count._a, prob._a))


def _inplace(
    name: str,
    draw: Any,
    node: str,
    doc: str,
    pick: Any = lambda args, kwargs: 0,
    inputs: Sequence[str] = ("self", "self", "self"),
) -> None:
    """Publishes an in-place generator. PyTorch numbers the nodes by overload: `node` lists them, `inputs` the tensors of
    each, `pick` tells which overload the arguments mean."""
    rows = [
        op(
            f"{name}.{'inplace' if i == 0 else i}",
            grad={word: lambda grad: _zeroed(grad) for word in inputs[i].split()},
            tensors=inputs[i],
            node=n,
            function=False,
            method=False,
        )(lambda self: self)
        for i, n in enumerate(node.split())
    ]

    @composite(name=name, method=True, function=False)
    @_named(name)
    def fill(self: Any, *args: Any, generator: Any = None, **kwargs: Any) -> Any:
        row = rows[pick(args, kwargs)]
        recording = state.grad and needs_grad((self,))
        check_writable(self, recording or (state.grad and self._rg))
        values = draw(gen(generator), self._a, *args, **kwargs)
        given = [t for t in (*args, *kwargs.values()) if isinstance(t, Tensor)]
        made = inplace_node(row, (self, *given), {}) if recording else None
        place(self._a, values)
        commit(self, made, row)
        return self

    fill.__doc__ = doc


_inplace(
    "uniform_", lambda g, a, from_=0.0, to=1.0, **kw: g.uniform(a.shape, a.dtype, float(kw.get("from", from_)), float(to)),
    "UniformBackward0", "Fills with uniform numbers in [from, to).",
)  # fmt: skip
_inplace(
    "normal_",
    lambda g, a, mean=0.0, std=1.0: g.normal(a.shape, a.dtype, float(mean), float(std), contiguous=a.flags.c_contiguous),
    "NormalBackward0", "Fills with normal numbers of the given mean and standard deviation.",
)  # fmt: skip
_inplace(
    "log_normal_", lambda g, a, mean=1.0, std=2.0: g.log_normal(a.shape, a.dtype, float(mean), float(std)), "LogNormalBackward0",
    "Fills with numbers whose logarithm is normal.",
)  # fmt: skip
_inplace(
    "cauchy_", lambda g, a, median=0.0, sigma=1.0: g.cauchy(a.shape, a.dtype, float(median), float(sigma)), "CauchyBackward0",
    "Fills with Cauchy numbers.",
)  # fmt: skip
_inplace(
    "exponential_", lambda g, a, lambd=1.0: g.exponential(a.shape, a.dtype, float(lambd)), "ExponentialBackward0",
    "Fills with exponential numbers of the given rate.",
)  # fmt: skip
_inplace(
    "geometric_",
    lambda g, a, p: g.geometric(a.shape, a.dtype, float(p)),
    "GeometricBackward0",
    "Fills with geometric numbers.",
)
_inplace(
    "random_", lambda g, a, *bounds, **kw: _random(g, a, *bounds, **kw), "RandomBackward0 RandomBackward1 RandomBackward2",
    "Fills with integers in [from, to), or over the dtype's whole range.", lambda args, kw: 2 - min(len(args) + len(kw), 2),
)  # fmt: skip
_inplace(
    "bernoulli_",
    lambda g, a, p=0.5: g.bernoulli(a.shape, a.dtype, np.broadcast_to(p._a, a.shape) if isinstance(p, Tensor) else float(p)),
    "BernoulliBackward2 BernoulliBackward1", "Fills with ones of the given probability, else zeros.",
    lambda args, kw: isinstance((args or tuple(kw.values()) or (0,))[0], Tensor), ("self", "self p"),
)  # fmt: skip


def _random(g: Generator, a: np.ndarray, *bounds: Any, **kw: Any) -> np.ndarray:
    low = kw.get("from", bounds[0] if len(bounds) == 2 else None)
    high = kw.get("to", bounds[-1] if bounds else None)
    if high is None and low is None:
        return g.random(a.shape, a.dtype)
    if high is None:
        return g.random(a.shape, a.dtype, low)
    return g.random(a.shape, a.dtype, 0 if low is None else low, high)


@composite()
@drawing
def dropout(input, p, train):
    """Zeroes elements with probability p and scales the rest by 1 / (1 - p), when training."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not train or p == 0 or input.numel() == 0:
        return input
    mask = like_array(input, input.dtype, "empty")
    place(mask, default_generator.dropout_mask(mask.shape, mask.dtype, p))
    return input * wrap(mask)
