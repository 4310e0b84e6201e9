"""Contact sheets: what a motion looks like, as one row of pictures."""

from __future__ import annotations

import cv2
import numpy as np

from robot_behavior.body import figure as robot_figure
from robot_behavior.body.robot_model import RobotModel
from robot_behavior.motion.motion import Motion
from robot_behavior.motion.trajectory import Trajectory

FRAMES = 9
FRAME_PX = (216, 290)
TITLE_PX = 34

INK, PALE = (60, 46, 34), (130, 116, 104)
"""Blue, green, red of the writing."""


def contact_sheet(model: RobotModel, motion: Motion, trajectory: Trajectory) -> np.ndarray:
    """Draws a motion.

    Args:
        model: the robot.
        motion: what is played; its name and description become the title.
        trajectory: what the robot follows, from its rest pose on.

    Returns:
        uint8 [H,W,3], blue green red: `FRAMES` pictures, evenly spaced in time.
    """
    times = np.linspace(0.0, trajectory.duration, FRAMES)
    rows = np.abs(trajectory.times[None, :] - times[:, None]).argmin(axis=1)
    frames = []
    for time, row in zip(times, rows, strict=True):
        pose = dict(zip(trajectory.joints, map(float, trajectory.positions[row]), strict=True))
        frame = _figure(model, pose)
        _write(frame, f"{time:.1f} s", (8, FRAME_PX[1] - 8), PALE)
        frames.append(frame)
    strip = np.hstack(frames)
    title = np.full((TITLE_PX, strip.shape[1], 3), 252, np.uint8)
    width = _write(title, motion.name, (10, 23), INK, 0.6)
    use = f"({motion.usage})  " if motion.usage else ""
    _write(title, f"{use}{motion.description}", (width + 26, 23), PALE)
    return np.vstack([title, strip])


def _figure(model: RobotModel, pose: dict[str, float]) -> np.ndarray:
    """The robot in a pose; drawn twice as large, so that its edges become smooth."""
    width, height = FRAME_PX
    large = robot_figure.render(model, pose, (2 * height, 2 * height))
    left = height - width
    return np.asarray(
        cv2.resize(large[:, left : left + 2 * width], FRAME_PX, interpolation=cv2.INTER_AREA)
    )


def _write(
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
