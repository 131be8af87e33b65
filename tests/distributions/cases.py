"""Distributions with arguments: what each case makes, from a module of distributions and two ways to make tensors."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

A = [[0.3, 1.2, 2.5], [4.0, 0.7, 9.0]]  # positive
B = [[1.1, 0.4, 3.0], [2.0, 6.5, 0.9]]  # positive
R = [[-0.8, 0.3, 1.9], [0.0, -2.2, 0.6]]  # any
P = [[0.2, 0.7, 0.5], [0.05, 0.93, 0.4]]  # probabilities
V = [[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]  # on the simplex
L = [[1.3, 0.0, 0.0], [0.4, 0.8, 0.0], [-0.2, 0.5, 1.1]]  # a Cholesky factor
C = [[2.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, 1.5]]  # a covariance

Make = Callable[[Any, Any], Any]  # (torch.distributions, tensor from lists) -> a distribution

CASES: dict[str, Make] = {
    "Normal": lambda D, t: D.Normal(t(R), t(A)),
    "Normal numbers": lambda D, t: D.Normal(0.5, 2.0),
    "Normal mixed": lambda D, t: D.Normal(t(R), 2),
    "Categorical probs": lambda D, t: D.Categorical(t(A)),
    "Categorical logits": lambda D, t: D.Categorical(logits=t(R)),
    "Categorical one": lambda D, t: D.Categorical(probs=t([0.0, 1.0, 3.0])),
    "Bernoulli probs": lambda D, t: D.Bernoulli(t(P)),
    "Bernoulli logits": lambda D, t: D.Bernoulli(logits=t(R)),
    "Bernoulli number": lambda D, t: D.Bernoulli(0.3),
    "Uniform": lambda D, t: D.Uniform(t(R), t([[2.0, 3.0, 4.0], [2.0, 3.0, 4.0]])),
    "Uniform numbers": lambda D, t: D.Uniform(0.0, 2.0),
    "Exponential": lambda D, t: D.Exponential(t(A)),
    "Beta": lambda D, t: D.Beta(t(A), t(B)),
    "Beta numbers": lambda D, t: D.Beta(0.5, 3.0),
    "Gamma": lambda D, t: D.Gamma(t(A), t(B)),
    "Gamma numbers": lambda D, t: D.Gamma(20.0, 0.5),
    "Dirichlet": lambda D, t: D.Dirichlet(t(A)),
    "Dirichlet low": lambda D, t: D.Dirichlet(t([[0.3, 0.2, 0.6], [3.0, 0.5, 1.0]])),
    "Multinomial": lambda D, t: D.Multinomial(5, t(A)),
    "Multinomial logits": lambda D, t: D.Multinomial(3, logits=t(R)),
    "OneHotCategorical": lambda D, t: D.OneHotCategorical(t(A)),
    "OneHotCategorical logits": lambda D, t: D.OneHotCategorical(logits=t(R)),
    "OneHotCategoricalStraightThrough": lambda D, t: D.OneHotCategoricalStraightThrough(t(A)),
    "Binomial": lambda D, t: D.Binomial(7, t(P)),
    "Binomial many": lambda D, t: D.Binomial(60, logits=t(R)),
    "Binomial uneven": lambda D, t: D.Binomial(t([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).detach(), t(P)),
    "Geometric": lambda D, t: D.Geometric(t(P)),
    "Geometric logits": lambda D, t: D.Geometric(logits=t(R)),
    "Poisson": lambda D, t: D.Poisson(t(A)),
    "Poisson number": lambda D, t: D.Poisson(30.0),
    "Laplace": lambda D, t: D.Laplace(t(R), t(A)),
    "LogNormal": lambda D, t: D.LogNormal(t(R), t(A)),
    "Cauchy": lambda D, t: D.Cauchy(t(R), t(A)),
    "HalfNormal": lambda D, t: D.HalfNormal(t(A)),
    "HalfCauchy": lambda D, t: D.HalfCauchy(t(A)),
    "StudentT": lambda D, t: D.StudentT(t(A), t(R), t(B)),
    "StudentT alone": lambda D, t: D.StudentT(t(B)),
    "Chi2": lambda D, t: D.Chi2(t(A)),
    "FisherSnedecor": lambda D, t: D.FisherSnedecor(t(A), t(B)),
    "Gumbel": lambda D, t: D.Gumbel(t(R), t(A)),
    "Gumbel numbers": lambda D, t: D.Gumbel(1.0, 2.0),
    "Weibull": lambda D, t: D.Weibull(t(A), t(B)),
    "Pareto": lambda D, t: D.Pareto(t(A), t(B)),
    "Kumaraswamy": lambda D, t: D.Kumaraswamy(t(A), t(B)),
    "RelaxedBernoulli": lambda D, t: D.RelaxedBernoulli(t([2.0]), t(P)),
    "LogitRelaxedBernoulli": lambda D, t: D.relaxed_bernoulli.LogitRelaxedBernoulli(t([0.5]), logits=t(R)),
    "RelaxedOneHotCategorical": lambda D, t: D.RelaxedOneHotCategorical(t(0.7), t(A)),
    "ExpRelaxedCategorical": lambda D, t: D.relaxed_categorical.ExpRelaxedCategorical(t(0.7), logits=t(R)),
    "ContinuousBernoulli": lambda D, t: D.ContinuousBernoulli(t(P)),
    "ContinuousBernoulli logits": lambda D, t: D.ContinuousBernoulli(logits=t(R)),
    "VonMises": lambda D, t: D.VonMises(t(R), t(A)),
    "InverseGamma": lambda D, t: D.InverseGamma(t(A), t(B)),
    "NegativeBinomial": lambda D, t: D.NegativeBinomial(t(A), t(P)),
    "NegativeBinomial logits": lambda D, t: D.NegativeBinomial(4, logits=t(R)),
    "MultivariateNormal": lambda D, t: D.MultivariateNormal(t(R), scale_tril=t(L)),
    "MultivariateNormal covariance": lambda D, t: D.MultivariateNormal(t(R[0]), t(C)),
    "MultivariateNormal precision": lambda D, t: D.MultivariateNormal(t(R), precision_matrix=t([C, C])),
    "LowRankMultivariateNormal": lambda D, t: D.LowRankMultivariateNormal(t(R), t([[0.5], [1.0], [-0.7]]), t(A)),
    "LowRankMultivariateNormal one": lambda D, t: D.LowRankMultivariateNormal(t(R[0]), t([[0.5], [1.0], [-0.7]]), t(A[0])),
    "MixtureSameFamily": lambda D, t: D.MixtureSameFamily(D.Categorical(t(V)), D.Normal(t(R), t(A))),
    "MixtureSameFamily vectors": lambda D, t: D.MixtureSameFamily(
        D.Categorical(t(V)), D.Independent(D.Normal(t([R] * 3).transpose(0, 1), t(A[0])), 1)
    ),
    "Independent": lambda D, t: D.Independent(D.Normal(t(R), t(A)), 1),
    "Independent discrete": lambda D, t: D.Independent(D.Bernoulli(t(P)), 0),
    "TransformedDistribution": lambda D, t: D.TransformedDistribution(
        D.Normal(t(R), t(A)), [D.AffineTransform(1.0, t(2.0)), D.SigmoidTransform()]
    ),
    "TransformedDistribution simplex": lambda D, t: D.TransformedDistribution(D.Normal(t(R), t(A)), D.StickBreakingTransform()),
    "LKJCholesky": lambda D, t: D.LKJCholesky(3, t([0.5, 2.0])),
    "LKJCholesky number": lambda D, t: D.LKJCholesky(4),
    "Wishart": lambda D, t: D.Wishart(t([4.0, 5.5]), covariance_matrix=t(C)),
    "Wishart precision": lambda D, t: D.Wishart(t(6.0), precision_matrix=t(C)),
    "LogisticNormal": lambda D, t: D.LogisticNormal(t(R), t(A)),
    "GeneralizedPareto": lambda D, t: D.GeneralizedPareto(t(R), t(A), t([[0.1, 0.0, 1.5], [-0.3, 0.6, 0.2]])),
}  # fmt: skip


# PyTorch compares with a float32 zero, and refuses other dtypes.
NARROW = {"GeneralizedPareto"}


def made(lib: ModuleType, name: str, dtype: str | None = None, grad: bool = True) -> tuple[Any, list[Any]]:
    """(the distribution of a case, the tensors it was made of)."""
    dtype = dtype or ("float32" if name in NARROW else "float64")
    leaves: list[Any] = []

    def tensor(values: Any) -> Any:
        leaves.append(lib.tensor(values, dtype=getattr(lib, dtype)).requires_grad_(grad))
        return leaves[-1]

    return CASES[name](lib.distributions, tensor), leaves
