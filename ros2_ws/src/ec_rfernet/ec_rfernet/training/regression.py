"""Multinomial logistic regression."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_ITERATIONS = 300


def logistic_regression(inputs: Tensor, labels: Tensor, start: Tensor, ridge: float) -> Tensor:
    """The weights that make labels most probable without going far from given ones.

    Args:
        inputs: [N, D].
        labels: int64 [N], 0..K-1.
        start: [D + 1, K], the last row being the constants; what the solution is drawn
            towards.
        ridge: how strongly: weight of the squared distance, beside the mean cross-entropy.

    Returns:
        float64 [D + 1, K]; ``inputs @ weights[:-1] + weights[-1]`` are the logits.
    """
    inputs, start = inputs.double(), start.double()
    weights = start.clone().requires_grad_()
    solver = torch.optim.LBFGS([weights], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        logits = inputs @ weights[:-1] + weights[-1]
        distance = (weights - start).square().sum()
        value = functional.cross_entropy(logits, labels) + ridge * distance
        value.backward()
        return value

    solver.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach()
