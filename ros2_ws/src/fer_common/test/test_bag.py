from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.errors import InputError
from fer_common import bag
from fer_common.bag import open_bag

pytest.importorskip("rosbags", reason="bags are read and written with rosbags")

from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
STORE1 = get_typestore(Stores.ROS1_NOETIC)
STRING, FLOAT = "std_msgs/msg/String", "std_msgs/msg/Float32"


def text(index: int) -> str:
    return f"message {index} " + "x" * (index % 7)


def write(
    path: Path,
    count: int = 20,
    storage: StoragePlugin = StoragePlugin.MCAP,
    compression: CompressionMode = CompressionMode.NONE,
    chunk: int = 5,
) -> Path:
    """Texts on /words, a tenth of a second apart, and numbers on /numbers."""
    writer = Writer(path, version=9, storage_plugin=storage)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        words = writer.add_connection("/words", STRING, typestore=STORE)
        numbers = writer.add_connection("/numbers", FLOAT, typestore=STORE)
        for index in range(count):
            time = 10**18 + index * 10**8
            message = STORE.types[STRING](text(index))
            writer.write(words, time, STORE.serialize_cdr(message, STRING))
            message = STORE.types[FLOAT](index / 2)
            writer.write(numbers, time, STORE.serialize_cdr(message, FLOAT))
            if storage is StoragePlugin.MCAP and index % chunk == chunk - 1:
                writer.storage.close_chunk()
    return path


def words(path: Path) -> tuple[list[str], str | None]:
    """What can be read on /words, and the flaw."""
    bag = open_bag(path)
    read = [entry.decode() for entry in bag.messages(["/words"])]
    return [message.data for message in read if message is not None], bag.flaw


WHOLE = [text(index) for index in range(20)]


@pytest.mark.parametrize(
    ("storage", "compression"),
    [
        (StoragePlugin.MCAP, CompressionMode.NONE),
        (StoragePlugin.MCAP, CompressionMode.STORAGE),
        (StoragePlugin.MCAP, CompressionMode.FILE),
        (StoragePlugin.SQLITE3, CompressionMode.NONE),
        (StoragePlugin.SQLITE3, CompressionMode.FILE),
    ],
    ids=lambda value: value.name,
)
def test_every_kind_of_storage(tmp_path, storage, compression):
    path = write(tmp_path / "bag", storage=storage, compression=compression)
    assert words(path) == (WHOLE, None)
    topics = [(topic.name, topic.type, topic.count) for topic in open_bag(path).topics()]
    assert topics == [("/numbers", FLOAT, 20), ("/words", STRING, 20)]


@pytest.mark.parametrize("suffix", [".mcap", ".db3"])
def test_the_file_of_a_bag_alone(tmp_path, suffix):
    storage = StoragePlugin.MCAP if suffix == ".mcap" else StoragePlugin.SQLITE3
    path = write(tmp_path / "bag", storage=storage)
    assert words(path / f"bag{suffix}") == (WHOLE, None)


def test_a_bag_of_ros_1(tmp_path):
    path = tmp_path / "old.bag"
    with Writer1(path) as writer:
        connection = writer.add_connection("/words", STRING, typestore=STORE1)
        for index in range(20):
            message = STORE1.types[STRING](text(index))
            writer.write(connection, 10**18 + index, STORE1.serialize_ros1(message, STRING))
    assert words(path) == (WHOLE, None)


def test_messages_come_in_order_with_their_times(tmp_path):
    entries = list(open_bag(write(tmp_path / "bag")).messages())
    assert [entry.topic for entry in entries[:3]] == ["/words", "/numbers", "/words"]
    assert (
        np.diff([entry.time for entry in entries if entry.topic == "/words"]).tolist()
        == [10**8] * 19
    )


def test_a_recording_in_several_files(tmp_path):
    folder = tmp_path / "bag"
    folder.mkdir()
    for index in (2, 10):
        part = write(tmp_path / f"part{index}", 3)
        (part / f"part{index}.mcap").rename(folder / f"part{index}.mcap")
    entries = open_bag(folder).messages(["/words"])
    assert [entry.decode().data for entry in entries] == WHOLE[:3] * 2
    assert [topic.count for topic in open_bag(folder).topics()] == [6, 6]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    path = write(tmp_path_factory.mktemp("whole") / "bag")
    return (path / "bag.mcap").read_bytes()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_is_there_of_a_truncated_file_is_read(whole, tmp_path_factory, data):
    cut = data.draw(st.integers(8, len(whole) - 1))
    path = tmp_path_factory.mktemp("cut") / "bag.mcap"
    path.write_bytes(whole[:cut])
    found, flaw = words(path)
    assert found == WHOLE[: len(found)], "a beginning, in order"
    complete = sum(whole[:cut].count(b"%s\0" % text(i).encode()) > 0 for i in range(20))
    assert len(found) >= complete - 1, "no message that is wholly there is lost"
    if cut < len(whole) // 2:
        assert "is cut off" in flaw
    assert sum(topic.count for topic in open_bag(path).topics()) >= len(found)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_never_raises(whole, tmp_path_factory, data):
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(8, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("broken") / "bag.mcap"
    path.write_bytes(broken)
    words(path)
    open_bag(path).topics()


def test_a_damaged_definition_is_told_and_no_message_has_other_fields(whole, tmp_path):
    path = tmp_path / "bag.mcap"
    path.write_bytes(whole.replace(b"string data", b"string datb"))
    found, flaw = words(path)
    assert found == []
    assert "20 messages of /words are damaged" in flaw
    assert "definition of std_msgs/msg/String is not that of ROS 2" in flaw


def test_zeros_after_a_power_cut_are_the_end(whole, tmp_path):
    path = tmp_path / "bag.mcap"
    path.write_bytes(whole[: len(whole) // 2] + bytes(10**6))
    found, flaw = words(path)
    assert found == WHOLE[: len(found)] and len(found) > 5
    assert "bag.mcap is cut off after" in flaw


def test_a_damaged_compressed_chunk_is_left_out_and_told(tmp_path):
    path = write(tmp_path / "bag", compression=CompressionMode.STORAGE)
    file = path / "bag.mcap"
    content = bytearray(file.read_bytes())
    place = content.index(b"\x28\xb5\x2f\xfd", content.index(b"\x28\xb5\x2f\xfd") + 1)
    content[place + 8 : place + 40] = bytes(32)
    file.write_bytes(content)
    found, flaw = words(path)
    assert found == WHOLE[:5] + WHOLE[10:]
    assert "a chunk is damaged" in flaw


# Recordings that were not closed, or of which something was lost.


SQLITE = StoragePlugin.SQLITE3
STORED = [
    pytest.param(storage, mode, id=f"{storage.name}-{mode.name}")
    for storage in StoragePlugin
    for mode in CompressionMode
    if (storage, mode) != (StoragePlugin.MCAP, CompressionMode.MESSAGE)
    and (storage, mode) != (SQLITE, CompressionMode.STORAGE)
]


def _without(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def _nonsense(path: Path) -> None:
    path.write_text("{")


@pytest.mark.parametrize(("storage", "mode"), STORED)
@pytest.mark.parametrize("harm", [_without, _empty, _torn, _nonsense])
def test_a_folder_whose_metadata_are_lost_plays(tmp_path, storage, mode, harm):
    path = write(tmp_path / "bag", storage=storage, compression=mode)
    harm(path / "metadata.yaml")
    found, flaw = words(path)
    assert found == WHOLE
    if harm is not _without or storage is SQLITE:
        assert flaw.count("metadata.yaml") == 1 and "\n" not in flaw
    assert [topic.count for topic in open_bag(path).topics()] == [20, 20]


def split(folder: Path, storage: StoragePlugin, mode=CompressionMode.NONE) -> Path:
    """A recording of three files with three messages each."""
    for index in range(3):
        part = write(folder.with_name(f"bag_{index}"), 3, storage, mode)
        folder.mkdir(exist_ok=True)
        for file in part.iterdir():
            if file.name != "metadata.yaml":
                file.rename(folder / file.name)
    names = sorted(path.name for path in folder.iterdir())
    about = {"rosbag2_bagfile_information": {"version": 9, "relative_file_paths": names}}
    (folder / "metadata.yaml").write_text(json.dumps(about))
    return folder


@pytest.mark.parametrize(("storage", "mode"), STORED)
def test_a_recording_in_several_files_plays_them_in_order(tmp_path, storage, mode):
    assert words(split(tmp_path / "bag", storage, mode)) == (WHOLE[:3] * 3, None)


@pytest.mark.parametrize(("storage", "mode"), STORED)
@pytest.mark.parametrize("harm", [_without, _empty, _nonsense])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_file_that_is_lost_leaves_the_others(tmp_path, storage, mode, harm, number):
    path = split(tmp_path / "bag", storage, mode)
    (file,) = path.glob(f"bag_{number}.*")
    harm(file)
    found, flaw = words(path)
    assert found == WHOLE[:3] * 2
    assert file.name.removesuffix(".zstd") in flaw and "\n" not in flaw


def test_a_file_that_metadata_do_not_name_is_played(tmp_path):
    path = split(tmp_path / "bag", SQLITE)
    about = {"rosbag2_bagfile_information": {"relative_file_paths": ["bag_0.db3"]}}
    (path / "metadata.yaml").write_text(json.dumps(about))
    assert words(path) == (WHOLE[:3] * 3, None)


def test_names_of_files_may_begin_with_the_folder_as_they_once_did(tmp_path):
    path = split(tmp_path / "bag", SQLITE)
    about = {"rosbag2_bagfile_information": {"relative_file_paths": ["bag/bag_0.db3"]}}
    (path / "metadata.yaml").write_text(json.dumps(about))
    assert words(path) == (WHOLE[:3] * 3, None)


def test_a_file_that_was_just_being_packed_is_played_once(tmp_path):
    path = write(tmp_path / "bag", storage=SQLITE)
    (path / "bag.db3.zstd").write_bytes(b"\x28\xb5\x2f\xfd torn")
    (path / "metadata.yaml").unlink()
    assert words(path)[0] == WHOLE


def test_a_packed_file_that_is_cut_off_plays_what_it_holds(tmp_path):
    path = write(tmp_path / "bag", 5000, storage=SQLITE, compression=CompressionMode.FILE)
    file = next(path.glob("*.zstd"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    found, flaw = words(path)
    assert 500 < len(found) < 5000 and "is cut off" in flaw


@pytest.fixture(params=["WAL", "DELETE"])
def killed(tmp_path, request) -> Path:
    """A recording into SQLite whose writer was killed: much of it is in a journal only."""
    path = write(tmp_path / "bag", 3, SQLITE)
    (path / "metadata.yaml").unlink()
    code = f"""
import os, signal, sqlite3
database = sqlite3.connect({str(path / "bag.db3")!r}, isolation_level=None)
database.execute("PRAGMA journal_mode = {request.param}")
database.execute("PRAGMA wal_autocheckpoint = 0")
last = database.execute("SELECT max(timestamp) FROM messages").fetchone()[0]
copy = "INSERT INTO messages(topic_id, timestamp, data) SELECT topic_id, ?, data FROM messages"
for number in range(4):
    database.execute(f"{{copy}} WHERE id <= 2", (last + 1 + number,))
database.execute("PRAGMA cache_size = 1")
database.execute("BEGIN")
for number in range(400):
    database.execute(f"{{copy}} WHERE id <= 20", (last + 99 + number,))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.call([sys.executable, "-c", code]) == -signal.SIGKILL
    journals = [file for file in path.iterdir() if file.suffix in (".db3-wal", ".db3-journal")]
    assert journals and all(file.stat().st_size for file in journals)
    return path


def test_what_only_a_journal_holds_is_played(killed):
    before = {file: file.read_bytes() for file in killed.iterdir()}
    for place in (killed, killed / "bag.db3"):
        found, flaw = words(place)
        assert found == WHOLE[:3] + WHOLE[:1] * 4, "what was being written had not been"
        assert place.suffix or "metadata.yaml is missing" in flaw
    assert {file: file.read_bytes() for file in killed.iterdir()} == before, "it is only read"


def test_copies_for_journals_go_with_the_bag(killed, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened = open_bag(killed)
    assert list(tmp_path.glob("bag-*"))
    del opened
    gc.collect()
    assert not list(tmp_path.glob("bag-*"))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_there_of_a_truncated_database_is_read(long, data):
    whole = long.read_bytes()
    path = long.with_name("cut.db3")
    path.write_bytes(whole[: data.draw(st.integers(len(whole) // 2, len(whole) - 1))])
    found, flaw = words(path)
    assert flaw and found
    assert len(found) == len(set(found)), "nothing comes twice"
    assert len(set(found) - {text(i) for i in range(800)}) <= 1, "the one that was cut"
    assert sum(topic.count for topic in open_bag(path).topics()) >= len(found)


@pytest.mark.parametrize("lost", [1, 17, 4095])
def test_a_database_without_its_last_bytes_says_so(long, lost):
    """Often nothing but free room was there."""
    path = long.with_name("short.db3")
    path.write_bytes(long.read_bytes()[:-lost])
    found, flaw = words(path)
    assert found and flaw


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_damage_of_a_database_is_a_flaw_or_one_line(long, data):
    broken = bytearray(long.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    path = long.with_name("broken.db3")
    path.write_bytes(broken)
    with suppress(InputError):
        words(path)
        open_bag(path).topics()


@pytest.fixture(scope="module")
def long(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("long") / "bag", 800, SQLITE) / "bag.db3"


def test_a_database_without_definitions_is_read_by_those_of_ros(tmp_path):
    path = write(tmp_path / "bag", storage=SQLITE)
    with closing(sqlite3.connect(path / "bag.db3")) as database:
        database.execute("DROP TABLE message_definitions")
        database.execute("UPDATE schema SET schema_version = 3")
        database.commit()
    assert words(path) == (WHOLE, None)


_PAGE, _LEAF = 512, 0x0D


def test_sizes_beyond_all_memory_in_a_database_are_told(tmp_path):
    path = write(tmp_path / "bag", storage=SQLITE) / "bag.db3"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"PRAGMA page_size = {_PAGE}; VACUUM")
    whole, told = path.read_bytes(), []
    for page in range(0, len(whole), _PAGE):
        if whole[page] == _LEAF and any(whole[page + 3 : page + 5]):
            data = bytearray(whole)
            cell = page + int.from_bytes(data[page + 8 : page + 10], "big")
            data[cell : cell + 9] = b"\xff" * 9
            path.write_bytes(data)
            try:
                told.append(words(path)[1] or "")
            except InputError as error:
                told.append(str(error))
    assert sum(map(bool, told)) > 1  # which of them SQLite believes depends on its version


def bad(make: Callable[[Path], Path], *complaint: str) -> object:
    return pytest.param(make, complaint, id=complaint[0][:20])


def _file(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def _folder_with(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder

    return make


def _described(name: str) -> Callable[[Path], Path]:
    content = f"rosbag2_bagfile_information: {{relative_file_paths: [{name}]}}"
    return _folder_with("metadata.yaml", content.encode())


def _pipe(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        os.mkfifo(folder / name)
        return folder / name

    return make


def _computing(name: str) -> Callable[[Path], Path]:
    """A database in which the messages are counted without an end."""

    def make(folder: Path) -> Path:
        with closing(sqlite3.connect(folder / name)) as database:
            database.execute("CREATE TABLE topics(id, name, type, serialization_format)")
            database.execute(
                "CREATE VIEW messages AS WITH RECURSIVE n(id) AS "
                "(SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, 1, id, zeroblob(9) FROM n"
            )
        return folder / name

    return make


@pytest.mark.parametrize("mode", [CompressionMode.FILE, CompressionMode.MESSAGE])
def test_what_unpacks_to_far_more_than_its_size_is_told(tmp_path, mode, monkeypatch):
    monkeypatch.setattr(bag, "MOST_UNPACKED", 100_000)
    writer = Writer(tmp_path / "bomb", version=9, storage_plugin=StoragePlugin.SQLITE3)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        words = writer.add_connection("/words", STRING, typestore=STORE)
        data = STORE.serialize_cdr(STORE.types[STRING]("x" * 5_000_000), STRING)
        writer.write(words, 10**18, data)
    with (
        pytest.raises(InputError, match="unpacks to")
        if mode is CompressionMode.FILE
        else (nullcontext())
    ):
        opened = open_bag(tmp_path / "bomb")
        assert list(opened.messages()) == [] and "unpacks to more" in opened.flaw


def test_a_chunk_that_unpacks_to_more_than_it_says_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(bag, "MOST_UNPACKED", 100_000)
    writer = Writer(tmp_path / "bomb", version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with writer:
        words = writer.add_connection("/words", STRING, typestore=STORE)
        for size in (10, 5_000_000, 10):
            data = STORE.serialize_cdr(STORE.types[STRING]("x" * size), STRING)
            writer.write(words, 10**18, data)
            writer.storage.close_chunk()
    opened = open_bag(tmp_path / "bomb")
    assert len(list(opened.messages())) == 2
    assert "a chunk unpacks to more than 0 MB" in opened.flaw


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        bad(lambda folder: folder / "none", "none: does not exist, expected a bag"),
        bad(lambda folder: folder, "is no bag, expected .mcap or .db3 files or metadata.yaml"),
        bad(_file("x.txt", b"hello"), "is no bag, expected a folder or a file .mcap .db3 .bag"),
        bad(_file("x.mcap", b""), "x.mcap: is empty, expected an MCAP file"),
        bad(_file("x.mcap", b"rubbish" * 99), "x.mcap: is no MCAP file (starts with '7275"),
        bad(_file("x.db3", b"rubbish" * 99), "x.db3: cannot be read as a bag"),
        bad(_file("x.bag", b"rubbish" * 99), "x.bag: cannot be read as a bag"),
        bad(_folder_with("metadata.yaml", b"{"), "metadata.yaml: is not valid YAML"),
        bad(_folder_with("metadata.yaml", b"a: 1"), "metadata.yaml names no files, is no bag"),
        bad(_described("../x.db3"), "expected files of this folder"),
        bad(_described("/dev/zero"), "expected files of this folder"),
        bad(_described("gone.db3"), "gone.db3: cannot be read (No such file"),
        bad(_pipe("x.mcap"), "x.mcap: is not a file but a device or a pipe"),
        bad(_pipe("x.bag"), "x.bag: is not a file but a device or a pipe"),
        bad(_computing("x.db3"), "x.db3: is no bag: its database computes what it holds"),
        bad(_folder_with("x.mcap", b"rubbish"), "x.mcap: is no MCAP file"),
    ],
)
def test_what_is_no_bag_is_one_clear_line(tmp_path, make, complaint):
    with pytest.raises(InputError) as caught:
        open_bag(make(tmp_path))
    assert complaint[0] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_rosbags_there_is_a_clear_line(tmp_path, monkeypatch):
    path = write(tmp_path / "bag")
    monkeypatch.setitem(sys.modules, "rosbags.rosbag2", None)
    with pytest.raises(InputError, match="reading a bag needs rosbags: pip install rosbags"):
        open_bag(path)


def test_a_file_that_grows_meanwhile_is_read_as_it_was(whole, tmp_path):
    end = 8
    while whole[end] != 6:  # the first chunk of messages
        end += 9 + int.from_bytes(whole[end + 1 : end + 9], "little")
    end += 9 + int.from_bytes(whole[end + 1 : end + 9], "little")
    path = tmp_path / "bag.mcap"
    path.write_bytes(whole[:end])
    bag = open_bag(path)
    found = []
    for entry in bag.messages(["/words"]):
        found.append(entry.decode().data)
        with path.open("ab") as file:
            file.write(whole[end:])
    assert len(found) > 2 and found == WHOLE[: len(found)]
    assert "is cut off at its end" in str(bag.flaw)
