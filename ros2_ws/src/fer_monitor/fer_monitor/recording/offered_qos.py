"""Quality of service as bags keep it."""

from __future__ import annotations

from rclpy.duration import Duration
from rclpy.qos import QoSProfile
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)


def kept(profile: QoSProfile) -> Qos:
    """The profile of a publisher, for ``ros2 bag play`` to offer it again."""
    return Qos(
        history=QosHistory[_name(profile.history)],
        depth=profile.depth,
        reliability=QosReliability[_name(profile.reliability)],
        durability=QosDurability[_name(profile.durability)],
        deadline=_time(profile.deadline),
        lifespan=_time(profile.lifespan),
        liveliness=QosLiveliness[_name(profile.liveliness)],
        liveliness_lease_duration=_time(profile.liveliness_lease_duration),
        avoid_ros_namespace_conventions=profile.avoid_ros_namespace_conventions,
    )


def _name(policy: object) -> str:
    # A publisher elsewhere does not tell its history.
    return getattr(policy, "name", "UNKNOWN")


def _time(duration: Duration) -> QosTime:
    seconds, rest = divmod(duration.nanoseconds, 10**9)
    return QosTime(seconds, rest)
