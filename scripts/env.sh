# Source this: the project's Python, ROS and workspace, ready to use.
#   . scripts/env.sh
_root="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)"
if [ -n "${ROS_DISTRO:-}" ] && [ -f "/opt/ros/$ROS_DISTRO/setup.bash" ]; then
    . "/opt/ros/$ROS_DISTRO/setup.bash"
    . "$_root/.venv/bin/activate"
else
    . "$_root/.venv/bin/activate"
    export AMENT_PREFIX_PATH="$VIRTUAL_ENV" CMAKE_PREFIX_PATH="$VIRTUAL_ENV"
fi
if [ -f "$_root/ros2_ws/install/local_setup.bash" ]; then
    . "$_root/ros2_ws/install/local_setup.bash"
    # robot, motion-check, behavior-sim, fer-report and fer-doctor, where there is no `ros2 run`.
    for _package in fer_bringup robot_behavior fer_monitor; do
        PATH="$PATH:$_root/ros2_ws/install/$_package/lib/$_package"
    done
    unset _package
fi
unset _root
