"""Times what the robot does with one face."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fer_monitor.doctor.probes.reply import reply

_WARM_UP, _LONGEST_S = 3, 1.0


def work(arguments: Sequence[str]) -> dict[str, Any]:
    """The times, with the runtime that was chosen for this machine.

    Args:
        arguments: folder of the bundle.
    """
    import numpy as np

    from ec_rfernet import bundle as bundles
    from ec_rfernet.faces.mediapipe_detector import MediaPipeDetector
    from ec_rfernet.runtimes import open_classifier

    bundle = bundles.load(Path(arguments[0]))
    classifier = open_classifier(bundle)
    noise = np.random.default_rng(0)
    face = noise.integers(0, 256, (1, bundle.input_size, bundle.input_size), np.uint8)
    picture = noise.integers(0, 256, (480, 640, 3), np.uint8)
    face_ms = median_ms(lambda: classifier.probabilities(face), 50)
    detector = MediaPipeDetector()
    find_ms = median_ms(lambda: detector.detect(picture), 15)
    detector.close()
    return {
        "runtime": classifier.runtime,
        "precision": classifier.precision,
        "warning": classifier.warning,
        "face_ms": face_ms,
        "find_ms": find_ms,
    }


def median_ms(
    action: Callable[[], object], times: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """How long something takes, milliseconds; it is done up to so many times, for a second."""
    taken: list[float] = []
    begun = clock()
    while len(taken) <= _WARM_UP or (
        len(taken) < _WARM_UP + times and clock() - begun < _LONGEST_S
    ):
        start = clock()
        action()
        taken.append(clock() - start)
    return 1e3 * statistics.median(taken[_WARM_UP:])


if __name__ == "__main__":
    reply(work)
