"""``. scripts/env.sh`` works in the shells that people have."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHELLS = (
    "bash",
    "bash -u",
    "bash -eu",
    "sh",
    "dash",
    "dash -u",
    "zsh",
    "zsh -u",
    "ksh",
    "busybox ash",
)


def run(shell: str, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which(shell.split()[0]) is None:
        pytest.skip(f"{shell} is not installed")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    return subprocess.run(
        [*shell.split(), "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("where", ["from the checkout", "from elsewhere"])
def test_every_program_is_found(shell: str, where: str, tmp_path: Path) -> None:
    script = "scripts/env.sh" if where == "from the checkout" else f"{ROOT}/scripts/env.sh"
    folder = ROOT if where == "from the checkout" else tmp_path
    find = "command -v ec-rfernet && command -v robot && python -c 'import fer_interfaces'"
    done = run(shell, f". {script} && {find} && echo done; set +u; echo left $_fer_root", folder)
    assert done.stderr == ""
    assert "done\nleft\n" in done.stdout, done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_a_checkout_without_set_up_is_told(shell: str, tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "env.sh", tmp_path / "scripts")
    done = run(shell, f". {tmp_path}/scripts/env.sh || echo refused", tmp_path)
    assert done.stdout == "refused\n"
    assert f"{tmp_path} has no .venv; run scripts/setup.sh there first" in done.stderr


@pytest.mark.parametrize(
    ("shell", "before", "shown"),
    [
        ("bash -i", "", "complete -p robot"),
        ("zsh -i", "autoload -Uz compinit; compinit -u;", "echo ${_comps[robot]}"),
    ],
)
def test_the_tab_key_completes_robot(shell: str, before: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / ".zshrc").touch()
    done = run(shell, f"{before} . {ROOT}/scripts/env.sh; {shown}", tmp_path)
    assert "_python_argcomplete" in done.stdout, done.stderr
