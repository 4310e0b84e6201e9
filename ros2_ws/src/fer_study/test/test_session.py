"""A session at the desk: what operators may do when, what the robot is told, what is kept."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ec_rfernet.errors import InputError
from fer_common.testing import FakeClock
from fer_study.session import Desk
from fer_study.store import SessionRecord, StudyFolder, read_rows


def kinds(desk: Desk) -> list[tuple[str, str]]:
    return [(row["kind"], row["name"]) for row in read_rows(desk.folder / "events.csv")]


def begun(desk: Callable[..., Desk]) -> Desk:
    session = desk()
    session.order(1, "agree")
    session.order(1, "start")
    return session


def test_nothing_is_kept_before_the_participant_agrees(
    desk: Callable[..., Desk], link: Any, study: Path
) -> None:
    session = desk()
    for order, value in (("start", None), ("mark", 1), ("say", "Hi"), ("play", "nod")):
        session.order(1, order, value)
        assert session.notice.bad
    session.order(1, "decline")
    assert session.over == "the participant has not agreed"
    assert not session.is_recorded and StudyFolder(study).all() == []
    assert link.orders == [] and link.bag == []
    assert link.waits == "the session is over"


def test_a_whole_session_is_kept_with_one_clock(
    finished: Callable[..., Desk], link: Any, study: Path
) -> None:
    session = finished("02")
    folder = session.folder
    assert folder == study / "sessions" / "02-1"
    record = SessionRecord.load(folder)
    assert (record.state, record.order) == ("complete", ("scripted", "responsive"))
    assert (folder / "consent.txt").read_text() == (study / "consent.txt").read_text()
    events = read_rows(folder / "events.csv")
    assert events[0]["kind"] == "consent" and float(events[0]["time"]) == 0.0
    for row in events:
        since = float(row["stamp"]) - record.began * 1e-9
        assert float(row["time"]) == pytest.approx(since, abs=0.002)
    marks = [(r["condition"], r["position"], r["name"], r["text"]) for r in events
             if r["kind"] == "mark"]  # fmt: skip
    assert marks == [("scripted", "1", "1", "laughs"), ("responsive", "2", "1", "laughs")]
    answers = read_rows(folder / "answers.csv")
    assert [(a["condition"], a["question"], a["answer"]) for a in answers] == [
        ("scripted", "liked", "5"), ("responsive", "liked", "5"), ("", "remarks", ""),
    ]  # fmt: skip
    assert [event["kind"] for event in link.bag] == [row["kind"] for row in events]
    assert {event["participant"] for event in link.bag} == {"02"}
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o777 == 0o600, path
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_behaviours_respond_in_their_condition_and_wait_elsewhere(
    desk: Callable[..., Desk], link: Any, clock: FakeClock
) -> None:
    session = desk("01")
    assert link.waits == "the participant has not agreed yet"
    session.order(1, "agree")
    assert link.waits == "no condition of the study is under way"
    session.order(1, "start")
    assert link.waits == "" and link.orders == [("behave", "responsive")]
    session.order(1, "take_over")
    assert link.waits == "the operator has taken over"
    session.order(1, "say", "How are you?")
    assert link.orders[-1] == ("say", "How are you?")
    session.order(1, "give_back")
    assert link.waits == ""
    clock.now += 4.0
    session.tick()
    session.order(1, "next")
    session.order(1, "answer", {"liked": "1"})
    session.order(1, "start")
    assert link.waits == "condition scripted follows its script"


def test_a_script_goes_on_across_phases_and_not_in_a_pause(
    desk: Callable[..., Desk], link: Any, clock: FakeClock
) -> None:
    session = desk("02")
    session.order(1, "agree")
    session.order(1, "start")
    done = []
    for _ in range(4):
        session.tick()
        done.append([what for _, what in link.orders])
        clock.now += 2.6
    assert done == [["nod"], ["nod"], ["nod", "Hello!"], ["nod", "Hello!"]]
    assert session.course.phase is not None and session.course.phase.name == "talk"
    session.order(1, "pause")
    clock.now += 60.0
    session.tick()
    assert len(link.orders) == 2
    session.order(1, "resume")
    session.tick()
    assert link.orders[-1] == ("play", "nod")


def test_a_pause_stops_the_clock_of_the_phase(desk: Callable[..., Desk], clock: FakeClock) -> None:
    session = begun(desk)
    clock.now += 1.0
    session.order(1, "pause")
    clock.now += 100.0
    session.tick()
    assert session.course.remaining_s == pytest.approx(2.0)
    session.order(1, "next")
    assert session.notice.text == "the session pauses: resume it first"
    session.order(1, "resume")
    clock.now += 2.1
    session.tick()
    assert session.state(1)["phase"] == "talk" and session.state(1)["remaining_s"] is None


def test_of_two_operators_one_is_in_charge_and_anybody_can_stop_the_robot(
    desk: Callable[..., Desk], link: Any
) -> None:
    session = begun(desk)
    session.opened(2)
    assert session.state(1)["in_charge"] and not session.state(2)["in_charge"]
    session.order(2, "mark", 3)
    assert session.notice.text == "another page is in charge: take charge first"
    session.order(2, "stop")
    assert link.orders[-1] == ("stop", "")
    session.order(2, "take_charge")
    session.order(2, "mark", 3)
    session.order(1, "mark", 4)
    assert session.state(2)["in_charge"] and not session.may_order(1)
    assert ("mark", "3") in kinds(session) and ("mark", "4") not in kinds(session)
    pages = {row["page"] for row in read_rows(session.folder / "events.csv")
             if row["kind"] == "mark"}  # fmt: skip
    assert pages == {"2"}


def test_without_a_page_the_session_goes_on_for_a_while_and_then_pauses(
    desk: Callable[..., Desk], link: Any, clock: FakeClock
) -> None:
    session = begun(desk)
    clock.now += 4.0
    session.tick()
    session.closed(1)
    clock.now += 59.0
    session.tick()
    assert session.course.pause is None
    clock.now += 2.0
    session.tick()
    assert link.waits == "no operator's page has been open for 60 s"
    session.opened(2)  # reopened: in charge again, and it goes on where it was
    session.order(2, "resume")
    assert session.course.pause is None and session.state(2)["in_charge"]


def test_a_disk_that_is_full_pauses_the_session_and_keeps_what_there_was(
    desk: Callable[..., Desk], link: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = begun(desk)
    session.order(1, "mark", 1)
    before = (session.folder / "events.csv").read_bytes()
    whole, full = os.pwrite, [True]

    def pwrite(file: int, data: bytes, offset: int) -> int:
        if not full[0]:
            return whole(file, data, offset)
        whole(file, data[:5], offset)  # a part of it had room
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", pwrite)
    session.order(1, "mark", 2)
    session.tick()
    assert (session.folder / "events.csv").read_bytes() == before
    assert "No space left" in session.state(1)["problem"]
    assert "No space left" in link.waits
    full[0] = False  # somebody has made room
    session.order(1, "resume")
    session.tick()
    assert session.state(1)["problem"] is None
    assert kinds(session)[-4:-1] == [("mark", "1"), ("mark", "2"), ("problem", "")]


def test_a_recording_that_ends_is_told_and_pauses_the_session(
    desk: Callable[..., Desk], link: Any
) -> None:
    session = begun(desk)
    link.fault = "the recording has ended: the disk has less than 500 MB left"
    session.tick()
    assert session.course.pause == link.fault and session.notice.text == link.fault
    session.order(1, "resume")
    session.tick()
    assert session.course.pause is None  # the operator has decided so


def test_who_may_not_write_records_nobody(
    desk: Callable[..., Desk], study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(study / "sessions"))

    session = desk()
    monkeypatch.setattr(Path, "mkdir", refuse)
    session.order(1, "agree")
    assert "Permission denied" in session.notice.text
    assert "nothing was recorded" in session.notice.text
    assert session.course.step == "consent" and not session.is_recorded


def test_what_the_robot_does_not_do_is_told(desk: Callable[..., Desk], link: Any) -> None:
    session = begun(desk)
    link.refuses = "the robot refuses it"
    session.order(1, "play", "nod")
    assert session.notice.text == "play nod: the robot refuses it"
    assert kinds(session)[-1] == ("play_failed", "nod")


def test_a_condition_does_not_start_before_the_robot_has_its_behaviours(
    desk: Callable[..., Desk], link: Any
) -> None:
    session = desk()
    link.refuses = "the file cannot be read"
    session.order(1, "agree")
    session.order(1, "start")
    assert session.course.step == "ready" and "still loading" in session.notice.text
    link.refuses = ""
    session.order(1, "start")  # asks once more
    session.order(1, "start")
    assert session.course.step == "phase"


def test_an_answer_that_is_wrong_is_asked_for_again(
    desk: Callable[..., Desk], clock: FakeClock
) -> None:
    session = begun(desk)
    clock.now += 4.0
    session.tick()
    session.order(1, "next")
    session.order(1, "answer", {"liked": "9"})
    assert session.course.step == "questions"
    assert session.notice.text == "the answer to 'liked' is '9', expected a whole number 1 to 7"


@pytest.mark.parametrize("value", [None, 5, "", "x" * 501, ["nod"], {"a": 1}])
def test_orders_that_make_no_sense_end_nothing(desk: Callable[..., Desk], value: Any) -> None:
    session = begun(desk)
    for order in ("play", "say", "mark", "answer", "no_such_order", "agree", "resume"):
        session.order(1, order, value if order != "mark" else value or "x")
    session.order(1, "end", value)
    assert session.over is not None


def test_a_participant_who_has_taken_part_is_refused_unless_it_is_meant(
    finished: Callable[..., Desk], desk: Callable[..., Desk]
) -> None:
    first = finished("07")
    with pytest.raises(InputError, match=r"07 has taken part on .*complete.*--again"):
        desk("07")
    with pytest.raises(InputError, match="7 looks like 07"):
        desk("7", again=True)
    second = finished("07", again=True)
    assert second.folder.name == "07-2" and first.folder.is_dir()


def test_a_script_waits_while_the_robot_is_in_the_hands_of_the_operator(
    desk: Callable[..., Desk], link: Any, clock: FakeClock
) -> None:
    session = desk("02")  # begins with the script
    for name in ("agree", "start", "take_over"):
        session.order(1, name)
    for _ in range(12):  # two actions would be due
        clock.now += 0.9
        session.tick()
    assert not {"play", "say"} & {kind for kind, _ in link.orders}
    session.order(1, "give_back")
    session.tick()
    assert not {"play", "say"} & {kind for kind, _ in link.orders}, "nothing is made up for"
    clock.now += 5.0
    session.tick()
    assert [kind for kind, _ in link.orders if kind in ("play", "say")] == ["say"]


def test_a_script_does_not_cut_short_what_the_operator_asks_for(
    desk: Callable[..., Desk], link: Any, clock: FakeClock
) -> None:
    session = desk("02")  # begins with the script
    session.order(1, "agree")
    session.order(1, "start")
    session.tick()
    link.under_way = []
    session.order(1, "play", "bow")
    clock.now += 5.1  # the script says something
    session.tick()
    assert link.orders[-1] == ("play", "bow")
    link.under_way.pop()(True, "")
    session.tick()
    assert link.orders[-1] == ("say", "Hello!")
    session.order(1, "play", "bow")
    clock.now += 60.0  # whoever should play it is gone
    session.tick()
    assert link.orders[-1] == ("play", "nod")


def test_half_a_letter_is_refused_and_ends_nothing(desk: Callable[..., Desk], link: Any) -> None:
    session = desk()
    session.order(1, "agree")
    for name in ("say", "play"):
        session.order(1, name, "a \ud83d\x1b[2J")
        assert "cannot be written: 'a \\ud83d\\x1b[2J'" in session.notice.text
    session.order(1, "end", "\udc00")
    assert session.over == "\\udc00" and session.close() == []
    assert not {"play", "say"} & {kind for kind, _ in link.orders}


def test_what_was_run_is_kept_although_its_files_change(
    change: Callable[..., Path], desk: Callable[..., Desk]
) -> None:
    study = change(conditions={"own": {"behaviours": "own.yaml"}}, phases=[{"name": "a"}])
    (study / "own.yaml").write_text("as it was\n")
    protocol = (study / "protocol.yaml").read_text()
    session = desk()
    (study / "own.yaml").unlink()
    (study / "protocol.yaml").write_text("changed")
    session.order(1, "agree")
    assert (session.folder / "behaviours_own.yaml").read_text() == "as it was\n"
    assert (session.folder / "protocol.yaml").read_text() == protocol
    session.order(1, "end"), session.close()
