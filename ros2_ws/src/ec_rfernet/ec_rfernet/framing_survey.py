"""Measures the framing of FER2013: ``python -m ec_rfernet.framing_survey --root PATH``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.datasets import read
from ec_rfernet.detection import MediaPipeDetector
from ec_rfernet.errors import InputError
from ec_rfernet.faces import FaceDetector
from ec_rfernet.framing import ANCHORS, anchor_points

_ENLARGE = 3  # the detector expects faces larger than 48 pixels, with something around them


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
        raise InputError("no face was found in any of the pictures")
    return np.median(found, axis=0) * side, len(found) / (2 * len(images))


def _anchors(image: np.ndarray, detector: FaceDetector) -> np.ndarray | None:
    """The anchors of one picture, as shares of its side."""
    side = image.shape[0] * _ENLARGE
    large = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    framed = cv2.copyMakeBorder(large, side, side, side, side, cv2.BORDER_REPLICATE)
    faces = detector.detect(cv2.cvtColor(framed, cv2.COLOR_GRAY2BGR))
    return anchor_points(faces[0]) / side - 1 if faces else None


def main() -> int:
    """Prints the medians over the training images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="FER2013, as for ec-rfernet train")
    parser.add_argument("--limit", type=int, default=0, help="look at so many images (0: all)")
    options = parser.parse_args()
    try:
        images = read("fer2013", options.root, "train").images
        if options.limit:
            rng = np.random.default_rng(0)
            images = images[rng.choice(len(images), min(options.limit, len(images)), replace=False)]
        medians, share = survey(images, MediaPipeDetector())
    except InputError as error:
        print(f"framing_survey: {error}", file=sys.stderr)
        return 2
    print(f"{len(images)} images, faces found in {share:.1%}")
    for name, (x, y) in zip(ANCHORS, medians, strict=True):
        print(f"{name:10} x {x:5.2f}  y {y:5.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
