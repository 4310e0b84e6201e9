"""Messages of robots that are not part of every installation."""

from __future__ import annotations

import importlib
from typing import Any

from fer_common.runner import StartError


def message_type(package: str, kind: str, name: str) -> Any:
    """A message, service or action of a package that may not be installed.

    Args:
        package: such as ``control_msgs``.
        kind: msg, srv or action.
        name: of the type.

    Raises:
        StartError: the package is not installed; says what to install.
    """
    try:
        return getattr(importlib.import_module(f"{package}.{kind}"), name)
    except ImportError as error:
        apt = f"ros-jazzy-{package.replace('_', '-')}"
        raise StartError(
            f"{package} is not installed, which this robot needs: sudo apt install {apt}, "
            "or build it in your workspace"
        ) from error
