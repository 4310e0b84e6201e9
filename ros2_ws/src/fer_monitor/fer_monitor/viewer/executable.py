"""The executable of the viewer; exit code 2 when it cannot start."""

from __future__ import annotations

from fer_common.entry import execute


def viewer_node() -> int:
    """Runs `fer_monitor.viewer.viewer_node.ViewerNode`."""
    return execute("fer_monitor.viewer.viewer_node:ViewerNode", brisk=True)
