"""Who looks at the robot: people who are near and face it for a while."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ec_rfernet.faces.head_pose import HeadAngles
from ec_rfernet.perceived import EngagementLevel
from fer_common.settings import setting
from fer_node.perception.tracker import Track

_LOOSER = 1.25  # by how much farther and more turned away who is engaged may be


@dataclass(frozen=True)
class EngagementSettings:
    """Who looks at the robot.

    The head pose errs by some degrees (see `ec_rfernet.faces.head_pose`), and who looks at a
    robot's face or body looks past its camera: the angle is wide.
    """

    engage_deg: float = setting(
        35.0, "Who faces the camera within this angle looks at the robot, degrees.",
        low=1.0, high=90.0, live=True,
    )  # fmt: skip
    engage_near: float = setting(
        0.06, "How wide the face must at least be for it, as a share of the image's width.",
        low=0.0, high=1.0, live=True,
    )  # fmt: skip
    engage_after_s: float = setting(
        0.5, "Who has looked for so long is engaged, s.", low=0.0, high=60.0, live=True
    )
    disengage_after_s: float = setting(
        1.5, "Who has looked away for so long is engaged no more, s.", low=0.0, high=60.0, live=True
    )
    prefer_engaged: bool = setting(
        True, "Whether somebody who is engaged is attended to before anybody who is not.", live=True
    )


@dataclass
class _Person:
    """Attributes: whether engaged, and since when they do the opposite; None while they do not."""

    engaged: bool = False
    since: float | None = None


class EngagementTracker:
    """Tells of everybody who is followed whether they look at the robot.

    Near and facing the robot for a while makes engaged, looking away for a while undoes it; the
    limits are wider for who is engaged. A glance to the side changes nothing.

    Args:
        settings: see there.

    Attributes:
        settings: see there; may be replaced between two images.
    """

    def __init__(self, settings: EngagementSettings) -> None:
        self.settings = settings
        self._people: dict[str, _Person] = {}

    def forget(self, known: frozenset[str]) -> None:
        """Forgets everybody who is not followed any more."""
        self._people = {id_: person for id_, person in self._people.items() if id_ in known}

    def update(self, track: Track, head: HeadAngles | None, width: int, now: float) -> None:
        """Looks at one person in the next image.

        Args:
            track: of the face.
            head: where it is turned; None where that is not known: not to the robot.
            width: of the image, pixels.
            now: when it was taken, seconds.
        """
        person = self._people.setdefault(track.id, _Person())
        looks = head is not None and self._looks(person.engaged, track, head, width)
        if looks == person.engaged:
            person.since = None
            return
        person.since = now if person.since is None else person.since
        settings = self.settings
        enough = settings.disengage_after_s if person.engaged else settings.engage_after_s
        if now - person.since >= enough:
            person.engaged, person.since = not person.engaged, None

    def level(self, face_id: str) -> EngagementLevel:
        """Of a person that was seen."""
        person = self._people.get(face_id)
        if person is None:
            return EngagementLevel.UNKNOWN
        steady = person.since is None
        if person.engaged:
            return EngagementLevel.ENGAGED if steady else EngagementLevel.DISENGAGING
        return EngagementLevel.DISENGAGED if steady else EngagementLevel.ENGAGING

    @property
    def preferred(self) -> frozenset[str]:
        """Ids of those to attend to before all others."""
        if not self.settings.prefer_engaged:
            return frozenset()
        return frozenset(id_ for id_, person in self._people.items() if person.engaged)

    def _looks(self, engaged: bool, track: Track, head: HeadAngles, width: int) -> bool:
        slack = _LOOSER if engaged else 1.0
        near = track.face.box.width * slack >= self.settings.engage_near * width
        return near and head.away <= math.radians(self.settings.engage_deg) * slack
