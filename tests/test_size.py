"""``make size``, on a folder of packages that were made up."""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[1] / "scripts" / "size.py"


@pytest.fixture(scope="module")
def size():
    spec = importlib.util.spec_from_file_location("size_script", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def site(tmp_path: Path):
    """Installs a distribution of some kilobytes, as pip leaves it."""

    def install(name: str, kilobytes: int, *requires: str) -> None:
        module = tmp_path / f"{name.replace('-', '_')}.bin"
        module.write_bytes(bytes(1000 * kilobytes))
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        (info / "RECORD").write_text(f"{module.name},,\n{info.name}/gone.txt,,\n")

    install.path = tmp_path
    return install


RUNTIME = """
# What the robot needs. And more.

Eyes_Lib==1.0    # sees; nothing else does
voice[loud]==1.0
elsewhere==1.0 ; platform_machine == "none"
"""


def names(entries) -> list[str]:
    return [entry.name for entry in entries]


def test_pins_have_the_reason_beside_them_or_above(size) -> None:
    eyes, voice = size.pins(RUNTIME, "runtime.txt")
    assert (eyes.name, eyes.why) == ("eyes-lib", "sees; nothing else does")
    assert (voice.name, voice.why) == ("voice", "What the robot needs")


def test_a_line_that_is_no_requirement_is_named(size) -> None:
    with pytest.raises(ValueError, match=r"runtime.txt:2: '-r other.txt' is no requirement"):
        size.pins("numpy==1.0\n-r other.txt\n", "runtime.txt")


def test_what_is_needed_is_followed_and_what_is_not_is_left_out(size, site) -> None:
    site("eyes-lib", 900, "lens>=1", "torch; extra == 'train'")
    site("lens", 100)
    site("voice", 300, "horn; extra == 'loud'", "lens")
    site("horn", 200)
    site("torch", 5000)
    entries = size.installed(size.pins(RUNTIME, "runtime.txt"), distributions(path=[site.path]))
    assert names(entries) == ["eyes-lib", "voice", "horn", "lens"]
    assert [entry.megabytes for entry in entries] == pytest.approx([0.9, 0.3, 0.2, 0.1])
    eyes, _, horn, lens = entries
    assert eyes.reason == "runtime.txt: sees; nothing else does"
    assert horn.reason == "needed by voice"
    assert lens.reason == "needed by eyes-lib, voice"


def test_what_is_installed_alone_brings_nothing(size, site) -> None:
    site("faces", 900, "jax")
    site("jax", 5000)
    entries = size.installed(
        size.pins("faces==1.0 --hash=sha256:00", "faces.txt"), distributions(path=[site.path])
    )
    assert names(entries) == ["faces"]


def test_what_needs_each_other_ends(size, site) -> None:
    site("faces", 900, "lens")
    site("lens", 100, "faces", "missing")
    entries = size.installed(size.pins("faces", "runtime.txt"), distributions(path=[site.path]))
    assert names(entries) == ["faces", "lens"]


def test_small_ones_share_a_line_and_count(size, site, tmp_path) -> None:
    site("eyes-lib", 900)
    site("voice", 30)
    bundle = tmp_path / "models" / "net"
    bundle.mkdir(parents=True)
    (bundle / "bundle.json").write_bytes(bytes(200_000))
    entries = size.installed(size.pins(RUNTIME, "runtime.txt"), distributions(path=[site.path]))
    table = size.report(entries, tmp_path / "models", 0.5)
    assert [line.split()[0] for line in table if line] == ["MB", "0.9", "0.0", "0.9", "0.2"]
    assert "eyes-lib 1.0" in table[1]
    assert "1 smaller than 0.5 MB" in table[2]
    assert table[-1].endswith("network net")


def test_the_robot_of_this_machine(size, capsys) -> None:
    assert size.main([]) == 0
    told = capsys.readouterr().out
    assert "opencv-python-headless" in told
    assert "torch" not in told
    assert "network ec_rfernet" in told
