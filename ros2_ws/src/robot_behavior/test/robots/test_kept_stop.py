"""A stop as this machine keeps it, for whoever starts later."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rclpy.node import Node

from fer_common.testing import spinning
from robot_behavior.robots.kept_stop import KeptStop, stop_here


def keeper(robot: str = "sim", **options: Any) -> KeptStop:
    """As a node of a robot that has just started has it."""
    node = Node("keeper", **options)
    try:
        return KeptStop(node, robot)
    finally:
        node.destroy_node()


@pytest.fixture
def ros() -> Iterator[None]:
    with spinning(lambda: Node("unused")):
        yield


@pytest.mark.usefixtures("ros")
def test_a_stop_is_known_to_those_who_start_later_until_the_release(
    capfd: pytest.CaptureFixture[str],
) -> None:
    first = keeper()
    assert first.since is None and not first.text
    first.keep()
    assert keeper().since == first.since
    assert "'robot release', or the service /keeper/release" in keeper().text
    first.keep()
    assert keeper().since == first.since, "it began once"
    for _ in range(2):
        keeper().forget()
        assert keeper().since is None
    assert "a new start will begin stopped" not in capfd.readouterr().err


@pytest.mark.usefixtures("ros")
def test_the_stop_of_one_robot_is_none_of_another() -> None:
    keeper().keep()
    assert keeper(robot="nao").since is None
    assert keeper(namespace="/second").since is None
    keeper(robot="a/strange name", namespace="/second").keep()
    assert keeper(robot="a/strange name", namespace="/second").since is not None
    assert keeper(namespace="/second").since is None


@pytest.mark.usefixtures("ros")
def test_only_robots_that_live_here_are_stopped_from_here() -> None:
    domain = int(os.environ["ROS_DOMAIN_ID"])
    robot, other = keeper(namespace="/first"), keeper(namespace="/other")
    dead = keeper(robot="nao", namespace="/first")
    dead.close()
    assert stop_here(domain, "first") == ["sim"]
    assert robot.is_there() and not other.is_there() and not dead.is_there()
    assert stop_here(domain, "/other/") == ["sim"]
    assert other.is_there()
    assert stop_here(domain, "third") == []
    robot.close()
    other.close()
    other.close()  # harmless
    assert stop_here(domain, "first") == []


@pytest.mark.usefixtures("ros")
def test_what_was_cleared_away_is_there_again(runtime_folder_of_the_tests: Path) -> None:
    keeper().keep()
    (file,) = (path for path in (runtime_folder_of_the_tests / "stops").rglob("*hold*"))
    os.utime(file, (1e9, 1e9))  # it began long ago
    stop = keeper()
    shutil.rmtree(runtime_folder_of_the_tests / "stops")
    stop.refresh()
    assert keeper().since == stop.since == 1e9
    file.chmod(0o644)
    stop.refresh()
    assert file.stat().st_mode & 0o777 == 0o600, "as good as new"


@pytest.mark.usefixtures("ros")
def test_a_stop_that_another_program_has_begun_is_known_since_then(
    runtime_folder_of_the_tests: Path,
) -> None:
    late = keeper()
    keeper().keep()
    (file,) = (path for path in (runtime_folder_of_the_tests / "stops").rglob("*hold*"))
    os.utime(file, (1e9, 1e9))
    late.keep()
    assert late.since == keeper().since == 1e9
    day = time.strftime("%Y-%m-%d", time.localtime(1e9))
    assert f"stopped since {day} " in late.text, "not today"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It is between twelve and one o'clock here."""
    monkeypatch.setenv("TZ", f"HERE{time.gmtime().tm_hour - 12:+d}")  # hours west of Greenwich
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("ros", "noon")
def test_a_stop_of_today_is_told_without_its_date() -> None:
    stop = keeper()
    stop.keep()
    assert stop.since is not None
    stop.since -= 3600.0
    begun = time.strftime("%H:%M:%S", time.localtime(stop.since))
    assert stop.text.startswith(f"stopped since {begun}, until")


@pytest.mark.usefixtures("ros")
def test_a_link_at_its_place_is_a_stop_and_is_not_followed(
    runtime_folder_of_the_tests: Path,
) -> None:
    keeper().keep()
    (file,) = (path for path in (runtime_folder_of_the_tests / "stops").rglob("*hold*"))
    target = runtime_folder_of_the_tests / "of_somebody"
    file.unlink()
    file.symlink_to(target)
    stop = keeper()
    assert stop.since is not None
    stop.keep()
    stop.forget()
    assert not target.exists() and keeper().since is None


@pytest.mark.usefixtures("ros")
def test_the_command_that_releases_it_has_the_namespace() -> None:
    stop = keeper(namespace="/lab/second")
    stop.keep()
    assert "'robot release --namespace lab/second'" in stop.text


@pytest.mark.usefixtures("ros")
def test_a_new_start_of_the_machine_ends_a_stop(runtime_folder_of_the_tests: Path) -> None:
    keeper().keep()
    (folder,) = (runtime_folder_of_the_tests / "stops").iterdir()
    folder.rename(folder.with_name("another start"))
    assert keeper().since is None


@pytest.mark.usefixtures("ros")
def test_where_no_file_can_be_made_it_is_told_and_the_stop_is_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc")):
        monkeypatch.setenv("FER_RUNTIME_DIR", str(folder))
        stop = keeper()
        stop.keep()
        assert stop.since is not None
        lost = "a new start will not know that the robot is stopped"
        assert lost in stop.text, "whoever asks for the stop reads it"
        assert capfd.readouterr().err.count(lost) == 1
        stop.keep()
        assert capfd.readouterr().err.count(lost) == 0, "it is told once"
        assert not stop.is_there()
        assert keeper().since is None
        stop.forget()
        assert stop.since is None
        stop.close()
