"""BlazeFace (Bazarevsky et al., 2019) as MediaPipe computes it, where that is installed."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.faces.blazeface import reduced, shrinking
from ec_rfernet.faces.face import KEYPOINTS, Box, Face

_CURE = "pip install --no-deps -r requirements/mediapipe.txt, or use detector blazeface"
_OPTIONS = tuple(f"{part}/**/*_pb2.py" for part in ("framework", "calculators", "modules"))


def face_detection() -> Any:
    """The module ``mediapipe.python.solutions.face_detection``.

    To import it as usual takes a second and 36 MB more: the packages around it import every
    other solution and, to draw their results, pyplot. So these packages are found, but not
    run. A program that wants all of MediaPipe besides imports it first.

    Raises:
        InputError: MediaPipe is not installed, is no release that carries its models, or one
            that tells Google how it is used: such a release is not even imported.
    """
    try:
        release = version("mediapipe")
    except PackageNotFoundError as error:
        raise InputError(
            f"detector mediapipe needs the package mediapipe, which is not installed: {_CURE}"
        ) from error
    if not release.startswith("0."):
        raise InputError(
            f"detector mediapipe is refused with MediaPipe {release}: from 1.0 on MediaPipe sends "
            f"usage metrics to Google; {_CURE}"
        )
    try:
        for package in ("mediapipe", "mediapipe.python", "mediapipe.python.solutions"):
            _find(package)
        return import_module("mediapipe.python.solutions.face_detection")
    except ImportError as error:
        raise InputError(
            f"detector mediapipe cannot use MediaPipe {release} ({error}): {_CURE}"
        ) from error


def _find(package: str) -> None:
    """Puts a package in place without running it."""
    if package in sys.modules:
        return
    spec = find_spec(package)
    if spec is None:
        raise ImportError(f"no package {package}")
    sys.modules[package] = module_from_spec(spec)
    if package == "mediapipe":
        _know_options(Path(sys.modules[package].__path__[0]))


def _know_options(folder: Path) -> None:
    """Options of a graph that Python does not know, its protobuf drops without a word."""
    for pattern in _OPTIONS:
        for path in sorted(folder.glob(pattern)):
            import_module(".".join(path.relative_to(folder.parent).with_suffix("").parts))


_SMALLEST = 8  # pixels; below that there is nothing to detect


class MediaPipeDetector:
    """Several faces within about five metres, with six key points each.

    Args:
        min_score: faces below this confidence are dropped, 0..1; its graph drops those below 0.6,
            whatever is asked.

    Raises:
        InputError: see `face_detection`.
    """

    def __init__(self, min_score: float = 0.5) -> None:
        # The full-range model (1): in 640x480 it finds faces half as wide as the short-range one
        # does, see `python -m tests.benchmarks --only faces`.
        with _silent_stderr(), _locale_c():
            make = face_detection().FaceDetection
            self._network = make(min_detection_confidence=min_score, model_selection=1)
            self.detect(np.zeros((64, 64, 3), np.uint8))

    def detect(self, image: np.ndarray) -> list[Face]:
        """The faces of a BGR image uint8 [H, W, 3], most confident first."""
        height, width = image.shape[:2]
        if min(height, width) < _SMALLEST:
            return []
        shrink = shrinking(height, width)
        small = reduced(image, shrink)
        height, width = shrink * small.shape[0], shrink * small.shape[1]
        result = self._network.process(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
        scale = np.array([width, height], dtype=np.float32)
        faces = []
        for detection in result.detections or ():
            data = detection.location_data
            box = data.relative_bounding_box
            if box.width <= 0 or box.height <= 0:
                continue
            points = [[point.x, point.y] for point in data.relative_keypoints[: len(KEYPOINTS)]]
            faces.append(
                Face(
                    Box(
                        box.xmin * width, box.ymin * height, box.width * width, box.height * height
                    ),
                    float(detection.score[0]),
                    np.array(points, dtype=np.float32) * scale,
                )
            )
        return sorted(faces, key=lambda face: -face.score)

    def close(self) -> None:
        """Frees the detection graph."""
        self._network.close()


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Drops what native code writes to stderr: mediapipe greets with warnings at its start."""
    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


@contextmanager
def _locale_c() -> Iterator[None]:
    """Graphs are read as the locale writes: in Turkish I is no i, in German 0.5 is no number."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, "C")
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)
