"""What the robot says in each language, and how it sounds: ``config/sentences``."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from fer_common.reason import Reason
from robot_behavior import yaml_file
from robot_behavior.prosody import PITCH_ST, PLAIN, RATE, VOLUME_DB, Prosody
from robot_behavior.yaml_file import ConfigError, Section

NO_SENTENCES = "no_sentences"
"""Code of the reason why another language is spoken."""

LAST_RESORT = "en"
"""The language for those who speak a language that has no file."""

LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
"""Of tags (BCP 47), with underscores as well."""

TIME_OF_DAY = "time_of_day"
"""The variable of the templates: the greeting of the hour."""

_KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_SAME = {"cmn": "zh"}  # voices call Mandarin cmn, people and locales call it zh
_PROSODY = "prosody.yaml"


@dataclass(frozen=True)
class Words:
    """What is said, ready to be sent to the voice.

    Attributes:
        text: the sentence, with its variables filled in.
        locale: its language tag (BCP 47).
        prosody: how it sounds.
        template: the sentence before its variables were filled in, by which it is known.
    """

    text: str
    locale: str
    prosody: Prosody
    template: str


@dataclass(frozen=True)
class Sentences:
    """The sentences of one language.

    Attributes:
        file: where they come from, for messages.
        locale: tag to say them with: the one asked for if the language is the same.
        fallback: why it is another language than the one asked for; None if it is not.
        templates: by key, at least one each.
        prosodies: by key; see `prosody`.
        times: hour and greeting from that hour on, in the order of the day.
    """

    file: Path
    locale: str
    fallback: Reason | None
    templates: Mapping[str, tuple[str, ...]]
    prosodies: Mapping[str, Prosody]
    times: tuple[tuple[int, str], ...]

    @classmethod
    def load(cls, folder: Path, locale: str) -> Sentences:
        """Reads ``<locale>.yaml``; ``de-AT`` falls back to ``de``, and that to ``en``.

        Args:
            folder: has a file per language, and ``prosody.yaml``.
            locale: language tag (BCP 47), such as ``de`` or ``zh-CN``.

        Raises:
            ConfigError: not a language tag, no file serves it, or a file is unusable;
                names the file, the key, its value and what was expected.
        """
        file, fallback = _find(folder, locale)
        root = yaml_file.read(file)
        language = root.text("locale")
        if language != file.stem:
            raise root.error("locale", language, f"{file.stem}, as the name of the file")
        times = _times(root)
        templates = _templates(root.section("sentences"), {TIME_OF_DAY} if times else set())
        root.close()
        spoken = locale if fallback is None else language
        return cls(file, spoken, fallback, templates, _prosodies(folder / _PROSODY), times)

    @staticmethod
    def is_key(text: str) -> bool:
        """Whether a text looks like a key (``sad``, ``sad.again``) and not like a sentence."""
        return _KEY.fullmatch(text) is not None

    def of(self, key: str) -> tuple[str, ...]:
        """The templates of a key; give the chosen one to `words`.

        Raises:
            ConfigError: there is no such key; names those that there are.
        """
        if key not in self.templates:
            close = get_close_matches(key, list(self.templates), n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            known = ", ".join(self.templates)
            raise ConfigError(
                f"{self.file}: has no sentences '{key}', expected one of {known}{hint}"
            )
        return self.templates[key]

    def prosody(self, key: str) -> Prosody:
        """How a key sounds; ``sad.again`` like ``sad``, the normal voice if nobody says."""
        while key:
            if key in self.prosodies:
                return self.prosodies[key]
            key = key.rpartition(".")[0]
        return PLAIN

    def words(self, template: str, key: str, hour: int) -> Words:
        """A sentence ready to be said.

        Args:
            template: one of `of`, or any other text in this language.
            key: decides how it sounds.
            hour: of the local day, 0..23.

        Raises:
            ConfigError: the template has a variable that is not known.
        """
        _check(self.file, key, template, {TIME_OF_DAY} if self.times else set())
        text = template.format_map({TIME_OF_DAY: self._greeting(hour)})
        return Words(text, self.locale, self.prosody(key), template)

    def _greeting(self, hour: int) -> str:
        begun = [greeting for start, greeting in self.times if start <= hour]
        return (begun or [greeting for _, greeting in self.times] or [""])[-1]


def _find(folder: Path, locale: str) -> tuple[Path, Reason | None]:
    """The file for a locale, and why it is another language's; None if it is not."""
    there = {file.stem.lower(): file for file in sorted(folder.glob("*.yaml"))}
    there.pop(Path(_PROSODY).stem, None)
    known = ", ".join(there) or "none at all"
    if not LANGUAGE.fullmatch(locale):
        raise ConfigError(
            f"locale is {locale!r}, expected a language tag such as en, de-AT or zh-CN; "
            f"{folder} has sentences in {known}"
        )
    parts = locale.lower().replace("_", "-").split("-")
    parts[0] = _SAME.get(parts[0], parts[0])
    for length in range(len(parts), 0, -1):
        file = there.get("-".join(parts[:length]))
        if file is not None:
            return file, None
    if LAST_RESORT in there:
        reason = (
            f"no sentences in '{locale}', using '{LAST_RESORT}'; there are {known}: choose one of "
            "them as locale, or name a folder of your own as sentences_dir"
        )
        return there[LAST_RESORT], Reason(NO_SENTENCES, reason)
    wanted = " or ".join(f"'{one}'" for one in dict.fromkeys((locale, LAST_RESORT)))
    raise ConfigError(f"{folder}: has no sentences in {wanted}, but in {known}")


def _templates(section: Section, variables: set[str]) -> dict[str, tuple[str, ...]]:
    templates = {}
    for key in section.names():
        if not Sentences.is_key(key):
            raise section.error(key, key, "a key in small letters, such as sad or sad.again")
        listed = section.texts(key)
        if not listed:
            raise section.error(key, [], "at least one sentence")
        for sentence in listed:
            if not sentence.strip():
                raise section.error(key, sentence, "sentences that are not empty")
            if listed.count(sentence) > 1:
                raise section.error(key, sentence, "a sentence that is not listed twice")
            _check(section.file, section.path(key), sentence, variables)
        templates[key] = tuple(sentence.strip() for sentence in listed)
    return templates


def _check(file: Path, key: str, template: str, variables: set[str]) -> None:
    """Refuses a template whose variables cannot be filled in."""
    known = ", ".join(f"{{{name}}}" for name in sorted(variables)) or "none"
    try:
        for _, name, form, conversion in string.Formatter().parse(template):
            if name is not None and (name not in variables or form or conversion):
                raise ConfigError(
                    f"{file}: {key}: variable '{{{name}}}' in {template!r} is not known, "
                    f"expected {known}"
                )
    except ValueError as error:  # a brace that is not closed
        raise ConfigError(
            f"{file}: {key}: {template!r} is malformed ({error}), expected {known} or {{{{ for {{"
        ) from error


def _times(root: Section) -> tuple[tuple[int, str], ...]:
    if TIME_OF_DAY not in root:
        return ()
    times: list[tuple[int, str]] = []
    for entry in root.sections(TIME_OF_DAY):
        earliest = times[-1][0] + 1 if times else 0
        times.append((entry.integer("from_hour", earliest, 23), entry.text("say").strip()))
        entry.close()
    return tuple(times)


def _prosodies(file: Path) -> dict[str, Prosody]:
    root = yaml_file.read(file)
    prosodies = {}
    for key, entry in root.section("prosody").items():
        prosodies[key] = Prosody(
            entry.number("rate", *RATE, default=PLAIN.rate),
            entry.number("pitch_st", *PITCH_ST, default=PLAIN.pitch_st),
            entry.number("volume_db", *VOLUME_DB, default=PLAIN.volume_db),
        )
        entry.close()
    root.close()
    return prosodies
