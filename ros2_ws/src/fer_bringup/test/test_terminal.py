"""The panel on a real pseudo-terminal."""

import os
import pty
import subprocess
import sys

PROGRAM = """
import os, sys
from fer_bringup.terminal import above_panel
with above_panel() as terminal:
    terminal.panel(["PANEL one", "PANEL two"])
    terminal.line("a line")
    print("printed", flush=True)
    print("complained", file=sys.stderr, flush=True)
    os.write(2, b"W0000 00:00:1.2 3 inference_feedback_manager.cc:114] noise\\n")
    os.system("echo from a child")
    terminal.panel(["PANEL three", "PANEL four"])
print("after")
"""


def run_on_terminal(program: str) -> str:
    """What a program writes when its standard streams are a terminal."""
    receiver, sender = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", program], stdout=sender, stderr=sender)
    os.close(sender)
    written = b""
    try:
        while chunk := os.read(receiver, 4096):
            written += chunk
    except OSError:  # Linux reports the end of a pseudo-terminal as an error
        pass
    finally:
        os.close(receiver)
    assert process.wait(timeout=10) == 0
    return written.decode()


def test_everything_that_is_written_stays_above_the_panel() -> None:
    text = run_on_terminal(PROGRAM)
    for line in ("a line", "printed", "complained", "from a child"):
        # Each line is written where the panel began; the panel follows it.
        before, after = text.split(line, 1)
        assert before.endswith("\x1b[2A")
        assert "PANEL" in after
    assert "noise" not in text


def test_nothing_of_the_panel_stays() -> None:
    text = run_on_terminal(PROGRAM)
    assert text.endswith("\x1b[J\x1b[?25hafter\r\n")
    assert text.count("\x1b[?25l") >= 1


def test_streams_are_restored_after_an_error() -> None:
    text = run_on_terminal(
        "from fer_bringup.terminal import above_panel\n"
        "try:\n"
        "    with above_panel() as terminal:\n"
        "        terminal.panel(['PANEL'])\n"
        "        raise ValueError\n"
        "except ValueError:\n"
        "    print('caught')\n"
    )
    assert text.endswith("\x1b[?25hcaught\r\n")
