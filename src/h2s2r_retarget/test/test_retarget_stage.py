"""The stage on a small demonstration: path, warping, artefact and its errors."""

import dataclasses

import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.collision import BoxObstacle, CollisionChecker, CollisionWorld
from h2s2r_retarget.hand_path import hand_path
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.path import path_targets
from h2s2r_retarget.retargeting import ARRAYS, Retargeting
from h2s2r_retarget.stage import RetargetConfiguration, retarget, retarget_is_current, retargeted
from h2s2r_retarget.warp import warp_path

pytest.importorskip("pinocchio")
pytest.importorskip("coal")


@pytest.fixture(scope="module")
def result(make_demonstration, embodiment, world):
    return retargeted(make_demonstration(), embodiment, world)


def test_quality_meets_the_requirements(result):
    q = result.quality
    assert q["ik_palm_mm"] <= 1.0 and q["ik_palm_deg"] <= 0.5 and q["ik_penetration_mm"] <= 1.0
    assert q["path_palm_mm_max"] <= 1.0 and q["path_penetration_mm_max"] <= 1.0
    assert q["path_frames_skipped"] == 0
    assert q["ik_fingertip_mm_mean"] == pytest.approx(
        np.mean([q[f"ik_fingertip_mm_{name}"] for name in ("index", "middle", "ring", "thumb")])
    )


def test_the_path_starts_at_the_pre_manipulation_posture_and_follows_the_hand(result, embodiment):
    assert np.allclose(result.path_joint_position[0], result.joint_position)
    assert result.path_stamp_s[0] == 0.0
    moved = result.path_T_world_palm[-1, :3, 3] - result.path_T_world_palm[0, :3, 3]
    assert moved[1] == pytest.approx(0.2 + 0.045, abs=0.015)
    assert np.abs(moved[[0, 2]]).max() < 0.015
    T = BatchedKinematics(embodiment).forward(result.path_joint_position).T_world_palm
    assert np.abs(T - result.path_T_world_palm).max() < 1e-12
    T_object = np.eye(4)
    T_object[:3, 3] = [0.6, -0.15, 0.185]
    assert np.allclose(T_object @ result.T_object_palm, T[0], atol=1e-6)


def assert_within_limits(embodiment, path, stamp_s, share):
    limits = embodiment.limits
    assert ((limits.lower <= path) & (path <= limits.upper)).all()
    velocity = np.diff(path, axis=-2) / np.diff(stamp_s)[:, None]
    assert (np.abs(velocity) <= share * limits.velocity * 1.001).all()
    # From rest to rest, at an even rate but for the last step.
    even = np.concatenate([np.zeros((1, path.shape[1])), velocity[:-1]])
    acceleration = np.diff(even, axis=0) / stamp_s[1]
    assert (np.abs(acceleration) <= share * limits.acceleration * 1.05).all()


def test_a_demonstration_too_fast_for_the_robot_is_stretched(make_demonstration, embodiment, world, result):
    assert_within_limits(embodiment, result.path_joint_position, result.path_stamp_s, 0.8)
    assert 1.0 <= result.quality["path_stretch"] < 1.3
    fast = retargeted(make_demonstration(seconds=0.15), embodiment, world)
    assert_within_limits(embodiment, fast.path_joint_position, fast.path_stamp_s, 0.8)
    assert fast.quality["path_stretch"] > 2.0


def test_frames_without_a_hand_are_interpolated_and_counted(make_demonstration, embodiment, world, result):
    gappy = retargeted(make_demonstration(unseen=range(30, 40)), embodiment, world)
    assert gappy.quality["path_frames_skipped"] == 10
    count = min(len(gappy.path_stamp_s), len(result.path_stamp_s))
    apart = gappy.path_T_world_palm[:count, :3, 3] - result.path_T_world_palm[:count, :3, 3]
    assert np.abs(apart).max() < 0.005


def test_a_hand_seen_once_is_refused(make_demonstration):
    demonstration = make_demonstration(unseen=[frame for frame in range(75) if frame != 2])
    with pytest.raises(InputError, match="hand_confidence"):
        hand_path(demonstration, minimum_confidence=0.3, smoothing_s=0.06, after_motion_s=0.3)


def test_a_scene_with_no_room_is_refused(make_demonstration, embodiment, world):
    ceiling = np.eye(4)
    ceiling[:3, 3] = [0.5, -0.3, 0.30]
    crowded = CollisionWorld((*world.statics, BoxObstacle("ceiling", (0.6, 0.6, 0.22), ceiling)), world.object)
    with pytest.raises(InputError, match="pre-manipulation hand pose"):
        retargeted(make_demonstration(), embodiment, crowded)


def test_an_object_that_has_not_moved_gives_the_path_back(result, embodiment):
    kinematics = BatchedKinematics(embodiment)
    T = np.eye(4)
    T[:3, 3] = [0.6, -0.15, 0.185]
    warped = warp_path(kinematics, result.path_joint_position, result.path_T_world_palm, T, T[None])
    assert np.abs(warped.joint_position[0] - result.path_joint_position).max() < 1e-12


def test_the_warped_path_moves_with_the_object(result, embodiment):
    kinematics, random = BatchedKinematics(embodiment), np.random.default_rng(0)
    T = np.eye(4)
    T[:3, 3] = [0.6, -0.15, 0.185]
    new = np.tile(T, (16, 1, 1))
    new[:, :2, 3] += random.uniform(-0.03, 0.03, (16, 2))
    yaw = random.uniform(-0.15, 0.15, 16)
    new[:, 0, 0], new[:, 0, 1], new[:, 1, 0], new[:, 1, 1] = np.cos(yaw), -np.sin(yaw), np.sin(yaw), np.cos(yaw)
    warped = warp_path(kinematics, result.path_joint_position, result.path_T_world_palm, T, new)
    assert warped.position_error_m.max() < 1e-3 and np.degrees(warped.rotation_error_rad.max()) < 0.5
    for row in range(16):
        palms = kinematics.forward(warped.joint_position[row]).T_world_palm
        in_object = np.linalg.inv(new[row]) @ palms
        demonstrated = np.linalg.inv(T) @ result.path_T_world_palm
        assert np.abs(in_object - demonstrated).max() < 2e-3
    limits = embodiment.limits
    assert ((limits.lower <= warped.joint_position) & (warped.joint_position <= limits.upper)).all()
    assert (warped.joint_position[:, :, 7:] == result.path_joint_position[None, :, 7:]).all()
    alone = warp_path(kinematics, result.path_joint_position, result.path_T_world_palm, T, new[:3])
    assert (alone.joint_position == warped.joint_position[:3]).all()


def test_warping_says_which_steps_fail_and_why(result, embodiment, world):
    kinematics, checker = BatchedKinematics(embodiment), CollisionChecker(embodiment, world)
    T = np.eye(4)
    T[:3, 3] = [0.6, -0.15, 0.185]
    new = np.tile(T, (3, 1, 1))
    new[1, 0, 3] += 0.6  # out of reach
    new[2, 2, 3] -= 0.10  # into the table
    path = result.path_joint_position[::8], result.path_T_world_palm[::8]
    warped = warp_path(kinematics, *path, T, new, checker=checker)
    unchecked = warp_path(kinematics, *path, T, new)
    assert (unchecked.joint_position == warped.joint_position).all() and np.isnan(unchecked.penetration_m).all()
    assert warped.reached[0].all() and warped.penetration_m[0].max() <= 1e-3
    failures = warped.failures()
    assert {path for path, _, _ in failures} == {1, 2}
    assert "off" in next(why for path, _, why in failures if path == 1)
    assert warped.penetration_m[2].max() > 0.01
    assert warped.penetration_m[2, 0] == pytest.approx(
        max(checker.penetration(warped.joint_position[2, 0], None), 0.0), abs=1e-5
    )


def test_a_large_hand_is_known_and_its_tips_can_be_brought_to_an_average_hands(make_demonstration, hand_at, embodiment):
    demonstration = make_demonstration()
    wrist = demonstration.hand_joints_world[:, :1]
    larger = dataclasses.replace(
        demonstration, hand_joints_world=wrist + 1.2 * (demonstration.hand_joints_world - wrist)
    )
    options = {"minimum_confidence": 0.3, "smoothing_s": 0.06, "after_motion_s": 0.3}
    usual, large = hand_path(demonstration, **options), hand_path(larger, **options)
    assert large.hand_size == pytest.approx(1.2 * usual.hand_size)
    plain = path_targets(large, embodiment, average_hand=False)
    average = path_targets(large, embodiment, average_hand=True)
    assert (plain.T_world_palm == average.T_world_palm).all()
    origin = plain.T_world_palm[:, None, :3, 3]
    ratio = np.linalg.norm(plain.fingertips - origin, axis=-1) / np.linalg.norm(average.fingertips - origin, axis=-1)
    assert np.allclose(ratio, large.hand_size)


def test_the_artefact_round_trips_and_knows_when_it_is_current(tmp_path, demonstration_folder, embodiment, world):
    folder = tmp_path / "retargeting"
    made = retarget(demonstration_folder, embodiment, world, folder)
    loaded = Retargeting.load(folder)
    assert (loaded.path_joint_position == made.path_joint_position).all()
    assert loaded.joint_names == embodiment.joint_names
    assert loaded.quality["ik_palm_mm"] <= 1.0
    loaded.check_embodiment(embodiment)
    with pytest.raises(InputError, match="embodiment_sha256"):
        loaded.check_embodiment(dataclasses.replace(embodiment, sha256="0" * 64))
    assert retarget_is_current(demonstration_folder, embodiment, world, folder)
    other = RetargetConfiguration(every=2)
    assert not retarget_is_current(demonstration_folder, embodiment, world, folder, other)
    assert not retarget_is_current(demonstration_folder, embodiment, CollisionWorld(world.statics), folder)
    again = retarget(demonstration_folder, embodiment, world, folder)
    assert (again.path_joint_position == made.path_joint_position).all()


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("joint_position", np.zeros(22), "joint_position"),
        ("T_object_palm", np.full((4, 4), np.nan), "T_object_palm"),
        ("path_stamp_s", None, "path_stamp_s"),
    ],
)
def test_a_broken_artefact_is_refused_by_name(tmp_path, demonstration_folder, embodiment, world, name, value, named):
    folder = tmp_path / "retargeting"
    retarget(demonstration_folder, embodiment, world, folder, RetargetConfiguration(every=20))
    with np.load(folder / ARRAYS) as stored:
        arrays = dict(stored)
    if value is None:
        del arrays[name]
    else:
        arrays[name] = value
    np.savez_compressed(folder / ARRAYS, **arrays)
    with pytest.raises(InputError, match=named):
        Retargeting.load(folder)


def test_a_folder_that_is_no_retargeting_is_refused(tmp_path, demonstration_folder):
    with pytest.raises(InputError, match="schema"):
        Retargeting.load(demonstration_folder)
    with pytest.raises(InputError, match=r"meta\.json"):
        Retargeting.load(tmp_path / "nowhere")
