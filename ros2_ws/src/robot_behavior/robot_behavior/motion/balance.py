"""Whether a standing robot stays on its feet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robot_behavior.body.robot_model import RobotModel
from robot_behavior.motion import solid

GRAVITY = 9.81
"""m/s2."""

SOLE_M = 0.005
"""What is so near to the lowest point of the feet stands on the floor."""

FOOT_NAMES = ("foot", "sole")
"""Links with one of these in their name are feet; without any, the lowest links are."""


@dataclass(frozen=True)
class Support:
    """What a robot stands on.

    Attributes:
        corners: [C,2] m, convex, counter-clockwise, in the root link's frame.
        height: of the floor, m.
        links: the feet.
    """

    corners: np.ndarray
    height: float
    links: tuple[str, ...]

    def margins(self, points: np.ndarray) -> np.ndarray:
        """[N] m that points [N,2] are inside of the nearest edge; negative outside."""
        edges = np.roll(self.corners, -1, axis=0) - self.corners
        inward = np.stack([-edges[:, 1], edges[:, 0]], axis=1)
        inward /= np.linalg.norm(inward, axis=1, keepdims=True)
        away = points[:, None, :] - self.corners
        return np.asarray(np.einsum("nci,ci->nc", away, inward).min(axis=1))


def support(model: RobotModel) -> Support | None:
    """The convex hull of the soles; None if the robot has no collision shapes or no mass."""
    feet = [link for link in model.collisions if any(name in link for name in FOOT_NAMES)]
    links, poses = feet or list(model.collisions), model.poses({})
    points = [
        solid.corners(shape) @ frame[:3, :3].T + frame[:3, 3]
        for link in links
        for shape in model.collisions[link]
        for frame in [poses[link] @ shape.origin]
    ]
    if not points or not model.masses:
        return None
    every = np.vstack(points)
    height = float(every[:, 2].min())
    corners = _hull(every[every[:, 2] < height + SOLE_M, :2])
    return Support(corners, height, tuple(links)) if len(corners) > 2 else None


class Balance:
    """Centre of mass and zero moment point of a robot whose feet stand still.

    Args:
        model: the robot; each link counts as a point mass.
        floor: what it stands on.
    """

    def __init__(self, model: RobotModel, floor: Support) -> None:
        self._masses, self._floor = model.masses, floor

    def centre_of_mass(self, poses: Mapping[str, np.ndarray]) -> np.ndarray:
        """[N] m of margin to the edge of the support; ``poses``: [N,4,4] by link."""
        kilograms, centres = self._centres(poses)
        middle = np.einsum("l,lni->ni", kilograms, centres) / kilograms.sum()
        return self._floor.margins(middle[:, :2])

    def zero_moment(self, poses: Mapping[str, np.ndarray], period: float) -> np.ndarray:
        """[N] m of margin of the point through which the floor carries the moving robot.

        See Vukobratovic and Borovac, "Zero-moment point - thirty five years of its life"
        (2004).

        Args:
            poses: [N,4,4] by link, every ``period`` seconds, at rest at both ends.
            period: s.
        """
        kilograms, centres = self._centres(poses)
        padded = np.concatenate([centres[:, :1], centres, centres[:, -1:]], axis=1)
        accelerations = np.diff(padded, n=2, axis=1) / period**2
        weight = kilograms[:, None] * (accelerations[..., 2] + GRAVITY)
        arm = kilograms[:, None] * (centres[..., 2] - self._floor.height)
        moment = weight[..., None] * centres[..., :2] - arm[..., None] * accelerations[..., :2]
        return self._floor.margins(moment.sum(axis=0) / weight.sum(axis=0)[:, None])

    def _centres(self, poses: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Masses [L], kg, and where they are [L,N,3], m."""
        centres = [
            poses[link][:, :3, :3] @ mass.centre + poses[link][:, :3, 3]
            for link, mass in self._masses.items()
        ]
        return np.array([mass.kilograms for mass in self._masses.values()]), np.stack(centres)


def _hull(points: np.ndarray) -> np.ndarray:
    """[C,2] convex hull, counter-clockwise (Andrew's monotone chain, 1979)."""
    ordered = sorted({(round(x, 6), round(y, 6)) for x, y in points.tolist()})
    lower, upper = _chain(ordered), _chain(ordered[::-1])
    return np.array(lower[:-1] + upper[:-1])


def _chain(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    chain: list[tuple[float, float]] = []
    for x, y in points:
        while len(chain) > 1:
            (x0, y0), (x1, y1) = chain[-2:]
            if (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) > 1e-12:
                break
            chain.pop()
        chain.append((x, y))
    return chain
