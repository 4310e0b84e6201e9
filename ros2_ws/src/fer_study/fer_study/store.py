"""What a study keeps on the disk: a folder per session, for its owner only.

``STUDY/sessions/07-1`` has ``session.json`` (who, as a code, when, in which order, and how it has
ended), the consent text and the protocol as they were then, ``events.csv`` and ``answers.csv``,
which are written line by line, the bag, and what `fer_study.summary` makes of it.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO

from ec_rfernet.errors import InputError, writable
from ec_rfernet.files import Draft, held, open_private, read_json, staged, write_text
from fer_study.protocol import CONSENT, PROTOCOL, Participant, StudyProtocol

SESSIONS = "sessions"
EVENTS_CSV, ANSWERS_CSV = "events.csv", "answers.csv"
EMOTIONS_CSV, BEHAVIOUR_CSV = "emotions.csv", "behaviour.csv"
SUMMARY_CSV, SUMMARY_HTML = "summary.csv", "summary.html"
SESSION_JSON, BAG = "session.json", "bag"

RUNNING, COMPLETE, STOPPED = "running", "complete", "stopped"
"""States of a session; one that says it is running where nobody runs it was interrupted."""

WHO = ("participant", "session", "condition", "position", "phase")
"""The first columns of every table: a row can be told from all others when they are put together.

``position`` is the condition's place in the participant's order, from 1 on.
"""

CLOCK = ("time", "stamp")
"""The next columns: seconds since consent was given, and since 1970, both by the robot's clock."""

EVENT_COLUMNS = (*WHO, *CLOCK, "kind", "name", "text", "page")
ANSWER_COLUMNS = (*WHO, *CLOCK, "question", "answer")

_FOLDER = re.compile(r"([A-Za-z]{0,3}[0-9]{1,4})-([0-9]{1,3})")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class SessionRecord:
    """What ``session.json`` tells.

    Attributes:
        study: its name.
        participant: the code.
        session: which of the participant's sessions this is, from 1 on.
        number: of the participant, which has decided the order.
        order: names of the conditions as this participant meets them.
        began: when consent was given, ns since 1970.
        ended: ns since 1970; None while it runs.
        state: `RUNNING`, `COMPLETE` or `STOPPED`.
        why: it has ended so; empty when it is complete.
        consent_sha256: of the text that was agreed to.
        protocol_sha256: of the protocol.
        record_images: whether pictures were recorded.
    """

    study: str
    participant: str
    session: int
    number: int
    order: tuple[str, ...]
    began: int
    ended: int | None
    state: str
    why: str
    consent_sha256: str
    protocol_sha256: str
    record_images: bool

    @classmethod
    def load(cls, folder: Path) -> SessionRecord:
        """That of a session.

        Raises:
            InputError: it cannot be read.
        """
        path = folder / SESSION_JSON
        found = read_json(path)
        try:
            record = cls(**{**found, "order": tuple(map(str, found["order"]))})
            if not (isinstance(record.began, int) and isinstance(record.session, int)):
                raise TypeError("a time or a number is none")
            Participant.read(record.participant)
            _ = record.date
        except (
            TypeError,
            KeyError,
            AttributeError,
            ValueError,
            ArithmeticError,
            OSError,
            InputError,
        ) as error:
            raise InputError(f"{path}: is not what fer-study writes ({error})") from error
        return record

    def save(self, folder: Path) -> None:
        """Writes it, or leaves what was there.

        Raises:
            OSError: it cannot be written.
        """
        write_text(folder / SESSION_JSON, json.dumps(asdict(self), indent=2) + "\n", private=True)

    @property
    def date(self) -> str:
        """When it began, for people."""
        return f"{datetime.fromtimestamp(self.began * 1e-9):%Y-%m-%d %H:%M}"


class StudyFolder:
    """The sessions of a study.

    Args:
        folder: of the study.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sessions = folder / SESSIONS

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keeps the sessions to this program: two would record each other's participant.

        Raises:
            InputError: another program has them.
            OSError: they cannot be written.
        """
        self.sessions.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sessions.chmod(0o700)
        with held(self.sessions):
            yield

    def is_claimed(self) -> bool:
        """Whether a program has the sessions now, see `claimed`."""
        try:
            with held(self.sessions) if self.sessions.is_dir() else nullcontext():
                return False
        except (InputError, OSError):
            return True

    def all(self) -> list[Path]:
        """The folder of each session, by participant and number."""
        found = []
        if self.sessions.is_dir():
            for path in self.sessions.iterdir():
                if (match := _FOLDER.fullmatch(path.name)) and path.is_dir():
                    found.append((Participant.read(match[1]).key, int(match[2]), path))
        return [path for _, _, path in sorted(found)]

    def of(self, participant: Participant) -> list[Path]:
        """The sessions of one participant."""
        return [path for path in self.all() if _participant(path).key == participant.key]

    def next_folder(self, participant: Participant, again: bool) -> Path:
        """Where the next session of a participant goes; nothing is made.

        Args:
            participant: see there.
            again: whether there may be one already.

        Raises:
            InputError: there is one already; or their code was written in another way.
        """
        former = self.of(participant)
        if former and (other := _participant(former[0]).code) != participant.code:
            raise InputError(
                f"participant {participant.code} looks like {other}, who has taken part: write "
                f"{other} for the same person, and choose another number for another one"
            )
        if former and not again:
            try:
                record = SessionRecord.load(former[-1])
                when = f"on {record.date} ({record.state})"
            except InputError as error:
                when = f"already ({error})"
            raise InputError(
                f"participant {participant.code} has taken part {when}; "
                "--again makes another session and keeps the first"
            )
        last = max((int(path.name.rpartition("-")[2]) for path in former), default=0)
        return self.sessions / f"{participant.code}-{last + 1}"

    def delete(self, participant: Participant) -> Iterator[str]:
        """Removes all there is of a participant, and the summaries, which tell of everybody.

        Yields:
            What was removed, one line each, as soon as it is.

        Raises:
            InputError: there is nothing of them.
            OSError: it cannot be removed; what is left is still listed.
        """
        folders = self.known(participant)
        for name in (SUMMARY_CSV, SUMMARY_HTML):
            if (self.folder / name).exists():
                (self.folder / name).unlink()
                yield f"{self.folder / name}: fer-study summary makes it anew"
        for folder in folders:
            count, size = contents(folder)
            shutil.rmtree(folder)
            yield f"{folder}: {count} files, {size / 1e6:.1f} MB"

    def export(self, participant: Participant, out: Path) -> int:
        """Puts all there is of a participant into one ZIP file, whole or not at all.

        Returns:
            How many files.

        Raises:
            InputError: there is nothing of them.
            OSError: it cannot be written.
        """
        count = 0
        folders = self.known(participant)
        draft = Draft(out, private=True)
        try:
            # Clocks that were never set say 1970, which ZIP has no place for.
            archive = partial(zipfile.ZipFile, compression=zipfile.ZIP_DEFLATED)
            with draft.opened() as path, archive(path, "w", strict_timestamps=False) as file:
                for folder in folders:
                    for each in sorted(folder.rglob("*")):
                        if each.is_file():
                            file.write(each, each.relative_to(self.sessions))
                            count += 1
            draft.complete()
        finally:
            draft.discard()
        return count

    def known(self, participant: Participant) -> list[Path]:
        """The sessions of a participant.

        Raises:
            InputError: there is none.
        """
        if found := self.of(participant):
            return found
        codes = ", ".join(dict.fromkeys(_participant(path).code for path in self.all()))
        raise InputError(
            f"{self.folder}: has nothing of participant {participant.code}; "
            f"there {'are ' + codes if codes else 'is nobody'}"
        )


def _participant(folder: Path) -> Participant:
    return Participant.read(folder.name.rpartition("-")[0])


def contents(folder: Path) -> tuple[int, int]:
    """How many files, and how many bytes."""
    sizes = [path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()]
    return len(sizes), sum(sizes)


# Tables.


class LineFile:
    """A CSV that grows line by line, each whole on the disk or not there at all.

    What a full disk does not take is kept in memory, and tried again with the next line.

    Args:
        path: of the file; is made.
        columns: of it.

    Attributes:
        path: see above; for messages.
        problem: why the last lines could not be written; None while all is well.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.path, self._columns = path, columns
        self._file: BinaryIO = open_private(path)
        self._waiting: list[bytes] = []
        self._size = 0
        self.problem: str | None = None
        self._write(csv_line(columns))
        if self.problem:
            self._file.close()
            raise OSError(28, self.problem, str(path))

    def add(self, row: Mapping[str, object]) -> None:
        """Adds a row; never raises.

        Args:
            row: a value for each of the columns; what is missing is left empty.
        """
        self._write(csv_line([row.get(name, "") for name in self._columns]))

    def close(self) -> None:
        """Writes what waits, if that can be."""
        self._write(b"")
        try:
            self._file.close()
        except OSError as error:
            self.problem = error.strerror or str(error)

    def _write(self, line: bytes) -> None:
        self._waiting.append(line)
        data, descriptor = b"".join(self._waiting), self._file.fileno()
        try:
            done = 0
            while done < len(data):
                done += os.pwrite(descriptor, data[done:], self._size + done)
            os.fdatasync(descriptor)
        except OSError as error:
            self.problem = f"{self.path}: {error.strerror or error}"
            with suppress(OSError):  # else a line is cut off, and readers leave it out
                os.ftruncate(descriptor, self._size)
        else:
            self._size += len(data)
            self._waiting.clear()
            self.problem = None


def csv_line(values: Sequence[object]) -> bytes:
    """A row; a spreadsheet takes no text of it for a formula, and a terminal obeys none."""
    stream = StringIO()
    csv.writer(stream, lineterminator="\n").writerow([_cell(value) for value in values])
    return writable(stream.getvalue()).encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    is_text = isinstance(value, str) and not re.fullmatch(r"-?[0-9.]+", text)
    return f"'{text}" if is_text and text.startswith(_FORMULA) else text


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table of ours; a last one that was cut off is left out.

    Raises:
        InputError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    whole = text[: text.rfind("\n") + 1]
    return [
        {key: value for key, value in row.items() if key is not None and value is not None}
        for row in csv.DictReader(whole.splitlines(keepends=True))
    ]


# A session while it is written.


class SessionFiles:
    """The folder of a session that runs: made when consent was given, and not before.

    Args:
        folder: is made.
        protocol: is copied.
        participant: whose it is.
        now: when consent was given, ns since 1970.

    Raises:
        OSError: it cannot be written; nothing is left of it then.
    """

    def __init__(
        self, folder: Path, protocol: StudyProtocol, participant: Participant, now: int
    ) -> None:
        self.folder, self.began = folder, now
        self.record = SessionRecord(
            study=protocol.name,
            participant=participant.code,
            session=int(folder.name.rpartition("-")[2]),
            number=participant.number,
            order=tuple(condition.name for condition in protocol.order_for(participant)),
            began=now,
            ended=None,
            state=RUNNING,
            why="",
            consent_sha256=hashlib.sha256(protocol.consent.encode()).hexdigest(),
            protocol_sha256=hashlib.sha256(protocol.text.encode()).hexdigest(),
            record_images=protocol.record_images,
        )
        if folder.exists():
            raise FileExistsError(17, "there is one already", str(folder))
        with staged(folder.parent) as place:  # a session is there with all of its files, or not
            draft = place / folder.name
            draft.mkdir(mode=0o700)
            texts = {CONSENT: protocol.consent, PROTOCOL: protocol.text}
            for condition in protocol.conditions:
                if condition.text:
                    texts[f"behaviours_{condition.name}.yaml"] = condition.text
            for name, text in texts.items():
                write_text(draft / name, text, private=True)
            self.record.save(draft)
            self._events = LineFile(draft / EVENTS_CSV, EVENT_COLUMNS)
            self._answers = LineFile(draft / ANSWERS_CSV, ANSWER_COLUMNS)
        self._events.path, self._answers.path = folder / EVENTS_CSV, folder / ANSWERS_CSV

    @property
    def problem(self) -> str | None:
        """Why something cannot be written; None while all is well."""
        return self._events.problem or self._answers.problem

    def event(self, now: int, row: Mapping[str, object]) -> None:
        """Adds an event; never raises.

        Args:
            now: ns since 1970.
            row: see `EVENT_COLUMNS`; participant, session and clock are filled in.
        """
        self._events.add({**self._stamped(now), **row})

    def answer(self, now: int, row: Mapping[str, object]) -> None:
        """Adds an answer, see `event` and `ANSWER_COLUMNS`."""
        self._answers.add({**self._stamped(now), **row})

    def close(self, now: int, why: str) -> None:
        """Notes how the session has ended.

        Args:
            now: ns since 1970.
            why: it was stopped; empty when it is complete.

        Raises:
            OSError: that cannot be written; the rest is complete.
        """
        self._events.close()
        self._answers.close()
        self.record = replace(self.record, ended=now, state=STOPPED if why else COMPLETE, why=why)
        self.record.save(self.folder)

    def _stamped(self, now: int) -> dict[str, Any]:
        return {
            "participant": self.record.participant,
            "session": self.record.session,
            "time": f"{(now - self.began) * 1e-9:.3f}",
            "stamp": f"{now // 10**9}.{now % 10**9:09d}",
        }
