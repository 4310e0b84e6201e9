"""The robot and the library in locales whose letters and numbers differ."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ec_rfernet.faces import DETECTORS

SOURCES = Path("/usr/share/i18n")  # Debian's and Ubuntu's package locales
pytestmark = pytest.mark.skipif(
    not (SOURCES / "locales/tr_TR").is_file(), reason="needs the sources of glibc's locales"
)

# Turkish and Azeri have an i without and with dot, and a decimal comma; Latin-5 has one byte for a
# letter and no typographic quotes; and the second byte of a letter in GBK may be a backslash.
LOCALES = {
    "tr_TR.ISO-8859-9": "ığdır",
    "az_AZ.UTF-8": "Gəncə",
    "zh_CN.GBK": "“人”像",
}
"""A name of a picture in each of them."""

OWN = ("-m", "ec_rfernet.cli")
APP = (
    "-c",
    """
import locale
locale.setlocale(locale.LC_ALL, "")  # as graphical programs do
from ec_rfernet.cli import main
raise SystemExit(main())
""",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where glibc finds the locales; the system's own are left alone."""
    place = tmp_path_factory.mktemp("locales")
    for name in LOCALES:
        language, _, letters = name.partition(".")
        command = ["localedef", "-i", language, "-f", letters, str(place / name)]
        subprocess.run(command, check=True, timeout=120)
        told = subprocess.check_output(
            ["locale", "charmap"], env={"LOCPATH": str(place), "LC_ALL": name}, timeout=120
        )
        assert told.decode().strip() == letters
    return place


@pytest.fixture(params=LOCALES)
def name(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Programs are started in a locale: the name of a picture there."""
    monkeypatch.setenv("LOCPATH", str(folder))
    monkeypatch.setenv("LC_ALL", request.param)
    monkeypatch.delenv("PYTHONUTF8", raising=False)
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    text: str = LOCALES[request.param]
    return f"{text}.png".encode(request.param.partition(".")[2])


def predict(program: tuple[str, str], picture: bytes, *options: str) -> tuple[int, bytes]:
    """What ``ec-rfernet predict`` returns, and all that it writes."""
    done = subprocess.run(
        [sys.executable, *program, "predict", *options, picture],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


# What a locale does to a library in C++, it does to one that a graphical program has set.
@pytest.mark.parametrize(
    ("program", "detector"), [(OWN, "blazeface"), *((APP, name) for name in DETECTORS.built_in)]
)
def test_faces_are_found(
    name: bytes, program: tuple[str, str], detector: str, collins: Path, tmp_path: Path
) -> None:
    if detector == "mediapipe" and sys.version_info >= (3, 13):
        pytest.skip("no MediaPipe that sends nothing serves this Python")
    picture = os.fsencode(tmp_path) + b"/" + name
    shutil.copy(collins, picture)
    code, told = predict(program, picture, "--detector", detector)
    assert code == 0, told
    assert name + b": 1 face" in told and b"happy" in told


def test_a_name_from_another_locale_ends_in_no_traceback(
    name: bytes, collins: Path, tmp_path: Path
) -> None:
    for foreign in ("“ığÇ 人”.png".encode(), b"\x80\xff\xfe.png"):
        picture = os.fsencode(tmp_path) + b"/" + foreign
        shutil.copy(collins, picture)
        code, told = predict(OWN, picture)
        if code:
            assert code == 2 and b"the locale" in told and told.count(b"\n") == 1
        else:
            assert b".png: 1 face" in told


# Azeri has the letters' rules of Turkish, and the usual encoding.
@pytest.mark.parametrize("name", [n for n in LOCALES if n != "az_AZ.UTF-8"], indirect=True)
def test_the_robot_answers_and_records(
    name: bytes,
    robot: Callable,
    video: Path,
    parameters: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    greeted = parameters(behavior_node={"in_person": True})
    options = ("--params_file", str(greeted), "--view", "lines", "--record", "true")
    process = robot("--camera", str(video), *options)
    assert process.end() == 0, process.output
    assert "answers  people: greet" in process.output
    assert "sees     happy" in process.output
    assert "Traceback" not in process.output
    assert list(home.rglob("*.mcap"))
