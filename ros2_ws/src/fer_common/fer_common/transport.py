"""Lets images pass between processes without loss."""

from __future__ import annotations

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory

VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"


def make_room_for_images() -> None:
    """Gives Fast DDS a larger shared-memory segment; to be called before ``rclpy.init``.

    A profile that the user has chosen stays; other middlewares ignore this one.
    """
    if VARIABLE not in os.environ:
        share = Path(get_package_share_directory("fer_common"))
        os.environ[VARIABLE] = str(share / "config" / "fast_dds.xml")
