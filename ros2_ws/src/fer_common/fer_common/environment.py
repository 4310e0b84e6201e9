"""The variables of the environment with which ROS cannot start. Imports nothing of ROS."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

HIGHEST_DOMAIN = 232
"""The ports of those above would be none."""

_SWITCHES = (
    "RCUTILS_COLORIZED_OUTPUT",
    "RCUTILS_LOGGING_USE_STDOUT",
    "RCUTILS_LOGGING_BUFFERED_STREAM",
)
_FILES = ("FASTDDS_ENVIRONMENT_FILE",)  # Fast DDS would wait for a pipe
_MIDDLEWARES = Path("share", "ament_index", "resource_index", "rmw_typesupport")
_NONE_OF_THEM = "rmw_implementation"  # stands there, too, and chooses one


def wrong_variable(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The first variable of ROS that would end a program, in ways that nobody understands.

    With an unknown middleware the process ends while ROS is imported, so this imports nothing.

    Args:
        environ: of the program.

    Returns:
        Its name, and what is wrong with it; None where all are well.
    """
    domain = environ.get("ROS_DOMAIN_ID") or "0"
    if not re.fullmatch(r"[0-9]{1,9}", domain) or int(domain) > HIGHEST_DOMAIN:
        return "ROS_DOMAIN_ID", f"ROS_DOMAIN_ID is '{domain}', expected 0..{HIGHEST_DOMAIN}"
    chosen = environ.get("RMW_IMPLEMENTATION")
    prefixes = filter(None, environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep))
    known = {file.name for prefix in prefixes for file in Path(prefix, _MIDDLEWARES).glob("*")}
    known.discard(_NONE_OF_THEM)
    if chosen and known and chosen not in known:
        text = f"RMW_IMPLEMENTATION is '{chosen}', which is not installed, expected "
        return "RMW_IMPLEMENTATION", f"{text}{' or '.join(sorted(known))}; or unset it"
    for name in _FILES:
        place = environ.get(name)
        if place and Path(place).exists() and not Path(place).is_file():
            return name, f"{name} is '{place}', which is no file; name one, or unset it"
    for name in _SWITCHES:
        if environ.get(name, "") not in ("", "0", "1"):
            return name, f"{name} is '{environ[name]}', expected 0 or 1; or unset it"
    return None
