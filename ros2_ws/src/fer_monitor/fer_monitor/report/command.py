"""The program ``fer-report``: a recording as a page to read, and as a table."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from io import StringIO
from pathlib import Path

from ec_rfernet.cli import Parser, exit_code, tell_written
from ec_rfernet.errors import InputError, writable
from ec_rfernet.files import check_place, write_text
from fer_common.bag import open_bag
from fer_common.emotions import SeenFace
from fer_monitor.report.page import page
from fer_monitor.report.session import ArrivedImage, SessionReader

NAME = "fer-report"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program.

    Args:
        arguments: without the program's name; None for those of this process.

    Returns:
        0, also for a damaged bag of which a part can be read; 2 after one clear line.
    """
    given = make_parser().parse_args(arguments)
    return exit_code(NAME, partial(_report, given.bag, given.out, given.csv))


def make_parser() -> Parser:
    """The parser of the command line."""
    parser = Parser(
        prog=NAME,
        description="Turns a recording of the robot into one HTML page. Needs no running ROS.",
    )
    parser.add_argument("bag", type=Path, help="folder or file of the recording")
    parser.add_argument(
        "--out", type=Path, metavar="FILE.html", help="the page (default: report.html beside it)"
    )
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help="also write the emotions: a row per face and image"
    )
    return parser


def _report(path: Path, out: Path | None, table: Path | None) -> None:
    reader = SessionReader(path, open_bag(path))
    out = out or (path / "report.html" if path.is_dir() else path.with_suffix(".html"))
    for target in filter(None, (out, table)):
        if os.path.realpath(target) == os.path.realpath(path):
            raise InputError(f"{target}: is the recording itself, expected another file")
        check_place(target)
    session = reader.session(keep_images=table is not None)
    write_text(out, writable(page(session)), private=True)
    if table is not None:
        write_text(table, csv_text(session.labels, reader.images, reader.attended), private=True)
    if session.flaw:
        print(f"{NAME}: {path}: incomplete: {session.flaw}", file=sys.stderr)
    print(f"{out}: {session.duration:.0f} s, {len(session.images)} images")
    tell_written(table)


# The table.

_FIRST = ("time", "face_id", "label", "confidence", "size", "attended", "stamp", "arrived")
_HEAD = ("yaw", "pitch", "roll")
_LAST = ("valence", "arousal", *_HEAD, "engagement", "x", "y", "width", "height")


def columns(labels: Iterable[str]) -> tuple[str, ...]:
    """The columns of the table; one for the probability of each label."""
    return (*_FIRST, *(f"p_{label}" for label in labels), *_LAST)


def csv_text(
    labels: Sequence[str], images: Iterable[ArrivedImage], attended: Collection[tuple[int, str]]
) -> str:
    """One row for each face of each image; an image without a face has a row without one.

    Labels and names may be a stranger's. A terminal obeys nothing of them, and a spreadsheet takes
    none for a formula: what begins like one has an apostrophe before it, as OWASP advises.

    Args:
        labels: of the session.
        images: in order.
        attended: stamp and face_id of whoever was attended to, where the images do not tell.
    """
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns(labels))
    writer.writerows(_rows(labels, images, attended))
    return writable(stream.getvalue())


def _rows(
    labels: Sequence[str], images: Iterable[ArrivedImage], attended: Collection[tuple[int, str]]
) -> Iterator[list[str]]:
    began = latest = 0
    for arrived in images:
        image = arrived.image
        began = began or arrived.arrived
        latest = max(latest, arrived.arrived)
        time = f"{(latest - began) * 1e-9:.3f}"
        moment = [_seconds(image.stamp), _seconds(arrived.arrived)]
        if not image.faces:
            yield [time, *[""] * 5, *moment, *[""] * (len(labels) + len(_LAST))]
        for face in image.faces:
            if image.attended is None:
                chosen = (image.stamp, face.face_id) in attended
            else:
                chosen = face.face_id == image.attended
            width = face.box[2]
            size = f"{min(1.0, width / arrived.width):.4f}" if arrived.width else ""
            who = [
                no_formula(face.face_id),
                no_formula(face.label),
                f"{face.confidence:.4f}",
                size,
                str(int(chosen)),
            ]
            yield [time, *who, *moment, *_numbers(labels, face), *map(str, face.box)]


_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # wide ones, too


def no_formula(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _numbers(labels: Sequence[str], face: SeenFace) -> Iterator[str]:
    known = dict(zip(face.labels, face.probabilities, strict=True))
    for label in labels:
        yield f"{known[label]:.4f}" if label in known else ""
    yield f"{face.valence:.4f}"
    yield f"{face.arousal:.4f}"
    yield from ("", "", "") if face.head is None else map("{:.4f}".format, face.head)
    yield face.engagement.name.lower() if face.engagement else ""


def _seconds(time: int) -> str:
    return f"{time // 10**9}.{time % 10**9:09d}"
