"""The definitions of message types, as MCAP files carry them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ec_rfernet.errors import InputError

Share = Callable[[str], Path]
"""The folder ``share/PACKAGE`` of a package; raises `LookupError` where there is none."""

_RULE = "=" * 80 + "\n"
_FIELD = re.compile(r"^\s*([A-Za-z][\w/]*)(?:<=\d+)?(?:\[[^\]]*\])?\s+[A-Za-z]\w*\s*(?!\s*=)")
_CONSTANT = re.compile(r"^\s*[A-Za-z][\w/<=]*\s+\w+\s*=")
_BUILT_IN = re.compile(r"bool|byte|char|float(32|64)|u?int(8|16|32|64)|w?string")


def definition(kind: str, share: Share) -> str:
    """The text of a type, and after a rule that of each type it is made of.

    Args:
        kind: such as ``fer_interfaces/msg/Emotion``.
        share: where packages keep their definitions.

    Returns:
        What MCAP calls ``ros2msg``.

    Raises:
        InputError: the definition is not installed.
    """
    texts = {kind: _text(kind, share)}
    waiting = [kind]
    while waiting:
        for name in _parts(waiting.pop(0), texts):
            if name not in texts:
                texts[name] = _text(name, share)
                waiting.append(name)
    own = texts.pop(kind)
    others = (f"{_RULE}MSG: {name.replace('/msg/', '/')}\n{text}" for name, text in texts.items())
    return own + "".join(others)


def _text(kind: str, share: Share) -> str:
    package, _, name = kind.split("/")
    try:
        text = (share(package) / "msg" / f"{name}.msg").read_text(encoding="utf-8")
    except (LookupError, OSError) as error:
        raise InputError(f"the definition of {kind} is not installed ({error})") from error
    return text if text.endswith("\n") else text + "\n"


def _parts(kind: str, texts: dict[str, str]) -> list[str]:
    """The types that a type names."""
    package = kind.split("/", maxsplit=1)[0]
    found = []
    for line in texts[kind].splitlines():
        match = _FIELD.match(line)
        if match and not _CONSTANT.match(line) and not _BUILT_IN.fullmatch(match[1]):
            where, _, name = match[1].rpartition("/")
            found.append(f"{where.removesuffix('/msg') or package}/msg/{name}")
    return found
