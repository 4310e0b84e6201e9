"""What is timed: a network in a runtime and a precision; what it takes to start it alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
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


_DEADLINE_S = 120.0


@dataclass(frozen=True)
class Footprint:
    """What it takes to have one network at work, with one thread.

    Attributes:
        start_s: from the start of the process to the first answer, seconds.
        peak_mb: the most memory that was resident until then, MB.
    """

    start_s: float
    peak_mb: float


def footprint(candidate: Candidate) -> Footprint | str:
    """Starts a process that answers once; or one sentence that says why it could not."""
    subject = candidate.subject
    options = [] if candidate.source.is_file() else [subject.runtime, subject.precision]
    program = [sys.executable, "-m", "ec_rfernet.benchmark.first_answer"]
    start = time.monotonic()
    try:
        done = subprocess.run(
            [*program, str(candidate.source), *options],
            capture_output=True, text=True, timeout=_DEADLINE_S, check=True,
        )  # fmt: skip
        answer = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        return f"start of {subject.title}: no answer within {_DEADLINE_S:g} s"
    except subprocess.CalledProcessError as error:
        problem = (error.stderr.strip().splitlines() or [f"exit code {error.returncode}"])[-1]
        return f"start of {subject.title}: {problem}"
    return Footprint(answer["moment"] - start, answer["peak_mb"])
