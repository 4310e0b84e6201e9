"""The pages are easy to read for people whose first language is not English: short sentences."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("ros2_ws/src/**/README.md")),
]
MOST_WORDS = 25
ABBREVIATIONS = re.compile(r"\b(e\.g|i\.e|et al|cf|vs|No|Fig)\.")


def prose(text: str) -> Iterator[str]:
    """The paragraphs and items of a page; no code, tables, headings or what `make docs` wrote."""
    text = re.sub(r"<!-- made by make docs.*?<!-- end -->", "\n\n", text, flags=re.DOTALL)
    text = re.sub(r"^ *(```|~~~).*?^ *\1", "\n\n", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<[^>]+>", "", text)
    for block in re.split(r"\n\s*\n", text):
        lines = block.strip("\n").splitlines()
        if not lines or lines[0].startswith(("    ", "\t", "---")):
            continue
        lines = [line for line in lines if not line.lstrip().startswith(("#", "|", "!!!", "==="))]
        yield from re.split(r"\n *(?:[-*>]|\d+\.) ", "\n" + "\n".join(lines))


def sentences(text: str) -> Iterator[list[str]]:
    """The words of each sentence; a piece of code is one word, a link is what it shows."""
    for paragraph in prose(text):
        plain = re.sub(r"(`+).+?\1", "code", paragraph, flags=re.DOTALL)
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", plain)
        plain = ABBREVIATIONS.sub(r"\1", plain)
        for sentence in re.split(r"(?<=[.!?])[\"'*_)”’]*\s+", plain):
            yield [word for word in sentence.split() if re.search(r"\w", word)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_sentence_is_long(page: Path) -> None:
    found = [words for words in sentences(page.read_text()) if len(words) > MOST_WORDS]
    assert [f"{len(words)} words: {' '.join(words)}" for words in found] == []


def test_a_long_sentence_is_found() -> None:
    """One in a paragraph and one in an item; not one of a table, of code or of `make docs`."""
    long = " ".join(["word"] * 26)
    short = " ".join(["word"] * 25)
    page = f"""{long}.

- {short}. {short}!
- see [the
  page](there.md): {long}

| {long} |
|---|

    {long}

```bash
{long}
```

<!-- made by make docs: x -->
{long}
<!-- end -->

`{long}` is one word: {" ".join(["word"] * 20)}.
"""
    assert [len(words) for words in sentences(page) if len(words) > MOST_WORDS] == [26, 29]
