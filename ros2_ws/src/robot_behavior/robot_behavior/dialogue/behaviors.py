"""What the robot does on each occasion: the contents of ``behaviors.yaml``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from ec_rfernet.labels import LABELS, UNKNOWN
from fer_common.reason import Reason
from robot_behavior import yaml_file
from robot_behavior.dialogue.sentences import LANGUAGE, Sentences, Words
from robot_behavior.prosody import PLAIN
from robot_behavior.yaml_file import ConfigError, Section

NOTICE, GREETING, FAREWELL = "notice", "greeting", "farewell"
OCCASIONS = (NOTICE, GREETING, FAREWELL)
"""Names of the behaviours that answer no expression."""

RESTING = "rest"
"""Name of what the robot does when it ends everything else; no behaviour has it."""

NOT_TOLD, NOT_ANSWERED = "not_told", "not_answered"
"""Codes of the reasons of `Behaviors.misfits`."""


@dataclass(frozen=True)
class Variant:
    """One way to answer: a motion, and sentences of which one is said with it.

    Attributes:
        motion: name of a motion of the library.
        say: the sentences; empty for a gesture without words.
        instead: that the motion stands for another one, which the robot lacks; None if it
            does not.
    """

    motion: str
    say: tuple[str, ...]
    instead: Reason | None = None


@dataclass(frozen=True)
class Behavior:
    """When and how one occasion is answered.

    Attributes:
        name: a label of the model, or one of `OCCASIONS`.
        dwell_s: how long the expression must last before it is answered.
        cooldown_s: silence about it after the end of an answer.
        priority: 0..255; a strictly higher one interrupts a response.
        min_confidence: below it an estimate counts as unknown, 0..1.
        variants: at least one.
        again: take the place of ``variants`` from the second answer to a mood that lasts;
            empty: they do not change.
        limit: how often a mood that lasts is answered like this; 0: without end.
        then: what is done afterwards, until the mood changes; None for nothing.
    """

    name: str
    dwell_s: float
    cooldown_s: float
    priority: int
    min_confidence: float
    variants: tuple[Variant, ...]
    again: tuple[Variant, ...] = ()
    limit: int = 0
    then: Behavior | None = None


@dataclass(frozen=True)
class EngagementRules:
    """When people are greeted and told goodbye.

    Attributes:
        near: a face that is at least so wide has come near, as a share of the image's width.
        far: a face that is less wide has gone, as a share of the image's width.
        dwell_s: who is near for less long is only passing by.
        leave_s: who is gone for so long has left.
        greeting: None for none.
        farewell: None for none.
    """

    near: float
    far: float
    dwell_s: float
    leave_s: float
    greeting: Behavior | None = None
    farewell: Behavior | None = None


@dataclass(frozen=True)
class Behaviors:
    """The whole file.

    Attributes:
        locale: BCP 47 tag of the language of the sentences.
        pause_s: shortest pause between two responses.
        response_timeout_s: a response that takes longer is cancelled.
        emotions: by label; an expression that is missing is not answered.
        notice: what is said to the first face; None for nothing.
        engagement: None: nobody is greeted.
        memory_s: a face that is gone for so long is forgotten.
        sentences: where the keys of the file were looked up; None if it has none.
        keys: of the sentences that were looked up, by sentence.
        substitutes: what the robot cannot express as it is written, and what it does instead.
    """

    locale: str
    pause_s: float
    response_timeout_s: float
    emotions: Mapping[str, Behavior]
    notice: Behavior | None
    engagement: EngagementRules | None = None
    memory_s: float = 60.0
    sentences: Sentences | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    substitutes: tuple[Reason, ...] = ()

    def words(self, sentence: str, occasion: str, hour: int) -> Words:
        """A sentence of the file, with its variables filled in and its prosody.

        Args:
            sentence: one that a variant names; taken literally unless it was looked up.
            occasion: name of the behaviour; decides how a literal sentence sounds.
            hour: of the local day, 0..23.
        """
        if self.sentences is None:
            return Words(sentence, self.locale, PLAIN, sentence)
        key = self.keys.get(sentence)
        if key is None:
            return Words(sentence, self.locale, self.sentences.prosody(occasion), sentence)
        return self.sentences.words(sentence, key, hour)

    def misfits(self, labels: Collection[str]) -> list[Reason]:
        """Where the file and the labels of a model do not fit.

        Returns:
            At most one with the code `NOT_TOLD` for the expressions that the model does not tell,
            and one with `NOT_ANSWERED` for the labels that have no behaviour.
        """
        told, misfits = [label for label in dict.fromkeys(labels) if label], []
        if untold := [name for name in self.emotions if name not in told]:
            hint = next(filter(None, (did_you_mean(name, told) for name in untold)), "")
            text = f"the behaviours answer {', '.join(untold)}, which the model does not tell"
            misfits.append(
                Reason(NOT_TOLD, f"{text}, expected one of {', '.join(told) or 'none'}{hint}")
            )
        if unanswered := [label for label in told if label not in self.emotions]:
            which = f"{', '.join(unanswered)}, which has no behaviour: it is"
            if len(unanswered) > 1:
                which = f"{', '.join(unanswered)}, which have no behaviour: they are"
            misfits.append(Reason(NOT_ANSWERED, f"the model tells {which} not answered"))
        return misfits


# ----------------------------------------------------------------------
# What is expressed, and how a robot does it.

NEAREST: Mapping[str, tuple[str, ...]] = {
    "greet": ("agree", "attend"),
    "bid_farewell": ("greet", "agree"),
    "attend": ("listen", "look_around"),
    "look_around": ("attend",),
    "listen": ("attend",),
    "think": ("listen", "attend"),
    "agree": ("attend", "listen"),
    "disagree": ("inquire", "think"),
    "rejoice": ("greet", "agree"),
    "comfort": ("reassure", "listen", "attend"),
    "reassure": ("calm", "comfort", "listen"),
    "calm": ("wait", "reassure", "listen"),
    "wait": ("calm", "listen", "attend"),
    "give_space": ("withdraw", "calm", "wait"),
    "withdraw": ("give_space", "reassure", "calm"),
    "be_surprised": ("inquire", "attend"),
    "inquire": ("think", "listen", "attend"),
    "fall_asleep": (),
    "wake_up": ("look_around", "attend"),
}
"""What a behaviour may express, and what is nearest to it, for a robot that has no gesture for it.
A calm one is never replaced by a lively one. A robot that has none of them stays at rest."""

SUBSTITUTE = "substitute"
"""Code of the reasons of `Variant.instead`."""

Gestures = Mapping[str, Collection[str]]
"""What each motion of a robot expresses, by its name."""


@dataclass(frozen=True)
class Repertoire:
    """What a robot can express.

    Attributes:
        gestures: of the robot.
        others: of the humanoid for which behaviours were written that name motions.
        rest: its motion that expresses nothing.
    """

    gestures: Gestures
    others: Gestures = field(default_factory=dict)
    rest: str = RESTING

    @property
    def expressions(self) -> list[str]:
        """All that may be expressed: `NEAREST`, and what else the robot's gestures express."""
        own = (word for words in self.gestures.values() for word in words)
        return list(dict.fromkeys((*NEAREST, *own)))

    def motions(self, expression: str) -> tuple[tuple[str, ...], Reason | None]:
        """The motions for an expression, and what they stand for if it has none of its own."""
        for nearest in (expression, *NEAREST.get(expression, ())):
            found = tuple(name for name, words in self.gestures.items() if nearest in words)
            if found and nearest == expression:
                return found, None
            if found:
                shows = f"the robot has no gesture for '{expression}': it shows '{nearest}'"
                return found, Reason(SUBSTITUTE, shows)
        stays = f"the robot has no gesture for '{expression}' or the like: it stays at rest"
        return (self.rest,), Reason(SUBSTITUTE, stays)

    def motion(self, name: str) -> tuple[tuple[str, ...], Reason | None] | None:
        """The motion of a name, or those for what it expresses; None if nobody knows it."""
        if name in self.gestures:
            return (name,), None
        expression = next(iter(self.others.get(name, ())), None)
        if expression is None:
            return None
        found, instead = self.motions(expression)
        lacks = f"the robot has no motion '{name}': it shows '{expression}'"
        return found, instead or Reason(SUBSTITUTE, lacks)


# ----------------------------------------------------------------------
# Reads and checks ``behaviors.yaml``.

NOTICE_RETRY_S = 10.0
"""A notice that could not be spoken is given again after so long."""

_LONGEST_S = 3600.0
_MEMORY_S = 60.0

_TYPO = 0.85  # so alike are a word and its misspelling
_NOUNS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
"""What other models call the same expressions: no misspellings."""


def load(
    file: Path,
    repertoire: Repertoire,
    sentences: Path | None = None,
    locale: str | None = None,
) -> Behaviors:
    """Reads and checks a behaviours file.

    Args:
        file: path of the YAML file.
        repertoire: what the robot can express; each variant becomes one for every motion
            that does so.
        sentences: folder with the sentences of each language; None for none, in which
            case the file has to spell out what it says.
        locale: language tag to use instead of that of the file; None for the latter.

    Raises:
        ConfigError: names the file, the key, its value and what was expected.
    """
    return _BehaviorsReader(file, repertoire, sentences, locale).behaviors()


class _BehaviorsReader:
    """Reads one file."""

    def __init__(
        self, file: Path, repertoire: Repertoire, folder: Path | None, locale: str | None
    ) -> None:
        self._root = yaml_file.read(file)
        self._repertoire, self._folder = repertoire, folder
        self._substitutes: dict[Reason, None] = {}
        written = self._root.text("locale")
        if not LANGUAGE.fullmatch(written):
            raise self._root.error("locale", written, "a language tag such as en, de or en-GB")
        self._locale = locale or written
        self._sentences: Sentences | None = None
        self._keys: dict[str, str] = {}

    def behaviors(self) -> Behaviors:
        root = self._root
        emotions = self._emotions(root.section("emotions"))
        notice = self._notice()
        engagement = self._engagement()
        behaviors = Behaviors(
            locale=self._locale,
            pause_s=root.number("pause_s", 0.0, _LONGEST_S),
            response_timeout_s=root.number("response_timeout_s", 1.0, _LONGEST_S),
            emotions=emotions,
            notice=notice,
            engagement=engagement,
            memory_s=root.number("memory_s", 0.0, _LONGEST_S, default=_MEMORY_S),
            sentences=self._sentences,
            keys=self._keys,
            substitutes=tuple(self._substitutes),
        )
        root.close()
        return behaviors

    def _emotions(self, section: Section) -> dict[str, Behavior]:
        emotions = {}
        for name, entry in section.items():
            reserved = name in (*OCCASIONS, RESTING, UNKNOWN)
            if reserved or _is_misspelt(name):
                expected = f"one of {', '.join(LABELS)}{did_you_mean(name, LABELS)}"
                raise ConfigError(
                    f"{entry.file}: {entry.key} is not an expression, expected {expected}, "
                    "or another label of the model"
                )
            emotions[name] = self._emotion(name, entry)
        return emotions

    def _emotion(self, name: str, section: Section) -> Behavior:
        cooldown_s, priority = self._cooldown(section), self._priority(section)
        limit, then = 0, None
        if "limit" in section or "then" in section:
            limit = section.integer("limit", 1, 1000)
        if "then" in section:
            block = section.section("then")
            then = Behavior(
                name=name,
                dwell_s=0.0,
                cooldown_s=block.number("cooldown_s", 0.0, _LONGEST_S, default=cooldown_s),
                priority=block.integer("priority", 0, 255, default=priority),
                min_confidence=0.0,
                variants=self._variants(block, name),
            )
            block.close()
        behavior = Behavior(
            name=name,
            dwell_s=section.number("dwell_s", 0.0, _LONGEST_S),
            cooldown_s=cooldown_s,
            priority=priority,
            min_confidence=section.number("min_confidence", 0.0, 1.0, default=0.0),
            variants=self._variants(section, name),
            again=self._variants(section, name, "again") if "again" in section else (),
            limit=limit,
            then=then,
        )
        section.close()
        return behavior

    def _notice(self) -> Behavior | None:
        if self._root.get("notice", None) is None:
            return None
        section = self._root.section("notice")
        sentences = self._say(section)
        if not sentences:
            raise section.error("say", section.get("say"), "a sentence: it has to be told")
        motions, instead = self._motions(section)
        variants = tuple(Variant(motion, sentences, instead) for motion in motions)
        priority = self._priority(section)
        section.close()
        return Behavior(NOTICE, 0.0, NOTICE_RETRY_S, priority, 0.0, variants)

    def _engagement(self) -> EngagementRules | None:
        if self._root.get("engagement", None) is None:
            return None
        section = self._root.section("engagement")
        near = section.number("near", 0.001, 1.0)
        rules = EngagementRules(
            near=near,
            far=section.number("far", 0.0, near),
            dwell_s=section.number("dwell_s", 0.0, _LONGEST_S),
            leave_s=section.number("leave_s", 0.0, _LONGEST_S),
            greeting=self._occasion(section, GREETING),
            farewell=self._occasion(section, FAREWELL),
        )
        section.close()
        return rules

    def _occasion(self, engagement: Section, name: str) -> Behavior | None:
        if engagement.get(name, None) is None:
            return None
        section = engagement.section(name)
        behavior = Behavior(
            name=name,
            dwell_s=0.0,
            cooldown_s=self._cooldown(section),
            priority=self._priority(section),
            min_confidence=0.0,
            variants=self._variants(section, name),
        )
        section.close()
        return behavior

    def _cooldown(self, section: Section) -> float:
        return section.number("cooldown_s", 0.0, _LONGEST_S)

    def _priority(self, section: Section) -> int:
        return section.integer("priority", 0, 255)

    def _variants(self, section: Section, name: str, key: str = "variants") -> tuple[Variant, ...]:
        variants: dict[tuple[str, tuple[str, ...]], Variant] = {}
        written: list[tuple[str, tuple[str, ...]]] = []
        said: set[str] = set()
        for entry in section.sections(key):
            how = "express" if "express" in entry else "motion"
            (motions, instead), say = self._motions(entry), self._say(entry)
            name_and_words = entry.text(how), say
            entry.close()
            for sentence in say:
                if sentence in said and sentence not in self._keys:
                    raise entry.error(
                        "say", sentence, f"sentences that differ within {section.key}"
                    )
                said.add(sentence)
            if name_and_words in written:
                raise entry.error(how, name_and_words[0], "a variant that is not listed twice")
            written.append(name_and_words)
            for motion in motions:  # two that the robot shows alike are one
                variants.setdefault((motion, say), Variant(motion, say, instead))
        if not variants:
            expected = f"at least one variant (leave {name} out if it shall not be answered)"
            raise section.error(key, [], expected)
        return tuple(variants.values())

    def _motions(self, section: Section) -> tuple[tuple[str, ...], Reason | None]:
        """The motions for what an entry expresses, or for the motion that it names."""
        known = self._repertoire
        if "express" in section:
            if "motion" in section:
                raise section.error("motion", section.get("motion"), "either 'motion' or 'express'")
            word = section.text("express")
            if word not in known.expressions:
                hint = did_you_mean(word, known.expressions)
                expected = f"one of {', '.join(known.expressions)}{hint}"
                raise section.error("express", word, expected)
            motions, instead = known.motions(word)
        else:
            name = section.text("motion")
            found = known.motion(name)
            if found is None:
                hint = did_you_mean(name, known.gestures)
                names = ", ".join(sorted(known.gestures)) or "none at all"
                expected = f"a motion of the library{hint}; it has {names}"
                raise section.error("motion", name, expected)
            motions, instead = found
        if instead is not None:
            self._substitutes[instead] = None
        return motions, instead

    def _say(self, section: Section) -> tuple[str, ...]:
        """The sentences of an entry; a key of the sentence files stands for all it has."""
        value = section.get("say", None)
        if value is None:
            return ()
        sentences: list[str] = []
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str):
                raise section.error("say", text, "a sentence, a list of sentences, or nothing")
            if not text.strip():
                raise section.error("say", text, "a sentence that is not empty")
            sentences += self._looked_up(section, text.strip())
        return tuple(sentences)

    def _looked_up(self, section: Section, text: str) -> tuple[str, ...]:
        if self._folder is None or not Sentences.is_key(text):
            return (text,)
        if self._sentences is None:
            self._sentences = Sentences.load(self._folder, self._locale)
        try:
            found = self._sentences.of(text)
        except ConfigError as error:
            raise ConfigError(f"{section.file}: {section.path('say')}: {error}") from error
        self._keys.update(dict.fromkeys(found, text))
        return found


def _is_misspelt(label: str) -> bool:
    """Whether a label is one of the usual seven, but for a slip of the pen.

    Other labels may be those of another model: whether it tells them shows while it runs.
    """
    if label in LABELS or label.lower() in _NOUNS:
        return False
    return bool(get_close_matches(label.lower(), LABELS, n=1, cutoff=_TYPO))


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A hint at the known names that are like a wrong one; empty where none is."""
    close = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" (did you mean {' or '.join(close)}?)" if close else ""
