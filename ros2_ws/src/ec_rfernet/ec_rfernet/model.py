"""Faces and their expressions in single pictures: what a notebook needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from ec_rfernet import bundle as bundles
from ec_rfernet.bundle import Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.faces import DEFAULT_DETECTOR, DETECTORS, LEAST_SCORE
from ec_rfernet.faces.face import Box, Face, FaceDetector
from ec_rfernet.faces.framing import align, filling
from ec_rfernet.faces.head_pose import HeadAngles, head_pose
from ec_rfernet.faces.scales import MultiScaleDetector
from ec_rfernet.labels import UNKNOWN, valence_arousal
from ec_rfernet.perceived import EmotionEstimate
from ec_rfernet.picture_file import read_picture
from ec_rfernet.runtimes import AUTO, open_classifier
from ec_rfernet.runtimes.classifier import Classifier


@dataclass(frozen=True, eq=False)
class FaceExpression:
    """One face of a picture, and how it looks.

    Attributes:
        face: where it is; `box`, `keypoints` and `score` are short for its parts.
        label: the likeliest expression, or ``unknown`` where it is less probable than the
            bundle's reject threshold.
        confidence: calibrated probability of the likeliest expression, 0..1.
        probabilities: calibrated, 0..1, by label in the order of the bundle's; they sum to 1.
        valence: from unpleasant to pleasant, -1..1; derived from the probabilities.
        arousal: from calm to excited, -1..1; derived from the probabilities.
    """

    face: Face
    label: str
    confidence: float
    probabilities: Mapping[str, float]
    valence: float
    arousal: float

    @property
    def box(self) -> Box:
        """Around brow, chin and cheeks; ``x``, ``y``, ``width``, ``height`` in image pixels."""
        return self.face.box

    @property
    def keypoints(self) -> np.ndarray:
        """float32 [6, 2], (x, y) in image pixels, in the order of `KEYPOINTS`."""
        return self.face.keypoints

    @property
    def score(self) -> float:
        """The detector's confidence that this is a face, 0..1."""
        return self.face.score

    @property
    def head(self) -> HeadAngles | None:
        """Where the head is turned: yaw, pitch and roll, rad; None where that is not known."""
        return head_pose(self.face)

    @property
    def estimate(self) -> EmotionEstimate:
        """The same as perception tells it of a face that is not followed."""
        return EmotionEstimate(
            "",
            self.label,
            self.confidence,
            np.array([*self.probabilities.values()], np.float32),
            self.valence,
            self.arousal,
            self.box,
            score=self.score,
            head=self.head,
        )


class Model:
    """Finds faces and judges their expressions. `load` makes one; `close` frees it.

    Not thread-safe: keep it in one thread.

    Args:
        classifier: a bundle that is ready to run, see `ec_rfernet.runtimes.open_classifier`.
        detector: one of `ec_rfernet.faces.DETECTORS`, made.
    """

    def __init__(self, classifier: Classifier, detector: FaceDetector) -> None:
        self.classifier, self.detector = classifier, detector

    @property
    def bundle(self) -> Bundle:
        """What runs: its labels, pre-processing, calibration, provenance and figures."""
        return self.classifier.bundle

    @property
    def labels(self) -> tuple[str, ...]:
        """The expressions that the model knows."""
        return self.bundle.labels

    def predict(
        self, image: np.ndarray | str | Path, *, whole: bool = False
    ) -> list[FaceExpression]:
        """The faces of a picture, most confidently detected first.

        Args:
            image: as ``cv2.imread`` gives it: uint8 [H, W, 3] in the order blue, green, red
                (of an RGB image give ``image[..., ::-1]``), or grey [H, W]; or the path of a
                picture file.
            whole: take the picture as a face, as those of FER2013 are, and look for none.

        Raises:
            InputError: no such image, not a picture, or a file that cannot be read.
        """
        picture = _read(image) if isinstance(image, str | Path) else _picture(image)
        bundle = self.bundle
        faces = [filling(picture, bundle.framing)] if whole else self.detector.detect(picture)
        crops = np.empty((len(faces), bundle.input_size, bundle.input_size), np.uint8)
        for crop, face in zip(crops, faces, strict=True):
            crop[:] = align(picture, face, bundle.framing, bundle.input_size)
        rows = self.classifier.probabilities(crops)
        return [_expression(face, row, bundle) for face, row in zip(faces, rows, strict=True)]

    def close(self) -> None:
        """Frees the detector."""
        self.detector.close()

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def load(
    model: str | Path = "ec_rfernet",
    *,
    detector: str = DEFAULT_DETECTOR,
    min_score: float = LEAST_SCORE,
    runtime: str = AUTO,
    precision: str = AUTO,
    threads: int = 1,
    force: bool = False,
) -> Model:
    """Makes a model ready to run.

    Args:
        model: name of a bundle that is installed, or the path of one.
        detector: what finds faces, a name of `ec_rfernet.faces.DETECTORS`.
        min_score: faces that the detector is less sure of are left out, 0..1.
        runtime: what computes the network, a name of `ec_rfernet.runtimes.RUNTIMES`; ``auto``
            is the fastest that is installed, or what was chosen for this machine.
        precision: ``fp32``, ``bf16`` or ``int8``; ``auto`` is int8 where that loses no accuracy.
        threads: for one inference; 0 is all cores.
        force: also a model that its training has found unfit for use.

    Raises:
        InputError: there is no such bundle, detector, runtime or precision here, or one is
            damaged; the message says what to do.
    """
    if not isinstance(min_score, Real) or not 0 <= min_score <= 1:  # also numpy's
        raise InputError(f"min_score is {min_score}, expected 0..1")
    if not isinstance(threads, Integral) or threads < 0:
        raise InputError(f"threads is {threads}, expected a whole number, 0 or more")
    min_score, threads = float(min_score), int(threads)
    bundle = bundles.load(bundles.find(str(model), bundles.places()))
    bundles.require_fit(bundle, force)
    classifier = open_classifier(bundle, threads, runtime, precision)
    return Model(classifier, MultiScaleDetector(partial(DETECTORS.make, detector), min_score))


def _read(path: str | Path) -> np.ndarray:
    return read_picture(Path(path), cv2.IMREAD_COLOR)


def _picture(image: np.ndarray) -> np.ndarray:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.size == 0:
        kind = getattr(image, "dtype", type(image).__name__)
        raise InputError(f"image is {kind}, expected uint8 [H, W, 3] or [H, W] with pixels in it")
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if image.ndim != 3 or image.shape[2] not in (3, 4):
        raise InputError(f"image is {list(image.shape)}, expected [H, W, 3] or [H, W]")
    return np.ascontiguousarray(image[..., :3])


def _expression(face: Face, row: np.ndarray, bundle: Bundle) -> FaceExpression:
    best = int(row.argmax())
    sure = row[best] >= bundle.reject_threshold
    return FaceExpression(
        face,
        bundle.labels[best] if sure else UNKNOWN,
        float(row[best]),
        dict(zip(bundle.labels, map(float, row), strict=True)),
        *valence_arousal(row, bundle.labels),
    )
