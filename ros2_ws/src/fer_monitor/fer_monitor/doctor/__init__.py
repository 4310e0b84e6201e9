"""``fer-doctor``: what is wrong with a machine, in words, and how to mend it.

Runs before anything is built or installed, as
``PYTHONPATH=ros2_ws/src/fer_monitor python3 -m fer_monitor.doctor``: everything but the
probes, which are programs of their own, needs Python's standard library only.
"""

import sys
from pathlib import Path

_SOURCES = Path(__file__).resolve().parents[3]
for _package in ("ec_rfernet", "fer_common"):
    if (_SOURCES / _package).is_dir():  # the project's sources, which need not be built or sourced
        sys.path.insert(0, str(_SOURCES / _package))
