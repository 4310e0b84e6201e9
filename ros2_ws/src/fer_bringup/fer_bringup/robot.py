"""``ros2 run fer_bringup robot``: the whole robot in one process."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fer_common.entry import execute, program

_NEEDS = (1700, 250)  # MB of address space besides the cores', and of memory


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the robot.

    Returns:
        Exit code: 0 after a normal end, also by Ctrl-C; 2 when it could not start, with
        one line that says why.
    """

    def work() -> int:
        from fer_bringup.application import run  # takes a second

        return run(arguments)

    return program(work, _NEEDS)


def supervisor() -> int:
    """``ros2 run fer_bringup supervisor``: watches the nodes that ``robot.launch.py`` starts."""
    return execute("fer_bringup.supervisor:Supervisor")


if __name__ == "__main__":
    sys.exit(main())
