"""The pictures of both hands: the bones lie where the hand is, and the robot over the image where it is."""

import cv2
import numpy as np
import pytest

from h2s2r_perception.recording import Recording, RecordingWriter
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_sim.rendering import Camera
from h2s2r_sim.retargeting_view import OVERLAY, SIDES, HandPair, over_image, write_pictures
from h2s2r_sim.task import load_task

THUMB_YELLOW = np.array([250, 190, 40])


@pytest.fixture(scope="module")
def embodiment():
    return load_embodiment("iiwa14_allegro")


@pytest.fixture(scope="module")
def pair(embodiment):
    """The robot at home with a human hand of straight fingers fanned out before its palm."""
    home = np.array(embodiment.home)
    palm = BatchedKinematics(embodiment).forward(home[None]).T_world_palm[0]
    joints = [np.zeros(3)]
    for finger in range(5):
        across = 0.05 - 0.025 * finger
        joints += [np.array([0.05, across, 0.02 + 0.03 * joint]) for joint in range(4)]
    T_world_object = np.eye(4)
    T_world_object[:3, 3] = [0.6, -0.15, 0.185]
    return HandPair(np.array(joints) @ palm[:3, :3].T + palm[:3, 3], home, T_world_object)


@pytest.fixture(scope="module")
def camera(pair):
    centre = pair.hand_joints.mean(axis=0)
    return Camera.look_at(
        tuple(centre + np.array([0.5, 0.4, 0.5])), tuple(centre), focal_length_px=300.0, width=320, height=240
    )


def test_over_the_image_bones_and_robot_appear_where_they_project_and_nothing_else_changes(pair, camera, embodiment):
    blank = np.full((240, 320, 3), (20, 90, 20), np.uint8)  # no part of the robot is green
    drawn = over_image(blank, camera, load_task("snackbox_push"), embodiment, pair)
    middle = (pair.hand_joints[1] + pair.hand_joints[2]) / 2  # on the thumb, away from the lines between fingertips
    u, v = camera.project(middle[None])[0][0]
    assert np.abs(drawn[round(v), round(u)].astype(int) - THUMB_YELLOW).max() < 30
    changed = np.abs(drawn.astype(int) - blank).max(axis=2) > 20
    assert 0.02 < changed.mean() < 0.8  # the table, which fills the picture, is not drawn
    tips = BatchedKinematics(embodiment).forward(pair.joint_position[None]).fingertip_position[0]
    for u, v in camera.project(tips)[0]:
        assert changed[round(v), round(u)]


def test_the_files_of_the_artefact_are_pictures_from_two_sides_and_of_the_cameras_size(
    pair, camera, embodiment, tmp_path
):
    with RecordingWriter.create(
        tmp_path / "recording",
        camera_matrix=camera.camera_matrix,
        T_world_camera=camera.T_world_camera,
        camera_name="t",
    ) as writer:
        for stamp in range(2):
            writer.append(np.full((240, 320, 3), 90, np.uint8), np.full((240, 320), 900, np.uint16), stamp * 10**8)
    task = load_task("snackbox_push")
    write_pictures(tmp_path, task, embodiment, pair, Recording.open(tmp_path / "recording"), 1)
    left, right = (cv2.imread(str(tmp_path / name)) for name in SIDES)
    assert left.shape == right.shape == (480, 640, 3)
    assert np.abs(left.astype(int) - right).mean() > 5.0
    assert cv2.imread(str(tmp_path / OVERLAY)).shape == (240, 320, 3)
