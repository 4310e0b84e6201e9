"""Scripts for `behavior-sim`: who is in view, and with which expression.

A script is a YAML file:

    duration_s: 20            # how long it lasts
    rate: 10                  # images per second; optional, 10
    events:                   # in the order of time; what an event does not name stays
      - {at: 1.0, face: anna, size: 0.05, label: neutral}
      - {at: 3.0, face: anna, size: 0.15, label: happy, confidence: 0.8}
      - {at: 15.0, face: anna, leaves: true}
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ec_rfernet.labels import LABELS, UNKNOWN
from robot_behavior import yaml_file
from robot_behavior.simulator.sighting import Attention, Sighting, View
from robot_behavior.yaml_file import Section

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
    return _views(changes, duration, rate)


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


def _views(
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
