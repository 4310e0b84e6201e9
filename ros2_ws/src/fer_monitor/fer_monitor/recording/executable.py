"""The executable ``bag_recorder``."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from fer_common.entry import execute


def bag_recorder() -> int:
    """Runs `fer_monitor.recording.bag_recorder.BagRecorder`; exit code 2 when it cannot start."""
    if find_spec("rosbags") is None:
        print("bag_recorder: recording needs rosbags: pip install rosbags", file=sys.stderr)
        return 2
    return execute("fer_monitor.recording.bag_recorder:BagRecorder", brisk=True)
