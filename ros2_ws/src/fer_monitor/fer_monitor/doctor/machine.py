"""The machine itself: processor, memory, disk, shared memory, and how fast it judges a face."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

from fer_monitor.doctor.check import Diagnosis, about, fail, ok, warn
from fer_monitor.doctor.host import Host, ProbeError, text_of
from fer_monitor.doctor.software import SETUP_MB, model_folder

# Processor: who else uses it, and what slows it down.

_FASTEST = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
_ADAPTIVE = ("intel_pstate", "amd-pstate", "amd-pstate-epp", "intel_cpufreq")
"""Drivers whose ``powersave`` speeds up when there is work."""
_HOT_C = 85.0
_SUPPLY = "use the power supply made for the board (5 V, 5 A), and a short cable"
_COOL = "put a heat sink or a fan on the processor"
_THROTTLED = (
    (0, "the supply voltage is too low", _SUPPLY),
    (1, "the clock is capped", _SUPPLY),
    (2, "the clock is throttled", _COOL),
    (3, "it is near its highest temperature", _COOL),
    (16, "the supply voltage was too low since the start", _SUPPLY),
    (17, "the clock was capped since the start", _SUPPLY),
    (18, "the clock was throttled since the start", _COOL),
    (19, "it was near its highest temperature since the start", _COOL),
)


def processor(host: Host) -> list[Diagnosis]:
    """Governor, load and heat."""
    return [_governor(host), about("load", _load(host)), about("heat", _heat(host))]


def _governor(host: Host) -> Diagnosis:
    cpus = host.file("/sys/devices/system/cpu")
    found = {text_of(path) for path in cpus.glob("cpu[0-9]*/cpufreq/scaling_governor")} - {""}
    if not found:
        return ok("the kernel leaves the clock alone (no governor, as in a virtual machine)")
    text = f"governor {', '.join(sorted(found))}"
    driver = text_of(cpus / "cpu0" / "cpufreq" / "scaling_driver")
    if "powersave" in found and driver not in _ADAPTIVE:
        return warn(f"{text}: the clock stays at its lowest", _FASTEST)
    return ok(text)


def _load(host: Host) -> Diagnosis:
    found = re.match(r"\d+\.?\d*", host.text("/proc/loadavg"))
    if found is None:
        return ok("the kernel does not tell how busy it is")
    load = float(found[0])
    text = f"{load:.1f} programs wanted one of {host.cores} cores in the last minute"
    if load > 1.5 * host.cores:
        return warn(f"{text}: the robot will be late", "end what `top` shows first")
    return ok(text)


def _heat(host: Host) -> Diagnosis:
    """Whether it is too hot, or a Raspberry Pi too weakly supplied."""
    outcome = host.run(("vcgencmd", "get_throttled"), 2.0)
    bits = re.search(r"throttled=0x([0-9a-fA-F]+)", outcome.out) if outcome.code == 0 else None
    flags = int(bits[1], 16) if bits else 0
    told = [(text, remedy) for bit, text, remedy in _THROTTLED if flags >> bit & 1]
    if told:
        return warn("; ".join(text for text, _ in told), told[0][1])
    zones = map(text_of, host.file("/sys/class/thermal").glob("thermal_zone*/temp"))
    degrees = [int(text) / 1000 for text in zones if text.lstrip("-").isdigit()]
    if not degrees:
        return ok("not throttled" if bits else "the kernel does not tell the temperature")
    text = f"{max(degrees):.0f} degrees Celsius{', not throttled' if bits else ''}"
    return warn(text, _COOL) if max(degrees) > _HOT_C else ok(text)


# Memory, disk, and the folder of the logs.

_NEEDED_MB, _GOOD_MB, _RUN_MB = 300, 600, 300


def room(host: Host) -> list[Diagnosis]:
    """Whether the robot fits in, and whether ROS can write its logs."""
    found = {"memory": _memory(host), "disk": _disk(host), "logs": _logs(host)}
    return [about(subject, finding) for subject, finding in found.items()]


def _memory(host: Host) -> Diagnosis:
    found = re.search(r"MemAvailable:\s+(\d+) kB", host.text("/proc/meminfo"))
    if found is None:
        return ok("the kernel does not tell how much memory is free")
    free_mb = int(found[1]) * 1024 / 1e6
    text = f"{free_mb:,.0f} MB of memory are free"
    if free_mb >= _GOOD_MB:
        return ok(text)
    verdict = fail if free_mb < _NEEDED_MB else warn
    return verdict(f"{text}, the robot needs {_GOOD_MB}", "end what `top -o %MEM` shows")


def _disk(host: Host) -> Diagnosis:
    """Whether there is room for setting up, or for running."""
    folder = host.root or host.home
    free_mb = host.free_mb(folder)
    is_set_up = host.venv is not None and (host.venv / ".done-robot").exists()
    needed_mb = _RUN_MB if is_set_up else SETUP_MB["robot"]
    text = f"{free_mb:,.0f} MB of disk are free at {folder}"
    if free_mb < needed_mb:
        return fail(f"{text}, needed: {needed_mb}", "df -h, then delete something")
    return ok(text)


def _logs(host: Host) -> Diagnosis:
    """Whether ROS can write its log: a node ends at its start if it cannot."""
    given = host.environ.get("ROS_LOG_DIR") or host.environ.get("ROS_HOME")
    folder = Path(given) if given else host.home / ".ros"
    place = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if place.is_dir() and os.access(place, os.W_OK):
        return ok(f"ROS writes its logs below {folder}")
    if not given and os.access(host.temporary, os.W_OK):  # the robot's nodes do so themselves
        return ok(f"ROS writes its logs below {host.temporary}: {folder} cannot be written")
    text = f"ROS cannot write its logs below {folder}, and no node starts without"
    mine = f"sudo chown -R $USER {folder}" if place == folder else "export ROS_LOG_DIR=/tmp/ros"
    return fail(text, mine)


# /dev/shm, through which pictures pass between processes.

_GOOD_SHM_MB, _MANY_MB = 150, 100  # each process takes 16 MB and more
_LOCK = "_el"
_SHOWN = 3


def shared_memory(host: Host) -> list[Diagnosis]:
    """Whether there is room in it, and what dead programs have left there."""
    found = [about("shared memory", _shared_memory(host))]
    if (others := _of_others(host)) is not None:
        found.append(about("shared memory", others))
    return found


def _of_others(host: Host) -> Diagnosis | None:
    """What dead programs of other users have left, which this user can neither use nor remove.

    A lock that this user may not open tells the kernel's list alone whether it is held.
    """
    try:
        table = host.file("/proc/locks").read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    is_held = {int(line.split()[-3].rpartition(":")[2]) for line in table if line.count(":") > 2}
    names, owners = [], set()
    for lock in sorted(host.file("/dev/shm").glob("fast*_*l")):
        with contextlib.suppress(OSError):
            about_it = lock.stat()
            if not host.may_use(lock) and about_it.st_ino not in is_held:
                names.append(lock.name)
                owners.add(_user(about_it.st_uid))
    if not names:
        return None
    some = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return warn(
        f"{len(names)} locks in /dev/shm are left of dead programs of {', '.join(sorted(owners))}: "
        f"{some}; Fast DDS says 'open_and_lock_file failed' and takes detours",
        "sudo rm " + " ".join(f"/dev/shm/{name}" for name in names),
    )


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _shared_memory(host: Host) -> Diagnosis:
    folder, detour = host.file("/dev/shm"), "then go through the network of this machine"
    clean = ". scripts/env.sh && fastdds shm clean"
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        text = f"/dev/shm is missing, or not for you: pictures {detour}"
        return warn(text, "sudo mount -t tmpfs -o mode=1777 shm /dev/shm")
    free_mb, left = host.free_mb(folder), _leftovers(folder)
    left_mb = sum(left) / 1e6
    text = f"{free_mb:,.0f} MB free in /dev/shm"
    dead = f"{text}; {len(left)} segments of dead programs take {left_mb:,.0f} MB of it"
    if free_mb < _GOOD_SHM_MB:
        remount = "sudo mount -o remount,size=1G /dev/shm (in a container: --shm-size=1g)"
        text, remedy = (dead, clean) if left_mb > free_mb else (text, remount)
        return warn(f"{text}: too little for pictures, which {detour}", remedy)
    return warn(dead, clean) if left_mb > _MANY_MB else ok(dead if left else text)


def _leftovers(folder: Path) -> list[int]:
    """The sizes of Fast DDS's segments whose owner is gone: nobody holds the lock beside them."""
    sizes = []
    for lock in folder.glob(f"fastrtps_*{_LOCK}"):
        segment = lock.with_name(lock.name[: -len(_LOCK)])
        try:
            with lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        sizes.append(segment.stat().st_size if segment.exists() else 0)
    return sizes


# How long this machine takes for a face, against what the camera gives it.

_BUDGET_MS = 1000 / 30  # of one picture, at 30 a second
_HOPELESS_MS = 10 * _BUDGET_MS


def speed(host: Host) -> Iterator[Diagnosis]:
    """Runs what the robot would run on one face."""
    bundle = model_folder(host)
    if bundle is None:
        yield warn("not measured: no model is there", f"git -C {host.root} checkout -- models")
        return
    try:
        times = host.ask("face", str(bundle), limit_s=6.0)
    except ProbeError as error:
        yield fail(f"a face could not be judged: {error}", f"{host.setup}; see the line models")
        return
    total = times["face_ms"] + times["find_ms"]
    choose = ". scripts/env.sh && ec-rfernet benchmark --choose"
    text = (
        f"a face takes {times['face_ms']:.1f} ms with {times['runtime']} {times['precision']}, "
        f"looking for faces {times['find_ms']:.1f} ms; a picture may take {_BUDGET_MS:.0f} ms"
    )
    if times["warning"]:
        yield warn(times["warning"], choose)
    elif total > _HOPELESS_MS:
        yield fail(f"{text}: fewer than three pictures a second", choose)
    elif total > _BUDGET_MS:
        yield warn(f"{text}: some pictures will be left out", choose)
    else:
        yield ok(text)
