from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("rosbags", reason="bags are read with rosbags")
pytest.importorskip("mcap", reason="bags are read with mcap")

from mcap.reader import make_reader
from mcap.writer import Writer
from std_msgs.msg import String

from ec_rfernet.labels import LABELS
from fer_monitor.recording.bag_writer import BagFile, TopicToWrite
from fer_monitor.report.command import columns, main
from fer_monitor.report.page import FACES
from fer_monitor.testing.sample_bag import (
    BEGAN,
    LATENCY,
    behaviour,
    emotion,
    image,
    someone,
    write_first_version,
    write_sample,
)

EIGHT = (*LABELS, "contempt")
VOID = {"meta", "input", "path"}


class Page(HTMLParser):
    """Checks that elements are nested, and collects tables, tiles and everything that is loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._open: list[str] = []
        self._table: list[list[str]] | None = None
        self.tables: dict[str, list[list[str]]] = {}
        self.texts: list[str] = []
        self.loaded: list[str] = []
        self.drawings: list[dict[str, str]] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.loaded += [values[name] for name in ("src", "href") if name in values]
        if tag == "table":
            self._table = self.tables.setdefault(values["id"], [])
        if tag == "tr" and self._table is not None:
            self._table.append([])
        if tag in ("td", "th") and self._table is not None:
            self._table[-1].append("")
        if tag == "svg":
            self.drawings.append(values)
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open.pop() == tag
        if tag == "table":
            self._table = None

    def handle_data(self, data: str) -> None:
        if set(self._open) & {"style", "script"}:
            return
        self.texts.append(data)
        if self._table and {"td", "th"} & set(self._open):
            self._table[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    return write_sample(tmp_path_factory.mktemp("sample") / "bag", 40.0, 10.0)


@pytest.fixture(scope="module")
def page(sample) -> Page:
    assert main([str(sample)]) == 0
    return Page((sample / "report.html").read_text(encoding="utf-8"))


def test_the_page_needs_nothing_else(sample, page):
    text = (sample / "report.html").read_text(encoding="utf-8")
    assert page.loaded == []
    assert not re.search(r"https?:|@import|url\(", text)


def test_the_summary(page):
    assert "Duration 0:40 " in page.text
    assert "Images processed 400 10.0 per second" in page.text
    assert "Faces 1 " in page.text
    assert "Answers 2 to happy, sad" in page.text
    assert "Latency 12 ms median" in page.text or "Latency 13 ms median" in page.text
    assert "Model ec_rfernet 0123456789ab" in page.text
    assert "Warnings and errors 1 390 images or messages dropped" in page.text


def test_the_shares(page):
    rows = {row[0]: row[2:] for row in page.tables["shares"][1:]}
    assert list(rows) == [
        *("angry", "disgusted", "scared", "happy", "sad", "surprised", "neutral", "unknown")
    ]
    assert rows["happy"] == ["50.1%", "20.0", "50.1%", "20.0"]
    assert rows["sad"] == ["49.9%", "19.9", "49.9%", "19.9"]
    assert rows["angry"] == ["0.0%", "0.0", "0.0%", "0.0"]


def test_the_responses_with_their_text_escaped(sample, page):
    assert page.tables["responses"][1] == [
        "0:05.0", "happy", "nod", "“<Hello> & welcome”", "happy has lasted long enough",
    ]  # fmt: skip
    assert len(page.tables["responses"]) == 3
    assert "<Hello>" not in (sample / "report.html").read_text(encoding="utf-8")


HOSTILE = "<script>alert(1)</script>\"'--></style><img src=x onerror=alert(2)>\x1b[2J\u202e{{7*7}}"


def of_strangers(duration, rate):
    for time, topic, message in someone(duration, rate, HOSTILE, (*LABELS, HOSTILE)):
        if topic == "/emotions":
            message.emotions[0].face_id = message.attended = HOSTILE
        elif topic == "/behavior_state":
            message.reason = message.motion = HOSTILE
        elif topic == "/diagnostics":
            message.status[0].name = message.status[0].message = HOSTILE
        yield time, topic, message


def test_labels_faces_and_a_path_with_markup_are_text(tmp_path):
    bag = write_sample(tmp_path / f"bag{HOSTILE.replace('/', '')}", happenings=of_strangers)
    assert main([str(bag), "--out", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    read = Page(text)
    assert read.loaded == []
    assert text.count("<script") == text.count("</script") == 1  # our own
    assert "<img" not in text and "\x1b" not in text and "\u202e" not in text
    told = " ".join(read.texts)
    assert "alert(1)</script>" in told and "{{7*7}}" in told and r"\x1b[2J\u202e" in told


def test_the_latencies_and_the_warnings(page):
    names, numbers = page.tables["latencies"]
    assert names == ["median", "95 %", "99 %", "longest"]
    assert set(numbers) <= {f"{1000 * LATENCY:.0f} ms", "13 ms"}
    first, last, told, level, node, message = page.tables["problems"][1]
    assert (first, last, told, level, node) == (
        "0:00",
        "0:36",
        "10×",
        "warning",
        "fer_node: expressions",
    )
    assert message == "no images for 36 s"
    assert page.tables["losses"][1] == ["fer_node: expressions", "dropped, busy", "390"]
    assert ["/emotions", "fer_interfaces/msg/EmotionArray", "400"] in page.tables["topics"]


def test_the_drawing_of_a_face_can_be_heard_and_read_out(page):
    (drawing,) = page.drawings
    assert drawing["aria-label"].startswith("Face anna · 0:00 to 0:40, 39.9 s in view")
    shown = drawing["data-shown"]
    assert set(shown) <= {"3", "4", "."}
    assert shown.index("4") / len(shown) == pytest.approx(0.5, abs=0.01)


def test_every_curve_is_a_path(sample, page):
    text = (sample / "report.html").read_text(encoding="utf-8")
    drawing = ElementTree.fromstring(re.search(r"<svg.*?</svg>", text, re.S)[0])
    paths = [element.get("d") for element in drawing.iter("path")]
    assert len(paths) == 8 + 7 + 8  # grounds, curves, strips
    assert all(re.fullmatch(r"([MHVZ][\d. ]*)*", path) for path in paths)


def test_the_page_of_a_long_recording_with_many_people_stays_small(tmp_path):
    def crowd(duration: float, rate: float):
        for index in range(int(duration * rate)):
            time = index / rate
            label = ("happy", "sad", "unknown", "angry")[index * 7 % 4]
            faces = [emotion(time, f"f{int(time / 20)}", label, (index * 37 % 100) / 100)]
            yield time, "/emotions", image(time, faces)

    path = write_sample(tmp_path / "bag", 600, 10, crowd)
    assert main([str(path)]) == 0
    out = path / "report.html"
    assert out.stat().st_size < 2e6
    page = Page(out.read_text(encoding="utf-8"))
    assert len(page.drawings) == FACES
    assert f"{30 - FACES} more faces" in page.text


def test_gaps_are_told(tmp_path):
    def pausing(duration: float, rate: float):
        for time, topic, message in someone(duration, rate):
            if not 3.0 < time < 6.0:
                yield time, topic, message

    path = write_sample(tmp_path / "bag", 10, 10, pausing)
    assert main([str(path)]) == 0
    page = Page((path / "report.html").read_text(encoding="utf-8"))
    assert ["0:02.9", "3.1 s", "emotions"] in page.tables["gaps"]
    assert ["0:03.0", "3.0 s", "images"] in page.tables["gaps"]
    assert "happy" in page.text


def test_unknown_is_shown_as_unknown(tmp_path):
    def unsure(duration: float, rate: float):
        for index in range(int(duration * rate)):
            face = emotion(index / rate, "a", "unknown", 0.3)
            yield index / rate, "/emotions", image(index / rate, [face])

    path = write_sample(tmp_path / "bag", 5, 10, unsure)
    assert main([str(path)]) == 0
    page = Page((path / "report.html").read_text(encoding="utf-8"))
    assert "Mostly unknown 100% of the time" in page.text
    assert page.tables["shares"][-1] == ["unknown", "", "100.0%", "4.9"]


def test_a_recording_without_a_face_and_one_of_behaviour_only(tmp_path):
    def nobody(duration: float, rate: float):
        yield 0.5, "/emotions", image(0.4)

    def acting(duration: float, rate: float):
        yield 0.0, "/robot/behavior_state", behaviour(0.0, "idle", "")
        yield 2.0, "/robot/behavior_state", behaviour(2.0, "responding", "happy")

    for name, happenings in (("nobody", nobody), ("acting", acting)):
        path = write_sample(tmp_path / name, 5, 10, happenings)
        assert main([str(path)]) == 0
        page = Page((path / "report.html").read_text(encoding="utf-8"))
        assert "No face was seen." in page.text
    assert page.tables["responses"][1][1:3] == ["happy", "nod"]


# CSV


def test_the_csv_has_a_row_for_each_face_of_each_image(sample, tmp_path):
    out = tmp_path / "emotions.csv"
    assert main([str(sample), "--csv", str(out), "--out", str(tmp_path / "x.html")]) == 0
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == columns(LABELS)
    assert len(rows) == 400
    row = rows[210]
    assert row["face_id"] == "anna" and row["label"] == "sad" and row["attended"] == "1"
    assert float(row["time"]) == pytest.approx(21.0)
    assert row["stamp"] == f"{BEGAN // 10**9 + 21}.000000000"
    assert float(row["arrived"]) - float(row["stamp"]) == pytest.approx(LATENCY, abs=1e-6)
    assert float(row["confidence"]) == pytest.approx(float(row["p_sad"]))
    assert sum(float(row[name]) for name in rows[0] if name.startswith("p_")) == pytest.approx(
        1.0, abs=1e-3
    )
    assert [row[name] for name in ("x", "y", "width", "height", "size")] == [
        "200", "120", "160", "170", "0.2500",
    ]  # fmt: skip
    assert [row[name] for name in ("yaw", "pitch", "roll", "engagement")] == [
        "0.1000", "-0.0500", "0.0200", "engaged",
    ]  # fmt: skip


def test_images_without_a_face_have_a_row_without_one(tmp_path):
    def sometimes(duration: float, rate: float):
        for index in range(4):
            faces = [emotion(index, name, "sad", 0.9) for name in "ab"[: index % 3]]
            yield index, "/emotions", image(index, faces)

    path, out = write_sample(tmp_path / "bag", happenings=sometimes), tmp_path / "x.csv"
    assert main([str(path), "--csv", str(out)]) == 0
    with out.open(newline="") as stream:
        rows = [(row["time"], row["face_id"], row["size"]) for row in csv.DictReader(stream)]
    assert rows == [
        ("0.000", "", ""), ("1.000", "a", "0.2500"), ("2.000", "a", "0.2500"),
        ("2.000", "b", "0.2500"), ("3.000", "", ""),
    ]  # fmt: skip


# Labels of the model


@pytest.fixture(scope="module")
def eight(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("eight") / "bag"
    return write_sample(
        folder, happenings=lambda duration, rate: someone(duration, rate, "contempt", EIGHT)
    )


def test_a_model_with_eight_labels_has_eight_rows(eight):
    assert main([str(eight)]) == 0
    text = (eight / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    shares = {row[0]: row[-1] for row in page.tables["shares"][1:]}
    assert list(shares) == [*EIGHT, "unknown"]
    assert float(shares["contempt"]) == pytest.approx(5.0, abs=0.2)
    (drawing,) = page.drawings
    assert "contempt 51% of the time" in drawing["aria-label"]
    assert set(drawing["data-shown"]) <= {"7", "4", "."}
    paths = ElementTree.fromstring(re.search(r"<svg.*?</svg>", text, re.S)[0]).iter("path")
    assert len(list(paths)) == 9 + 8 + 9  # grounds, curves, strips
    colours = re.findall(r'<li style="--c:(#\w{6})">', text)
    assert len(colours) == len(set(colours)) == 9


def test_a_model_with_eight_labels_has_eight_columns(eight, tmp_path):
    out = tmp_path / "x.csv"
    assert main([str(eight), "--csv", str(out)]) == 0
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [name for name in rows[0] if name.startswith("p_")] == [f"p_{name}" for name in EIGHT]
    assert rows[0]["label"] == "contempt"
    assert float(rows[0]["p_contempt"]) == pytest.approx(float(rows[0]["confidence"]))


def test_labels_without_probabilities_are_shown_too(tmp_path):
    """What ``ros2 topic pub /emotion`` says."""

    def by_hand(duration: float, rate: float):
        for index in range(int(duration * rate)):
            face = emotion(index / rate, "a", "proud <b>", 0.9)
            face.labels, face.probabilities = [], []
            yield index / rate, "/emotions", image(index / rate, [face], labels=[])

    path, out = write_sample(tmp_path / "bag", 5, 10, by_hand), tmp_path / "x.csv"
    assert main([str(path), "--csv", str(out)]) == 0
    page = Page((path / "report.html").read_text(encoding="utf-8"))
    assert [row[0] for row in page.tables["shares"][1:]] == [*LABELS, "proud <b>", "unknown"]
    assert "Mostly proud <b> 100% of the time" in page.text
    with out.open(newline="") as stream:
        assert next(csv.DictReader(stream))["p_happy"] == ""


@pytest.mark.parametrize("label", ["=cmd|'/c calc'!A0", "+1", "-1", "@x", "\t=1", "\uff1d1"])
def test_names_of_strangers_are_orders_to_neither_terminal_nor_spreadsheet(tmp_path, label):
    escape = "\x1b]52;c;eA==\x07\x1b[2J\u202e"
    labels = [label, f"b{escape}", *LABELS[2:]]

    def stranger(duration: float, rate: float):
        yield 0, "/emotions", image(0, [emotion(0, f"x{escape}", label, 0.9, labels)], "", labels)
        yield 1, "/emotions", image(1, [emotion(1, label, labels[1], 0.9, labels)], "", labels)

    path, out = write_sample(tmp_path / "bag", happenings=stranger), tmp_path / "x.csv"
    assert main([str(path), "--csv", str(out)]) == 0
    for text in (out.read_text(), (path / "report.html").read_text()):
        assert not set("\x1b\x07\u202e") & set(text)
        assert "\\x1b]52;c;eA==\\x07\\x1b[2J" in text
    with out.open(newline="") as stream:
        first, second = csv.DictReader(stream)
    assert (first["label"], second["face_id"]) == (f"'{label}", f"'{label}")
    assert first[f"p_{label}"] == "0.9000"


# Recordings of earlier versions


def test_a_recording_of_the_first_version_is_read(tmp_path):
    path, out = write_first_version(tmp_path / "bag"), tmp_path / "x.csv"
    assert main([str(path), "--csv", str(out)]) == 0
    page = Page((path / "report.html").read_text(encoding="utf-8"))
    rows = {row[0]: row[2:] for row in page.tables["shares"][1:]}
    assert list(rows) == [*LABELS, "unknown"]
    assert rows["happy"] == ["50.5%", "5.0", "50.5%", "5.0"]
    with out.open(newline="") as stream:
        first, *_, last = csv.DictReader(stream)
    assert tuple(first) == columns(LABELS)
    assert first["yaw"] == first["engagement"] == ""
    assert (first["label"], last["label"]) == ("happy", "sad")
    assert (first["attended"], first["size"]) == ("1", "0.2500")
    assert float(first["p_happy"]) == pytest.approx(0.5)


OTHER = """
std_msgs/Header header
Face[] emotions
================================================================================
MSG: fer_interfaces/Face
string name
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
NAMED = bytes(8) + b"\1\0\0\0\0" + bytes(3) + b"\1\0\0\0" + b"\1\0\0\0\0"


@pytest.mark.parametrize(
    ("definition", "data", "complaint"),
    [
        (OTHER, NAMED, "Emotion has no 'probabilities'"),
        ("string hello\n", b"\1\0\0\0\0", "EmotionArray has no 'emotions', which every version"),
        (
            "strin hello!\n",
            b"",
            "has no message that can be read (1 messages of /emotions are",
        ),
    ],
    ids=["other faces", "no faces", "no definition"],
)
def test_a_recording_that_is_not_understood_is_refused_with_the_reason(
    tmp_path, capsys, definition, data, complaint
):
    sane = TopicToWrite("/emotions", "fer_interfaces/msg/EmotionArray", "string hello\n")
    bag = BagFile(tmp_path / "bag")
    bag.write(sane, BEGAN, b"\0\1\0\0" + data)
    bag.close()
    file = tmp_path / "bag" / "bag.mcap"
    rewrite(file, definition)
    assert main([str(file)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"fer-report: {file}: ") and said.count("\n") == 1
    assert complaint in said
    assert not file.with_suffix(".html").exists()


def rewrite(file: Path, definition: str) -> None:
    """Gives the only topic of a bag another definition."""
    with file.open("rb") as stream:
        ((schema, channel, message),) = make_reader(stream).iter_messages()
    with file.open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        key = writer.register_schema(schema.name, "ros2msg", definition.encode())
        key = writer.register_channel(channel.topic, "cdr", key)
        writer.add_message(key, message.log_time, message.data, message.publish_time)
        writer.finish()


# Bad input


@pytest.mark.parametrize("share", [k / 24 for k in range(1, 24)])
def test_a_truncated_bag_is_reported_as_far_as_it_goes(sample, tmp_path, capsys, share):
    whole = (sample / "bag.mcap").read_bytes()
    path = tmp_path / "cut.mcap"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert main([str(path)]) == 0
    said = capsys.readouterr()
    page = Page((tmp_path / "cut.html").read_text(encoding="utf-8"))
    if "incomplete" in said.err:
        assert said.err.count("\n") == 1 and "cut.mcap is cut off" in said.err
        assert "The recording is incomplete: cut.mcap is cut off" in page.text
    images = int(re.search(r"Images processed (\d+)", page.text)[1])
    assert images >= 400 * share - 40 if share < 0.95 else images == 400


def test_a_robot_that_was_switched_off_leaves_a_folder_without_metadata(sample, tmp_path, capsys):
    whole = (sample / "bag.mcap").read_bytes()
    (tmp_path / "run.mcap").write_bytes(whole[: len(whole) // 2])
    assert main([str(tmp_path)]) == 0
    assert "incomplete" in capsys.readouterr().err


def _nothing_of_ours(folder: Path) -> Path:
    def words(duration: float, rate: float):
        yield 0.0, "/words", String(data="hello")

    return write_sample(folder / "other", happenings=words)


def _empty(folder: Path) -> Path:
    return write_sample(folder / "empty", 0.0)


def _header_only(folder: Path) -> Path:
    path = folder / "head.mcap"
    path.write_bytes((_nothing_of_ours(folder) / "other.mcap").read_bytes()[:60])
    return path


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda folder: folder / "none", "none: does not exist, expected a bag"),
        (lambda folder: folder, "is no bag, expected .mcap or .db3 files or metadata.yaml inside"),
        (_nothing_of_ours, "has no emotions and no behaviour, expected the topics emotions, emo"),
        (_empty, "has no emotions and no behaviour"),
        (_header_only, "its topics are none"),
        (lambda folder: Path(__file__), "is no bag"),
    ],
)
def test_what_cannot_be_reported_is_one_line_and_exit_code_2(tmp_path, capsys, make, complaint):
    assert main([str(make(tmp_path)), "--out", str(tmp_path / "x.html")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("fer-report: ") and said.err.count("\n") == 1
    assert complaint in said.err
    assert not (tmp_path / "x.html").exists()


@pytest.mark.parametrize("option", ["--out", "--csv"])
@pytest.mark.parametrize("place", ["folder", "file/x", "/proc/nothing/x"])
def test_files_that_cannot_be_written(sample, tmp_path, capsys, option, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    assert main([str(sample), option, str(tmp_path / place)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("fer-report: ") and said.count("\n") == 1


@pytest.mark.parametrize("option", ["--out", "--csv"])
def test_standard_output_is_refused(sample, tmp_path, monkeypatch, capsys, option):
    monkeypatch.chdir(tmp_path)
    assert main([str(sample), option, "-"]) == 2
    assert "standard output is not written to" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_recording_itself_is_not_overwritten(sample, capsys):
    file = sample / "bag.mcap"
    before = file.stat().st_size
    assert main([str(file), "--out", str(file)]) == 2
    assert "is the recording itself" in capsys.readouterr().err
    assert file.stat().st_size == before
