"""Start-up time and memory of a candidate in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass

from ec_rfernet.benchmark.subject import Candidate

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
