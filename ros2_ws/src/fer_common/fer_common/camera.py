"""The camera's field of view: that of its camera_info, or else of a usual webcam. Without ROS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

FOV_DEG = 60.0
"""Horizontal field of view of a usual webcam, degrees: for cameras of which nothing is known."""


IMAGES_EXPECTED = "images expected"
"""The key under which perception tells on ``/diagnostics`` whether images should come."""


class Calibration(Protocol):
    """What is used of ``sensor_msgs/CameraInfo``."""

    @property
    def width(self) -> int:
        """Of the images for which it holds, pixels; 0 where that is not known."""
        ...

    @property
    def k(self) -> Sequence[float]:
        """The intrinsic matrix, row by row; all 0 for a camera that was not calibrated."""
        ...


def focal_px(width: int, camera_info: Calibration | None = None, fov_deg: float = FOV_DEG) -> float:
    """Focal length of a camera.

    Args:
        width: of its images, pixels.
        camera_info: of the camera, maybe for images of another size; None where none came.
        fov_deg: horizontal field of view where camera_info does not tell, degrees.

    Returns:
        Pixels of an image of that width.
    """
    if camera_info is not None:
        focal = float(camera_info.k[0])
        if math.isfinite(focal) and focal > 0.0:
            return focal * width / camera_info.width if camera_info.width else focal
    return width / (2.0 * math.tan(math.radians(fov_deg) / 2.0))
