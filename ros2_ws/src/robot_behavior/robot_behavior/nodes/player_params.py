"""The parameters of the node ``motion_player``."""

from __future__ import annotations

from dataclasses import dataclass

from fer_common.parameters import parameter
from robot_behavior.motion.mover import Head, Settings


@dataclass(frozen=True)
class PlayerParams:
    """The parameters of `robot_behavior.nodes.motion_player.MotionPlayer`."""

    motions_file: str = parameter("", "Path of the motions; empty: the installed file.")
    urdf: str = parameter("", "Path of the robot's URDF; empty: the installed humanoid.")
    speed_scale: float = parameter(
        1.0, "Speed of motions from the next one on, as a share.", low=0.1, high=1.0, live=True
    )
    idle: float = parameter(
        1.0,
        "Size of the small movements while nothing plays, as a share; 0: none.",
        low=0.0,
        high=1.0,
        live=True,
    )
    gaze: bool = parameter(True, "Whether the head turns to the attended face.", live=True)
    camera_on_head: bool = parameter(
        False, "Whether the camera turns with the head; a webcam or a video does not."
    )
    image_width: int = parameter(
        640, "Width of the images while there is no camera_info, pixels.", low=16, high=8192
    )
    image_height: int = parameter(
        480, "Height of the images while there is no camera_info, pixels.", low=16, high=8192
    )
    fov_deg: float = parameter(
        60.0,
        "Horizontal field of view while there is no camera_info, degrees.",
        low=1.0,
        high=179.0,
    )
    head_yaw_joint: str = parameter("head_yaw_joint", "Joint that turns the head to the left.")
    head_pitch_joint: str = parameter("head_pitch_joint", "Joint that nods the head down.")
    tolerance_rad: float = parameter(
        0.35,
        "A joint that is farther from where it should be is at fault, rad.",
        low=0.06,
        high=3.2,
    )
    warn_rate: float = parameter(
        10.0, "Diagnostics warns of fewer joint states per second.", low=0.0, high=1000.0
    )

    @property
    def settings(self) -> Settings:
        """How the robot moves."""
        return Settings(
            self.speed_scale, self.idle, self.gaze, self.camera_on_head, self.tolerance_rad
        )

    @property
    def head(self) -> Head:
        """The joints of the head."""
        return Head(self.head_yaw_joint, self.head_pitch_joint)
