"""What is timed: a network in a runtime and a precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Run = Callable[[np.ndarray], object]
"""Computes a batch."""


@dataclass(frozen=True)
class Subject:
    """One line of the comparison.

    Attributes:
        network: its name.
        runtime: what computes.
        precision: of the arithmetic.
        size: side of the square input, pixels.
        parameters: trainable numbers; None if unknown.
        macs: multiply-accumulates for one image; None if unknown.
        accuracy: on the validation split, as recorded, 0..1; None where it was not measured.
    """

    network: str
    runtime: str
    precision: str
    size: int
    parameters: int | None = None
    macs: int | None = None
    accuracy: float | None = None

    @property
    def title(self) -> str:
        """All that tells it apart."""
        return f"{self.network}, {self.runtime} {self.precision}"


@dataclass(frozen=True)
class Candidate:
    """A subject that can be made ready.

    Attributes:
        subject: what it is.
        source: the file or folder that it is read from.
        open: makes it ready for a number of threads.
        batch: makes the input of a number of images.
        all_cores: whether it is also timed on all cores.
        alone: whether it can be started in a process of its own.
    """

    subject: Subject
    source: Path
    open: Callable[[int], Run]
    batch: Callable[[int], np.ndarray]
    all_cores: bool = True
    alone: bool = True
