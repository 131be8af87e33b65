"""A softmax over very many classes, of which most are rare."""

from __future__ import annotations

import itertools
from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from ... import functions as fn
from ...tensor import Tensor
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])  # pickles name it so


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log-probability of each target among n_classes, and the mean of their negatives (Grave et al. 2017).

    Classes are numbered by falling frequency and cut into clusters at `cutoffs`. The head decides among the first cutoffs[0] classes and
    the clusters; within cluster i, inputs are first projected to in_features / div_value ** (i + 1) numbers. So rare classes cost little.

    Input [N, in_features] and target [N], int64 (or one vector and one number); gives (output [N], loss), a named tuple. ValueError for
    cutoffs that do not increase between 1 and n_classes - 1; RuntimeError for targets that are no classes.

    >>> m = nn.AdaptiveLogSoftmaxWithLoss(8, 100, cutoffs=[10, 50])
    >>> out = m(torch.ones(3, 8), torch.tensor([2, 30, 99]))
    >>> out.output.shape, out.loss.shape, m.log_prob(torch.ones(3, 8)).shape
    (torch.Size([3]), torch.Size([]), torch.Size([3, 100]))
    """

    def __init__(
        self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0, head_bias: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = cutoffs == sorted(set(cutoffs)) and min(cutoffs) > 0 and max(cutoffs) <= n_classes - 1
        if not rising or any(int(c) != c for c in cutoffs):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is between "
                "1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            width = int(in_features // (div_value ** (i + 1)))
            project, decide = (
                Linear(in_features, width, bias=False, **made),
                Linear(width, high - low, bias=False, **made),
            )
            self.tail.append(Sequential(project, decide))

    def reset_parameters(self) -> None:
        """Draws the initial values again."""
        self.head.reset_parameters()
        for project, decide in self.tail:  # type: ignore[misc, attr-defined]
            project.reset_parameters()
            decide.reset_parameters()

    def forward(self, input_: Any, target_: Any) -> _ASMoutput:
        dims = target_.dim()
        if dims == 1:
            if input_.size(0) != target_.size(0):
                raise RuntimeError("Input and target should have the same size in the batch dimension.")
            if input_.dim() != 2:
                raise RuntimeError(f"1D target tensor expects 2D input tensors, but found inputs with size {input_.size()}")  # fmt: skip
        elif dims == 0:
            if input_.dim() != 1:
                raise RuntimeError(f"0D target tensor expects 1D input tensors, but found inputs with size {input_.size()}")  # fmt: skip
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        input, target = (input_, target_) if dims else (input_.unsqueeze(0), target_.unsqueeze(0))
        output, places = self._within_clusters(input, target)
        head = F.log_softmax(self.head(input), dim=1)
        output += head.gather(1, places.unsqueeze(1)).squeeze()
        loss = (-output).mean()
        return _ASMoutput(output if dims else output.squeeze(0), loss)

    def _within_clusters(self, input: Any, target: Any) -> tuple[Any, Any]:
        """The log-probability of each target within its cluster, and where in the head it, or its cluster, stands."""
        found, count = 0, target.size(0)
        output, places = input.new_zeros(count), target.new_empty(count)
        for i, (low, high) in enumerate(itertools.pairwise([0, *self.cutoffs])):
            here = (target >= low) & (target < high)
            rows = here.nonzero().squeeze()
            if rows.numel() == 0:
                continue
            if i == 0:
                places.index_copy_(0, rows, target[here])
            else:
                places.index_fill_(0, rows, self.shortlist_size + i - 1)
                inner = F.log_softmax(self.tail[i - 1](input.index_select(0, rows)), dim=1)
                own = inner.gather(1, (target[here] - low).unsqueeze(1))
                output.index_copy_(0, rows, own.squeeze(1))
            found += rows.numel()
        if found != count:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{target.min().item()}, "
                f"{target.max().item()}] were found. "
            )
        return output, places

    def _get_full_log_prob(self, input: Any, head_output: Any) -> Tensor:
        """The log-probabilities of all classes, of the input and what the head makes of it."""
        head = F.log_softmax(head_output, dim=1)
        out = input.new_empty((head_output.size(0), self.n_classes))
        out[:, : self.shortlist_size] = head[:, : self.shortlist_size]
        for i, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            inner = F.log_softmax(self.tail[i](input), dim=1)
            out[:, low:high] = inner + head[:, self.shortlist_size + i].unsqueeze(1)
        return out

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes, [N, n_classes], for inputs [N, in_features]."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class for each input [N, in_features]: int64 [N]. The tails are asked only where they may matter."""
        head = self.head(input)
        best = fn.argmax(head, dim=1)
        rare = best >= self.shortlist_size
        if not rare.any():
            return best
        if rare.all():
            return fn.argmax(self._get_full_log_prob(input, head), dim=1)
        best[rare] = fn.argmax(self._get_full_log_prob(input[rare], head[rare]), dim=1)  # type: ignore[index]
        return best
