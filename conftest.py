"""Shared by all tests: marks, their order, and a ROS domain that nobody else here uses.

A test is marked by what its module uses: ``process`` (it starts programs), ``dds`` (nodes over
real DDS), ``training`` (PyTorch), ``long`` (fuzzing, films). ``--fast`` runs those without a mark.
"""

from __future__ import annotations

import gc
import os
import random
import re
import shutil
import signal
from collections import Counter
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from ec_rfernet.files import RUNTIME_VARIABLE
from tests.domains import claimed_domain

settings.register_profile("patient", deadline=None)  # other programs may run beside the tests
settings.load_profile("patient")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """More than processors: part of the time, a test waits for a program or a node.

    The fast ones compute. ``PYTEST_XDIST_AUTO_NUM_WORKERS`` says it where memory is short: a
    process takes 0.3 GB.
    """
    if named := os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return int(named)
    return len(os.sched_getaffinity(0)) + (1 if config.getoption("fast") else 4)


MARKS = {
    "process": r"\b(subprocess|multiprocessing|tests\.processes|tests\.namespaces)\b",
    "dds": r"\b(rclpy\.init|spinning|testing\.world|SingleThreadedExecutor)\b",
    "long": r"\b(tests\.(fuzz|benchmarks)|fer_bringup\.clip)\b",
    "training": r"\b(torch|ec_rfernet\.(training|networks|export|cli))\b|\btiny_bundle\b",
}
"""What the source of a test's module has in it, by mark."""

SECONDS = {"process": (8.0, 0.5), "dds": (4.0, 0.7), "training": (8.0, 0.3), "long": (4.0, 0.3)}
"""What a file with this mark lasts, and each of its tests, roughly."""

STARTERS = {"run", "robot", "observer", "fake_board", "launch_board", "board", "rig"}
"""Fixtures that start programs or nodes."""


@cache
def marks_of(module: Path) -> frozenset[str]:
    """The marks of the tests of a module."""
    text = module.read_text(encoding="utf-8")
    return frozenset(mark for mark, pattern in MARKS.items() if re.search(pattern, text))


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--fast`` and ``--shuffle``."""
    text = "without the tests that have a mark; their files are not even imported"
    parser.addoption("--fast", action="store_true", help=text)
    text = "in the random order of this seed: files, and tests within each"
    parser.addoption("--shuffle", metavar="SEED", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Marks are known before they are used."""
    for mark in MARKS:
        config.addinivalue_line("markers", f"{mark}: see conftest.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out what is not fast."""
    fast, file = config.getoption("fast"), collection_path
    return True if fast and file.name.startswith("test_") and marks_of(file) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What there is when the tests have been collected stays: no look for garbage goes through it.

    It takes a quarter of a second, and `spinning` looks each time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the tests, sorts and shuffles them.

    The file that lasts longest begins first: alone it would keep all others waiting in the end.
    What waits for programs and nodes runs beside what computes, from the begin to the end.
    """
    if config.getoption("fast"):
        items[:] = [item for item in items if not STARTERS & set(getattr(item, "fixturenames", ()))]
    starts: dict[Path, float] = {}
    lasts: Counter[Path] = Counter()
    waiting = set()
    for item in items:
        marks = set(marks_of(item.path))
        if STARTERS & set(getattr(item, "fixturenames", ())):
            marks.add("process")
        for mark in marks:
            item.add_marker(mark)
        if marks & {"process", "dds"}:
            waiting.add(item.path)
        seconds = [SECONDS[mark] for mark in marks] or [(0.0, 0.02)]
        starts[item.path] = max(starts.get(item.path, 0.0), *(of_file for of_file, _ in seconds))
        lasts[item.path] += max(of_test for _, of_test in seconds)
    lasts.update(starts)
    due = {}
    for files in (waiting, lasts.keys() - waiting):
        whole, begun = sum(lasts[path] for path in files), 0.0
        for path in sorted(files, key=lambda path: (-lasts[path], path)):
            due[path] = begun / whole
            begun += lasts[path]
    items.sort(key=lambda item: due[item.path])
    if seed := config.getoption("shuffle"):
        chance = random.Random(seed)
        places = {path: chance.random() for path in dict.fromkeys(item.path for item in items)}
        chance.shuffle(items)
        items.sort(key=lambda item: places[item.path])


@pytest.fixture(scope="session", autouse=True)
def signals_of_a_terminal() -> None:
    """A program that a test starts hears each of them, also where the tests run under ``nohup``.

    What is ignored stays so in a program that is started; what is handled does not.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session", autouse=True)
def ros_domain() -> Iterator[None]:
    """A ``ROS_DOMAIN_ID`` of this run's own, discovery on this machine only.

    Child processes inherit both.
    """
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    with claimed_domain() as domain:
        os.environ["ROS_DOMAIN_ID"] = str(domain)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_choice_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tests run what a fresh machine runs, see `ec_rfernet.runtimes.choice`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="session", autouse=True)
def runtime_folder_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Robots of the tests know nothing of the user's that were stopped, and these not of them."""
    folder = tmp_path_factory.mktemp("runtime")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(RUNTIME_VARIABLE, str(folder))
        yield folder


@pytest.fixture(autouse=True)
def no_stop_of_another_test(runtime_folder_of_the_tests: Path) -> Iterator[None]:
    """A robot that a test has stopped is free in the next."""
    yield
    shutil.rmtree(runtime_folder_of_the_tests / "stops", ignore_errors=True)


PEOPLE = Path(__file__).parent / "ros2_ws/src/fer_bringup/fer_bringup/clip/people"


@pytest.fixture(scope="session")
def collins() -> Path:
    """A picture of one person who smiles: Eileen Collins (NASA, public domain)."""
    return PEOPLE / "collins.png"


@pytest.fixture(scope="session")
def hopper() -> Path:
    """A picture of one person who does not: Grace Hopper (US Navy, public domain)."""
    return PEOPLE / "hopper.jpg"
