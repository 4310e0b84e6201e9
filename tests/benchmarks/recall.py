"""Which faces are found: by their size, their roll, and how much of them the edge cuts off.

python -m tests.benchmarks.recall                     # a table
python -m tests.benchmarks.recall --plot recall.png   # and its picture; --json FILE: its figures

Scenes of 640x480 are composed of a portrait and pictures without faces. Thresholds were chosen
on one person and some of the pictures (``--tuning``); what is reported is of the other ones.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ec_rfernet.errors import InputError
from ec_rfernet.faces import LEAST_SCORE
from ec_rfernet.faces.blazeface import BlazeFaceDetector
from ec_rfernet.faces.face import Face, Similarity
from ec_rfernet.faces.scales import MultiScaleDetector
from fer_bringup.clip.portraits import COLLINS, HOPPER, Portrait, load
from fer_node.perception.frame import RawFrame
from fer_node.perception.tracker import Finder, Interval
from tests.benchmarks.report import machine

_WIDTH, _HEIGHT = 640, 480
_SIZES = (20, 24, 32, 48, 64, 100, 200, 320, 400, 480, 528)  # from hairline to chin, pixels
_ROLLS = (0, 15, 30, 45)
_VISIBLE = (1.0, 0.9, 0.75, 0.6, 0.5)
_ROLLED, _CUT = (32, 480), (60, 350)  # sizes of the faces in these scenes, pixels
_IMAGES = 10  # that the robot sees of each scene, in a second
_MIN_FACE_PX = 32.0  # of the robot
_TUNING = (
    "coffee.png", "rocket.jpg", "brick.png", "retina.jpg", "coins.png", "text.png",
    "motorcycle_left.png",
)  # fmt: skip
_REPORTED = (
    "chelsea.png", "gravel.png", "grass.png", "hubble_deep_field.jpg", "page.png", "moon.png",
    "ihc.png", "cell.png", "clock_motion.png", "motorcycle_right.png", "horse.png",
)  # fmt: skip

Finding = Callable[[np.ndarray], Sequence[Face]]


@dataclass(frozen=True)
class Scene:
    """A picture, and where the face in it is.

    Attributes:
        image: BGR uint8 [H, W, 3].
        middle: of the face, pixels; None where there is none.
        size: from hairline to chin, pixels.
    """

    image: np.ndarray
    middle: complex | None = None
    size: float = 0.0

    def right(self, face: Face) -> bool:
        """Whether this is the face."""
        if self.middle is None:
            return False
        away = abs(complex(*face.box.center) - self.middle) / self.size
        return away < 0.35 and 0.5 < face.box.width / self.size < 2


class Studio:
    """Composes scenes.

    Args:
        person: who is shown.
        backgrounds: without faces, BGR uint8 [H, W, 3].
        seed: of everything that is left to chance.
    """

    def __init__(self, person: Portrait, backgrounds: Sequence[np.ndarray], seed: int) -> None:
        self._person, self._backgrounds = person, backgrounds
        self._rng = np.random.default_rng(seed)

    def face(self, size: float, roll: float = 0.0, visible: float = 1.0) -> Scene:
        """A face that is turned by so many degrees, to either side, and cut by one of the edges.

        Args:
            size: from hairline to chin, pixels.
            roll: degrees.
            visible: share of its width or height within the picture; 1: no edge cuts it, where
                that can be.
        """
        rng = self._rng
        room = max(0.0, (_WIDTH - size) / 2), max(0.0, (_HEIGHT - size) / 2)
        x, y = _WIDTH / 2 + rng.uniform(-1, 1) * room[0], _HEIGHT / 2 + rng.uniform(-1, 1) * room[1]
        if visible < 1:
            inside, edge = size * (visible - 0.5), rng.integers(4)
            x = (0.9 * inside, _WIDTH - 0.9 * inside, x, x)[edge]
            y = (y, y, inside, _HEIGHT - inside)[edge]
        return Scene(
            self._shown(complex(x, y), size, rng.choice((-1, 1)) * roll), complex(x, y), size
        )

    def upside_down(self) -> Scene:
        """A portrait that stands on its head; no face that a robot should greet."""
        x, y = self._rng.uniform(0, _WIDTH), self._rng.uniform(0, _HEIGHT)
        size, roll = self._rng.uniform(60, 400), self._rng.uniform(160, 200)
        return Scene(self._shown(complex(x, y), size, roll))

    def faceless(self) -> Scene:
        """A portrait whose face is covered."""
        size = self._rng.uniform(60, 300)
        middle = complex(self._rng.uniform(100, 540), self._rng.uniform(100, 380))
        image = self._shown(middle, size, 0.0)
        place = (round(middle.real), round(middle.imag))
        colour = [int(value) for value in image[place[1], place[0]]]
        cv2.ellipse(image, place, (round(0.5 * size), round(0.6 * size)), 0, 0, 360, colour, -1)
        return Scene(image)

    def _shown(self, middle: complex, size: float, roll: float) -> np.ndarray:
        rng, person = self._rng, self._person
        picture, alpha, points = person.image, person.alpha, person.landmarks
        if rng.random() < 0.5:
            picture, alpha = picture[:, ::-1], alpha[:, ::-1]
            points = points * [-1, 1] + [picture.shape[1] - 1, 0]
        low, high = points.min(0), points.max(0)
        scale = size / float(high[1] - low[1])
        # Averaged down first: warping alone aliases.
        small = [max(1, round(min(1.0, scale) * side)) for side in picture.shape[1::-1]]
        ratio = small[0] / picture.shape[1]
        factor = scale / ratio * complex(math.cos(math.radians(roll)), math.sin(math.radians(roll)))
        place = Similarity(factor, middle - factor * ratio * complex(*(low + high) / 2))
        layers = [
            cv2.warpAffine(
                cv2.resize(np.ascontiguousarray(layer), small, interpolation=cv2.INTER_AREA),
                place.matrix, (_WIDTH, _HEIGHT), flags=cv2.INTER_LINEAR,
            )
            for layer in (picture, alpha)
        ]  # fmt: skip
        behind = self._backgrounds[rng.integers(len(self._backgrounds))]
        behind = cv2.resize(behind, (_WIDTH, _HEIGHT)).astype(np.float32)
        light = rng.uniform(0.5, 1.2)
        shown = behind + layers[1][..., None] * (light * layers[0].astype(np.float32) - behind)
        return np.clip(np.rint(shown), 0, 255).astype(np.uint8)


def scenes(
    studio: Studio, backgrounds: Sequence[np.ndarray], number: int
) -> Iterator[tuple[str, str, list[Scene]]]:
    """What is looked at: (kind, value, scenes)."""
    rng = np.random.default_rng(number)

    def sizes(span: tuple[int, int]) -> np.ndarray:
        return np.exp(rng.uniform(*np.log(span), number))

    for size in _SIZES:
        yield "size", str(size), [studio.face(size, rng.uniform(0, 15)) for _ in range(number)]
    for roll in _ROLLS:
        yield "roll", str(roll), [studio.face(size, roll) for size in sizes(_ROLLED)]
    for share in _VISIBLE:
        faces = [studio.face(size, rng.uniform(0, 15), share) for size in sizes(_CUT)]
        yield "visible", f"{share:.0%}", faces
    yield "no face", "pictures", [Scene(image) for image in backgrounds]
    yield "no face", "upside down", [studio.upside_down() for _ in range(2 * number)]
    yield "no face", "covered", [studio.faceless() for _ in range(2 * number)]


def findings() -> dict[str, Finding]:
    """What is compared, by name."""
    robot = MultiScaleDetector(BlazeFaceDetector, LEAST_SCORE, _MIN_FACE_PX)

    def in_a_second(image: np.ndarray) -> Sequence[Face]:
        finder, seen = Finder(robot, Interval()), []
        for index in range(_IMAGES):
            seen += finder.find(RawFrame(image), index / _IMAGES)
        return seen

    return {
        "one look": BlazeFaceDetector(LEAST_SCORE).detect,
        "robot, 1 s": in_a_second,
        "every scale": MultiScaleDetector(BlazeFaceDetector, LEAST_SCORE).detect,
    }


def measure(tuning: bool, number: int) -> list[dict[str, Any]]:
    """A row for each kind of scene: share of the faces found, number of scenes with false ones."""
    backgrounds = _pictures(_TUNING if tuning else _REPORTED)
    studio = Studio(load(COLLINS if tuning else HOPPER), backgrounds, seed=1 if tuning else 2)
    rows, ways = [], findings()
    for kind, value, shown in scenes(studio, backgrounds, number):
        row: dict[str, Any] = {"kind": kind, "value": value, "scenes": len(shown)}
        for name, find in ways.items():
            hits, false, began = 0, 0, time.perf_counter()
            for scene in shown:
                right = [scene.right(face) for face in find(scene.image)]
                hits, false = hits + any(right), false + (not all(right))
            milliseconds = 1e3 * (time.perf_counter() - began) / len(shown)
            row[name] = {"recall": hits / len(shown), "false": false, "ms": milliseconds}
        rows.append(row)
        print(f"{kind} {value}", file=sys.stderr, flush=True)
    return rows


def _pictures(names: Sequence[str]) -> list[np.ndarray]:
    spec = find_spec("skimage")
    folder = Path(spec.origin or "").parent / "data" if spec else Path()
    images = [cv2.imread(str(folder / name)) for name in names]
    found = [image for image in images if image is not None]
    if len(found) < len(names):
        raise InputError("the scenes need the pictures of scikit-image: pip install scikit-image")
    return found


def lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The figures as a table in Markdown."""
    ways = [name for name in rows[0] if isinstance(rows[0][name], dict)]
    told = [f"| | scenes | {' | '.join(ways)} |", "|---" * (len(ways) + 2) + "|"]
    for row in rows:
        faces = row["kind"] != "no face"
        cells = [f"{row[w]['recall']:.0%}" if faces else str(row[w]["false"]) for w in ways]
        told.append(f"| {row['kind']}: {row['value']} | {row['scenes']} | {' | '.join(cells)} |")
    beside = [sum(row[w]["false"] for row in rows if row["kind"] != "no face") for w in ways]
    scenes_ = sum(row["scenes"] for row in rows if row["kind"] != "no face")
    told.append(f"| false ones beside the faces | {scenes_} | {' | '.join(map(str, beside))} |")
    return told


_TITLES = {
    "size": "height of the face in 640x480, pixels",
    "roll": "roll, degrees",
    "visible": "of the face within the picture",
}


def plot(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws the recall by size, roll and visible share."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    for axes, (kind, title) in zip(
        figure.subplots(1, 3, sharey=True), _TITLES.items(), strict=True
    ):
        chosen = [row for row in rows if row["kind"] == kind]
        for name, mark in zip(findings(), "os^", strict=True):
            recall = [100 * row[name]["recall"] for row in chosen]
            axes.plot([row["value"] for row in chosen], recall, marker=mark, label=name)
        axes.set(xlabel=title, ylim=(-3, 103))
        axes.grid(alpha=0.3)
        if kind == "size":
            axes.set_ylabel("faces found, %")
            axes.legend()
    figure.savefig(path, dpi=110)


def main() -> int:
    """Prints the table.

    Returns:
        Exit code: 0; 2 when what is needed is not installed.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.recall", description=__doc__)
    parser.add_argument("--tuning", action="store_true", help="the scenes for choosing thresholds")
    parser.add_argument("--scenes", type=int, default=24, help="of each kind (default: 24)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a picture there")
    values = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        rows = measure(values.tuning, max(1, values.scenes))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(lines(rows)))
    if values.json:
        found = {"machine": machine(), "rows": rows}
        values.json.write_text(json.dumps(found, indent=1) + "\n")
    if values.plot:
        plot(rows, values.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
