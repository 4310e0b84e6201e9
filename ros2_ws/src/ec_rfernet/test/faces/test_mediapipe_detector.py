"""MediaPipe, where it is installed, without what its packages import besides."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ec_rfernet.cli import main
from ec_rfernet.errors import InputError
from ec_rfernet.faces import DETECTORS

served = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="no MediaPipe that sends nothing serves this Python"
)

GRAPH = """
import sys
if {whole}:
    import mediapipe
from ec_rfernet.faces.mediapipe_detector import face_detection
network = face_detection().FaceDetection(min_detection_confidence=0.3, model_selection=1)
print(network._graph.text_config)
print("pyplot" if "matplotlib.pyplot" in sys.modules else "no pyplot")
"""


def python(program: str, *path: Path) -> subprocess.CompletedProcess[str]:
    """What a program does that finds packages in some folders first."""
    places = [*map(str, path), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
    )  # fmt: skip


@served
def test_its_graph_is_that_of_the_whole_package() -> None:
    light, whole = (python(GRAPH.format(whole=whole)) for whole in (False, True))
    assert light.returncode == 0, light.stderr
    text, _, pyplot = light.stdout.strip().rpartition("\n")
    assert "min_suppression_threshold" in text and pyplot == "no pyplot"
    if whole.returncode == 0:  # it needs more than is installed here
        assert whole.stdout.strip().rpartition("\n")[0] == text


@served
def test_an_empty_picture_has_no_face() -> None:
    detector = DETECTORS.get("mediapipe")(0.5)
    for shape in ((64, 64, 3), (7, 900, 3), (1, 1, 3)):
        assert detector.detect(np.zeros(shape, np.uint8)) == []
    detector.close()


# What is refused.

LOOK = """
import sys
from pathlib import Path
from ec_rfernet.cli import main
code = main(["predict", "--detector", "mediapipe", "no_such_picture.png"])
print("imported" if "mediapipe" in sys.modules else "not imported")
sys.exit(code)
"""


def install(folder: Path, release: str, module: str = "raise SystemExit('it runs')") -> None:
    """A distribution of MediaPipe, as pip would install it."""
    (folder / "mediapipe").mkdir(parents=True)
    (folder / "mediapipe" / "__init__.py").write_text(module)
    metadata = folder / f"mediapipe-{release}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: mediapipe\nVersion: {release}\n"
    )


@pytest.mark.parametrize("release", ["1.0.0", "1.3rc1", "10.0"])
def test_a_release_that_sends_metrics_is_refused_before_it_is_imported(
    tmp_path: Path, release: str
) -> None:
    install(tmp_path, release)
    done = python(LOOK, tmp_path)
    assert done.returncode == 2
    assert done.stdout == "not imported\n"
    (line,) = done.stderr.splitlines()
    assert f"MediaPipe {release}" in line and "sends usage metrics to Google" in line
    assert "blazeface" in line


def test_a_release_without_models_is_refused(tmp_path: Path) -> None:
    install(tmp_path, "0.10.31", "")
    done = python(LOOK, tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "cannot use MediaPipe 0.10.31" in line and "requirements/mediapipe.txt" in line


def test_where_it_is_not_installed_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Python's path is that of a machine without it.
    for name in [name for name in sys.modules if name.partition(".")[0] == "mediapipe"]:
        monkeypatch.delitem(sys.modules, name)
    without = [place for place in sys.path if not list(Path(place).glob("mediapipe-*.dist-info"))]
    monkeypatch.setattr(sys, "path", without)
    with pytest.raises(InputError, match=r"not installed: pip install .*, or use detector blazefa"):
        DETECTORS.get("mediapipe")(0.5)
    assert main(["predict", "--detector", "mediapipe", "no_such_picture.png"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
