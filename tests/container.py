"""The image of the robot without Docker: the steps of ``docker/Dockerfile``, in a Debian.

    python -m tests.container FOLDER [--user UID] [ARGUMENT...]

As root, with ``debootstrap``: builds the image in FOLDER, where it stays, and runs it as
``docker/compose.yaml`` has it: as an ordinary user, without a network, without rights, and with
nothing to write but ``/tmp`` and ``FOLDER/demo_output``. Everything that is mounted lies in a mount
namespace of its own and is gone when the program ends.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DOCKERFILE, COMPOSE = ROOT / "docker" / "Dockerfile", ROOT / "docker" / "compose.yaml"

_KNOWN = ["FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "STOPSIGNAL", "ENTRYPOINT", "CMD"]
_RELEASES = {"13": "trixie"}  # of Debian, by the number that an image's tag begins with
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile.

    Attributes:
        name: such as ``RUN``.
        flags: those in front, ``--from=build`` as ``{"from": "build"}``.
        text: the rest, in one line.
    """

    name: str
    flags: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """The rest as words, whether it is written as JSON or not."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


@dataclass
class Stage:
    """What one ``FROM`` begins.

    Attributes:
        base: the image, such as ``debian:13-slim``.
        name: after ``AS``; None without one.
        steps: what follows.
    """

    base: str
    name: str | None
    steps: list[Step] = field(default_factory=list)

    def last(self, name: str) -> Step:
        """The last instruction of a name, which is the one that counts."""
        return [step for step in self.steps if step.name == name][-1]

    def variables(self) -> dict[str, str]:
        """What its ``ENV`` set."""
        pairs = [word for step in self.steps if step.name == "ENV" for word in step.words]
        return dict(pair.split("=", 1) for pair in pairs)


def read(text: str) -> list[Stage]:
    """The stages of a Dockerfile.

    Raises:
        ValueError: it has an instruction that is not understood here.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        name, _, rest = line.strip().partition(" ")
        flags = {}
        while match := re.match(r"--([\w-]+)=(\S+)\s+", rest := rest.strip()):
            flags[match[1]] = match[2]
            rest = rest[match.end() :]
        if name not in _KNOWN or "<<" in rest or (name != "FROM" and not stages):
            raise ValueError(f"not understood: {line}")
        if name == "FROM":
            base, *alias = rest.split()
            stages.append(Stage(base, alias[1] if alias else None))
        else:
            stages[-1].steps.append(Step(name, flags, rest))
    return stages


def context(folder: Path, patterns: Sequence[str]) -> Iterator[Path]:
    """The files and links that ``COPY . .`` takes, relative to the folder.

    Args:
        folder: the build's context.
        patterns: the lines of its ``.dockerignore``; the last one that fits decides.
    """
    rules = [(line.startswith("!"), _pattern(line.lstrip("!"))) for line in patterns if line]
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        for name in sorted([*files, *links]):
            path = Path(place, name).relative_to(folder)
            above = [str(path), *(str(parent) for parent in path.parents)]
            kept = True
            for keep, rule in rules:
                if any(rule.fullmatch(text) for text in above):
                    kept = keep
            if kept:
                yield path


def _pattern(text: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*|\?)", text.strip("/"))
    meaning = {"**/": "(.*/)?", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meaning.get(part, re.escape(part)) for part in parts))


def ignored(folder: Path) -> list[str]:
    """The patterns of a folder's ``.dockerignore``."""
    lines = (folder / ".dockerignore").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def service(name: str) -> dict[str, Any]:
    """A service of ``compose.yaml``, with what it extends."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    values = services[name]
    if "extends" in values:
        return {**service(values["extends"]["service"]), **values}
    return values


# What follows needs root.

_BUILD = """
mount --make-rprivate /
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
for file in /etc/resolv.conf /etc/hosts; do cat "$file" >"$0$file"; done
mkdir -p "$0/run/host"
mount --bind /etc/ssl/certs "$0/run/host"
exec chroot "$0" env -i "$@"
"""
_RUN = """
mount --make-rprivate /
ip link set lo up
mount --rbind "$0" "$0"
mount -o remount,bind,ro "$0"
mount --bind "$DEMO" "$0$PLACE"
mount -t proc proc "$0/proc"
mount -t tmpfs -o mode=1777 tmp "$0/tmp"
mount -t tmpfs -o mode=755 dev "$0/dev"
for device in null zero full random urandom tty; do
    touch "$0/dev/$device" && mount --bind "/dev/$device" "$0/dev/$device"
done
mkdir -m 1777 "$0/dev/shm" && mount -t tmpfs -o mode=1777,size=$SHM shm "$0/dev/shm"
cd "$0" && exec chroot . setpriv $RIGHTS -- env -i "$@"
"""


def build(folder: Path) -> Path:
    """Carries out the Dockerfile; each stage in a folder of its own.

    Returns:
        The file system of the last stage.
    """
    stages = read(DOCKERFILE.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    finished: dict[str, Path] = {}
    for number, stage in enumerate(stages):
        place = folder / (stage.name or f"stage{number}")
        _say(f"{place}: FROM {stage.base}")
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run(["cp", "-a", _debian(folder, stage.base), place], check=True)
        _carry_out(stage, place, finished)
        if stage.name:
            finished[stage.name] = place
    return place


def _debian(folder: Path, image: str) -> Path:
    match = re.fullmatch(r"debian:(\d+)-slim", image)
    if match is None or match[1] not in _RELEASES:
        raise ValueError(f"FROM {image}: expected Debian {', '.join(_RELEASES)}")
    release = _RELEASES[match[1]]
    place = folder / release
    if not (place / "etc" / "debian_version").exists():
        _say(f"debootstrap {release}")
        subprocess.run(["debootstrap", "--variant=minbase", release, place], check=True)
    return place


def _carry_out(stage: Stage, place: Path, finished: dict[str, Path]) -> None:
    folder = Path("/")
    variables = {"PATH": _PATH, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
    # The package index is the one that this machine trusts.
    ours = {name: value for name, value in os.environ.items() if name.startswith("PIP_INDEX")}
    variables |= ours | {"PIP_CERT": "/run/host/ca-certificates.crt"}
    for step in stage.steps:
        _say(f"{step.name} {step.text}")
        if step.name == "WORKDIR":
            folder = Path(step.text)
            (place / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
        elif step.name == "ENV":
            variables |= dict(word.split("=", 1) for word in step.words)
        elif step.name == "COPY":
            _copy(step, place / folder.relative_to("/"), place, finished)
        elif step.name == "RUN":
            words = [f"{name}={value}" for name, value in variables.items()]
            words += ["sh", "-c", f"cd {folder} && {step.text}"]
            space = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
            subprocess.run([*space, "sh", "-ec", _BUILD, place, *words], check=True)


def _copy(step: Step, here: Path, place: Path, finished: dict[str, Path]) -> None:
    source, target = step.words
    if "from" in step.flags:
        root = finished[step.flags["from"]]
        (place / target.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["cp", "-a", root / source.lstrip("/"), place / target.lstrip("/")], check=True
        )
        return
    if (source, target) != (".", "."):
        raise ValueError(f"COPY {step.text}: expected 'COPY . .'")
    for path in context(ROOT, ignored(ROOT)):
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, here / path, follow_symlinks=False)


def run(folder: Path, user: int | None, arguments: Sequence[str]) -> int:
    """Runs the image of `build` as the service ``robot``; its exit code.

    Args:
        folder: of the build.
        user: number of any user; None for the one of the image.
        arguments: instead of the service's command, if there are any.
    """
    stages = read(DOCKERFILE.read_text())
    stage, settings = stages[-1], service("robot")
    place = folder / (stage.name or f"stage{len(stages) - 1}")
    (volume,) = settings["volumes"]
    known = (place / "etc" / "passwd").read_text().splitlines()
    rows = {row.split(":")[0]: row.split(":") for row in known}
    number = int(rows[stage.last("USER").text][2]) if user is None else user
    home = next((row[5] for row in rows.values() if int(row[2]) == number), "/")  # as Docker does
    demo = folder / "demo_output"
    demo.mkdir(exist_ok=True)
    os.chown(demo, number, number)
    rights = f"--reuid={number} --regid={number} --clear-groups --no-new-privs --bounding-set=-all"
    variables = {"PATH": _PATH, "HOME": home, "TERM": "dumb", **stage.variables()}
    words = ["-C", stage.last("WORKDIR").text]
    words += [f"{name}={value}" for name, value in variables.items()]
    words += stage.last("ENTRYPOINT").words
    space = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"]
    environment = {
        **os.environ, "DEMO": str(demo), "PLACE": volume["target"], "RIGHTS": rights,
        "SHM": settings["shm_size"],
    }  # fmt: skip
    command = [*space, "sh", "-ec", _RUN, place, *words, *(arguments or settings["command"])]
    return subprocess.run(command, env=environment, check=False).returncode


def _say(text: str) -> None:
    print(f"==> {text}", flush=True)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--user", type=int)
    parser.add_argument("--built", action="store_true", help="run what FOLDER has from before")
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    folder = options.folder.resolve()
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        print("needs root and debootstrap", file=sys.stderr)
        return 2
    if not options.built:
        build(folder)
    return run(folder, options.user, options.arguments)


if __name__ == "__main__":
    sys.exit(main())
