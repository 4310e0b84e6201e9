"""Whether modules can be imported, each by itself."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from typing import Any

from fer_monitor.doctor.probes.reply import reply


def work(names: Sequence[str]) -> dict[str, Any]:
    """The errors by name of the module; a module that kills the process is named beforehand."""
    errors: dict[str, str] = {}
    for name in names:
        crash = {**errors, name: "importing it killed the process (a processor too old for it?)"}
        print(json.dumps({"errors": crash}), flush=True)
        try:
            importlib.import_module(name)
        except Exception as error:  # of whatever kind a broken package raises
            errors[name] = f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]
    return {"errors": errors}


if __name__ == "__main__":
    reply(work)
