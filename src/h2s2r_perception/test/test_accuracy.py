"""The measure of a Demonstration's error: known errors come out as they went in."""

import dataclasses

import numpy as np
import pytest

from h2s2r_perception.accuracy import compare_with_ground_truth
from h2s2r_perception.artefact import InputError, writing
from h2s2r_perception.demonstration import SCHEMA, Demonstration
from h2s2r_perception.geometry import rotation_from_vector

FRAMES = 50


@pytest.fixture
def truth():
    T = np.tile(np.eye(4), (FRAMES, 1, 1))
    T[:, 1, 3] = np.linspace(0.0, 0.4, FRAMES)
    return Demonstration(
        stamp_ns=np.arange(FRAMES, dtype=np.int64) * 33_333_333,
        T_world_object=T,
        object_confidence=np.ones(FRAMES),
        hand_joints_world=np.random.default_rng(0).normal(size=(FRAMES, 21, 3)),
        hand_confidence=np.ones(FRAMES),
        motion_start=35,
        motion_end=45,
        premanipulation_index=10,
    )


def _compare(folder, demonstration, truth, symmetry="none"):
    stated = {"perceive": {"object": {"symmetry": symmetry}}}
    with writing(folder / "demonstration", SCHEMA, configuration=stated) as writer:
        demonstration.save(writer.folder)
    np.savez(folder / "ground_truth.npz", **vars(truth))
    return compare_with_ground_truth(folder / "demonstration", folder)


def test_truth_has_no_error(tmp_path, truth):
    figures = _compare(tmp_path, truth, truth)
    assert figures.pop("hand_frames_share") == 1.0
    assert all(abs(value) < 1e-5 for value in figures.values())


def test_known_errors_come_out(tmp_path, truth):
    T = truth.T_world_object.copy()
    T[:, :3, 3] += [0.003, 0.004, 0.0]
    T[:, :3, :3] = T[:, :3, :3] @ rotation_from_vector(np.array([0.0, np.deg2rad(2.0), 0.0]))
    hand = truth.hand_joints_world + np.array([0.0, 0.012, 0.0])
    hand[20:] += np.array([0.0, 0.1, 0.0])
    hand[30:] = np.nan
    confidence = np.where(np.arange(FRAMES) < 30, 0.5, 0.0)
    wrong = dataclasses.replace(
        truth, T_world_object=T, hand_joints_world=hand, hand_confidence=confidence, premanipulation_index=7
    )
    figures = _compare(tmp_path, wrong, truth)
    assert figures["object_translation_mm_p50"] == pytest.approx(5.0)
    assert figures["object_rotation_deg_p95"] == pytest.approx(2.0)
    assert figures["premanipulation_frame_error"] == -3
    assert figures["hand_joint_mm_p50"] == pytest.approx(12.0)
    assert figures["hand_joint_all_frames_mm_p95"] == pytest.approx(112.0)
    assert figures["hand_frames_share"] == pytest.approx(0.6)


def test_the_yaw_of_a_plate_is_no_error_and_its_tilt_is(tmp_path, truth):
    T = truth.T_world_object.copy()
    T[:, :3, :3] = rotation_from_vector(np.array([0.0, np.deg2rad(2.0), 0.0])) @ rotation_from_vector(
        np.array([0.0, 0.0, 1.0])
    )
    turned = dataclasses.replace(truth, T_world_object=T)
    assert _compare(tmp_path, turned, truth, "yaw")["object_rotation_deg_p95"] == pytest.approx(2.0)
    assert _compare(tmp_path, turned, truth)["object_rotation_deg_p50"] > 50.0


def test_truth_of_another_recording_is_refused(tmp_path, truth):
    with pytest.raises(InputError, match="stamp_ns"):
        _compare(tmp_path, truth, dataclasses.replace(truth, stamp_ns=truth.stamp_ns + 1))


def test_missing_truth_is_named(tmp_path, truth):
    with writing(tmp_path / "demonstration", SCHEMA) as writer:
        truth.save(writer.folder)
    with pytest.raises(InputError, match=r"ground_truth\.npz"):
        compare_with_ground_truth(tmp_path / "demonstration", tmp_path)
