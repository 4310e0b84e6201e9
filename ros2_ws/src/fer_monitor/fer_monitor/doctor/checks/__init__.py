"""What is looked at."""

from __future__ import annotations

from fer_monitor.doctor.checks import (
    camera,
    discovery,
    models,
    packages,
    processor,
    python,
    room,
    ros,
    serial_port,
    shared_memory,
    sound,
    speed,
    workspace,
)
from fer_monitor.doctor.schedule import Check

FIRST = (
    Check("python", python.examine),
    Check("packages", packages.examine),
    Check("ros", ros.examine),
    Check("workspace", workspace.examine),
    Check("models", models.examine),
    Check("camera", camera.examine),
    Check("sound", sound.examine),
    Check("dds", discovery.examine),
    Check("shm", shared_memory.examine),
    Check("processor", processor.examine),
    Check("room", room.examine),
    Check("serial", serial_port.examine),
)
"""These are examined at the same time."""

LAST = (Check("speed", speed.examine),)
"""And these after them, because they measure times."""
