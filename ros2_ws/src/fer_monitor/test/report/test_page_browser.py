"""The page in a real browser: its script reads the timeline out, and nobody else is asked."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from ec_rfernet.labels import LABELS
from fer_monitor.report.command import main
from fer_monitor.testing.headless_browser import CHROMIUM, browser
from fer_monitor.testing.sample_bag import someone, write_sample

if CHROMIUM is None:
    pytest.skip("needs apt install chromium", allow_module_level=True)

EIGHT = (*LABELS, "contempt")
POINT = """(() => {
  const box = document.querySelector(".timeline .axis").getBoundingClientRect();
  const place = { clientX: box.left + %s * box.width, clientY: box.top + 5, bubbles: true };
  document.querySelector(".timeline").dispatchEvent(new PointerEvent("pointermove", place));
  return document.getElementById("readout").textContent;
})()"""


def test_the_label_under_the_pointer_is_read_out(tmp_path: Path) -> None:
    bag = write_sample(
        tmp_path / "bag",
        happenings=lambda duration, rate: someone(duration, rate, "contempt", EIGHT),
    )
    assert main([str(bag), "--out", str(tmp_path / "page.html")]) == 0
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        browser(Path(folder)) as tab,
    ):
        tab.open((tmp_path / "page.html").as_uri())
        assert tab.run(POINT % 0.25).endswith("  anna contempt")
        assert tab.run(POINT % 0.75).endswith("  anna sad")
        assert [url for url in tab.requested if not url.startswith("file:")] == []
