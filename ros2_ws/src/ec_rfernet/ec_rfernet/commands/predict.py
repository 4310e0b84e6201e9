"""``ec-rfernet predict``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.cli import tell_written
from ec_rfernet.commands import options as command_options
from ec_rfernet.errors import InputError
from ec_rfernet.faces import DEFAULT_DETECTOR, DETECTORS
from ec_rfernet.files import write_bytes
from ec_rfernet.model import FaceExpression, Model, load
from ec_rfernet.perceived import Perceived
from ec_rfernet.picture_file import read_picture
from ec_rfernet.show.overlay import annotated


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="a picture file")
    parser.add_argument(
        "--json", action="store_true",
        help="print a line of JSON for each picture instead of text",
    )  # fmt: skip
    parser.add_argument(
        "--annotate", type=Path, metavar="FILE",
        help="draw the faces into the picture, of which there may be only one, and write it here",
    )  # fmt: skip
    parser.add_argument(
        "--detector", default=DEFAULT_DETECTOR, choices=(*DETECTORS,),
        help="what finds the faces (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--whole", action="store_true",
        help="take each picture as a face, cut out as those of FER2013 are, and look for none",
    )  # fmt: skip
    command_options.add_looking_arguments(parser)


def run(options: argparse.Namespace) -> None:
    """Prints a line a face, and draws them where asked to.

    Raises:
        InputError: a picture cannot be read; of several, the others are judged before.
    """
    if options.annotate and len(options.images) != 1:
        raise InputError(f"--annotate takes one picture, not {len(options.images)}")
    if not 0 <= options.min_score <= 1:
        raise InputError(f"--min-score is {options.min_score}, expected 0..1")
    with load(
        options.bundle,
        detector=options.detector,
        min_score=options.min_score,
        runtime=options.runtime,
        precision=options.precision,
        force=options.force,
    ) as model:
        command_options.tell_warning(model.classifier)
        unread = []
        for path in options.images:
            try:
                _judge(model, path, options)
            except InputError as error:
                if len(options.images) == 1:
                    raise
                sys.stdout.flush()  # in the order of the pictures, also where both are one file
                print(f"ec-rfernet: {' '.join(str(error).split())}", file=sys.stderr)
                unread.append(path)
    if unread:
        count = len(options.images)
        raise InputError(f"{len(unread)} of {count} pictures could not be read, the others were")


def _judge(model: Model, path: Path, options: argparse.Namespace) -> None:
    image = read_picture(path, cv2.IMREAD_COLOR)
    found = model.predict(image, whole=options.whole)
    if options.json:
        faces = [face.estimate.as_dict(model.labels) for face in found]
        height, width = image.shape[:2]
        told = {"picture": str(path), "width": width, "height": height, "faces": faces}
        print(json.dumps(told))
    else:
        print(f"{path}: {len(found)} face{'s' if len(found) != 1 else ''}")
        for face in found:
            print(_line(face))
    if options.annotate:
        _write(options.annotate, annotated(image, _perceived(found, model.labels)))
        tell_written(options.annotate)


def _perceived(found: list[FaceExpression], labels: tuple[str, ...]) -> Perceived:
    """The faces of a picture, which have no ids; the largest is the one with its bars."""
    faces = sorted(found, key=lambda face: -face.box.area)
    return Perceived(tuple(face.estimate for face in faces), attended="", labels=labels)


def _write(path: Path, image: np.ndarray) -> None:
    try:
        written, data = cv2.imencode(path.suffix, image)
    except cv2.error:
        written = False
    if not written:
        raise InputError(f"{path}: cannot write pictures of type '{path.suffix}', try .png or .jpg")
    write_bytes(path, data.tobytes(), private=True)  # it shows people


def _line(face: FaceExpression) -> str:
    box = face.box
    shares = "  ".join(f"{label} {share:.2f}" for label, share in face.probabilities.items())
    place = f"{box.width:.0f}x{box.height:.0f} at ({box.x:.0f}, {box.y:.0f})"
    return f"  {face.label:<10} {place:<22} {shares}"
