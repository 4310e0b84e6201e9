"""From the sessions to tables in long form and a page."""

from __future__ import annotations

import csv
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ec_rfernet.errors import InputError
from fer_monitor.testing.sample_bag import write_sample
from fer_study.program import main
from fer_study.session import Desk
from fer_study.store import StudyFolder, read_rows
from fer_study.summary import session_rows, stretches, write_summary, write_tables


def event(kind: str, time: float, phase: str = "", condition: str = "a") -> dict[str, str]:
    return {
        "kind": kind, "time": str(time), "phase": phase, "condition": condition, "position": "1",
    }  # fmt: skip


def test_pauses_and_what_is_between_conditions_belong_to_no_phase() -> None:
    events = [
        event("consent", 0.0),
        event("phase", 2.0, "one"),
        event("pause", 3.0, "one"),
        event("resume", 10.0, "one"),
        event("phase", 12.0, "two"),
        event("condition_end", 15.0),
        event("phase", 20.0, "one", "b"),
        event("mark", 22.5, "one", "b"),  # the power went
    ]
    found = [(s.condition, s.phase, s.begin, s.end) for s in stretches(events)]
    assert found == [
        ("a", "one", 2.0, 3.0), ("a", "one", 10.0, 12.0), ("a", "two", 12.0, 15.0),
        ("b", "one", 20.0, 22.5),
    ]  # fmt: skip


def value(study: Path, participant: str, condition: str, measure: str, phase: str = "all") -> str:
    with (study / "summary.csv").open() as file:
        (found,) = [
            row["value"]
            for row in csv.DictReader(file)
            if (row["participant"], row["condition"]) == (participant, condition)
            and (row["measure"], row["phase"]) == (measure, phase)
        ]
    return found


def test_the_table_is_long_and_counts_what_did_not_happen_as_nothing(
    study: Path, finished: Callable[..., Desk], desk: Callable[..., Desk]
) -> None:
    finished("01", liked=6)
    finished("02", liked=2)
    early = desk("03")
    for order, given in (("agree", None), ("start", None), ("play", "nod"), ("end", "ill")):
        early.order(1, order, given)
    early.close()
    (table, page), flaws = write_summary(StudyFolder(study))
    assert [path.name for path in (table, page)] == ["summary.csv", "summary.html"]
    assert len(flaws) == 3 and "has no bag" in flaws[0]  # no recorder took part here
    assert value(study, "01", "responsive", "answer_liked") == "6"
    assert value(study, "02", "scripted", "answer_liked") == "2"
    assert float(value(study, "01", "responsive", "seconds")) == pytest.approx(5.5, abs=0.01)
    assert float(value(study, "01", "responsive", "seconds", "arrival")) == pytest.approx(3.5)
    assert value(study, "01", "responsive", "mark_1") == "1"
    assert value(study, "03", "responsive", "mark_1") == "0"
    assert value(study, "03", "responsive", "operator_gestures") == "1"
    rows = read_rows(table)
    assert {r["complete"] for r in rows if r["participant"] == "03"} == {"0"}
    keys = [tuple(row.values())[:-1] for row in rows]
    assert len(set(keys)) == len(keys)
    assert table.stat().st_mode & 0o777 == page.stat().st_mode & 0o777 == 0o600


class Words(HTMLParser):
    """What a page shows, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [v or "" for name, v in attrs if name in ("src", "href")]


def test_the_page_needs_nothing_else_and_runs_nothing_that_somebody_has_typed(
    study: Path, desk: Callable[..., Desk], finished: Callable[..., Desk]
) -> None:
    finished("01")
    nasty = desk("02")
    nasty.order(1, "agree")
    nasty.order(1, "end", "<script>alert(1)</script>")
    nasty.close()
    write_summary(StudyFolder(study))
    text = (study / "summary.html").read_text()
    page = Words(text)
    assert page.fetched == [] and "script" not in page.tags
    assert "&lt;script&gt;" in text
    assert page.tags.count("svg") >= 2 and "Did you like it?" in text


def test_faces_and_answers_of_the_robot_come_out_of_the_bag(
    study: Path, desk: Callable[..., Desk], link: object, clock: object
) -> None:
    session = desk("01")
    session.order(1, "agree")
    bag = write_sample(session.folder / "bag" / "sample")
    # The consent was given when the recording began, and all of it belongs to one phase.
    from fer_common.bag import open_bag

    first = next(iter(open_bag(bag).messages([t.name for t in open_bag(bag).topics()]))).time
    head = (session.folder / "events.csv").read_text().splitlines()[0]
    rows = [f"01,1,responsive,1,talk,{t},{t},{kind},talk,,0" for t, kind in
            ((0.0, "phase"), (1000.0, "end"))]  # fmt: skip
    (session.folder / "events.csv").write_text("\n".join([head, *rows, ""]))
    import json

    about = json.loads((session.folder / "session.json").read_text()) | {"began": first}
    (session.folder / "session.json").write_text(json.dumps(about))
    assert write_tables(session.folder) is None
    faces = read_rows(session.folder / "emotions.csv")
    assert faces and {row["condition"] for row in faces} == {"responsive"}
    assert float(faces[-1]["time"]) == pytest.approx(
        float(faces[-1]["stamp"]) - first * 1e-9, abs=0.002
    )
    assert read_rows(session.folder / "behaviour.csv")
    measures = {(r["phase"], r["measure"]): r["value"] for r in session_rows(session.folder)}
    assert float(str(measures["all", "face_seen_s"])) > 1.0
    assert int(str(measures["talk", "responses"])) > 0
    shares = [float(str(v)) for (p, m), v in measures.items() if p == "all" and "share_" in m]
    assert sum(shares) == pytest.approx(1.0, abs=1e-6)


def test_a_session_that_cannot_be_read_does_not_hide_the_others(
    study: Path, finished: Callable[..., Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    finished("01")
    broken = finished("02").folder
    (broken / "events.csv").unlink()
    assert main(["summary", str(study)]) == 0
    told = capsys.readouterr()
    assert "02-1: is left out" in told.err and "summary.html" in told.out
    (study / "sessions" / "01-1" / "session.json").unlink()
    with pytest.raises(InputError, match="has no session yet"):
        write_summary(StudyFolder(study))


def test_a_session_in_which_nobody_was_attended_to_is_in_the_summary(
    study: Path, finished: Callable[..., Desk]
) -> None:
    folder = finished("01").folder
    columns = "participant,session,condition,position,phase,time,stamp,label,attended,p_happy"
    (folder / "emotions.csv").write_text(columns + "\n01,1,responsive,1,arrival,1.0,1.0,,,\n")
    (folder / "behaviour.csv").write_text("state,condition,position,phase\n")
    assert write_summary(StudyFolder(study))[1] == []
    assert value(study, "01", "responsive", "face_seen_s") == "0"


@pytest.mark.parametrize("typed", ["nan", "inf", "1e308", "-1e308", "1_0", "9" * 400])
def test_an_answer_that_only_looks_like_a_number_ends_nothing(
    change: Callable[..., Path], desk: Callable[..., Desk], typed: str
) -> None:
    questions = [{"id": "remarks", "ask": "Anything?"}]
    study = change(phases=[{"name": "talk"}], questions=questions)
    session = desk("01")
    session.order(1, "agree")
    for text in (typed, "-1e308"):
        for name, value in (("start", None), ("next", None), ("answer", {"remarks": text})):
            session.order(1, name, value)
    assert session.over == "" and session.close() == []
    write_summary(StudyFolder(study))
    assert typed in (study / "summary.csv").read_text()


def test_tables_that_were_made_while_it_ran_are_made_anew(
    study: Path, desk: Callable[..., Desk]
) -> None:
    session = desk("01")
    session.order(1, "agree")  # and then the power goes
    bag = session.folder / "bag" / "2026-01-01_00-00-00"
    bag.parent.mkdir()
    write_sample(bag)
    for name in ("emotions.csv", "behaviour.csv"):
        (session.folder / name).write_text("")
    write_summary(StudyFolder(study))
    assert len(read_rows(session.folder / "emotions.csv")) > 10


def test_what_was_not_recorded_is_told(
    study: Path, finished: Callable[..., Desk], desk: Callable[..., Desk], link: Any
) -> None:
    session = desk("01")
    session.order(1, "agree")
    link.fault = "the recording has ended: the disk is full"
    session.tick(), session.order(1, "end"), session.close()
    assert "01-1: the recording has ended: the disk is full" in str(
        write_summary(StudyFolder(study))[1]
    )
