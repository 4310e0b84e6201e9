"""MediaPipe without what its packages import besides."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.skipif(find_spec("mediapipe") is None, reason="needs mediapipe")

GRAPHS = """
import sys
if {whole}:
    import mediapipe
from ec_rfernet.faces.mediapipe_detector import solution
for network in (
    solution("face_detection").FaceDetection(min_detection_confidence=0.3, model_selection=1),
    solution("face_mesh").FaceMesh(static_image_mode=True, max_num_faces=1),
    solution("selfie_segmentation").SelfieSegmentation(model_selection=0),
):
    print(network._graph.text_config)
print("pyplot" if "matplotlib.pyplot" in sys.modules else "no pyplot")
"""


def graphs(whole: bool) -> tuple[str, str]:
    """The graphs that are run, and whether pyplot was imported."""
    done = subprocess.run(
        [sys.executable, "-c", GRAPHS.format(whole=whole)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text, _, pyplot = done.stdout.strip().rpartition("\n")
    return text, pyplot


def test_the_graphs_are_those_of_the_whole_package():
    light, whole = graphs(False), graphs(True)
    assert "min_suppression_threshold" in light[0]
    assert light[0] == whole[0]
    assert (light[1], whole[1]) == ("no pyplot", "pyplot")
