"""Sharpness-aware minimisation (Foret et al., ICLR 2021)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def steepest_neighbour(model: nn.Module, radius: float) -> Iterator[None]:
    """Moves the weights up their gradients by ``radius``, and back at the end."""
    pairs = [(p, p.grad) for p in model.parameters() if p.grad is not None]
    norm = torch.stack([gradient.norm() for _, gradient in pairs]).norm()
    moves = [gradient * (radius / (norm + 1e-12)) for _, gradient in pairs]
    with torch.no_grad():
        for (parameter, _), move in zip(pairs, moves, strict=True):
            parameter.add_(move)
    try:
        yield
    finally:
        with torch.no_grad():
            for (parameter, _), move in zip(pairs, moves, strict=True):
                parameter.sub_(move)


@contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Keeps batch norm from counting the same images twice."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def gradients(model: nn.Module, loss: Callable[[], Tensor], radius: float) -> Tensor:
    """Leaves the gradients of the worst point within ``radius`` in the model.

    Args:
        model: whose parameters have no gradients yet.
        loss: computes the loss of the batch; called once, or twice with a radius.
        radius: 0 gives the plain gradients.

    Returns:
        The loss at the weights themselves.
    """
    value = loss()
    value.backward()  # type: ignore[no-untyped-call]
    if radius > 0:
        with steepest_neighbour(model, radius), frozen_statistics(model):
            model.zero_grad(set_to_none=True)
            loss().backward()  # type: ignore[no-untyped-call]
    return value.detach()
