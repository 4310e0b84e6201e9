import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ec_rfernet.errors import InputError
from ec_rfernet.files import (
    Draft,
    can_be_made,
    check_place,
    held,
    open_private,
    staged,
    temporary_folder,
    user_path,
    write_bytes,
    write_text,
)


@pytest.fixture
def full_disk(monkeypatch):
    """The disk is full once the second file is moved into place."""
    original, moved = Path.replace, []

    def replace(self, target):
        if self.parent.name == "new":
            moved.append(self)
            if len(moved) == 2:
                raise OSError(errno.ENOSPC, "No space left on device", str(target))
        return original(self, target)

    monkeypatch.setattr(Path, "replace", replace)


def test_files_appear_together(tmp_path):
    with staged(tmp_path / "deep" / "er") as draft:
        (draft / "a").write_text("1")
        (draft / "b").write_text("2")
        assert not (tmp_path / "deep" / "er" / "a").exists()
    assert sorted(path.name for path in (tmp_path / "deep" / "er").iterdir()) == ["a", "b"]


def test_all_or_none_when_moving_fails(tmp_path, full_disk):
    (tmp_path / "b").write_text("old")
    with pytest.raises(OSError, match="No space left"), staged(tmp_path) as draft:
        for name in "abc":
            (draft / name).write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    assert (tmp_path / "b").read_text() == "old"


def test_nothing_is_left_when_writing_fails(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), staged(tmp_path) as draft:
        (draft / "a").write_text("ne")
        raise KeyboardInterrupt
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_an_error_names_the_folder_and_not_the_draft(tmp_path):
    with pytest.raises(OSError, match="No space left") as raised, staged(tmp_path) as draft:
        raise OSError(errno.ENOSPC, "No space left on device", str(draft / "a"))
    assert raised.value.filename == str(tmp_path)


def test_a_folder_is_never_replaced(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "precious").touch()
    with pytest.raises(IsADirectoryError, match="is a folder, expected a file"):
        write_text(tmp_path / "a", "text")
    with pytest.raises(IsADirectoryError):
        check_place(tmp_path / "a")
    assert (tmp_path / "a" / "precious").exists()


def test_a_place_is_checked_without_a_trace(tmp_path):
    check_place(tmp_path / "a")
    check_place(tmp_path / "not" / "yet" / "there")
    assert not list(tmp_path.iterdir())
    with pytest.raises(NotADirectoryError, match="is a file, expected a folder.*null'"):
        check_place(Path("/dev/null/a/b"))


def test_a_device_or_pipe_is_never_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for write in (check_place, lambda path: write_text(path, "text")):
        with pytest.raises(OSError, match="is a device or a pipe, expected a file"):
            write(pipe)
    assert pipe.is_fifo()


def test_an_error_in_a_folder_that_takes_no_files_does_not_name_the_draft():
    with pytest.raises(OSError, match="'/proc'"):
        check_place(Path("/proc/a"))


def test_a_held_folder_is_kept_from_others_and_cleared_of_what_a_killed_program_left(tmp_path):
    (tmp_path / ".writing-killed" / "new").mkdir(parents=True)
    (tmp_path / "precious").touch()
    with held(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["precious"]
        with pytest.raises(InputError, match="another process is at work"), held(tmp_path):
            pass
    with held(tmp_path):
        pass


# Users without a name or a home.


@pytest.fixture
def nobody(monkeypatch):
    """The user of a container that was started with ``-u``: without name and home."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)


def test_a_path_as_people_write_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/a") == tmp_path / "a"
    assert user_path(tmp_path / "b") == tmp_path / "b"
    assert user_path("a~/b") == Path("a~/b")


@pytest.mark.parametrize("text", ["~/a", "~no.such.user/a"])
def test_a_home_that_nobody_knows(nobody, text):
    with pytest.raises(InputError, match=f"{text}: no such home is known .*; set HOME"):
        user_path(text)


def test_what_can_be_made(tmp_path):
    (tmp_path / "file").touch()
    assert can_be_made(tmp_path / "new" / "newer")
    assert not can_be_made(tmp_path / "file" / "below")
    assert not can_be_made(Path("/dev/null/new/newer"))


def test_a_temporary_folder_of_the_user_alone(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = temporary_folder()
    assert folder == temporary_folder() and folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_temporary_folder_of_somebody_else_is_not_trusted(monkeypatch, tmp_path, nobody):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "fer-54321").mkdir()
    with pytest.raises(InputError, match="fer-54321: belongs to somebody else"):
        temporary_folder()


def test_a_machine_without_temporary_files(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(InputError, match="no place for temporary files .*; set TMPDIR"):
        temporary_folder()


def test_drafts_of_a_killed_program_are_removed_and_those_of_others_stay(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from ec_rfernet.files import staged\n"
        "with staged(Path(sys.argv[1])) as draft:\n"
        "    (draft / 'people').touch(); print(flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    killed = subprocess.Popen(command, **pipes)
    living = subprocess.Popen(command, **pipes)
    for process in (killed, living):
        process.stdout.readline()
    killed.kill()
    killed.wait()
    drafts = list(tmp_path.iterdir())
    for draft in drafts:
        os.utime(draft, (0, 0))
    write_text(tmp_path / "a", "text")
    left = [path for path in tmp_path.iterdir() if path in drafts]
    assert len(drafts) == 2
    assert len(left) == 1
    living.communicate(b"\n")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "people"}


@pytest.mark.parametrize("old", [True, False])
def test_pictures_of_people_are_their_owners(tmp_path, old):
    for name in ("written", "opened"):
        if old:
            (tmp_path / name).touch(0o666)
    write_bytes(tmp_path / "written", b"1", private=True)
    with open_private(tmp_path / "opened") as file:
        file.write(b"2")
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o600] * 2


def test_a_disk_that_is_full_only_when_it_is_asked_is_told(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(tmp_path / "a", "new")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def _staged(path: Path) -> None:
    with staged(path):
        pass


def _held(path: Path) -> None:
    with held(path):
        pass


@pytest.mark.parametrize(
    "write",
    [check_place, lambda path: write_text(path, "x"), Draft, open_private, _staged, _held],
)
def test_nothing_is_written_to_a_file_named_like_standard_output(tmp_path, monkeypatch, write):
    monkeypatch.chdir(tmp_path)
    for name in ("-", "-/x"):
        with pytest.raises(InputError, match="standard output is not written to"):
            write(Path(name))
    assert not list(tmp_path.iterdir())
    write_text(tmp_path / "-", "a whole path is meant as it is")


@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1"])
def test_standard_output_is_never_replaced_even_where_it_is_a_file(name):
    with pytest.raises(OSError, match="is a device or a pipe, expected a file"):
        check_place(Path(name))
