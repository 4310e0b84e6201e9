"""A recording as one page of HTML that needs nothing else."""

from __future__ import annotations

from datetime import datetime
from html import escape
from importlib.resources import files

from fer_monitor.report import done, seen, summary
from fer_monitor.report.analysis import analysed
from fer_monitor.report.session import Session

_SECTIONS = (
    seen.expressions,
    seen.timeline,
    done.answers,
    done.latency,
    seen.missing,
    done.complaints,
    done.contents,
)


def page(session: Session) -> str:
    """The page: no network, no other file.

    Args:
        session: see there.
    """
    analysis = analysed(session)
    sections = "\n".join(part(analysis) for part in _SECTIONS)
    began = datetime.fromtimestamp(session.began).astimezone()
    date = f"{began.day} {began:%B %Y, %H:%M}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Recording of {escape(date)}</title>
<style>
{_file("style.css")}</style>
</head>
<body>
<header>
<h1>What the robot saw and did</h1>
<p class="quiet">Recording of {escape(date)}:{began:%S} {escape(began.tzname() or "")} ·
<code>{escape(str(session.path))}</code></p>
{summary.remarks(analysis)}
{summary.tiles(analysis)}
</header>
<main>
{sections}
</main>
<script>
{_file("page.js")}</script>
</body>
</html>
"""


def _file(name: str) -> str:
    return (files("fer_monitor.report") / name).read_text(encoding="utf-8")
