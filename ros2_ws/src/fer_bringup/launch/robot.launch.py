"""The robot, one process per node: ``ros2 launch fer_bringup robot.launch.py camera:=clip``."""

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
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node

from fer_bringup.application import COULD_NOT_START
from fer_bringup.arguments import ARGUMENTS, RobotSettings
from fer_bringup.assembly import CAMERA_FRAME, Part, camera_pose, parts
from fer_bringup.clip.make_clip import clip_path, ensure_clip_for
from fer_common.runner import ASKED_FOR, OPEN, dds_variables, ros_distro
from launch import LaunchContext, LaunchDescription
from robot_behavior.body import urdf
from robot_behavior.robots import find_robot

RVIZ = DeclareLaunchArgument(
    "rviz", default_value="false", choices=["true", "false"], description="whether to open RViz"
)


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


def robot(context: LaunchContext) -> list:
    share = Path(get_package_share_directory("fer_bringup"))
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    settings = RobotSettings.read(values, share / "config" / "robot.yaml")
    ensure_clip_for(settings.camera, print)
    variables = dds_variables(settings.network).items()
    actions = [SetEnvironmentVariable(name, value) for name, value in variables]
    if settings.network:
        actions.append(LogInfo(msg=f"{OPEN}: {ASKED_FOR}"))
    actions += [node(part, settings) for part in parts(settings, clip_path())]
    if find_robot(settings.robot).humanoid:
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
        arguments=["--ros-args", "--log-level", settings.log_level.upper()],
        output="both",
        on_exit=end if part.target else end_unless_started,
    )


def end_unless_started(event: ProcessExited, context: LaunchContext) -> list:
    """Of nodes that only watch: the robot goes on when they end, but must start with them."""
    return end(event, context) if event.returncode == COULD_NOT_START else []


def end(event: ProcessExited, context: LaunchContext) -> list:
    """Ends the whole launch: a video is over, or a node could not start."""
    if context.is_shutdown:
        return []
    shutdown = EmitEvent(event=Shutdown(reason=f"{event.process_name} has ended"))
    # Nodes may hear of a Ctrl-C before the launch does, which then cancels the timer.
    return [TimerAction(period=0.5, actions=[shutdown])]


def state_publisher(settings: RobotSettings) -> list:
    """Transforms of the robot's links, where the package that computes them is installed."""
    if not installed("robot_state_publisher"):
        return []
    return [
        Node(
            package="robot_state_publisher",
            executable="robot_state_publisher",
            namespace=settings.namespace,
            parameters=[{"robot_description": urdf.humanoid().read_text(encoding="utf-8")}],
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
        ),
    ]


def camera_frame(settings: RobotSettings) -> Node:
    """Where the camera is: RViz complains of a frame that no transform names."""
    pose = camera_pose()
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
