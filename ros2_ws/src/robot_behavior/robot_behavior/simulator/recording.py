"""Recorded emotions: a CSV file with one row per face and image.

    time,face_id,label,confidence,size,attended
    0.000,,,,,
    0.100,3f2a,happy,0.87,0.142,1

time: seconds, never decreasing; rows with the same time belong to one image. A row without
face_id is an image without a face. size: width of the face as a share of the image's, 0 or
empty when it is not known. attended: 1 for the face that the robot attends to. The last
three columns may be missing. No picture, and nothing that tells who somebody is.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from itertools import groupby, pairwise
from pathlib import Path

from ec_rfernet.labels import LABELS, UNKNOWN
from robot_behavior.simulator.script import LONGEST_S
from robot_behavior.simulator.sighting import Attention, Sighting, View
from robot_behavior.yaml_file import ConfigError

COLUMNS = ("time", "face_id", "label", "confidence", "size", "attended")
REQUIRED = COLUMNS[:3]


def rows(view: View) -> list[tuple[str, ...]]:
    """The rows of an image."""
    time = f"{view.time:.3f}"
    if not view.faces:
        return [(time, "", "", "", "", "")]
    return [
        (
            time,
            face.face_id,
            face.label,
            f"{face.confidence:.3f}",
            f"{face.size:.4f}",
            "1" if face is view.attended else "0",
        )
        for face in view.faces
    ]


def read_recording(file: Path) -> list[View]:
    """The images of a recording; its first one is at time 0.

    Raises:
        ConfigError: names the file, the line, the value and what was expected.
    """
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream, strict=True)
            header = tuple(reader.fieldnames or ())
            _check_header(file, header)
            entries = [_Row(file, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{file}: cannot be read ({error})") from error
    return _views(file, entries, told="attended" in header)


class _Row:
    """One checked row."""

    def __init__(self, file: Path, line: int, row: dict[str, str]) -> None:
        self._where, self._row = f"{file}: line {line}", row
        if None in row or None in row.values():
            raise ConfigError(f"{self._where}: has another number of columns than the first line")
        self.time = self._number("time", -math.inf, math.inf)
        self.attended = row.get("attended", "") not in ("", "0")
        if row.get("attended", "") not in ("", "0", "1"):
            raise self._error("attended", "0 or 1")
        self.face: Sighting | None = None
        if row["face_id"]:
            if row["label"] not in (*LABELS, UNKNOWN):
                raise self._error("label", f"one of {', '.join((*LABELS, UNKNOWN))}")
            self.face = Sighting(
                row["face_id"],
                row["label"],
                self._number("confidence", 0.0, 1.0, default=1.0),
                self._number("size", 0.0, 1.0, default=0.0),
            )

    def check_order(self, before: float) -> None:
        """Refuses a time that is earlier than that of the row before."""
        if self.time < before:
            raise self._error("time", f"a time that is not before {before:g}")
        if self.time - before > LONGEST_S:
            raise self._error("time", f"at most {LONGEST_S:g} s after {before:g}")

    def _number(self, column: str, low: float, high: float, default: float = math.nan) -> float:
        text = self._row.get(column, "")
        if not text and not math.isnan(default):
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or not low <= value <= high:
            bounds = "" if math.isinf(low) else f" {low:g}..{high:g}"
            raise self._error(column, f"a number{bounds}")
        return value

    def _error(self, column: str, expected: str) -> ConfigError:
        value = self._row.get(column, "")
        return ConfigError(f"{self._where}: {column} is {value!r}, expected {expected}")


def _check_header(file: Path, header: Iterable[str]) -> None:
    names = list(header)
    missing = [name for name in REQUIRED if name not in names]
    foreign = [name for name in names if name not in COLUMNS]
    if missing or foreign or len(set(names)) != len(names):
        raise ConfigError(
            f"{file}: line 1 is {','.join(names)!r}, expected {','.join(COLUMNS)} "
            "(the last three may be missing)"
        )


def _views(file: Path, entries: list[_Row], told: bool) -> list[View]:
    if not entries:
        raise ConfigError(f"{file}: has no rows, expected at least one image")
    for before, entry in pairwise(entries):
        entry.check_order(before.time)
    start, attention, views = entries[0].time, Attention(), []
    for moment, group in groupby(entries, key=lambda entry: entry.time):
        image = list(group)
        faces = tuple(entry.face for entry in image if entry.face is not None)
        chosen = attention.choose(moment - start, faces)
        if told:
            chosen = next((entry.face for entry in image if entry.attended), None)
        views.append(View(moment - start, faces, chosen))
    return views
