"""The emotions of a recording as CSV."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator
from io import StringIO

from ec_rfernet.labels import LABELS
from fer_monitor.report.reading import Sighting

COLUMNS = (
    "time",
    "face_id",
    "label",
    "confidence",
    "size",
    "attended",
    "stamp",
    "arrived",
    *(f"p_{label}" for label in LABELS),
    "valence",
    "arousal",
    "x",
    "y",
    "width",
    "height",
)
"""The first six are those of the recordings that ``behavior-sim`` reads."""


def csv_text(sightings: Iterable[Sighting], attended: Collection[tuple[int, str]]) -> str:
    """One row for each face of each image; an image without a face has a row without one.

    Args:
        sightings: in the order of the images.
        attended: stamp and face_id of whoever was attended to.
    """
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(sightings, attended))
    return stream.getvalue()


def _rows(
    sightings: Iterable[Sighting], attended: Collection[tuple[int, str]]
) -> Iterator[list[str]]:
    began = latest = 0
    for sighting in sightings:
        began = began or sighting.arrived
        latest = max(latest, sighting.arrived)
        moment = [_seconds(sighting.stamp), _seconds(sighting.arrived)]
        time, face = f"{(latest - began) * 1e-9:.3f}", sighting.face
        if face is None:
            yield [time, *[""] * 5, *moment, *[""] * (len(COLUMNS) - 8)]
            continue
        size = f"{min(1.0, face.roi.width / sighting.width):.4f}" if sighting.width else ""
        chosen = str(int((sighting.stamp, face.face_id) in attended))
        numbers = (*face.probabilities, face.valence, face.arousal)
        box = (face.roi.x_offset, face.roi.y_offset, face.roi.width, face.roi.height)
        yield [
            time,
            face.face_id,
            face.label,
            f"{face.confidence:.4f}",
            size,
            chosen,
            *moment,
            *(f"{number:.4f}" for number in numbers),
            *map(str, box),
        ]


def _seconds(time: int) -> str:
    return f"{time // 10**9}.{time % 10**9:09d}"
