"""How the perception is doing, for ``/diagnostics``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from fer_node.stages import Figures
from fer_node.statistics import Summary

SILENCE_S = 2.0
"""No image for so long is worth a warning."""


@dataclass(frozen=True)
class Health:
    """What a status is made of.

    Attributes:
        state: of the lifecycle.
        enabled: whether `~/enable` lets it look.
        model: name and hash; empty while none is loaded.
        runtime: what computes it, and its precision; empty until then.
        topic: where images are expected.
        silent_s: seconds since the last image, or since activation.
        summary: rate and latency.
        stages: where the time goes.
        dropped_busy: images that newer ones replaced.
        dropped_old: images that were older than allowed.
        undecodable: images that could not be decoded or processed.
        faces: in the last image.
        complaint: about the stamps of the images; empty when they are good.
        error: of the last seconds; empty when there was none.
        last_error: the last one there ever was.
    """

    state: str
    enabled: bool
    model: str
    runtime: str
    topic: str
    silent_s: float
    summary: Summary
    stages: Sequence[Figures]
    dropped_busy: int
    dropped_old: int
    undecodable: int
    faces: int
    complaint: str
    error: str
    last_error: str

    @property
    def silence(self) -> str:
        """The warning that no images come; empty when they do."""
        if self.state != "active" or self.silent_s <= SILENCE_S:
            return ""
        return f"no images on {self.topic} for {self.silent_s:.0f} s: is the camera running?"


def status(name: str, health: Health) -> DiagnosticStatus:
    """The message of a node called ``name``."""
    level, text = _verdict(health)
    summary = health.summary
    values = {
        "state": health.state,
        "enabled": "yes" if health.enabled else "no",
        "model": health.model or "none",
        "runtime": health.runtime or "none",
        "image topic": health.topic,
        "images processed": summary.processed,
        "rate [1/s]": f"{summary.rate:.1f}",
        "latency, median [ms]": f"{1000 * summary.median_s:.1f}",
        "latency, 99th percentile [ms]": f"{1000 * summary.p99_s:.1f}",
        **{f"{row.stage} [ms]": f"{1000 * row.median_s:.2f}" for row in health.stages},
        "dropped, busy": health.dropped_busy,
        "dropped, too old": health.dropped_old,
        "not decodable": health.undecodable,
        "faces": health.faces,
        "last error": health.last_error or "none",
    }
    return DiagnosticStatus(
        level=level,
        name=name,
        message=text,
        hardware_id="",
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )


def _verdict(health: Health) -> tuple[bytes, str]:
    if health.error:
        return DiagnosticStatus.ERROR, health.error
    if health.state != "active":
        return DiagnosticStatus.WARN, health.state
    warning = health.silence or health.complaint
    if warning:
        return DiagnosticStatus.WARN, warning
    if not health.enabled:
        return DiagnosticStatus.OK, "disabled: not looking"
    return DiagnosticStatus.OK, f"{health.summary.rate:.1f} images/s, {health.faces} faces"
