"""The parameters of ``viewer_node``."""

from __future__ import annotations

from dataclasses import dataclass

from fer_common.parameters import parameter


@dataclass(frozen=True)
class ViewerParameters:
    """Parameters of `fer_monitor.viewer.viewer_node.ViewerNode`."""

    port: int = parameter(9090, "Port of the page on 127.0.0.1; 0: any.", low=0, high=65535)
    open_browser: bool = parameter(False, "Whether to open the page in a browser.")
    image_transport: str = parameter(
        "raw",
        "raw: Image on image; compressed: CompressedImage on image/compressed.",
        choices=("raw", "compressed"),
    )
    image_rate: float = parameter(
        10.0, "Pictures per second in the browser, at most.", low=0.5, high=60.0
    )
    jpeg_quality: int = parameter(75, "Quality of these pictures.", low=10, high=100)
    urdf: str = parameter("", "Path of the robot's URDF; empty: the installed humanoid.")
