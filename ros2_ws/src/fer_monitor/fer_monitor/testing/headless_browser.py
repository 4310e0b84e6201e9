"""A browser for tests: headless Chromium, told what to do through a pipe.

The protocol is https://chromedevtools.github.io/devtools-protocol/.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
"""Its path; None where it is not installed."""

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--remote-debugging-pipe",
)
_PATIENCE_S = 60.0


class Browser:
    """One tab of a browser that runs.

    Args:
        to_browser: file descriptor that the browser reads.
        from_browser: file descriptor that it writes.
    """

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._buffer, self._number = b"", 0
        self._session = ""
        self._loaded = False
        self.requested: list[str] = []
        """Addresses that the page has asked for, or would have if it were allowed to."""
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Loads a page."""
        self._loaded = False
        self._call("Page.navigate", url=url)
        deadline = time.monotonic() + _PATIENCE_S
        while not self._loaded:
            self._note(self._receive(deadline))

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        result = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        return result["result"].get("value")

    def resize(self, width: int, height: int) -> None:
        """Gives the page a size, also one that is smaller than a window can be."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def screenshot(self) -> np.ndarray:
        """What is seen, uint8 [H,W,3], blue green red."""
        data = base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        return np.asarray(picture)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE_S
        while (answer := self._receive(deadline)).get("id") != self._number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Page.loadEventFired":
            self._loaded = True
        elif event.get("method") == "Network.requestWillBeSent":
            self.requested.append(event["params"]["request"]["url"])
        elif event.get("method") == "Log.entryAdded":
            text = event["params"]["entry"]["text"]
            if "Content Security Policy" in text:
                self.requested.append(text)

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._from], [], [], left)[0]:
                raise TimeoutError(f"the browser has not answered for {_PATIENCE_S:g} s")
            data = os.read(self._from, 1 << 20)
            if not data:
                raise ConnectionError("the browser has ended")
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))


@contextmanager
def browser(folder: Path, size: tuple[int, int] = (1000, 700)) -> Iterator[Browser]:
    """Headless Chromium with an empty page.

    Args:
        folder: for its profile.
        size: of the window, pixels.
    """
    commands, to_browser = os.pipe()
    from_browser, answers = os.pipe()
    # It reads descriptor 3 and writes 4; the shell puts them there.
    width, height = size
    call = f'exec "$@" 3<&{commands} 4>&{answers}'
    flags = [*_FLAGS, f"--user-data-dir={folder}", f"--window-size={width},{height}"]
    process = subprocess.Popen(
        ["bash", "-c", call, "bash", str(CHROMIUM), *flags, "about:blank"],
        pass_fds=(commands, answers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(commands)
    os.close(answers)
    try:
        yield Browser(to_browser, from_browser)
    finally:
        os.close(to_browser)  # it ends when nobody commands it any more
        os.close(from_browser)
        try:
            process.wait(timeout=10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
