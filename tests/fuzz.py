"""Gives every reader of files and messages what nobody would write, and reports what breaks.

    python -m tests.fuzz --seconds 300

Each reader runs in a process of its own, with a limit of memory for all and of time for each
input. With atheris (https://github.com/google/atheris) the inputs follow what the readers' code
does with them; without it they are plain mutations of the seeds. A finding is an exception other
than the reader's own error, a crash, an input of more than `LONGEST_S` seconds of a processor, or
`MOST_MB`.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import random
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType

import cv2
import numpy as np
import yaml
from PIL import Image

from ec_rfernet import bundle, picture_file
from ec_rfernet.errors import InputError
from ec_rfernet.evaluation import cross_validation
from ec_rfernet.faces.blazeface import networks_folder
from ec_rfernet.files import read_json, read_yaml
from ec_rfernet.kernels import operations, tflite
from ec_rfernet.kernels.network import KernelNetwork, KernelProgram
from ec_rfernet.kernels.operations import UnsupportedError
from fer_common.bag import open_bag
from fer_node.perception import frame
from robot_behavior.body import urdf
from robot_behavior.dialogue import behaviors
from robot_behavior.dialogue.sentences import Sentences
from robot_behavior.motion import library
from robot_behavior.simulator.views import read_script

LONGEST_S = 10
MOST_MB = 1500
ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "ros2_ws" / "src"
CONFIG = SOURCES / "robot_behavior" / "config"


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        read: takes the bytes of an input, and a folder to put them in.
        seeds: makes inputs that are right.
        errors: what the reader raises for bad input.
    """

    read: Callable[[bytes, Path], object]
    seeds: Callable[[], list[bytes]]
    errors: tuple[type[Exception], ...] = (InputError,)


def _file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """Reads a file of that name."""

    def run(data: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(data)
        return read(path)

    return run


def _pictures() -> list[bytes]:
    pixels = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    exif = Image.Exif()
    exif[0x112] = 6
    found = []
    for form in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF"):
        file = io.BytesIO()
        try:
            Image.fromarray(pixels).save(file, form, **({"exif": exif} if form != "PPM" else {}))
        except (KeyError, OSError, ValueError):
            continue  # not in this Pillow
        found.append(file.getvalue())
    return found


def _raw(data: bytes, _: Path) -> object:
    """The first bytes say encoding, sizes, step and order."""
    head = data[:6].ljust(6, b"\0")
    encoding = sorted(frame.ENCODINGS)[head[0] % len(frame.ENCODINGS)]
    return frame.open_raw(
        head[1], head[2], encoding, head[3] * 4, bool(head[4] & 1), data[6:]
    ).bgr()


def _behaviour(path: Path) -> object:
    return behaviors.load(path, _repertoire(), CONFIG / "sentences")


@cache
def _repertoire() -> behaviors.Repertoire:
    return behaviors.Repertoire(library.read_gestures(CONFIG / "motions.yaml"))


def _motions(path: Path) -> object:
    return library.load_motions(path, _humanoid(), lambda _motion, _rest: None)


@cache
def _humanoid() -> object:
    return urdf.load(SOURCES / "fer_bringup" / "urdf" / "humanoid.urdf").limits


def _sentences(path: Path) -> object:
    prosody = path.with_name("prosody.yaml")
    if not prosody.exists():
        prosody.write_bytes((CONFIG / "sentences" / "prosody.yaml").read_bytes())
    return Sentences.load(path.parent, "en")


def _folds(path: Path) -> object:
    """The first of ten folds; the others are right."""
    others = [path.with_name(f"{fold}.json") for fold in range(1, 10)]
    for fold, other in enumerate(others, start=1):
        if not other.exists():
            other.write_text(json.dumps({**_FOLD, "fold": fold}))
    return cross_validation.pool([path, *others])


def _program(path: Path) -> object:
    program = KernelProgram.read(path)
    return KernelNetwork(program).run(np.zeros((1, 1, program.size, program.size), np.uint8))


def _tflite(path: Path) -> object:
    return tflite.lower(tflite.read(path))


def _bag(path: Path) -> object:
    opened = open_bag(path)
    topics = opened.topics()
    for _, entry in zip(range(1000), opened.messages(), strict=False):
        entry.decode()
    return topics, opened.flaw


def _bags(storage: str) -> list[bytes]:
    from rosbags.rosbag1 import Writer as Writer1
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    kind, found = "std_msgs/msg/String", []
    with tempfile.TemporaryDirectory() as name:
        if storage == "bag":
            store = get_typestore(Stores.ROS1_NOETIC)
            for form in (None, *Writer1.CompressionFormat):
                path = Path(name, f"{form}.bag")
                old = Writer1(path)
                if form is not None:
                    old.set_compression(form)
                with old:
                    words = old.add_connection("/words", kind, typestore=store)
                    for index in range(3):
                        message = store.types[kind](f"word {index}")
                        old.write(words, index, store.serialize_ros1(message, kind))
                found.append(path.read_bytes())
            return found
        store = get_typestore(Stores.ROS2_JAZZY)
        modes = (CompressionMode.NONE, CompressionMode.STORAGE)
        for mode in modes if storage == "mcap" else modes[:1]:
            path = Path(name, mode.name)
            plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
            writer = Writer(path, version=9, storage_plugin=plugin)
            writer.set_compression(mode, CompressionFormat.ZSTD)
            with writer:
                words = writer.add_connection("/words", kind, typestore=store)
                for index in range(3):
                    message = store.types[kind](f"word {index}")
                    writer.write(words, index, store.serialize_cdr(message, kind))
            found += [each.read_bytes() for each in path.glob(f"*.{storage}")]
    return found


def _texts(*paths: Path) -> Callable[[], list[bytes]]:
    return lambda: [path.read_bytes() for path in paths]


def _shipped(name: str) -> Callable[[], list[bytes]]:
    return lambda: [folder.joinpath(name).read_bytes() for folder in bundle.shipped()[-1:]]


def _few_motions() -> list[bytes]:
    """The rest pose and two gestures: most of a file of 28 would be parsed for nothing."""
    motions = read_yaml(CONFIG / "motions.yaml")["/motion_player"]["ros__parameters"]["motions"]
    few = {name: motions[name] for name in ("rest", "nod", "shake")}
    idle = {"breath": {"head_yaw_joint": 0.01}, "sway": {}, "blink": {}}
    file = {"/motion_player": {"ros__parameters": {"motions": few, "idle": idle}}}
    return [yaml.safe_dump(file, default_flow_style=None).encode()]


def _small_databases() -> list[bytes]:
    """Bags whose pages are as small as SQLite has them: a change is rarely in an empty place."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        for number, data in enumerate(_bags("db3")):
            path = Path(name, f"{number}.db3")
            path.write_bytes(data)
            with closing(sqlite3.connect(path)) as database:
                database.executescript("PRAGMA page_size = 512; VACUUM")
            found.append(path.read_bytes())
    return found


def _small_programs() -> list[bytes]:
    """One of each kind of layer, numbers and bytes: nearly every word of them decides something."""
    rng, found = np.random.default_rng(0), []
    for steps in (None, operations.Steps(0.02, 128)):
        kind = np.int8 if steps else np.float32
        weights = operations.Weights(rng.integers(-9, 9, (4, 3, 3, 3)).astype(kind), np.ones(4))
        bias = operations.Weights(np.zeros(4, np.int32 if steps else np.float32))
        image, source = operations.source(8, np.linspace(-1, 1, 256, dtype=np.float32), steps)
        reads = operations.taps(image, 3, 3)
        image, convolve = operations.convolve(image, reads, weights, bias, (0.0, 9.0), steps)
        scaled, added, pooled = (
            tuple(operations.Plane(size, size, plane.border) for plane in image.planes)
            for size in (8, 8, 4)
        )
        small = replace(image.on(pooled), height=4, width=4)
        work = (
            source,
            convolve,
            operations.scale(image.planes, scaled, steps, steps),
            operations.add(image, image.on(scaled), added, (0.0, 9.0), steps),
            operations.pool(added, pooled, 2, 0, 0),
            operations.average(small, 0, steps),
            operations.line(0, 4, 4, 0.5, 0.1, (-9.0, 9.0), steps),
            operations.dense(4, 8, rng.normal(size=(7, 4)), np.zeros(7), (-99.0, 99.0), steps),
        )
        lowered = operations.Lowered(work, 15, operations.Vector(8, 7), steps is not None)
        found.append(operations.assemble(lowered, 8).words.tobytes())
    return found


_YAML = b"a: &a {x: 1, y: [2, 3.5, '4']}\nb: {<<: *a, z: 0x40}\nc: |\n  text\n"
_FOLD = {
    "dataset": "ckplus", "split": "test", "fold": 0, "crops": 1, "precision": "fp32",
    "accuracy": 0.5, "confusion": np.eye(7, dtype=int).tolist(),
}  # fmt: skip

TARGETS: dict[str, Target] = {
    "picture": Target(
        lambda data, _: picture_file.decode(data, cv2.IMREAD_COLOR, 1 << 22), _pictures
    ),
    "compressed image": Target(
        lambda data, _: frame.open_compressed(data).bgr(), _pictures, (frame.DecodeError,)
    ),
    "raw image": Target(_raw, lambda: [bytes((n, 8, 8, 16, 0, 0)) + bytes(700) for n in range(9)],
                        (frame.DecodeError,)),
    "yaml": Target(_file("x.yaml", read_yaml), lambda: [_YAML]),
    "json": Target(_file("x.json", read_json), lambda: [b'{"a": [1, 2.5, "x", null, true]}']),
    "behaviours": Target(_file("x.yaml", _behaviour), _texts(CONFIG / "behaviors.yaml")),
    "motions": Target(_file("x.yaml", _motions), _few_motions),
    "sentences": Target(_file("en.yaml", _sentences), _texts(CONFIG / "sentences" / "en.yaml")),
    "script": Target(
        _file("x.yaml", read_script), _texts(CONFIG / "scripts" / "mood_minute.yaml")
    ),
    "urdf": Target(
        _file("x.urdf", urdf.load), _texts(SOURCES / "fer_bringup" / "urdf" / "humanoid.urdf")
    ),
    "bundle": Target(
        _file("bundle.json", lambda path: bundle.load(path.parent)), _shipped("bundle.json")
    ),
    "fold": Target(
        _file("0.json", _folds),
        lambda: [json.dumps(_FOLD).encode()],
    ),
    "program": Target(
        _file("x.program", _program), _small_programs, (InputError, ValueError)
    ),
    "tflite": Target(
        _file("x.tflite", _tflite),
        lambda: [(networks_folder() / "face_detection_short_range.tflite").read_bytes()],
        (InputError, UnsupportedError),
    ),
    "mcap": Target(_file("x.mcap", _bag), lambda: _bags("mcap")),
    "sqlite": Target(_file("x.db3", _bag), _small_databases),
    "ros1 bag": Target(_file("x.bag", _bag), lambda: _bags("bag")),
}  # fmt: skip
"""Every reader, by the name of what it reads."""


def mutations(seeds: list[bytes], generator: random.Random) -> Iterator[bytes]:
    """Endless inputs that are nearly right: bytes changed, cut, doubled, and numbers enlarged."""
    words = [b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"1e308", b"-1", b"<<", b"*a"]
    while True:
        data = bytearray(generator.choice(seeds))
        for _ in range(generator.randint(1, 6)):
            at = generator.randrange(len(data) + 1)
            end = min(len(data), at + generator.randint(0, 16))
            data[at:end] = generator.choice(
                (generator.randbytes(end - at), b"", bytes(data[at:end]) * 3,
                 generator.choice(words))
            )  # fmt: skip
        yield bytes(data)


def check(target: Target, data: bytes, folder: Path) -> None:
    """Reads one input; what the reader raises for bad input is no finding."""
    with suppress(*target.errors):
        target.read(data, folder)


# Running.

_IN_MEMORY = (
    "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
)  # a disk takes longer than most readers
_FOLLOWED = ("ec_rfernet", "fer_", "robot_behavior", "yaml", "mcap", "rosbags")


def _fuzz(name: str, seconds: float, corpus: Path) -> None:
    """Fuzzes one reader, in this process, and does not return before it ends."""
    target, folder = TARGETS[name], Path(tempfile.mkdtemp(dir=corpus.parent))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # decoders tell what they think of the inputs
    if not find_spec("atheris"):
        inputs = mutations(target.seeds(), random.Random(1))
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            data = next(inputs)
            (corpus / "last").write_bytes(data)
            check(target, data, folder)
            count += 1
        print(f"stat::number_of_executed_units: {count}", file=sys.stderr)
        return
    import atheris

    for function in gc.get_objects():  # all that is loaded would take minutes
        if isinstance(function, FunctionType) and (function.__module__ or "").startswith(_FOLLOWED):
            atheris.instrument_func(function)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed{number}").write_bytes(seed)
    options = [
        f"-max_total_time={max(1, seconds):.0f}", f"-timeout={LONGEST_S}",
        f"-rss_limit_mb={MOST_MB}", "-max_len=200000", "-print_final_stats=1", "-verbosity=0",
        f"-artifact_prefix={corpus}/found-",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: check(target, data, folder))
    atheris.Fuzz()


_COUNT = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


def _is_slow(name: str, path: Path) -> bool:
    """Whether an input takes too long, or fails, also when only this process's time counts."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (2 * LONGEST_S, 2 * LONGEST_S))  # with the start

    command = [sys.executable, "-m", "tests.fuzz", "--target", name, "--again", str(path)]
    return subprocess.run(command, cwd=ROOT, check=False, preexec_fn=limit).returncode != 0


def _was_kept_waiting(name: str, corpus: Path) -> bool:
    """Whether all that was found is that other programs had the processor; forgets it then."""
    found = list(corpus.glob("found-*"))
    timeouts = [path for path in found if path.name.startswith("found-timeout-")]
    if not found or found != timeouts or any(_is_slow(name, path) for path in found):
        return False
    for path in found:
        path.unlink()
    return True


def _run(name: str, seconds: float, findings: Path) -> bool:
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY) as place:
        corpus = Path(place, "corpus")
        corpus.mkdir()
        began, spent, inputs, clean = time.monotonic(), 0.0, 0, True
        while clean and spent < seconds:
            done = subprocess.run(
                [sys.executable, "-m", "tests.fuzz", "--target", name,
                 "--seconds", str(seconds - spent), "--corpus", str(corpus)],
                stderr=subprocess.PIPE, errors="replace", cwd=ROOT, check=False,
            )  # fmt: skip
            spent = time.monotonic() - began
            count = _COUNT.search(done.stderr)
            inputs += int(count[1]) if count else 0
            clean = done.returncode == 0 or _was_kept_waiting(name, corpus)
            if done.returncode == 0:
                break
        print(
            f"{name:<18}{spent:>6.0f} s{inputs:>10} inputs   "
            f"{'nothing found' if clean else 'FOUND'}",
            flush=True,
        )
        if clean:
            return True
        findings.mkdir(parents=True, exist_ok=True)
        stem = name.replace(" ", "_")
        for path in (*corpus.glob("found-*"), *corpus.glob("last")):
            (findings / f"{stem}-{path.name}").write_bytes(path.read_bytes())
        (findings / f"{stem}.txt").write_text(done.stderr[-20_000:])
        print("\n".join(done.stderr.splitlines()[-25:]))
        return False


def main() -> int:
    """Fuzzes all readers, or one; returns 1 when something was found."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="for all readers together")
    parser.add_argument("--target", choices=TARGETS, help="only this one")
    parser.add_argument("--findings", type=Path, default=ROOT / "fuzz_output")
    parser.add_argument("--corpus", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--again", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.again:
        with tempfile.TemporaryDirectory() as folder:
            check(TARGETS[given.target], given.again.read_bytes(), Path(folder))
        return 0
    if given.corpus:
        _fuzz(given.target, given.seconds, given.corpus)
        return 0
    names = [given.target] if given.target else list(TARGETS)
    print("atheris" if find_spec("atheris") else "plain mutations: atheris is not installed")
    share = given.seconds / len(names)
    clean = [_run(name, share, given.findings) for name in names]
    return 0 if all(clean) else 1


if __name__ == "__main__":
    sys.exit(main())
