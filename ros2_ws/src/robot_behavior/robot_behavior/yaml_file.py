"""Strict reading of a YAML file: every error names file, key, value and what was expected."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ec_rfernet import files
from ec_rfernet.errors import InputError
from ec_rfernet.files import shortened, shown

REQUIRED: Any = object()
"""Marks a key that has no default."""


_TYPO = 0.75  # so alike are a key and its misspelling


class ConfigError(InputError):
    """A configuration file is unusable; the message is one line for its author."""


class Section:
    """A mapping of a YAML file that remembers where it stands.

    Each getter checks type and range and notes the key as known; `close` then
    refuses what is left over, so that a misspelt key is never ignored.

    Args:
        file: the file, for messages.
        key: dotted path of the mapping within it; empty for the whole file.
        value: what the YAML parser gave.

    Raises:
        ConfigError: ``value`` is not a mapping.
    """

    def __init__(self, file: Path, key: str, value: object) -> None:
        self.file, self.key = file, key
        if not isinstance(value, dict):
            raise ConfigError(f"{file}: {key or 'the file'} is {shown(value)}, expected a mapping")
        self._values: dict[Any, Any] = value
        self._known: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def error(self, name: str, value: object, expected: str) -> ConfigError:
        """The error that key ``name`` has ``value`` instead of what was ``expected``."""
        return ConfigError(f"{self.file}: {self.path(name)} is {shown(value)}, expected {expected}")

    def path(self, name: str) -> str:
        """Dotted path of a key of this section."""
        return shortened(f"{self.key}.{name}" if self.key else name, 100)

    def get(self, name: str, default: Any = REQUIRED) -> Any:
        """The raw value of a key."""
        self._known.add(name)
        if name in self._values:
            return self._values[name]
        if default is REQUIRED:
            unread = [key for key in map(str, self._values) if key not in self._known]
            if misspelt := get_close_matches(name, unread, 1, _TYPO):
                raise self._unknown(misspelt[0], f"did you mean '{name}'?")
            raise ConfigError(f"{self.file}: {self.path(name)} is missing")
        return default

    def text(self, name: str, default: Any = REQUIRED, choices: tuple[str, ...] = ()) -> str:
        """A string, one of ``choices`` if there are any."""
        value = self.get(name, default)
        if not isinstance(value, str):
            raise self.error(name, value, "a text")
        if choices and value not in choices:
            raise self.error(name, value, f"one of {', '.join(choices)}")
        return value

    def number(self, name: str, low: float, high: float, default: Any = REQUIRED) -> float:
        """A finite number within ``low``..``high``."""
        value = self.get(name, default)
        if not _is_number(value) or not low <= value <= high:
            raise self.error(name, value, f"a number {low:g}..{high:g}")
        return float(value)

    def integer(self, name: str, low: int, high: int, default: Any = REQUIRED) -> int:
        """A whole number within ``low``..``high``."""
        value = self.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(name, value, f"a whole number {low}..{high}")
        return value

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list of finite numbers."""
        value = self.get(name)
        if not isinstance(value, list):
            raise self.error(name, value, "a list of finite numbers")
        for index, item in enumerate(value):
            if not _is_number(item):
                raise self.error(f"{name}[{index}]", item, "a finite number")
        return tuple(map(float, value))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(name, value, "a list of texts")
        return tuple(value)

    def section(self, name: str) -> Section:
        """The mapping under a key."""
        return Section(self.file, self.path(name), self.get(name))

    def sections(self, name: str) -> list[Section]:
        """A list of mappings under a key."""
        value = self.get(name)
        if not isinstance(value, list):
            raise self.error(name, value, "a list")
        return [Section(self.file, f"{self.path(name)}[{i}]", item) for i, item in enumerate(value)]

    def names(self) -> Iterator[str]:
        """Every key."""
        for name in self._values:
            if not isinstance(name, str) or not name:
                raise ConfigError(
                    f"{self.file}: key {shown(name)} of {self.key or 'the file'} is not a name"
                )
            yield name

    def items(self) -> Iterator[tuple[str, Section]]:
        """Every key with the mapping under it."""
        for name in self.names():
            yield name, self.section(name)

    def close(self) -> None:
        """Refuses keys that nobody asked for.

        Raises:
            ConfigError: names the first of them and the known ones.
        """
        for name in self._values:
            if name not in self._known:
                known = ", ".join(sorted(self._known))
                raise self._unknown(str(name), f"expected: {known}")

    def _unknown(self, name: str, hint: str) -> ConfigError:
        return ConfigError(f"{self.file}: {self.path(name)} is not known, {hint}")


def read(file: Path) -> Section:
    """The whole of a YAML file.

    Raises:
        ConfigError: see `ec_rfernet.files.read_yaml`; or it is not a mapping.
    """
    try:
        content = files.read_yaml(file)
    except InputError as error:
        raise ConfigError(str(error)) from error
    if content is None:
        raise ConfigError(f"{file}: is empty, expected a mapping")
    return Section(file, "", content)


def _is_number(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and abs(value) <= sys.float_info.max  # type: ignore[arg-type]
