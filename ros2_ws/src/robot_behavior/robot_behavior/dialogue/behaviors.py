"""What the robot does on each occasion: the contents of ``behaviors.yaml``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from robot_behavior.dialogue.sentences import Sentences

NOTICE, GREETING, FAREWELL = "notice", "greeting", "farewell"
"""Names of the behaviours that answer no expression."""

LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
"""What a language tag (BCP 47) looks like."""


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
    """When and how one occasion is answered.

    Attributes:
        name: one of `ec_rfernet.labels.LABELS`, or `NOTICE`, `GREETING`, `FAREWELL`.
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
