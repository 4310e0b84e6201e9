"""The robot, one process per node: ``ros2 launch fer_bringup robot.launch.py camera:=clip``."""

import os
import sys
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    LogInfo,
    OpaqueFunction,
    SetEnvironmentVariable,
    TimerAction,
)
from launch.events import Shutdown, matches_action
from launch.events.process import ProcessExited, ShutdownProcess
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node

from ec_rfernet.errors import InputError
from fer_bringup.application import COULD_NOT_START
from fer_bringup.arguments import ARGUMENTS, RobotSettings
from fer_bringup.assembly import (
    CAMERA_FRAME,
    Part,
    camera_pose,
    check_user_file,
    enclave,
    parts,
)
from fer_bringup.clip.make_clip import clip_path, ensure_clip_for
from fer_bringup.supervisor import DELAY_S, MOST, WITHIN_S, Restarts
from fer_common.entry import ENDS_WITH
from fer_common.runner import ASKED_FOR, OPEN, dds_variables, ros_distro
from launch import LaunchContext, LaunchDescription
from robot_behavior.body import urdf
from robot_behavior.robots import find_robot

RVIZ = DeclareLaunchArgument(
    "rviz", default_value="false", choices=["true", "false"], description="whether to open RViz"
)
OF_LAUNCH = ("launch-prefix", "launch-prefix-filter")


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [*(declaration(argument) for argument in ARGUMENTS), RVIZ, OpaqueFunction(function=robot)]
    )


def declaration(argument) -> DeclareLaunchArgument:
    return DeclareLaunchArgument(
        argument.name,
        default_value=argument.default,
        description=argument.description,
        # Where a value has had another name, `RobotSettings` refuses it, and tells that of now.
        choices=None if argument.former else list(argument.choices) or None,
    )


def check_names(context: LaunchContext) -> None:
    """Refuses an argument that this file does not have: ``ros2 launch`` ignores those.

    Those of a launch file that includes this one are its own.
    """
    if not any(Path(text).name == Path(__file__).name for text in sys.argv):
        return
    known = [*(argument.name for argument in ARGUMENTS), RVIZ.name, *OF_LAUNCH]
    for name in (text.partition(":=")[0] for text in context.argv):
        if name not in known:
            near = get_close_matches(name, known)
            hint = f"did you mean '{near[0]}'?" if near else "--show-args lists all"
            raise InputError(f"there is no argument '{name}'; {hint}")


def robot(context: LaunchContext) -> list:
    check_names(context)
    share = Path(get_package_share_directory("fer_bringup"))
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    installed_parameters = share / "config" / "robot.yaml"
    settings = RobotSettings.read(values, installed_parameters)
    everybody = parts(settings, clip_path())
    check_user_file(settings, everybody, installed_parameters)
    ensure_clip_for(settings.camera, print)
    variables = {**dds_variables(settings.network), ENDS_WITH: str(os.getpid())}
    actions = [SetEnvironmentVariable(name, value) for name, value in variables.items()]
    if settings.network:
        actions.append(LogInfo(msg=f"{OPEN}: {ASKED_FOR}"))
    actions += [node(part, settings) for part in everybody]
    described = find_robot(settings.robot)
    if described.humanoid or described.urdf:
        actions += state_publisher(settings)
    if LaunchConfiguration("rviz").perform(context) == "true":
        actions += rviz(share / "rviz" / "robot.rviz", settings)
    return actions


def node(part: Part, settings: RobotSettings) -> Node:
    kind = LifecycleNode if part.lifecycle else Node
    return kind(
        package=part.package,
        executable=part.executable,
        name=part.executable,
        namespace=settings.namespace,
        parameters=[part.defaults, str(settings.params_file), part.parameters],
        remappings=list(part.remappings),
        arguments=[
            "--ros-args",
            *("--log-level", settings.log_level.upper()),
            *("--enclave", enclave(part.executable)),
        ],
        output="both",
        respawn=settings.respawn,
        respawn_delay=DELAY_S,
        on_exit=partial(ended, part, settings, Restarts()),
    )


def ended(
    part: Part,
    settings: RobotSettings,
    restarts: Restarts,
    event: ProcessExited,
    context: LaunchContext,
) -> list:
    """Lets a node be started again, unless a video is over, or it could not start, or too often."""
    if context.is_shutdown:
        return []
    code, name = event.returncode, part.executable
    if code == COULD_NOT_START and not restarts.count:
        return end(event, context)
    in_order = code == 0 and (name == "camera_node" or not part.target)
    if in_order or not settings.respawn:
        # The robot goes on without nodes that only watch.
        return end(event, context) if part.target else [stay_away(event)]
    if restarts.allowed():
        return []
    news = f"{name} has ended with {code}, and was started again {MOST} times in {WITHIN_S:g} s"
    if part.needed:
        return [LogInfo(msg=f"{news}: the robot ends"), *end(event, context)]
    return [LogInfo(msg=f"{news}: the robot goes on without it"), stay_away(event)]


def stay_away(event: ProcessExited) -> EmitEvent:
    """Lets a node that has ended not be started again."""
    return EmitEvent(event=ShutdownProcess(process_matcher=matches_action(event.action)))


def end(event: ProcessExited, context: LaunchContext) -> list:
    """Ends the whole launch."""
    if context.is_shutdown:
        return []
    shutdown = EmitEvent(event=Shutdown(reason=f"{event.process_name} has ended"))
    # Nodes may hear of a Ctrl-C before the launch does, which then cancels the timer.
    return [TimerAction(period=0.5, actions=[shutdown])]


def state_publisher(settings: RobotSettings) -> list:
    """Transforms of the robot's links, where the package that computes them is installed."""
    if not installed("robot_state_publisher"):
        return []
    description = find_robot(settings.robot).urdf or urdf.humanoid()
    return [
        Node(
            package="robot_state_publisher",
            executable="robot_state_publisher",
            namespace=settings.namespace,
            parameters=[
                {
                    "robot_description": description.read_text(encoding="utf-8"),
                    "use_sim_time": settings.use_sim_time,
                }
            ],
        )
    ]


def rviz(config: Path, settings: RobotSettings) -> list:
    if not installed("rviz2"):
        hint = f"sudo apt install ros-{ros_distro()}-rviz2"
        return [LogInfo(msg=f"rviz:=true has no effect, rviz2 is not installed: {hint}")]
    actions = [] if installed("robot_state_publisher") else [camera_frame(settings)]
    return [
        *actions,
        Node(
            package="rviz2",
            executable="rviz2",
            namespace=settings.namespace,
            arguments=["-d", str(config)],
            parameters=[{"use_sim_time": settings.use_sim_time}],
        ),
    ]


def camera_frame(settings: RobotSettings) -> Node:
    """Where the camera is: RViz complains of a frame that no transform names."""
    pose = camera_pose(settings.robot)
    return Node(
        package="tf2_ros",
        executable="static_transform_publisher",
        namespace=settings.namespace,
        arguments=[
            *("--x", str(pose.x), "--y", str(pose.y), "--z", str(pose.z)),
            *("--roll", str(pose.roll), "--pitch", str(pose.pitch), "--yaw", str(pose.yaw)),
            *("--frame-id", pose.frame, "--child-frame-id", CAMERA_FRAME),
        ],
    )


def installed(package: str) -> bool:
    try:
        get_package_share_directory(package)
    except PackageNotFoundError:
        return False
    return True
