"""What the probes have in common."""

from __future__ import annotations

import json
import math
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any


def reply(work: Callable[[Sequence[str]], dict[str, Any]]) -> None:
    """Does the work and prints what came of it.

    The process ends itself when its time is up, also when nobody is left to end it.

    Args:
        work: is given the arguments after the time limit.
    """
    signal.alarm(math.ceil(float(sys.argv[1])) + 1)
    try:
        values = work(sys.argv[2:])
    except ImportError as error:
        values = {"missing": _line(error)}
    except Exception as error:  # of whatever kind: the doctor says it
        values = {"error": f"{type(error).__name__}: {_line(error)}"}
    print(f"\n{json.dumps(values)}", flush=True)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
