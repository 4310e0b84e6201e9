"""Forward kinematics of a whole trajectory at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robot_behavior.body.robot_model import Joint, RobotModel


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
