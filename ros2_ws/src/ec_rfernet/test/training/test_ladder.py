import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from ec_rfernet.errors import InputError
from ec_rfernet.files import held
from ec_rfernet.training import ladder, parallel
from ec_rfernet.training.config import configure


def test_rungs_build_on_each_other_but_not_on_what_was_left_aside(tmp_path):
    path = tmp_path / "ladder.yaml"
    path.write_text(
        "rungs:\n"
        "  - {name: one, settings: {epochs: 1, erasing: 0.1}}\n"
        "  - {name: two, aside: true, settings: {erasing: 0.2}}\n"
        "  - {name: three, settings: {light: 0.3}}\n"
    )
    one, two, three = ladder.read_rungs(path)
    assert two.settings == {"epochs": 1, "erasing": 0.2}
    assert three.settings == {"epochs": 1, "erasing": 0.1, "light": 0.3}
    assert list(
        ladder.table([one, two, three], {"one": [0.5, 0.6], "two": [0.5], "three": [0.58]})
    ) == [
        "| rung | seeds | accuracy | change |",
        "|---|---|---|---|",
        "| one | 2 | 55.0% ± 7.1% |  |",
        "| (two) | 1 | 50.0% | -5.0 |",
        "| three | 1 | 58.0% | +3.0 |",
    ]


def test_the_ladder_of_the_library_is_valid(tmp_path):
    for rung in ladder.read_rungs():
        configure("fer2013", {"root": tmp_path, "out": tmp_path, **rung.settings})


def test_a_finished_rung_is_not_run_again(fer2013, tmp_path):
    config = configure(
        "fer2013_nano", {"root": fer2013, "out": tmp_path / "run", "epochs": 1, "batch_size": 16}
    )
    first = ladder.measure(config, parallel.ProcessGroup())
    result = tmp_path / "run" / ladder.RESULT
    result.write_text(json.dumps({**json.loads(result.read_text()), "accuracy": 0.125}))
    assert 0 <= first <= 1
    assert ladder.measure(config, parallel.ProcessGroup()) == 0.125
    with pytest.raises(
        InputError, match=r"accuracy.json: was written with other settings \(epochs"
    ):
        ladder.measure(dataclasses.replace(config, epochs=2), parallel.ProcessGroup())
    result.write_text("half a")
    with pytest.raises(InputError, match="accuracy.json: is not valid JSON"):
        ladder.measure(config, parallel.ProcessGroup())


def _climb(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["ladder", *map(str, words)])
    return ladder.main()


def test_ladders_in_one_folder_share_the_runs(fer2013, tmp_path, monkeypatch, capsys):
    rungs, out = tmp_path / "rungs.yaml", tmp_path / "out"
    rungs.write_text(
        "rungs:\n"
        "  - {name: one, settings: {soft_weight: 0.0, model: emotionnet_nano_b, batch_size: 16}}\n"
        "  - {name: two, settings: {light: 0.0}}\n"
        "  - {name: three, needs: teachers, settings: {distill_weight: 0.5}}\n"
    )
    votes = tmp_path / "votes.npz"
    np.savez(votes, votes=np.ones((7 * 24, 10), np.uint8))
    words = ["--root", fer2013, "--soft-labels", votes, "--out", out, "--epochs", 1]
    words += ["--rungs", rungs, "--threads", 1]
    with held(out / "01-0"):
        assert _climb(monkeypatch, *words) == 0
    said = capsys.readouterr().out
    assert "01-0: another ladder is at it" in said
    assert [line.split(" | ")[0] for line in said.splitlines()[-1:]] == ["| one"]
    finished = (out / "00-0" / ladder.RESULT).stat().st_mtime_ns
    assert _climb(monkeypatch, *words) == 0
    said = capsys.readouterr().out
    assert [line.split(" | ")[0] for line in said.splitlines()[-2:]] == ["| one", "| two"]
    assert (out / "00-0" / ladder.RESULT).stat().st_mtime_ns == finished
    assert not (out / "02-0").exists()  # there is no teacher to learn from


def test_a_rung_that_needs_networks_is_given_those_of_the_command_line(
    fer2013, tmp_path, monkeypatch
):
    rungs = tmp_path / "rungs.yaml"
    rungs.write_text(
        "rungs:\n"
        "  - {name: one, needs: teachers, settings: {}}\n"
        "  - {name: two, needs: out_of_fold, settings: {}}\n"
        "  - {name: three, settings: {}}\n"
    )
    seen = []
    monkeypatch.setattr(ladder, "measure", lambda config, _world: seen.append(config) or 0.5)
    words = ["--root", fer2013, "--soft-labels", "votes.npz", "--out", tmp_path / "out"]
    words += ["--epochs", 1, "--rungs", rungs, "--teachers", "a", "b", "--out-of-fold", "c"]
    assert _climb(monkeypatch, *words) == 0
    asked = [(config.teachers, config.out_of_fold) for config in seen]
    assert asked == [((Path("a"), Path("b")), ()), ((), (Path("c"),)), ((), ())]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rungs: [{name: one, needs: luck, settings: {}}]", "'one' needs 'luck', expected teach"),
        ("rungs: [{name: one}]", "ladder.yaml: not a ladder"),
        ("rungs: []", "ladder.yaml: a ladder without rungs"),
        ("\x00", "ladder.yaml: is not valid YAML"),
        ("rungs: [{name: one, settings: {erase: 1}}]", "unknown setting 'erase'"),
        ("rungs: [{name: one, settings: {root: a}}]", "unknown setting 'root'"),
        ("rungs: [{name: one, settings: {erasing: x}}]", "erasing is 'x', expected a number"),
        ("rungs: [{name: a, settings: {}}, {name: a, settings: {}}]", "two rungs are called 'a'"),
    ],
)
def test_a_faulty_ladder_is_named(tmp_path, text, message):
    path = tmp_path / "ladder.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        ladder.read_rungs(path)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [("--seeds", "0", "--seeds is 0"), ("--out", __file__, "is a file, expected a folder")],
)
def test_a_mistake_on_the_command_line_is_one_line(
    fer2013, tmp_path, monkeypatch, capsys, option, value, message
):
    given = {"--root": str(fer2013), "--soft-labels": "none.csv", "--out": str(tmp_path / "out")}
    words = [word for pair in {**given, "--epochs": "1", option: value}.items() for word in pair]
    assert _climb(monkeypatch, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
