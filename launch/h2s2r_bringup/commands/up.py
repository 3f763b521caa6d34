"""`h2s2r up`: start a graph of ROS 2 nodes."""

from __future__ import annotations

from pathlib import Path

import click

from h2s2r_bringup.commands.options import TaskSelection, force_option, robot_option, task_options


def _graphs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    from h2s2r_bringup.node_table import GRAPHS

    return [name for name in GRAPHS if name.startswith(incomplete)]


@click.command("up")
@click.argument("graph", shell_complete=_graphs)
@click.option("--trials", type=click.IntRange(min=0), default=0, show_default=True, help="0: run until stopped.")
@click.option("--seed", type=int, default=0, show_default=True, help="Start poses and randomisation follow from it.")
@click.option(
    "--camera",
    default="realsense",
    show_default=True,
    metavar="NAME|PATH",
    help="Of demo_capture: realsense; topics (a driver that runs already); a Recording; or librealsense's .db3.",
)
@click.option(
    "--camera-pose",
    type=click.Path(path_type=Path),
    help="T_world_camera: a 4x4 text file, or what `h2s2r calibrate camera` made. Without one, no object is tracked.",
)
@click.option("--live", is_flag=True, help="Of teleoperate: your hand before the camera, not the demonstration's.")
@click.option(
    "--clutch",
    type=click.Choice(["absolute", "relative"]),
    default="absolute",
    show_default=True,
    help="Of teleoperate: the palm goes to the hand, or moves from where it is as the hand moves.",
)
@force_option
@task_options
@robot_option
def command(
    selection: TaskSelection,
    graph: str,
    trials: int,
    seed: int,
    camera: str,
    camera_pose: Path | None,
    live: bool,
    clutch: str,
    force: bool,
) -> int:
    """Start the ROS 2 nodes of a graph, each as a process.

    GRAPH is a row of the node table: simulated (the robot and its camera are simulated, every other node
    is the one that meets the real robot), demo_capture (a camera, a recorder that the services /recorder/start
    and /recorder/stop command, and the object's pose once the camera is calibrated), or teleoperate (the simulated
    robot follows a hand as it moves: that of the demonstration, or yours).

    In: policy/, demonstration/, retargeting/ and the recording's camera calibration; demo_capture needs only a
    camera, teleoperate only demonstration/ or, live, a calibrated camera. Out: with --trials, deployment/ with success,
    latencies of every hop and a video; without, a running graph to look at with any ROS 2 tool until Ctrl-C; of
    demo_capture, takes/.

    \b
    Examples:
      h2s2r up simulated --trials 10
      h2s2r up simulated
      h2s2r up demo_capture --camera-pose camera_calibration
      h2s2r up teleoperate
      h2s2r up teleoperate --live --camera-pose camera_calibration --clutch relative
    """  # noqa: D301
    from h2s2r_bringup.node_table import GraphSettings
    from h2s2r_bringup.pipeline import run_stage
    from h2s2r_bringup.run_folder import only_writer
    from h2s2r_bringup.stages import deploy_stage, run_graph

    with only_writer(selection.run):
        if not trials or graph != "simulated":  # only a simulation can put the object back for the next trial
            given = GraphSettings(
                selection.run.path,
                selection.name_or_file,
                selection.run.path / "log" / graph,
                seed=seed,
                camera=camera,
                camera_pose=camera_pose,
                embodiment=selection.embodiment or "",
                live=live,
                clutch=clutch,
            )
            return run_graph(graph, given, selection.run)
        stage = deploy_stage(
            selection.name_or_file, selection.run, trials=trials, seed=seed, embodiment=selection.embodiment
        )
        run_stage(stage, force=force)
    return 0
