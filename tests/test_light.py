"""What perception loads into memory is what it needs."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from fer_common.runner import start
from fer_common.testing import spinning
from fer_node.nodes.fer_node import FerNode
with spinning(FerNode) as (_, nodes):
    start(nodes[0])  # the detector has looked at an image by then, and so has the network
    print(*sys.modules)
"""
HEAVY = {"torch", "jax", "tensorflow", "scipy", "skimage", "onnx", "openvino", "mediapipe"}
ONLY_FOR_DRAWING = {"matplotlib", "PIL"}


def test_the_process_of_perception_is_light(tmp_path: Path) -> None:
    # Whoever works here may have chosen another runtime.
    defaults = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF", **defaults},
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "ec_rfernet.faces.blazeface" in loaded
    assert not (HEAVY | ONLY_FOR_DRAWING) & loaded
