"""How far apart the robot's own parts are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from robot_behavior.body.robot_model import RobotModel, Shape
from robot_behavior.motion import solid

SLACK_M = 1e-3
"""What single precision may get wrong."""


@dataclass(frozen=True)
class Nearest:
    """The two parts that come closest.

    Attributes:
        metres: their distance; negative when they overlap; inf without a pair.
        links: names of the two links.
        row: index of the pose.
    """

    metres: float
    links: tuple[str, str] = ("", "")
    row: int = 0


def apart(model: RobotModel) -> list[tuple[str, str]]:
    """Pairs of links that must not touch.

    Left out are links of one rigid body, and bodies that are joined: directly, or by links
    that have no collision shape of their own.
    """
    body, above = {model.root: model.root}, {model.root: ""}
    for joint in model.joints:
        rigid = joint.limits is None
        body[joint.child] = body[joint.parent] if rigid else joint.child
        above.setdefault(body[joint.child], body[joint.parent])
    solid_bodies = {body[link] for link in model.collisions}

    def solid_above(name: str) -> str:
        parent = above[name]
        return parent if not parent or parent in solid_bodies else solid_above(parent)

    return [
        (one, other)
        for one, other in combinations(model.collisions, 2)
        if body[one] != body[other]
        and solid_above(body[one]) != body[other]
        and solid_above(body[other]) != body[one]
    ]


class Clearance:
    """Distances between the parts of a robot that must not touch.

    Of each pair of shapes the larger one is taken as it is, the smaller one as spheres that
    cover it: the distance is never overestimated, and underestimated by some 2 cm at most.

    Args:
        model: the robot.
    """

    def __init__(self, model: RobotModel) -> None:
        self._links = list(model.collisions)
        spheres, owners, radii = [], [], []
        for number, link in enumerate(self._links):
            for shape in model.collisions[link]:
                centres, radius = solid.cover(shape)
                spheres.append((link, centres @ shape.origin[:3, :3].T + shape.origin[:3, 3]))
                owners += [number] * len(centres)
                radii += [radius] * len(centres)
        self._spheres = spheres  # by link
        self._owners, self._radii = np.array(owners, int), np.array(radii)
        pairs = set(apart(model))
        self._solids: list[tuple[str, Shape]] = []
        offsets: list[np.ndarray] = []
        for link in self._links:
            for shape in model.collisions[link]:
                others = [
                    number
                    for number, other in enumerate(self._links)
                    if ((link, other) in pairs and _size(model, link) >= _size(model, other))
                    or ((other, link) in pairs and _size(model, link) > _size(model, other))
                ]
                chosen = np.isin(self._owners, others)
                if chosen.any():
                    self._solids.append((link, shape))
                    offsets.append(np.where(chosen, -self._radii - shape.radius - SLACK_M, np.inf))
        self._offsets = np.array(offsets, np.float32)

    def nearest(self, poses: Mapping[str, np.ndarray]) -> Nearest:
        """The least distance along a trajectory.

        Args:
            poses: [N,4,4] of every link in the root link's frame.
        """
        if not self._solids:
            return Nearest(np.inf)
        centres = np.concatenate(
            [
                centre @ poses[link][:, :3, :3].transpose(0, 2, 1) + poses[link][:, None, :3, 3]
                for link, centre in self._spheres
            ],
            axis=1,
        )
        frames = [poses[link] @ shape.origin for link, shape in self._solids]
        least = self._least(centres, np.stack([frame[:, :3, 3] for frame in frames], axis=1))
        best = Nearest(np.inf)
        for number in np.argsort(least.min(axis=(0, 2))):
            link, shape = self._solids[number]
            rows, columns = np.nonzero(least[:, number] < best.metres)
            if not len(rows):
                break
            frame = frames[number][rows]
            away = centres[rows, columns] - frame[:, :3, 3]
            local = np.einsum("ki,kij->kj", away, frame[:, :3, :3])
            gaps = solid.distances(shape, local) - self._radii[columns]
            nearest = int(gaps.argmin())
            if gaps[nearest] < best.metres:
                other = self._links[self._owners[columns[nearest]]]
                best = Nearest(float(gaps[nearest]), (other, link), int(rows[nearest]))
        return best

    def _least(self, spheres: np.ndarray, solids: np.ndarray) -> np.ndarray:
        """What the gaps are at least: those to balls around the solids.

        Args:
            spheres: [N,S,3] m, centres.
            solids: [N,B,3] m, centres.

        Returns:
            [N,B,S] m; inf where a sphere may touch a solid.
        """
        spheres, solids = spheres.astype(np.float32), solids.astype(np.float32)
        gaps = solids @ spheres.transpose(0, 2, 1)
        gaps *= -2.0
        gaps += np.einsum("nsi,nsi->ns", spheres, spheres)[:, None, :]
        gaps += np.einsum("nbi,nbi->nb", solids, solids)[:, :, None]
        np.sqrt(np.maximum(gaps, 0.0, out=gaps), out=gaps)
        gaps += self._offsets
        return gaps


def _size(model: RobotModel, link: str) -> float:
    return max(shape.radius for shape in model.collisions[link])
