"""The launch files start what `h2s2r up` starts, and the RViz files show topics that exist."""

import ast
import importlib.util
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from h2s2r_bringup.node_table import GRAPHS, GraphSettings, fastdds_profile, nodes_of, topics_of

LAUNCH = Path(__file__).parents[1]
LAUNCH_FILES = sorted((LAUNCH / "launch").glob("*.launch.py"))


OPTIONS = {
    "simulated": (
        {"trials": "4", "seed": "9", "camera_latency_s": "0.05", "embodiment": "iiwa14_umi"},
        {"trials": 4, "seed": 9, "camera_latency_s": 0.05, "embodiment": "iiwa14_umi"},
    ),
    "demo_capture": (
        {"camera": "topics", "camera_pose": "/pose.txt"},
        {"camera": "topics", "camera_pose": Path("/pose.txt")},
    ),
    "teleoperate": (
        {"seed": "9", "live": "true", "clutch": "relative", "camera": "realsense", "camera_pose": "/pose.txt"},
        {"seed": 9, "live": True, "clutch": "relative", "camera": "realsense", "camera_pose": Path("/pose.txt")},
    ),
}
"""Of each graph: launch arguments, and the settings that they mean."""
IMAGE_PUBLISHERS = {"simulated": {"simulated_robot"}, "demo_capture": {"camera"}, "teleoperate": set()}


@pytest.fixture
def fake_launch(monkeypatch):
    path = Path(__file__).parent / "fake_launch.py"
    spec = importlib.util.spec_from_file_location("fake_launch", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(importlib.sys.modules, "fake_launch", module)
    spec.loader.exec_module(module)
    module.install(monkeypatch, LAUNCH)
    return module


def load(path):
    spec = importlib.util.spec_from_file_location(path.name.removesuffix(".py").replace(".", "_"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def graph_of(path):
    return path.name.removesuffix(".launch.py")


def test_every_graph_has_its_launch_file():
    assert {graph_of(path) for path in LAUNCH_FILES} == set(GRAPHS)


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=graph_of)
def test_a_launch_file_starts_exactly_the_nodes_of_the_table(path, fake_launch, tmp_path):
    actions = load(path).generate_launch_description()
    run, output = tmp_path / "run", tmp_path / "out"
    arguments, meant = OPTIONS[graph_of(path)]
    nodes = fake_launch.evaluate(actions, run_folder=str(run), output_folder=str(output), **arguments)
    settings = GraphSettings(run, "snackbox_push", output, **meant)
    launched = [
        (n.kwargs["package"], n.kwargs["executable"], n.kwargs["name"], n.kwargs["parameters"], n.kwargs["remappings"])
        for n in nodes
    ]
    expected = [
        (s.package, s.executable, s.name, [dict(s.parameters)], list(s.remappings))
        for s in nodes_of(graph_of(path), settings)
    ]
    assert launched == expected
    assert all(node.kwargs["on_exit"].kind == "Shutdown" for node in nodes)
    assert all(node.kwargs["additional_env"]["OMP_NUM_THREADS"] == "1" for node in nodes)


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=graph_of)
def test_image_publishers_get_the_shared_memory_profile(path, fake_launch, tmp_path):
    actions = load(path).generate_launch_description()
    nodes = fake_launch.evaluate(actions, run_folder=str(tmp_path), output_folder=str(tmp_path / "out"))
    transports = {
        node.kwargs["name"]: node.kwargs["additional_env"].get("FASTRTPS_DEFAULT_PROFILES_FILE") for node in nodes
    }
    with_profile = {name for name, profile in transports.items() if profile == str(fastdds_profile())}
    assert with_profile == IMAGE_PUBLISHERS[graph_of(path)]


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=graph_of)
def test_rviz_starts_only_on_request_with_the_graphs_file(path, fake_launch, tmp_path):
    actions = load(path).generate_launch_description()
    arguments = {"run_folder": str(tmp_path), "output_folder": str(tmp_path / "out")}
    without = fake_launch.evaluate(actions, **arguments)
    added = [node for node in fake_launch.evaluate(actions, rviz="true", **arguments) if node not in without]
    *robot, rviz = added
    assert Path(rviz.kwargs["arguments"][1]) == LAUNCH / "rviz" / f"{graph_of(path)}.rviz"
    assert Path(rviz.kwargs["arguments"][1]).is_file()
    if not any(
        node.name == "simulated_robot"
        for node in nodes_of(graph_of(path), GraphSettings(tmp_path, "snackbox_push", tmp_path))
    ):
        assert not robot
        return
    model, base = robot
    description = ElementTree.fromstring(model.kwargs["parameters"][0]["robot_description"])
    links = {link.get("name") for link in description.iter("link")}
    assert base.kwargs["arguments"][1] == "world" and base.kwargs["arguments"][3] in links


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=graph_of)
def test_every_launch_argument_is_documented(path, fake_launch):
    actions = load(path).generate_launch_description()
    declared = [action for action in actions if action.kind == "DeclareLaunchArgument"]
    assert declared and all(action.kwargs["description"].endswith(".") for action in declared)


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=graph_of)
def test_a_launch_file_names_no_node_of_its_own(path):
    tree = ast.parse(path.read_text())
    packages = [
        keyword.value.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "package" and isinstance(keyword.value, ast.Constant)
    ]
    assert "rviz2" in packages
    assert set(packages) <= {"robot_state_publisher", "tf2_ros", "rviz2"}


def rviz_topics(value):
    """Every `Topic: {Value: ...}` of an RViz file, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key.endswith("Topic") and isinstance(item, dict) and item.get("Value"):
                yield item["Value"]
            yield from rviz_topics(item)
    elif isinstance(value, list):
        for item in value:
            yield from rviz_topics(item)


@pytest.mark.parametrize("graph", sorted(GRAPHS))
def test_rviz_shows_topics_that_the_graph_publishes(graph, tmp_path):
    configuration = yaml.safe_load((LAUNCH / "rviz" / f"{graph}.rviz").read_text())
    shown = set(rviz_topics(configuration))
    published = topics_of(nodes_of(graph, GraphSettings(tmp_path, "snackbox_push", tmp_path, camera_pose=tmp_path)))
    assert shown >= {"/object_pose", "/goal_pose"} & published
    assert shown <= published | {"/robot_description"}  # that one comes from robot_state_publisher
    manager = configuration["Visualization Manager"]
    assert manager["Global Options"]["Fixed Frame"] == "world"
    assert all(display["Class"].startswith("rviz_") for display in manager["Displays"])


def test_the_transport_profile_holds_whole_images_in_shared_memory():
    root = ElementTree.parse(fastdds_profile()).getroot()
    text = {element.tag.split("}")[-1]: element.text for element in root.iter()}
    image_bytes = 640 * 480 * 3
    assert int(text["segment_size"]) >= 8 * image_bytes
    assert int(text["maxMessageSize"]) > image_bytes
    assert text["useBuiltinTransports"] == "false"
