"""The demonstrator: a hand of constant bones, physics without penetration, a recording that repeats."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import rotation_angle, rotation_from_vector
from h2s2r_perception.onset import OnsetConfiguration, detect_motion
from h2s2r_perception.recording import Recording
from h2s2r_sim.demonstrator import DemonstratorConfiguration, demonstrate, is_demonstrated, premanipulation_index
from h2s2r_sim.demonstrator.demonstrate import ViewConfiguration
from h2s2r_sim.demonstrator.hand_mesh import build_skin
from h2s2r_sim.demonstrator.hand_model import MODEL, HandPosture, bone_frames, joint_positions, posture
from h2s2r_sim.demonstrator.motion import MotionConfiguration, minimum_jerk
from h2s2r_sim.demonstrator.physics import PhysicsConfiguration, simulate
from h2s2r_sim.task import load_task

TASK = load_task("snackbox_push")
WALL_FACE_Y_M = 0.175
HALF_BOX_Y_M = 0.075

angles = st.lists(st.floats(-0.3, 1.6), min_size=15, max_size=15)
turns = st.tuples(*[st.floats(-3.0, 3.0)] * 3)


@pytest.fixture(scope="module")
def episode():
    return simulate(TASK, PhysicsConfiguration(), MotionConfiguration())


# The hand


@settings(max_examples=50, deadline=None)
@given(angles, turns)
def test_bones_keep_their_lengths_in_every_posture(flexion, turn):
    T = np.eye(4)
    T[:3, :3] = rotation_from_vector(np.array(turn))
    hand = HandPosture(np.reshape(flexion, (5, 3)), np.linspace(-0.2, 0.2, 5))
    joints = joint_positions(bone_frames(T, hand))
    for index, finger in enumerate(MODEL):
        chain = joints[[*range(1 + 4 * index, 5 + 4 * index)]]
        np.testing.assert_allclose(np.linalg.norm(np.diff(chain, axis=0), axis=1), finger.lengths, atol=1e-12)
        assert np.linalg.norm(chain[0] - joints[0]) == pytest.approx(np.linalg.norm(finger.base))


def test_it_is_a_right_hand():
    # Palm down and fingers forward, the thumb of a right hand points to the left (+y).
    joints = joint_positions(bone_frames(np.eye(4), posture(0.2)))
    assert joints[4, 1] > joints[8, 1] > joints[12, 1] > joints[16, 1] > joints[20, 1]
    assert joints[[8, 12, 16, 20], 2].max() < joints[[5, 9, 13, 17], 2].min()  # fingers bend to the palm side


def test_kinematics_of_a_batch_are_those_of_its_members():
    hands = [posture(curl) for curl in (0.0, 0.3, 0.6)]
    batch = HandPosture(np.stack([h.flexion for h in hands]), np.stack([h.abduction for h in hands]))
    frames = bone_frames(np.tile(np.eye(4), (3, 1, 1)), batch)
    for index, hand in enumerate(hands):
        np.testing.assert_allclose(frames[index], bone_frames(np.eye(4), hand), atol=1e-15)


def test_the_skin_is_closed_and_follows_bones_completely():
    import trimesh

    skin = build_skin(posture(0.3))
    mesh = trimesh.Trimesh(skin.vertices, skin.faces, process=False)
    assert mesh.is_watertight
    assert mesh.body_count == 1
    assert mesh.volume > 0
    np.testing.assert_allclose(skin.weights.sum(axis=1), 1.0)
    # Every joint lies inside the flesh.
    joints = joint_positions(bone_frames(np.eye(4), posture(0.3)))
    assert np.linalg.norm(joints[:, None] - skin.vertices, axis=-1).min(axis=1).max() < 0.025


def test_minimum_jerk_starts_and_ends_at_rest():
    s = minimum_jerk(np.array([-1.0, 0.0, 1e-3, 0.5, 1.0 - 1e-3, 1.0, 2.0]))
    np.testing.assert_allclose(s[[0, 1, 3, 5, 6]], [0.0, 0.0, 0.5, 1.0, 1.0])
    assert s[2] < 1e-7
    assert 1 - s[4] < 1e-7


# The motion


def test_the_box_is_pushed_a_quarter_metre_and_ends_touching_the_wall(episode):
    start, end = episode.T_world_object[[0, -1], :3, 3]
    assert np.linalg.norm(end - start) == pytest.approx(0.25, abs=0.02)
    assert end[1] + HALF_BOX_Y_M == pytest.approx(WALL_FACE_Y_M, abs=1e-3)
    assert "wall_box" in episode.penetration_m
    assert rotation_angle(episode.T_world_object[-1, :3, :3], np.eye(3)) < np.deg2rad(0.5)  # flat against it


def test_nothing_penetrates_and_the_box_never_leaves_the_table(episode):
    assert set(episode.penetration_m) == {"hand", "table", "wall_box"}
    assert max(episode.penetration_m.values()) <= 1e-3
    assert np.abs(episode.T_world_object[:, 2, 3] - 0.185).max() < 1e-3


def test_the_box_moves_only_after_it_is_touched(episode):
    before = episode.T_world_object[: episode.contact_index]
    np.testing.assert_allclose(before[:, :3, 3], np.broadcast_to(before[0, :3, 3], before[:, :3, 3].shape), atol=1e-4)


def test_the_hand_waits_behind_the_box_at_the_premanipulation_frame(episode):
    index = premanipulation_index(episode.stamp_ns, episode.T_world_object, OnsetConfiguration())
    joints = episode.hand_joints_world
    tips = joints[index, [8, 12, 16, 20]]
    behind = (-0.15 - HALF_BOX_Y_M) - tips[:, 1]
    assert behind.min() > 0.03
    assert behind.max() < 0.08
    speed = np.linalg.norm(joints[index + 1] - joints[index - 1], axis=1) * 15.0
    assert speed.max() < 0.05


def test_the_perceived_and_the_true_definition_of_onset_agree(episode):
    truth = premanipulation_index(episode.stamp_ns, episode.T_world_object, OnsetConfiguration())
    assert abs(detect_motion(episode.stamp_ns, episode.T_world_object).premanipulation_index - truth) <= 2


def test_the_table_is_never_entered_by_the_hand(episode):
    radii = np.array([finger.radii for finger in MODEL]).ravel()
    assert (episode.hand_joints_world[:, 1:, 2] - radii).min() > TASK.scene.table_height_m


def test_a_hand_that_goes_through_the_wall_is_refused():
    with pytest.raises(InputError, match="penetration"):
        simulate(TASK, PhysicsConfiguration(), MotionConfiguration(push_distance_m=0.27))


def test_a_box_that_never_moves_has_no_premanipulation_frame(episode):
    still = np.broadcast_to(np.eye(4), (60, 4, 4))
    with pytest.raises(InputError, match="object motion"):
        premanipulation_index(episode.stamp_ns[:60], still, OnsetConfiguration())


# The recording


SMALL = DemonstratorConfiguration(
    motion=MotionConfiguration(frame_rate_hz=6.0),
    view=ViewConfiguration(focal_length_px=155.0, width=160, height=120),
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    seen = []
    demonstrate(TASK, root / "recording", root / "truth", SMALL, lambda fraction, note: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    return root


def test_recording_and_truth_are_of_the_same_frames(recorded):
    recording = Recording.open(recorded / "recording")
    truth = np.load(recorded / "truth" / "ground_truth.npz")
    np.testing.assert_array_equal(recording.stamp_ns, truth["stamp_ns"])
    frames = len(truth["stamp_ns"])
    assert truth["T_world_object"].shape == (frames, 4, 4)
    assert truth["hand_joints_world"].shape == (frames, 21, 3)
    assert 0 < truth["premanipulation_index"] < truth["contact_index"] < frames


def test_making_it_twice_gives_the_same_bytes(recorded, tmp_path):
    demonstrate(TASK, tmp_path / "recording", tmp_path / "truth", SMALL)
    for made in ("recording", "truth"):
        first, second = (json.loads((root / made / "meta.json").read_text()) for root in (recorded, tmp_path))
        assert first["content_sha256"] == second["content_sha256"]


def test_it_is_not_made_again_unless_something_changed(recorded):
    assert is_demonstrated(TASK, recorded / "recording", recorded / "truth", SMALL)
    assert not is_demonstrated(TASK, recorded / "recording", recorded / "truth", DemonstratorConfiguration())
    heavier = dataclasses.replace(TASK, object=dataclasses.replace(TASK.object, mass_kg=0.5))
    assert not is_demonstrated(heavier, recorded / "recording", recorded / "truth", SMALL)


def test_the_prompt_holds_the_box_and_little_else(recorded, episode):
    x0, y0, x1, y1 = Recording.open(recorded / "recording").prompt.box
    corners = np.array([[x, y, z] for x in (-0.1, 0.1) for y in (-0.075, 0.075) for z in (-0.03, 0.03)])
    pixels, _ = SMALL.view.camera().project(corners + episode.T_world_object[0, :3, 3])
    margin = SMALL.prompt_margin_px
    np.testing.assert_allclose([x0, y0], pixels.min(axis=0) - margin, atol=0.5)
    np.testing.assert_allclose([x1, y1], pixels.max(axis=0) + margin, atol=0.5)


def test_depth_agrees_with_the_true_object_pose(recorded):
    recording = Recording.open(recorded / "recording")
    depth_m = np.asarray(recording.depth_m(0))
    camera = SMALL.view.camera()
    (pixel,), (z,) = camera.project(np.array([[0.60, -0.15, 0.215]]))  # middle of the box's upper face
    column, row = np.rint(pixel).astype(int)
    patch = depth_m[row - 2 : row + 3, column - 2 : column + 3]
    assert np.median(patch[patch > 0]) == pytest.approx(z, abs=0.004)
