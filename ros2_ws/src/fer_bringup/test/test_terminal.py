"""The terminal view: what the panel says, and what is seen of it on a real pseudo-terminal."""

import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from ec_rfernet.labels import LABELS
from fer_bringup import terminal
from fer_bringup.journal import JournalMoment

EIGHT = (*LABELS, "contempt")
texts = st.text(st.characters(exclude_categories=("C", "M", "Z")), max_size=200)
perhaps = st.none() | texts
shares = st.floats(0, 1)
moments = st.one_of(
    st.builds(
        JournalMoment,
        faces=st.none() | st.integers(0, 20),
        labels=st.just(labels),
        label=st.sampled_from((None, *labels, "unknown", "puzzled")),
        confidence=shares,
        probabilities=st.one_of(st.just(()), st.tuples(*[shares] * len(labels))),
        state=st.sampled_from((None, "idle", "responding")),
        motion=perhaps,
        speech=perhaps,
        reason=perhaps,
        rate=st.floats(0, 1000),
        latency_s=st.floats(0, 100),
        problem=perhaps,
    )
    for labels in (LABELS, EIGHT)
)


def drawn(moment: JournalMoment, elapsed: float = 0.0, width: int = 80, **console) -> list[str]:
    """The lines of a panel."""
    paper = Console(width=width, **console)
    with paper.capture() as capture:
        paper.print(terminal.draw(moment, elapsed, width))
    return capture.get().splitlines()


@given(moments, st.floats(0, 1e6), st.integers(terminal.NARROWEST, 300))
def test_is_a_rectangle_whatever_happens(moment: JournalMoment, elapsed: float, width: int) -> None:
    lines = drawn(moment, elapsed, width)
    assert len(lines) == len(moment.labels) + 2
    assert {cell_len(line) for line in lines} == {width}


def test_colours_are_those_of_the_labels_unless_the_user_wants_none() -> None:
    moment = JournalMoment(label="angry", probabilities=(1.0,) + (0.0,) * 6)
    colourful = {"force_terminal": True, "color_system": "truecolor"}
    assert "38;2;213;94;0" in "".join(drawn(moment, **colourful))
    assert "38;2" not in "".join(drawn(moment, **colourful, no_color=True))
    assert "\x1b" not in "".join(drawn(moment))


def test_shows_who_what_and_why() -> None:
    moment = JournalMoment(
        faces=2,
        label="sad",
        confidence=0.67,
        probabilities=(0.04, 0.02, 0.1, 0.0, 0.67, 0.02, 0.15),
        state="responding",
        motion="comfort_lean",
        speech="Would you like some company?",
        reason="sad has lasted 1.5 s",
        rate=29.7,
        latency_s=0.021,
    )
    text = "\n".join(drawn(moment, 75))
    for part in (
        "2 faces in view",
        "▸ sad        ██████████",
        "67%",
        "responding",
        "comfort_lean",
        "“Would you like some company?”",
        "sad has lasted 1.5 s",
        "1:15 · 30 images/s · 21 ms",
    ):
        assert part in text


def test_labels_of_another_model_have_their_lines() -> None:
    moment = JournalMoment(labels=("calm", "contempt"), label="contempt", probabilities=(0.1, 0.9))
    text = "\n".join(drawn(moment))
    assert "▸ contempt" in text and "90%" in text and "calm" in text
    assert "happy" not in text


def test_labels_of_any_length_fit_and_figures_that_are_none_do_no_harm() -> None:
    labels = ("a" * 32, "b" * 20)
    for width in (terminal.NARROWEST, 60, 80):
        moment = JournalMoment(labels=labels, label=labels[0], probabilities=(float("nan"), 0.5))
        assert {cell_len(line) for line in drawn(moment, width=width)} == {width}


def test_says_what_is_missing() -> None:
    assert "waiting for the camera" in drawn(JournalMoment())[0]
    assert "no camera: nobody is looked for" in drawn(JournalMoment(expects_images=False))[0]
    assert "nobody in view" in drawn(JournalMoment(faces=0))[0]
    assert "no images on /image" in drawn(JournalMoment(problem="no images on /image"))[0]


# On a pseudo-terminal

BEGIN = """
import os, sys
from fer_bringup.journal import Answered, Journal, Screen
from fer_bringup.terminal import above_panel, opened
journal = Journal(lambda: 0.0, Screen())
"""
SPOKEN_ABOVE = """
with above_panel() as panel:
    panel.draw(journal)
    panel.line("a line")
    print("printed", flush=True)
    print("complained", file=sys.stderr, flush=True)
    os.write(2, b"W0000 00:00:1.2 3 inference_feedback_manager.cc:114] noise\\n")
    os.system("echo from a child")
    panel.answered(Answered(61.0, "happy", "nod", "word " * 50, None))
    panel.draw(journal)
    input()
print("after")
"""
ESCAPE = re.compile(r"\x1b\[(\??\d*(?:;\d+)*)([A-Za-z])|([^\x1b])")


class Tty:
    """A person's terminal, with a program on it.

    Args:
        program: in Python.
        columns: of the terminal.
        environment: more variables.
    """

    def __init__(self, program: str, columns: int = 80, **environment: str) -> None:
        self.written, self._decoder = "", codecs.getincrementaldecoder("utf-8")()
        self._end, sender = pty.openpty()
        fcntl.ioctl(sender, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        quiet = termios.tcgetattr(sender)
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(sender, termios.TCSANOW, quiet)
        self._process = subprocess.Popen(
            [sys.executable, "-c", BEGIN + program],
            stdin=sender,
            stdout=sender,
            stderr=sender,
            env={**os.environ, "TERM": "xterm-256color", **environment},
        )
        os.close(sender)

    def read_until(self, text: str) -> None:
        """Reads until the program has written something."""
        while text not in self.written:
            self.written += self._decoder.decode(os.read(self._end, 4096))

    def press_enter(self) -> None:
        os.write(self._end, b"\n")

    def end(self) -> int:
        """Reads the rest; the exit code."""
        try:
            while chunk := os.read(self._end, 4096):
                self.written += self._decoder.decode(chunk)
        except OSError:  # Linux reports the end of a pseudo-terminal as an error
            pass
        os.close(self._end)
        return self._process.wait(timeout=120)

    def hang_up(self) -> int:
        """The terminal is closed; the exit code."""
        os.close(self._end)
        return self._process.wait(timeout=120)

    @property
    def shown(self) -> list[str]:
        """What a person sees: lines, the cursor's movements carried out."""
        lines, row, column = [""], 0, 0
        for number, kind, char in ESCAPE.findall(self.written):
            if kind == "A":
                row -= int(number)
                assert row >= 0, "above the top"
            elif kind == "K":
                assert number == "2"
                lines[row] = ""
            elif char == "\r":
                column = 0
            elif char == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif char:
                lines[row] = lines[row][:column].ljust(column) + char + lines[row][column + 1 :]
                column += 1
        return lines


@pytest.mark.parametrize("columns", [80, 0], ids=["80 columns", "a terminal of no known size"])
def test_everything_that_is_written_stays_above_the_panel(columns: int) -> None:
    tty = Tty(SPOKEN_ABOVE, columns)
    tty.read_until("1:01")
    tty.read_until("Ctrl-C stops")
    tty.press_enter()
    assert tty.end() == 0
    *above, after, rest = tty.shown[: tty.shown.index("after") + 2]
    answer = above.pop(next(i for i, line in enumerate(above) if "1:01" in line))
    assert answer.startswith(" 1:01  happy: nod “word word") and len(answer) <= 80
    assert answer.endswith("…")
    assert {line for line in above if line} == {"a line", "printed", "complained", "from a child"}
    assert (after, rest.strip()) == ("after", "")


def test_the_cursor_comes_back() -> None:
    tty = Tty(SPOKEN_ABOVE)
    tty.press_enter()
    tty.end()
    assert tty.written.rindex("\x1b[?25h") > tty.written.rindex("\x1b[?25l")


def test_streams_and_cursor_are_restored_after_an_error() -> None:
    tty = Tty(
        "try:\n"
        "    with above_panel() as panel:\n"
        "        panel.draw(journal)\n"
        "        raise ValueError\n"
        "except ValueError:\n"
        "    print('caught')\n"
    )
    assert tty.end() == 0
    assert [line for line in tty.shown if line.strip()] == ["caught"]
    assert "\x1b[?25h" in tty.written


@pytest.mark.parametrize(
    ("columns", "environment", "kind"),
    [
        (80, {}, "PanelBelowLines"),
        (40, {}, "Lines"),
        (80, {"TERM": "dumb"}, "Lines"),
    ],
    ids=["wide", "narrow", "dumb"],
)
def test_a_panel_is_shown_where_it_fits(columns: int, environment: dict, kind: str) -> None:
    tty = Tty(
        "with opened('auto') as screen:\n    name = type(screen).__name__\nprint(name)\n",
        columns,
        **environment,
    )
    assert tty.end() == 0
    assert kind in tty.written


def test_no_colours_when_the_user_wants_none() -> None:
    program = (
        "journal.expression('angry', 0.9, probabilities=[0.9, 0, 0, 0, 0, 0, 0.1])\n"
        "with above_panel() as panel:\n    panel.draw(journal)\n"
    )
    colourful, plain = Tty(program), Tty(program, NO_COLOR="1")
    assert colourful.end() == plain.end() == 0
    assert "angry" in colourful.written and "angry" in plain.written
    assert "38;5;" in colourful.written and "38;" not in plain.written


@pytest.mark.parametrize("view", ["panel", "lines"])
def test_a_terminal_that_is_closed_ends_nothing(view: str, tmp_path) -> None:
    done = tmp_path / "done"
    tty = Tty(
        "from ec_rfernet.cli import outlive_terminal\n"
        "outlive_terminal()\n"
        f"with opened({view!r}) as screen:\n"
        "    screen.draw(journal)\n"
        "    screen.line('up')\n"
        "    while True:\n"
        "        try:\n"
        "            os.get_terminal_size(0)\n"
        "        except OSError:\n"
        "            break\n"
        "    screen.draw(journal)\n"
        "    screen.line('to nobody')\n"
        f"    open({str(done)!r}, 'w').close()\n"
    )
    tty.read_until("up")
    tty.hang_up()
    assert done.exists()
