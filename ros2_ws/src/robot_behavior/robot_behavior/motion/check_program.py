"""The command ``motion-check``: can the robot play these motions, and what do they look like?"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ec_rfernet.cli import Parser, exit_code, tell_written
from ec_rfernet.files import staged
from fer_common.reason import Reason
from robot_behavior.body import figure as robot_figure
from robot_behavior.body import urdf
from robot_behavior.body.face import EXPRESSIONS, SPEAKING, Look, expression, face_sphere, still
from robot_behavior.body.figure import FACE_GROUND, face_picture
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.body.urdf import UrdfError
from robot_behavior.motion.check import (
    CLEARANCE_M,
    MASS_MARGIN_M,
    MOMENT_MARGIN_M,
    Checker,
    Findings,
    shares,
)
from robot_behavior.motion.library import Motion, load_motions
from robot_behavior.motion.physics import Evidence, NoPhysicsError, Physics, PhysicsError
from robot_behavior.motion.trajectory import Trajectory
from robot_behavior.yaml_file import ConfigError

# Contact sheets: what a motion looks like, as one row of pictures.

FRAMES = 9
FRAME_PX = (216, 290)
TITLE_PX = 34

FACE_PX, FACES_IN_ROW, FACE_INK = (300, 234), 4, (170, 160, 150)

INK, PALE = (60, 46, 34), (130, 116, 104)
"""Blue, green, red of the writing."""


Way = list[tuple[float, dict[str, float]]]
"""Poses on the way from one picture to the next, each with the seconds since the one before."""


def contact_sheet(
    model: RobotModel,
    motion: Motion,
    trajectory: Trajectory,
    draw: Callable[[Way], np.ndarray] | None = None,
    blind: str | None = None,
) -> np.ndarray:
    """Draws a motion.

    Args:
        model: the robot.
        motion: what is played; its name and description become the title.
        trajectory: what the robot follows, from its rest pose on.
        blind: stands instead of the name and of what it expresses; then the face tells nothing.
        draw: makes a picture of `FRAME_PX`, blue green red, of a simulated robot that has followed
            a way; None: the model in the last pose is drawn.

    Returns:
        uint8 [H,W,3], blue green red: `FRAMES` pictures, evenly spaced in time.
    """
    times = np.linspace(0.0, trajectory.duration, FRAMES)
    rows = np.abs(trajectory.times[None, :] - times[:, None]).argmin(axis=1)
    frames: list[np.ndarray] = []
    before, shown = 0.0, -1
    face = still(expression("attending", motion.usage)) if blind is None else None
    for time, row in zip(times, rows, strict=True):
        way: Way = []
        for each in range(min(shown + 1, row), row + 1):
            values = map(float, trajectory.positions[each])
            moment = float(trajectory.times[each])
            way.append((moment - before, dict(zip(trajectory.joints, values, strict=True))))
            before = moment
        shown = row
        frame = draw(way).copy() if draw is not None else _figure(model, way[-1][1], face)
        _write_name(frame, f"{time:.1f} s", (8, FRAME_PX[1] - 8), PALE)
        frames.append(frame)
    strip = np.hstack(frames)
    title = np.full((TITLE_PX, strip.shape[1], 3), 252, np.uint8)
    width = _write_name(title, motion.name if blind is None else blind, (10, 23), INK, 0.6)
    if blind is None:
        use = f"({motion.usage})  " if motion.usage else ""
        _write_name(title, f"{use}{motion.description}", (width + 26, 23), PALE)
    return np.vstack([title, strip])


def face_sheet(names: Mapping[str, str]) -> np.ndarray:
    """Draws faces, each with its title.

    Args:
        names: keys of `EXPRESSIONS` by title.

    Returns:
        uint8 [H,W,3], blue green red.
    """
    pictures = []
    for title, name in names.items():
        picture = face_picture(still(name, speaks=name == SPEAKING), FACE_PX)
        _write_name(picture, title, (10, FACE_PX[1] - 10), FACE_INK, 0.5)
        pictures.append(picture)
    while len(pictures) % FACES_IN_ROW:
        pictures.append(np.full_like(pictures[0], FACE_GROUND))
    rows = range(0, len(pictures), FACES_IN_ROW)
    return np.vstack([np.hstack(pictures[row : row + FACES_IN_ROW]) for row in rows])


def _figure(model: RobotModel, pose: dict[str, float], face: Look | None) -> np.ndarray:
    """The robot in a pose; drawn twice as large, so that its edges become smooth."""
    width, height = FRAME_PX
    large = robot_figure.render(model, pose, (2 * height, 2 * height), face)
    left = height - width
    return np.asarray(
        cv2.resize(large[:, left : left + 2 * width], FRAME_PX, interpolation=cv2.INTER_AREA)
    )


def _write_name(
    picture: np.ndarray,
    text: str,
    at: tuple[int, int],
    colour: tuple[int, int, int],
    scale: float = 0.45,
) -> int:
    """Writes one line, whose left bottom is ``at``; returns its width, px."""
    plain = text.encode("ascii", "replace").decode()  # all that OpenCV's letters can show
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(picture, plain, at, font, scale, colour, 1, cv2.LINE_AA)
    return int(cv2.getTextSize(plain, font, scale, 1)[0][0])


# What `motion-check` says about one motion.

TILT_DEG = 2.0
"""A robot that leans more than this is about to tip."""

COLUMNS = ("motion", "s", "speed", "accel.", "torque", "apart mm", "CoM mm", "ZMP mm", "tilt deg")


@dataclass(frozen=True)
class Verdict:
    """A motion, what our own checks found, and what MuJoCo found.

    Attributes:
        motion: what was examined.
        findings: ours.
        evidence: MuJoCo's; None where it is not installed.
        speed: largest share of a joint's velocity limit.
        acceleration: likewise of its acceleration limit.
    """

    motion: Motion
    findings: Findings
    evidence: Evidence | None
    speed: float
    acceleration: float

    @property
    def complaint(self) -> Reason | None:
        """What the motion does that it must not; None if nothing speaks against it."""
        exceeds = Reason("limits", "exceeds a limit of speed or acceleration")
        fast = exceeds if max(self.speed, self.acceleration) > 1.0 else None
        return self.findings.complaint or fast or self._complaint_of_mujoco()

    def _complaint_of_mujoco(self) -> Reason | None:
        evidence = self.evidence
        if evidence is None:
            return None
        nearest = evidence.nearest
        one, other = nearest.links
        torque = f"{100 * evidence.torque_share:.0f} % of its effort"
        tilt = math.degrees(evidence.tilt or 0.0)
        found = (
            (not evidence.within_range, Reason("range", "leaves the range of a joint")),
            (
                nearest.metres < CLEARANCE_M,
                Reason(
                    "collision", f"brings {one} within {1000 * nearest.metres:.0f} mm of {other}"
                ),
            ),
            (
                _below(evidence.mass_margin, MASS_MARGIN_M),
                Reason("balance", "takes the centre of mass off the feet"),
            ),
            (
                _below(evidence.moment_margin, MOMENT_MARGIN_M),
                Reason("balance", "takes the zero moment point off the feet"),
            ),
            (
                evidence.torque_share > 1.0,
                Reason("torque", f"asks {evidence.torque_joint} for {torque}"),
            ),
            (tilt > TILT_DEG, Reason("tilt", f"tips the free robot by {tilt:.1f} degrees")),
        )
        return next((complaint for applies, complaint in found if applies), None)

    @property
    def cells(self) -> tuple[str, ...]:
        """Texts for `COLUMNS`; distances and margins are the smaller of both findings."""
        ours, theirs = self.findings, self.evidence
        tilt = theirs.tilt if theirs is not None else None
        other = theirs or ours
        return (
            self.motion.name,
            f"{ours.trajectory.duration:.1f}",
            f"{100 * self.speed:.0f} %",
            f"{100 * self.acceleration:.0f} %",
            "-" if theirs is None else f"{100 * theirs.torque_share:.0f} %",
            _millimetres(ours.nearest.metres, other.nearest.metres),
            _millimetres(ours.mass_margin, other.mass_margin),
            _millimetres(ours.moment_margin, other.moment_margin),
            "-" if tilt is None else f"{math.degrees(tilt):.1f}",
        )


def table(verdicts: list[Verdict], refused: dict[str, str]) -> str:
    """All verdicts as lines of text, and after them why motions were refused."""
    rows: list[tuple[str, ...]] = [(*COLUMNS, "verdict")]
    rows += [(*one.cells, "fails" if one.complaint else "passes") for one in verdicts]
    rows += [(name, *["-"] * (len(COLUMNS) - 1), "refused") for name in refused]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if number in (0, len(widths) - 1) else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines += [f"{one.motion.name} {one.complaint}" for one in verdicts if one.complaint]
    return "\n".join([*lines, *refused.values()])


def _below(margin: float | None, least: float) -> bool:
    return margin is not None and margin < least


def _millimetres(one: float | None, other: float | None) -> str:
    if one is None or other is None or not math.isfinite(min(one, other)):
        return "-"
    return f"{1000 * min(one, other):.0f}"


# The command.

OVERVIEW, FACES = "all_motions", "faces"
"""Names of the sheets of all motions and of all faces."""

KEY = "key.txt"
"""File that tells which motion and which face is behind a number of ``--blind``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0 if the robot can play every motion, 1 if it cannot, 2 after one line on bad input,
        130 on Ctrl-C.
    """
    options = make_parser().parse_args(arguments)
    mistakes = (ConfigError, UrdfError, PhysicsError)
    return exit_code("motion-check", lambda: _check(options), mistakes)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = Parser(
        prog="motion-check",
        description="Plays every motion of a file on the robot. Checked are position, speed and "
        "acceleration of the joints, self-collision, the centre of mass and the zero moment point "
        "over the feet; and where MuJoCo is installed (make setup-dev) the same once more in it, "
        "torque, and that the robot does not tip.",
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the motions, YAML")
    parser.add_argument("--urdf", type=Path, help="the robot (default: the humanoid)")
    parser.add_argument("--out", metavar="DIR", type=Path, help="write contact sheets there (PNG)")
    parser.add_argument(
        "--blind",
        metavar="SEED",
        type=int,
        help="on the sheets, numbers in an order by this seed instead of names, and no "
        f"expression on the robot's face: for somebody to guess; {KEY} tells",
    )
    return parser


def _check(options: argparse.Namespace) -> int:
    description = options.urdf or urdf.humanoid()
    model = urdf.load(description)
    # Without the checks, so that what fails them is measured and drawn, too.
    library = load_motions(options.file, model.limits)
    physics: Physics | None = None
    try:
        physics = Physics(description, model)
    except NoPhysicsError as error:
        print(f"motion-check: {error}", file=sys.stderr)
    checker, verdicts = Checker(model), []
    for motion in library.motions.values():
        findings = checker.examine(motion, library.rest)
        evidence = physics.examine(findings.trajectory) if physics is not None else None
        verdicts.append(Verdict(motion, findings, evidence, *shares(findings.trajectory, model)))
    if options.out is not None:
        _draw(options.out, model, verdicts, options.blind)
    print(table(verdicts, dict(library.refused)))
    tell_written(options.out)
    return 1 if library.refused or any(verdict.complaint for verdict in verdicts) else 0


def _draw(folder: Path, model: RobotModel, verdicts: list[Verdict], blind: int | None) -> None:
    """Writes a sheet for each motion, one of all, and one of the faces of a robot that has one."""
    shown = {verdict.motion.name: verdict for verdict in verdicts}
    motions, faces = list(shown), list(EXPRESSIONS)
    if blind is not None:
        for names in (motions, faces):
            random.Random(blind).shuffle(names)
    titles = motions if blind is None else [f"motion {i:02}" for i in range(1, len(motions) + 1)]
    captions = faces if blind is None else [f"face {i:02}" for i in range(1, len(faces) + 1)]
    sheets = []
    with staged(folder) as draft:
        for title, name in zip(titles, motions, strict=True):
            hidden = None if blind is None else title
            trajectory = shown[name].findings.trajectory
            sheet = contact_sheet(model, shown[name].motion, trajectory, blind=hidden)
            _write(draft / f"{title.replace(' ', '_')}.png", sheet)
            sheets.append(sheet)
        _write(draft / f"{OVERVIEW}.png", np.vstack(sheets))
        if face_sphere(model) is not None:
            _write(draft / f"{FACES}.png", face_sheet(dict(zip(captions, faces, strict=True))))
        if blind is not None:
            pairs = zip([*titles, *captions], [*motions, *faces], strict=True)
            text = "".join(f"{title}: {name}\n" for title, name in pairs)
            (draft / KEY).write_text(text, encoding="utf-8")


def _write(file: Path, picture: np.ndarray) -> None:
    file.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


if __name__ == "__main__":
    sys.exit(main())
