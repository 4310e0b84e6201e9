"""``ros2 run fer_bringup robot``: the whole robot in one process."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ec_rfernet.cli import write_any_text
from fer_common.entry import quit_on_signal


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the robot.

    Returns:
        Exit code: 0 after a normal end, also by Ctrl-C; 2 when it could not start, with
        one line that says why.
    """
    quit_on_signal()
    write_any_text()
    from fer_bringup.application import run  # takes a second

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
