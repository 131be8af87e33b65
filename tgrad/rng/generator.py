"""`Generator`: PyTorch's random number generator for the CPU, and every sampler that draws from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import choice, continuous, counts, discrete
from .checks import (
    count,
    from_float64,
    is_floating,
    kind_of,
    largest,
    not_implemented,
    number,
    require,
    require_floating,
)
from .engine import Engine, check_seed

Shape = int | Sequence[int]
DType = np.dtype | type
_PARTS: dict[np.dtype, np.dtype] = {
    np.dtype(np.complex64): np.dtype(np.float32),
    np.dtype(np.complex128): np.dtype(np.float64),
}


def _shape(shape: Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(map(int, shape))


class Generator:
    """A stream of random numbers with its own seed: `Generator(device='cpu')`.

    The samplers return new numpy arrays of a numpy dtype, bit for bit what PyTorch 2.13 puts into a contiguous CPU
    tensor after the same seed and the same calls. Calls from several threads are safe: one sampler runs at a time.

    PyTorch on an Intel processor takes `bernoulli` with one `p` (and with it dropout) from another library's stream;
    here, as in PyTorch on other processors, it comes from this one everywhere.

    RuntimeError for a device that has no generator.

    >>> generator = torch.Generator().manual_seed(0)
    >>> torch.rand(2, generator=generator)
    tensor([0.4963, 0.7682])
    >>> generator.initial_seed()
    0
    """

    __slots__ = ("__weakref__", "_device", "_engine")

    def __init__(self, device: object = "cpu") -> None:
        kind = str(getattr(device, "type", device))
        require(
            kind.partition(":")[0] == "cpu",
            f"Cannot get a generator for device '{kind}': random numbers are drawn on the CPU only",
        )
        self._device = "cpu"
        self._engine = Engine()

    def __repr__(self) -> str:
        return f"<torch._C.Generator object at {id(self):#x}>"

    # ---- seed and state ----

    @property
    def device(self) -> object:
        """The device: `device(type='cpu')`."""
        from ..device import device

        return device(self._device)

    def manual_seed(self, seed: int) -> Generator:
        """Start over from `seed` and return the generator.

        Seeds from -2**63 to 2**64 - 1; a negative one counts back from 2**64. RuntimeError for what is not an int,
        ValueError for one out of range.
        """
        self._engine.reseed(check_seed(seed))
        return self

    def seed(self) -> int:
        """Start over from a seed that the operating system chose, and return that seed."""
        return self._engine.reseed_from_system()

    def initial_seed(self) -> int:
        """The seed of the last seeding, as an unsigned 64-bit number."""
        return self._engine.seed

    def get_state_array(self) -> np.ndarray:
        """The state as uint8 array of 5056 bytes, in the layout of PyTorch's CPU generator."""
        return self._engine.save()

    def set_state_array(self, state: np.ndarray) -> None:
        """Take over a state from `get_state_array`, or from PyTorch's `get_state`.

        TypeError if `state` is not uint8, RuntimeError if it has another size or holds no valid state.
        """
        self._engine.load(state)

    def clone_state(self) -> Generator:
        """A new generator that stands at the same place."""
        twin = Generator(self._device)
        twin._engine.load(self._engine.save())
        return twin

    def get_offset(self) -> int:
        """RuntimeError: the CPU's generator has no offset."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset: int) -> None:
        """RuntimeError: the CPU's generator has no offset."""
        raise RuntimeError("CPU Generator does not use offset")

    def __copy__(self) -> Generator:
        return self.clone_state()

    def __deepcopy__(self, memo: dict) -> Generator:
        return self.clone_state()

    # ---- continuous ----

    def uniform(self, shape: Shape, dtype: DType, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Numbers in [low, high). `rand` and `uniform_`; complex dtypes draw both parts.

        NotImplementedError for integer dtypes, RuntimeError for bounds that the dtype cannot hold or that are swapped.
        """
        shape, dtype = _shape(shape), np.dtype(dtype)
        if dtype.kind == "c" and dtype in _PARTS:
            return self.uniform((*shape, 2), _PARTS[dtype], low, high).view(dtype).reshape(shape)
        require_floating("check_uniform_bounds", dtype)
        low, high = float(low), float(high)
        if low != 0.0 or high != 1.0:
            _check_uniform(low, high, dtype)
        with self._engine.lock:
            return continuous.uniform(self._engine, count(shape), dtype, low, high).reshape(shape)

    def normal(
        self,
        shape: Shape,
        dtype: DType,
        mean: float = 0.0,
        std: float = 1.0,
        contiguous: bool = True,
    ) -> np.ndarray:
        """Normal numbers. `randn` and `normal_`; complex dtypes draw both parts, each with half the variance.

        `contiguous=False` draws what PyTorch puts into a tensor that is not contiguous: another sequence from 16
        elements up. NotImplementedError for integer dtypes, RuntimeError for a negative `std`.
        """
        shape, dtype, std = _shape(shape), np.dtype(dtype), float(std)
        if not std >= 0.0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {number(std)}")
        if dtype.kind == "c" and dtype in _PARTS:
            parts = self.normal((*shape, 2), _PARTS[dtype], mean, std / 2.0**0.5, contiguous)
            return parts.view(dtype).reshape(shape)
        require_floating("normal_kernel_cpu", dtype)
        with self._engine.lock:
            return continuous.normal(self._engine, count(shape), dtype, float(mean), std, contiguous).reshape(shape)

    def normal_each(self, mean: np.ndarray | float, std: np.ndarray | float) -> np.ndarray:
        """Normal numbers with a mean, a deviation, or both, given element by element. `torch.normal` on tensors.

        Arrays broadcast; the result has the dtype of `mean`, or of `std` where `mean` is a number. RuntimeError for a
        negative deviation, ValueError for shapes that do not broadcast.
        """
        if not isinstance(std, np.ndarray):
            means = np.asarray(mean)
            return _into(self.normal(means.shape, means.dtype, 0.0, std), np.add, means)
        require(std.size == 0 or bool(np.min(std) >= 0), "normal expects all elements of std >= 0.0")
        if not isinstance(mean, np.ndarray):
            return _into(
                _into(self.normal(std.shape, std.dtype), np.multiply, std), np.add, np.asarray(mean, std.dtype)
            )
        drawn = self.normal(np.broadcast_shapes(mean.shape, std.shape), mean.dtype)
        return _into(_into(drawn, np.multiply, std), np.add, mean)

    def log_normal(self, shape: Shape, dtype: DType, mean: float = 1.0, std: float = 2.0) -> np.ndarray:
        """Numbers whose logarithm is normal. `log_normal_`. RuntimeError unless std > 0."""
        shape, dtype = _shape(shape), np.dtype(dtype)
        require(std > 0.0, f"log_normal_ expects std > 0.0, but found std={number(std)}")
        if count(shape) == 0:
            return np.empty(shape, dtype)
        require_floating("log_normal_cpu", dtype)
        with self._engine.lock:
            return continuous.log_normal(self._engine, count(shape), dtype, float(mean), float(std)).reshape(shape)

    def cauchy(self, shape: Shape, dtype: DType, median: float = 0.0, sigma: float = 1.0) -> np.ndarray:
        """Cauchy numbers. `cauchy_`. RuntimeError unless sigma > 0 and the dtype is floating."""
        shape, dtype = _shape(shape), np.dtype(dtype)
        require(sigma > 0.0, f"cauchy_ expects sigma > 0.0, but found sigma={number(sigma)}")
        require(
            is_floating(dtype),
            "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you "
            f"specified {kind_of(dtype).cpp}",
        )
        with self._engine.lock:
            return continuous.cauchy(self._engine, count(shape), dtype, float(median), float(sigma)).reshape(shape)

    def exponential(self, shape: Shape, dtype: DType, lambd: float = 1.0) -> np.ndarray:
        """Exponential numbers with rate `lambd`. `exponential_`. RuntimeError unless lambd > 0 and the dtype floats."""
        shape, dtype = _shape(shape), np.dtype(dtype)
        require(lambd > 0.0, f"exponential_ expects lambda > 0.0, but found lambda={number(lambd)}")
        if count(shape) == 0:
            return np.empty(shape, dtype)
        require(
            is_floating(dtype),
            "Exponential distribution is a continuous probability distribution. dtype must be a floating point but you "
            f"specified {kind_of(dtype).enum}",
        )
        with self._engine.lock:
            return continuous.exponential(self._engine, count(shape), dtype, float(lambd)).reshape(shape)

    def rrelu_noise(self, values: np.ndarray, lower: float, upper: float) -> np.ndarray:
        """The slopes that `rrelu` draws in training: in [lower, upper) where `values` <= 0, and 1 elsewhere.

        RuntimeError if lower > upper, NotImplementedError for float16 and integer dtypes.
        """
        require(lower <= upper, "Lower bound should be less than or equal to the upper bound")
        if not is_floating(values.dtype) or values.dtype == np.float16:
            raise not_implemented("rrelu_with_noise_out_cpu", values.dtype)
        slopes = np.ones(values.shape, values.dtype)
        chosen = values <= 0
        # The bounds are rounded to the working precision, the numbers between them are drawn in float64.
        working = np.float64 if values.dtype == np.float64 else np.float32
        start, stop = float(working(lower)), float(working(upper))
        with self._engine.lock:
            drawn = self._engine.unit64(int(np.count_nonzero(chosen)))
        slopes[chosen] = from_float64(drawn * (stop - start) + start, values.dtype)
        return slopes

    # ---- discrete ----

    def random(self, shape: Shape, dtype: DType, low: int | None = None, high: int | None = None) -> np.ndarray:
        """Integers in [low, high). `random_`.

        Without `low` and `high`: from 0 to the largest of the dtype, or to 2**digits for floats. With `low` alone: from
        there up. RuntimeError for an empty range or one that the dtype cannot hold; a UserWarning where a floating
        dtype has gaps in the range.
        """
        shape, dtype = _shape(shape), np.dtype(dtype)
        size, engine = count(shape), self._engine
        if low is None and high is None:
            if size == 0:
                return np.empty(shape, dtype)
            with engine.lock:
                return discrete.natural(engine, size, dtype).reshape(shape)
        limits = discrete.bounded(0 if low is None else low, high, dtype)
        if size == 0:
            return np.empty(shape, dtype)
        with engine.lock:
            if limits is None:
                return discrete.full_range(engine, size, dtype).reshape(shape)
            return discrete.from_to(engine, size, dtype, *limits).reshape(shape)

    def randint(self, low: int, high: int, shape: Shape, dtype: DType = np.int64) -> np.ndarray:
        """Integers in [low, high). `randint`; errors as in `random`.

        >>> Generator().manual_seed(0).randint(0, 10, 5)
        array([4, 9, 3, 0, 3])
        """
        return self.random(shape, dtype, low, high)

    def randperm(self, n: int, dtype: DType = np.int64) -> np.ndarray:
        """The numbers from 0 to n - 1 in random order. RuntimeError for n < 0 or too large for the dtype.

        >>> Generator().manual_seed(0).randperm(5)
        array([4, 0, 1, 3, 2])
        """
        dtype = np.dtype(dtype)
        choice.check_permutation(n, dtype)
        with self._engine.lock:
            return choice.permutation(self._engine, n, dtype)

    def bernoulli(self, shape: Shape, dtype: DType, p: float | np.ndarray = 0.5) -> np.ndarray:
        """Ones with probability `p`, a number or a floating array that broadcasts to `shape`, and zeros otherwise.

        RuntimeError for a probability outside [0, 1], NotImplementedError for complex dtypes.
        """
        shape, dtype = _shape(shape), np.dtype(dtype)
        if not isinstance(p, np.ndarray):
            require(0.0 <= p <= 1.0, f"bernoulli_ expects p to be in [0, 1], but got p={number(p)}")
        if kind_of(dtype).barebones or dtype.kind == "c":
            each = isinstance(p, np.ndarray)
            raise not_implemented("bernoulli_tensor_cpu_self_" if each else "bernoulli_scalar_cpu_", dtype)
        with self._engine.lock:
            if not isinstance(p, np.ndarray):
                return discrete.bernoulli(self._engine, count(shape), dtype, float(p)).reshape(shape)
            require_floating("bernoulli_tensor_cpu_p_", p.dtype)
            spread = np.broadcast_to(p, shape).reshape(-1)
            return discrete.bernoulli_each(self._engine, spread, dtype).reshape(shape)

    def dropout_mask(self, shape: Shape, dtype: DType, p: float) -> np.ndarray:
        """What `dropout` multiplies its input by in training: 0 with probability `p`, else 1 / (1 - p).

        Nothing is drawn for p = 0, p = 1 or an empty shape. ValueError for a probability outside [0, 1].
        """
        shape, dtype = _shape(shape), np.dtype(dtype)
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        if p in (0.0, 1.0) or count(shape) == 0:
            return np.full(shape, 1.0 - p, dtype)
        require_floating("bernoulli_scalar_cpu_", dtype)
        # The half types divide in float32 and round once.
        kept = self.bernoulli(shape, np.promote_types(dtype, np.float32), 1.0 - p)
        kept /= 1.0 - p
        return kept.astype(dtype, copy=False)

    def geometric(self, shape: Shape, dtype: DType, p: float) -> np.ndarray:
        """Trials until the first success. `geometric_`. RuntimeError unless 0 < p < 1."""
        shape, dtype = _shape(shape), np.dtype(dtype)
        require(0.0 < p < 1.0, f"geometric_ expects p to be in (0, 1), but got p={number(p)}")
        if count(shape) == 0:
            return np.empty(shape, dtype)
        if kind_of(dtype).barebones or dtype.kind in "bc":
            raise not_implemented("geometric_cpu", dtype)
        with self._engine.lock:
            return discrete.geometric(self._engine, count(shape), dtype, float(p)).reshape(shape)

    def poisson(self, rates: np.ndarray) -> np.ndarray:
        """A Poisson number for each rate, in the rates' dtype. RuntimeError for a negative rate."""
        require_floating("poisson_cpu", rates.dtype)
        with self._engine.lock:
            return counts.poisson(self._engine, rates.reshape(-1)).reshape(rates.shape)

    def binomial(self, count: np.ndarray, prob: np.ndarray) -> np.ndarray:
        """Successes in `count` trials with chance `prob` each; the arrays broadcast and share one floating dtype.

        ValueError unless `count` is floating, RuntimeError for two dtypes, NotImplementedError for the half types.
        """
        if not is_floating(count.dtype):
            raise ValueError(
                f"binomial only supports floating-point dtypes for count, got: {kind_of(count.dtype).enum}"
            )
        found, expected = kind_of(prob.dtype).enum, kind_of(count.dtype).enum
        require(found == expected, f"Found dtype {found} but expected {expected}")
        if found not in ("Float", "Double"):
            raise not_implemented("binomial_cpu", count.dtype)
        trials, chances = np.broadcast_arrays(count, prob)
        with self._engine.lock:
            return counts.binomial(self._engine, trials.reshape(-1), chances.reshape(-1)).reshape(trials.shape)

    def multinomial(self, weights: np.ndarray, num_samples: int, replacement: bool = False) -> np.ndarray:
        """Indices (int64) of categories, `num_samples` for each row of `weights` (1 or 2 dimensions).

        Rows need not add up to 1. RuntimeError for negative, infinite or all-zero weights, and for more samples than
        categories without replacement.
        """
        with self._engine.lock:
            return choice.multinomial(self._engine, weights, num_samples, replacement)


def _check_uniform(low: float, high: float, dtype: np.dtype) -> None:
    top = largest(dtype)
    for name, value in (("from", low), ("to", high)):
        if not -top <= value <= top:
            raise RuntimeError(f"{name} is out of bounds for {kind_of(dtype).cpp}")
    if low > high:
        found = f"found from={number(low)} > to={number(high)}"
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but {found}")
    if high - low > top:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{kind_of(dtype).enum}>::max(), but found "
            f"to={number(high)} and from={number(low)} which result in to-from to exceed the limit"
        )


def _into(out: np.ndarray, operation: np.ufunc, other: np.ndarray) -> np.ndarray:
    """`out = operation(out, other)` in the dtype of `out`; a 0-d `other` does not widen the computation."""
    if other.ndim == 0 and out.ndim > 0:
        other = other.astype(out.dtype)
    return operation(out, other).astype(out.dtype, copy=False)
