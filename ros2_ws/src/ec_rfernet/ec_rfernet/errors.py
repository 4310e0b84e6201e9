"""The one exception of the library, and text that can be written everywhere."""

from __future__ import annotations

import re


class InputError(Exception):
    """Something the user gave is unusable: a file, a folder, an option.

    The message is one line that says what was wrong, with the value, and what
    was expected. Command lines print it and exit with code 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(writable(message))


# Control characters but for tab and newline, line and paragraph separators, those that turn the
# direction of writing (Unicode Annex 9), invisible tags, and bytes that are no text.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)


def writable(text: str) -> str:
    """A text that can be written everywhere, and that a terminal shows instead of obeying it.

    Names of files, labels and sentences may come from strangers and be any bytes. A terminal would
    take some of them for orders: to clear its screen, or to fill the clipboard. They become
    backslashes and letters, such as ``\\x1b``. Tab and newline stay.
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
