"""The parameters of ``behavior_node``."""

from __future__ import annotations

from dataclasses import dataclass

from fer_common.parameters import ParameterError, parameter
from robot_behavior.dialogue.behaviors import LANGUAGE


@dataclass(frozen=True)
class BehaviorParams:
    """See the descriptions; they are also what ``ros2 param describe`` shows."""

    behaviors_file: str = parameter("", "Path of the behaviours; empty: the installed file.")
    motions_file: str = parameter(
        "", "Path of the motions that behaviours may name; empty: the installed file."
    )
    sentences_dir: str = parameter(
        "", "Folder with the sentences of each language; empty: the installed folder."
    )
    locale: str = parameter(
        "", "Language tag of the sentences; empty: that of the behaviours file."
    )
    forget_after_s: float = parameter(
        2.0,
        "A face or an expression that is not observed for so long is over, in seconds.",
        low=0.2,
        high=60.0,
    )
    perception_timeout_s: float = parameter(
        3.0,
        "After so long without any message of perception the robot rests, in seconds.",
        low=0.5,
        high=60.0,
    )
    image_width: int = parameter(
        640, "Width of the images while there is no camera_info, in pixels.", low=16, high=16384
    )
    notice: bool = parameter(True, "Tell the first face about the camera.")
    greet: bool = parameter(True, "Greet who comes near, and say goodbye to who leaves.")
    seed: int = parameter(
        -1, "Seed of the choice among variants; -1: another one each time.", low=-1, high=2**31
    )
    markers_frame: str = parameter("base_link", "Frame of the markers, that of the robot's body.")
    head_height: float = parameter(
        1.23, "Height of the robot's head in that frame, m; texts are above.", low=0.0, high=10.0
    )
    warn_latency_s: float = parameter(
        0.5,
        "Diagnostics warns when expressions arrive later than so after their image, in seconds.",
        low=0.0,
        high=60.0,
    )
    autostart: bool = parameter(True, "Configure and activate the node when it starts.")

    def __post_init__(self) -> None:
        if self.locale and not LANGUAGE.fullmatch(self.locale):
            expected = "a language tag such as en, de or en-GB"
            raise ParameterError(f"parameter 'locale' is {self.locale!r}, expected {expected}")
