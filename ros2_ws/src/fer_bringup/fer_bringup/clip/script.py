"""What happens in the clip: who comes, what their faces do, how the light changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fer_bringup.clip.expression import AT_REST, Expression
from fer_bringup.clip.portraits import COLLINS, HOPPER

DURATION = 45.0
"""Seconds."""


@dataclass(frozen=True)
class Pose:
    """Where a person is and what the face does.

    Attributes:
        x: middle between the eyes, pixels from the left of the frame.
        y: likewise from the top.
        eyes: distance between the eyes in pixels, that is, how near the person stands.
        face: the expression.
    """

    x: float
    y: float
    eyes: float
    face: Expression = AT_REST

    def towards(self, other: Pose, share: float) -> Pose:
        """``share`` (0..1) of the way to another pose."""
        return Pose(
            self.x + share * (other.x - self.x),
            self.y + share * (other.y - self.y),
            self.eyes + share * (other.eyes - self.eyes),
            self.face.towards(other.face, share),
        )


@dataclass(frozen=True)
class Light:
    """The light in the room.

    Attributes:
        gain: brightness, 1 leaves pictures as they are.
        warmth: -1 (bluish) .. 1 (yellowish).
        side: -1 (from the left) .. 1 (from the right).
    """

    gain: float = 1.0
    warmth: float = 0.0
    side: float = 0.0

    def towards(self, other: Light, share: float) -> Light:
        """``share`` (0..1) of the way to another light."""
        return Light(
            self.gain + share * (other.gain - self.gain),
            self.warmth + share * (other.warmth - self.warmth),
            self.side + share * (other.side - self.side),
        )


_SMILE = Expression(cheek_raiser=0.8, lip_corner_puller=1.1)
_BROADER = Expression(cheek_raiser=0.3, lip_corner_puller=0.35)
_COMPOSED = Expression(lip_corner_puller=0.15, upper_lid_raiser=0.3)
_SAD = Expression(inner_brow_raiser=1.1, lip_corner_depressor=1.1, chin_raiser=0.6)
_SURPRISED = Expression(
    inner_brow_raiser=1.1,
    outer_brow_raiser=1.1,
    upper_lid_raiser=1.2,
    lip_corner_puller=-0.5,
    jaw_drop=0.75,
)

_COLLINS_OUT, _COLLINS = Pose(-260, 190, 66), Pose(300, 185, 70)
_COLLINS_BESIDE = Pose(130, 205, 58)
_HOPPER_OUT, _HOPPER = Pose(930, 205, 74, _COMPOSED), Pose(400, 190, 78, _COMPOSED)
_HOPPER_BESIDE = Pose(350, 200, 72, _COMPOSED)

CAST: dict[tuple[str, str], tuple[tuple[float, Pose], ...]] = {
    COLLINS: (
        (1.5, _COLLINS_OUT),
        (3.0, _COLLINS),
        (5.0, replace(_COLLINS, eyes=76, face=_BROADER)),
        (12.5, replace(_COLLINS, x=320)),
        (14.0, _COLLINS_OUT),
        (32.5, _COLLINS_OUT),
        (34.0, _COLLINS_BESIDE),
        (39.0, replace(_COLLINS_BESIDE, face=_BROADER)),
        (41.5, _COLLINS_BESIDE),
        (43.0, _COLLINS_OUT),
    ),
    HOPPER: (
        (15.5, _HOPPER_OUT),
        (17.0, _HOPPER),
        (18.0, _HOPPER),
        (18.7, replace(_HOPPER, face=_SAD)),
        (24.5, replace(_HOPPER, x=390, eyes=82, face=_SAD)),
        (25.2, replace(_HOPPER, face=_COMPOSED)),
        (26.0, _HOPPER),
        (26.4, replace(_HOPPER, face=_SURPRISED)),
        (31.0, replace(_HOPPER, eyes=80, face=_SURPRISED)),
        (31.8, _HOPPER),
        (32.5, _HOPPER),
        (33.7, _HOPPER_BESIDE),
        (35.0, _HOPPER_BESIDE),
        (35.8, replace(_HOPPER_BESIDE, face=_SMILE)),
        (41.0, replace(_HOPPER_BESIDE, face=_SMILE)),
        (43.0, _HOPPER_OUT),
    ),
}
"""The people, in the order in which they are drawn, and their key poses."""

LIGHT: tuple[tuple[float, Light], ...] = (
    (0.0, Light(0.85)),
    (3.0, Light(1.05, 0.3, -0.5)),
    (9.0, Light(1.0, -0.2, 0.6)),
    (14.5, Light(0.7, -0.4)),
    (17.0, Light(1.0, 0.0, 0.4)),
    (22.0, Light(0.8, -0.5, 0.7)),
    (26.0, Light(1.12, 0.1, -0.3)),
    (32.0, Light(0.95, 0.4, -0.6)),
    (38.0, Light(1.05, 0.2, 0.2)),
    (45.0, Light(0.8)),
)
"""Key moments of the light."""
