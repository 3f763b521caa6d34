"""Rigid-body geometry against scipy, on NumPy and torch alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from h2s2r_perception import geometry

ROTATIONS = Rotation.random(64, rng=np.random.default_rng(0)).as_matrix()
POSITIONS = np.random.default_rng(1).normal(size=(64, 3))
POSES = geometry.pose(ROTATIONS, POSITIONS)


def test_a_pose_times_its_inverse_is_the_identity():
    np.testing.assert_allclose(geometry.inverse(POSES) @ POSES, np.broadcast_to(np.eye(4), POSES.shape), atol=1e-12)


def test_points_move_as_homogeneous_coordinates_do():
    points = np.random.default_rng(2).normal(size=(64, 5, 3))
    homogeneous = np.concatenate([points, np.ones((64, 5, 1))], axis=-1)
    expected = np.einsum("nij,npj->npi", POSES, homogeneous)[..., :3]
    np.testing.assert_allclose(geometry.transform_points(POSES, points), expected, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 1e-3),
    st.one_of(st.floats(0, np.pi - 1e-6), st.floats(0, 1e-7), st.floats(np.pi - 1e-4, np.pi - 1e-9)),
)
def test_rotation_vectors_survive_the_round_trip_at_every_angle(axis, angle):
    vector = np.asarray(axis) / np.linalg.norm(axis) * angle
    R = geometry.rotation_from_vector(vector)
    np.testing.assert_allclose(R, Rotation.from_rotvec(vector).as_matrix(), atol=1e-9)
    np.testing.assert_allclose(geometry.vector_from_rotation(R), vector, atol=1e-6)


def test_quaternions_agree_with_scipy_and_have_one_sign():
    q = geometry.quat_wxyz_from_rotation(ROTATIONS)
    assert np.all(q[:, 0] >= 0)
    np.testing.assert_allclose(
        q, Rotation.from_matrix(ROTATIONS).as_quat(canonical=True, scalar_first=True), atol=1e-12
    )
    np.testing.assert_allclose(geometry.rotation_from_quat_wxyz(-3.0 * q), ROTATIONS, atol=1e-12)


def test_half_way_between_two_poses_is_equally_far_from_both():
    a, b = POSES[:32], POSES[32:]
    middle = geometry.interpolate_pose(a, b, np.full(32, 0.5))
    to_a = geometry.rotation_angle(middle[:, :3, :3], a[:, :3, :3])
    to_b = geometry.rotation_angle(middle[:, :3, :3], b[:, :3, :3])
    np.testing.assert_allclose(to_a, to_b, atol=1e-9)
    np.testing.assert_allclose(2 * to_a, geometry.rotation_angle(a[:, :3, :3], b[:, :3, :3]), atol=1e-9)
    np.testing.assert_allclose(middle[:, :3, 3], (a[:, :3, 3] + b[:, :3, 3]) / 2)


@pytest.mark.parametrize("name", ["inverse", "vector_from_rotation", "quat_wxyz_from_rotation", "rotation_from_vector"])
def test_torch_gives_what_numpy_gives(name):
    function = getattr(geometry, name)
    argument = {"inverse": POSES, "rotation_from_vector": POSITIONS}.get(name, ROTATIONS)
    np.testing.assert_allclose(function(torch.from_numpy(argument)).numpy(), function(argument), atol=1e-12)
