"""The executables of the nodes; exit code 2 when one cannot start. Quick to import."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from fer_common.entry import execute


def bag_recorder() -> int:
    """Runs `fer_monitor.recording.bag_recorder.BagRecorder`."""
    for package in ("mcap", "rosbags"):
        if find_spec(package) is None:
            text = f"bag_recorder: recording needs {package}: pip install {package}"
            print(text, file=sys.stderr)
            return 2
    return execute("fer_monitor.recording.bag_recorder:BagRecorder", fast=True)


def face_node() -> int:
    """Runs `fer_monitor.face.face_node.FaceNode`."""
    return execute("fer_monitor.face.face_node:FaceNode", fast=True)


def viewer_node() -> int:
    """Runs `fer_monitor.viewer.viewer_node.ViewerNode`."""
    return execute("fer_monitor.viewer.viewer_node:ViewerNode", fast=True)
