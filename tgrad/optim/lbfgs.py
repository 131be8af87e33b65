"""L-BFGS, with a line search that meets the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functions as fn
from ..graph.modes import enable_grad, no_grad
from ._update import scalar
from .optimizer import Optimizer, check_lr

__all__ = ["LBFGS"]

Evaluate = Callable[[Any, Any, Any], tuple[float, Any]]  # (start, length, direction) -> (loss, gradient)


def _cubic_interpolate(x1: Any, f1: Any, g1: Any, x2: Any, f2: Any, g2: Any, bounds: Any = None) -> Any:
    """Where the cubic through two values and two slopes is least, within bounds (Nocedal and Wright, equation 3.59)."""
    low, high = bounds if bounds is not None else (x1, x2) if x1 <= x2 else (x2, x1)
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if not square >= 0:
        return (low + high) / 2.0
    d2 = square.sqrt()
    if x1 <= x2:
        least = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        least = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(least, low), high)


def _strong_wolfe(
    obj_func: Evaluate, x: Any, t: Any, d: Any, f: float, g: Any, gtd: Any, c1: float = 1e-4, c2: float = 0.9,
    tolerance_change: float = 1e-9, max_ls: int = 25,
) -> tuple[Any, Any, Any, int]:  # fmt: skip
    """A length along `d` that lowers the loss and flattens the slope enough; gives (loss, gradient, length, evaluations).

    First a bracket is sought with growing lengths, then it is narrowed by cubic interpolation.
    """
    widest = d.abs().max()
    g = g.clone()
    new_f, new_g = obj_func(x, t, d)
    evaluations = 1
    slope = new_g.dot(d)
    t_before, f_before, g_before, slope_before = 0, f, g, gtd
    done = False
    rounds = 0
    lengths: list[Any]
    while rounds < max_ls:
        if new_f > (f + c1 * t * gtd) or (rounds > 1 and new_f >= f_before) or abs(slope) <= -c2 * gtd or slope >= 0:
            lower = not (new_f > (f + c1 * t * gtd) or (rounds > 1 and new_f >= f_before))
            if lower and abs(slope) <= -c2 * gtd:
                lengths, values, grads, slopes = [t], [new_f], [new_g], [slope]
                done = True
            else:
                lengths, values = [t_before, t], [f_before, new_f]
                grads, slopes = [g_before, new_g.clone()], [slope_before, slope]
            break
        low, high, here = t + 0.01 * (t - t_before), t * 10, t
        t = _cubic_interpolate(t_before, f_before, slope_before, t, new_f, slope, bounds=(low, high))
        t_before, f_before, g_before, slope_before = here, new_f, new_g.clone(), slope
        new_f, new_g = obj_func(x, t, d)
        evaluations += 1
        slope = new_g.dot(d)
        rounds += 1
    if rounds == max_ls:
        lengths, values, grads = [0, t], [f, new_f], [g, new_g]

    stuck = False
    low_at, high_at = (0, 1) if values[0] <= values[-1] else (1, 0)
    while not done and rounds < max_ls:
        if abs(lengths[1] - lengths[0]) * widest < tolerance_change:
            break
        t = _cubic_interpolate(lengths[0], values[0], slopes[0], lengths[1], values[1], slopes[1])
        # Too near an end twice in a row, or at it: a step of a tenth of the bracket away from it.
        top, bottom = max(lengths), min(lengths)
        eps = 0.1 * (top - bottom)
        if min(top - t, t - bottom) < eps:
            if stuck or t >= top or t <= bottom:
                t = top - eps if abs(t - top) < abs(t - bottom) else bottom + eps
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new_f, new_g = obj_func(x, t, d)
        evaluations += 1
        slope = new_g.dot(d)
        rounds += 1
        if new_f > (f + c1 * t * gtd) or new_f >= values[low_at]:
            lengths[high_at], values[high_at], grads[high_at], slopes[high_at] = t, new_f, new_g.clone(), slope
            low_at, high_at = (0, 1) if values[0] <= values[1] else (1, 0)
        else:
            if abs(slope) <= -c2 * gtd:
                done = True
            elif slope * (lengths[high_at] - lengths[low_at]) >= 0:
                for both in (lengths, values, grads, slopes):
                    both[high_at] = both[low_at]
            lengths[low_at], values[low_at], grads[low_at], slopes[low_at] = t, new_f, new_g.clone(), slope
    return values[low_at], grads[low_at], lengths[low_at], evaluations


class LBFGS(Optimizer):
    """Steps along the gradient times an inverse Hessian that is built from the last `history_size` steps.

    `step(closure)` makes up to `max_iter` iterations, for which the closure, that clears the gradients, computes the loss and calls backward,
    is called up to `max_eval` times (1.25 times max_iter if not given). `line_search_fn`: None, steps of lr, or "strong_wolfe". One group of
    parameters only: ValueError for more.

    >>> x = nn.Parameter(torch.tensor([3.0]))
    >>> optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure).item()
    4.0
    >>> round(x.item(), 4)
    1.0
    """

    def __init__(
        self, params: Any, lr: Any = 1, max_iter: int = 20, max_eval: int | None = None, tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9, history_size: int = 100, line_search_fn: str | None = None,
    ) -> None:  # fmt: skip
        check_lr(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]
        self._numel_cache: int | None = None

    def _numel(self) -> int:
        if self._numel_cache is None:
            self._numel_cache = sum(2 * p.numel() if p.is_complex() else p.numel() for p in self._params)
        return self._numel_cache

    def _gather_flat_grad(self) -> Any:
        """All gradients in one vector; zeros where there is none, complex ones as pairs."""
        parts = []
        for p in self._params:
            part = fn.zeros_like(p).view(-1) if p.grad is None else p.grad.view(-1)
            parts.append(fn.view_as_real(part).view(-1) if part.is_complex() else part)
        return fn.cat(parts, 0)

    def _add_grad(self, step_size: Any, update: Any) -> None:
        at = 0
        for p in self._params:
            if p.is_complex():
                p = fn.view_as_real(p)
            n = p.numel()
            p.add_(update[at : at + n].view_as(p), alpha=step_size)
            at += n
        if at != self._numel():
            raise AssertionError(f"Expected offset {at} to equal {self._numel()}")

    def _clone_param(self) -> list[Any]:
        return [p.clone() for p in self._params]

    def _set_param(self, params_data: list[Any]) -> None:
        for p, data in zip(self._params, params_data, strict=True):
            p.copy_(data)

    def _directional_evaluate(self, closure: Callable[[], Any], x: Any, t: Any, d: Any) -> tuple[float, Any]:
        self._add_grad(t, d)
        loss = float(closure())
        grad = self._gather_flat_grad()
        self._set_param(x)
        return loss, grad

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Up to `max_iter` iterations; returns what the first call of `closure` returned."""
        if len(self.param_groups) != 1:
            raise AssertionError(f"Expected exactly one param_group, but got {len(self.param_groups)}")
        closure = enable_grad()(closure)
        group = self.param_groups[0]
        lr = scalar(group["lr"])
        max_iter, max_eval, search = group["max_iter"], group["max_eval"], group["line_search_fn"]
        tolerance_grad, tolerance_change = group["tolerance_grad"], group["tolerance_change"]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = closure()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        grad = self._gather_flat_grad()
        flat = grad.abs().max() <= tolerance_grad
        if flat:
            return first_loss

        d, t = state.get("d"), state.get("t")
        old_dirs, old_stps, ro, H_diag = (state.get(k) for k in ("old_dirs", "old_stps", "ro", "H_diag"))
        before, prev_loss = state.get("prev_flat_grad"), state.get("prev_loss")
        n = 0
        while n < max_iter:
            n += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d, old_dirs, old_stps, ro, H_diag = grad.neg(), [], [], [], 1
            else:
                H_diag = self._remember(grad.sub(before), d.mul(t), old_dirs, old_stps, ro, H_diag)
                d = self._direction(state, grad, old_dirs, old_stps, ro, H_diag)
            before = grad.clone() if before is None else before.copy_(grad)
            prev_loss = loss

            t = min(1.0, 1.0 / grad.abs().sum()) * lr if state["n_iter"] == 1 else lr
            slope = grad.dot(d)
            if slope > -tolerance_change:
                break
            used = 0
            if search is not None:
                if search != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                loss, grad, t, used = _strong_wolfe(
                    lambda x, t, d: self._directional_evaluate(closure, x, t, d), self._clone_param(), t, d, loss, grad, slope,
                    max_ls=max_eval - evaluations,
                )  # fmt: skip
                self._add_grad(t, d)
                flat = grad.abs().max() <= tolerance_grad
            else:
                self._add_grad(t, d)
                if n != max_iter:
                    loss = float(closure())
                    grad = self._gather_flat_grad()
                    flat = grad.abs().max() <= tolerance_grad
                    used = 1
            evaluations += used
            state["func_evals"] += used
            if (
                n == max_iter
                or evaluations >= max_eval
                or flat
                or d.mul(t).abs().max() <= tolerance_change
                or abs(loss - prev_loss) < tolerance_change
            ):
                break
        state["d"] = d
        state["t"] = t
        state["old_dirs"] = old_dirs
        state["old_stps"] = old_stps
        state["ro"] = ro
        state["H_diag"] = H_diag
        state["prev_flat_grad"] = before
        state["prev_loss"] = prev_loss
        return first_loss

    def _remember(self, y: Any, s: Any, old_dirs: list[Any], old_stps: list[Any], ro: list[Any], H_diag: Any) -> Any:
        """Takes a step `s`, over which the gradient changed by `y`, into the history; gives the scale of the Hessian's inverse."""
        ys = y.dot(s)
        if not ys > 1e-10:
            return H_diag
        if len(old_dirs) == self.param_groups[0]["history_size"]:
            for kept in (old_dirs, old_stps, ro):
                kept.pop(0)
        old_dirs.append(y)
        old_stps.append(s)
        ro.append(1.0 / ys)
        return ys / y.dot(y)

    def _direction(
        self, state: Any, grad: Any, old_dirs: list[Any], old_stps: list[Any], ro: list[Any], H_diag: Any
    ) -> Any:
        """The two loops (Nocedal and Wright, algorithm 7.4): the Hessian's inverse times the gradient, downhill."""
        if "al" not in state:
            state["al"] = [None] * self.param_groups[0]["history_size"]
        al = state["al"]
        q = grad.neg()
        for i in range(len(old_dirs) - 1, -1, -1):
            al[i] = old_stps[i].dot(q) * ro[i]
            q.add_(old_dirs[i], alpha=-al[i])
        r = fn.mul(q, H_diag)
        for i in range(len(old_dirs)):
            r.add_(old_stps[i], alpha=al[i] - old_dirs[i].dot(r) * ro[i])
        return r
