"""The sections about what was done, and how well: responses, latency, warnings, the recording."""

from __future__ import annotations

from html import escape

from fer_monitor.report.analysis import Analysis
from fer_monitor.report.charts import histogram
from fer_monitor.report.markup import clock, milliseconds, note, section, table
from fer_monitor.report.responses import seconds_by_state

_LEVELS = ("fine", "warning", "error", "no news")


def answers(analysis: Analysis) -> str:
    """The table of responses, and how the behaviour spent its time."""
    states = analysis.session.states
    if not states:
        return section("Responses", "<p>The behaviour was not recorded.</p>")
    rows = [
        (
            clock(one.start, True),
            one.emotion or "–",
            one.motion,
            one.speech and f"“{one.speech}”",
            one.reason,
        )
        for one in analysis.responses
    ]
    spent = seconds_by_state(states, analysis.session.duration)
    total = max(sum(spent.values()), 1e-9)
    shares = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in spent.items())
    heads = ("time", "expression", "motion", "speech", "reason")
    return section(
        "Responses",
        note(f"The behaviour was {escape(shares)} of the time.")
        + table("responses", heads, rows, wide=True),
    )


def latency(analysis: Analysis) -> str:
    """Median, percentiles and histogram."""
    figures, values = analysis.latencies, analysis.session.latencies
    if figures is None:
        return section("Latency", "<p>No image was processed.</p>")
    text = (
        "From the stamp of an image to the arrival of its emotions at the recorder, "
        f"for {len(values):,} images; the bars count them by milliseconds."
    )
    over = int((values > figures.edges[-1]).sum())
    if over:
        text += f" The last bar holds {over:,} that took longer."
    if figures.edges[0] < 0:
        text += " <b>Some seem to arrive before they were taken: two clocks disagree.</b>"
    numbers = (figures.median, figures.p95, figures.p99, figures.longest)
    names = ("median", "95 %", "99 %", "longest")
    row = [milliseconds(number) for number in numbers]
    chart = f'<div class="hist">{histogram(figures)}</div>'
    return section("Latency", note(text) + table("latencies", names, [row]) + chart)


def complaints(analysis: Analysis) -> str:
    """Warnings, errors and drops."""
    rows = [
        (
            clock(one.first),
            clock(one.last) if one.count > 1 else "",
            f"{one.count}×",
            _LEVELS[min(one.level, 3)],
            one.node,
            one.text,
        )
        for one in analysis.problems
    ]
    heads = ("first", "last", "told", "level", "node", "message")
    body = table("problems", heads, rows, wide=True) if rows else "<p>No node complained.</p>"
    lost = [(*place, f"{count:,}") for place, count in sorted(analysis.losses.items()) if count]
    if lost:
        body += table("losses", ("node", "lost", "messages"), lost)
    return section("Warnings, errors and drops", body)


def contents(analysis: Analysis) -> str:
    """Versions and topics."""
    about = list(analysis.about.items())
    versions = table("about", ("what", "which"), about) if about else ""
    topics = [(topic.name, topic.type, f"{topic.count:,}") for topic in analysis.session.topics]
    return section(
        "The recording", versions + table("topics", ("topic", "type", "messages"), topics)
    )
