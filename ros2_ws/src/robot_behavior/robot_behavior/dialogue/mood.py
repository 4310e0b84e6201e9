"""What the robot remembers of the moods of each face, while the face is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class _Memory:
    """Of one face."""

    seen: float
    label: str = ""
    answers: int = 0
    told: set[str] = field(default_factory=set)
    told_before: set[str] = field(default_factory=set)


class Moods:
    """How often, and with which words, the mood of each face has been answered.

    A mood is an expression that has lasted for its dwell time; it goes on until another
    one has. The memory of a face fades when the face has been gone for a while; the id
    of a face is random per run, so that nothing is known about a person.

    Args:
        clock: seconds, monotonic.
        memory_s: how long a face that is gone is remembered.
    """

    def __init__(self, clock: Callable[[], float], memory_s: float) -> None:
        self._clock = clock
        self._memory_s = memory_s
        self._faces: dict[str, _Memory] = {}

    def __len__(self) -> int:
        return len(self._faces)

    def saw(self, face_id: str) -> None:
        """A face is there."""
        now = self._clock()
        old = [f for f, memory in self._faces.items() if now - memory.seen > self._memory_s]
        for face in old:
            del self._faces[face]
        self._faces.setdefault(face_id, _Memory(now)).seen = now

    def confirm(self, face_id: str, label: str) -> None:
        """A face has shown an expression for its dwell time: this is its mood now."""
        self.saw(face_id)
        memory = self._faces[face_id]
        if memory.label != label:
            memory.label, memory.answers = label, 0
            memory.told_before |= memory.told
            memory.told = set()

    def answered(self, face_id: str, label: str, sentence: str) -> None:
        """A mood of a face was answered, with a sentence or, if that is empty, without."""
        memory = self._faces.get(face_id)
        if memory is None:
            return  # it was forgotten meanwhile
        if memory.label == label:
            memory.answers += 1
            memory.told |= {sentence} if sentence else set()
        elif sentence:
            memory.told_before.add(sentence)

    def answers(self, face_id: str, label: str) -> int:
        """How often the mood that lasts has been answered; 0 for another mood."""
        memory = self._faces.get(face_id)
        return memory.answers if memory is not None and memory.label == label else 0

    def told(self, face_id: str, label: str) -> frozenset[str]:
        """What was said about the mood that lasts: not to be said again."""
        memory = self._faces.get(face_id)
        return frozenset(memory.told if memory is not None and memory.label == label else ())

    def told_before(self, face_id: str) -> frozenset[str]:
        """What was said about earlier moods: better not to be said again."""
        memory = self._faces.get(face_id)
        return frozenset(memory.told_before if memory is not None else ())
