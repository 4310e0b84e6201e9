"""From the sentence that was chosen to what is said, in which language and voice."""

from __future__ import annotations

from collections.abc import Callable

from robot_behavior.dialogue.behaviors import Behaviors
from robot_behavior.dialogue.sentences import Line


class Wording:
    """Fills in the variables of sentences and gives them their prosody.

    Args:
        behaviors: where the sentences come from.
        hour: of the local day, 0..23.
    """

    def __init__(self, behaviors: Behaviors, hour: Callable[[], int] = lambda: 12) -> None:
        self._behaviors = behaviors
        self._hour = hour
        self._lines: dict[str, Line] = {}

    def text(self, sentence: str, occasion: str) -> str:
        """The words of a sentence.

        Args:
            sentence: one that the behaviours name; taken literally unless it comes from
                the sentence files.
            occasion: name of the behaviour; decides how a literal sentence sounds.
        """
        sentences = self._behaviors.sentences
        line = Line(sentence, self._behaviors.locale)
        if sentences is not None:
            key = self._behaviors.keys.get(sentence)
            if key is not None:
                line = sentences.line(sentence, key, self._hour())
            else:
                line = Line(sentence, line.locale, sentences.prosody(occasion))
        self._lines[line.text] = line
        return line.text

    def line(self, text: str) -> Line:
        """How to say what `text` has given."""
        return self._lines.get(text) or Line(text, self._behaviors.locale)
