"""Shared by all tests: a ROS domain that nobody else on this machine uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.domains import claimed_domain

settings.register_profile("patient", deadline=None)  # other programs may run beside the tests
settings.load_profile("patient")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More than there are processors: a test often waits, for a program to start or to end."""
    return len(os.sched_getaffinity(0)) + 2


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


PEOPLE = Path(__file__).parent / "ros2_ws/src/fer_bringup/fer_bringup/clip/people"


@pytest.fixture(scope="session")
def collins() -> Path:
    """A picture of one person who smiles: Eileen Collins (NASA, public domain)."""
    return PEOPLE / "collins.png"


@pytest.fixture(scope="session")
def hopper() -> Path:
    """A picture of one person who does not: Grace Hopper (US Navy, public domain)."""
    return PEOPLE / "hopper.jpg"
