"""ROS bags written message by message: encodings, pairing, intrinsics, distortion, transforms, and what is refused."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose, quat_wxyz_from_rotation, rotation_from_vector
from h2s2r_perception.imports import ImportOptions, bag_package, import_recording, recognise
from h2s2r_perception.imports.pairing import pair_stamps

WIDTH, HEIGHT = 64, 48
K = np.array([[60.0, 0.0, 32.0], [0.0, 61.0, 24.0], [0.0, 0.0, 1.0]])
COLOUR = "/camera/camera/color/image_raw"
DEPTH = "/camera/camera/aligned_depth_to_color/image_raw"
INFO = "/camera/camera/color/camera_info"
FRAME = "camera_color_optical_frame"
START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 33_333_333
DEPTH_LAG_NS = 2_000_000
TYPES = {COLOUR: "sensor_msgs/msg/Image", DEPTH: "sensor_msgs/msg/Image", INFO: "sensor_msgs/msg/CameraInfo"}


def images(index):
    generator = np.random.default_rng(index)
    rgb = generator.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return rgb, generator.integers(0, 5000, (HEIGHT, WIDTH), dtype=np.uint16)


class Bag:
    """Writes messages as a driver would have published them; images need not come in order."""

    def __init__(self, store=Stores.ROS2_JAZZY):
        self.types = get_typestore(store)
        self.first = store == Stores.ROS1_NOETIC
        self.messages = []

    def make(self, kind, **fields):
        return self.types.types[kind](**fields)

    def header(self, stamp_ns, frame=FRAME):
        stamp = self.make("builtin_interfaces/msg/Time", sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
        extra = {"seq": 0} if self.first else {}
        return self.make("std_msgs/msg/Header", stamp=stamp, frame_id=frame, **extra)

    def image(self, topic, stamp_ns, pixels, encoding, padding=0):
        rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(len(pixels), -1)
        rows = np.pad(rows, ((0, 0), (0, padding)))
        self.add(
            topic,
            "sensor_msgs/msg/Image",
            stamp_ns,
            height=pixels.shape[0],
            width=pixels.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=rows.shape[1],
            data=rows.reshape(-1),
        )

    def compressed(self, topic, stamp_ns, data, text):
        data = np.frombuffer(data, np.uint8)
        self.add(topic, "sensor_msgs/msg/CompressedImage", stamp_ns, format=text, data=data)

    def camera_info(self, topic=INFO, K=K, d=(0.0,) * 5, model="plumb_bob", size=(WIDTH, HEIGHT)):
        none = self.make(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        P = np.hstack([K, np.zeros((3, 1))])
        values = {"d": np.array(d), "k": K.reshape(-1), "r": np.eye(3).reshape(-1), "p": P.reshape(-1)}
        if self.first:
            values = {name.upper(): value for name, value in values.items()}
        self.add(
            topic,
            "sensor_msgs/msg/CameraInfo",
            START_NS,
            width=size[0],
            height=size[1],
            distortion_model=model,
            binning_x=0,
            binning_y=0,
            roi=none,
            **values,
        )

    def static_transform(self, parent, child, T):
        w, x, y, z = (float(v) for v in quat_wxyz_from_rotation(T[:3, :3]))
        x_m, y_m, z_m = (float(v) for v in T[:3, 3])
        transform = self.make(
            "geometry_msgs/msg/Transform",
            translation=self.make("geometry_msgs/msg/Vector3", x=x_m, y=y_m, z=z_m),
            rotation=self.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
        )
        stamped = self.make(
            "geometry_msgs/msg/TransformStamped",
            header=self.header(START_NS, parent),
            child_frame_id=child,
            transform=transform,
        )
        message = self.make("tf2_msgs/msg/TFMessage", transforms=[stamped])
        self.messages.append(("/tf_static", "tf2_msgs/msg/TFMessage", START_NS, message))

    def add(self, topic, kind, stamp_ns, **fields):
        self.messages.append((topic, kind, stamp_ns, self.make(kind, header=self.header(stamp_ns), **fields)))

    def frames(self, count=3, colour="rgb8", depth="16UC1", lag_ns=DEPTH_LAG_NS, skip_depth=()):
        for index in range(count):
            rgb, depth_mm = images(index)
            stamp = START_NS + index * PERIOD_NS
            if index not in skip_depth:
                values = depth_mm * np.float32(0.001) if depth == "32FC1" else depth_mm
                if depth == "32FC1":
                    values[depth_mm == 0] = np.nan
                self.image(DEPTH, stamp + lag_ns, values, depth)
            pixels = {"rgb8": rgb, "bgr8": rgb[..., ::-1]}.get(colour, rgb)
            self.image(COLOUR, stamp, pixels, colour, padding=5)
        return self

    def write(self, path, plugin=StoragePlugin.MCAP):
        serialise = self.types.serialize_ros1 if self.first else self.types.serialize_cdr
        writer = Writer1(path) if self.first else Writer(path, version=9, storage_plugin=plugin)
        with writer as bag:
            kinds = {topic: kind for topic, kind, *_ in self.messages}
            connections = {t: bag.add_connection(t, kind, typestore=self.types) for t, kind in kinds.items()}
            for number, (topic, kind, _, message) in enumerate(self.messages):
                bag.write(connections[topic], START_NS + number, serialise(message, kind))
        return path


def good_bag(**frames):
    bag = Bag()
    bag.camera_info()
    return bag.frames(**frames)


def check_frames(recording, count=3):
    assert recording.frame_count == count
    np.testing.assert_allclose(recording.camera_matrix, K)
    np.testing.assert_array_equal(recording.stamp_ns, START_NS + np.arange(count) * PERIOD_NS)
    for index in range(count):
        rgb, depth_mm = images(index)
        np.testing.assert_array_equal(recording.rgb(index), rgb)
        np.testing.assert_allclose(recording.depth_m(index), depth_mm * 1e-3, atol=1e-6)


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize("encodings", [("rgb8", "16UC1"), ("bgr8", "32FC1")])
def test_raw_images_come_back_to_the_bit(tmp_path, plugin, encodings):
    bag = good_bag(colour=encodings[0], depth=encodings[1]).write(tmp_path / "bag", plugin)
    assert recognise(bag)[0].name == "rosbag"
    check_frames(import_recording(bag, tmp_path / "recording").recording)


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_the_bare_file_inside_a_bag_is_enough(tmp_path, plugin):
    bag = good_bag().write(tmp_path / "bag", plugin)
    (file,) = [path for path in bag.iterdir() if path.suffix != ".yaml"]
    assert recognise(file)[0].name == "rosbag"
    check_frames(import_recording(file, tmp_path / "recording").recording)


def test_a_ros_1_bag_is_read_too(tmp_path):
    bag = Bag(Stores.ROS1_NOETIC)
    bag.camera_info()
    bag.frames()
    check_frames(import_recording(bag.write(tmp_path / "old.bag"), tmp_path / "recording").recording)


def test_compressed_images(tmp_path):
    bag = Bag()
    bag.camera_info()
    rgb, depth_mm = images(0)
    smooth = cv2.GaussianBlur(rgb, (0, 0), 4)
    jpeg = cv2.imencode(".jpg", smooth[..., ::-1])[1].tobytes()
    bag.compressed(f"{COLOUR}/compressed", START_NS, jpeg, "rgb8; jpeg compressed bgr8")
    bag.compressed(
        f"{COLOUR}/compressed", START_NS + PERIOD_NS, cv2.imencode(".png", rgb[..., ::-1])[1].tobytes(), "png"
    )
    png = cv2.imencode(".png", depth_mm)[1].tobytes()
    header = struct.pack("<iff", 0, 0.0, 0.0)
    bag.compressed(f"{DEPTH}/compressedDepth", START_NS, header + png, "16UC1; compressedDepth png")
    # 32FC1 is sent as inverse depth: 1000 at 1 m, 200 at 5 m.
    inverse = cv2.imencode(".png", np.array([[1000, 200], [0, 500]], np.uint16).repeat(24, 0).repeat(32, 1))[1]
    header = struct.pack("<iff", 0, 1000.0, 0.0)
    bag.compressed(
        f"{DEPTH}/compressedDepth", START_NS + PERIOD_NS, header + inverse.tobytes(), "32FC1; compressedDepth"
    )
    recording = import_recording(bag.write(tmp_path / "bag"), tmp_path / "recording").recording
    assert np.abs(recording.rgb(0).astype(int) - smooth).mean() < 4.0
    np.testing.assert_array_equal(recording.rgb(1), rgb)
    np.testing.assert_allclose(recording.depth_m(0), depth_mm * 1e-3, atol=1e-6)
    corners = recording.depth_m(1)[[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(corners, [1.0, 5.0, 0.0, 2.0], atol=1e-6)


def test_images_without_a_partner_are_left_out_and_counted(tmp_path):
    imported = import_recording(good_bag(count=5, skip_depth=(1, 3)).write(tmp_path / "bag"), tmp_path / "recording")
    np.testing.assert_array_equal(imported.recording.stamp_ns, START_NS + np.array([0, 2, 4]) * PERIOD_NS)
    np.testing.assert_array_equal(imported.recording.rgb(1), images(2)[0])
    np.testing.assert_allclose(imported.recording.depth_m(1), images(2)[1] * 1e-3, atol=1e-6)
    assert any("2 colour, 0 depth images without a partner" in note for note in imported.notes)


def test_pairs_are_mutual_and_near():
    colour = np.array([0, 33, 66, 99]) * 10**6 + 10**9
    depth = np.array([5, 30, 90, 97]) * 10**6 + 10**9
    pairs = pair_stamps(colour, depth, 0.015, "bag")
    np.testing.assert_array_equal((pairs.stamp_ns - 10**9) // 10**6, [[0, 5], [33, 30], [99, 97]])


def test_the_pose_of_the_camera_is_the_chain_of_static_transforms(tmp_path):
    T_world_link = np.asarray(pose(rotation_from_vector(np.array([0.1, 0.9, -0.3])), np.array([0.4, 0.1, 0.8])))
    T_link_optical = np.asarray(pose(rotation_from_vector(np.array([-1.2, 1.2, -1.2])), np.array([0.0, 0.015, 0.0])))
    bag = good_bag()
    bag.static_transform("/world", "camera_link", T_world_link)
    bag.static_transform("camera_link", FRAME, T_link_optical)
    path = bag.write(tmp_path / "bag")
    recording = import_recording(path, tmp_path / "recording").recording
    np.testing.assert_allclose(recording.T_world_camera, T_world_link @ T_link_optical, atol=1e-12)
    other = import_recording(path, tmp_path / "other", options=ImportOptions(world_frame="base"))
    np.testing.assert_array_equal(other.recording.T_world_camera, np.eye(4))
    assert any("'world'" in note for note in other.notes)


def test_lens_distortion_is_undone(tmp_path):
    """A point drawn where the lens shows it comes back where a pinhole does; depth is never mixed."""
    d = np.array([-0.25, 0.06, 0.001, -0.002, 0.0])
    point = np.array([0.32, -0.26, 1.0])
    seen = cv2.projectPoints(point[None], np.zeros(3), np.zeros(3), K, d)[0].reshape(2)
    straight = (K @ point)[:2]
    assert np.linalg.norm(seen - straight) > 1.0
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    column, row = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    blob = np.exp(-0.5 * ((column - seen[0]) ** 2 + (row - seen[1]) ** 2) / 1.5**2)
    rgb[..., 0] = np.rint(255 * blob)
    bag = Bag()
    bag.camera_info(d=d)
    bag.image(COLOUR, START_NS, rgb, "rgb8")
    bag.image(DEPTH, START_NS, np.where(column < 32, 500, 3000).astype(np.uint16), "16UC1")
    imported = import_recording(bag.write(tmp_path / "bag"), tmp_path / "recording")
    found = imported.recording.rgb(0)[..., 0].astype(float)
    centre = np.array([(found * column).sum(), (found * row).sum()]) / found.sum()
    np.testing.assert_allclose(centre, straight, atol=0.2)
    assert set(np.unique(imported.recording.depth_m(0)).round(3)) <= {0.0, 0.5, 3.0}
    assert any("distortion" in note for note in imported.notes)


def uncalibrated(bag):
    bag.camera_info(K=np.zeros((3, 3)))
    return bag.frames()


def of_another_stream(bag):
    bag.camera_info(size=(128, 96))
    return bag.frames()


def unknown_lens(bag):
    bag.camera_info(d=(0.1,) * 12, model="thin_prism")
    return bag.frames()


def unaligned(bag):
    bag.camera_info()
    bag.frames()
    bag.messages = [("/camera/camera/depth/image_rect_raw" if t == DEPTH else t, *m) for t, *m in bag.messages]
    return bag


def never_paired(bag):
    bag.camera_info()
    return bag.frames(lag_ns=7 * 10**9)


def coarse_depth(bag):
    bag.camera_info()
    bag.image(COLOUR, START_NS, images(0)[0], "rgb8")
    bag.image(DEPTH, START_NS, images(0)[1][::2, ::2], "16UC1")
    return bag


def unstamped(bag):
    bag.camera_info()
    bag.image(COLOUR, 0, images(0)[0], "rgb8")
    bag.image(DEPTH, 0, images(0)[1], "16UC1")
    return bag


def bayer(bag):
    bag.camera_info()
    return bag.frames(colour="bayer_rggb8")


REFUSALS = {
    uncalibrated: "uncalibrated",
    of_another_stream: "128x96",
    unknown_lens: "thin_prism",
    unaligned: "align_depth",
    never_paired: "+6.967 s apart",
    coarse_depth: "32x24",
    unstamped: "stamps",
    bayer: "bayer_rggb8",
}


@pytest.mark.parametrize("make", REFUSALS, ids=lambda make: make.__name__)
def test_what_is_wrong_with_a_bag_is_named(tmp_path, make):
    path = make(Bag()).write(tmp_path / "bag")
    with pytest.raises(InputError) as refusal:
        import_recording(path, tmp_path / "recording")
    assert REFUSALS[make] in str(refusal.value)
    assert not (tmp_path / "recording").exists()


def test_without_camera_info_its_topic_is_named(tmp_path):
    path = Bag().frames().write(tmp_path / "bag")
    with pytest.raises(InputError, match=INFO):
        import_recording(path, tmp_path / "recording")


@pytest.mark.parametrize("plugin", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_cut_off_bag_is_one_line(tmp_path, plugin):
    bag = good_bag().write(tmp_path / "bag", plugin)
    (file,) = [path for path in bag.iterdir() if path.suffix != ".yaml"]
    file.write_bytes(file.read_bytes()[:-4000])
    with pytest.raises(InputError, match="a whole ROS bag"):
        import_recording(bag, tmp_path / "recording")
    assert not (tmp_path / "recording").exists()


def test_topics_of_another_driver(tmp_path):
    bag = good_bag()
    names = {COLOUR: "/a/colour", DEPTH: "/a/depth", INFO: "/a/camera_info"}
    bag.messages = [(names[topic], *message) for topic, *message in bag.messages]
    path = bag.write(tmp_path / "bag")
    with pytest.raises(InputError, match="/a/colour, /a/depth"):
        import_recording(path, tmp_path / "recording")
    options = ImportOptions(colour_topic="/a/colour", depth_topic="/a/depth")
    check_frames(import_recording(path, tmp_path / "recording", options=options).recording)


def test_without_rosbags_there_is_one_line_that_says_how_to_get_it(tmp_path, monkeypatch):
    bag = good_bag().write(tmp_path / "bag")
    monkeypatch.setattr(bag_package, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install rosbags"):
        import_recording(bag, tmp_path / "recording")
