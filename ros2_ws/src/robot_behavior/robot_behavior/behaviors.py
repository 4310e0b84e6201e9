"""What the robot does about each expression: the contents of ``behaviors.yaml``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from ec_rfernet.labels import LABELS
from robot_behavior import yaml_file
from robot_behavior.yaml_file import ConfigError, Section

NOTICE = "notice"
"""Name of the behaviour that tells a person about the camera."""

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
"""What a language tag (BCP 47) looks like."""

_LONGEST_S = 3600.0
_NOTICE_RETRY_S = 10.0  # after a notice that could not be spoken


@dataclass(frozen=True)
class Variant:
    """One way to answer: a motion, and sentences of which one is said with it.

    Attributes:
        motion: name of a motion of the library.
        say: the sentences; empty for a gesture without words.
    """

    motion: str
    say: tuple[str, ...]


@dataclass(frozen=True)
class Behavior:
    """When and how one expression is answered.

    Attributes:
        name: one of `LABELS`, or `NOTICE`.
        dwell_s: how long the expression must last before it is answered.
        cooldown_s: silence about it after the end of an answer.
        priority: 0..255; a strictly higher one interrupts a response.
        min_confidence: below it an estimate counts as unknown, 0..1.
        variants: at least one.
    """

    name: str
    dwell_s: float
    cooldown_s: float
    priority: int
    min_confidence: float
    variants: tuple[Variant, ...]


@dataclass(frozen=True)
class Behaviors:
    """The whole file.

    Attributes:
        locale: BCP 47 tag of the language of all sentences.
        pause_s: shortest pause between two responses.
        response_timeout_s: a response that takes longer is cancelled.
        emotions: by label; an expression that is missing is not answered.
        notice: what is said to the first face; None for nothing.
    """

    locale: str
    pause_s: float
    response_timeout_s: float
    emotions: Mapping[str, Behavior]
    notice: Behavior | None


def load(file: Path, motions: Collection[str]) -> Behaviors:
    """Reads and checks a behaviours file.

    Args:
        file: path of the YAML file.
        motions: names of the motions that exist.

    Raises:
        ConfigError: names the file, the key, its value and what was expected.
    """
    root = yaml_file.read(file)
    locale = root.text("locale")
    if not LANGUAGE.fullmatch(locale):
        raise root.error("locale", locale, "a language tag such as en, de or en-GB")
    behaviors = Behaviors(
        locale=locale,
        pause_s=root.number("pause_s", 0.0, _LONGEST_S),
        response_timeout_s=root.number("response_timeout_s", 1.0, _LONGEST_S),
        emotions=_emotions(root.section("emotions"), motions),
        notice=_notice(root, motions),
    )
    root.close()
    return behaviors


def _emotions(section: Section, motions: Collection[str]) -> dict[str, Behavior]:
    emotions = {}
    for name, entry in section.items():
        if name not in LABELS:
            expected = f"one of {', '.join(LABELS)}{_hint(name, LABELS)}"
            raise ConfigError(
                f"{entry.file}: {entry.key} is not an expression, expected {expected}"
            )
        emotions[name] = _behavior(name, entry, motions)
    return emotions


def _behavior(name: str, section: Section, motions: Collection[str]) -> Behavior:
    variants: list[Variant] = []
    said: set[str] = set()
    for entry in section.sections("variants"):
        variant = Variant(_motion(entry, motions), _sentences(entry))
        entry.close()
        for sentence in variant.say:
            if sentence in said:
                raise entry.error("say", sentence, f"sentences that differ within {section.key}")
            said.add(sentence)
        if variant in variants:
            raise entry.error("motion", variant.motion, "a variant that is not listed twice")
        variants.append(variant)
    if not variants:
        raise section.error(
            "variants", [], f"at least one variant (leave {name} out if it shall not be answered)"
        )
    behavior = Behavior(
        name=name,
        dwell_s=section.number("dwell_s", 0.0, _LONGEST_S),
        cooldown_s=section.number("cooldown_s", 0.0, _LONGEST_S),
        priority=section.integer("priority", 0, 255),
        min_confidence=section.number("min_confidence", 0.0, 1.0, default=0.0),
        variants=tuple(variants),
    )
    section.close()
    return behavior


def _notice(root: Section, motions: Collection[str]) -> Behavior | None:
    if root.get("notice", None) is None:
        return None
    section = root.section("notice")
    sentence = section.text("say")
    if not sentence.strip():
        raise section.error("say", sentence, "a sentence that is not empty")
    motion = _motion(section, motions)
    priority = section.integer("priority", 0, 255)
    section.close()
    variant = Variant(motion, (sentence.strip(),))
    return Behavior(NOTICE, 0.0, _NOTICE_RETRY_S, priority, 0.0, (variant,))


def _motion(section: Section, motions: Collection[str]) -> str:
    name = section.text("motion")
    if name not in motions:
        known = ", ".join(sorted(motions)) or "none at all"
        expected = f"a motion of the library{_hint(name, motions)}; it has {known}"
        raise section.error("motion", name, expected)
    return name


def _sentences(section: Section) -> tuple[str, ...]:
    value = section.get("say", None)
    if value is None:
        return ()
    listed = value if isinstance(value, list) else [value]
    for sentence in listed:
        if not isinstance(sentence, str):
            raise section.error("say", sentence, "a sentence, a list of sentences, or nothing")
        if not sentence.strip():
            raise section.error("say", sentence, "a sentence that is not empty")
    return tuple(sentence.strip() for sentence in listed)


def _hint(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(close)}?)" if close else ""
