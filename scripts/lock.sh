#!/usr/bin/env bash
# Writes requirements/lock/ anew: the newest versions within the ranges, for every Python and processor.
set -euo pipefail
cd "$(dirname "$0")/../requirements"
oldest="$(. ../ros2_ws/src/fer_monitor/fer_monitor/doctor/supported.env && echo "${PYTHONS%% *}")"

# lock NAME HEADLINE OPTION...: what is asked for and all that it needs
lock() {
    local name="$1" headline="$2"
    shift 2
    { printf '# %s; written by scripts/lock.sh.\n\n' "$headline"
      uv pip compile --quiet --universal --python-version "$oldest" --no-header --no-annotate "$@"
    } >"lock/$name.new"
    mv "lock/$name.new" "lock/$name.txt"
}

mkdir -p lock
lock robot "What the robot needs beside ROS" --generate-hashes build.txt runtime.txt
# PyTorch for processors alone is another file than that on PyPI: no hashes here.
lock dev "What viewer, documentation, training, tests and benchmarks need" -c lock/robot.txt cmake.txt viewer.txt study.txt docs.txt train.txt dev.txt bench.txt
lock piper "A neural voice" --generate-hashes -c lock/robot.txt -c lock/dev.txt piper.txt
lock video "Videos in H.264" --generate-hashes -c lock/robot.txt -c lock/dev.txt video.txt
for file in ros-*.txt; do
    lock "${file%.txt}" "ROS from PyPI" --generate-hashes -c lock/robot.txt -c lock/dev.txt "$file"
done
