"""Between trajectories and their message."""

from __future__ import annotations

from array import array

import numpy as np
from builtin_interfaces.msg import Duration
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from robot_behavior.motion.simulation import Simulation, TrajectoryError
from robot_behavior.motion.trajectory import Trajectory


def to_message(trajectory: Trajectory) -> JointTrajectory:
    """The message of a trajectory that starts upon receipt (its stamp is zero)."""
    message = JointTrajectory(joint_names=list(trajectory.joints))
    rows = zip(trajectory.times, trajectory.positions, trajectory.velocities, strict=True)
    for time, positions, velocities in rows:
        nanoseconds = round(time * 1e9)
        start = Duration(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
        message.points.append(
            JointTrajectoryPoint(
                positions=array("d", positions),
                velocities=array("d", velocities),
                time_from_start=start,
            )
        )
    return message


def follow(simulation: Simulation, message: JointTrajectory) -> list[str]:
    """Makes a simulated robot follow a message.

    Velocities are used when every point has them; accelerations and efforts are not.

    Returns:
        Names of joints that the robot does not have.

    Raises:
        TrajectoryError: the message makes no sense.
    """
    joints, points = list(message.joint_names), message.points
    for number, point in enumerate(points):
        if len(point.positions) != len(joints):
            raise TrajectoryError(
                f"point {number} has {len(point.positions)} positions, expected {len(joints)}"
            )
        if len(point.velocities) not in (0, len(joints)):
            raise TrajectoryError(
                f"point {number} has {len(point.velocities)} velocities, expected {len(joints)}"
            )
    shape = (len(points), len(joints))
    starts = [point.time_from_start for point in points]
    times = np.array([start.sec + start.nanosec * 1e-9 for start in starts])
    positions = np.array([point.positions for point in points], float).reshape(shape)
    velocities = None
    if points and all(len(point.velocities) for point in points):
        velocities = np.array([point.velocities for point in points], float).reshape(shape)
    return simulation.follow(joints, times, positions, velocities)
