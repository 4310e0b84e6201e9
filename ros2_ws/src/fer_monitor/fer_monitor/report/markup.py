"""What the sections of the page are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_ROWS = 1000  # of a table; a page with more would be slow, and nobody would read it


def section(title: str, body: str) -> str:
    """A part of the page with a headline; ``body`` is HTML."""
    return f"<section><h2>{title}</h2>{body}</section>"


def note(text: str) -> str:
    """A remark in small print; ``text`` is HTML."""
    return f'<p class="note">{text}</p>'


def tile(name: str, value: str, remark: str = "", kind: str = "") -> str:
    """One figure of the summary.

    Args:
        name: of the figure.
        value: the figure.
        remark: below it.
        kind: class of the value: ``warn``, ``bad`` or none.
    """
    return (
        f'<div><dt>{escape(name)}</dt><dd class="big {kind}">{escape(value)}</dd>'
        f'<dd class="quiet">{escape(remark)}</dd></div>'
    )


def table(
    name: str, heads: Sequence[str], rows: Iterable[Sequence[str]], wide: bool = False
) -> str:
    """A table of texts.

    Args:
        name: its id in the page.
        heads: of the columns.
        rows: one text for each column.
        wide: whether it becomes a list on a narrow screen.
    """
    rows = list(rows)
    head = "".join(f'<th scope="col">{head}</th>' for head in heads)
    body = "".join(f"<tr>{_cells(heads, row)}</tr>" for row in rows[:_ROWS])
    kind = ' class="wide"' if wide else ""
    more = note(f"{len(rows) - _ROWS} more are not listed.") if len(rows) > _ROWS else ""
    return (
        f'<div class="scroll"><table id="{name}"{kind}><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{more}"
    )


def _cells(heads: Sequence[str], row: Sequence[str]) -> str:
    pairs = zip(heads, row, strict=True)
    return "".join(f'<td data-as="{head}">{escape(cell)}</td>' for head, cell in pairs)


def clock(seconds: float, tenths: bool = False) -> str:
    """A time since the beginning, such as ``1:02:03`` or ``2:03.4``."""
    total = round(10 * seconds) if tenths else 10 * round(seconds)
    minutes, rest = divmod(total, 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 10:04.1f}" if tenths else f"{rest // 10:02d}"
    return f"{hours}:{minutes:02d}:{text}" if hours else f"{minutes}:{text}"


def milliseconds(seconds: float) -> str:
    """A short time for people."""
    value = 1000 * seconds
    return f"{value:.0f} ms" if abs(value) >= 10 else f"{value:.1f} ms"
