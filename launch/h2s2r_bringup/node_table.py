"""The one table of node graphs: which nodes, with which parameters, on which topics.

`h2s2r up <graph>` (`h2s2r_bringup.up`) starts these processes itself; the files in `launch/` turn the same
rows into `launch_ros` actions. A node that is not in this table is in neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from h2s2r_perception.artefact import InputError
from h2s2r_sim.fixtures import BoxSpec
from h2s2r_sim.task import Task, load_task

ParameterValue = bool | int | float | str | list[float]


@dataclass(frozen=True)
class GraphSettings:
    """What distinguishes one start of a graph from another."""

    run_folder: Path
    """The run (`runs/<task>/`) whose artefacts the nodes read."""
    task: str
    """Name of a bundled task, or the path of a task file."""
    output_folder: Path
    """Where nodes leave what they record (trials, latencies, video)."""
    trials: int = 0
    """How many trials to run before the graph ends; 0: until it is stopped."""
    seed: int = 0
    """Start poses and randomisation of the simulated robot follow from it."""
    camera_latency_s: float = 1.0 / 30.0
    """Age of a simulated image when it is published [s of simulated time]; a RealSense has about one frame."""
    camera: str = "realsense"
    """Of a graph that looks at the world: `realsense`, `topics` (a driver that runs already), the folder of a
    Recording, or a file of librealsense."""
    camera_pose: Path | None = None
    """A 4x4 file, or what `h2s2r calibrate camera` made; None: the pose in the Recording that is played, if one is."""
    embodiment: str = ""
    """Name or file of a robot in the place of the task's own; empty: the task's."""
    live: bool = False
    """Of teleoperation: the hand before the camera; otherwise that of the run's demonstration, over and over."""
    clutch: str = "absolute"
    """Of teleoperation: `absolute` brings the palm to the hand, `relative` moves it as the hand moves."""


@dataclass(frozen=True)
class NodeSpec:
    """One process of a graph."""

    name: str
    package: str
    executable: str
    """Console script of the package, for `ros2 run` and `launch_ros`."""
    module: str
    """Python module that runs the same node with `python -m`."""
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    remappings: tuple[tuple[str, str], ...] = ()
    publishes: tuple[str, ...] = ()
    """Topics; the graph is ready when all of them are advertised."""
    services: tuple[str, ...] = ()
    """Services; the graph is ready when all of them are offered."""
    publishes_images: bool = False
    """It gets a shared-memory segment for whole images (`fastdds_profile`); the default one is too small."""
    ends_graph: bool = False
    """Its exit with code 0 is the graph's regular end; any other exit of any node is a failure."""


COLOUR_TOPIC = "/camera/camera/color/image_raw"
DEPTH_TOPIC = "/camera/camera/aligned_depth_to_color/image_raw"
CAMERA_INFO_TOPIC = "/camera/camera/color/camera_info"
TOPICS = "topics"
"""The camera of a graph that starts none."""


def simulated(settings: GraphSettings) -> tuple[NodeSpec, ...]:
    """Simulated deployment: the robot and its camera are simulated, every other node is the real one.

    No node uses simulated time: all decide by the stamps of their messages.
    """
    run = settings.run_folder
    task = load_task(settings.task, settings.embodiment or None)
    return (
        NodeSpec(
            name="simulated_robot",
            package="h2s2r_sim",
            executable="simulated_robot",
            module="h2s2r_sim.nodes.simulated_robot",
            parameters={
                "task": settings.task,
                "embodiment": task.embodiment,
                "run_folder": str(run),
                "output_folder": str(settings.output_folder),
                "seed": settings.seed,
                "camera_latency_s": settings.camera_latency_s,
            },
            publishes=(
                "/clock",
                COLOUR_TOPIC,
                DEPTH_TOPIC,
                CAMERA_INFO_TOPIC,
                "/joint_states",
                "/simulation/object_pose",
            ),
            services=("/simulation/reset",),
            publishes_images=True,
        ),
        _object_pose(task, {"recording": str(run / "recording")}),
        NodeSpec(
            name="goal",
            package="h2s2r_policy",
            executable="goal",
            module="h2s2r_policy.nodes.goal",
            parameters={"run_folder": str(run)},
            publishes=("/goal_pose",),
            services=("/goal/start",),
        ),
        NodeSpec(
            name="policy",
            package="h2s2r_policy",
            executable="policy",
            module="h2s2r_policy.nodes.policy",
            parameters={"run_folder": str(run), "embodiment": task.embodiment},
            publishes=("/joint_target",),
            services=("/policy/start", "/policy/hold"),
        ),
        NodeSpec(
            name="controller",
            package="h2s2r_policy",
            executable="controller",
            module="h2s2r_policy.nodes.controller",
            parameters={"run_folder": str(run)},
            publishes=("/joint_command", "/joint_command/image"),
            services=("/controller/reset",),
        ),
        NodeSpec(
            name="trial_runner",
            package="h2s2r_bringup",
            executable="trial_runner",
            module="h2s2r_bringup.nodes.trial_runner",
            parameters={
                "task": settings.task,
                "run_folder": str(run),
                "output_folder": str(settings.output_folder),
                "trials": settings.trials,
            },
            ends_graph=True,
        ),
    )


def demo_capture(settings: GraphSettings) -> tuple[NodeSpec, ...]:
    """Recording a demonstration: a camera, a recorder with services, and, once calibrated, the object's pose.

    Without a camera pose no object can be placed in the world; then the graph records without that node.
    """
    task = load_task(settings.task)
    calibration = _calibration(settings)
    recorder = NodeSpec(
        name="recorder",
        package="h2s2r_perception",
        executable="recorder",
        module="h2s2r_perception.nodes.recorder",
        parameters={
            "folder": str(settings.run_folder / "takes"),
            "preview": str(settings.output_folder / "preview.jpg"),
            "table_height_m": task.scene.table_height_m,
            **calibration,
        },
        services=("/recorder/start", "/recorder/stop"),
    )
    cameras = () if settings.camera == TOPICS else (_camera(settings),)
    return (*cameras, recorder, *((_object_pose(task, calibration),) if calibration else ()))


def teleoperate(settings: GraphSettings) -> tuple[NodeSpec, ...]:
    """Teleoperation: a hand, live or that of a demonstration, moves the simulated robot, which runs at its own pace.

    With a demonstration the object lies where it was shown; nothing else of the run is needed, least of all a policy.
    """
    task = load_task(settings.task, settings.embodiment or None)
    demonstration = settings.run_folder / "demonstration"
    return (
        *(_live_hand(settings) if settings.live else (_recorded_hand(demonstration),)),
        NodeSpec(
            name="live_retarget",
            package="h2s2r_policy",
            executable="live_retarget",
            module="h2s2r_policy.nodes.live_retarget",
            parameters={
                "embodiment": task.embodiment,
                "boxes": [value for box in (task.scene.table, *task.scene.statics) for value in _box(box)],
                "table_height_m": task.scene.table_height_m,
                "mode": settings.clutch,
            },
            publishes=("/joint_target",),
            services=("/live_retarget/engage", "/live_retarget/release"),
        ),
        NodeSpec(
            name="controller",
            package="h2s2r_policy",
            executable="controller",
            module="h2s2r_policy.nodes.controller",
            parameters={"embodiment": task.embodiment, "table_height_m": task.scene.table_height_m},
            publishes=("/joint_command", "/joint_command/image"),
            services=("/controller/reset",),
        ),
        NodeSpec(
            name="simulated_robot",
            package="h2s2r_sim",
            executable="free_running_robot",
            module="h2s2r_sim.nodes.free_running_robot",
            parameters={
                "task": settings.task,
                "embodiment": task.embodiment,
                "demonstration": "" if settings.live else str(demonstration),
                "seed": settings.seed,
            },
            publishes=("/joint_states", "/simulation/object_pose"),
            services=("/simulation/reset",),
        ),
    )


def _live_hand(settings: GraphSettings) -> tuple[NodeSpec, ...]:
    calibration = _calibration(settings)
    if not calibration:
        raise InputError(
            "h2s2r up teleoperate",
            "camera_pose",
            found="nothing",
            expected="where the camera stands",
            remedy="give --camera-pose; `h2s2r calibrate camera` makes it",
        )
    hand = NodeSpec(
        name="hand_pose",
        package="h2s2r_perception",
        executable="hand_pose",
        module="h2s2r_perception.nodes.hand_pose",
        parameters=calibration,
        publishes=("/hand_keypoints",),
    )
    return (hand,) if settings.camera == TOPICS else (_camera(settings), hand)


def _recorded_hand(demonstration: Path) -> NodeSpec:
    return NodeSpec(
        name="hand_playback",
        package="h2s2r_perception",
        executable="hand_playback",
        module="h2s2r_perception.nodes.hand_playback",
        parameters={"demonstration": str(demonstration), "wait_for_subscribers": 1},
        publishes=("/hand_keypoints",),
    )


def _box(box: BoxSpec) -> tuple[float, ...]:
    return tuple(float(value) for value in (*box.size_m, *box.position_m, box.yaw_rad))


def _camera(settings: GraphSettings) -> NodeSpec:
    return NodeSpec(
        name="camera",
        package="h2s2r_perception",
        executable="camera",
        module="h2s2r_perception.nodes.camera",
        # A recording stands for a camera, which has no end.
        parameters={"source": settings.camera, "loop": True},
        publishes=(COLOUR_TOPIC, DEPTH_TOPIC, CAMERA_INFO_TOPIC),
        publishes_images=True,
    )


def _object_pose(task: Task, calibration: Mapping[str, ParameterValue]) -> NodeSpec:
    """The tracker, told the task's object and table, and where the camera stands."""
    return NodeSpec(
        name="object_pose",
        package="h2s2r_perception",
        executable="object_pose",
        module="h2s2r_perception.nodes.object_pose",
        parameters={
            "mesh": str(task.object.mesh),
            "symmetry": task.object.symmetry,
            **calibration,
            "table_height_m": task.scene.table_height_m,
        },
        publishes=("/object_pose",),
        services=("/object_pose/reset",),
    )


def _calibration(settings: GraphSettings) -> dict[str, ParameterValue]:
    """The parameter by which a node learns where the camera stands; none when nobody knows."""
    if settings.camera_pose is not None:
        return {"camera_pose": str(settings.camera_pose)}
    is_recording = (Path(settings.camera) / "meta.json").is_file()
    return {"recording": settings.camera} if is_recording else {}


GRAPHS: Mapping[str, Callable[[GraphSettings], tuple[NodeSpec, ...]]] = {
    "simulated": simulated,
    "demo_capture": demo_capture,
    "teleoperate": teleoperate,
}
"""Graph name -> its nodes, upstream first."""


def nodes_of(graph: str, settings: GraphSettings) -> tuple[NodeSpec, ...]:
    """The rows of a graph.

    Raises:
        InputError: There is no graph of that name.
    """
    if graph not in GRAPHS:
        raise InputError(
            "h2s2r up", "graph", found=repr(graph), expected=f"one of {', '.join(sorted(GRAPHS))}", remedy="see --help"
        )
    return GRAPHS[graph](settings)


def fastdds_profile() -> Path:
    """The Fast DDS profile of nodes that publish images; for all other nodes it would only take memory."""
    return Path(str(resources.files("h2s2r_bringup"))) / "fastdds_profile.xml"


def environment_of(spec: NodeSpec) -> dict[str, str]:
    """What a node needs in its environment whoever starts it: one thread, and its transport."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    transport = {"FASTRTPS_DEFAULT_PROFILES_FILE": str(fastdds_profile())} if spec.publishes_images else {}
    return {**one_thread, **transport}


def topics_of(nodes: tuple[NodeSpec, ...]) -> frozenset[str]:
    """Every topic the nodes publish."""
    return frozenset(topic for node in nodes for topic in node.publishes)
