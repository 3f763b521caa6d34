"""The node table: every row can be started, and the topics are those of the architecture document."""

import importlib.metadata
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from h2s2r_bringup.node_table import GRAPHS, GraphSettings, environment_of, nodes_of, topics_of
from h2s2r_perception.artefact import InputError

ROOT = Path(__file__).parents[2]


def settings(tmp_path, **values):
    pose = tmp_path / "pose.txt"
    return GraphSettings(tmp_path / "run", "snackbox_push", tmp_path / "out", camera_pose=pose, **values)


@pytest.fixture(params=sorted(GRAPHS))
def nodes(request, tmp_path):
    return nodes_of(request.param, settings(tmp_path, trials=3, seed=5))


@pytest.fixture
def simulated(tmp_path):
    return nodes_of("simulated", settings(tmp_path, trials=3, seed=5))


def test_every_row_names_a_module_with_a_main_and_its_package_script(nodes):
    scripts = {}
    for point in importlib.metadata.entry_points(group="console_scripts"):
        scripts[point.dist.name.replace("-", "_"), point.name] = point.value
    for spec in nodes:
        assert importlib.util.find_spec(spec.module), spec.module
        assert spec.module.split(".")[0] == spec.package
        assert scripts[spec.package, spec.executable] == f"{spec.module}:main"


def test_names_are_unique(nodes):
    names = [spec.name for spec in nodes]
    assert len(set(names)) == len(names)


def test_the_trial_runner_ends_the_simulated_graph_and_nothing_the_capture(simulated, tmp_path):
    assert [spec.name for spec in simulated if spec.ends_graph] == ["trial_runner"]
    assert not any(spec.ends_graph for spec in nodes_of("demo_capture", settings(tmp_path)))


def test_whoever_publishes_images_has_shared_memory_for_them_and_nobody_else(nodes):
    for spec in nodes:
        makes_images = any("image_raw" in topic for topic in spec.publishes)
        assert spec.publishes_images == makes_images, spec.name
        assert ("FASTRTPS_DEFAULT_PROFILES_FILE" in environment_of(spec)) == makes_images


def test_no_topic_has_two_publishers(nodes):
    published = [topic for spec in nodes for topic in spec.publishes]
    assert len(set(published)) == len(published)


def test_settings_reach_the_nodes(simulated, tmp_path):
    by_name = {spec.name: spec.parameters for spec in simulated}
    assert by_name["trial_runner"]["trials"] == 3
    assert by_name["simulated_robot"]["seed"] == 5
    assert by_name["object_pose"]["recording"] == str(tmp_path / "run" / "recording")
    others = [parameters for name, parameters in by_name.items() if name != "object_pose"]
    assert all(parameters["run_folder"] == str(tmp_path / "run") for parameters in others)


def test_topics_and_services_are_those_of_the_architecture_document(nodes):
    document = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`(/[a-z_/]+)`", document))
    used = topics_of(nodes) | {service for spec in nodes for service in spec.services}
    assert used <= named


@pytest.mark.parametrize("graph", ["simulated", "demo_capture"])
def test_the_tracker_is_told_the_tasks_object_and_table(graph, tmp_path):
    (parameters,) = [spec.parameters for spec in nodes_of(graph, settings(tmp_path)) if spec.name == "object_pose"]
    assert Path(parameters["mesh"]).is_file() and parameters["symmetry"] == "none"
    assert parameters["table_height_m"] == pytest.approx(0.155)


def test_the_capture_graph_looks_through_the_camera_asked_for(tmp_path):
    def named(**values):
        return {spec.name: spec.parameters for spec in nodes_of("demo_capture", GraphSettings(**values))}

    common = {"run_folder": tmp_path / "run", "task": "snackbox_push", "output_folder": tmp_path / "out"}
    uncalibrated = named(**common)
    assert list(uncalibrated) == ["camera", "recorder"]  # nobody knows where the object would be
    assert uncalibrated["camera"]["source"] == "realsense"
    assert uncalibrated["recorder"]["folder"] == str(tmp_path / "run" / "takes")
    driver = named(**common, camera="topics", camera_pose=tmp_path / "calibration")
    assert list(driver) == ["recorder", "object_pose"]
    assert driver["recorder"]["camera_pose"] == driver["object_pose"]["camera_pose"] == str(tmp_path / "calibration")
    recording = tmp_path / "recording"
    recording.mkdir()
    (recording / "meta.json").write_text("{}")
    played = named(**common, camera=str(recording))
    assert list(played) == ["camera", "recorder", "object_pose"]
    assert played["object_pose"]["recording"] == str(recording)


def test_teleoperation_needs_a_demonstration_or_a_calibrated_camera_and_no_policy(tmp_path):
    recorded = {spec.name: spec for spec in nodes_of("teleoperate", settings(tmp_path))}
    assert list(recorded) == ["hand_playback", "live_retarget", "controller", "simulated_robot"]
    shown = str(tmp_path / "run" / "demonstration")
    assert recorded["hand_playback"].parameters["demonstration"] == shown
    assert recorded["simulated_robot"].parameters["demonstration"] == shown
    assert set(recorded["controller"].parameters) == {"embodiment", "table_height_m"}
    live = {spec.name: spec for spec in nodes_of("teleoperate", settings(tmp_path, live=True, clutch="relative"))}
    assert list(live) == ["camera", "hand_pose", *list(recorded)[1:]]
    assert live["live_retarget"].parameters["mode"] == "relative"
    assert live["simulated_robot"].parameters["demonstration"] == ""
    driver = nodes_of("teleoperate", settings(tmp_path, live=True, camera="topics"))
    assert [spec.name for spec in driver][:2] == ["hand_pose", "live_retarget"]
    with pytest.raises(InputError, match="camera_pose"):
        nodes_of("teleoperate", GraphSettings(tmp_path, "snackbox_push", tmp_path, live=True))


def test_the_retargeter_is_told_every_box_of_the_scene(tmp_path):
    (node,) = [spec for spec in nodes_of("teleoperate", settings(tmp_path)) if spec.name == "live_retarget"]
    table, wall = np.reshape(node.parameters["boxes"], (-1, 7))
    np.testing.assert_allclose(table, [0.8, 1.4, 0.05, 0.65, 0.0, 0.13, 0.0])
    np.testing.assert_allclose(wall[:3], [0.40, 0.12, 0.12])
    assert node.parameters["table_height_m"] == pytest.approx(0.155)


def test_an_unknown_graph_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(InputError, match="simulated"):
        nodes_of("simulate", GraphSettings(tmp_path, "snackbox_push", tmp_path))
