"""What `motion-check` says about one motion."""

from __future__ import annotations

import math
from dataclasses import dataclass

from robot_behavior.motion.check import CLEARANCE_M, MASS_MARGIN_M, MOMENT_MARGIN_M, Findings
from robot_behavior.motion.motion import Motion
from robot_behavior.motion.physics import Evidence

TILT_DEG = 2.0
"""A robot that leans more than this is about to tip."""

COLUMNS = ("motion", "s", "speed", "accel.", "torque", "apart mm", "CoM mm", "ZMP mm", "tilt deg")


@dataclass(frozen=True)
class Verdict:
    """A motion, what our own checks found, and what MuJoCo found.

    Attributes:
        motion: what was examined.
        findings: ours.
        evidence: MuJoCo's.
        speed: largest share of a joint's velocity limit.
        acceleration: likewise of its acceleration limit.
    """

    motion: Motion
    findings: Findings
    evidence: Evidence
    speed: float
    acceleration: float

    @property
    def complaint(self) -> str:
        """What speaks against the motion; empty if nothing does."""
        evidence, nearest = self.evidence, self.evidence.nearest
        one, other = nearest.links
        torque = f"{100 * evidence.torque_share:.0f} % of its effort"
        tilt = math.degrees(evidence.tilt or 0.0)
        found = (
            (self.findings.complaint != "", self.findings.complaint),
            (max(self.speed, self.acceleration) > 1.0, "exceeds a limit of speed or acceleration"),
            (not evidence.within_range, "leaves the range of a joint"),
            (
                nearest.metres < CLEARANCE_M,
                f"brings {one} within {1000 * nearest.metres:.0f} mm of {other}",
            ),
            (
                _below(evidence.mass_margin, MASS_MARGIN_M),
                "takes the centre of mass off the feet",
            ),
            (
                _below(evidence.moment_margin, MOMENT_MARGIN_M),
                "takes the zero moment point off the feet",
            ),
            (evidence.torque_share > 1.0, f"asks {evidence.torque_joint} for {torque}"),
            (tilt > TILT_DEG, f"tips the free robot by {tilt:.1f} degrees"),
        )
        return next((complaint for applies, complaint in found if applies), "")

    @property
    def cells(self) -> tuple[str, ...]:
        """Texts for `COLUMNS`; distances and margins are the smaller of both findings."""
        ours, theirs = self.findings, self.evidence
        return (
            self.motion.name,
            f"{ours.trajectory.duration:.1f}",
            f"{100 * self.speed:.0f} %",
            f"{100 * self.acceleration:.0f} %",
            f"{100 * theirs.torque_share:.0f} %",
            _millimetres(ours.nearest.metres, theirs.nearest.metres),
            _millimetres(ours.mass_margin, theirs.mass_margin),
            _millimetres(ours.moment_margin, theirs.moment_margin),
            "-" if theirs.tilt is None else f"{math.degrees(theirs.tilt):.1f}",
        )


def table(verdicts: list[Verdict], refused: dict[str, str]) -> str:
    """All verdicts as lines of text, and after them why motions were refused."""
    rows: list[tuple[str, ...]] = [(*COLUMNS, "verdict")]
    rows += [(*one.cells, "fails" if one.complaint else "passes") for one in verdicts]
    rows += [(name, *["-"] * (len(COLUMNS) - 1), "refused") for name in refused]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if number in (0, len(widths) - 1) else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines += [f"{one.motion.name} {one.complaint}" for one in verdicts if one.complaint]
    return "\n".join([*lines, *refused.values()])


def _below(margin: float | None, least: float) -> bool:
    return margin is not None and margin < least


def _millimetres(one: float | None, other: float | None) -> str:
    if one is None or other is None or not math.isfinite(min(one, other)):
        return "-"
    return f"{1000 * min(one, other):.0f}"
