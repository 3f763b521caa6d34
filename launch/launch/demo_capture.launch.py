"""Recording a demonstration: `ros2 launch h2s2r_bringup demo_capture.launch.py camera_pose:=camera_calibration`.

The nodes are those of `h2s2r up demo_capture`: both read `h2s2r_bringup.node_table`. Then:
`ros2 service call /recorder/start std_srvs/srv/Trigger`, and `/recorder/stop` when the demonstration is over.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from h2s2r_bringup.node_table import GraphSettings, environment_of, nodes_of
from launch import LaunchDescription

ARGUMENTS = (
    ("run_folder", "runs/snackbox_push", "The run in whose folder takes/ the recordings go."),
    ("task", "snackbox_push", "Name of a bundled task, or the path of a task file: object and table height."),
    ("output_folder", "runs/snackbox_push/log/demo_capture", "Where the preview picture goes."),
    ("camera", "realsense", "realsense, topics (a driver that runs already), a Recording, or a file of librealsense."),
    ("camera_pose", "", "4x4 file or calibration folder: T_world_camera. Without one, no object is tracked."),
)


def generate_launch_description() -> LaunchDescription:
    """Arguments, the nodes of the table, RViz on request."""
    rviz_config = str(Path(get_package_share_directory("h2s2r_bringup")) / "rviz" / "demo_capture.rviz")
    return LaunchDescription(
        [
            *(DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS),
            DeclareLaunchArgument("rviz", default_value="false", description="Start RViz with the graph's topics."),
            OpaqueFunction(function=_nodes),
            Node(
                package="rviz2",
                executable="rviz2",
                arguments=["-d", rviz_config],
                condition=IfCondition(LaunchConfiguration("rviz")),
            ),
        ]
    )


def _nodes(context):
    values = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    settings = GraphSettings(
        run_folder=Path(values["run_folder"]).resolve(),
        task=values["task"],
        output_folder=Path(values["output_folder"]).resolve(),
        camera=values["camera"],
        camera_pose=Path(values["camera_pose"]).resolve() if values["camera_pose"] else None,
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
        for spec in nodes_of("demo_capture", settings)
    ]
