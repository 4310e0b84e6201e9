import dataclasses

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ec_rfernet import networks, runtimes
from ec_rfernet.bundle import Bundle
from ec_rfernet.errors import InputError
from ec_rfernet.export import write_bundle
from ec_rfernet.faces.framing import FER2013
from ec_rfernet.kernels import network as kernels
from ec_rfernet.runtimes import choice, cpu, open_classifier
from ec_rfernet.runtimes.choice import Choice

PICTURES = torch.arange(8 * 48 * 48).reshape(8, 48, 48).remainder(256).to(torch.uint8).numpy()


def figures(**accuracies):
    first, *others = accuracies.items()
    cheaper = {name: {"single_crop": {"accuracy": value}} for name, value in others}
    return {"single_crop": {"accuracy": first[1]}, **cheaper}


GOOD = {"public": figures(fp32=0.6826, int8=0.6868)}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    torch.manual_seed(0)
    draft = Bundle(
        folder=tmp_path_factory.mktemp("choice") / "tiny", name="tiny", metrics=GOOD,
        architecture="emotionnet_nano_b", input_size=44, mean=0.5, std=0.25, framing=FER2013,
    )  # fmt: skip
    return write_bundle(draft, networks.create("emotionnet_nano_b"), PICTURES)


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path


def made(runtime="onnxruntime", precision="fp32", on=None):
    medians = {"onnxruntime fp32": 2.66, "onnxruntime int8": 1.17}
    return Choice(runtime, precision, on or cpu.name(), "2025-11-02", medians)


def opened(bundle, *names):
    found = open_classifier(bundle, 1, *names)
    return found.runtime, found.precision


def test_in_a_home_that_is_none_nothing_is_chosen(bundle, monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/dev/null")  # of a user whom a container does not know
    assert choice.read(bundle) is None


def test_the_place(config, monkeypatch):
    assert choice.place() == config / "ec_rfernet" / "runtime.yaml"
    monkeypatch.setenv("HOME", "/somebody")
    for nothing in ("", "relative/path"):
        monkeypatch.setenv("XDG_CONFIG_HOME", nothing)
        assert str(choice.place()) == "/somebody/.config/ec_rfernet/runtime.yaml"


@pytest.fixture
def general(monkeypatch):
    """Our own kernels were not built."""
    monkeypatch.setattr(kernels, "find", lambda: None)


def test_without_a_choice_int8_runs_where_it_is_proven(bundle, general):
    assert choice.read(bundle) is None
    assert opened(bundle) == ("onnxruntime", "int8")
    assert opened(bundle, "torch") == ("torch", "fp32")
    assert opened(bundle, "auto", "fp32") == ("onnxruntime", "fp32")
    assert opened(dataclasses.replace(bundle, metrics={})) == ("onnxruntime", "fp32")


@pytest.mark.skipif(kernels.find() is None, reason="ec_rfernet_native was not built")
def test_without_a_choice_our_own_kernels_run_where_they_are_fast(bundle, monkeypatch):
    monkeypatch.setattr(kernels, "paths", lambda: ("avx512", "portable"))
    assert opened(bundle) == ("native", "int8")
    assert opened(bundle, "auto", "fp32") == ("native", "fp32")
    assert opened(bundle, "onnxruntime") == ("onnxruntime", "int8")
    monkeypatch.setattr(kernels, "paths", lambda: ("portable",))
    assert opened(bundle) == ("onnxruntime", "int8")


def test_kernels_that_cannot_be_loaded_are_passed_over(bundle, tmp_path, monkeypatch):
    (tmp_path / "kernels.so").write_text("of another machine")
    monkeypatch.setattr(kernels, "find", lambda: tmp_path / "kernels.so")
    assert opened(bundle) == ("onnxruntime", "int8")


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({}, ["fp32"]),
        ({"public": {"accuracy": 0.5}, "network": {"macs": 3}}, ["fp32"]),
        ({"public": figures(fp32=0.6826)}, ["fp32"]),
        (GOOD, ["fp32", "int8"]),
        ({"public": figures(fp32=0.6826, int8=0.6796, bf16=0.6795)}, ["fp32", "int8"]),
        ({"public": figures(fp32=0.6826, int8=0.6795, bf16=0.6796)}, ["fp32", "bf16"]),
        ({**GOOD, "private": figures(fp32=0.7, int8=0.69)}, ["fp32"]),
        ({**GOOD, "private": figures(fp32=0.7)}, ["fp32"]),
    ],
)
def test_what_is_accurate_enough(bundle, metrics, expected):
    found = choice.accurate(dataclasses.replace(bundle, metrics=metrics))
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize(
    "metrics", [{"public": 3}, {"public": {"single_crop": 0.6}}, {"a": {"single_crop": {}}}]
)
def test_figures_written_by_hand(bundle, metrics):
    with pytest.raises(InputError, match=r"bundle.json: metrics missing or of the wrong type"):
        choice.accurate(dataclasses.replace(bundle, metrics=metrics))


def test_a_choice_is_followed(bundle):
    path = choice.write(bundle, made())
    assert choice.read(bundle) == made()
    assert "medians:" in path.read_text()
    assert opened(bundle) == opened(bundle, "onnxruntime") == ("onnxruntime", "fp32")


def test_what_is_asked_for_goes_before_the_choice(bundle, general):
    choice.write(bundle, made())
    assert opened(bundle, "onnxruntime", "int8") == ("onnxruntime", "int8")
    assert opened(bundle, "auto", "int8") == ("onnxruntime", "int8")
    assert opened(bundle, "torch") == ("torch", "fp32")
    assert open_classifier(bundle, 1, "torch").warning is None


def test_the_other_half_comes_from_the_choice(bundle):
    choice.write(bundle, made("torch"))
    assert opened(bundle, "auto", "fp32") == ("torch", "fp32")


def test_each_bundle_has_its_own(bundle):
    other = dataclasses.replace(bundle, sha256={"model.onnx": "123456789012345"})
    choice.write(other, made("openvino", "bf16"))
    choice.write(bundle, made())
    choice.write(bundle, made("torch"))
    assert choice.read(bundle) == made("torch")
    assert choice.read(other) == made("openvino", "bf16")


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        (made(on="Another 9000"), "chosen on 'Another 9000', this is "),
        (made("openvino"), "runtime 'openvino' is not installed any more"),
        (made("onnxruntime", "bf16"), "runtime 'onnxruntime' has no bf16 of this model here"),
    ],
)
def test_a_choice_that_does_not_fit_is_passed_over(bundle, monkeypatch, capfd, chosen, problem):
    monkeypatch.setattr(runtimes, "installed", lambda name: name == "onnxruntime")
    path = choice.write(bundle, chosen)
    found = open_classifier(bundle)
    assert (found.runtime, found.precision) == ("onnxruntime", "int8")
    assert found.warning.startswith(f"{path}: {problem}")
    assert "onnxruntime int8 runs instead" in found.warning
    assert "\n" not in found.warning
    assert "".join(capfd.readouterr()) == ""
    assert open_classifier(bundle, 1, "onnxruntime", "fp32").warning is None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (3, "is 3, expected runtime, precision, cpu and date"),
        ({"precision": "fp32"}, "runtime is None, expected onnxruntime"),
        ({"runtime": "cuda", "precision": "fp32"}, "runtime is 'cuda', expected onnxruntime"),
        ({"runtime": "torch", "precision": ["fp32"]}, r"precision is \['fp32'\], expected fp32"),
        ({"runtime": "torch", "precision": "fp32", "medians": 2}, "medians is 2, expected"),
    ],
)
def test_a_damaged_entry_is_named(bundle, entry, message):
    path = choice.write(bundle, made())
    path.write_text(yaml.safe_dump({bundle.short_hash: entry}))
    with pytest.raises(InputError, match=f"runtime.yaml: {bundle.short_hash}:? ?{message}"):
        open_classifier(bundle)
    assert opened(bundle, "onnxruntime", "fp32") == ("onnxruntime", "fp32")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_file_is_read_or_refused_in_one_line(bundle, config, content):
    path = choice.place()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    try:
        assert choice.read(bundle) is None
    except InputError as error:
        assert str(error).startswith(f"{path}: ")
        assert "\n" not in str(error)


def test_a_damaged_file_is_not_overwritten(bundle):
    path = choice.write(bundle, made())
    path.write_text("{")
    with pytest.raises(InputError, match=r"runtime.yaml: is not valid YAML"):
        choice.write(bundle, made())
    assert path.read_text() == "{"


def test_a_folder_in_its_place(bundle):
    choice.place().mkdir(parents=True)
    with pytest.raises(InputError, match=r"runtime.yaml: is not a file but a folder"):
        choice.read(bundle)


def test_a_choice_is_written_whole_or_not_at_all(bundle, monkeypatch):
    path = choice.write(bundle, made())
    before = path.read_text()

    def full(self, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(OSError, match="No space left"):
        choice.write(bundle, made("torch"))
    monkeypatch.undo()
    assert path.read_text() == before
    assert [file.name for file in path.parent.iterdir()] == ["runtime.yaml"]


def test_this_processor_has_a_name():
    assert cpu.name()
    assert cpu.name() == cpu.name().strip()
