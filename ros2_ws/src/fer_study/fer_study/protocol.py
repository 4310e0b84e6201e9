"""The protocol of a study, as its YAML file says, and the order of conditions for a participant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TypeVar

from ec_rfernet.errors import InputError, writable
from ec_rfernet.files import read_text, shown, staged
from robot_behavior import yaml_file
from robot_behavior.yaml_file import ConfigError, Section

T = TypeVar("T")

PROTOCOL, CONSENT = "protocol.yaml", "consent.txt"
"""The files of a study that its author writes."""

RESPONSIVE, NONE, FIXED, FILE = "responsive", "none", "fixed", "file"
"""Kinds of conditions: answers expressions, does nothing, follows a script, answers otherwise."""

LATIN_SQUARE, AS_WRITTEN = "latin_square", "as_written"
"""Ways to order the conditions."""

AFTER_CONDITION, AFTER_SESSION = "condition", "session"
"""When a question is asked."""

MARKS = range(1, 10)
"""The keys that set a mark."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_CODE = re.compile(r"([A-Za-z]{0,3})([0-9]{1,4})")
_MOST_CONDITIONS, _MOST_PHASES, _MOST_QUESTIONS, _MOST_ACTIONS = 10, 20, 50, 500
_DAY_S = 86_400.0
_ROBOT = ("camera", "image_topic", "robot", "port", "host", "interface", "speech", "model")
_LONGEST_TEXT = 500


@dataclass(frozen=True)
class Participant:
    """Whom data belongs to: a code, never a name.

    Attributes:
        code: as it was given, such as ``07`` or ``P12``.
        number: the digits of the code, which decide the order of conditions.
    """

    code: str
    number: int

    @classmethod
    def read(cls, code: str) -> Participant:
        """The participant of a code.

        Raises:
            InputError: it does not look like one.
        """
        match = _CODE.fullmatch(code) if code.isascii() else None
        if match is None:
            raise InputError(
                f"participant {shown(code)} is no code, expected up to three letters and then one "
                "to four digits, such as 07 or P12: never a name"
            )
        return cls(code, int(match[2]))

    @property
    def key(self) -> tuple[str, int]:
        """The same for 7, 07 and 007: two people whose codes look so alike are mistaken."""
        return self.code.rstrip("0123456789").lower(), self.number


@dataclass(frozen=True)
class ScriptedAction:
    """What the robot does at one moment of a fixed condition.

    Attributes:
        play: name of a gesture; empty for none.
        say: a sentence; empty for none.
    """

    play: str
    say: str


@dataclass(frozen=True)
class StudyCondition:
    """What the robot does while a participant is with it.

    Attributes:
        name: of it.
        kind: `RESPONSIVE`, `NONE`, `FIXED` or `FILE`.
        file: the behaviours file of a `FILE`; None for another kind.
        text: of that file.
        script: the actions of a `FIXED`, one after the other, from the beginning again.
        every_s: between two of them, seconds.
    """

    name: str
    kind: str
    file: Path | None = None
    script: tuple[ScriptedAction, ...] = ()
    every_s: float = 0.0
    text: str = ""


@dataclass(frozen=True)
class StudyPhase:
    """A part of a condition.

    Attributes:
        name: of it.
        seconds: how long; None: until the operator goes on.
    """

    name: str
    seconds: float | None


@dataclass(frozen=True)
class StudyQuestion:
    """What the operator asks the participant.

    Attributes:
        id: name of the measure in the tables.
        ask: the question.
        after: `AFTER_CONDITION` or `AFTER_SESSION`.
        scale: lowest and highest answer; None for a text.
        low: what the lowest means; may be empty.
        high: what the highest means; may be empty.
        optional: whether it may be left out.
    """

    id: str
    ask: str
    after: str
    scale: tuple[int, int] | None
    low: str
    high: str
    optional: bool

    def checked(self, answer: str) -> str:
        """An answer.

        Raises:
            InputError: it is missing, or not on the scale.
        """
        answer = answer.strip()
        if not answer:
            if self.optional:
                return ""
            raise InputError(f"question '{self.id}' has no answer")
        if self.scale is None:
            return writable(answer[:4000])
        low, high = self.scale
        if not re.fullmatch(r"-?[0-9]{1,4}", answer) or not low <= int(answer) <= high:
            raise InputError(
                f"the answer to '{self.id}' is {shown(answer)}, expected a whole number "
                f"{low} to {high}"
            )
        return str(int(answer))


@dataclass(frozen=True)
class StudyProtocol:
    """A whole protocol; see ``template/protocol.yaml``.

    Attributes:
        file: where it stands.
        text: of the file.
        name: of the study.
        consent: the text that the participant agrees to.
        order: `LATIN_SQUARE` or `AS_WRITTEN`.
        conditions: at least one.
        phases: of each condition, at least one.
        questions: may be none.
        marks: what the keys stand for; those that are missing have no name.
        locale: language of all that the robot says, the operator's sentences included.
        record_images: whether pictures are recorded.
        operator_timeout_s: after so long without an operator's page the session pauses; 0: never.
        robot: arguments of ``robot``, by name.
    """

    file: Path
    text: str
    name: str
    consent: str
    order: str
    conditions: tuple[StudyCondition, ...]
    phases: tuple[StudyPhase, ...]
    questions: tuple[StudyQuestion, ...]
    marks: Mapping[int, str]
    locale: str
    record_images: bool
    operator_timeout_s: float
    robot: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Of the study."""
        return self.file.parent

    @classmethod
    def load(cls, path: Path) -> StudyProtocol:
        """Reads a protocol.

        Args:
            path: of the file, or of the folder of the study.

        Raises:
            ConfigError: it cannot be read; names the file, the key, its value and what was
                expected.
        """
        file = path / PROTOCOL if path.is_dir() else path
        if not file.exists():
            raise ConfigError(
                f"{path}: there is no {PROTOCOL}; fer-study new {path.name or 'NAME'} makes one"
            )
        return _read(yaml_file.read(file), read_text(file))

    def order_for(self, participant: Participant) -> list[StudyCondition]:
        """The conditions in the order in which a participant meets them."""
        if self.order == AS_WRITTEN:
            return list(self.conditions)
        return latin_square_row(self.conditions, participant.number)

    def questions_after(self, when: str) -> list[StudyQuestion]:
        """Those that are asked after a condition, or after the session."""
        return [question for question in self.questions if question.after == when]


def latin_square_row(items: Sequence[T], number: int) -> list[T]:
    """One row of a balanced Latin square.

    Of as many rows as there are items (twice as many when that is odd), each item stands equally
    often at each place, and equally often right before each other one. Williams, E. J. (1949):
    Experimental designs balanced for the estimation of residual effects of treatments.

    Args:
        items: at least one.
        number: of the row, from 1 on; after the last comes the first.
    """
    count = len(items)
    rows = count if count % 2 == 0 else 2 * count
    row = (number - 1) % rows
    zigzag = [0, *((i + 1) // 2 if i % 2 else count - i // 2 for i in range(1, count))]
    places = [(place + row) % count for place in zigzag]
    if row >= count:
        places.reverse()
    return [items[place] for place in places]


def new_study(folder: Path) -> list[Path]:
    """Writes a protocol and a consent text to begin with.

    Returns:
        The files.

    Raises:
        InputError: the name is none, or a study is there already.
        OSError: they cannot be written.
    """
    if not _NAME.fullmatch(folder.name):
        raise InputError(
            f"study {shown(folder.name)}: expected a name of letters, digits and underscores "
            "that begins with a letter, such as greeting_study"
        )
    if (folder / PROTOCOL).exists() or (folder / CONSENT).exists():
        raise InputError(f"{folder}: there is a study already; it stays as it is")
    template = files("fer_study") / "template"
    text = (template / PROTOCOL).read_text(encoding="utf-8").format(name=folder.name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with staged(folder) as draft:
        (draft / PROTOCOL).write_text(text, encoding="utf-8")
        consent = (template / CONSENT).read_text(encoding="utf-8")
        (draft / CONSENT).write_text(consent, encoding="utf-8")
    return [folder / PROTOCOL, folder / CONSENT]


# Reading.


def _read(root: Section, text: str) -> StudyProtocol:
    folder = root.file.parent
    protocol = StudyProtocol(
        file=root.file,
        text=text,
        name=_name(root, "name"),
        consent=_consent(root, folder),
        order=root.text("order", LATIN_SQUARE, (LATIN_SQUARE, AS_WRITTEN)),
        conditions=_conditions(root, folder),
        phases=_phases(root),
        questions=_questions(root),
        marks=_marks(root),
        locale=root.text("locale", "en"),
        record_images=_switch(root, "record_images"),
        operator_timeout_s=root.number("operator_timeout_s", 0.0, _DAY_S, 60.0),
        robot=_robot(root),
    )
    root.close()
    return protocol


def _name(section: Section, key: str) -> str:
    name = section.text(key)
    if not _NAME.fullmatch(name):
        expected = "letters, digits and underscores, a letter first, at most 40"
        raise section.error(key, name, expected)
    return name


def _line(section: Section, key: str, default: str | None = None) -> str:
    text = section.text(key) if default is None else section.text(key, default)
    if (default is None and not text.strip()) or len(text) > _LONGEST_TEXT or "\n" in text:
        raise section.error(key, text, f"a line of at most {_LONGEST_TEXT} characters")
    return text.strip()


def _switch(section: Section, key: str) -> bool:
    value = section.get(key, False)
    if not isinstance(value, bool):
        raise section.error(key, value, "true or false")
    return value


def _consent(root: Section, folder: Path) -> str:
    name = root.text("consent")
    try:
        text = read_text(folder / name)
    except InputError as error:
        raise ConfigError(f"{root.file}: consent is {shown(name)}: {error}") from error
    if not text.strip():
        raise root.error("consent", name, "a file with the text that participants agree to")
    return text


def _sections(section: Section, name: str, least: int, most: int) -> list[Section]:
    found = section.sections(name)
    if not least <= len(found) <= most:
        raise _wrong_number(section, name, least, most)
    return found


def _wrong_number(section: Section, name: str, least: int, most: int) -> ConfigError:
    return section.error(name, len(section.get(name)), f"{least} to {most} of them")


def _conditions(root: Section, folder: Path) -> tuple[StudyCondition, ...]:
    section = root.section("conditions")
    found = []
    for name, entry in islice(section.items(), _MOST_CONDITIONS + 1):
        if not _NAME.fullmatch(name):
            raise section.error(name, name, "a name of letters, digits and underscores")
        found.append(_condition(name, entry, folder))
        entry.close()
    if not 1 <= len(found) <= _MOST_CONDITIONS:
        raise _wrong_number(root, "conditions", 1, _MOST_CONDITIONS)
    return tuple(found)


def _condition(name: str, entry: Section, folder: Path) -> StudyCondition:
    kind = entry.text("behaviours")
    if kind == FIXED:
        script = []
        for action in _sections(entry, "actions", 1, _MOST_ACTIONS):
            play, say = _line(action, "play", ""), _line(action, "say", "")
            if not (play or say):
                raise action.error("play", play, "a gesture here, or a sentence in say")
            action.close()
            script.append(ScriptedAction(play, say))
        return StudyCondition(
            name, FIXED, None, tuple(script), entry.number("every_s", 1.0, 3600.0)
        )
    if kind in (RESPONSIVE, NONE):
        return StudyCondition(name, kind)
    if not kind.endswith((".yaml", ".yml")):
        expected = f"{RESPONSIVE}, {NONE}, {FIXED} or the name of a behaviours file (.yaml)"
        raise entry.error("behaviours", kind, expected)
    file = (folder / kind).absolute()
    try:
        return StudyCondition(name, FILE, file, text=read_text(file))
    except InputError as error:
        path = entry.path("behaviours")
        raise ConfigError(f"{entry.file}: {path} is {shown(kind)}: {error}") from error


def _phases(root: Section) -> tuple[StudyPhase, ...]:
    found = []
    for entry in _sections(root, "phases", 1, _MOST_PHASES):
        seconds = entry.number("seconds", 1.0, _DAY_S) if "seconds" in entry else None
        found.append(StudyPhase(_name(entry, "name"), seconds))
        entry.close()
        if [phase.name for phase in found].count(found[-1].name) > 1:
            raise entry.error("name", found[-1].name, "a name that no other phase has")
    return tuple(found)


def _questions(root: Section) -> tuple[StudyQuestion, ...]:
    found: list[StudyQuestion] = []
    asked = _sections(root, "questions", 0, _MOST_QUESTIONS) if "questions" in root else []
    for entry in asked:
        scale = _scale(entry) if "scale" in entry else None
        question = StudyQuestion(
            id=_name(entry, "id"),
            ask=_line(entry, "ask"),
            after=entry.text("after", AFTER_CONDITION, (AFTER_CONDITION, AFTER_SESSION)),
            scale=scale,
            low=_line(entry, "low", ""),
            high=_line(entry, "high", ""),
            optional=_switch(entry, "optional"),
        )
        entry.close()
        if question.id in [other.id for other in found]:
            raise entry.error("id", question.id, "a name that no other question has")
        found.append(question)
    return tuple(found)


def _scale(entry: Section) -> tuple[int, int]:
    value = entry.get("scale")
    whole = isinstance(value, list) and len(value) == 2 and all(type(v) is int for v in value)
    if not whole or not value[0] < value[1] or not all(-1000 <= v <= 1000 for v in value):
        raise entry.error("scale", value, "the lowest and the highest answer, such as [1, 7]")
    return value[0], value[1]


def _marks(root: Section) -> dict[int, str]:
    value = root.get("marks", {})
    if not isinstance(value, dict):
        raise root.error("marks", value, "a mapping from 1 to 9 to what it stands for")
    for key, text in value.items():
        if type(key) is not int or key not in MARKS:
            raise ConfigError(f"{root.file}: marks has {shown(key)}, expected keys 1 to 9")
        if not isinstance(text, str) or not text.strip() or len(text) > 60 or "\n" in text:
            raise root.error(f"marks.{key}", text, "what the mark stands for, up to 60 characters")
    return {key: text.strip() for key, text in sorted(value.items())}


def _robot(root: Section) -> dict[str, str]:
    if "robot" not in root:
        return {}
    section, found = root.section("robot"), dict[str, str]()
    for name in section.names():
        if name not in _ROBOT:
            known = ", ".join(_ROBOT)
            raise ConfigError(
                f"{root.file}: {section.path(name)} is no argument that a study may give the "
                f"robot, expected: {known}"
            )
        value = section.get(name)
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise section.error(name, value, "a text")
        found[name] = str(value)
    section.close()
    return found
