"""The parameters of ``fer_node``."""

from __future__ import annotations

from dataclasses import dataclass

from ec_rfernet.classifier import PRECISIONS, RUNTIMES
from fer_common.parameters import parameter
from fer_node.finder import Interval
from fer_node.perception import Settings
from fer_node.smoother import Smoothing


@dataclass(frozen=True)
class FerParameters:
    """Parameters of `fer_node.fer_node.FerNode`."""

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
    fov_deg: float = parameter(
        60.0, "Horizontal field of view, degrees; places the markers.", low=1.0, high=179.0
    )

    def settings(self) -> Settings:
        """The part that the perception needs."""
        return Settings(
            min_face_px=self.min_face_px,
            attend_after_s=self.attend_after_s,
            forget_after_s=self.forget_after_s,
            smoothing=Smoothing(self.smoothing_s, self.hysteresis, self.dwell_s),
            interval=Interval(self.detect_every_s, self.search_every_s),
        )
