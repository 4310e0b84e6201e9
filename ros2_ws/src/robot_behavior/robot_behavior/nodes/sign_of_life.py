"""Whether something that ought to be heard again and again still is."""

from __future__ import annotations


class SignOfLife:
    """Counts the looks at something that ought to be heard between them.

    Looks, not seconds: who was too busy to look was too busy to hear, too.

    Args:
        patience: so many looks in a row without having heard anything are too many.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._left: int | None = None

    def heard(self) -> None:
        """It lives."""
        self._left = self._patience

    def has_ended(self) -> bool:
        """A look; true once, when what was heard before has been silent for too long."""
        if self._left is None:
            return False
        self._left -= 1
        if self._left:
            return False
        self._left = None
        return True
