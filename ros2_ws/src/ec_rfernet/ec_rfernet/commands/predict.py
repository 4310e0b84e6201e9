"""``ec-rfernet predict``."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet import bundle
from ec_rfernet.commands import options as command_options
from ec_rfernet.datasets.pictures import decode
from ec_rfernet.errors import InputError
from ec_rfernet.faces.mediapipe_detector import MediaPipeDetector
from ec_rfernet.recognition import Recognition, recognise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--bundle", type=Path, required=True, metavar="FOLDER", help="the model")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="a picture file")
    parser.add_argument(
        "--annotate", type=Path, metavar="FILE",
        help="draw the faces into the picture, of which there may be only one, and write it here",
    )  # fmt: skip
    parser.add_argument(
        "--min-score", type=float, default=0.5, metavar="SCORE",
        help="of the face detector; faces below are left out, 0..1 (default: %(default)s)",
    )  # fmt: skip
    command_options.add_runtime_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Prints a line a face, and draws them where asked to."""
    if options.annotate and len(options.images) != 1:
        raise InputError(f"--annotate takes one picture, not {len(options.images)}")
    if not 0 <= options.min_score <= 1:
        raise InputError(f"--min-score is {options.min_score}, expected 0..1")
    classifier = command_options.classifier(bundle.load(options.bundle), options, threads=1)
    detector = MediaPipeDetector(options.min_score)
    try:
        for path in options.images:
            image = _read(path)
            found = recognise(image, detector, classifier)
            print(f"{path}: {len(found)} face{'s' if len(found) != 1 else ''}")
            for recognition in found:
                print(_line(recognition, classifier.bundle.labels))
            if options.annotate:
                _write(options.annotate, _annotated(image, found))
    finally:
        detector.close()


def _read(path: Path) -> np.ndarray:
    image = decode(path.read_bytes(), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"{path}: not a picture that can be read")
    return image


def _write(path: Path, image: np.ndarray) -> None:
    try:
        written, data = cv2.imencode(path.suffix, image)
    except cv2.error:
        written = False
    if not written:
        raise InputError(f"{path}: cannot write pictures of type '{path.suffix}', try .png or .jpg")
    path.write_bytes(data.tobytes())


def _line(recognition: Recognition, labels: tuple[str, ...]) -> str:
    box = recognition.face.box
    shares = "  ".join(
        f"{label} {share:.2f}"
        for label, share in zip(labels, recognition.probabilities, strict=True)
    )
    place = f"{box.width:.0f}x{box.height:.0f} at ({box.x:.0f}, {box.y:.0f})"
    return f"  {recognition.label:<10} {place:<22} {shares}"


def _annotated(image: np.ndarray, found: list[Recognition]) -> np.ndarray:
    picture = image.copy()
    unit = max(1, round(min(image.shape[:2]) / 300))
    for recognition in found:
        box = recognition.face.box
        corner = (round(box.x), round(box.y))
        opposite = (round(box.x + box.width), round(box.y + box.height))
        cv2.rectangle(picture, corner, opposite, (90, 200, 90), unit, cv2.LINE_AA)
        text = f"{recognition.label} {recognition.probabilities.max():.0%}"
        place = (corner[0], max(corner[1] - 4 * unit, 14 * unit))
        cv2.putText(picture, text, place, 0, 0.5 * unit, (90, 200, 90), unit, cv2.LINE_AA)
    return picture
