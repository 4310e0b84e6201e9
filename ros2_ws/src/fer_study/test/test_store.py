"""The files of a study: whole or not there, for their owner only, exported and deleted by code."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from ec_rfernet.errors import InputError
from fer_study.program import main
from fer_study.protocol import Participant
from fer_study.session import Desk
from fer_study.store import LineFile, SessionRecord, StudyFolder, read_rows


def test_two_programs_do_not_record_at_the_same_time(study: Path) -> None:
    folder = StudyFolder(study)
    with (
        folder.claimed(),
        pytest.raises(InputError, match="another process is at work"),
        folder.claimed(),
    ):
        pass


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    table = LineFile(tmp_path / "a.csv", ("name", "value"))
    table.add({"name": "one", "value": 1.5})
    table.add({"name": '=HYPERLINK("x")', "value": "-2"})
    table.add({"name": 'with "quotes", commas', "value": None})
    table.close()
    with (tmp_path / "a.csv").open("a") as file:
        file.write("cut o")
    assert read_rows(tmp_path / "a.csv") == [
        {"name": "one", "value": "1.5"},
        {"name": '\'=HYPERLINK("x")', "value": "-2"},
        {"name": 'with "quotes", commas', "value": ""},
    ]


def test_a_damaged_session_is_named(study: Path, finished: Callable[..., Desk]) -> None:
    folder = finished().folder
    (folder / "session.json").write_text('{"study": 1, "order": 5}')
    with pytest.raises(InputError, match=r"session.json: is not what fer-study writes"):
        SessionRecord.load(folder)


def test_the_commands_tell_what_they_did(
    study: Path,
    finished: Callable[..., Desk],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finished("01"), finished("02"), finished("01", again=True)
    assert main(["list", str(study)]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[:2] for row in rows[1:]] == [["01", "1"], ["01", "2"], ["02", "1"]]

    out = tmp_path / "out.zip"
    assert main(["export", str(study), "--participant", "01", "--out", str(out)]) == 0
    assert "10 files of participant 01" in capsys.readouterr().out
    assert out.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(out) as file:
        assert {name.partition("/")[0] for name in file.namelist()} == {"01-1", "01-2"}
        assert file.read("01-2/consent.txt").decode() == (study / "consent.txt").read_text()

    assert main(["delete", str(study), "--participant", "01"]) == 2  # nobody can be asked
    assert len(StudyFolder(study).all()) == 3
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _text: "n")
    assert main(["delete", str(study), "--participant", "01"]) == 1
    assert "nothing was deleted" in capsys.readouterr().out
    (study / "summary.csv").write_text("of everybody")
    assert main(["delete", str(study), "--participant", "01", "--yes"]) == 0
    told = capsys.readouterr().out
    assert [path.name for path in StudyFolder(study).all()] == ["02-1"]
    for name in ("01-1", "01-2", "summary.csv"):
        assert name in told
    assert not (study / "summary.csv").exists()
    assert main(["export", str(study), "--participant", "01"]) == 2
    assert "has nothing of participant 01; there are 02" in capsys.readouterr().err


def test_an_export_that_cannot_be_written_leaves_nothing(
    study: Path, finished: Callable[..., Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished("01")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", fail)
    out = tmp_path / "export"
    out.mkdir()
    with pytest.raises(OSError, match="No space"):
        StudyFolder(study).export(Participant.read("01"), out / "a.zip")
    assert list(out.iterdir()) == []


def test_what_is_no_study_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["list"], ["summary"], ["delete", "--participant", "1"]):
        assert main([command[0], str(tmp_path), *command[1:]]) == 2
        assert "is no study, expected a folder made by fer-study new" in capsys.readouterr().err
    assert main(["new", str(tmp_path / "a b")]) == 2


def test_a_session_is_there_with_all_of_its_files_or_not_at_all(
    study: Path, desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = desk("01")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SessionRecord, "save", dies)
        with pytest.raises(KeyboardInterrupt):
            session.order(1, "agree")
    assert StudyFolder(study).all() == []
    desk("01").order(1, "agree")
    (folder,) = StudyFolder(study).all()
    assert {"session.json", "events.csv", "answers.csv"} <= {path.name for path in folder.iterdir()}


def test_a_damaged_session_hides_no_other_and_may_be_done_again(
    study: Path, finished: Callable[..., Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    finished("01"), finished("02")
    record = StudyFolder(study).of(Participant.read("01"))[0] / "session.json"
    record.write_text(record.read_text().replace('"began": ', '"began": 9999999999999'))
    assert main(["list", str(study)]) == 0
    told = capsys.readouterr()
    assert "02" in told.out and "session.json: is not what fer-study writes" in told.err
    with pytest.raises(InputError, match=r"has taken part already .* --again makes another"):
        StudyFolder(study).next_folder(Participant.read("01"), again=False)


def test_a_session_that_runs_is_not_called_interrupted(
    study: Path, desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    desk("01").order(1, "agree")
    for runs, state in ((True, "running"), (False, "interrupted")):
        with StudyFolder(study).claimed() if runs else nullcontext():
            assert main(["list", str(study)]) == 0
        assert state in capsys.readouterr().out


def test_files_of_a_machine_whose_clock_was_never_set_are_exported(
    study: Path, finished: Callable[..., Desk], tmp_path: Path
) -> None:
    os.utime(finished("01").folder / "events.csv", (5.0, 5.0))
    assert StudyFolder(study).export(Participant.read("01"), tmp_path / "a.zip") == 5


def test_a_deletion_that_fails_has_told_what_is_gone(
    study: Path,
    finished: Callable[..., Desk],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finished("01"), finished("01", again=True)
    (study / "summary.csv").write_text("of everybody")
    remove = shutil.rmtree

    def fail(path: Path) -> None:
        if path.name == "01-2":
            raise PermissionError(13, "Permission denied", str(path))
        remove(path)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", fail)
        assert main(["delete", str(study), "--participant", "01", "--yes"]) == 2
    told = capsys.readouterr()
    assert "summary.csv" in told.out and "01-1: 5 files" in told.out
    assert "01-2: Permission denied" in told.err
    assert [path.name for path in StudyFolder(study).all()] == ["01-2"]
