"""Strict reading of a YAML file: every error names file, key, value and what was expected."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REQUIRED: Any = object()
"""Marks a key that has no default."""

LARGEST_BYTES = 1_000_000
"""Of a file that somebody has written; the parser takes some seconds for it."""

_WIDEST = 60  # characters of a value in a message
_repr = reprlib.Repr()  # never longer than it must be: aliases may stand for billions of values
_repr.maxstring = _repr.maxother = _repr.maxlong = _repr.maxlist = _repr.maxdict = _WIDEST


class ConfigError(ValueError):
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
            raise ConfigError(f"{file}: {key or 'the file'} is {_shown(value)}, expected a mapping")
        self._values: dict[Any, Any] = value
        self._known: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def error(self, name: str, value: object, expected: str) -> ConfigError:
        """The error that key ``name`` has ``value`` instead of what was ``expected``."""
        return ConfigError(
            f"{self.file}: {self.path(name)} is {_shown(value)}, expected {expected}"
        )

    def path(self, name: str) -> str:
        """Dotted path of a key of this section."""
        return f"{self.key}.{name}" if self.key else name

    def get(self, name: str, default: Any = REQUIRED) -> Any:
        """The raw value of a key."""
        self._known.add(name)
        if name in self._values:
            return self._values[name]
        if default is REQUIRED:
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
                    f"{self.file}: key {_shown(name)} of {self.key or 'the file'} is not a name"
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
                raise ConfigError(
                    f"{self.file}: {self.path(str(name))} is not known, expected: {known}"
                )


class _Loader(yaml.SafeLoader):
    """Knows plain values, lists and mappings, and tells the place of whatever is wrong.

    Refuses a key that is there twice; YAML's parser would keep the last one silently.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag not in _TAGS:
            raise _malformed(node, f"{node.tag.replace(_TAG, '!!')} is not known")
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            kind = node.tag.replace(_TAG, "")  # of a date such as 2024-13-45, for instance
            raise _malformed(node, f"{_shown(node.value)} is no {kind}") from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _malformed(key, "a key is a list or a mapping, expected a text")
            if key.value in seen:
                raise _malformed(key, f"key {_shown(key.value)} is there twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_TAG = "tag:yaml.org,2002:"
_KINDS = ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "value")
_TAGS = frozenset(_TAG + kind for kind in _KINDS)


def _malformed(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def read(file: Path) -> Section:
    """The whole of a YAML file.

    Raises:
        ConfigError: the file cannot be read, is larger than `LARGEST_BYTES`, is not YAML or
            is not a mapping; names the line and the column of what is not YAML.
    """
    try:
        content = yaml.load(_text(file), _Loader)  # a safe loader
    except RecursionError as error:
        raise ConfigError(f"{file}: is not valid YAML (nested too deeply)") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        problem = (error.problem or error.context or "").removeprefix("but ")
        raise ConfigError(f"{file}: is not valid YAML ({place}{problem})") from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{file}: is not valid YAML ({problem})") from error
    if content is None:
        raise ConfigError(f"{file}: is empty, expected a mapping")
    return Section(file, "", content)


def _text(file: Path) -> str:
    if file.exists() and not file.is_file():
        raise ConfigError(f"{file}: is not a file")
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise ConfigError(f"{file}: is larger than {LARGEST_BYTES / 1e6:g} MB")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{file}: line {line} is not UTF-8 ({error.reason})") from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror or error})") from error


def _is_number(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and abs(value) <= sys.float_info.max  # type: ignore[arg-type]


def _shown(value: object) -> str:
    text = _repr.repr(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
