"""How exact is the head pose? Portraits of the clip, turned by angles that are known.

    python -m tests.benchmarks.head_pose [--pictures FOLDER]

Each portrait becomes a surface: the depth of the face mesh, and behind the face a head that falls
back. It is turned, drawn, and given to the detector, as the robot would see it.
"""

from __future__ import annotations

import argparse
import itertools
import math
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.faces import DEFAULT_DETECTOR, DETECTORS, LEAST_SCORE
from ec_rfernet.faces.head_pose import head_pose
from ec_rfernet.faces.scales import MultiScaleDetector
from fer_bringup.clip import portraits
from fer_bringup.clip.portraits import COLLINS, HOPPER, Photograph, Portrait

SIZE = 640
FOCAL = 1400.0  # pixels; the face is then a metre away
BACKGROUND = 120
FINER = 2  # points of the surface in each pixel's row

_TOP, _CHIN = 10, 152
_PAIRS = ((33, 263), (133, 362), (61, 291), (50, 280), (234, 454), (127, 356))  # right, left
_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Of the head, in the camera's axes (right, down, forward), float64 [3, 3].

    Args:
        yaw: to the person's left, rad.
        pitch: down, rad.
        roll: to the person's right shoulder, rad.
    """
    (sy, sp, sr), (cy, cp, cr) = np.sin([yaw, pitch, roll]), np.cos([yaw, pitch, roll])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


class TurnedHead:
    """A portrait as a surface that can be turned."""

    def __init__(self, photograph: Photograph) -> None:
        portrait = portraits.load(photograph)
        points = np.column_stack([portrait.landmarks, portrait.depth]).astype(np.float64)
        self._frame = _frame(points)
        self._middle = points[list(_OVAL)].mean(0)
        self._points, self._colours = _surface(portrait, points)

    def picture(self, turn: np.ndarray) -> np.ndarray:
        """The head, turned by `rotation`, BGR uint8 [SIZE, SIZE, 3]."""
        x, y, z = ((self._points - self._middle) @ (turn @ self._frame.T).T).T
        near = FOCAL / (FOCAL + z)
        column, row = (np.rint(SIZE / 2 + near * v).astype(int) for v in (x, y))
        inside = (column >= 0) & (column < SIZE) & (row >= 0) & (row < SIZE)
        order = np.argsort(-z[inside], kind="stable")  # what is nearer is drawn later
        place = row[inside][order], column[inside][order]
        canvas = np.zeros((SIZE, SIZE, 3), np.float32)
        drawn = np.zeros((SIZE, SIZE), np.float32)
        canvas[place], drawn[place] = self._colours[inside][order], 1.0
        closed = cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, np.ones((5, 5)))
        share = cv2.GaussianBlur(drawn, (0, 0), 1.2)
        smooth = cv2.GaussianBlur(canvas, (0, 0), 1.2) / np.maximum(share, 1e-3)[..., None]
        canvas = np.where((drawn > 0)[..., None], canvas, smooth)
        return np.where((closed > 0)[..., None], canvas, BACKGROUND).astype(np.uint8)


def _frame(points: np.ndarray) -> np.ndarray:
    """Axes of a face, as columns: to the person's left, down, and into the head.

    Of MediaPipe's canonical face, forehead and chin are equally far from an upright plane.
    """
    across = np.mean([points[left] - points[right] for right, left in _PAIRS], axis=0)
    down = points[_CHIN] - points[_TOP]
    across /= np.linalg.norm(across)
    down -= (down @ across) * across
    down /= np.linalg.norm(down)
    return np.column_stack([across, down, np.cross(across, down)])


def _surface(portrait: Portrait, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points float64 [N, 3] and colours float32 [N, 3] of a person."""
    height, width = portrait.alpha.shape
    step = 4
    rows, columns = np.mgrid[0:height:step, 0:width:step].astype(np.float64)
    far = (rows[..., None] - points[:, 1]) ** 2 + (columns[..., None] - points[:, 0]) ** 2
    weight = 1 / (far + 9.0) ** 2
    depth = (weight * points[:, 2]).sum(-1) / weight.sum(-1)
    oval = np.full((height, width), 255, np.uint8)
    cv2.fillPoly(oval, [np.rint(points[list(_OVAL), :2]).astype(np.int32)], 0)
    beyond = cv2.distanceTransform(oval, cv2.DIST_L2, 5)[::step, ::step]
    depth += np.minimum(beyond, 60.0)  # hair, ears and neck lie behind the edge of the face
    deep = cv2.resize(depth, (FINER * width, FINER * height), interpolation=cv2.INTER_LINEAR)
    image = cv2.resize(portrait.image, (FINER * width, FINER * height)).astype(np.float32)
    person = cv2.resize(portrait.alpha, (FINER * width, FINER * height)) > 0.5
    y, x = np.nonzero(person)
    return np.column_stack([x / FINER, y / FINER, deep[person]]), image[person]


YAWS, PITCHES, ROLLS = range(-45, 46, 15), range(-20, 21, 10), range(-15, 16, 15)


def measured(heads: dict[str, TurnedHead], detector: MultiScaleDetector) -> np.ndarray:
    """Pose and error of every view in which a face was found, degrees, float64 [N, 2, 3]."""
    rows = []
    for head in heads.values():
        for pose in itertools.product(YAWS, PITCHES, ROLLS):
            found = detector.detect(head.picture(rotation(*np.radians(pose))))
            angles = head_pose(found[0]) if found else None
            if angles is not None:
                rows.append((pose, np.degrees(angles) - pose))
    return np.array(rows)


def table(rows: np.ndarray) -> str:
    """Mean, bias and 95th percentile of the errors, in Markdown."""
    pose, error = rows[:, 0], rows[:, 1]
    lines = ["| views | yaw | pitch | roll |", "|---|---|---|---|"]
    parts = [("all", np.ones(len(rows), bool))]
    parts += [(f"yaw {yaw:+d}", pose[:, 0] == yaw) for yaw in YAWS]
    parts += [(f"pitch {pitch:+d}", pose[:, 1] == pitch) for pitch in PITCHES]
    for name, chosen in parts:
        mean, bias = np.abs(error[chosen]).mean(0), error[chosen].mean(0)
        most = np.percentile(np.abs(error[chosen]), 95, axis=0)
        cells = (f"{m:.1f} ({b:+.1f}), {p:.0f}" for m, b, p in zip(mean, bias, most, strict=True))
        lines.append(f"| {name}, {chosen.sum()} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, help="folder for some of the turned portraits")
    options = parser.parse_args()
    heads = {"hopper": TurnedHead(HOPPER), "collins": TurnedHead(COLLINS)}
    detector = MultiScaleDetector(partial(DETECTORS.make, DEFAULT_DETECTOR), LEAST_SCORE)
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
        for name, head in heads.items():
            strip = [head.picture(rotation(math.radians(yaw), 0.0, 0.0)) for yaw in YAWS]
            cv2.imwrite(str(options.pictures / f"{name}.png"), np.hstack(strip))
    rows = measured(heads, detector)
    views = len(heads) * len(YAWS) * len(PITCHES) * len(ROLLS)
    print(f"found in {len(rows)} of {views} views; degrees: mean (bias), 95 of 100 below\n")
    print(table(rows))


if __name__ == "__main__":
    main()
