"""Checks run beside each other, and none stops the others."""

from __future__ import annotations

import threading
import time

from fer_common.reason import Level
from fer_monitor.doctor.check import Check, about, examine_all, ok, warn
from fer_monitor.doctor.host import MissingError

OK, WARN, FAIL = Level


def test_findings_come_in_the_order_of_the_checks(host):
    late = threading.Event()

    def slow(host):
        late.wait(120)
        return [ok("slow")]

    def quick(host):
        late.set()
        return [about("own name", warn("quick", "wait"))]

    found = examine_all([Check("a", slow), Check("b", quick)], host)
    assert [(f.subject, f.text) for f in found] == [("a", "slow"), ("own name", "quick")]


def test_a_check_that_breaks_or_lacks_something_is_one_line(host):
    def breaks(host):
        yield ok(str(1 / 0))

    def lacks(host):
        raise MissingError("No module named 'numpy'")

    found = examine_all([Check("a", breaks), Check("b", lacks), Check("c", lambda h: [])], host)
    assert [finding.level for finding in found] == [FAIL, WARN]
    assert "ZeroDivisionError: division by zero" in found[0].text
    assert "not tried (No module named 'numpy')" in found[1].text


def test_a_check_that_hangs_is_given_up(host):
    release = threading.Event()

    def hangs(host):
        release.wait(600)
        return []

    checks = [Check("a", hangs, 0.2), Check("b", lambda h: [ok("b")]), Check("c", hangs, 0.3)]
    start = time.monotonic()
    found = examine_all(checks, host)
    assert time.monotonic() - start < 300
    release.set()
    assert [finding.level for finding in found] == [FAIL, OK, FAIL]
    assert "did not end within 0.2 s and was given up" in found[0].text
