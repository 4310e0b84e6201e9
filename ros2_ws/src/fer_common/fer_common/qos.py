"""The quality-of-service profiles of the workspace, after REP-2003."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Subscribers of images and other streams: only the newest sample counts."""

STREAM = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
"""Publishers of images, overlays and joint states; matches every subscriber."""

EVENTS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
"""Emotions, commands, markers, diagnostics: each sample counts."""

LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""A state: whoever subscribes late gets the last sample."""

REQUESTS = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
"""Services of an action: of a flood of goals, each gets an answer. ROS's own keep the last ten."""
