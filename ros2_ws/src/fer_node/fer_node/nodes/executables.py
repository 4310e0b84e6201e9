"""The executables of this package."""

from __future__ import annotations

from fer_common.entry import execute


def camera_node() -> int:
    """Runs `CameraNode`; exit code 2 when the camera cannot be opened."""
    return execute("fer_node.nodes.camera_node:CameraNode", images=True)


def fer_node() -> int:
    """Runs `fer_node.nodes.fer_node.FerNode`; exit code 2 when it cannot start."""
    return execute("fer_node.nodes.fer_node:FerNode", fast=True)
