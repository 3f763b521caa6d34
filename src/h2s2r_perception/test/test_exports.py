"""What is exported and imported again is what it was; and the exports are what their readers expect."""

from __future__ import annotations

import json
import time

import cv2
import numpy as np
import pytest
import yaml

from h2s2r_perception.artefact import InputError, writing
from h2s2r_perception.demonstration import SCHEMA, Demonstration
from h2s2r_perception.exports import EXPORTS, ExportOptions, ExportSource, export_recording
from h2s2r_perception.geometry import inverse, pose, rotation_from_vector
from h2s2r_perception.ground_truth import write_ground_truth
from h2s2r_perception.imports import ImportOptions, import_recording, recognise
from h2s2r_perception.recording import RecordingWriter

WIDTH, HEIGHT, FRAMES = 64, 48, 12
K = np.array([[60.123456789, 0.0, 32.25], [0.0, 61.0, 24.5], [0.0, 0.0, 1.0]])
T_WORLD_CAMERA = np.asarray(pose(rotation_from_vector(np.array([2.1, 0.3, -0.4])), np.array([1.0, 0.2, 0.7])))
START_NS, PERIOD_NS = 1_700_000_000_123_456_789, 33_333_333


def images(index):
    generator = np.random.default_rng(index)
    rgb = generator.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return rgb, generator.integers(1, 5000, (HEIGHT, WIDTH), dtype=np.uint16)


def object_path():
    turns = np.stack([np.asarray(rotation_from_vector(np.array([0.0, 0.0, 0.1 * i]))) for i in range(FRAMES)])
    return np.asarray(pose(turns, np.stack([np.linspace(0.5, 0.7, FRAMES), np.zeros(FRAMES), np.full(FRAMES, 0.2)], 1)))


def hand_path():
    """An open right hand above the table, palm down, fingers along +x: the thumb is on the side of +y."""
    joints = np.zeros((21, 3))
    for finger, y in enumerate((0.05, 0.025, 0.0, -0.025, -0.05)):
        for step in range(4):
            joints[1 + 4 * finger + step] = [0.09 + 0.03 * step, y, 0.0]
    hands = np.tile(joints + np.array([0.4, 0.0, 0.3]), (FRAMES, 1, 1))
    hands[7] = np.nan
    return hands


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    with RecordingWriter.create(
        folder / "recording", camera_matrix=K, T_world_camera=T_WORLD_CAMERA, camera_name="test"
    ) as writer:
        for index in range(FRAMES):
            writer.append(*images(index), stamp_ns=START_NS + index * PERIOD_NS)
    stamp_ns = START_NS + np.arange(FRAMES, dtype=np.int64) * PERIOD_NS
    hands = hand_path()
    demonstration = Demonstration(
        stamp_ns=stamp_ns,
        T_world_object=object_path(),
        object_confidence=np.ones(FRAMES),
        hand_joints_world=hands,
        hand_confidence=np.isfinite(hands[:, 0, 0]).astype(float),
        motion_start=4,
        motion_end=9,
        premanipulation_index=2,
    )
    with writing(folder / "demonstration", SCHEMA) as artefact:
        demonstration.save(artefact.folder)
        (artefact.folder / "masks").mkdir()
        for index in range(FRAMES):
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            mask[10 : 20 + index, 30:45] = 255
            cv2.imwrite(str(artefact.folder / "masks" / f"{index:05d}.png"), mask)
    truth = object_path()
    truth[5] = np.nan
    write_ground_truth(
        folder / "ground_truth", stamp_ns=stamp_ns, T_world_object=truth, hand_joints_world=hands, origin="made up"
    )
    return folder


@pytest.fixture
def source(folder):
    return ExportSource.open(folder / "recording", folder / "demonstration", folder / "ground_truth")


ROUND_TRIP = {"rosbag": ("bag", "rosbag"), "published": ("folder", "folder"), "bop": ("000001", "bop")}


@pytest.mark.parametrize("layout", ROUND_TRIP)
def test_a_round_trip_changes_nothing(source, tmp_path, layout):
    name, reader = ROUND_TRIP[layout]
    export_recording(source, tmp_path / name, layout)
    assert recognise(tmp_path / name)[0].name == reader
    pose_in_format = layout != "published"
    options = ImportOptions(T_world_camera=None if pose_in_format else T_WORLD_CAMERA)
    imported = import_recording(tmp_path / name, tmp_path / "recording", options=options)
    original, recording = source.recording, imported.recording
    assert recording.frame_count == FRAMES
    np.testing.assert_allclose(recording.camera_matrix, original.camera_matrix, rtol=1e-9)
    np.testing.assert_allclose(recording.T_world_camera, original.T_world_camera, atol=1e-9)
    if layout == "rosbag":
        np.testing.assert_array_equal(recording.stamp_ns, original.stamp_ns)
    for index in range(FRAMES):
        np.testing.assert_array_equal(recording.rgb(index), original.rgb(index))
        np.testing.assert_array_equal(recording.depth_m(index), original.depth_m(index))


def test_a_round_trip_through_librealsense_keeps_pixels_and_microseconds(source, tmp_path):
    pytest.importorskip("pyrealsense2", reason="pyrealsense2 is not installed")
    export_recording(source, tmp_path / "take.db3", "realsense")
    assert recognise(tmp_path / "take.db3")[0].name == "realsense"
    options = ImportOptions(T_world_camera=T_WORLD_CAMERA)
    recording = import_recording(tmp_path / "take.db3", tmp_path / "recording", options=options).recording
    assert recording.frame_count >= FRAMES - 1  # the last may still be on its way when the recorder stops
    np.testing.assert_allclose(recording.camera_matrix, K, rtol=1e-6)
    for index in range(recording.frame_count):
        frame = int(np.argmin(np.abs(source.recording.stamp_ns - recording.stamp_ns[index])))
        assert abs(source.recording.stamp_ns[frame] - recording.stamp_ns[index]) < 2000
        np.testing.assert_array_equal(recording.rgb(index), source.recording.rgb(frame))
        np.testing.assert_array_equal(recording.depth_m(index), source.recording.depth_m(frame))


def test_bop_holds_the_truth_in_millimetres_row_by_row(source, tmp_path):
    export_recording(source, tmp_path / "scene", "bop", ExportOptions(object_id=7))
    annotations = json.loads((tmp_path / "scene" / "scene_gt.json").read_text())
    assert annotations["5"] == []  # the truth does not know this frame
    (item,) = annotations["8"]
    T = inverse(T_WORLD_CAMERA) @ object_path()[8]
    assert item["obj_id"] == 7
    np.testing.assert_allclose(item["cam_t_m2c"], 1000.0 * T[:3, 3], atol=1e-6)
    np.testing.assert_allclose(np.reshape(item["cam_R_m2c"], (3, 3)), T[:3, :3], atol=1e-9)
    mask = cv2.imread(str(tmp_path / "scene" / "mask_visib" / "000003_000000.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (HEIGHT, WIDTH)
    assert mask.sum() == 255 * 13 * 15
    imported = import_recording(tmp_path / "scene", tmp_path / "recording")
    truth = np.load(imported.ground_truth / "ground_truth.npz")["T_world_object"]
    np.testing.assert_allclose(truth[8], object_path()[8], atol=1e-9)
    assert np.isnan(truth[5]).all()


def test_bop_without_truth_says_that_it_holds_estimates(folder, tmp_path):
    source = ExportSource.open(folder / "recording", folder / "demonstration")
    notes = export_recording(source, tmp_path / "scene", "bop")
    assert any("not the truth" in note for note in notes)


def palm_target(points):
    """Palm orientation as the published retargeting computes it: columns normal, thumb side, to the middle finger."""
    p = {name: np.array(value) for name, value in points.items()}
    z = p["middle_0_front"] - p["wrist_front"]
    z /= np.linalg.norm(z)
    y = p["index_0_front"] - p["ring_0_front"]
    y -= (y @ z) * z
    y /= np.linalg.norm(y)
    return np.stack([np.cross(y, z), y, z], axis=1)


def test_published_folder_feeds_the_published_retargeting(source, tmp_path):
    notes = export_recording(source, tmp_path / "demo", "published")
    assert any("hand_masks" in note for note in notes)
    assert any("1 frames without a hand" in note for note in notes)
    mask = cv2.imread(str(tmp_path / "demo" / "masks" / "00000.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (HEIGHT, WIDTH, 3)
    assert set(np.unique(mask)) == {0, 255}
    T = np.loadtxt(tmp_path / "demo" / "object_pose_trajectory" / "ob_in_cam" / "00008.txt")
    np.testing.assert_allclose(T_WORLD_CAMERA @ T, object_path()[8], atol=1e-9)
    files = sorted((tmp_path / "demo" / "hand_pose_trajectory").glob("*.json"))
    assert len(files) == FRAMES
    points = json.loads(files[3].read_text())
    R_world_camera = T_WORLD_CAMERA[:3, :3]
    np.testing.assert_allclose(
        R_world_camera @ palm_target({n: v for n, v in points.items() if n != "global_orient"}),
        np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]),  # palm down, thumb along +y, fingers along +x
        atol=1e-9,
    )
    R = R_world_camera @ np.array(points["global_orient"])
    np.testing.assert_allclose(R @ [-1.0, 0.0, 0.0], [1.0, 0.0, 0.0], atol=1e-9)  # MANO's fingers rest along -x
    np.testing.assert_allclose(R @ [0.0, -1.0, 0.0], [0.0, 0.0, -1.0], atol=1e-9)  # and its palm looks along -y
    tip = R_world_camera @ np.array(points["index_3"]) + T_WORLD_CAMERA[:3, 3]
    np.testing.assert_allclose(tip, hand_path()[3, 8], atol=1e-9)


def test_the_bag_offers_the_qos_of_a_camera_driver(source, tmp_path):
    export_recording(source, tmp_path / "bag", "rosbag")
    information = yaml.safe_load((tmp_path / "bag" / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert information["storage_identifier"] == "mcap"
    assert information["relative_file_paths"] == ["bag.mcap"]
    offered = {}
    for topic in information["topics_with_message_count"]:
        offered[topic["topic_metadata"]["name"]] = topic["topic_metadata"]["offered_qos_profiles"][0]
    assert offered["/tf_static"]["durability"] == "transient_local"
    assert offered["/camera/camera/color/image_raw"]["reliability"] == "reliable"
    assert offered["/camera/camera/color/image_raw"]["durability"] == "volatile"
    assert set(offered) == {
        "/tf_static",
        "/camera/camera/color/image_raw",
        "/camera/camera/color/camera_info",
        "/camera/camera/aligned_depth_to_color/image_raw",
        "/camera/camera/aligned_depth_to_color/camera_info",
    }


def test_real_rclpy_understands_the_bytes_of_the_bag(source, tmp_path, monkeypatch):
    """Published as they are, as a player does, they arrive as messages."""
    rclpy = pytest.importorskip("rclpy", reason="no rclpy here")
    from rclpy.context import Context
    from rclpy.executors import SingleThreadedExecutor
    from rosbags.rosbag2 import Reader
    from sensor_msgs.msg import CameraInfo, Image

    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    export_recording(source, tmp_path / "bag", "rosbag")
    context = Context()
    rclpy.init(context=context, domain_id=34)
    node = rclpy.create_node("player", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    kinds = {
        "/camera/camera/color/image_raw": Image,
        "/camera/camera/aligned_depth_to_color/image_raw": Image,
        "/camera/camera/color/camera_info": CameraInfo,
    }
    heard = {}
    try:
        publishers = {topic: node.create_publisher(kind, topic, 10) for topic, kind in kinds.items()}
        for topic, kind in kinds.items():
            node.create_subscription(kind, topic, lambda message, t=topic: heard.setdefault(t, message), 10)
        with Reader(tmp_path / "bag") as reader:
            first = {}
            for connection, _, raw in reader.messages():
                first.setdefault(connection.topic, raw)
        deadline = time.monotonic() + 10.0
        while len(heard) < len(kinds) and time.monotonic() < deadline:
            for topic, publisher in publishers.items():
                publisher.publish(bytes(first[topic]))
            executor.spin_once(timeout_sec=0.05)
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
    rgb, depth_mm = images(0)
    colour, depth = (heard[topic] for topic in list(kinds)[:2])
    assert (colour.encoding, depth.encoding) == ("rgb8", "16UC1")
    assert colour.header.stamp.sec * 10**9 + colour.header.stamp.nanosec == START_NS
    assert bytes(colour.data) == rgb.tobytes()
    assert bytes(depth.data) == depth_mm.tobytes()
    np.testing.assert_array_equal(heard["/camera/camera/color/camera_info"].k, source.recording.camera_matrix.ravel())


def test_an_export_appears_whole_or_not_at_all(source, folder, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match="something already"):
        export_recording(source, tmp_path / "there", "bop")
    export_recording(source, tmp_path / "there", "bop", replace=True)
    assert (tmp_path / "there" / "scene_camera.json").is_file()
    broken = ExportSource.open(folder / "recording", folder / "demonstration")
    object.__setattr__(broken, "masks", tmp_path / "absent")
    with pytest.raises(InputError, match="mask"):
        export_recording(broken, tmp_path / "new", "published")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]
    with pytest.raises(InputError, match="rosbag, realsense, published, bop"):
        export_recording(source, tmp_path / "new", "video")
    with pytest.raises(InputError, match=r"ends in \.db3"):
        export_recording(source, tmp_path / "new", "realsense")
    assert [kind.name for kind in EXPORTS] == ["rosbag", "realsense", "published", "bop"]


def test_a_demonstration_of_another_recording_is_refused(folder, tmp_path):
    with RecordingWriter.create(
        tmp_path / "recording", camera_matrix=K, T_world_camera=np.eye(4), camera_name="test"
    ) as writer:
        writer.append(*images(0), stamp_ns=START_NS)
    with pytest.raises(InputError, match="12 stamps that differ"):
        ExportSource.open(tmp_path / "recording", folder / "demonstration")
