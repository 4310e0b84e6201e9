"""Things by name: data sets, networks, runtimes, detectors, voices, robots.

What is built in is written down where the registry is made. Other people's packages add to it
with an entry point of its group, for example in their ``pyproject.toml``:

    [project.entry-points."ec_rfernet.detectors"]
    mine = "my_package.my_module:MyDetector"

Nothing is imported before it is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ec_rfernet.errors import InputError, writable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Registry(Generic[T]):
    """Names, and where to find what they stand for.

    Args:
        kind: what the things are, for messages: "detector".
        group: of the entry points: "ec_rfernet.detectors".
        built_in: ``module:attribute`` by name, in the order in which they are shown.
        fits: whether something is such a thing; what other packages register is asked.
        makes: the same of what `make` returns, where the things are called to make others.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        built_in: Mapping[str, str],
        fits: Callable[[object], bool] = callable,
        makes: Callable[[object], bool] = lambda made: made is not None,
    ) -> None:
        self.kind, self.group, self._fits, self._makes = kind, group, fits, makes
        self.built_in: Mapping[str, str] = MappingProxyType(dict(built_in))

    @cached_property
    def _foreign(self) -> dict[str, EntryPoint]:
        found = _entry_points(tuple(sys.path)).select(group=self.group)
        return {point.name: point for point in found if point.name not in self.built_in}

    @property
    def names(self) -> tuple[str, ...]:
        """All names: those that are built in, then those of other packages, sorted."""
        return (*self.built_in, *sorted(self._foreign))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.built_in or name in self._foreign

    def get(self, name: str) -> T:
        """What a name stands for; this imports it.

        Raises:
            InputError: the name is not known, or what is registered under it cannot be imported
                or is something else.
        """
        if name in self.built_in:
            module, attribute = self.built_in[name].split(":")
            try:
                return cast(T, getattr(import_module(module), attribute))
            except ModuleNotFoundError as error:
                raise InputError(
                    f"{self.kind} '{name}' needs the package {error.name}, which is not installed"
                ) from error
        if name in self._foreign:
            place = self._foreign[name].value
            registered = f"{self.kind} '{name}' is registered as {place}, which"
            try:
                found = self._foreign[name].load()
            except (Exception, SystemExit) as error:  # whatever a stranger's module does
                raise InputError(
                    f"{registered} cannot be imported: {in_one_line(error)}"
                ) from error
            if not self._fits(found):
                raise InputError(f"{registered} is no {self.kind}: {type(found).__name__}")
            return cast(T, found)
        raise InputError(self.unknown(name))

    def make(self, name: str, *arguments: Any) -> Any:
        """Calls what a name stands for.

        Raises:
            InputError: see `get`; or what another package has registered cannot make anything.
        """
        maker: Any = self.get(name)
        if name in self.built_in:
            return maker(*arguments)
        try:
            made = maker(*arguments)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            raise InputError(f"{self.kind} '{name}': {in_one_line(error)}") from error
        if not self._makes(made):
            raise InputError(f"{self.kind} '{name}': made {in_one_line(made)}, which is none")
        return made

    def unknown(self, name: Any) -> str:
        """What is wrong with a name that is not known, and which names are."""
        from difflib import get_close_matches

        near = get_close_matches(str(name), self.names, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"{self.kind} is '{name}', expected one of: {', '.join(self.names)}{hint}"


def in_one_line(problem: object) -> str:
    """What a stranger's code has raised or returned, for a message."""
    return writable(" ".join(f"{type(problem).__name__}: {problem}".split()).rstrip(": "))


@lru_cache(maxsize=1)
def _entry_points(_path: tuple[str, ...]) -> Any:
    """Those of all packages on Python's path; read once for all registries, in some 20 ms."""
    from importlib.metadata import entry_points

    return entry_points()
