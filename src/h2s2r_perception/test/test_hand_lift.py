"""Lifting a hand from landmarks and depth: a known hand comes back, an absent one does not."""

import cv2
import numpy as np
import pytest

from h2s2r_perception.geometry import rotation_from_vector
from h2s2r_perception.hand_pose import HandLandmarks, lift_hand
from h2s2r_perception.hand_pose.lift import sample_depth
from h2s2r_perception.hand_pose.skeleton import PARENT, SKIN_M

K = np.array([[610.0, 0.0, 320.0], [0.0, 610.0, 240.0], [0.0, 0.0, 1.0]])


def flat_hand() -> np.ndarray:
    """A slightly bent right hand `(21, 3)`: fingers along -y, palm towards +z (away from the camera)."""
    hand = np.zeros((21, 3))
    for finger, (side, spread) in enumerate(
        [(-0.045, -0.6), (-0.025, -0.12), (-0.003, 0.0), (0.018, 0.1), (0.036, 0.2)]
    ):
        knuckle = np.array([side, -0.03 if finger == 0 else -0.088, 0.0])
        hand[1 + 4 * finger] = knuckle
        for segment, length in enumerate((0.04, 0.025, 0.022)):
            bend = 0.25 * (segment + 1)
            direction = [np.sin(spread) * np.cos(bend), -np.cos(spread) * np.cos(bend), np.sin(bend)]
            hand[2 + 4 * finger + segment] = hand[1 + 4 * finger + segment] + length * np.array(direction)
    return hand


def seen(joints: np.ndarray, random: np.random.Generator, *, hidden: float = 0.35) -> tuple[HandLandmarks, np.ndarray]:
    """Landmarks with 1.5 px and shape with 4 mm of error, wrongly turned and scaled; depth of the skin.

    A part `hidden` of the joints lies behind something 15 to 60 mm nearer.
    """
    pixels = joints[:, :2] / joints[:, 2:] * K[[0, 1], [0, 1]] + K[:2, 2]
    turned = 1.08 * (joints - joints[0]) @ rotation_from_vector(random.normal(0.0, 0.2, 3)).T
    landmarks = HandLandmarks(
        pixels + random.normal(0.0, 1.5, (21, 2)), turned + random.normal(0.0, 0.004, (21, 3)), 0.9, True
    )
    surface = joints[:, 2] - SKIN_M + random.normal(0.0, 0.002, 21)
    surface -= np.where(random.random(21) < hidden, random.uniform(0.015, 0.06, 21), 0.0)
    depth = np.full((480, 640), 1.4, np.float32)
    for joint in np.argsort(-surface):
        cv2.circle(depth, tuple(int(v) for v in np.rint(pixels[joint])), 5, float(surface[joint]), -1)
    return landmarks, depth


def placed(random: np.random.Generator, distance: float = 0.8) -> np.ndarray:
    return flat_hand() @ rotation_from_vector(random.normal(0.0, 0.35, 3)).T + [0.05, 0.02, distance]


def test_known_hand_comes_back_from_noisy_and_partly_hidden_depth():
    errors = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        joints = placed(random)
        estimate = lift_hand(*seen(joints, random), K)
        errors.append(np.linalg.norm(estimate.joints_camera - joints, axis=1).mean())
    assert np.median(errors) < 0.008
    assert max(errors) < 0.015


def test_every_joint_hidden_by_the_table_edge_but_a_few_is_still_placed():
    random = np.random.default_rng(3)
    joints = placed(random)
    landmarks, depth = seen(joints, random, hidden=0.0)
    for joint in range(9, 21):  # the background shows where two thirds of the joints should be
        x, y = np.rint(landmarks.pixels[joint]).astype(int)
        depth[y - 5 : y + 6, x - 5 : x + 6] = 1.4
    estimate = lift_hand(landmarks, depth, K)
    assert np.linalg.norm(estimate.joints_camera - joints, axis=1).mean() < 0.02


def test_bones_keep_plausible_lengths():
    random = np.random.default_rng(5)
    joints = placed(random)
    landmarks, depth = seen(joints, random)
    estimate = lift_hand(landmarks, depth, K)
    length = np.linalg.norm(np.diff(estimate.joints_camera[[0, 5, 6, 7, 8]], axis=0), axis=1)
    true = np.linalg.norm(np.diff(joints[[0, 5, 6, 7, 8]], axis=0), axis=1)
    np.testing.assert_allclose(length / true, 1.0, atol=0.8)


def test_confidence_falls_with_hidden_joints():
    random = np.random.default_rng(7)
    joints = placed(random)
    clear = lift_hand(*seen(joints, random, hidden=0.0), K)
    covered = lift_hand(*seen(joints, random, hidden=0.6), K)
    assert 0.0 < covered.confidence < clear.confidence <= 1.0


@pytest.mark.parametrize("distance", [0.0, 0.05, 5.0])
def test_no_usable_depth_gives_no_hand(distance):
    landmarks, _ = seen(placed(np.random.default_rng(0)), np.random.default_rng(0))
    assert lift_hand(landmarks, np.full((480, 640), distance, np.float32), K) is None


def test_landmarks_on_a_wall_of_scattered_depth_give_no_hand():
    random = np.random.default_rng(1)
    landmarks, _ = seen(placed(random), random)
    scattered = random.uniform(0.3, 2.9, (480, 640)).astype(np.float32)
    for column in range(0, 640, 3):
        for row in range(0, 480, 3):
            scattered[row : row + 3, column : column + 3] = random.uniform(0.3, 2.9)
    estimate = lift_hand(landmarks, scattered, K)
    assert estimate is None or estimate.confidence < 0.4


def test_hand_partly_outside_the_image_is_lifted_from_the_rest():
    random = np.random.default_rng(2)
    joints = placed(random) + np.array([0.40, 0.0, 0.0])
    landmarks, depth = seen(joints, random, hidden=0.0)
    assert (landmarks.pixels[:, 0] > 640).any()
    estimate = lift_hand(landmarks, depth, K)
    assert np.linalg.norm(estimate.joints_camera - joints, axis=1).mean() < 0.02


def test_depth_is_the_median_of_what_is_valid():
    depth = np.zeros((20, 20), np.float32)
    depth[5, 5:7] = 0.5
    found = sample_depth(depth, np.array([[5.0, 5.0], [15.0, 15.0], [-3.0, 4.0], [19.4, 19.4]]))
    assert found[0] == pytest.approx(0.5)
    assert np.isnan(found[1:]).all()


def test_joint_tree_is_that_of_a_hand():
    assert PARENT[0] == -1
    assert (PARENT[[1, 5, 9, 13, 17]] == 0).all()
    assert (PARENT[[4, 8, 12, 16, 20]] == [3, 7, 11, 15, 19]).all()
