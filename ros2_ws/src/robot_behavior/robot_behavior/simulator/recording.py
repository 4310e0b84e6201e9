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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path

from ec_rfernet.labels import LABELS, UNKNOWN
from robot_behavior import yaml_file
from robot_behavior.yaml_file import ConfigError, Section

# ----------------------------------------------------------------------
# What perception says about one image.


@dataclass(frozen=True)
class Sighting:
    """One face in one image.

    Attributes:
        face_id: id of the face.
        label: one of `ec_rfernet.labels.LABELS`, or unknown.
        confidence: of the label, 0..1.
        size: width of the face as a share of the image's; 0 when it is not known.
    """

    face_id: str
    label: str
    confidence: float
    size: float


@dataclass(frozen=True)
class View:
    """One image.

    Attributes:
        time: seconds from the start.
        faces: the faces in it.
        attended: the face that the robot attends to; None for none.
    """

    time: float
    faces: tuple[Sighting, ...]
    attended: Sighting | None = None


class Attention:
    """Chooses whom the robot attends to, where a script does not say so.

    It does what ``fer_node`` does unless its parameters are changed: the largest face
    that has been there for half a second, until it has been lost for a second.
    """

    _AFTER_S, _FORGET_S = 0.5, 1.0

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._chosen: str | None = None
        self._seen = 0.0

    def choose(self, time: float, faces: Sequence[Sighting]) -> Sighting | None:
        """The attended face of an image; None for none."""
        self._since = {face.face_id: self._since.get(face.face_id, time) for face in faces}
        if self._chosen in self._since:
            self._seen = time
        elif self._chosen is None or time - self._seen > self._FORGET_S:
            ripe = [f for f in faces if time - self._since[f.face_id] >= self._AFTER_S]
            largest = max(ripe, key=lambda face: face.size, default=None)
            self._chosen = None if largest is None else largest.face_id
            self._seen = time
        return next((face for face in faces if face.face_id == self._chosen), None)


# ----------------------------------------------------------------------
# Scripts for `behavior-sim`: who is in view, and with which expression.
#
# A script is a YAML file:
#
#     duration_s: 20            # how long it lasts
#     rate: 10                  # images per second; optional, 10
#     events:                   # in the order of time; what an event does not name stays
#       - {at: 1.0, face: anna, size: 0.05, label: neutral}
#       - {at: 3.0, face: anna, size: 0.15, label: happy, confidence: 0.8}
#       - {at: 15.0, face: anna, leaves: true}

LONGEST_S = 3600.0
_NEWCOMER = Sighting("", "neutral", 0.9, 0.15)


def read_script(file: Path) -> list[View]:
    """The images of a script.

    Raises:
        ConfigError: names the file, the key, its value and what was expected.
    """
    root = yaml_file.read(file)
    duration = root.number("duration_s", 0.1, LONGEST_S)
    rate = root.number("rate", 0.5, 60.0, default=10.0)
    events = root.sections("events")
    root.close()
    changes: list[tuple[float, str, Sighting | None]] = []
    present: dict[str, Sighting] = {}
    latest = 0.0
    for event in events:
        at = event.number("at", 0.0, duration)
        if at < latest:
            raise event.error("at", at, f"a time that is not before the {latest:g} of the last one")
        latest = at
        name, face = _event(event, present)
        changes.append((at, name, face))
    return _scripted_views(changes, duration, rate)


def _event(event: Section, present: dict[str, Sighting]) -> tuple[str, Sighting | None]:
    """A face and what it looks like from now on; None if it is gone."""
    name = event.text("face")
    leaves = event.get("leaves", False)
    if not isinstance(leaves, bool):
        raise event.error("leaves", leaves, "true or false")
    if leaves:
        if name not in present:
            there = ", ".join(present) or "nobody"
            raise event.error("face", name, f"somebody who is there ({there})")
        del present[name]
        event.close()
        return name, None
    before = present.get(name, replace(_NEWCOMER, face_id=name))
    present[name] = Sighting(
        name,
        event.text("label", before.label, choices=(*LABELS, UNKNOWN)),
        event.number("confidence", 0.0, 1.0, default=before.confidence),
        event.number("size", 0.0, 1.0, default=before.size),
    )
    event.close()
    return name, present[name]


def _scripted_views(
    changes: list[tuple[float, str, Sighting | None]], duration: float, rate: float
) -> list[View]:
    views, faces, attention = [], dict[str, Sighting](), Attention()
    waiting = list(changes)
    for number in range(round(duration * rate) + 1):
        time = number / rate
        while waiting and waiting[0][0] <= time + 1e-9:
            _, name, face = waiting.pop(0)
            if face is None:
                faces.pop(name, None)
            else:
                faces[name] = face
        seen = tuple(faces.values())
        views.append(View(time, seen, attention.choose(time, seen)))
    return views


# ----------------------------------------------------------------------

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
