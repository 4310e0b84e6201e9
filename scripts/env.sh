# Source this: the project's Python, ROS and workspace, ready to use in bash, zsh, dash and ksh.
#   . scripts/env.sh
_fer_env() {
    # Where this file is; each shell says it in its own way, and dash has it open.
    if [ -n "${BASH_VERSION:-}" ]; then
        _fer_shell=bash _fer_file="${BASH_SOURCE[0]}"
    elif [ -n "${ZSH_VERSION:-}" ]; then
        _fer_shell=zsh
        eval '_fer_file="${(%):-%x}"'
    else
        _fer_shell=sh _fer_file=
        eval '[ -z "${KSH_VERSION:-}" ] || _fer_file="${.sh.file:-}"' 2>/dev/null
        for _fer_open in /proc/$$/fd/*; do
            [ -f "$_fer_file" ] && break
            _fer_file="$(readlink "$_fer_open")"
            case "$_fer_file" in */scripts/env.sh) ;; *) _fer_file= ;; esac
        done
    fi
    _fer_root="$(CDPATH= cd -- "$(dirname -- "$_fer_file")/.." 2>/dev/null && pwd)"
    if [ ! -f "$_fer_root/.venv/bin/activate" ]; then
        echo "env.sh: ${_fer_root:-this folder} has no .venv; run scripts/setup.sh there first" >&2
        return 1
    fi
    _fer_distro="/opt/ros/${ROS_DISTRO:-}"
    if [ -n "${ROS_DISTRO:-}" ] && [ -f "$_fer_distro/setup.$_fer_shell" ]; then
        AMENT_CURRENT_PREFIX="$_fer_distro"
        . "$_fer_distro/setup.$_fer_shell"
        unset AMENT_CURRENT_PREFIX
        . "$_fer_root/.venv/bin/activate"
    else
        . "$_fer_root/.venv/bin/activate"
        export AMENT_PREFIX_PATH="$VIRTUAL_ENV" CMAKE_PREFIX_PATH="$VIRTUAL_ENV"
    fi
    _fer_install="$_fer_root/ros2_ws/install"
    if [ -f "$_fer_install/local_setup.$_fer_shell" ]; then
        COLCON_CURRENT_PREFIX="$_fer_install"
        . "$_fer_install/local_setup.$_fer_shell"
        unset COLCON_CURRENT_PREFIX
        # robot, motion-check, behavior-sim, fer-report, fer-doctor and fer-study, where there is no `ros2 run`.
        for _fer_package in fer_bringup robot_behavior fer_monitor fer_study; do
            PATH="$PATH:$_fer_install/$_fer_package/lib/$_fer_package"
        done
        # In a shell that somebody types into, the Tab key completes `robot`.
        case "$-$_fer_shell" in
            *i*bash) eval "$(register-python-argcomplete --no-defaults robot)" ;;
            *i*zsh) ! whence compdef >/dev/null || eval "$(register-python-argcomplete --no-defaults robot)" ;;
        esac
    fi
}

# The scripts of ROS and colcon read variables that nobody has set, and zsh looks at globs.
case "$-" in *u*) _fer_strict=u ;; *) _fer_strict= ;; esac
case "$-" in *e*) _fer_strict="${_fer_strict}e" ;; esac
set +ue
_fer_env
_fer_status=$?
unset -f _fer_env
unset _fer_shell _fer_file _fer_open _fer_root _fer_distro _fer_install _fer_package
case "$_fer_strict" in *u*) set -u ;; esac
case "$_fer_strict" in *e*) set -e ;; esac
unset _fer_strict
if [ "$_fer_status" -ne 0 ]; then
    unset _fer_status
    return 1
fi
unset _fer_status
