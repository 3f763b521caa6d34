"""What is ours round HaMeR: where the hand is looked for, the camera, MANO's order, and what is missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.following import follow_hand
from h2s2r_perception.hand_pose.estimator import HandEstimate
from h2s2r_perception.hand_pose.hamer import HamerConfiguration, HamerHandEstimator
from h2s2r_perception.hand_pose.mano import JOINT_ORDER, TIP_VERTICES
from h2s2r_perception.hand_pose.skeleton import PARENT
from h2s2r_perception.image_points import project
from h2s2r_perception.recording import Recording, RecordingWriter

K = np.array([[430.0, 0.0, 338.0], [0.0, 430.0, 158.0], [0.0, 0.0, 1.0]])


def load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hands = load("capsule_hand")


@pytest.fixture
def fake(tmp_path):
    module = load("fake_hamer")
    module.data = str(module.install(tmp_path))
    yield module
    module.uninstall(tmp_path)


class Frame:
    """One image pair of a hand, and what HaMeR makes of it: decimetres off, principal point in the middle."""

    def __init__(self, fake, error_m=0.2):
        T = hands.facing_camera(0.05, 0.08, 0.6)
        joints = hands.hand_joints()
        vertices, faces = hands.hand_mesh(joints)
        self.joints = hands.placed(joints, T)
        vertices = hands.placed(vertices, T)
        self.depth_m, self.mask = hands.depth_image(vertices, faces, K, np.random.default_rng(0))
        self.rgb = np.full((*self.mask.shape, 3), 40, np.uint8)
        self.rgb[self.mask] = 200, 150, 120
        middle = self.joints.mean(axis=0)
        seen = [
            hands.as_colour_sees_it(points, middle, error_m, K, principal_point=False)
            for points in (vertices, self.joints)
        ]
        fake.show(*seen, faces, K[0, 0])

    def error_mm(self, estimate):
        return 1e3 * np.linalg.norm(estimate.joints_camera - self.joints, axis=1).mean()


class Finder:
    """A `HandPoseEstimator` that knows roughly where the hand is."""

    def __init__(self, frame, right=True):
        self.frame, self.right, self.closed = frame, right, False

    def estimate(self, rgb, depth_m, camera_matrix):
        return HandEstimate(self.frame.joints + 0.005, 0.6, project(camera_matrix, self.frame.joints), self.right)

    def close(self):
        self.closed = True


@pytest.fixture
def frame(fake):
    return Frame(fake)


def write_masks(folder, masks):
    for index, mask in enumerate(masks):
        cv2.imwrite(str(folder / f"{index:05d}.png"), mask.astype(np.uint8) * 255)
    return str(folder)


def test_a_hand_that_hamer_puts_20_cm_too_far_is_found_to_millimetres(fake, frame, tmp_path):
    folder = write_masks(tmp_path, [frame.mask])
    estimator = HamerHandEstimator(HamerConfiguration(fake.data, folder, device="cpu"))
    estimate = estimator.estimate(frame.rgb, frame.depth_m, K)
    assert frame.error_mm(estimate) < 5.0
    assert estimate.confidence > 0.8
    assert estimate.right
    # With its own idea of the principal point mended, the joints are where they are in the image.
    assert np.abs(estimate.pixels - project(K, frame.joints)).mean() < 8.0
    shown = estimator._model._network.shown[-1]
    row, column = np.nonzero(frame.mask)
    expected = [(column.min() + column.max() + 1) / 2, (row.min() + row.max() + 1) / 2]
    np.testing.assert_allclose(shown["box_center"][0], expected, atol=0.6)
    assert shown["box_size"][0] == pytest.approx(2.0 * (np.ptp(row) + 11), rel=0.01)
    np.testing.assert_array_equal(shown["img"][0, :, 0, 0], frame.rgb[int(expected[1]), int(expected[0])])
    estimator.close()


def test_without_masks_another_estimator_says_where_the_hand_is(fake, frame):
    finder = Finder(frame, right=False)
    estimator = HamerHandEstimator(HamerConfiguration(fake.data, device="cpu"), finder)
    estimate = estimator.estimate(frame.rgb, frame.depth_m, K)
    assert frame.error_mm(estimate) < 5.0
    assert not estimate.right
    estimator.close()
    assert finder.closed


def test_masks_are_those_of_the_frames_in_order(fake, frame, tmp_path):
    folder = write_masks(tmp_path, [frame.mask, np.zeros_like(frame.mask), frame.mask])
    estimator = HamerHandEstimator(HamerConfiguration(fake.data, folder, device="cpu"))
    found = [estimator.estimate(frame.rgb, frame.depth_m, K) for _ in range(3)]
    assert [estimate is None for estimate in found] == [False, True, False]
    with pytest.raises(InputError, match=r"00003\.png.*sam2_video"):
        estimator.estimate(frame.rgb, frame.depth_m, K)


def test_a_recording_is_followed_with_it_like_with_any_other(fake, frame, tmp_path):
    folder = write_masks(tmp_path, [frame.mask] * 3)
    T_world_camera = np.array([[0.0, 0, 1, 1], [-1, 0, 0, 2], [0, -1, 0, 3], [0, 0, 0, 1]])
    with RecordingWriter.create(
        tmp_path / "recording", camera_matrix=K, T_world_camera=T_world_camera, camera_name="test"
    ) as writer:
        for index in range(3):
            depth_mm = np.rint(1e3 * frame.depth_m).astype(np.uint16)
            writer.append(frame.rgb, depth_mm, 10**9 + index * 33_333_333)
    estimator = HamerHandEstimator(HamerConfiguration(fake.data, folder, device="cpu"))
    track = follow_hand(Recording.open(tmp_path / "recording"), estimator, lambda part: None)
    expected = frame.joints @ T_world_camera[:3, :3].T + T_world_camera[:3, 3]
    assert np.linalg.norm(track.joints_world - expected, axis=-1).mean() < 0.005
    assert (track.confidence > 0.8).all()
    assert track.right.all()


def test_every_finger_of_mano_comes_in_our_order():
    # Each of MANO's joints and tips at a place that says which finger it is and how far out.
    places = {"wrist": [0]} | {
        finger: [1 + 3 * number + n for n in range(3)]
        for number, finger in enumerate(("index", "middle", "little", "ring", "thumb"))
    }
    assert TIP_VERTICES == {"thumb": 744, "index": 320, "middle": 443, "ring": 554, "little": 671}
    joints, vertices = np.zeros((16, 2)), np.full((778, 2), np.nan)
    fingers = ["wrist", "thumb", "index", "middle", "ring", "little"]
    for finger, indices in places.items():
        joints[indices] = [(fingers.index(finger), n + 1) for n in range(len(indices))]
    # The published system takes the vertices beside these, 333, 444 and 555: a millimetre away.
    for finger, vertex in TIP_VERTICES.items():
        vertices[vertex] = fingers.index(finger), 4
    ordered = np.concatenate([joints, vertices[list(TIP_VERTICES.values())]])[list(JOINT_ORDER)]
    expected = [(0, 1)] + [(finger, n) for finger in range(1, 6) for n in range(1, 5)]
    np.testing.assert_array_equal(ordered, expected)
    # The same chains as ours.
    for joint in range(1, 21):
        parent = PARENT[joint]
        assert parent == 0 or (ordered[parent, 0], ordered[parent, 1] + 1) == tuple(ordered[joint])


def test_another_order_of_joints_is_refused(fake, frame, monkeypatch):
    import hamer.models

    network = hamer.models.Network

    def reordered(self):
        network.original(self)
        self.mano.joint_map = self.mano.joint_map.flip(0)

    network.original = network.__init__
    monkeypatch.setattr(network, "__init__", reordered)
    with pytest.raises(InputError, match="order of MANO"):
        HamerHandEstimator(HamerConfiguration(fake.data, device="cpu"), Finder(frame))


def test_what_is_missing_is_said_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"none given.*docs/adapters\.md"):
        HamerHandEstimator()
    with pytest.raises(InputError, match=r"hamer\.ckpt.*fetch_demo_data\.sh"):
        HamerHandEstimator(HamerConfiguration(str(tmp_path), device="cpu"))
    module = load("fake_hamer")
    for name in module.FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"weights")
    (tmp_path / "data/mano/MANO_RIGHT.pkl").unlink()
    with pytest.raises(InputError, match=r"MANO_RIGHT\.pkl.*mano\.is\.tue\.mpg\.de"):
        HamerHandEstimator(HamerConfiguration(str(tmp_path), device="cpu"))
    (tmp_path / "data/mano/MANO_RIGHT.pkl").touch()
    with pytest.raises(InputError, match=r"hamer: package.*geopavlakos/hamer"):
        HamerHandEstimator(HamerConfiguration(str(tmp_path), device="cpu"))


def test_broken_weights_are_named(fake, frame):
    (Path(fake.data) / "hamer_ckpts/checkpoints/hamer.ckpt").write_bytes(b"half a downl")
    with pytest.raises(InputError, match=r"corrupted.*fetch them again"):
        HamerHandEstimator(HamerConfiguration(fake.data, device="cpu"), Finder(frame))
