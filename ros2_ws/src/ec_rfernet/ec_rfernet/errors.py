"""The one exception of the library, and text that can be written everywhere."""

from __future__ import annotations


class InputError(Exception):
    """Something the user gave is unusable: a file, a folder, an option.

    The message is one line that says what was wrong, with the value, and what
    was expected. Command lines print it and exit with code 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(writable(message))


def writable(text: str) -> str:
    """A text with backslashes for what is none: the name of a file may be any bytes.

    Neither ROS's log nor its messages take such a name.
    """
    return text.encode(errors="backslashreplace").decode()
