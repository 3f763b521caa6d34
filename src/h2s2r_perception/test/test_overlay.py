"""The overlay: drawn where the camera sees things, playable, and small."""

import cv2
import numpy as np
import pytest

from h2s2r_perception.geometry import pose
from h2s2r_perception.overlay import SKELETON, Overlay, write_label, write_video

K = np.array([[600.0, 0.0, 320.0], [0.0, 600.0, 240.0], [0.0, 0.0, 1.0]])
BOX = np.array([[x, y, z] for x in (-0.1, 0.1) for y in (-0.05, 0.05) for z in (-0.03, 0.03)])
# A camera at (0, 0, 2) that looks straight down; image x is world x.
T_WORLD_CAMERA = pose(np.diag([1.0, -1.0, -1.0]), np.array([0.0, 0.0, 2.0]))


@pytest.fixture
def overlay():
    return Overlay(K, T_WORLD_CAMERA, BOX)


def _drawn(image):
    return np.argwhere(image.any(axis=-1))[:, ::-1]


def test_box_is_drawn_where_it_projects(overlay):
    image = np.zeros((480, 640, 3), np.uint8)
    T = np.eye(4)
    T[:3, 3] = [0.3, 0.2, 0.0]
    overlay.draw_object(image, T, 1.0)
    pixels = _drawn(image)
    # The lower face, 2.03 m away, is the nearer one to the middle of the image.
    assert pixels[:, 0].min() == pytest.approx(320 + 600 * 0.2 / 2.03, abs=2)
    assert pixels[:, 1].max() == pytest.approx(240 - 600 * 0.15 / 2.03, abs=2)


def test_unknown_hand_and_things_behind_the_camera_are_not_drawn(overlay):
    image = np.zeros((480, 640, 3), np.uint8)
    overlay.draw_hand(image, np.full((21, 3), np.nan), 0.0)
    behind = np.eye(4)
    behind[2, 3] = 3.0
    overlay.draw_object(image, behind, 1.0)
    assert not image.any()


def test_doubtful_hand_has_another_colour(overlay):
    joints = np.random.default_rng(0).uniform(-0.1, 0.1, (21, 3))
    sure, doubtful = np.zeros((480, 640, 3), np.uint8), np.zeros((480, 640, 3), np.uint8)
    overlay.draw_hand(sure, joints, 0.9)
    overlay.draw_hand(doubtful, joints, 0.1)
    assert (sure == SKELETON).all(axis=-1).any()
    assert not (doubtful == SKELETON).all(axis=-1).any()


@pytest.mark.parametrize("shape", [(480, 640, 3), (721, 1281, 3)])
def test_noisy_video_stays_small_and_plays(tmp_path, shape):
    random = np.random.default_rng(0)
    noise = random.integers(0, 255, (4, *shape), dtype=np.uint8)

    def images():
        for index in range(24):
            image = noise[index % 4].copy()
            write_label(image, f"frame {index}")
            yield image

    path = tmp_path / "overlay.mp4"
    write_video(path, images(), 30.0, 24)
    assert 0 < path.stat().st_size < 3e6
    video = cv2.VideoCapture(str(path))
    frames = 0
    while video.grab():
        frames += 1
    assert frames == 24
    assert video.get(cv2.CAP_PROP_FRAME_WIDTH) == 640
