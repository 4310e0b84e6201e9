"""The one exception of the library."""

from __future__ import annotations


class InputError(Exception):
    """Something the user gave is unusable: a file, a folder, an option.

    The message is one line that says what was wrong, with the value, and what
    was expected. Command lines print it and exit with code 2.
    """
