#!/usr/bin/env bash
# Makes .venv, installs ROS 2 from PyPI (or uses the one in /opt/ros), builds the workspace.
#
#   scripts/setup.sh          what the robot needs
#   scripts/setup.sh viewer   also the viewer in the browser
#   scripts/setup.sh dev      also what training, tests, linters and benchmarks need
#
# ROS=kilted takes another distribution from PyPI, PYTHON=/path another Python; both are remembered.
# VOICE=piper also installs a neural voice, STUDY=1 what the operator's page of a study needs,
# VIDEO=1 what writes videos, DOCS=1 what builds the documentation as a site.
# Doing it again takes seconds: every step notes what it was done for.
set -euo pipefail
cd "$(dirname "$0")/.."

WHAT="${1:-robot}"
VENV="$PWD/.venv"

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 2
}

# --- what must be there -------------------------------------------------------------------

DOCTOR=ros2_ws/src/fer_monitor/fer_monitor/doctor
. "$DOCTOR/supported.env" # PYTHONS, GET_PYTHON and DISTROS

find_python() {
    local candidate candidates=("${PYTHON:-}") version supported='import sys; print("%d.%d" % sys.version_info[:2] in sys.argv)'
    if [ -z "${PYTHON:-}" ]; then
        candidates=("$VENV/bin/python" python3)
        for version in $PYTHONS; do candidates+=("python$version"); done
    fi
    for candidate in "${candidates[@]}"; do
        if [ "$("$candidate" -c "$supported" $PYTHONS 2>/dev/null)" = True ]; then
            candidate="$(command -v "$candidate")"
            # That of .venv may be about to be removed with it.
            case "$candidate" in "$VENV"/*) readlink -f "$candidate" ;; *) printf '%s\n' "$candidate" ;; esac
            return
        fi
    done
    candidate="${PYTHON:-python3}"
    version="$("$candidate" --version 2>/dev/null | head -n 1 || true)"
    fail "needs Python ${PYTHONS%% *} to ${PYTHONS##* }, but $candidate is ${version:-not there}; $GET_PYTHON"
}

# Which ROS: the installed one that the shell has sourced, else the asked-for or remembered one of PyPI.
find_ros() {
    local asked="${ROS:-}" distro
    if [ -n "${ROS_DISTRO:-}" ]; then
        [ -z "$asked" ] || fail "ROS=$asked asks for ROS from PyPI, but this shell has sourced ROS 2 ${ROS_DISTRO^}; leave ROS away, or unset ROS_DISTRO"
        return
    fi
    [ -n "$asked" ] || asked="$(cat "$VENV/.ros" 2>/dev/null || echo "${DISTROS%% *}")"
    [ -n "$asked" ] || fail "this folder was set up with an installed ROS: source /opt/ros/${DISTROS%% *}/setup.bash first, or choose that of PyPI with ROS=${DISTROS%% *}"
    for distro in $DISTROS; do
        if [ "$distro" = "$asked" ]; then echo "$distro"; return; fi
    done
    fail "ROS is '$asked', expected ${DISTROS// / or }"
}

# The doctor knows what a machine needs; its sources run with any Python, before anything is installed.
check_machine() {
    local missing
    [ -w . ] || fail "cannot write into $PWD, where .venv and the build go; clone the project into a folder of your own"
    case "$WHAT" in
        robot | viewer | dev) ;;
        *) fail "'$WHAT' is not known, expected robot, viewer or dev" ;;
    esac
    [[ "${VOICE:-espeak}" =~ ^(espeak|piper)$ ]] || fail "VOICE is '$VOICE', expected espeak or piper"
    missing="$(PYTHONPATH="$PWD/ros2_ws/src/fer_monitor:$PWD/ros2_ws/src/ec_rfernet" "$PYTHON" -m fer_monitor.doctor --before-setup "$WHAT")" ||
        fail "${missing:-could not look for what is missing, see above}"
}

# Whether STUDY=1, VIDEO=1 or DOCS=1 was asked for.
is_on() { [[ ! "$1" =~ ^(|0|no|false)$ ]]; }

# Runs a step unless it was done for the same inputs before: once NAME KEY COMMAND...
once() {
    local stamp="$VENV/.done-$1" key="$2"
    shift 2
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ] && return
    "$@"
    printf '%s' "$key" >"$stamp"
}

# --- the steps ------------------------------------------------------------------------------

make_venv() {
    local ros="the ROS in /opt/ros/${ROS_DISTRO:-}"
    [ -z "$ROS" ] || ros="ROS 2 ${ROS^} from PyPI"
    say "Python environment in .venv, with $("$PYTHON" --version) and $ros"
    rm -rf "$VENV" ros2_ws/build ros2_ws/install # CMake has noted the paths of the old one
    # With an installed ROS its Python packages must be seen from within.
    "$PYTHON" -m venv ${ROS_DISTRO:+--system-site-packages} "$VENV"
    printf '%s' "$ROS" >"$VENV/.ros"
}

# What pip complains of is passed on, but for a wrong hash: that is one sentence.
install() {
    local complaint code=0
    { complaint="$("$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "$@" 2>&1 1>&3)" || code=$?; } 3>&1
    if [[ "$complaint" == *"DO NOT MATCH THE HASHES"* ]]; then
        complaint="$(grep -oE '^ +[^ ]+==[^ ]+ from' <<<"$complaint" | head -n 1)"
        read -r complaint _ <<<"$complaint"
        fail "${complaint:-a package} is not the file that was tested: its sha256 is not the one in requirements/; ask who runs your package index (pip config list), or install from pypi.org"
    fi
    [ -z "$complaint" ] || printf '%s\n' "$complaint" >&2
    [ "$code" = 0 ] || fail "pip could not install the packages, see its message above"
}

# Installs the packages of a file without what they ask for, and takes that out of their metadata:
# it is not needed for what we use of them, and `pip check` would miss it.
install_alone() {
    install --no-deps --require-hashes -r "$1"
    "$VENV/bin/python" - "$1" <<'PYTHON'
import re, sys
from importlib.metadata import PackageNotFoundError, distribution
for name in re.findall(r"^[\w-]+(?===)", open(sys.argv[1]).read(), re.MULTILINE):
    try:
        files = distribution(name).files
    except PackageNotFoundError:
        continue  # not for this Python
    (path,) = (file.locate() for file in files if re.fullmatch(r"[^/]*\.dist-info/METADATA", str(file)))
    path.write_text(re.sub(r"(?m)^Requires-Dist:.*\n", "", path.read_text("utf-8")), "utf-8")
PYTHON
}

install_ros() {
    say "ROS 2 ${ROS^} from PyPI"
    install --require-hashes -r "requirements/lock/ros-$ROS.txt"
    # The wheels' CMake files carry the paths of the machine that built them.
    "$VENV/bin/python" - <<'PYTHON'
import pathlib, re, sys, sysconfig
import numpy
include, arrays = sysconfig.get_paths()["include"], numpy.get_include()
for path in pathlib.Path(sys.prefix, "share").glob("*/cmake/*.cmake"):
    text = path.read_text()
    cured = re.sub(r"/opt/python/cp\d+-cp\d+/include/python3\.\d+", include, text)
    cured = re.sub(r"[^\s\";]*site-packages/numpy/_core/include", arrays, cured)
    if cured != text:
        path.write_text(cured)
PYTHON
}

install_robot() {
    say "What the robot needs (OpenCV, eSpeak NG)"
    install --require-hashes -r requirements/lock/robot.txt
    command -v cmake >/dev/null || install -c requirements/lock/dev.txt -r requirements/cmake.txt
    install_alone requirements/faces.txt
}

install_piper() {
    say "A neural voice (63 MB)"
    install --require-hashes -r requirements/lock/piper.txt
}

install_study() {
    say "Operator's page of studies (aiohttp)"
    install -c requirements/lock/dev.txt -r requirements/study.txt
}

install_video() {
    say "Videos in H.264 (PyAV, 102 MB)"
    install --require-hashes -r requirements/lock/video.txt
}

install_docs() {
    say "Documentation as a site (MkDocs)"
    install -c requirements/lock/dev.txt -r requirements/docs.txt
}

install_viewer() {
    say "Viewer in the browser (Rerun)"
    install -c requirements/lock/dev.txt -r requirements/viewer.txt
    install_alone requirements/viewer-widget.txt
}

install_dev() {
    say "What training, tests and benchmarks need (PyTorch, OpenVINO, pytest, ruff, mypy)"
    install -c requirements/lock/dev.txt -r requirements/train.txt -r requirements/dev.txt -r requirements/bench.txt
    install_alone requirements/mediapipe.txt
}

build() {
    say "Workspace (colcon build; the messages take half a minute the first time)"
    local log="$PWD/ros2_ws/log/setup.txt"
    mkdir -p ros2_ws/log
    (
        cd ros2_ws
        . "$VENV/bin/activate"
        if [ -n "${ROS_DISTRO:-}" ]; then
            set +u
            . "/opt/ros/$ROS_DISTRO/setup.bash"
        else
            export AMENT_PREFIX_PATH="$VENV" CMAKE_PREFIX_PATH="$VENV"
        fi
        colcon build --symlink-install --event-handlers console_direct- >"$log" 2>&1
    ) || { tail -n 25 "$log" >&2; fail "the workspace did not build; the whole log is $log"; }
}

make_clip() {
    say "Demo clip, from two public-domain portraits"
    ros2_ws/install/fer_bringup/lib/fer_bringup/make_clip || fail "the demo clip could not be made"
}

hash_of() { cat "$@" | sha256sum | cut -c1-16; }

# What a build depends on; Python sources are linked, not copied.
build_inputs() {
    { find -L ros2_ws/src -type f \( -name '*.msg' -o -name '*.action' -o -name 'CMakeLists.txt' \
        -o -name 'package.xml' -o -name 'setup.py' -o -name 'setup.cfg' \
        -o -name '*.cpp' -o -name '*.hpp' \) -exec cat {} +
      find -L ros2_ws/src -type f -not -name '*.pyc' -not -path '*.egg-info*' | sort; pwd; } | sha256sum | cut -c1-16
}

PYTHON="$(find_python)"
ROS="$(find_ros)"
check_machine
MACHINE="$("$PYTHON" -c 'import sys; print(sys.version)') ${ROS_DISTRO:+/opt/ros/$ROS_DISTRO}$ROS $PWD"
once venv "$MACHINE" make_venv
once robot "$(hash_of requirements/{lock/robot,faces}.txt)" install_robot
[ -z "$ROS" ] || once ros "$(hash_of "requirements/lock/ros-$ROS.txt")" install_ros
[ "${VOICE:-espeak}" != piper ] || once piper "$(hash_of requirements/lock/piper.txt)" install_piper
[ "$WHAT" != dev ] && ! is_on "${STUDY:-}" || once study "$(hash_of requirements/{lock/dev,study}.txt)" install_study
[ "$WHAT" != dev ] && ! is_on "${VIDEO:-}" || once video "$(hash_of requirements/lock/video.txt)" install_video
[ "$WHAT" != dev ] && ! is_on "${DOCS:-}" || once docs "$(hash_of requirements/{lock/dev,docs}.txt)" install_docs
[ "$WHAT" = robot ] || once viewer "$(hash_of requirements/{lock/dev,viewer,viewer-widget}.txt)" install_viewer
[ "$WHAT" != dev ] || once dev "$(hash_of requirements/{lock/dev,train,dev,bench,mediapipe}.txt)" install_dev
[ -x ros2_ws/install/fer_bringup/lib/fer_bringup/robot ] || rm -f "$VENV/.done-build" # as after rm -rf build install
once build "$(build_inputs)" build
set +u
. scripts/env.sh
once clip "$(hash_of ros2_ws/src/fer_bringup/fer_bringup/clip/{*.py,people/*})" make_clip
say "Ready"
