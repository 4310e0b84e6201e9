"""What a study has found: tables in long form for R and pandas, and a page to look at.

A session's bag becomes two more tables; all sessions together become ``summary.csv``, with one row
per participant, condition, phase and measure, and ``summary.html``.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from ec_rfernet.errors import InputError, writable
from ec_rfernet.files import write_bytes, write_text
from fer_common.bag import open_bag
from fer_monitor.report.command import columns, csv_text
from fer_monitor.report.session import SessionReader
from fer_study.protocol import PROTOCOL, StudyProtocol
from fer_study.store import (
    ANSWERS_CSV,
    BAG,
    BEHAVIOUR_CSV,
    CLOCK,
    COMPLETE,
    EMOTIONS_CSV,
    EVENTS_CSV,
    RUNNING,
    SUMMARY_CSV,
    SUMMARY_HTML,
    WHO,
    SessionRecord,
    StudyFolder,
    csv_line,
    read_rows,
)

WHOLE = "all"
"""Phase of the rows that are about a whole condition."""

SUMMARY_COLUMNS = (
    "study", "participant", "session", "complete", "condition", "position", "phase", "measure",
    "value",
)  # fmt: skip
BEHAVIOUR_COLUMNS = (*WHO, *CLOCK, "state", "emotion", "motion", "speech", "reason")

_COUNTS = (
    "marks", "responses", "operator_gestures", "operator_sentences", "scripted_gestures",
    "scripted_sentences", "stops",
)  # fmt: skip
_LARGEST = 1e9
_GAP_S = 1.0  # a judgement of a face holds for so long at most, until the next
_LEFT_OUT = ("time", "arrived")  # of the report's table: the clock of the study stands for them


@dataclass(frozen=True)
class Stretch:
    """A time in which one condition and phase were under way, without pauses in it.

    Attributes:
        condition: its name.
        position: of the condition in the participant's order, from 1 on.
        phase: its name.
        begin: seconds since consent was given.
        end: likewise.
    """

    condition: str
    position: str
    phase: str
    begin: float
    end: float


def stretches(events: Sequence[dict[str, str]]) -> list[Stretch]:
    """When which phase was under way, by the events of a session.

    Args:
        events: in order. After the last the session was cut off, if it did not end.
    """
    found: list[Stretch] = []
    begin: float | None = None
    where = ("", "", "")
    last = 0.0
    for event in events:
        kind, now = event["kind"], float(event["time"])
        last = max(last, now)
        if kind in ("phase", "pause", "condition_end", "end"):
            if begin is not None and now > begin:
                found.append(Stretch(*where, begin, now))
            begin = None
        if kind in ("phase", "resume") and event["phase"]:
            begin, where = now, (event["condition"], event["position"], event["phase"])
    if begin is not None and last > begin:
        found.append(Stretch(*where, begin, last))
    return found


def _place(parts: Sequence[Stretch], time: float) -> dict[str, str]:
    for part in parts:
        if part.begin <= time < part.end:
            return {"condition": part.condition, "position": part.position, "phase": part.phase}
    return {"condition": "", "position": "", "phase": ""}


# Out of the bag.


def write_tables(folder: Path) -> str | None:
    """Makes a session's `EMOTIONS_CSV` and `BEHAVIOUR_CSV` out of its bag.

    Returns:
        Why a part of the bag could not be read; None when all could.

    Raises:
        InputError: there is no bag, or nothing of a robot in it.
        OSError: they cannot be written.
    """
    bags = sorted(path for path in (folder / BAG).glob("*") if path.is_dir())
    if not bags:
        raise InputError(f"{folder}: has no bag")
    record = SessionRecord.load(folder)
    parts = stretches(read_rows(folder / EVENTS_CSV))
    reader = SessionReader(bags[-1], open_bag(bags[-1]))
    session = reader.session(keep_images=True)
    who = {"participant": record.participant, "session": str(record.session)}
    own = [name for name in columns(session.labels) if name not in _LEFT_OUT]
    names = (*WHO, *CLOCK, *(f"image_{n}" if n == "stamp" else n for n in own))
    lines = [csv_line(names)]
    text = csv_text(session.labels, reader.images, reader.attended)
    for row in csv.DictReader(StringIO(text)):
        time = float(row["arrived"]) - record.began * 1e-9
        values = {**who, **_place(parts, time)}
        stream = StringIO()
        cells = [*(values[name] for name in WHO), f"{time:.3f}", row["arrived"]]
        csv.writer(stream, lineterminator="\n").writerow([*cells, *(row[name] for name in own)])
        lines.append(stream.getvalue().encode())  # its texts are harmless already
    write_bytes(folder / EMOTIONS_CSV, b"".join(lines), private=True)

    lines = [csv_line(BEHAVIOUR_COLUMNS)]
    for state in session.states:
        stamp = session.began + state.time
        time = stamp - record.began * 1e-9
        values = {**who, **_place(parts, time), "time": f"{time:.3f}", "stamp": f"{stamp:.6f}"}
        values |= {n: getattr(state, n) for n in BEHAVIOUR_COLUMNS[len(WHO) + len(CLOCK) :]}
        lines.append(csv_line([values[name] for name in BEHAVIOUR_COLUMNS]))
    write_bytes(folder / BEHAVIOUR_CSV, b"".join(lines), private=True)
    return session.flaw


# What is measured.


@dataclass
class _Tally:
    """Of one phase, or of one condition."""

    seconds: float = 0.0
    counts: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    labels: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    seen_s: float = 0.0
    valence: float = 0.0
    arousal: float = 0.0

    def measures(self, labels: Iterable[str]) -> Iterator[tuple[str, object]]:
        """Name and value of each."""
        yield "seconds", round(self.seconds, 3)
        for name, count in sorted(self.counts.items()):
            yield name, int(count)
        yield "face_seen_s", round(self.seen_s, 3)
        if self.seen_s:
            for label in labels:
                yield f"share_{label}", self.labels[label] / self.seen_s
            yield "valence", self.valence / self.seen_s
            yield "arousal", self.arousal / self.seen_s


def session_rows(folder: Path) -> list[dict[str, object]]:
    """The rows of `SUMMARY_CSV` that one session gives.

    Raises:
        InputError: its tables cannot be read.
    """
    record = SessionRecord.load(folder)
    events = read_rows(folder / EVENTS_CSV)
    parts = stretches(events)
    tallies: dict[tuple[str, str, str], _Tally] = {}

    def of(place: dict[str, str]) -> list[_Tally]:
        if not place["condition"]:
            return []
        return [
            tallies.setdefault((place["condition"], place["position"], phase), _empty())
            for phase in dict.fromkeys((WHOLE, place["phase"] or WHOLE))
        ]

    for part in parts:
        for tally in of(vars(part)):
            tally.seconds += part.end - part.begin
    for event in events:
        kind, own = event["kind"], event["page"] not in ("", "0")
        names = {
            "mark": ["marks", f"mark_{event['name']}"],
            "play": ["operator_gestures" if own else "scripted_gestures"],
            "say": ["operator_sentences" if own else "scripted_sentences"],
            "stop": ["stops"],
        }.get(kind, [])
        for tally in of(event):
            for name in names:
                tally.counts[name] += 1
    labels = _judged(folder, of)
    _responses(folder, of)
    base = {
        "study": record.study,
        "participant": record.participant,
        "session": record.session,
        "complete": int(record.state == COMPLETE),
    }
    rows: list[dict[str, object]] = []
    for (condition, position, phase), tally in tallies.items():
        where = {"condition": condition, "position": position, "phase": phase}
        rows += [
            {**base, **where, "measure": name, "value": value}
            for name, value in tally.measures(labels)
        ]
    for answer in read_rows(folder / ANSWERS_CSV):
        where = {"condition": answer["condition"], "position": answer["position"]}
        rows.append(
            {**base, **where, "phase": WHOLE, "measure": f"answer_{answer['question']}",
             "value": answer["answer"]}
        )  # fmt: skip
    return rows


def _empty() -> _Tally:
    tally = _Tally()
    for name in _COUNTS:
        tally.counts[name] = 0
    return tally


def _zeros(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """A mark that somebody got, and others did not, was counted for them, too: not once."""
    marks = sorted({str(r["measure"]) for r in rows if str(r["measure"]).startswith("mark_")})
    there = {tuple(row[name] for name in SUMMARY_COLUMNS[:-1]) for row in rows}
    empty = [
        {**row, "measure": mark, "value": 0}
        for row in rows
        if row["measure"] == "seconds"
        for mark in marks
    ]
    return [r for r in empty if tuple(r[name] for name in SUMMARY_COLUMNS[:-1]) not in there]


def _judged(folder: Path, of: Any) -> list[str]:
    """Adds how whoever was attended to looked; gives the labels."""
    if not (folder / EMOTIONS_CSV).exists():
        return []
    rows = [r for r in read_rows(folder / EMOTIONS_CSV) if r.get("attended") == "1"]
    labels: dict[str, None] = {}
    for row, following in zip_longest(rows, rows[1:]):
        time = float(row["time"])
        gap = float(following["time"]) - time if following is not None else _GAP_S
        held = min(max(gap, 0.0), _GAP_S)
        labels.update((name.removeprefix("p_"), None) for name in row if name.startswith("p_"))
        labels.setdefault(row["label"])
        for tally in of(row):
            tally.seen_s += held
            tally.labels[row["label"]] += held
            tally.valence += held * float(row["valence"] or 0.0)
            tally.arousal += held * float(row["arousal"] or 0.0)
    return list(labels)


def _responses(folder: Path, of: Any) -> None:
    """Counts what the behaviours have answered."""
    if not (folder / BEHAVIOUR_CSV).exists():
        return
    before = ""
    for row in read_rows(folder / BEHAVIOUR_CSV):
        if row["state"] == "responding" and before != "responding":
            for tally in of(row):
                tally.counts["responses"] += 1
        before = row["state"]


# All together.


def write_summary(study: StudyFolder) -> tuple[list[Path], list[str]]:
    """Makes `SUMMARY_CSV` and `SUMMARY_HTML`.

    Returns:
        What was written, and what could not be read.

    Raises:
        InputError: nobody has taken part yet.
        OSError: they cannot be written.
    """
    rows: list[dict[str, object]] = []
    records: list[SessionRecord] = []
    flaws: list[str] = []
    for folder in study.all():
        try:
            record = SessionRecord.load(folder)
            made = all((folder / name).exists() for name in (EMOTIONS_CSV, BEHAVIOUR_CSV))
            if record.state == RUNNING or not made:  # it may have gone on since they were made
                try:
                    if flaw := write_tables(folder):
                        flaws.append(f"{folder}: {flaw}")
                except InputError as error:
                    flaws.append(str(error))
            rows += session_rows(folder)
            records.append(record)
            told = [e["text"] for e in read_rows(folder / EVENTS_CSV) if e["kind"] == "problem"]
            flaws += [f"{folder}: {text}" for text in dict.fromkeys(told)]
        except (InputError, ValueError, KeyError, TypeError, csv.Error) as error:
            flaws.append(f"{folder}: is left out: {error}")
    if not records:
        why = f" ({'; '.join(flaws)})" if flaws else ""
        raise InputError(f"{study.folder}: has no session yet{why}")
    rows += _zeros(rows)
    lines = [csv_line(SUMMARY_COLUMNS)]
    lines += [csv_line([row[name] for name in SUMMARY_COLUMNS]) for row in rows]
    table, page = study.folder / SUMMARY_CSV, study.folder / SUMMARY_HTML
    write_bytes(table, b"".join(lines), private=True)
    write_text(page, writable(summary_page(study, records, rows, flaws)), private=True)
    return [table, page], flaws


# The page.

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 340, 230, 44, 14, 12, 46
_FIRST = ("valence", "arousal", "responses", "face_seen_s", "marks")
_TITLES = {
    "valence": "Valence of the face (−1 to 1)",
    "arousal": "Arousal of the face (−1 to 1)",
    "responses": "Responses of the robot",
    "face_seen_s": "A face was attended to, seconds",
    "marks": "Marks of the operator",
    "seconds": "Duration, seconds",
    "operator_gestures": "Gestures by the operator",
    "operator_sentences": "Sentences by the operator",
    "scripted_gestures": "Gestures of the script",
    "scripted_sentences": "Sentences of the script",
    "stops": "Stops",
}


def summary_page(
    study: StudyFolder,
    records: Sequence[SessionRecord],
    rows: Sequence[dict[str, object]],
    flaws: Sequence[str],
) -> str:
    """The page: no network, no other file.

    Args:
        study: see there.
        records: of the sessions.
        rows: of `SUMMARY_CSV`.
        flaws: what could not be read.
    """
    import jinja2  # only here, so that nobody waits for it who does something else
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fer_study", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    numbers = _numbers(rows)
    order = {name: place for place, name in enumerate(_conditions(records))}
    questions, scales = _questions(study)
    charts = [
        _chart(_title(name, questions), numbers[name], list(order), scales.get(name))
        for name in _sorted(numbers)
    ]
    texts = [
        row
        for row in rows
        if str(row["measure"]).startswith("answer_") and row["value"] != "" and not _is(row)
    ]
    style = (files("fer_monitor.report") / "style.css").read_text(encoding="utf-8")
    return environment.get_template("summary.html.j2").render(
        style=Markup(style),
        study=records[0].study,
        records=records,
        charts=charts,
        texts=texts,
        flaws=flaws,
        conditions=list(order),
        running=RUNNING,
        complete=COMPLETE,
        title=lambda name: _title(name, questions),
    )


def _questions(study: StudyFolder) -> tuple[dict[str, str], dict[str, tuple[int, int]]]:
    """What was asked, and on which scale, by the name of the measure."""
    try:
        asked = StudyProtocol.load(study.folder / PROTOCOL).questions
    except InputError:
        return {}, {}
    texts = {f"answer_{q.id}": q.ask for q in asked}
    return texts, {f"answer_{q.id}": q.scale for q in asked if q.scale is not None}


def _title(name: str, questions: dict[str, str]) -> str:
    if name.startswith("share_"):
        return f"Share of the time that the face looked {name.removeprefix('share_')}"
    if name.startswith("mark_"):
        return f"Mark {name.removeprefix('mark_')}"
    return questions.get(name) or _TITLES.get(name) or name.removeprefix("answer_")


def _conditions(records: Sequence[SessionRecord]) -> list[str]:
    return sorted({name for record in records for name in record.order})


def _is(row: dict[str, object]) -> bool:
    """Whether its value is a number; of what people have typed there may be any."""
    try:
        return abs(float(str(row["value"]))) < _LARGEST
    except ValueError:
        return False


Numbers = dict[tuple[str, str], dict[str, float]]
"""A measure: values by condition, for each participant and session."""


def _numbers(rows: Sequence[dict[str, object]]) -> dict[str, Numbers]:
    found: dict[str, Numbers] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        if row["phase"] == WHOLE and row["condition"] and _is(row):
            who = (str(row["participant"]), str(row["session"]))
            found[str(row["measure"])][who][str(row["condition"])] = float(str(row["value"]))
    return dict(found)


def _sorted(numbers: dict[str, Numbers]) -> list[str]:
    """Answers first, then what matters most; what is zero for everybody is left out."""

    def rank(name: str) -> tuple[int, int, str]:
        if name.startswith("answer_"):
            return 0, 0, name
        return (1, _FIRST.index(name), name) if name in _FIRST else (2, 0, name)

    shown = [n for n in numbers if any(any(v.values()) for v in numbers[n].values())]
    return sorted(shown, key=rank)


def _chart(
    title: str,
    numbers: Numbers,
    conditions: Sequence[str],
    scale: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Points and means of a measure, ready to be drawn: a thin line joins one participant's."""
    values = [v for one in numbers.values() for v in one.values()]
    if scale is not None:
        ticks = [float(v) for v in range(scale[0], scale[1] + 1, -(-(scale[1] - scale[0]) // 6))]
        ticks[-1] = float(scale[1])
    else:
        ticks = _ticks(min(0.0, *values), max(values))
    low, high = ticks[0], ticks[-1]

    def x(place: int) -> float:
        width = _WIDTH - _LEFT - _RIGHT
        return round(_LEFT + width * (place + 0.5) / len(conditions), 1)

    def y(value: float) -> float:
        height = _HEIGHT - _TOP - _BOTTOM
        return round(_TOP + height * (high - value) / (high - low), 1)

    lines = []
    for who, one in numbers.items():
        points = [(x(i), y(one[c]), one[c]) for i, c in enumerate(conditions) if c in one]
        lines.append({"who": _who(who), "points": points})
    means = []
    for place, condition in enumerate(conditions):
        group = [one[condition] for one in numbers.values() if condition in one]
        if not group:
            continue
        mean = fmean(group)
        spread = stdev(group) if len(group) > 1 else None
        means.append(
            {"condition": condition, "x": x(place), "y": y(mean), "n": len(group), "mean": mean,
             "sd": spread}
        )  # fmt: skip
    labels = [(x(place), name) for place, name in enumerate(conditions)]
    return {
        "title": title,
        "lines": lines,
        "means": means,
        "labels": labels,
        "ticks": [(y(tick), f"{tick:g}") for tick in ticks],
        "zero": y(max(low, 0.0)),
        "size": (_WIDTH, _HEIGHT, _LEFT, _WIDTH - _RIGHT),
    }


def _who(who: tuple[str, str]) -> str:
    return who[0] if who[1] == "1" else f"{who[0]} ({who[1]})"


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers that reach from below the lowest to above the highest."""
    span = high - low or 1.0
    step = 10.0 ** math.floor(math.log10(span / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 4)
    first, last = math.floor(low / step), math.ceil((high or low + 1.0) / step)
    return [round(step * i, 10) for i in range(first, max(last, first + 1) + 1)]
