#!/usr/bin/env python3
"""What the robot has installed, how large it is and why it is there.

The robot's distributions are those that its requirement files ask for, and what these need;
training and tests are left out, where they are installed as well.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

try:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name
except ImportError:
    print("size: nothing is installed yet: run make setup first", file=sys.stderr)
    sys.exit(2)

ROOT = Path(__file__).resolve().parents[1]
FILES = ("runtime.txt", "faces.txt", "ros-{ros}.txt", "build.txt", "cmake.txt")
_ALONE = ("faces.txt",)  # what these ask for is installed without what it needs
_SMALL_MB = 0.5
_NAMED = 3


@dataclass(frozen=True)
class Pin:
    """A line of a requirement file.

    Attributes:
        requirement: what is asked for.
        file: name of the file.
        why: the comment beside it, else the first sentence of the comment above it.
    """

    requirement: Requirement
    file: str
    why: str

    @property
    def name(self) -> str:
        """Normalised name of the distribution."""
        return canonicalize_name(self.requirement.name)


@dataclass(frozen=True)
class Entry:
    """An installed distribution.

    Attributes:
        name: normalised.
        version: installed.
        megabytes: of all its files, 10^6 bytes.
        pin: the line that asks for it; None when it is only needed by others.
        needed_by: names of the distributions that need it, sorted.
    """

    name: str
    version: str
    megabytes: float
    pin: Pin | None
    needed_by: tuple[str, ...]

    @property
    def reason(self) -> str:
        """Why it is there, in one line."""
        if self.pin is not None:
            return f"{self.pin.file}: {self.pin.why}"
        more = len(self.needed_by) - _NAMED
        others = f" and {more} more" if more > 0 else ""
        return f"needed by {', '.join(self.needed_by[:_NAMED])}{others}"


def pins(text: str, file: str) -> list[Pin]:
    """The lines of a requirement file that apply to this machine.

    Args:
        text: of the file.
        file: its name.

    Raises:
        ValueError: a line is not a requirement.
    """
    found, comment, above = [], "", ""
    for number, line in enumerate(text.splitlines(), 1):
        asked, mark, beside = (part.strip() for part in line.partition("#"))
        asked = asked.partition("--hash")[0].strip()
        if mark and not asked:
            above = f"{above} {beside}".strip()
            continue
        comment, above = above or comment, ""
        if not asked:
            continue
        try:
            requirement = Requirement(asked)
        except InvalidRequirement as error:
            raise ValueError(f"{file}:{number}: '{asked}' is no requirement ({error})") from error
        if requirement.marker is None or requirement.marker.evaluate():
            found.append(Pin(requirement, file, beside or _first_sentence(comment)))
    return found


def installed(wanted: Sequence[Pin], present: Iterable[Distribution]) -> list[Entry]:
    """The distributions that the pins bring, the largest first.

    Args:
        wanted: all pins.
        present: all installed distributions, also others.
    """
    known: dict[str, Distribution] = {}
    for distribution in present:
        known.setdefault(canonicalize_name(distribution.metadata["Name"]), distribution)
    asked = {pin.name: pin for pin in reversed(wanted)}
    needed_by: dict[str, set[str]] = {name: set() for name in asked}
    queue = [(pin.name, frozenset(pin.requirement.extras)) for pin in wanted]
    seen = set(queue)
    while queue:
        name, extras = queue.pop()
        pin = asked.get(name)
        if name not in known or (pin is not None and pin.file in _ALONE):
            continue
        for need in _needs(known[name], extras):
            other = canonicalize_name(need.name)
            needed_by.setdefault(other, set()).add(name)
            step = other, frozenset(need.extras)
            if step not in seen:
                seen.add(step)
                queue.append(step)
    entries = [
        Entry(name, found.version, _megabytes(found), asked.get(name), tuple(sorted(by)))
        for name, by in needed_by.items()
        if (found := known.get(name)) is not None
    ]
    return sorted(entries, key=lambda entry: (-entry.megabytes, entry.name))


def report(entries: Sequence[Entry], models: Path, smallest_mb: float) -> list[str]:
    """The table.

    Args:
        entries: of `installed`.
        models: folder with one folder for each network.
        smallest_mb: smaller distributions share one line.
    """
    shown = [entry for entry in entries if entry.megabytes >= smallest_mb]
    rest = [entry for entry in entries if entry.megabytes < smallest_mb]
    names = [f"{entry.name} {entry.version}" for entry in shown]
    width = max(map(len, names), default=0)
    lines = [f"{'MB':>8}  {'distribution':{width}}  why"]
    for entry, name in zip(shown, names, strict=True):
        lines.append(f"{entry.megabytes:8.1f}  {name:{width}}  {entry.reason}")
    if rest:
        what = f"{len(rest)} smaller than {smallest_mb:g} MB"
        lines.append(f"{_total(rest):8.1f}  {what:{width}}  --all lists them")
    lines.append(f"{_total(entries):8.1f}  in {len(entries)} distributions")
    lines.append("")
    for bundle in sorted(path.parent for path in models.glob("*/bundle.json")):
        size = sum(path.stat().st_size for path in bundle.iterdir() if path.is_file()) / 1e6
        lines.append(f"{size:8.1f}  network {bundle.name}")
    return lines


def _needs(distribution: Distribution, extras: frozenset[str]) -> list[Requirement]:
    needs = [Requirement(text) for text in distribution.requires or ()]
    contexts = [{"extra": extra} for extra in ("", *extras)]
    return [n for n in needs if n.marker is None or any(map(n.marker.evaluate, contexts))]


def _megabytes(distribution: Distribution) -> float:
    paths = {Path(str(file.locate())) for file in distribution.files or ()}
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def _total(entries: Iterable[Entry]) -> float:
    return sum(entry.megabytes for entry in entries)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.:;])\s", text)[0].rstrip(".:;")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table.

    Returns:
        Exit code: 2 where the robot is not installed.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="also the smallest, one by one")
    values = parser.parse_args(arguments)
    folder = ROOT / "requirements"
    remembered = Path(sys.prefix, ".ros")  # by scripts/setup.sh; empty: ROS is not from PyPI
    ros = remembered.read_text() if remembered.is_file() else ""
    files = [folder / name.format(ros=ros) for name in FILES if ros or "{ros}" not in name]
    wanted = [pin for file in files for pin in pins(file.read_text(), file.name)]
    entries = installed(wanted, distributions())
    there = {entry.name for entry in entries}
    absent = [pin.name for pin in wanted if pin.file == FILES[0] and pin.name not in there]
    if absent:
        names = ", ".join(absent[:_NAMED])
        print(f"size: {names} are not installed: run make setup first", file=sys.stderr)
        return 2
    print("\n".join(report(entries, ROOT / "models", 0.0 if values.all else _SMALL_MB)))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # ``| head`` has seen enough
    sys.exit(main())
