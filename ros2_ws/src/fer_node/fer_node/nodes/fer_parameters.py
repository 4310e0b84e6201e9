"""The parameters of ``fer_node``."""

from __future__ import annotations

from dataclasses import dataclass

from ec_rfernet.runtimes.classifier import PRECISIONS, RUNTIMES
from fer_common.parameters import parameter
from fer_node.perception.finder import Interval
from fer_node.perception.pipeline import Settings
from fer_node.perception.smoother import Smoothing
from fer_node.show.viewpoint import Viewpoint


@dataclass(frozen=True)
class FerParameters:
    """Parameters of `fer_node.nodes.fer_node.FerNode`."""

    model: str = parameter("ec_rfernet", "Name of a bundle in fer_models, or path of one.")
    image_transport: str = parameter(
        "raw",
        "raw: Image on image; compressed: CompressedImage on image/compressed.",
        choices=("raw", "compressed"),
    )
    autostart: bool = parameter(True, "Whether to configure and activate at start.")
    detection_score: float = parameter(
        0.5, "Faces that the detector is less sure of are ignored.", low=0.0, high=1.0
    )
    detect_every_s: float = parameter(
        0.2, "Between two detections faces are followed, for so long, s.", low=0.0, high=2.0
    )
    search_every_s: float = parameter(
        0.1, "Time between two detections while there is nobody, s.", low=0.0, high=2.0
    )
    min_face_px: float = parameter(
        32.0, "Faces narrower than that are not judged, pixels.", low=8.0, high=4096.0
    )
    max_age_s: float = parameter(0.5, "Older images are dropped, s.", low=0.01, high=60.0)
    attend_after_s: float = parameter(
        0.5, "How long a face must be seen before it is attended to, s.", low=0.0, high=60.0
    )
    forget_after_s: float = parameter(
        1.0, "How long a face may be lost before it is forgotten, s.", low=0.0, high=60.0
    )
    smoothing_s: float = parameter(
        0.4, "Time constant of the smoothing, s; 0: none.", low=0.0, high=10.0
    )
    hysteresis: float = parameter(
        0.08, "By how much a new label must beat the present one.", low=0.0, high=1.0
    )
    dwell_s: float = parameter(0.15, "For how long it must beat it, s.", low=0.0, high=10.0)
    runtime: str = parameter(
        "auto",
        "What computes the network; auto: what was chosen for this machine.",
        choices=("auto", *RUNTIMES),
    )
    precision: str = parameter(
        "auto",
        "With which numbers; auto: what was chosen for this machine.",
        choices=("auto", *PRECISIONS),
    )
    threads: int = parameter(1, "Threads of the classification.", low=1, high=64)
    profile: bool = parameter(False, "Whether to log where the time of an image goes.")
    ros4hri: bool = parameter(
        False, "Whether to publish the faces on /humans as well (REP-155); needs hri_msgs."
    )
    fov_deg: float = parameter(
        60.0, "Horizontal field of view, degrees; places the markers.", low=1.0, high=179.0
    )
    markers_frame: str = parameter(
        "base_link", "Frame of the markers; empty: that of the images, if tf knows it."
    )
    camera_x: float = parameter(
        0.14, "Where the camera is in markers_frame, forward, m.", low=-10.0, high=10.0
    )
    camera_z: float = parameter(
        1.15, "Where the camera is in markers_frame, up, m.", low=-10.0, high=10.0
    )
    warn_rate: float = parameter(
        10.0, "Diagnostics warns of fewer images per second.", low=0.0, high=240.0
    )
    warn_latency_s: float = parameter(
        0.25, "Diagnostics warns of a longer time from image to answer, s.", low=0.0, high=60.0
    )
    warn_silence_s: float = parameter(
        3.0, "Diagnostics warns when no image comes for so long, s.", low=0.1, high=3600.0
    )
    error_silence_s: float = parameter(
        10.0, "After so long it is an error, s.", low=0.1, high=3600.0
    )

    @property
    def viewpoint(self) -> Viewpoint:
        """Where the camera is, for the markers."""
        return Viewpoint(self.markers_frame, self.camera_x, self.camera_z)

    def settings(self) -> Settings:
        """The part that the perception needs."""
        return Settings(
            min_face_px=self.min_face_px,
            attend_after_s=self.attend_after_s,
            forget_after_s=self.forget_after_s,
            smoothing=Smoothing(self.smoothing_s, self.hysteresis, self.dwell_s),
            interval=Interval(self.detect_every_s, self.search_every_s),
        )
