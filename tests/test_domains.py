"""No two runs of the tests are in one ROS domain."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.domains import DOMAINS, claimed_domain
from tests.processes import Process

HOLDS = """
import signal, sys; from tests.domains import claimed_domain
with claimed_domain(sys.argv[1]) as domain:
    print("domain", domain, flush=True); signal.pause()
"""


@pytest.fixture
def name() -> str:
    """One that nobody else has."""
    return f"test_{os.getpid()}"


def test_no_two_have_the_same_and_who_ends_gives_it_back(name: str) -> None:
    with ExitStack() as stack:
        taken = [stack.enter_context(claimed_domain(name)) for _ in DOMAINS]
        assert taken == list(DOMAINS)
        with pytest.raises(RuntimeError, match="all 101 ROS domains are taken"):
            stack.enter_context(claimed_domain(name))
    with claimed_domain(name) as domain:
        assert domain == taken[0]


def test_who_is_killed_gives_it_back(
    name: str, run: Callable[[list[str]], Process], wait_for: Callable[..., None]
) -> None:
    first = run([sys.executable, "-c", HOLDS, name])
    first.wait_for("domain 1\n")
    second = run([sys.executable, "-c", HOLDS, name])
    second.wait_for("domain 2\n")
    first.kill()
    third = run([sys.executable, "-c", HOLDS, name])
    third.wait_for("domain 1\n")


def test_this_run_has_one() -> None:
    with claimed_domain() as another:
        assert int(os.environ["ROS_DOMAIN_ID"]) != another
