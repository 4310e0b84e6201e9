"""What a protocol may say, what is said about a wrong one, and who meets what in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.errors import InputError
from fer_study.protocol import Participant, StudyProtocol, latin_square_row, new_study
from fer_study.station import check_with_robot


@given(st.integers(1, 10))
def test_every_condition_is_equally_often_at_each_place_and_before_each_other_one(
    count: int,
) -> None:
    rows = count if count % 2 == 0 else 2 * count
    square = [latin_square_row(range(count), number + 1) for number in range(rows)]
    places = Counter((place, item) for row in square for place, item in enumerate(row))
    assert len(places) == count * count and len(set(places.values())) == 1
    pairs = Counter(pair for row in square for pair in pairwise(row))
    assert len(pairs) == count * (count - 1) and len(set(pairs.values())) <= 1
    assert latin_square_row(range(count), rows + 1) == square[0]


def test_a_new_study_runs_at_once(tmp_path: Path) -> None:
    files = new_study(tmp_path / "my_study")
    assert [file.name for file in files] == ["protocol.yaml", "consent.txt"]
    assert (tmp_path / "my_study").stat().st_mode & 0o777 == 0o700
    protocol = StudyProtocol.load(tmp_path / "my_study")
    check_with_robot(protocol)
    assert protocol.name == "my_study" and "voluntary" in protocol.consent
    assert {q.id: q.scale for q in protocol.questions}["liked"] == (1, 7)
    with pytest.raises(InputError, match="there is a study already"):
        new_study(tmp_path / "my_study")
    with pytest.raises(InputError, match="expected a name of letters"):
        new_study(tmp_path / "my study")


def test_the_order_follows_from_the_number(study: Path) -> None:
    protocol = StudyProtocol.load(study / "protocol.yaml")
    orders = {
        code: [c.name for c in protocol.order_for(Participant.read(code))]
        for code in ("1", "P02", "3")
    }
    assert orders["1"] == orders["3"] == ["responsive", "scripted"]
    assert orders["P02"] == ["scripted", "responsive"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"conditions": None}, "conditions is missing"),
        ({"conditions": {}}, "conditions is 0, expected 1 to 10"),
        ({"conditions": {"a": {"behaviours": "kind"}}}, "a.behaviours is 'kind', expected resp"),
        ({"conditions": {"a": {"behaviours": "x.yaml"}}}, "a.behaviours is 'x.yaml': "),
        ({"conditions": {"a": {"behaviours": "loop.yaml"}}}, "Too many levels of symbolic links"),
        ({"conditions": {"a": {"behaviours": "../greeting"}}}, "expected responsive, none, fixed"),
        ({"conditions": {"a": {"behaviours": "\0.yaml"}}}, "has characters that are no text"),
        ({"phases": [{"name": "\ud800", "seconds": 1}]}, "has characters that are no text"),
        ({"phases": [{"name": "a"}] * 21}, "phases is 21, expected 1 to 20 of them"),
        ({"questions": [{"id": "a", "ask": "?"}] * 51}, "questions is 51, expected 0 to 50"),
        ({"conditions": {"a b": {"behaviours": "none"}}}, "expected a name of letters"),
        ({"conditions": {"a": {"behaviours": "none", "evry_s": 1}}}, "a.evry_s is not known"),
        ({"conditions": {"a": {"behaviours": "fixed"}}}, "a.actions is missing"),
        (
            {"conditions": {"a": {"behaviours": "fixed", "every_s": 3, "actions": [{}]}}},
            "a gesture here, or a sentence",
        ),
        ({"order": "random"}, "order is 'random', expected one of latin_square, as_written"),
        ({"phases": [{"name": "a", "seconds": 0}]}, "seconds is 0, expected a number 1..86400"),
        ({"phases": [{"name": "a"}, {"name": "a"}]}, "a name that no other phase has"),
        ({"questions": [{"id": "a", "ask": "?", "scale": [7, 1]}]}, "the lowest and the highest"),
        ({"questions": [{"id": "a", "ask": "?", "after": "lunch"}]}, "one of condition, session"),
        ({"questions": [{"id": "a", "ask": ""}]}, "expected a line of at most"),
        ({"marks": {0: "no"}}, "marks has 0, expected keys 1 to 9"),
        ({"marks": {1: ""}}, "marks.1 is ''"),
        ({"consent": "nowhere.txt"}, "consent is 'nowhere.txt'"),
        ({"record_images": "perhaps"}, "record_images is 'perhaps', expected true or false"),
        ({"robot": {"record": "true"}}, "robot.record is no argument that a study may give"),
        ({"operator_timeout_s": -1}, "operator_timeout_s is -1, expected a number"),
        ({"name": "a name"}, "name is 'a name'"),
        ({"colour": "red"}, "colour is not known, expected: conditions"),
    ],
)
def test_a_wrong_protocol_is_one_sentence(
    change: Callable[..., Path], values: dict[str, Any], message: str
) -> None:
    file = change(**values)
    (file / "loop.yaml").symlink_to("loop.yaml")
    with pytest.raises(InputError) as raised:
        StudyProtocol.load(file)
    text = str(raised.value)
    assert message in text and "protocol.yaml" in text and "\n" not in text


def test_a_consent_text_that_is_empty_is_refused(study: Path) -> None:
    (study / "consent.txt").write_text(" \n")
    with pytest.raises(InputError, match="expected a file with the text"):
        StudyProtocol.load(study)


def test_what_the_robot_cannot_do_is_told_before_anybody_waits(
    change: Callable[..., Path], study: Path
) -> None:
    script = {"behaviours": "fixed", "every_s": 5, "actions": [{"play": "somersault"}]}
    with pytest.raises(InputError, match=r"conditions.a plays 'somersault', expected one of .*nod"):
        check_with_robot(StudyProtocol.load(change(conditions={"a": script})))
    (study / "other.yaml").write_text("locale: en\n")
    other = change(conditions={"a": {"behaviours": "other.yaml"}})
    with pytest.raises(InputError, match=r"other.yaml: .* is missing"):
        check_with_robot(StudyProtocol.load(other))


@pytest.mark.parametrize("name", ["Anna", "", "07a", "12345", "ABCD1", "../1", "٣", "1 "])
def test_a_name_is_no_code(name: str) -> None:
    with pytest.raises(InputError, match="never a name"):
        Participant.read(name)


@pytest.mark.parametrize("answer", ["", "0", "8", "1.5", "many", "٣"])
def test_an_answer_that_is_not_on_the_scale_is_refused(study: Path, answer: str) -> None:
    liked = StudyProtocol.load(study).questions[0]
    assert liked.checked(" 7 ") == "7"
    with pytest.raises(InputError, match="liked"):
        liked.checked(answer)
