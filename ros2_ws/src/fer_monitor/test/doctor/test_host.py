"""The project is found, and programs that a check runs end in time."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

from fer_common.testing import until
from fer_monitor.doctor.host import Children, find_root

PACKAGE = Path(__file__).parents[2]


def test_the_project_is_found_from_within(tmp_path):
    assert find_root([tmp_path, PACKAGE]) == PACKAGE.parents[2]
    assert find_root([tmp_path]) is None


def test_a_child_that_hangs_is_ended_with_its_own_children(alive):
    start = time.monotonic()
    outcome = Children().run(("bash", "-c", "sleep 600 & echo $!; sleep 600"), 0.4)
    assert outcome.code is None and time.monotonic() - start < 300
    assert until(lambda: not alive(int(outcome.out)))


def test_a_child_that_ends_leaves_nobody_behind(alive):
    outcome = Children().run(("bash", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"), 10.0)
    assert outcome.code == 0
    assert until(lambda: not alive(int(outcome.out)))


def test_a_program_that_is_not_there():
    outcome = Children().run(("/no/such/program",), 1.0)
    assert outcome.code == 127 and "No such file" in outcome.complaint


def test_all_children_can_be_ended(tmp_path):
    children, outcomes, begun = Children(), [], tmp_path / "begun"
    command = ("bash", "-c", f"touch {begun}; sleep 60")
    thread = threading.Thread(
        target=lambda: outcomes.append(children.run(command, 60.0)), daemon=True
    )
    thread.start()
    assert until(begun.exists)
    children.end()
    thread.join(10)
    assert outcomes[0].code == -signal.SIGKILL
    assert children.run(("true",), 1.0).code is None
