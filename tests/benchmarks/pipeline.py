"""From the camera's stamp to ``/emotion``: latency, processor time, memory."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

import numpy as np

from tests.benchmarks.cases import FAST, Case
from tests.benchmarks.crew import Crew, crew
from tests.benchmarks.figures import Figures, Observation, figures
from tests.benchmarks.scene import frames, heads

_FILM = 60  # frames of a film, which is repeated
_WARM_UP = 30  # images
_PATIENCE_S = 30.0  # beyond the time that the images themselves take

_people = lru_cache(maxsize=1)(heads)


class Pipeline:
    """Measures cases.

    Args:
        folder: where the films are kept meanwhile.
        domain: ROS domain to use.
        core: to which perception is bound in the cases with one core.
    """

    def __init__(self, folder: Path, domain: int, core: int) -> None:
        self._folder, self._domain, self._core = folder, domain, core

    def measure(self, case: Case, seconds: float) -> Figures:
        """Runs a case for some time.

        Raises:
            MeasurementError: not enough emotions came, or a program failed.
        """
        film = self._film(case)
        # A slow machine makes fewer images of a fast camera; the time should not grow with that.
        images = round(seconds * (case.rate if not case.is_sustained else FAST / 4))
        with crew(self._domain) as running:
            pid = self._start(running, case, film)
            observer = running.module(
                "observer", "--pid", pid, "--warm-up", _WARM_UP, "--images", images, ready="ready"
            )
            answer = running.answer(observer, seconds + _PATIENCE_S)
        return figures(Observation.from_dict(answer), case.faces)

    def start_up(self, times: int) -> tuple[float, ...]:
        """From the start of the process to the first ``/emotion``, while a camera runs.

        Returns:
            Seconds, sorted.
        """
        case = Case()
        film, found = self._film(case), []
        for _ in range(times):
            with crew(self._domain) as running:
                running.module("camera", film, case.rate, case.transport, ready="showing")
                observer = running.module("observer", ready="ready")
                began = time.time()
                running.perception(case.transport)
                answer = running.answer(observer, _PATIENCE_S)
                found.append(Observation.from_dict(answer).heard[0] - began)
        return tuple(sorted(found))

    def _start(self, running: Crew, case: Case, film: Path) -> int:
        """Starts the camera and perception; the process of the latter."""
        camera = [film, case.rate, case.transport]
        if case.layout == "together":
            process = running.module("camera", *camera, "--with-perception", ready="showing")
        else:
            core = self._core if case.one_core else None
            process = running.perception(case.transport, core, ready="looking at")
            running.module("camera", *camera, ready="showing")
        return process.pid

    def _film(self, case: Case) -> Path:
        path = self._folder / f"{case.width}x{case.height}_{case.faces}.npy"
        if not path.exists():
            np.save(path, frames(_people(), case.width, case.height, case.faces, _FILM))
        return path
