"""Teleoperation: `ros2 launch h2s2r_bringup teleoperate.launch.py run_folder:=runs/snackbox_push`.

The nodes are those of `h2s2r up teleoperate`: both read `h2s2r_bringup.node_table`.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from h2s2r_bringup.node_table import GraphSettings, environment_of, nodes_of
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_sim.task import load_task
from launch import LaunchDescription

ARGUMENTS = (
    ("run_folder", "runs/snackbox_push", "The run whose demonstration is played; live, where logs go."),
    ("task", "snackbox_push", "Name of a bundled task, or the path of a task file: robot, scene and object."),
    ("embodiment", "", "Name or file of a robot in the place of the task's own."),
    ("output_folder", "runs/snackbox_push/log/teleoperate", "Where the nodes leave their logs."),
    ("seed", "0", "Of the object's mass and of frictions."),
    ("live", "false", "true: your hand before the camera; false: the demonstration's, over and over."),
    ("clutch", "absolute", "absolute: the palm goes to the hand; relative: it moves as the hand moves."),
    (
        "camera",
        "realsense",
        "Live: realsense, topics (a driver that runs already), a Recording, or librealsense's file.",
    ),
    ("camera_pose", "", "Live: T_world_camera, a 4x4 file or a calibration folder."),
)


def generate_launch_description() -> LaunchDescription:
    """Arguments, the nodes of the table; RViz with the robot's model on request."""
    rviz_config = str(Path(get_package_share_directory("h2s2r_bringup")) / "rviz" / "teleoperate.rviz")
    return LaunchDescription(
        [
            *(DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS),
            DeclareLaunchArgument("rviz", default_value="false", description="Start RViz with the graph's topics."),
            OpaqueFunction(function=_nodes),
            OpaqueFunction(function=_robot_model, condition=IfCondition(LaunchConfiguration("rviz"))),
            Node(
                package="rviz2",
                executable="rviz2",
                arguments=["-d", rviz_config],
                condition=IfCondition(LaunchConfiguration("rviz")),
            ),
        ]
    )


def _robot_model(context):
    # What RViz needs to draw the robot and poses in one frame: its links' transforms, and where its base stands.
    chosen = LaunchConfiguration("embodiment").perform(context)
    task = load_task(LaunchConfiguration("task").perform(context), chosen or None)
    embodiment = load_embodiment(task.embodiment)
    base = ["--frame-id", "world", "--child-frame-id", embodiment.base_frame]
    description = {"robot_description": Path(embodiment.urdf).read_text(encoding="utf-8")}
    return [
        Node(package="robot_state_publisher", executable="robot_state_publisher", parameters=[description]),
        Node(package="tf2_ros", executable="static_transform_publisher", arguments=base),
    ]


def _nodes(context):
    values = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    settings = GraphSettings(
        run_folder=Path(values["run_folder"]).resolve(),
        task=values["task"],
        output_folder=Path(values["output_folder"]).resolve(),
        seed=int(values["seed"]),
        embodiment=values["embodiment"],
        camera=values["camera"],
        camera_pose=Path(values["camera_pose"]).resolve() if values["camera_pose"] else None,
        live=values["live"].lower() == "true",
        clutch=values["clutch"],
    )
    settings.output_folder.mkdir(parents=True, exist_ok=True)
    return [
        Node(
            package=spec.package,
            executable=spec.executable,
            name=spec.name,
            parameters=[dict(spec.parameters)],
            remappings=list(spec.remappings),
            additional_env=environment_of(spec),
            output="screen",
            # One node down: all down, as in `h2s2r up`.
            on_exit=Shutdown(reason=f"{spec.name} ended"),
        )
        for spec in nodes_of("teleoperate", settings)
    ]
