"""A serial port that never waits."""

from __future__ import annotations

import fcntl
import os
import termios
import tty
from contextlib import suppress

from robot_behavior.robots.servo_humanoid.protocol import BAUD

_SPEED = getattr(termios, f"B{BAUD}")
_CONTROL, _INPUT_SPEED, _OUTPUT_SPEED = 2, 4, 5  # indices into the list of termios


class SerialPort:
    """A serial port, 115200 baud, 8N1, of which this program is the only user.

    Args:
        path: of the device.

    Raises:
        OSError: it cannot be opened, or is no serial port.
    """

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            tty.setraw(self._file)
            settings = termios.tcgetattr(self._file)
            settings[_CONTROL] |= termios.CLOCAL | termios.CREAD
            # Closing must not drop DTR: its next rise would reset an Arduino.
            settings[_CONTROL] &= ~(termios.HUPCL | termios.CRTSCTS)
            settings[_INPUT_SPEED] = settings[_OUTPUT_SPEED] = _SPEED
            termios.tcsetattr(self._file, termios.TCSANOW, settings)
            fcntl.ioctl(self._file, termios.TIOCEXCL)
            termios.tcflush(self._file, termios.TCIOFLUSH)
        except (OSError, termios.error) as error:
            os.close(self._file)
            raise OSError(error.args[0], f"is no serial port ({error.args[-1]})") from error

    def read(self) -> bytes:
        """What has arrived.

        Raises:
            OSError: the port is gone.
        """
        try:
            data = os.read(self._file, 4096)
        except BlockingIOError:
            return b""
        if not data:
            raise OSError("it was hung up")
        return data

    def write(self, data: bytes) -> None:
        """Sends bytes; those for which there is no room are lost, as on a noisy line.

        Raises:
            OSError: the port is gone.
        """
        try:
            os.write(self._file, data)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Gives the port back."""
        with suppress(OSError):  # a port that is gone
            fcntl.ioctl(self._file, termios.TIOCNXCL)
        os.close(self._file)
