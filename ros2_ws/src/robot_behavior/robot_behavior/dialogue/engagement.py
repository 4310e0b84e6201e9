"""Who has come near, and who has left: the beginning and the end of an encounter.

How near somebody is shows in the size of the face in the image. An encounter is one
however many people take part in it: it begins when the attended face has been near for
a while, and it ends when nobody has been near for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from robot_behavior.dialogue.behaviors import EngagementRules

GAP_S = 1.5
"""A face that is lost, or a little too small, for so long is still the same visit."""

PATIENCE_S = 5.0
"""A greeting or a farewell that could not be said for so long comes too late."""


class Occasion(str, Enum):
    """What the robot may have to say about an encounter."""

    GREETING = "greeting"
    FAREWELL = "farewell"


@dataclass(frozen=True)
class Pending:
    """An occasion that has not been used yet.

    Attributes:
        occasion: greeting or farewell.
        face_id: the face that it is for.
        since: when it came up, seconds.
        reason: one readable clause.
    """

    occasion: Occasion
    face_id: str
    since: float
    reason: str


@dataclass
class _Visit:
    """The time between the first and the last moment at which a face was near."""

    since: float
    last: float


class Engagement:
    """Follows encounters; says each greeting and each farewell exactly once.

    Args:
        rules: what is near, and for how long.
        clock: seconds, monotonic.

    Attributes:
        partner: id of the face that the encounter is with; None between encounters.
        pending: what has to be said; None for nothing.
        dropped: why the last occasion was not used; empty if it was.
    """

    def __init__(self, rules: EngagementRules, clock: Callable[[], float]) -> None:
        self._rules = rules
        self._clock = clock
        self._visits: dict[str, _Visit] = {}
        self._met: set[str] = set()
        self._attended: str | None = None
        self.partner: str | None = None
        self.pending: Pending | None = None
        self.dropped = ""

    def see(self, sizes: Mapping[str, float]) -> None:
        """Takes in the faces of an image.

        Args:
            sizes: width of each face by its id, as a share of the image's width; 0 when
                it is not known, which counts as far away.
        """
        now = self._clock()
        for face, size in sizes.items():
            visit = self._visits.get(face)
            current = visit is not None and now - visit.last <= GAP_S
            if size >= self._rules.near and not current:
                self._visits[face] = _Visit(now, now)
            elif visit is not None and current and size >= self._rules.far:
                visit.last = now

    def attend(self, face_id: str | None) -> None:
        """Takes in which face is attended to; None for none."""
        self._attended = face_id

    def reset(self) -> None:
        """Forgets the encounter; nobody is told goodbye."""
        self.dropped = ""
        self._visits.clear()
        self._met.clear()
        self.partner = self.pending = self._attended = None

    def used(self, note: str = "") -> None:
        """The pending occasion is over: it is being said, or dropped with a note why."""
        if self.pending is not None and note:
            self.dropped = f"{self.pending.occasion.value} dropped: {note}"
        self.pending = None

    def update(self) -> None:
        """Lets encounters begin and end, and occasions expire."""
        now = self._clock()
        self._expire(now)
        if self._attended is not None and not self._is_busy(now):
            self._consider(self._attended, now)
        if self.partner is not None and not self._near_within(self._rules.leave_s, now):
            self._part(now)
        longest = max(GAP_S, self._rules.leave_s)
        for face in [f for f, visit in self._visits.items() if now - visit.last > longest]:
            if face != self.partner:
                del self._visits[face]

    def _consider(self, face: str, now: float) -> None:
        """Meets a face that has been near for a while."""
        visit = self._visits.get(face)
        if visit is None or now - visit.last > GAP_S:
            return
        if visit.last - visit.since >= self._rules.dwell_s:
            self._meet(face, visit, now)

    def _is_busy(self, now: float) -> bool:
        """Whether the encounter is with somebody who is still near, or has been met already."""
        if self.partner is None or self.partner == self._attended:
            return self.partner is not None
        return now - self._visits[self.partner].last <= GAP_S

    def _meet(self, face: str, visit: _Visit, now: float) -> None:
        former = self._visits.get(self.partner) if self.partner is not None else None
        # A face that appears where another one has just been lost is the same person
        # under a new id; nobody is greeted twice for having looked away.
        same = former is not None and visit.since > former.last
        known = same or face in self._met
        self.partner = face
        self._met |= {f for f, v in self._visits.items() if now - v.last <= GAP_S}
        if self.pending is not None and self.pending.occasion is Occasion.FAREWELL:
            self.used("they came back before it could be said")
        if not known:
            lasted = visit.last - visit.since
            self.pending = Pending(
                Occasion.GREETING, face, now, f"somebody has been near for {lasted:.1f} s"
            )

    def _part(self, now: float) -> None:
        face = self.partner or ""
        greeting = self.pending is not None
        self.partner = None
        self._visits.clear()
        self._met.clear()
        if greeting:
            self.used("they left before it could be said")
        reason = f"nobody has been near for {self._rules.leave_s:g} s"
        self.pending = Pending(Occasion.FAREWELL, face, now, reason)

    def _near_within(self, seconds: float, now: float) -> bool:
        return any(now - visit.last < seconds for visit in self._visits.values())

    def _expire(self, now: float) -> None:
        if self.pending is not None and now - self.pending.since > PATIENCE_S:
            self.used(f"it could not be said within {PATIENCE_S:g} s")
