"""No two runs of the tests are in one ROS domain."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.domains import DOMAINS, claimed_domain
from tests.processes import Process

HOLDS = """
import signal, sys; from pathlib import Path; from tests.domains import claimed_domain
with claimed_domain(Path(sys.argv[1])) as domain:
    print("domain", domain, flush=True); signal.pause()
"""


def test_no_two_have_the_same_and_who_ends_gives_it_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        taken = [stack.enter_context(claimed_domain(tmp_path)) for _ in DOMAINS]
        assert taken == list(DOMAINS)
        with pytest.raises(RuntimeError, match="all 101 ROS domains are taken"):
            stack.enter_context(claimed_domain(tmp_path))
    with claimed_domain(tmp_path) as domain:
        assert domain == taken[0]


def test_who_is_killed_gives_it_back(
    tmp_path: Path, run: Callable[[list[str]], Process], wait_for: Callable[..., None]
) -> None:
    first = run([sys.executable, "-c", HOLDS, str(tmp_path)])
    first.wait_for("domain 1\n")
    second = run([sys.executable, "-c", HOLDS, str(tmp_path)])
    second.wait_for("domain 2\n")
    first.kill()
    third = run([sys.executable, "-c", HOLDS, str(tmp_path)])
    third.wait_for("domain 1\n")


def test_what_cannot_be_locked_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "ros_domain_1.lock").symlink_to(tmp_path / "of_somebody")
    (tmp_path / "ros_domain_2.lock").write_text("")
    (tmp_path / "ros_domain_2.lock").chmod(0o444)
    with claimed_domain(tmp_path) as domain:
        assert domain == 2
    assert not (tmp_path / "of_somebody").exists()


def test_this_run_has_one() -> None:
    with claimed_domain() as another:
        assert int(os.environ["ROS_DOMAIN_ID"]) != another
