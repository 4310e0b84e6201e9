"""How the perception is doing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fer_common.diagnostics import (
    Finding,
    Limits,
    Report,
    Summary,
    age,
    error,
    figures,
    slowness,
    warn,
)
from fer_common.topic_words import Remedies
from fer_node.perception.stages import Figures

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"


@dataclass(frozen=True)
class Health:
    """What a report is made of.

    Attributes:
        state: of the lifecycle.
        enabled: whether `~/enable` lets it look.
        model: name; empty while none is loaded.
        model_hash: first digits of that of the network.
        runtime: what computes it, and its precision; empty until then.
        topic: where images are expected.
        size: of the last image, such as ``640x480``; empty before the first.
        arrivals: of images.
        summary: rate and latency of those that were processed.
        stages: where the time goes.
        dropped_busy: images that newer ones replaced.
        dropped_old: images that were older than allowed.
        undecodable: images that could not be decoded or processed.
        faces: in the last image.
        complaint: about the stamps of the images; empty when they are good.
        wiring: what is wrong with the topic of the images.
        readers: who cannot hear what is told.
        error: of the last seconds; empty when there was none.
        mishaps: see `fer_common.diagnostics.Mishaps`.
    """

    state: str
    enabled: bool
    model: str
    model_hash: str
    runtime: str
    topic: str
    size: str
    arrivals: Summary
    summary: Summary
    stages: Sequence[Figures]
    dropped_busy: int
    dropped_old: int
    undecodable: int
    faces: int
    complaint: str
    wiring: Sequence[Finding]
    readers: Sequence[Finding]
    error: str
    mishaps: dict[str, object]


def report(health: Health, rate: Limits, latency: Limits) -> Report:
    """The report of `fer_node`.

    Args:
        health: see there.
        rate: of the images, per second.
        latency: median, seconds.
    """
    summary = health.summary
    values = {
        "state": health.state,
        "enabled": "yes" if health.enabled else "no",
        "model": health.model or "none",
        "model hash": health.model_hash or "none",
        "runtime": health.runtime or "none",
        "image topic": health.topic,
        "image size": health.size or "unknown",
        "images received [1/s]": f"{health.arrivals.rate:.1f}",
        "images processed": summary.count,
        **figures(summary),
        **{f"{row.stage} [ms]": f"{1000 * row.median_s:.2f}" for row in health.stages},
        "age of the newest image [s]": age(health.arrivals.age_s),
        "dropped, busy": health.dropped_busy,
        "dropped, too old": health.dropped_old,
        "not decodable": health.undecodable,
        "faces": health.faces,
        **health.mishaps,
    }
    text = f"{summary.rate:.1f} images/s, {health.faces} faces"
    if not health.enabled:
        text = "disabled: not looking"
    return Report(text, values, _findings(health, rate, latency))


def _findings(health: Health, rate: Limits, latency: Limits) -> list[Finding | None]:
    if health.state != "active":
        return [error(health.error), warn(health.state)]
    found = [error(health.error), *health.wiring, *health.readers, warn(health.complaint)]
    if health.enabled and not health.wiring:
        found += [_slowness(health, rate), _lateness(health.summary, latency)]
    return found


def _slowness(health: Health, rate: Limits) -> Finding | None:
    question = "is the camera slow, or in the dark?"
    slow = slowness(health.arrivals, rate, "images", question)
    if slow is not None:
        return slow
    question = f"{health.arrivals.rate:.1f} images/s come, is the machine busy?"
    return slowness(health.summary, rate, "processed images", question)


def _lateness(summary: Summary, latency: Limits) -> Finding | None:
    took, allowed = 1000 * summary.median_s, 1000 * latency.warn
    return latency.above(
        summary.median_s,
        f"expressions are known {took:.0f} ms after the image, expected at most {allowed:g}",
    )


def remedies(topic: str, transport: str) -> Remedies:
    """What to do when the images that are expected on a topic come elsewhere.

    Args:
        topic: full name of the images, without ``/compressed``.
        transport: of `FerParameters`.
    """

    def raw(other: str) -> str:
        switch = "set image_transport to raw" if transport != "raw" else ""
        return _both(switch, _remap(other) if other != topic else "")

    def compressed(other: str) -> str:
        switch = "set image_transport to compressed" if transport != "compressed" else ""
        where = other.removesuffix("/compressed")
        if where == other:
            return _both(switch, f"remap {topic}/compressed:={other}")
        return _both(switch, _remap(where) if where != topic else "")

    return {RAW: raw, COMPRESSED: compressed}


def _remap(topic: str) -> str:
    return f"remap with image_topic:={topic}"


def _both(first: str, second: str) -> str:
    return " and ".join(part for part in (first, second) if part)
