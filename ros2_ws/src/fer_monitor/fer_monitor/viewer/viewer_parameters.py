"""The parameters of ``viewer_node``."""

from __future__ import annotations

from dataclasses import dataclass

from fer_common.settings import setting


@dataclass(frozen=True)
class ViewerParameters:
    """Parameters of `fer_monitor.viewer.viewer_node.ViewerNode`."""

    port: int = setting(9090, "Port of the page on 127.0.0.1; 0: any.", low=0, high=65535)
    open_browser: bool = setting(False, "Whether to open the page in a browser.")
    image_transport: str = setting(
        "raw",
        "raw: Image on image; compressed: CompressedImage on image/compressed.",
        choices=("raw", "compressed"),
    )
    image_rate: float = setting(
        10.0, "Pictures per second in the browser, at most.", low=0.5, high=60.0
    )
    jpeg_quality: int = setting(75, "Quality of these pictures.", low=10, high=100)
    urdf: str = setting("", "Path of the robot's URDF; empty: the installed humanoid.")
