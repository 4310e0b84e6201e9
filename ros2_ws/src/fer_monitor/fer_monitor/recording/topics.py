"""What is recorded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecordedTopic:
    """One topic to record.

    Attributes:
        name: relative, or absolute where the name is one for the whole system.
        type: of its messages.
        latched: whether its last message is kept for those who come late.
        depth: messages that may wait to be received.
        stream: whether a lost message is better than a late one.
    """

    name: str
    type: str
    latched: bool = False
    depth: int = 50
    stream: bool = False


TOPICS = (
    RecordedTopic("emotion", "fer_interfaces/msg/Emotion"),
    RecordedTopic("emotions", "fer_interfaces/msg/EmotionArray"),
    RecordedTopic("behavior_state", "fer_interfaces/msg/BehaviorState", latched=True),
    RecordedTopic("supervision", "fer_interfaces/msg/Supervision", latched=True),
    RecordedTopic("operator", "std_msgs/msg/String"),
    RecordedTopic("study_event", "fer_interfaces/msg/StudyEvent", latched=True, depth=1000),
    RecordedTopic("speech", "std_msgs/msg/String"),
    RecordedTopic("mouth", "std_msgs/msg/Float32"),
    RecordedTopic("joint_trajectory", "trajectory_msgs/msg/JointTrajectory"),
    RecordedTopic("joint_states", "sensor_msgs/msg/JointState"),
    RecordedTopic("eyes", "std_msgs/msg/ColorRGBA", latched=True),
    RecordedTopic("expression", "std_msgs/msg/String", latched=True),
    RecordedTopic("look_at", "geometry_msgs/msg/PointStamped", latched=True),
    RecordedTopic("camera_info", "sensor_msgs/msg/CameraInfo"),
    RecordedTopic("play_motion/_action/status", "action_msgs/msg/GoalStatusArray", latched=True),
    RecordedTopic("say/_action/status", "action_msgs/msg/GoalStatusArray", latched=True),
    RecordedTopic("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray"),
    RecordedTopic("/rosout", "rcl_interfaces/msg/Log", latched=True, depth=1000),
    RecordedTopic("/tf", "tf2_msgs/msg/TFMessage"),
    RecordedTopic("/tf_static", "tf2_msgs/msg/TFMessage", latched=True),
)
"""A list of what is wanted, so that nothing that shows a person can get in by its name: cut-out
faces, overlays and videos are published too."""

NOTICE = "PICTURES OF PEOPLE"
"""The first words of what is told when images are recorded."""

RAW = RecordedTopic("image", "sensor_msgs/msg/Image", depth=2, stream=True)
COMPRESSED = RecordedTopic(
    "image/compressed", "sensor_msgs/msg/CompressedImage", depth=10, stream=True
)
