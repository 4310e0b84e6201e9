import dataclasses
import json
import sys
from pathlib import Path

import cv2
import pytest

from ec_rfernet import bundle
from ec_rfernet.benchmark import candidates as own
from ec_rfernet.benchmark import comparison, peers
from ec_rfernet.benchmark.candidates import RuntimeDecision
from ec_rfernet.benchmark.comparison import compare
from ec_rfernet.benchmark.subject import Candidate, Subject
from ec_rfernet.benchmark.timing import Timing, TimingSettings
from ec_rfernet.cli import main
from ec_rfernet.runtimes import available, choice, open_classifier

MODEL = Path(__file__).resolve().parents[5] / "models" / "emotionnet_nano_b"
BRIEF = TimingSettings(rounds=1, turn_s=0.001)


@pytest.fixture
def without(monkeypatch):
    """Makes packages look as if they were not installed."""

    def hide(*names):
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return hide


@pytest.fixture
def settings_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def benchmark(*arguments):
    return main(["benchmark", "--bundle", str(MODEL), "--quick", *map(str, arguments)])


def test_from_one_end_to_the_other(tmp_path, capsys, without):
    without("openvino")
    files = [tmp_path / name for name in ("b.json", "b.txt", "b.png")]
    options = zip(("--json", "--text", "--plot"), files, strict=True)
    assert (
        benchmark("--no-peers", "--threads", 1, *(word for option in options for word in option))
        == 0
    )
    printed = capsys.readouterr().out
    assert files[1].read_text() == printed
    assert "emotionnet_nano_b  onnxruntime  int8" in printed
    assert cv2.imread(str(files[2])) is not None
    values = json.loads(files[0].read_text())
    assert values["format"] == 1
    assert values["machine"]["versions"]["onnxruntime"]
    assert {*values["ceilings"]} == {"fp32", "bf16", "int8"}
    assert any("openvino is not installed" in reason for reason in values["left_out"])
    assert any("--compile" in reason for reason in values["left_out"])
    subjects = {(s["runtime"], s["precision"]): s for s in values["subjects"]}
    assert {("torch", "fp32"), ("onnxruntime", "fp32"), ("onnxruntime", "int8")} <= {*subjects}
    usual = subjects["onnxruntime", "fp32"]
    assert usual["accuracy"] == bundle.load(MODEL).metrics["public"]["single_crop"]["accuracy"]
    assert 0 < usual["start_s"] < 60
    assert 20 < usual["peak_mb"] < subjects["torch", "fp32"]["peak_mb"]
    for timing in (timing for subject in values["subjects"] for timing in subject["timings"]):
        assert 0 < timing["median_ms"] <= timing["p99_ms"]
        assert timing["share_of_ceiling"] > 0
    assert usual["timings"][0]["times_faster_than_onnxruntime_fp32"] == 1


@pytest.fixture
def started_by_nobody(monkeypatch):
    """Nothing is started alone, which has tests of its own."""
    monkeypatch.setattr(comparison, "footprint", lambda _candidate: "not started")


def test_without_torch(capsys, without, started_by_nobody):
    without("torch", "openvino")
    assert benchmark() == 0
    printed = capsys.readouterr().out
    assert "onnxruntime  int8" in printed
    for reason in (
        "in PyTorch: torch is not installed",
        "networks of others: torch not installed",
        "bf16 ceiling",
    ):
        assert reason in printed


def test_without_onnx_there_is_no_int8_ceiling(tmp_path, capsys, without, started_by_nobody):
    without("torch", "onnx", "openvino")
    assert benchmark("--json", tmp_path / "b.json") == 0
    values = json.loads((tmp_path / "b.json").read_text())
    assert values["ceilings"] == {}
    assert values["subjects"][0]["timings"][0]["share_of_ceiling"] is None
    assert "ceiling of one core, GMAC/s: not measured" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--json", "--text", "--plot"])
def test_a_place_that_cannot_be_written_is_found_out_before(option, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert benchmark(option, tmp_path / "file" / "b") == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert len(error.splitlines()) == 1
    assert "file" in error


@pytest.mark.parametrize("threads", ["0", "1000"])
def test_more_threads_than_cores(threads, capsys):
    assert benchmark("--threads", threads) == 2
    assert f"--threads is {threads}, expected 1.." in capsys.readouterr().err


def test_no_models(monkeypatch, capsys):
    monkeypatch.setenv("AMENT_PREFIX_PATH", "")
    assert main(["benchmark"]) == 2
    assert "--bundle" in capsys.readouterr().err


def test_finds_the_installed_models(tmp_path, monkeypatch):
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    folder = tmp_path / "share" / "fer_models" / "some"
    folder.mkdir(parents=True)
    assert bundle.shipped() == []
    (folder / "bundle.json").write_text("{}")
    assert bundle.shipped() == [folder]


def test_models_of_the_same_name_are_told_apart():
    model = bundle.load(MODEL)
    older = dataclasses.replace(model, sha256={bundle.ONNX: 64 * "0"})
    other = dataclasses.replace(model, name="other")
    names = [found.name for found in own.apart([model, older, other])]
    assert names == [f"{model.name}@{model.short_hash[:6]}", f"{model.name}@000000", "other"]


def test_what_does_not_run_is_left_out_with_the_reason(tmp_path):
    def refuse(_threads):
        raise RuntimeError("no compiler found\nsecond line")

    broken = Candidate(Subject("broken", "torch.compile", "fp32", 8), tmp_path, refuse, refuse)
    (peer,) = peers.candidates(tmp_path, ["mini_xception"])
    result = compare([broken, peer], [1], [1, 2], BRIEF, sizes=(16,))
    assert [subject.network for subject in result.subjects()] == ["mini_xception"]
    assert len(result.timings) == 2
    assert result.left_out == ("broken, torch.compile fp32: does not run here (no compiler found)",)
    assert result.footprints[peer.subject].peak_mb > 20


def test_what_does_not_start_alone_is_reported(tmp_path):
    (peer,) = peers.candidates(tmp_path, ["mini_xception"])
    run = peer.open(1)
    peer.source.write_text("damaged")
    candidate = Candidate(peer.subject, peer.source, lambda _threads: run, peer.batch)
    result = compare([candidate], [1], [1], BRIEF, sizes=())
    assert result.footprints == {}
    assert result.left_out[0].startswith("start of mini_xception, onnxruntime fp32: ")


def test_choose_is_what_runs_from_then_on(settings_folder, capsys, without):
    without("torch", "openvino")
    assert benchmark("--choose") == 0
    printed = capsys.readouterr().out
    assert "chosen" in printed
    assert str(settings_folder) in printed
    model = bundle.load(MODEL)
    chosen = choice.read(model)
    assert {"onnxruntime fp32", "onnxruntime int8"} <= {*chosen.medians}
    assert {" ".join(pair) for pair in available(model)} == {*chosen.medians}
    assert f"{chosen.runtime} {chosen.precision}" == min(chosen.medians, key=chosen.medians.get)
    classifier = open_classifier(model)
    assert (classifier.runtime, classifier.precision) == (chosen.runtime, chosen.precision)
    assert classifier.warning is None


def test_choose_where_it_cannot_be_written(settings_folder, capsys):
    settings_folder.write_text("a file")
    assert benchmark("--choose") == 2
    out, error = capsys.readouterr()
    assert (out, len(error.splitlines())) == ("", 1)


def test_choose_writes_no_comparison(tmp_path, capsys):
    assert benchmark("--choose", "--json", tmp_path / "b.json") == 2
    assert "b.json" in capsys.readouterr().err


def test_the_fastest_that_is_accurate_is_chosen():
    def subject(runtime, precision, accuracy):
        return Subject("own", runtime, precision, 44, accuracy=accuracy)

    times = {
        subject("onnxruntime", "fp32", 0.68): 0.0026,
        subject("onnxruntime", "int8", 0.60): 0.0010,
        subject("openvino", "bf16", None): 0.0014,
        subject("openvino", "fp32", 0.68): 0.0020,
    }
    timings = {name: Timing(100, seconds, seconds) for name, seconds in times.items()}
    decision = RuntimeDecision(timings, ("fp32",))
    assert (decision.best.runtime, decision.best.precision) == ("openvino", "fp32")
    assert decision.choice().medians == {"onnxruntime fp32": 2.6, "openvino fp32": 2.0}
    verdicts = decision.table().splitlines()[2:]
    for line, verdict in zip(
        verdicts,
        ("loses more than 0.3 points", "accuracy not measured", "chosen", "slower"),
        strict=True,
    ):
        assert verdict in line
