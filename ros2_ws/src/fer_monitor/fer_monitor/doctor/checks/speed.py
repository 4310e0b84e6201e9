"""How long this machine takes for a face, against what the camera gives it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fer_monitor.doctor.checks.models import folder
from fer_monitor.doctor.finding import Finding, fail, ok, warn
from fer_monitor.doctor.world import ProbeError, World, ask

BUDGET_MS = 1000 / 30
"""Of one picture, at 30 a second."""
_HOPELESS_MS = 10 * BUDGET_MS
_CHOOSE = ". scripts/env.sh && ec-rfernet benchmark --choose"


def examine(world: World) -> list[Finding]:
    """Runs what the robot would run on one face."""
    bundle = folder(world)
    if bundle is None:
        return [warn("not measured: no model is there", f"git -C {world.root} checkout -- models")]
    try:
        return [judge(ask(world, "face", str(bundle), limit_s=6.0))]
    except ProbeError as error:
        return [fail(f"a face could not be judged: {error}", f"{world.setup}; see the line models")]


def judge(times: Mapping[str, Any]) -> Finding:
    """What the times mean.

    Args:
        times: ``runtime``, ``precision``, ``warning``; ``face_ms``, of judging a face, and
            ``find_ms``, of looking for faces in 640x480 pixels.
    """
    total = times["face_ms"] + times["find_ms"]
    text = (
        f"a face takes {times['face_ms']:.1f} ms with {times['runtime']} {times['precision']}, "
        f"looking for faces {times['find_ms']:.1f} ms; a picture may take {BUDGET_MS:.0f} ms"
    )
    if times["warning"]:
        return warn(times["warning"], _CHOOSE)
    if total > _HOPELESS_MS:
        return fail(f"{text}: fewer than three pictures a second", _CHOOSE)
    if total > BUDGET_MS:
        return warn(f"{text}: some pictures will be left out", _CHOOSE)
    return ok(text)
