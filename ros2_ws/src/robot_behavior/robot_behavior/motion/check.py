"""Whether a robot can play a motion without hurting itself or falling over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from fer_common.reason import Reason
from robot_behavior.body.robot_model import Joint, RobotModel, Shape
from robot_behavior.motion.library import Motion
from robot_behavior.motion.trajectory import JointStates, Trajectory, plan

# Shapes as solids: how far a point is from one, and spheres that cover one.

CELL_M = 0.035
"""A box is covered by spheres around cells of about this size."""


def distances(shape: Shape, points: np.ndarray) -> np.ndarray:
    """Signed distances [...], m, of points [...,3] in the shape's frame; negative inside."""
    if shape.kind == "sphere":
        return np.asarray(np.sqrt(np.einsum("...i,...i->...", points, points)) - shape.size[0])
    if shape.kind == "box":
        beyond = [np.abs(points[..., axis]) - shape.size[axis] / 2.0 for axis in range(3)]
    else:
        radius, length = shape.size
        beyond = [np.hypot(points[..., 0], points[..., 1]) - radius]
        beyond.append(np.abs(points[..., 2]) - length / 2.0)
    outside = np.sqrt(sum(np.maximum(part, 0.0) ** 2 for part in beyond))
    inside = np.minimum(np.maximum.reduce(beyond), 0.0)
    return np.asarray(outside + inside)


def cover(shape: Shape) -> tuple[np.ndarray, float]:
    """Spheres that together hold the shape: centres [S,3] in its frame and the radius, m."""
    if shape.kind == "sphere":
        return np.zeros((1, 3)), shape.size[0]
    if shape.kind == "cylinder":
        radius, length = shape.size
        count = math.ceil(length / radius)
        centres = np.zeros((count, 3))
        centres[:, 2] = _middles(length, count)
        return centres, math.hypot(radius, length / count / 2.0)
    counts = [math.ceil(side / CELL_M) for side in shape.size]
    axes = [_middles(side, count) for side, count in zip(shape.size, counts, strict=True)]
    centres = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    cell = [side / count for side, count in zip(shape.size, counts, strict=True)]
    return centres, math.hypot(*cell) / 2.0


def corners(shape: Shape) -> np.ndarray:
    """Points [C,3] in the shape's frame whose convex hull is nearly the shape."""
    if shape.kind == "box":
        signs = np.array(np.meshgrid(*[(-0.5, 0.5)] * 3)).reshape(3, -1).T
        return np.asarray(signs * shape.size)
    angles = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    ring = shape.size[0] * np.stack([np.cos(angles), np.sin(angles), 0.0 * angles], axis=1)
    if shape.kind == "cylinder":
        end = np.array([0.0, 0.0, shape.size[1] / 2.0])
        return np.vstack([ring + end, ring - end])
    return np.array([[0.0, 0.0, -shape.size[0]]])


def _middles(length: float, count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) * length / count - length / 2.0


# Whether a standing robot stays on its feet.

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
        corners(shape) @ frame[:3, :3].T + frame[:3, 3]
        for link in links
        for shape in model.collisions[link]
        for frame in [poses[link] @ shape.origin]
    ]
    if not points or not model.masses:
        return None
    every = np.vstack(points)
    height = float(every[:, 2].min())
    edge = _hull(every[every[:, 2] < height + SOLE_M, :2])
    return Support(edge, height, tuple(links)) if len(edge) > 2 else None


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


# How far apart the robot's own parts are.

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
                centres, radius = cover(shape)
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
            gaps = distances(shape, local) - self._radii[columns]
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


# Forward kinematics of a whole trajectory at once.


def link_poses(
    model: RobotModel, joints: Sequence[str], positions: np.ndarray
) -> dict[str, np.ndarray]:
    """Poses of every link along a trajectory.

    Args:
        model: the robot.
        joints: names of the J columns; joints that are left out are at zero.
        positions: [N,J] rad.

    Returns:
        [N,4,4] pose of every link in the root link's frame, by name.
    """
    columns = {name: column for column, name in enumerate(joints)}
    poses = {model.root: np.broadcast_to(np.eye(4), (len(positions), 4, 4))}
    for joint in model.joints:
        transform = joint.origin
        if joint.name in columns and joint.limits is not None:
            transform = joint.origin @ _motion(joint, positions[:, columns[joint.name]])
        poses[joint.child] = poses[joint.parent] @ transform
    return poses


def _motion(joint: Joint, positions: np.ndarray) -> np.ndarray:
    """[N,4,4] what the joint adds to its origin at ``positions`` [N]; Rodrigues' formula."""
    motion = np.tile(np.eye(4), (len(positions), 1, 1))
    if joint.slides:
        motion[:, :3, 3] = positions[:, None] * joint.axis
        return motion
    x, y, z = joint.axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    motion[:, :3, :3] += np.sin(positions)[:, None, None] * cross
    motion[:, :3, :3] += (1.0 - np.cos(positions))[:, None, None] * (cross @ cross)
    return motion


# The verdict on a motion.

CLEARANCE_M = 0.01
"""Parts that are not joined stay this far apart: servos lag, and cables have a width."""

MASS_MARGIN_M = 0.02
"""The centre of mass stays this far inside of the feet's outline."""

MOMENT_MARGIN_M = 0.01
"""So does the zero moment point."""

EVERY = 2
"""Self-collision is looked for at every second point, 0.04 s apart."""


@dataclass(frozen=True)
class Findings:
    """What a motion asks of a robot that plays it from rest.

    Attributes:
        trajectory: what the robot would follow.
        nearest: the parts that come closest to each other.
        nearest_s: when.
        mass_margin: m, of the centre of mass within the support; None for a robot that
            does not stand, or whose masses nobody tells.
        mass_s: when it is least.
        moment_margin: likewise of the zero moment point.
        moment_s: when it is least.
    """

    trajectory: Trajectory
    nearest: Nearest
    nearest_s: float
    mass_margin: float | None = None
    mass_s: float = 0.0
    moment_margin: float | None = None
    moment_s: float = 0.0

    @property
    def complaint(self) -> Reason | None:
        """What the motion does that it must not; None if nothing speaks against it."""
        one, other = self.nearest.links
        if self.nearest.metres < CLEARANCE_M:
            return Reason(
                "collision",
                f"brings {one} within {1000 * self.nearest.metres:.0f} mm of {other} at "
                f"{self.nearest_s:.2f} s, expected at least {1000 * CLEARANCE_M:.0f} mm",
            )
        for what, margin, at, least in (
            ("centre of mass", self.mass_margin, self.mass_s, MASS_MARGIN_M),
            ("zero moment point", self.moment_margin, self.moment_s, MOMENT_MARGIN_M),
        ):
            if margin is not None and margin < least:
                return Reason(
                    "balance",
                    f"takes the {what} to {1000 * margin:.0f} mm inside of the feet's outline at "
                    f"{at:.2f} s, expected at least {1000 * least:.0f} mm",
                )
        return None


class Checker:
    """Checks motions by kinematics alone; a whole library takes a fraction of a second.

    Args:
        model: the robot, whose root link stands still.
    """

    def __init__(self, model: RobotModel) -> None:
        self._model = model
        self._clearance = Clearance(model)
        floor = support(model)
        self._balance = Balance(model, floor) if floor is not None else None

    def __call__(self, motion: Motion, rest: Motion) -> Reason | None:
        """Why the robot cannot play a motion; None if it can."""
        return self.examine(motion, rest).complaint

    def examine(self, motion: Motion, rest: Motion) -> Findings:
        """What a motion asks of the robot.

        Args:
            motion: what to play from rest.
            rest: the motion to the rest pose.
        """
        trajectory = plan(motion, rest, self._model.limits, JointStates(rest.end, {}))
        poses = link_poses(self._model, trajectory.joints, trajectory.positions)
        period = float(trajectory.times[0])
        nearest = self._clearance.nearest({link: some[::EVERY] for link, some in poses.items()})
        findings = Findings(trajectory, nearest, float(trajectory.times[nearest.row * EVERY]))
        if self._balance is None:
            return findings
        mass = self._balance.centre_of_mass(poses)
        moment = self._balance.zero_moment(poses, period)
        return Findings(
            trajectory,
            nearest,
            findings.nearest_s,
            float(mass.min()),
            float(trajectory.times[mass.argmin()]),
            float(moment.min()),
            float(trajectory.times[moment.argmin()]),
        )


def shares(trajectory: Trajectory, model: RobotModel) -> tuple[float, float]:
    """Largest shares of the joints' velocity and acceleration limits, 0..1 within them."""
    limits = [model.limits[joint] for joint in trajectory.joints]
    still = np.zeros((1, len(limits)))
    velocities = np.vstack([still, trajectory.velocities])
    periods = np.diff(trajectory.times, prepend=0.0)[:, None]
    accelerations = np.diff(velocities, axis=0) / periods
    speed = np.abs(velocities).max(axis=0) / [limit.velocity for limit in limits]
    bend = np.abs(accelerations).max(axis=0) / [limit.acceleration for limit in limits]
    return float(speed.max(initial=0.0)), float(bend.max(initial=0.0))
