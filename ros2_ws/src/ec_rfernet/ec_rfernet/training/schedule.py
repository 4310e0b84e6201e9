"""The learning rate over the epochs."""

from __future__ import annotations

import math

from ec_rfernet.training.config import TrainConfig


def learning_rate(config: TrainConfig, epoch: float) -> float:
    """The rate at a point of time; 1.5 is the middle of the second epoch.

    A linear rise over the warm-up, then half a cosine down to zero, or the steps of
    the published recipe.
    """
    warmup = config.warmup_epochs
    if epoch < warmup:
        factor = epoch / warmup
    elif config.schedule == "cosine":
        left = max(1, config.epochs - warmup)
        factor = 0.5 * (1 + math.cos(math.pi * min(1.0, (epoch - warmup) / left)))
    else:
        late = int(epoch) - config.step_start
        factor = config.step_factor ** (late // config.step_every + 1) if late >= 0 else 1.0
    return config.learning_rate * factor
