"""Boards rendered with a known camera: the calibration finds it, and refuses what cannot be solved."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from h2s2r_perception.artefact import InputError, content_sha256, read_meta
from h2s2r_perception.calibration import (
    CALIBRATION_SCHEMA,
    POSE_FILE,
    Board,
    apply_to_recording,
    calibrate_with_gripper_board,
    calibrate_with_table_board,
    detect,
    load_board,
    write_calibration,
)
from h2s2r_perception.calibration.board import draw_board, print_board
from h2s2r_perception.calibration.detection import board_pose
from h2s2r_perception.calibration.hand_eye import METHODS
from h2s2r_perception.calibration.intrinsics import calibrate_intrinsics, largest_difference_px
from h2s2r_perception.calibration.views import open_views, read_gripper_poses
from h2s2r_perception.geometry import inverse, pose, rotation_angle, rotation_from_vector
from h2s2r_perception.recording import Recording, RecordingWriter

WIDTH, HEIGHT = 640, 480
K = np.array([[610.0, 0.0, 322.0], [0.0, 612.0, 237.0], [0.0, 0.0, 1.0]])
CHARUCO, TAGS = Board(), Board("apriltag", 4, 3, 0.05, 0.04)
PLAIN_BACKGROUND = 130


def render(board, T_camera_board, seed=0, noise=3.0, blur=0.7, K=K):
    """The print seen by a pinhole camera: supersampled warp, blur, noise."""
    generator = np.random.default_rng(seed)
    dots = 200
    printed = draw_board(board, dots)
    metre = dots / 0.0254
    h, w = printed.shape
    # Pixel centres of the print, in the board's frame (middle, y up).
    to_board = np.array([[1 / metre, 0, -(w - 1) / 2 / metre], [0, -1 / metre, (h - 1) / 2 / metre], [0, 0, 1]])
    fine = np.array([[2.0, 0, 0.5], [0, 2.0, 0.5], [0, 0, 1]])
    H = fine @ K @ T_camera_board[:3, [0, 1, 3]] @ to_board
    image = np.full((HEIGHT * 2, WIDTH * 2), float(PLAIN_BACKGROUND), np.float32)
    printed = cv2.GaussianBlur(printed, (0, 0), 1.3)  # the print has more dots than the camera pixels
    warped = cv2.warpPerspective(printed.astype(np.float32), H, (WIDTH * 2, HEIGHT * 2), flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.ones_like(printed, np.float32), H, (WIDTH * 2, HEIGHT * 2))
    image = image * (1 - cover) + warped * cover
    image = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    image = cv2.GaussianBlur(image, (0, 0), blur) * 0.8 + 20
    image += generator.normal(0, noise, image.shape)
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def facing(distance=0.6, tilt=(0.4, -0.3, 0.2), shift=(0.0, 0.0)):
    """A board in front of the camera, its print towards it."""
    flip = np.diag([1.0, -1.0, -1.0])
    return pose(rotation_from_vector(np.array(tilt)) @ flip, np.array([*shift, distance]))


def distance_mm_deg(T_a, T_b):
    return 1000 * np.linalg.norm(T_a[:3, 3] - T_b[:3, 3]), np.degrees(rotation_angle(T_a[:3, :3], T_b[:3, :3]))


@pytest.mark.parametrize("board", [CHARUCO, TAGS], ids=["charuco", "apriltag"])
def test_one_image_of_a_board_on_the_table_places_the_camera(board):
    T_world_board = pose(rotation_from_vector(np.array([0.0, 0.0, 0.3])), np.array([0.5, -0.1, 0.155]))
    for seed, tilt in enumerate([(0.5, 0.1, 0.2), (-0.3, 0.5, -1.0)]):
        T_camera_board = facing(0.7, tilt)
        truth = T_world_board @ inverse(T_camera_board)
        image = render(board, T_camera_board, seed)
        found = calibrate_with_table_board([detect(board, image, "x.png")], K, T_world_board, ["x.png"])
        mm, deg = distance_mm_deg(found.T_world_camera, truth)
        assert mm < 3.0 and deg < 0.25, (seed, mm, deg)
        assert found.quality["reprojection_px_rms"] < 0.3
        assert mm < 5 * found.quality["position_mm_sigma"]  # the stated error is an honest one


def gripper_views(board, count=9, seed=0, pose_noise_mm=0.2, pose_noise_deg=0.02, motions=None):
    """Postures of a gripper that holds the board before a fixed camera, and the truth."""
    generator = np.random.default_rng(seed)
    T_base_camera = pose(
        rotation_from_vector(np.array([0.0, 0.0, 2.2])) @ rotation_from_vector(np.array([-2.2, 0.0, 0.0])),
        np.array([1.1, -0.6, 0.7]),
    )
    T_gripper_board = pose(rotation_from_vector(np.array([0.2, 1.4, -0.3])), np.array([0.03, -0.02, 0.09]))
    poses, images = [], []
    for index in range(count):
        tilt = generator.uniform(-0.5, 0.5, 3) if motions is None else motions(generator, index)
        shift = generator.uniform(-0.08, 0.08, 2)
        T_camera_board = facing(generator.uniform(0.55, 0.75), tilt, shift)
        T = T_base_camera @ T_camera_board @ inverse(T_gripper_board)
        noise = pose(
            rotation_from_vector(np.radians(generator.normal(0, pose_noise_deg, 3))),
            generator.normal(0, pose_noise_mm / 1000, 3),
        )
        poses.append(T @ noise)
        images.append(render(board, T_camera_board, seed * 100 + index))
    return np.stack(poses), images, T_base_camera, T_gripper_board


@pytest.fixture(scope="module")
def held():
    poses, images, T_base_camera, T_gripper_board = gripper_views(CHARUCO)
    names = [f"{index:05d}.png" for index in range(len(images))]
    return (
        poses,
        images,
        [detect(CHARUCO, image, n) for image, n in zip(images, names, strict=True)],
        names,
        (
            T_base_camera,
            T_gripper_board,
        ),
    )


def test_a_board_on_the_gripper_places_camera_and_board(held):
    poses, _, detections, names, (T_base_camera, T_gripper_board) = held
    found = calibrate_with_gripper_board(detections, poses, K, names)
    mm, deg = distance_mm_deg(found.T_world_camera, T_base_camera)
    assert mm < 2.5 and deg < 0.2, (mm, deg)
    assert mm < 3 * found.quality["position_mm_jackknife"]  # the stated error is an honest one
    mm, deg = distance_mm_deg(found.T_gripper_board, T_gripper_board)
    assert mm < 2.0 and deg < 0.25, (mm, deg)
    assert all(found.used)
    assert found.quality["held_out_board_mm_rms"] < 3.0
    assert found.quality["held_out_board_deg_rms"] < 0.5


def test_both_closed_forms_are_exact_without_noise():
    generator = np.random.default_rng(4)
    A = np.stack([pose(rotation_from_vector(generator.normal(0, 1, 3)), generator.normal(0, 1, 3)) for _ in range(6)])
    X = pose(rotation_from_vector(np.array([2.9, 0.3, -0.4])), np.array([1.0, 0.2, 0.5]))
    Z = pose(rotation_from_vector(np.array([-1.0, 2.0, 0.4])), np.array([0.1, 0.0, -0.2]))
    for solve in METHODS.values():
        found = solve(A, inverse(X) @ A @ Z)
        np.testing.assert_allclose(found[0], X, atol=1e-9)
        np.testing.assert_allclose(found[1], Z, atol=1e-9)


def test_a_posture_that_contradicts_the_others_is_left_out(held):
    poses, _, detections, names, (T_base_camera, _) = held
    wrong = poses.copy()
    wrong[4, 0, 3] += 0.03
    found = calibrate_with_gripper_board(detections, wrong, K, names)
    assert [index for index, used in enumerate(found.used) if not used] == [4]
    mm, deg = distance_mm_deg(found.T_world_camera, T_base_camera)
    assert mm < 4.0 and deg < 0.3, (mm, deg)


def test_poses_in_another_order_are_refused(held):
    poses, _, detections, names, _ = held
    with pytest.raises(InputError, match="in this order"):
        calibrate_with_gripper_board(detections, poses[::-1], K, names)


def test_motions_that_leave_the_solution_open_are_refused(held):
    poses, _, detections, names, _ = held
    with pytest.raises(InputError, match="at least 5"):
        calibrate_with_gripper_board(detections[:4], poses[:4], K, names[:4])
    still = poses.copy()
    still[:, :3, :3] = poses[0, :3, :3]
    with pytest.raises(InputError, match="turn the gripper further"):
        calibrate_with_gripper_board(detections, still, K, names)
    one_axis = poses.copy()
    one_axis[:, :3, :3] = rotation_from_vector(np.linspace(-0.5, 0.5, len(poses))[:, None] * [0.0, 0.0, 1.0])
    with pytest.raises(InputError, match="second axis"):
        calibrate_with_gripper_board(detections, one_axis, K, names)


def test_what_is_wrong_with_the_image_is_said():
    image = render(CHARUCO, facing())
    with pytest.raises(InputError, match="mirrored"):
        detect(CHARUCO, image[:, ::-1], "x.png")
    with pytest.raises(InputError, match="markers of DICT_APRILTAG_36h11"):
        detect(replace(CHARUCO, dictionary="DICT_5X5_100"), image, "x.png")
    with pytest.raises(InputError, match="no marker at all"):
        detect(CHARUCO, np.full((HEIGHT, WIDTH, 3), 90, np.uint8), "x.png")
    covered = image.copy()
    covered[:, : WIDTH // 2 + 20] = 90
    with pytest.raises(InputError, match="corners"):
        detect(CHARUCO, covered, "x.png")


def test_a_small_tag_face_on_has_two_poses_and_is_refused():
    tag = Board("apriltag", 1, 1, 0.05, 0.04)
    T = facing(1.1, (0.05, 0.03, 0.0))
    with pytest.raises(InputError, match="two poses"):
        board_pose(detect(tag, render(tag, T), "x.png"), K, "x.png")


def test_images_of_a_camera_that_moved_are_refused():
    detections = [detect(CHARUCO, render(CHARUCO, facing(0.6, (0.4, 0, 0), (s, 0.0))), "x.png") for s in (0.0, 0.02)]
    with pytest.raises(InputError, match="move between"):
        calibrate_with_table_board(detections, K, np.eye(4), ["a.png", "b.png"])


def test_intrinsics_are_found_and_compared():
    generator = np.random.default_rng(2)
    views = [
        facing(generator.uniform(0.35, 0.5), generator.uniform(-0.6, 0.6, 3), generator.uniform(-0.05, 0.05, 2))
        for _ in range(7)
    ]
    detections = [detect(CHARUCO, render(CHARUCO, T, i), "x.png") for i, T in enumerate(views)]
    found = calibrate_intrinsics(detections, (WIDTH, HEIGHT))
    assert abs(found.camera_matrix[0, 0] - K[0, 0]) < 6.0
    assert np.abs(found.camera_matrix[:2, 2] - K[:2, 2]).max() < 6.0
    assert found.reprojection_px_rms < 0.3
    assert largest_difference_px(K, K, (WIDTH, HEIGHT)) == pytest.approx(0.0, abs=1e-9)
    other = K.copy()
    other[0, 2] += 7.0
    assert largest_difference_px(other, K, (WIDTH, HEIGHT)) == pytest.approx(7.0)
    with pytest.raises(InputError, match="at least 6"):
        calibrate_intrinsics(detections[:3], (WIDTH, HEIGHT))
    with pytest.raises(InputError, match="tilt the board"):
        calibrate_intrinsics(detections[:1] * 6, (WIDTH, HEIGHT))


def test_the_print_is_true_to_scale_and_describes_itself(tmp_path):
    from PIL import Image

    print_board(CHARUCO, tmp_path / "board.png", 254)
    with Image.open(tmp_path / "board.png") as image:
        dots_m = image.info["dpi"][0] / 0.0254
        assert image.width / dots_m == pytest.approx(CHARUCO.size_m[0] + 2 * 0.008, abs=2e-4)
    assert load_board(tmp_path / "board.yaml") == CHARUCO
    print_board(CHARUCO, tmp_path / "board.pdf", 100)
    assert (tmp_path / "board.pdf").read_bytes()[:5] == b"%PDF-"
    with pytest.raises(InputError, match="larger one"):
        Board("apriltag", 40, 40, 0.01, 0.008)


def test_the_artefact_holds_what_import_reads_and_a_picture(held, tmp_path):
    poses, images, detections, names, _ = held
    found = calibrate_with_gripper_board(detections, poses, K, names)
    folder = tmp_path / "camera_calibration"
    write_calibration(folder, found, images, detections, K, names, inputs={}, configuration=CHARUCO)
    np.testing.assert_allclose(np.loadtxt(folder / POSE_FILE), found.T_world_camera, atol=1e-8)
    assert read_meta(folder, CALIBRATION_SCHEMA)["quality"]["views"] == len(poses)
    assert len(json.loads((folder / "views.json").read_text())) == len(poses)
    picture = cv2.imread(str(folder / "picture.png"))
    green = (picture[..., 1] > 150) & (picture[..., 0] < 110) & (picture[..., 2] < 110)
    assert green.sum() > 200  # corners are drawn


def test_a_recordings_pose_is_never_replaced_silently(tmp_path):
    with RecordingWriter.create(
        tmp_path / "recording", camera_matrix=K, T_world_camera=np.eye(4), camera_name="c"
    ) as writer:
        writer.append(np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.ones((HEIGHT, WIDTH), np.uint16), 1)
    before = content_sha256(tmp_path / "recording")
    first, second = np.eye(4), np.eye(4)
    first[0, 3], second[0, 3] = 0.5, 0.7
    apply_to_recording(tmp_path / "recording", first, "camera_calibration")
    np.testing.assert_allclose(Recording.open(tmp_path / "recording").T_world_camera, first)
    assert content_sha256(tmp_path / "recording") != before  # what was made from it is outdated
    with pytest.raises(InputError, match=r"200\.0 mm away"):
        apply_to_recording(tmp_path / "recording", second, "x")
    apply_to_recording(tmp_path / "recording", second, "x", replace=True)
    meta = json.loads((tmp_path / "recording" / "meta.json").read_text())
    assert [entry["T_world_camera"][0][3] for entry in meta["T_world_camera_before"]] == [0.0, 0.5]


def test_views_and_poses_that_do_not_pair_are_named(tmp_path):
    with pytest.raises(InputError, match="images"):
        open_views(tmp_path)
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(InputError, match="calibrate intrinsics"):
        open_views(tmp_path)
    np.savetxt(tmp_path / "cam_K.txt", K)
    assert open_views(tmp_path).image_size == (WIDTH, HEIGHT)
    np.savetxt(tmp_path / "poses.txt", np.vstack([np.eye(4)] * 2))
    assert read_gripper_poses(tmp_path / "poses.txt", 2).shape == (2, 4, 4)
    with pytest.raises(InputError, match="one for each image"):
        read_gripper_poses(tmp_path / "poses.txt", 1)
