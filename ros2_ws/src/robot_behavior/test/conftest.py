"""Small behaviours for the tests of the node, quick enough to be waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

BEHAVIORS = """
locale: en-GB
pause_s: 0.1
response_timeout_s: 1.5
emotions:
  happy:
    dwell_s: 0.3
    cooldown_s: 0.8
    priority: 120
    variants:
      - {motion: nod, say: [You look happy!, What a smile!]}
  scared:
    dwell_s: 0.2
    cooldown_s: 30
    priority: 160
    variants:
      - {motion: palms, say: It's okay.}
  neutral:
    dwell_s: 2.5
    cooldown_s: 30
    priority: 10
    variants:
      - {motion: nod}
"""
MOTIONS = "/motion_player:\n  ros__parameters:\n    motions:\n" + "".join(
    f"      {name}: {{joints: [neck], positions: [0.0], times_from_start: [1.0]}}\n"
    for name in ("rest", "nod", "palms", "greet")
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A behaviours file and the motions that it names."""
    behaviors, motions = tmp_path / "behaviors.yaml", tmp_path / "motions.yaml"
    behaviors.write_text(BEHAVIORS)
    motions.write_text(MOTIONS)
    return behaviors, motions
