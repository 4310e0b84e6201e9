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
    # motion-check and behavior-sim, where there is no `ros2 run`.
    PATH="$PATH:$_root/ros2_ws/install/robot_behavior/lib/robot_behavior"
fi
unset _root
