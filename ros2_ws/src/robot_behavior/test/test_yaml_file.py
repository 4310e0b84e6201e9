"""Whatever somebody writes into a configuration file: a section, or one clear line."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ec_rfernet.files import MOST_TEXT
from robot_behavior.yaml_file import ConfigError, Section, read

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

MERGES = b"a0: &a0 {k0: 1, l0: 1, m0: 1, n0: 1}\n" + b"".join(
    b"a%d: &a%d {<<: [%s]}\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 9)
)

BAD = [
    (b"", "is empty, expected a mapping"),
    (b"# nothing yet\n", "is empty, expected a mapping"),
    (b"- one\n- two\n", "the file is ['one', 'two'], expected a mapping"),
    (b"hello\n", "the file is 'hello', expected a mapping"),
    (b"a:\n\tb: 1\n", "line 2, column 1: found character '\\t'"),
    (b"a: 1\nb: caf\xe9\n", "line 2 is not UTF-8"),
    (b"a: \x00\n", "is not valid YAML"),
    (b"a: 1\nb: 2\na: 3\n", "line 3, column 1: key 'a' is there twice"),
    (b"? [a, b]\n: 1\n", "line 1, column 3: a key is a list or a mapping"),
    (b"a: 2024-13-45\n", "line 1, column 4: '2024-13-45' is no timestamp"),
    (b"a: " + b"9" * 5000, "is no int"),
    (b"a: !!float x\n", "line 1, column 4: 'x' is no float"),
    (b"a: !!set [x]\n", "line 1, column 4: !!set is not known"),
    (b"a: !!python/object/apply:os.getcwd []\n", "!!python/object/apply:os.getcwd is not known"),
    (b"a: *b\n", "line 1, column 4: found undefined alias 'b'"),
    (b"a: 1\n---\na: 2\n", "line 2, column 1: found another document"),
    (b"[" * 5000, "nested too deeply"),
    (b"a: 12:30\n", "line 1, column 4: '12:30' is no int in decimal; write it so, or in quotes"),
    (b"a: 1:30.5\n", "'1:30.5' is no float in decimal"),
    (b'a: "\\ud83d"\n', "line 1, column 4: '\\ud83d' has characters that are no text"),
    (b'"\\0": 1\n', "'\\x00' has characters that are no text"),
    (b'a: ["\\e[2J"]\n', "has characters that are no text"),
    (b"a: 010\n", "'010' is no int in decimal"),
    (b"a: 0b11\n", "'0b11' is no int in decimal"),
    (b"a: 1_000\n", "'1_000' is no int in decimal"),
    (b"a: 1" + b":59" * 300_000, "is no int in decimal"),
    (b"a: 0x" + b"f" * 900_000, "is no int in decimal"),
    (b"a: 1" + b":59" * 300_000 + b".5", "is no float in decimal"),
    (b"a: *" + b"b" * 5000, "found undefined alias 'bbb"),
    (b"a: !" + b"b" * 5000 + b" 1", "is not known"),
    (b"b" * 5000, "the file is 'bbb"),
    (b"\xff\xfea\0:\0", "is UTF-16, expected UTF-8; save it with that encoding"),
    (b"a: &a {<<: *a}\n", "only mappings can be merged with <<"),
    (MERGES, "<< merges more than 10000 entries"),
    (b"a: 1\n" * (MOST_TEXT // 5 + 1), "is larger than 1 MB"),
]


@pytest.mark.parametrize(("content", "expected"), BAD, ids=[expected for _, expected in BAD])
def test_what_is_no_mapping_is_told_in_one_line(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        read(file)
    message = str(raised.value)
    assert message.startswith(f"{file}: ") and expected in message
    assert "\n" not in message and len(message) < len(str(file)) + 200


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe):
        with pytest.raises(ConfigError, match="is not a file but a"):
            read(path)
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read \(No such file"):
        read(tmp_path / "gone.yaml")


def test_values_that_stand_for_billions_are_shown_in_a_moment(tmp_path: Path) -> None:
    file = tmp_path / "bomb.yaml"
    file.write_text(BOMB)
    section = read(file)
    with pytest.raises(ConfigError, match=r"i is \[\[.*expected a text") as raised:
        section.text("i")
    assert len(str(raised.value)) < len(str(file)) + 200


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", "9" * 400, "true", "'1'", "[1]"])
def test_a_number_is_finite(tmp_path: Path, number: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"a: {number}\nb: [1, {number}]\n")
    section = read(file)
    with pytest.raises(ConfigError, match=r"a is .*, expected a number 0\.\.10"):
        section.number("a", 0.0, 10.0)
    with pytest.raises(ConfigError, match=r"b\[1\] is .*, expected a finite number"):
        section.numbers("b")


def test_a_mapping_can_be_merged_into_others(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {y: 4, z: 5}]}\n")
    section = read(file)
    assert section.get("b") == {"x": 1, "y": 3} and section.get("c") == {"x": 1, "y": 2, "z": 5}


def test_a_name_of_thousands_of_letters_is_shortened(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("? " + "x" * 5000 + "\n: 1\n")
    section = read(file)
    for look in (section.close, lambda: section.number("x" * 5000, 2, 3)):
        with pytest.raises(ConfigError) as raised:
            look()
        assert len(str(raised.value)) < len(str(file)) + 200


def test_hexadecimal_numbers_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("a: 0x40\n")
    assert read(file).integer("a", 0, 127) == 64


def test_a_byte_order_mark_and_windows_lines_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "windows.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: text\r\n")
    section = read(file)
    assert (section.number("a", 0, 9), section.text("b")) == (1.0, "text")


@given(st.one_of(st.binary(max_size=60), st.text("ab:-[]{}&*!?|>'\"#,\n\t 12", max_size=60)))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nothing_that_can_be_written_is_a_traceback(tmp_path: Path, content: bytes | str) -> None:
    file = tmp_path / "any.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        assert isinstance(read(file), Section)
    except ConfigError as error:
        assert str(error).startswith(f"{file}: ") and "\n" not in str(error)
