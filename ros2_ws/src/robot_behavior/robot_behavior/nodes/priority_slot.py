"""Room for one goal at a time: an equal or higher priority preempts, a lower one must wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Goal = TypeVar("Goal")


@dataclass
class PrioritySlot(Generic[Goal]):
    """Holds the goal that is under way.

    Attributes:
        goal: the goal; None while the slot is free.
        priority: of that goal, 0..255.
    """

    goal: Goal | None = None
    priority: int = 0

    def admits(self, priority: int) -> bool:
        """Whether a goal of this priority may have the slot."""
        return self.goal is None or priority >= self.priority

    def take(self, goal: Goal, priority: int) -> Goal | None:
        """Gives the slot to a goal.

        Returns:
            The goal that had it until now, which ends here; None if the slot was free.

        Raises:
            ValueError: the slot does not admit the priority.
        """
        if not self.admits(priority):
            raise ValueError(
                f"priority {priority} is lower than {self.priority}, ask admits() first"
            )
        preempted, self.goal, self.priority = self.goal, goal, priority
        return preempted

    def release(self, goal: Goal) -> bool:
        """Frees the slot, if it is this goal that has it.

        Returns:
            Whether it had the slot.
        """
        if self.goal is not goal:
            return False
        self.goal, self.priority = None, 0
        return True
