"""Sound in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEP_S = 0.02
"""Time between two values of the mouth's opening, s."""

_OPEN = 0.25  # root mean square of a loud vowel, full scale 1: the mouth is wide open


@dataclass(frozen=True)
class Sound:
    """Sound of one channel.

    Attributes:
        samples: int16 [N].
        rate: samples per second.
        mouth: float32 [ceil(N / samples per `STEP_S`)], 0..1, how far it is open; None
            where it follows from the samples.
    """

    samples: np.ndarray
    rate: int
    mouth: np.ndarray | None = None

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate

    @property
    def step(self) -> int:
        """Samples per `STEP_S`."""
        return round(self.rate * STEP_S)

    def opening(self) -> np.ndarray:
        """How far the mouth is open in each step, float32 [M], 0..1."""
        if self.mouth is not None:
            return self.mouth
        count = -(-len(self.samples) // self.step)
        padded = np.zeros(count * self.step, np.float32)
        padded[: len(self.samples)] = self.samples
        rms = np.sqrt(np.mean((padded.reshape(count, self.step) / 32768.0) ** 2, axis=1))
        return np.minimum(rms / _OPEN, 1.0).astype(np.float32)
