"""The notebook does what it says: all its cells run, and what they find is right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer_bringup.clip import make_clip

NOTEBOOK = Path(__file__).parents[1] / "docs/notebooks/first_steps.ipynb"
PEOPLE = Path(make_clip.__file__).with_name("people")


@pytest.fixture
def short_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of a smiling face in place of the clip, which takes half a minute to make."""
    face = cv2.resize(cv2.imread(str(PEOPLE / "collins.png"))[:480, 16:496], (240, 240))
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (240, 240))
    for _ in range(10):
        writer.write(np.ascontiguousarray(face))
    writer.release()
    monkeypatch.setattr(make_clip, "ensure_clip", lambda _say: path)


@pytest.mark.usefixtures("short_clip")
def test_every_cell_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import matplotlib  # here: every process imports this module, and one runs it
    import matplotlib.pyplot as plt

    matplotlib.use("Agg")
    monkeypatch.chdir(NOTEBOOK.parent)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    drawn: list[int] = []
    monkeypatch.setattr(plt, "show", lambda: drawn.append(len(plt.gcf().axes)) or plt.close("all"))
    names: dict[str, Any] = {}
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    programs = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    for number, program in enumerate(programs):
        exec(compile(program, f"cell {number + 1}", "exec"), names)
    assert [face.label for face in names["faces"]] == ["happy"]
    assert {face.label for _, face in names["seen"]} == {"happy"} and names["times"][-1] < 1
    assert names["session"].duration == pytest.approx(20, abs=0.5)
    assert drawn == [1, 2, 1], "the picture, the time line beside the circle, and the recording"


def test_it_has_its_output_and_no_path_of_a_machine() -> None:
    text = NOTEBOOK.read_text(encoding="utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    assert sum("image/png" in o.get("data", {}) for c in cells for o in c["outputs"]) == 3
    assert not re.search(r"/(home|root|work|tmp|Users)/", text)
