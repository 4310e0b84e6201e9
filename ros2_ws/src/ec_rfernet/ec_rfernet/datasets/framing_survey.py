"""Measures the framing of a data set.

``python -m ec_rfernet.datasets.framing_survey --root PATH``
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet import datasets
from ec_rfernet.cli import Parser, exit_code
from ec_rfernet.errors import InputError
from ec_rfernet.faces import DEFAULT_DETECTOR, DETECTORS, LEAST_SCORE
from ec_rfernet.faces.face import FaceDetector
from ec_rfernet.faces.framing import ANCHORS, Framing, anchor_points

SAMPLE = 2000
"""Medians over so many pictures do not move by a tenth of a pixel any more."""

_ENLARGE = 3  # the detector expects faces larger than 48 pixels, with something around them


def framing_of(dataset: str, images: np.ndarray, detector: FaceDetector | None = None) -> Framing:
    """Where eyes and mouth lie in the pictures of a data set.

    What was measured once over all of a data set, else a survey of `SAMPLE` of the
    pictures. Takes half a minute: do it before a training, not after.

    Args:
        dataset: name of the data set.
        images: its training pictures, uint8 [N, 48, 48].
        detector: default: the robot's.

    Raises:
        InputError: no face was found in any picture, or there is no detector.
    """
    known = datasets.get(dataset).framing
    if known is not None:
        return known
    own = detector is None
    finder = DETECTORS.make(DEFAULT_DETECTOR, LEAST_SCORE) if detector is None else detector
    try:
        medians, _ = survey(sample(images), finder)
    finally:
        if own:
            finder.close()
    return Framing(images.shape[1], tuple((float(x), float(y)) for x, y in medians.round(1)))


def sample(images: np.ndarray, limit: int = SAMPLE) -> np.ndarray:
    """At most ``limit`` of the pictures, always the same ones; all of them if it is 0."""
    if not 0 < limit < len(images):
        return images
    return images[np.random.default_rng(0).choice(len(images), limit, replace=False)]


def survey(images: np.ndarray, detector: FaceDetector) -> tuple[np.ndarray, float]:
    """Where the anchors lie in face pictures.

    Each picture is looked at twice, as it is and mirrored, so that the framing is as
    symmetric as the augmented training images are.

    Args:
        images: uint8 [N, S, S], grey.
        detector: the one that the robot uses; its key points differ from others'.

    Returns:
        (median anchors float64 [3, 2] in pixels from the corner, share of detections 0..1).
    """
    side = images.shape[1]
    found = []
    for image in images:
        for mirrored in (False, True):
            points = _anchors(image[:, ::-1] if mirrored else image, detector)
            if points is not None:
                found.append(points)
    if not found:
        raise InputError(
            f"no face was found in any of {len(images)} pictures, so that it is unknown how "
            "to frame a face for a network that learns from them"
        )
    return np.median(found, axis=0) * side, len(found) / (2 * len(images))


def _anchors(image: np.ndarray, detector: FaceDetector) -> np.ndarray | None:
    """The anchors of one picture, as shares of its side."""
    side = image.shape[0] * _ENLARGE
    large = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(large, side, side, side, side, cv2.BORDER_REPLICATE)
    faces = detector.detect(cv2.cvtColor(framed, cv2.COLOR_GRAY2BGR))
    return anchor_points(faces[0]) / side - 1 if faces else None


def main() -> int:
    """Prints the medians over the training images (of the first fold)."""
    parser = Parser(prog="framing_survey", description=__doc__)
    parser.add_argument(
        "--dataset", default="fer2013", choices=datasets.DATASETS,
        help="name of the data set (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--root", type=Path, required=True, metavar="PLACE", help="as for ec-rfernet train"
    )
    parser.add_argument(
        "--limit", type=int, default=SAMPLE, metavar="N",
        help="look at so many images (default: %(default)s, 0: all)",
    )  # fmt: skip
    options = parser.parse_args()
    return exit_code("framing_survey", lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    dataset = datasets.get(options.dataset)
    split = dataset.read(options.root, "train", 0 if dataset.folds else None)
    images = sample(split.images, options.limit)
    detector = DETECTORS.make(DEFAULT_DETECTOR, LEAST_SCORE)
    try:
        medians, share = survey(images, detector)
    finally:
        detector.close()
    print(f"{len(images)} images, faces found in {share:.1%}")
    for name, (x, y) in zip(ANCHORS, medians, strict=True):
        print(f"{name:10} x {x:5.2f}  y {y:5.2f}")


if __name__ == "__main__":
    sys.exit(main())
