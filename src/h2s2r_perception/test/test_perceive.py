"""The stage as a whole, on a small ray-cast recording: what moved comes out, and every refusal is worded."""

import json

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_perception.demonstration import Demonstration
from h2s2r_perception.geometry import inverse, rotation_angle, transform_points
from h2s2r_perception.hand_pose import HandEstimate
from h2s2r_perception.perceive import PerceiveConfiguration, perceive, perceive_is_current
from h2s2r_perception.perceive_object import ObjectConfiguration
from h2s2r_perception.recording import Prompt, RecordingWriter

K = np.array([[300.0, 0.0, 160.0], [0.0, 300.0, 120.0], [0.0, 0.0, 1.0]])
FRAMES, FIRST, LAST = 38, 17, 31
PERIOD_NS = 66_666_667


class KnownHand:
    """Answers with a hand that moves along +y at 0.1 m/s, 4 mm of noise; unseen in the frames named."""

    def __init__(self, T_world_camera, unseen=(), right=True):
        self.right = right
        self.shape = np.random.default_rng(0).uniform(-0.05, 0.05, (21, 3)) + np.array([0.6, -0.3, 0.25])
        self.unseen = set(unseen)
        self._T = inverse(T_world_camera)
        self._noise = np.random.default_rng(1)
        self._frame = -1

    def joints_world(self, frame):
        return self.shape + np.array([0.0, 0.1, 0.0]) * frame * PERIOD_NS * 1e-9

    def estimate(self, rgb, depth_m, camera_matrix):
        self._frame += 1
        if self._frame in self.unseen:
            return None
        joints = transform_points(self._T, self.joints_world(self._frame)) + self._noise.normal(0.0, 0.004, (21, 3))
        return HandEstimate(joints, 0.8, np.zeros((21, 2)), self.right)

    def close(self):
        raise AssertionError("an estimator that was handed in belongs to the caller")


def _path(frames):
    """Rest, push by 0.15 m along y with a turn of 0.3 rad, rest."""
    s = np.clip((np.arange(frames) - FIRST) / (LAST - FIRST), 0.0, 1.0)
    s = s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
    T = np.tile(np.eye(4), (frames, 1, 1))
    cosine, sine = np.cos(0.3 * s), np.sin(0.3 * s)
    T[:, :2, :2] = np.moveaxis(np.array([[cosine, -sine], [sine, cosine]]), -1, 0)
    T[:, :3, 3] = np.stack([0.6 + 0.0 * s, -0.10 + 0.15 * s, 0.185 + 0.0 * s], -1)
    return T


def _record(folder, scene, path, prompt, hands=None, T_world_camera=None):
    pose = scene.T_world_camera if T_world_camera is None else T_world_camera
    with RecordingWriter.create(folder, camera_matrix=K, T_world_camera=pose, camera_name="ray-cast") as writer:
        for index, T in enumerate(path):
            rgb, depth_mm, mask = scene.render(T, None if hands is None else hands[index], seed=index)
            writer.append(rgb, depth_mm, 1_000 + index * PERIOD_NS)
            if index == 0:
                row, column = np.nonzero(mask)
        if prompt:
            box = (column.min() - 3.0, row.min() - 3.0, column.max() + 4.0, row.max() + 4.0)
            writer.set_prompt(Prompt(0, box=tuple(float(v) for v in box)))
    return folder


@pytest.fixture(scope="module")
def recording(tmp_path_factory, scene):
    return _record(tmp_path_factory.mktemp("moving") / "recording", scene, _path(FRAMES), prompt=True)


@pytest.fixture(scope="module")
def still(tmp_path_factory, scene):
    return _record(tmp_path_factory.mktemp("still") / "recording", scene, _path(8), prompt=False)


@pytest.fixture(scope="module")
def perceived(recording, scene, textured_box, tmp_path_factory):
    told = []
    folder = tmp_path_factory.mktemp("out") / "demonstration"
    hand = KnownHand(scene.T_world_camera, unseen=[0, 1, 2, 20])
    perceive(recording, textured_box, folder, progress=lambda *note: told.append(note), hand_estimator=hand)
    return folder, hand, told


def test_object_path_is_the_true_one(perceived):
    demonstration, truth = Demonstration.load(perceived[0]), _path(FRAMES)
    shift = np.linalg.norm(demonstration.T_world_object[:, :3, 3] - truth[:, :3, 3], axis=1)
    assert np.median(shift) < 0.002
    assert shift.max() < 0.008
    turn = rotation_angle(demonstration.T_world_object[:, :3, :3], truth[:, :3, :3])
    assert np.rad2deg(np.median(turn)) < 1.0
    assert demonstration.object_confidence.min() > 0.5


def test_motion_and_hand_frame_are_found(perceived):
    demonstration = Demonstration.load(perceived[0])
    assert FIRST <= demonstration.motion_start <= FIRST + 4
    assert LAST - 4 <= demonstration.motion_end <= LAST + 1
    assert demonstration.premanipulation_index == demonstration.motion_start - 15  # 1 s at 15 Hz


def test_hand_is_in_the_world_smoothed_and_unknown_where_unseen(perceived):
    folder, hand, _ = perceived
    demonstration = Demonstration.load(folder)
    known = np.flatnonzero(demonstration.hand_confidence > 0.0)
    assert 0 not in known
    assert 20 in known  # bridged
    assert demonstration.hand_confidence[20] < demonstration.hand_confidence[25]
    error = [np.linalg.norm(demonstration.hand_joints_world[i] - hand.joints_world(i), axis=1).mean() for i in known]
    assert np.median(error) < 0.006


def test_folder_holds_what_people_and_other_tools_read(perceived):
    folder, _, _ = perceived
    demonstration = Demonstration.load(folder)
    assert len(list((folder / "masks").glob("*.png"))) == FRAMES
    assert len(list((folder / "hand_masks").glob("*.png"))) == FRAMES
    mask = cv2.imread(str(folder / "masks" / "00005.png"), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (240, 320)
    assert set(np.unique(mask)) == {0, 255}
    T_camera_object = np.loadtxt(folder / "ob_in_cam" / "00007.txt")
    centre = K @ T_camera_object[:3, 3] / T_camera_object[2, 3]
    row, column = np.nonzero(cv2.imread(str(folder / "masks" / "00007.png"), cv2.IMREAD_UNCHANGED))
    assert abs(column.mean() - centre[0]) < 8
    assert abs(row.mean() - centre[1]) < 8
    quality = json.loads((folder / "meta.json").read_text())["quality"]
    assert quality["object_frames_lost"] == 0
    assert quality["hand_frames_seen"] == FRAMES - 4
    assert quality["premanipulation_frame"] == demonstration.premanipulation_index
    assert cv2.VideoCapture(str(folder / "overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES


def test_progress_never_goes_back_and_ends_at_one(perceived):
    stages, fractions = zip(*perceived[2], strict=True)
    assert list(dict.fromkeys(stages)) == ["object", "hand", "hand masks", "overlay"]
    assert (np.diff(fractions) >= 0.0).all()
    assert fractions[-1] == pytest.approx(1.0)


def test_only_changed_inputs_make_it_stale(perceived, recording, still, textured_box):
    folder, _, _ = perceived
    assert perceive_is_current(recording, textured_box, folder)
    assert not perceive_is_current(
        recording, textured_box, folder, PerceiveConfiguration(object=ObjectConfiguration(symmetry="yaw"))
    )
    assert not perceive_is_current(recording, textured_box, folder, prompt=Prompt(0, click=(150.0, 120.0)))
    assert not perceive_is_current(still, textured_box, folder, prompt=Prompt(0, click=(150.0, 120.0)))


def _refused(recording, mesh, folder, **arguments):
    with pytest.raises(InputError) as refusal:
        perceive(recording, mesh, folder / "demonstration", **arguments)
    assert list(folder.iterdir()) == []  # nothing half-made is left
    return refusal.value


def test_no_hand_before_the_motion_is_refused(recording, scene, textured_box, tmp_path):
    hand = KnownHand(scene.T_world_camera, unseen=range(12))
    refusal = _refused(recording, textured_box, tmp_path, hand_estimator=hand)
    assert refusal.field == "hand"
    assert "frames around frame" in refusal.found


def test_left_hand_is_refused(recording, scene, textured_box, tmp_path):
    hand = KnownHand(scene.T_world_camera, right=False)
    refusal = _refused(recording, textured_box, tmp_path, hand_estimator=hand)
    assert "a left hand in 38 of the 38 frames" in refusal.found


def test_prompt_in_a_later_frame_is_followed_both_ways(recording, textured_box, tmp_path, scene):
    row, column = np.nonzero(scene.render(_path(FRAMES)[24])[2])
    click = Prompt(24, click=(float(np.median(column)), float(np.median(row))))
    hand = KnownHand(scene.T_world_camera)
    demonstration = perceive(recording, textured_box, tmp_path / "d", prompt=click, hand_estimator=hand)
    shift = np.linalg.norm(demonstration.T_world_object[:, :3, 3] - _path(FRAMES)[:, :3, 3], axis=1)
    assert np.median(shift) < 0.002
    assert shift.max() < 0.008


def test_object_that_never_moves_is_refused(still, scene, textured_box, tmp_path):
    row, column = np.nonzero(scene.render(_path(1)[0])[2])
    click = Prompt(0, click=(float(np.median(column)), float(np.median(row))))
    refusal = _refused(still, textured_box, tmp_path, prompt=click, hand_estimator=KnownHand(scene.T_world_camera))
    assert refusal.field == "object motion"


def test_without_a_prompt_what_a_hand_pushes_is_the_object(scene, textured_box, tmp_path):
    path = _path(FRAMES)
    behind = np.array([0.0, -0.11, 0.03])  # touches the box from the side it is pushed from
    hands = [T[:3, 3] + behind + [0.0, -0.2 * max(0.0, 1.0 - i / FIRST), 0.0] for i, T in enumerate(path)]
    folder = _record(tmp_path / "pushed", scene, path, prompt=False, hands=hands)
    demonstration = perceive(folder, textured_box, tmp_path / "d", hand_estimator=KnownHand(scene.T_world_camera))
    shift = np.linalg.norm(demonstration.T_world_object[:, :3, 3] - path[:, :3, 3], axis=1)
    assert np.median(shift) < 0.003
    stated = json.loads((tmp_path / "d" / "meta.json").read_text())
    assert stated["configuration"]["prompt"] is None
    assert stated["quality"]["object_chosen_by"] != "prompt"


def test_without_a_prompt_and_without_motion_the_user_is_asked(still, scene, textured_box, tmp_path):
    refusal = _refused(still, textured_box, tmp_path, hand_estimator=KnownHand(scene.T_world_camera))
    assert "--box" in refusal.remedy


def test_camera_that_nobody_calibrated_is_refused(scene, textured_box, tmp_path):
    folder = _record(tmp_path / "r", scene, _path(3), prompt=True, T_world_camera=np.eye(4))
    (tmp_path / "out").mkdir()
    refusal = _refused(folder, textured_box, tmp_path / "out")
    assert refusal.field == "T_world_camera"
    assert "calibrate" in refusal.remedy


def test_prompt_outside_the_image_and_on_the_bare_table_are_refused(still, textured_box, tmp_path):
    assert "inside 320x240" in str(_refused(still, textured_box, tmp_path, prompt=Prompt(0, click=(900.0, 10.0))))
    table = Prompt(0, box=(4.0, 200.0, 40.0, 236.0))
    assert "mask" in str(_refused(still, textured_box, tmp_path, prompt=table))
